#include "schema.h"

#include <ctype.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

enum { DEPTH_MAX = 64, PLACE_MAX = 512 };

/* Where in the value a check stands. */
struct place {
    json_t *document;
    char path[PLACE_MAX];
    int depth;
    struct err *err;
};

json_t *schema_find(json_t *document, const char *pointer)
{
    if (strncmp(pointer, "#/", 2) != 0)
        return NULL;
    json_t *at = document;
    for (pointer++; at != NULL && *pointer == '/';) {
        char key[256];
        size_t used = 0;
        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
            bool escaped = *pointer == '~' && (pointer[1] == '0' || pointer[1] == '1');
            tb_assert(used + 1 < sizeof key);
            key[used++] = !escaped ? *pointer : pointer[1] == '0' ? '~' : '/';
            pointer += escaped;
        }
        key[used] = '\0';
        at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10)) : json_object_get(at, key);
    }
    return at;
}

json_t *schema_resolve(json_t *document, json_t *value)
{
    for (int hops = 0; hops < DEPTH_MAX; hops++) {
        const char *pointer = json_string_value(json_object_get(value, "$ref"));
        if (pointer == NULL)
            return value;
        value = schema_find(document, pointer);
    }
    return NULL;
}

/* --- faults --- */

static int fail(struct place *place, const json_t *value, const char *what, const char *more)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    (void)err_set(place->err, "%s: %.160s%s%s%s%s", place->path[0] == '\0' ? "(root)" : place->path,
                  text == NULL ? "" : text, text == NULL || strlen(text) <= 160 ? "" : "…", text == NULL ? "" : " ",
                  what, more);
    free(text);
    return -1;
}

/* Effect: goes one step down. Return: the length to go back to. */
static size_t enter(struct place *place, const char *name)
{
    size_t length = strlen(place->path);
    int size = snprintf(place->path + length, sizeof place->path - length, "%s%s", length == 0 ? "" : ".", name);
    tb_assert(size > 0 && (size_t)size < sizeof place->path - length);
    return length;
}

static void leave(struct place *place, size_t length)
{
    place->path[length] = '\0';
}

/* --- single keywords --- */

static bool is_type(const json_t *value, const char *name)
{
    return strcmp(name, "object") == 0    ? json_is_object(value)
           : strcmp(name, "array") == 0   ? json_is_array(value)
           : strcmp(name, "string") == 0  ? json_is_string(value)
           : strcmp(name, "integer") == 0 ? json_is_integer(value)
           : strcmp(name, "number") == 0  ? json_is_number(value)
           : strcmp(name, "boolean") == 0 ? json_is_boolean(value)
           : strcmp(name, "null") == 0    ? json_is_null(value)
                                          : false;
}

static int check_type(struct place *place, const json_t *schema, const json_t *value)
{
    json_t *type = json_object_get(schema, "type");
    bool fits = type == NULL || (json_is_string(type) && is_type(value, json_string_value(type)));
    for (size_t i = 0; !fits && i < json_array_size(type); i++)
        fits = is_type(value, json_string_value(json_array_get(type, i)));
    return fits ? 0 : fail(place, value, "is of another type", "");
}

static int check_values(struct place *place, const json_t *schema, const json_t *value)
{
    json_t *one = json_object_get(schema, "const"), *several = json_object_get(schema, "enum");
    if (one != NULL && !json_equal(one, value))
        return fail(place, value, "is not the one value there is", "");
    bool found = several == NULL;
    for (size_t i = 0; i < json_array_size(several) && !found; i++)
        found = json_equal(json_array_get(several, i), value);
    return found ? 0 : fail(place, value, "is none of the values", "");
}

/* Return: whether value is on the right side (sign -1: not below) of the bound of that name, or there is none. */
static bool within(const json_t *schema, const char *name, double value, int sign)
{
    json_t *bound = json_object_get(schema, name);
    return bound == NULL || (sign < 0 ? value >= json_number_value(bound) : value <= json_number_value(bound));
}

