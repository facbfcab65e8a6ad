#include "cursor.h"

#include <string.h>

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int cursor_decode(const char *text, char *out, size_t size)
{
    uint32_t bits = 0;
    int held = 0;
    size_t length = 0;
    for (; *text != '\0'; text++) {
        int value = digit_value(*text);
        if (value < 0) {
            return -1;
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (length == size) {
                return -1;
            }
            out[length++] = (char)(bits >> held & 0xff);
        }
    }
    bool whole = held < 6 && (bits & ((1U << held) - 1)) == 0;
    return whole ? (int)length : -1;
}

void cursor_encode(const void *bytes, size_t size, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *from = bytes;
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8 | from[i]) & 0xffff;
        for (held += 8; held >= 6; held -= 6) {
            *text++ = digits[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        *text++ = digits[bits << (6 - held) & 63];
    }
    *text = '\0';
}

bool cursor_read_key(const char *text, const char *list, char key[static CURSOR_KEY_MAX])
{
    char bytes[CURSOR_KEY_MAX + 8];
    int length = cursor_decode(text, bytes, sizeof(bytes));
    size_t prefix = strlen(list);
    if (length < 0 || (size_t)length < prefix + 2 || memcmp(bytes, list, prefix) != 0 || bytes[prefix] != ':') {
        return false;
    }
    size_t key_length = (size_t)length - prefix - 1;
    if (key_length >= CURSOR_KEY_MAX || memchr(bytes + prefix + 1, '\0', key_length) != NULL) {
        return false;
    }
    memcpy(key, bytes + prefix + 1, key_length);
    key[key_length] = '\0';
    return true;
}

bool cursor_read_seq(const char *text, const char *list, int64_t *seq)
{
    char key[CURSOR_KEY_MAX];
    if (!cursor_read_key(text, list, key) || key[0] == '0') {
        return false;
    }
    int64_t value = 0;
    for (const char *c = key; *c != '\0'; c++) {
        int digit = *c - '0';
        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *seq = value;
    return true;
}
