/* query: percent-decoding and query parameters, strictly. */
#include "query.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Return: length of the UTF-8 sequence at bytes (1 to 4), 0 when it is none. */
static size_t utf8_sequence(const unsigned char *bytes, size_t left)
{
    unsigned char first = bytes[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    /* Overlong forms, surrogates, beyond U+10FFFF. */
    if ((first == 0xe0 && bytes[1] < 0xa0) || (first == 0xed && bytes[1] > 0x9f) ||
        (first == 0xf0 && bytes[1] < 0x90) || (first == 0xf4 && bytes[1] > 0x8f))
        return 0;
    return length;
}

bool query_is_utf8(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = utf8_sequence((const unsigned char *)bytes + i, length - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

long query_decode(const char *raw, size_t length, bool plus_is_blank, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)raw[i];
        if (raw[i] == '%') {
            int high = length - i > 2 ? hex_digit(raw[i + 1]) : -1;
            int low = length - i > 2 ? hex_digit(raw[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            byte = high * 16 + low;
            i += 2;
        } else if (raw[i] == '+' && plus_is_blank) {
            byte = ' ';
        }
        if (byte < 0x20 || byte == 0x7f || used + 1 >= size)
            return -1;
        out[used++] = (char)byte;
    }
    if (used >= size || !query_is_utf8(out, used))
        return -1;
    out[used] = '\0';
    return (long)used;
}

/* Effect: decodes one piece into the query's bytes. Return: it, or NULL. */
static const char *store_piece(struct query *query, size_t *used, const char *raw, size_t length)
{
    char *to = query->bytes + *used;
    long size = query_decode(raw, length, true, to, sizeof query->bytes - *used);
    if (size < 0)
        return NULL;
    *used += (size_t)size + 1;
    return to;
}

bool query_parse(struct query *query, const char *raw, struct field_errors *errors)
{
    size_t before = errors->count;
    size_t used = 0;
    query->count = 0;
    while (*raw != '\0') {
        size_t length = strcspn(raw, "&");
        const char *equals = memchr(raw, '=', length);
        size_t name_length = equals == NULL ? length : (size_t)(equals - raw);
        if (length > 0) {
            if (query->count == QUERY_PARAMETERS_MAX) {
                field_error(errors, "query", "TOO_LONG", "more than %d parameters", QUERY_PARAMETERS_MAX);
                return false;
            }
            const char *name = store_piece(query, &used, raw, name_length);
            const char *value = equals == NULL ? "" : store_piece(query, &used, equals + 1, length - name_length - 1);
            if (name == NULL || value == NULL) {
                field_error(errors, name == NULL ? "query" : name, "INVALID_FORMAT",
                            "must be percent-encoded UTF-8 text without control characters");
            } else if (query_find(query, name) != NULL) {
                field_error(errors, name, "DUPLICATE", "is given more than once");
            } else {
                query->parameters[query->count].name = name;
                query->parameters[query->count].value = value;
                query->count++;
            }
        }
        raw += length;
        raw += *raw == '&';
    }
    return errors->count == before;
}

const char *query_find(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->parameters[i].name, name) == 0)
            return query->parameters[i].value;
    }
    return NULL;
}

const char *query_text(const struct query *query, const char *name, size_t bytes_max, struct field_errors *errors)
{
    const char *value = query_find(query, name);
    if (value == NULL)
        return NULL;
    if (strlen(value) > bytes_max) {
        field_error(errors, name, "TOO_LONG", "must have at most %zu characters", bytes_max);
        return NULL;
    }
    return value;
}

int64_t query_int(const struct query *query, const char *name, int64_t minimum, int64_t maximum, int64_t fallback,
                  struct field_errors *errors)
{
    const char *value = query_find(query, name);
    if (value == NULL)
        return fallback;
    int64_t number = 0;
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] != '\0') {
        field_error(errors, name, "INVALID_TYPE", "must be a whole number");
        return fallback;
    }
    bool fits = true;
    for (size_t i = 0; i < digits && fits; i++)
        fits = !__builtin_mul_overflow(number, 10, &number) && !__builtin_add_overflow(number, value[i] - '0', &number);
    if (!fits || number < minimum || number > maximum) {
        field_error(errors, name, "OUT_OF_RANGE", "must be %lld to %lld", (long long)minimum, (long long)maximum);
        return fallback;
    }
    return number;
}

int query_choice(const struct query *query, const char *name, const char *const *choices, struct field_errors *errors)
{
    const char *value = query_find(query, name);
    if (value == NULL)
        return -1;
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], value) == 0)
            return i;
    }
    field_error(errors, name, "UNKNOWN_VALUE", "is none of the values it may have");
    return -1;
}