static int check_number(struct place *place, const json_t *schema, const json_t *value)
{
    double number = json_number_value(value);
    if (!within(schema, "minimum", number, -1))
        return fail(place, value, "is below the minimum", "");
    return within(schema, "maximum", number, 1) ? 0 : fail(place, value, "is above the maximum", "");
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static int check_text(struct place *place, const json_t *schema, const json_t *value)
{
    const char *text = json_string_value(value), *pattern = json_string_value(json_object_get(schema, "pattern"));
    double length = (double)count_characters(text);
    if (!within(schema, "minLength", length, -1) || !within(schema, "maxLength", length, 1))
        return fail(place, value, "is too short or too long", "");
    if (pattern == NULL)
        return 0;
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return fail(place, value, "meets a pattern that is none: ", pattern);
    bool fits = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return fits ? 0 : fail(place, value, "does not match ", pattern);
}

/* --- what holds others --- */

static int check(struct place *place, json_t *schema, json_t *value, bool strict);

/* Return: whether schema, or one it is made of, says something about a property of that name. */
static bool names_property(json_t *document, json_t *schema, const char *key)
{
    static const char *const parts[] = {"allOf", "anyOf", "oneOf"};
    schema = schema_resolve(document, schema);
    json_t *others = json_object_get(schema, "additionalProperties");
    if (json_object_get(json_object_get(schema, "properties"), key) != NULL ||
        (others != NULL && !json_is_false(others)))
        return true;
    for (size_t i = 0; i < TB_ARRAY_SIZE(parts); i++) {
        json_t *part = json_object_get(schema, parts[i]);
        for (size_t k = 0; k < json_array_size(part); k++) {
            if (names_property(document, json_array_get(part, k), key))
                return true;
        }
    }
    return false;
}

static int check_object(struct place *place, json_t *schema, json_t *value, bool strict)
{
    json_t *required = json_object_get(schema, "required"), *properties = json_object_get(schema, "properties");
    json_t *others = json_object_get(schema, "additionalProperties"), *member;
    const char *key;
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (json_object_get(value, name) == NULL)
            return fail(place, value, "lacks ", name);
    }
    json_object_foreach(value, key, member)
    {
        json_t *known = json_object_get(properties, key);
        if (strict && !names_property(place->document, schema, key))
            return fail(place, NULL, "has what the schema does not name: ", key);
        if (known == NULL && json_is_false(others))
            return fail(place, NULL, "may not have ", key);
        if (known == NULL && json_is_object(others))
            known = others;
        size_t back = enter(place, key);
        if (known != NULL && check(place, known, member, true) < 0)
            return -1;
        leave(place, back);
    }
    return 0;
}

static int check_array(struct place *place, json_t *schema, json_t *value)
{
    json_t *items = json_object_get(schema, "items");
    double size = (double)json_array_size(value);
    if (!within(schema, "minItems", size, -1) || !within(schema, "maxItems", size, 1))
        return fail(place, value, "has too few or too many items", "");
    for (size_t i = 0; items != NULL && i < json_array_size(value); i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "%zu", i);
        size_t back = enter(place, name);
        if (check(place, items, json_array_get(value, i), true) < 0)
            return -1;
        leave(place, back);
    }
    return 0;
}

/* Return: how many of the alternatives fit; the last fault stays in err. */
static size_t count_fitting(struct place *place, json_t *alternatives, json_t *value, bool strict)
{
    size_t fitting = 0, back = strlen(place->path);
    for (size_t i = 0; i < json_array_size(alternatives); i++) {
        fitting += check(place, json_array_get(alternatives, i), value, strict) == 0;
        leave(place, back);
    }
    return fitting;
}

static int check_parts(struct place *place, json_t *schema, json_t *value, bool strict)
{
    json_t *all = json_object_get(schema, "allOf"), *any = json_object_get(schema, "anyOf");
    json_t *one = json_object_get(schema, "oneOf");
    for (size_t i = 0; i < json_array_size(all); i++) {
        /* Each part sees the others' properties: that nothing is unnamed was looked at where they come together. */
        if (check(place, json_array_get(all, i), value, false) < 0)
            return -1;
    }
    if (any != NULL && count_fitting(place, any, value, strict) == 0)
        return fail(place, value, "fits none of the alternatives", "");
    if (one != NULL && count_fitting(place, one, value, strict) != 1)
        return fail(place, value, "does not fit exactly one of the alternatives", "");
    return 0;
}

