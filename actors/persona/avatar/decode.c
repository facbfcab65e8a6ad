#include "decode.h"

#include "jpeg_picture.h"
#include "png_picture.h"

enum avatar_status avatar_decode(const uint8_t *bytes, size_t size, uint32_t side_max, uint8_t rgba[AVATAR_RGBA_BYTES])
{
    switch (avatar_format_of(bytes, size)) {
    case AVATAR_FORMAT_PNG:
        return png_picture_read(bytes, size, side_max, rgba);
    case AVATAR_FORMAT_JPEG:
        return jpeg_picture_read(bytes, size, side_max, rgba);
    case AVATAR_FORMAT_NONE:
        break;
    }
    return AVATAR_UNSUPPORTED;
}
