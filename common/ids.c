#include "ids.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base.h"

const char *ids_format(const char *region, uint64_t seq, char text[static IDS_TEXT_MAX])
{
    enum { REGION_MAX = 40 };
    size_t length = strnlen(region, REGION_MAX);
    memcpy(text, region, length);
    text[length] = '.';
    *tb_put_decimal(text + length + 1, seq, 1) = '\0';
    return text;
}

bool ids_parse(const char *region, const char *text, uint64_t *seq)
{
    size_t length = strlen(region);
    if (strncmp(text, region, length) != 0 || text[length] != '.')
        return false;
    const char *digit = text + length + 1;
    if (*digit < '1' || *digit > '9')
        return false;
    uint64_t value = 0;
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*digit - '0'), &value))
            return false;
    }
    if (value > INT64_MAX) /* bigint in the database */
        return false;
    *seq = value;
    return true;
}

void ids_random(void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        tb_assert(got > 0 && "getrandom");
        at += got;
        size -= (size_t)got;
    }
}

void ids_hex(const uint8_t *bytes, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

/* Return: 0 … 15, or -1. */
static int ids_nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool ids_unhex(const char *text, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = ids_nibble(text[2 * i]);
        if (high < 0)
            return false; /* before the second digit is read: text may end here */
        int low = ids_nibble(text[2 * i + 1]);
        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

uint64_t ids_hash(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        hash ^= at[i];
        hash *= 0x100000001b3ULL;
    }
    return hash;
}