/* strict: properties that the schema does not name are faults. */
static int check(struct place *place, json_t *schema, json_t *value, bool strict)
{
    json_t *resolved = schema_resolve(place->document, schema);
    if (!json_is_object(resolved) || place->depth == DEPTH_MAX)
        return fail(place, NULL, "has no schema", "");
    place->depth++;
    int verdict = check_type(place, resolved, value);
    if (verdict == 0)
        verdict = check_values(place, resolved, value);
    if (verdict == 0 && json_is_number(value))
        verdict = check_number(place, resolved, value);
    if (verdict == 0 && json_is_string(value))
        verdict = check_text(place, resolved, value);
    if (verdict == 0 && json_is_array(value))
        verdict = check_array(place, resolved, value);
    if (verdict == 0 && json_is_object(value))
        verdict = check_object(place, resolved, value, strict);
    if (verdict == 0)
        verdict = check_parts(place, resolved, value, strict);
    place->depth--;
    return verdict;
}

int schema_check(json_t *document, json_t *schema, json_t *value, struct err *err)
{
    struct place place = {.document = document, .err = err};
    if (value == NULL)
        return fail(&place, NULL, "is no JSON", "");
    return check(&place, schema, value, true);
}

/* --- the vocabulary --- */

enum keyword_kind { HOLDS_NOTHING, HOLDS_SCHEMA, HOLDS_LIST, HOLDS_MAP };
static const struct {
    const char *name;
    enum keyword_kind kind;
} keywords[] = {
    {"$ref", HOLDS_NOTHING},        {"type", HOLDS_NOTHING},     {"enum", HOLDS_NOTHING},
    {"const", HOLDS_NOTHING},       {"required", HOLDS_NOTHING}, {"properties", HOLDS_MAP},
    {"items", HOLDS_SCHEMA},        {"minItems", HOLDS_NOTHING}, {"maxItems", HOLDS_NOTHING},
    {"allOf", HOLDS_LIST},          {"anyOf", HOLDS_LIST},       {"oneOf", HOLDS_LIST},
    {"minLength", HOLDS_NOTHING},   {"pattern", HOLDS_NOTHING},  {"maxLength", HOLDS_NOTHING},
    {"minimum", HOLDS_NOTHING},     {"maximum", HOLDS_NOTHING},  {"format", HOLDS_NOTHING},
    {"description", HOLDS_NOTHING}, {"title", HOLDS_NOTHING},    {"default", HOLDS_NOTHING},
    {"example", HOLDS_NOTHING},     {"examples", HOLDS_NOTHING}, {"additionalProperties", HOLDS_SCHEMA},
};

static int look(struct place *place, json_t *schema);

static int look_within(struct place *place, const char *name, json_t *value, enum keyword_kind kind)
{
    size_t back = enter(place, name);
    int verdict = 0;
    const char *key;
    json_t *member;
    if (kind == HOLDS_SCHEMA && !json_is_boolean(value))
        verdict = look(place, value);
    for (size_t i = 0; kind == HOLDS_LIST && verdict == 0 && i < json_array_size(value); i++)
        verdict = look(place, json_array_get(value, i));
    if (kind == HOLDS_MAP) {
        json_object_foreach(value, key, member)
        {
            if (verdict == 0)
                verdict = look_within(place, key, member, HOLDS_SCHEMA);
        }
    }
    if (verdict == 0)
        leave(place, back);
    return verdict;
}

static int look_at_keyword(struct place *place, const char *name, json_t *value)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(keywords); i++) {
        if (strcmp(keywords[i].name, name) == 0)
            return look_within(place, name, value, keywords[i].kind);
    }
    return fail(place, NULL, "has a keyword that nothing checks: ", name);
}

/* What other dialects mean by \d, glibc takes for a plain d: only punctuation may be escaped. */
static bool is_posix(const char *pattern)
{
    regex_t regex;
    for (const char *at = strchr(pattern, '\\'); at != NULL; at = strchr(at + 2, '\\')) {
        if (!ispunct((unsigned char)at[1]))
            return false;
    }
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    regfree(&regex);
    return true;
}

/* A $ref is followed no further than to its target: each component is looked at by itself. */
static int look(struct place *place, json_t *schema)
{
    const char *name;
    json_t *value;
    if (!json_is_object(schema))
        return fail(place, schema, "is no schema", "");
    json_object_foreach(schema, name, value)
    {
        if (look_at_keyword(place, name, value) < 0)
            return -1;
    }
    if (!json_is_object(schema_resolve(place->document, schema)))
        return fail(place, schema, "points nowhere", "");
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    return pattern == NULL || is_posix(pattern) ? 0
                                                : fail(place, NULL, "has a pattern that is no POSIX one: ", pattern);
}

int schema_vocabulary(json_t *document, json_t *schema, struct err *err)
{
    struct place place = {.document = document, .err = err};
    return look(&place, schema);
}
