/* json_in: one pass of our own over the text for depth, raw values and numbers; jansson for everything else.
 *
 * jansson refuses numbers that fit neither int64 nor double, although they are valid JSON and only out of this API's
 * range. So it is given a copy in which long numbers and those with exponents, once their grammar is checked, are
 * overwritten by a 0 and blanks. */
#include "json_in.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "base.h"

enum { ARENA_LIMIT = 32 << 20, ARENA_KEPT = 1 << 20, SHORT_NUMBER = 15 };

/* jansson's memory is of one parse, so it comes from an arena and is never freed piece by piece. */
static struct arena arena;
static bool arena_ready;

static void *arena_malloc(size_t size)
{
    return arena_try_alloc(&arena, size);
}

static void arena_no_free(void *memory)
{
    (void)memory;
}

static void start_arena(void)
{
    if (!arena_ready) {
        arena_init(&arena, ARENA_LIMIT);
        json_set_alloc_funcs(arena_malloc, arena_no_free);
        arena_ready = true;
    } else if (arena.used_bytes > ARENA_KEPT) {
        arena_release(&arena);
        arena_init(&arena, ARENA_LIMIT);
    } else {
        arena_reset(&arena);
    }
}

/* --- the pass of our own: safe on any bytes, right on valid JSON --- */

struct span {
    size_t start, end;
};

struct scan {
    const char *bytes;
    size_t length;
    char *copy;
    int depth;
    bool too_deep;
    struct span *values; /* of the top-level object, in order */
    size_t count, capacity;
    bool in_value;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t count_digits(const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

/* Return: whether the token is a number by JSON's grammar. */
static bool is_number(const char *text, size_t length)
{
    size_t at = length > 0 && text[0] == '-' ? 1 : 0;
    size_t digits = count_digits(text + at, length - at);
    if (digits == 0 || (digits > 1 && text[at] == '0'))
        return false;
    at += digits;
    if (at < length && text[at] == '.') {
        digits = count_digits(text + at + 1, length - at - 1);
        if (digits == 0)
            return false;
        at += 1 + digits;
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < length && (text[at] == '+' || text[at] == '-'))
            at++;
        digits = count_digits(text + at, length - at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == length;
}

static size_t skip_number(struct scan *scan, size_t at)
{
    size_t start = at;
    bool has_exponent = false;
    while (at < scan->length && scan->bytes[at] != '\0' && strchr("0123456789+-.eE", scan->bytes[at]) != NULL) {
        has_exponent = has_exponent || (scan->bytes[at] | 0x20) == 'e';
        at++;
    }
    if ((at - start > SHORT_NUMBER || has_exponent) && is_number(scan->bytes + start, at - start)) {
        memset(scan->copy + start, ' ', at - start);
        scan->copy[start] = '0';
    }
    return at;
}

static size_t skip_string(const struct scan *scan, size_t at)
{
    for (at++; at < scan->length && scan->bytes[at] != '"'; at++) {
        if (scan->bytes[at] == '\\')
            at++;
    }
    return at < scan->length ? at + 1 : scan->length;
}

static void begin_value(struct scan *scan, size_t at)
{
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? 16 : scan->capacity * 2;
        struct span *values = arena_array(&arena, capacity, sizeof *values);
        if (scan->count > 0)
            memcpy(values, scan->values, scan->count * sizeof *values);
        scan->values = values;
        scan->capacity = capacity;
    }
    scan->values[scan->count].start = at + 1;
    scan->values[scan->count].end = at + 1;
    scan->count++;
    scan->in_value = true;
}

static void end_value(struct scan *scan, size_t at)
{
    if (!scan->in_value)
        return;
    struct span *value = &scan->values[scan->count - 1];
    while (value->start < at && is_blank(scan->bytes[value->start]))
        value->start++;
    while (at > value->start && is_blank(scan->bytes[at - 1]))
        at--;
    value->end = at;
    scan->in_value = false;
}

static void scan_mark(struct scan *scan, size_t at)
{
    switch (scan->bytes[at]) {
    case '{':
    case '[':
        scan->too_deep = scan->too_deep || ++scan->depth > JSON_IN_DEPTH_MAX;
        break;
    case '}':
    case ']':
        if (scan->depth == 1)
            end_value(scan, at);
        scan->depth--;
        break;
    case ':':
        if (scan->depth == 1 && !scan->in_value)
            begin_value(scan, at);
        break;
    case ',':
        if (scan->depth == 1)
            end_value(scan, at);
        break;
    default:
        break;
    }
}

static void scan_text(struct scan *scan)
{
    for (size_t at = 0; at < scan->length && !scan->too_deep;) {
        char c = scan->bytes[at];
        if (c == '"') {
            at = skip_string(scan, at);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            at = skip_number(scan, at);
        } else {
            scan_mark(scan, at);
            at++;
        }
    }
}

/* --- jansson --- */

static int describe(const json_error_t *error, struct err *err)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return err_set(err, "An object has the same key twice.");
    case json_error_invalid_utf8:
        return err_set(err, "The body is not UTF-8.");
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return err_set(err, "NUL characters are not taken.");
    case json_error_end_of_input_expected:
        return err_set(err, "There is something behind the object.");
    case json_error_premature_end_of_input:
        return err_set(err, "The JSON text ends too early.");
    default:
        return err_set(err, "The body is not JSON (line %d, column %d).", error->line, error->column);
    }
}

