#include "avatar.h"

#include <string.h>

enum avatar_format avatar_format_of(const uint8_t *bytes, size_t size)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
    if (size >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return AVATAR_FORMAT_PNG;
    if (size >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return AVATAR_FORMAT_JPEG;
    return AVATAR_FORMAT_NONE;
}
