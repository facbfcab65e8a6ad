/* json_out: growable text and a JSON writer on it. */
#include "json_out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "ids.h"

void text_release(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->length = 0;
    if (text->bytes != NULL)
        text->bytes[0] = '\0';
}

char *text_reserve(struct text *text, size_t size)
{
    size_t needed = text->length + size + 1;
    tb_assert(needed > size);
    if (needed > text->capacity) {
        size_t capacity = text->capacity < 256 ? 256 : text->capacity;
        while (capacity < needed)
            capacity *= 2;
        text->bytes = tb_realloc(text->bytes, capacity, 1);
        text->capacity = capacity;
    }
    return text->bytes + text->length;
}

void text_append(struct text *text, const void *bytes, size_t size)
{
    char *to = text_reserve(text, size);
    if (size > 0)
        memcpy(to, bytes, size);
    to[size] = '\0';
    text->length += size;
}

void text_append_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_append_uint(struct text *text, uint64_t value)
{
    char digits[20];
    text_append(text, digits, (size_t)(tb_put_decimal(digits, value, 1) - digits));
}

void text_append_int(struct text *text, int64_t value)
{
    if (value < 0)
        text_append(text, "-", 1);
    text_append_uint(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_append_format(struct text *text, const char *format, ...)
{
    enum { MOST = 256 }; /* few are longer: they are formatted twice */
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text_reserve(text, MOST), MOST + 1, format, args);
    va_end(args);
    tb_assert(size >= 0);
    if (size > MOST) {
        va_start(args, format);
        (void)vsnprintf(text_reserve(text, (size_t)size), (size_t)size + 1, format, args);
        va_end(args);
    }
    text->length += (size_t)size;
}

void json_out_init(struct json_out *out, struct text *text)
{
    out->text = text;
    out->comma = false;
}

static void begin_value(struct json_out *out, const char *key)
{
    if (out->comma)
        text_append(out->text, ",", 1);
    out->comma = true;
    if (key == NULL)
        return;
    size_t length = strlen(key);
    char *to = text_reserve(out->text, length + 3);
    to[0] = '"';
    memcpy(to + 1, key, length);
    memcpy(to + 1 + length, "\":", 3);
    out->text->length += length + 3;
}

static void bracket(struct json_out *out, const char *key, const char *mark)
{
    begin_value(out, key);
    text_append(out->text, mark, 1);
    out->comma = false;
}

void json_out_begin(struct json_out *out, const char *key)
{
    bracket(out, key, "{");
}

void json_out_end(struct json_out *out)
{
    text_append(out->text, "}", 1);
    out->comma = true;
}

void json_out_begin_array(struct json_out *out, const char *key)
{
    bracket(out, key, "[");
}

void json_out_end_array(struct json_out *out)
{
    text_append(out->text, "]", 1);
    out->comma = true;
}

static size_t escape(unsigned char c, char to[static 8])
{
    static const char names[] = "btn\0fr"; /* 8, 9, 10, 11 (has no short form), 12, 13 */
    if (c == '"' || c == '\\') {
        to[0] = '\\';
        to[1] = (char)c;
        return 2;
    }
    if (c >= 8 && c <= 13 && names[c - 8] != '\0') {
        to[0] = '\\';
        to[1] = names[c - 8];
        return 2;
    }
    return (size_t)snprintf(to, 8, "\\u%04x", c);
}

void json_out_string_n(struct json_out *out, const char *key, const char *value, size_t length)
{
    begin_value(out, key);
    /* Every byte may become six. */
    char *start = text_reserve(out->text, length * 6 + 2);
    char *to = start;
    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            *to++ = (char)c;
        } else {
            char escaped[8];
            size_t size = escape(c, escaped);
            memcpy(to, escaped, size);
            to += size;
        }
    }
    *to++ = '"';
    *to = '\0';
    out->text->length += (size_t)(to - start);
}

void json_out_string(struct json_out *out, const char *key, const char *value)
{
    if (value == NULL)
        json_out_null(out, key);
    else
        json_out_string_n(out, key, value, strlen(value));
}

void json_out_int(struct json_out *out, const char *key, int64_t value)
{
    begin_value(out, key);
    text_append_int(out->text, value);
}

void json_out_uint(struct json_out *out, const char *key, uint64_t value)
{
    begin_value(out, key);
    text_append_uint(out->text, value);
}

void json_out_double(struct json_out *out, const char *key, double value)
{
    if (!isfinite(value)) {
        json_out_null(out, key);
        return;
    }
    begin_value(out, key);
    char digits[352];
    int size = snprintf(digits, sizeof digits, "%.6f", value);
    tb_assert(size > 0 && (size_t)size < sizeof digits);
    size_t length = (size_t)size;
    while (digits[length - 1] == '0')
        length--;
    if (digits[length - 1] == '.')
        length--;
    text_append(out->text, digits, length);
}

void json_out_bool(struct json_out *out, const char *key, bool value)
{
    begin_value(out, key);
    text_append_string(out->text, value ? "true" : "false");
}

void json_out_null(struct json_out *out, const char *key)
{
    begin_value(out, key);
    text_append(out->text, "null", 4);
}

static void plain_string(struct json_out *out, const char *key, const char *value)
{
    begin_value(out, key);
    text_append(out->text, "\"", 1);
    text_append_string(out->text, value);
    text_append(out->text, "\"", 1);
}

void json_out_money(struct json_out *out, const char *key, struct money value)
{
    char text[MONEY_TEXT_MAX];
    plain_string(out, key, money_format(value, text));
}

void json_out_time(struct json_out *out, const char *key, int64_t us)
{
    char text[CLOCK_TEXT_MAX];
    if (us == 0)
        json_out_null(out, key);
    else
        plain_string(out, key, clock_format(us, text));
}

void json_out_id(struct json_out *out, const char *key, const char *region, uint64_t seq)
{
    char text[IDS_TEXT_MAX];
    if (seq == 0)
        json_out_null(out, key);
    else
        plain_string(out, key, ids_format(region, seq, text));
}

void json_out_hex(struct json_out *out, const char *key, const uint8_t *bytes, size_t size)
{
    begin_value(out, key);
    char *to = text_reserve(out->text, size * 2 + 2);
    *to = '"';
    ids_hex(bytes, size, to + 1);
    to[size * 2 + 1] = '"';
    to[size * 2 + 2] = '\0';
    out->text->length += size * 2 + 2;
}

void json_out_raw(struct json_out *out, const char *key, const char *value, size_t length)
{
    begin_value(out, key);
    text_append(out->text, value, length);
}
