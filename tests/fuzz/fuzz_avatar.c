/* Pictures: whatever the bytes are, they become an avatar of the right shape, the same each time, or are refused in one
 * of the documented ways. At most 256 pixels a side here, so that an input costs little. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "persona/avatar/decode.h"
#include "persona/avatar/exif.h"

enum { SIDE_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t rgba[AVATAR_RGBA_BYTES], again[AVATAR_RGBA_BYTES];
    uint8_t *bytes = fuzz_copy(data, size);
    enum avatar_status status = avatar_decode(bytes, size, SIDE_MAX, rgba);
    fuzz_must(status == AVATAR_OK || status == AVATAR_UNSUPPORTED || status == AVATAR_UNDECODABLE ||
              status == AVATAR_TOO_LARGE);
    fuzz_must((status == AVATAR_UNSUPPORTED) == (avatar_format_of(bytes, size) == AVATAR_FORMAT_NONE));
    if (status == AVATAR_OK) {
        fuzz_must(avatar_decode(bytes, size, SIDE_MAX, again) == AVATAR_OK);
        fuzz_must(memcmp(rgba, again, sizeof rgba) == 0);
        for (size_t i = 0; i < AVATAR_SIDE; i++) { /* the corners and what lies on their diagonals outside the circle */
            if (i < 18 || i >= AVATAR_SIDE - 18)
                fuzz_must(rgba[(i * AVATAR_SIDE + i) * 4 + 3] == 0 &&
                          rgba[(i * AVATAR_SIDE + AVATAR_SIDE - 1 - i) * 4 + 3] == 0);
        }
    }
    int orientation = exif_orientation(bytes, size);
    fuzz_must(orientation >= 1 && orientation <= 8);
    free(bytes);
    return 0;
}
