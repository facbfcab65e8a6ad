#include "exif.h"

#include <stdbool.h>
#include <string.h>

enum { TIFF_AT = 6, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

/* The TIFF structure inside; offsets count from its first byte. */
struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool little;
};

/* Return: a number of 2 or 4 bytes; 0 when it does not lie inside. */
static uint32_t number(const struct tiff *tiff, size_t at, size_t width)
{
    uint32_t value = 0;
    if (at > tiff->size || tiff->size - at < width)
        return 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | tiff->bytes[tiff->little ? at + width - 1 - i : at + i];
    return value;
}

int exif_orientation(const uint8_t *bytes, size_t size)
{
    if (size < TIFF_AT + 8 || memcmp(bytes, "Exif\0\0", TIFF_AT) != 0)
        return 1;
    struct tiff tiff = {bytes + TIFF_AT, size - TIFF_AT, memcmp(bytes + TIFF_AT, "II", 2) == 0};
    if (!tiff.little && memcmp(tiff.bytes, "MM", 2) != 0)
        return 1;
    size_t directory = number(&tiff, 4, 4), entries = number(&tiff, directory, 2);
    for (size_t i = 0; number(&tiff, 2, 2) == 42 && i < entries; i++) {
        size_t entry = directory + 2 + i * ENTRY_BYTES;
        if (number(&tiff, entry, 2) != TAG_ORIENTATION)
            continue;
        uint32_t value = number(&tiff, entry + 8, 2);
        bool sound = number(&tiff, entry + 2, 2) == TYPE_SHORT && number(&tiff, entry + 4, 4) == 1;
        return sound && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