static enum json_in_kind kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return JSON_IN_OBJECT;
    case JSON_ARRAY:
        return JSON_IN_ARRAY;
    case JSON_STRING:
        return JSON_IN_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return JSON_IN_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_IN_BOOLEAN;
    case JSON_NULL:
    default:
        return JSON_IN_NULL;
    }
}

static void take_fields(struct json_in *in, const struct scan *scan, json_t *object)
{
    const char *name;
    json_t *value;
    /* jansson keeps the members in the order of the text, so the n-th has the n-th raw value. */
    tb_assert(json_object_size(object) == scan->count);
    in->fields = arena_array(&arena, scan->count + 1, sizeof *in->fields);
    json_object_foreach(object, name, value)
    {
        struct json_in_field *field = &in->fields[in->count];
        const struct span *span = &scan->values[in->count++];
        field->name = name;
        field->kind = kind_of(value);
        field->value = value;
        field->raw = scan->bytes + span->start;
        field->raw_length = span->end - span->start;
        if (field->kind == JSON_IN_STRING) {
            field->text = json_string_value(value);
            field->text_length = json_string_length(value);
        }
    }
}

int json_in_parse(struct json_in *in, const char *bytes, size_t length, struct err *err)
{
    *in = (struct json_in){0};
    start_arena();
    struct scan scan = {.bytes = bytes, .length = length, .copy = arena_alloc(&arena, length + 1)};
    if (length > 0)
        memcpy(scan.copy, bytes, length);
    scan_text(&scan);
    if (scan.too_deep)
        return err_set(err, "The JSON text is nested deeper than %d levels.", JSON_IN_DEPTH_MAX);
    json_error_t error;
    json_t *root = json_loadb(scan.copy, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL)
        return describe(&error, err);
    if (!json_is_object(root))
        return err_set(err, "The body must be a JSON object.");
    take_fields(in, &scan, root);
    return 0;
}

/* --- reading fields --- */

const struct json_in_field *json_in_find(const struct json_in *in, const char *name)
{
    for (size_t i = 0; i < in->count; i++) {
        if (strcmp(in->fields[i].name, name) == 0)
            return in->fields[i].kind == JSON_IN_NULL ? NULL : &in->fields[i];
    }
    return NULL;
}

size_t json_in_characters(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* lines: whether tabs and line ends are none. */
static bool has_control_character(const char *text, size_t length, bool lines)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (lines && (c == '\t' || c == '\n' || c == '\r'))
            continue;
        /* C0, DEL, and C1 (U+0080 … U+009F is C2 80 … C2 9F). */
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
            return true;
    }
    return false;
}

static const char *read_text(const struct json_in *in, const char *name, size_t characters_min, size_t characters_max,
                             bool required, bool lines, struct field_errors *errors)
{
    const struct json_in_field *field = json_in_find(in, name);
    if (field == NULL) {
        if (required)
            field_error(errors, name, "REQUIRED", "is required");
        return NULL;
    }
    if (field->kind != JSON_IN_STRING) {
        field_error(errors, name, "INVALID_TYPE", "must be a string");
        return NULL;
    }
    size_t characters = json_in_characters(field->text, field->text_length);
    if (characters > characters_max)
        field_error(errors, name, "TOO_LONG", "must have at most %zu characters", characters_max);
    else if (characters < characters_min)
        field_error(errors, name, characters == 0 ? "REQUIRED" : "INVALID_FORMAT", "must have at least %zu character%s",
                    characters_min, characters_min == 1 ? "" : "s");
    else if (has_control_character(field->text, field->text_length, lines))
        field_error(errors, name, "INVALID_FORMAT", "must not have control characters");
    else
        return field->text;
    return NULL;
}

const char *json_in_text(const struct json_in *in, const char *name, size_t characters_min, size_t characters_max,
                         bool required, struct field_errors *errors)
{
    return read_text(in, name, characters_min, characters_max, required, false, errors);
}

const char *json_in_prose(const struct json_in *in, const char *name, size_t characters_max,
                          struct field_errors *errors)
{
    return read_text(in, name, 0, characters_max, false, true, errors);
}

bool json_in_int(const struct json_in *in, const char *name, int64_t minimum, int64_t maximum, bool required,
                 int64_t *value, struct field_errors *errors)
{
    const struct json_in_field *field = json_in_find(in, name);
    if (field == NULL) {
        if (required)
            field_error(errors, name, "REQUIRED", "is required");
        return false;
    }
    size_t sign = field->raw[0] == '-' ? 1 : 0;
    size_t digits = field->raw_length - sign;
    if (field->kind != JSON_IN_NUMBER || count_digits(field->raw + sign, digits) != digits) {
        field_error(errors, name, "INVALID_TYPE", "must be a whole number");
        return false;
    }
    int64_t number = 0;
    bool fits = digits <= 18;
    for (size_t i = 0; i < digits && fits; i++)
        number = number * 10 + (field->raw[sign + i] - '0');
    if (sign == 1)
        number = -number;
    if (!fits || number < minimum || number > maximum) {
        field_error(errors, name, "OUT_OF_RANGE", "must be %lld to %lld", (long long)minimum, (long long)maximum);
        return false;
    }
    *value = number;
    return true;
}

size_t json_in_elements(const struct json_in_field *field)
{
    return json_array_size(field->value);
}

const char *json_in_element_text(const struct json_in_field *field, size_t index)
{
    return json_string_value(json_array_get(field->value, index));
}
