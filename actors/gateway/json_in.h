/* json_in: one JSON object from a request's body (the only file that includes jansson). Strict: duplicate keys at any
 * level, more than 16 levels, invalid UTF-8, \u0000, anything behind the object, or no object at all are
 * MALFORMED_JSON. Of each top-level field the source text is kept, because a price must never pass through a double and
 * a quantity of 30 digits is a field out of range, not malformed JSON. Threading: one at a time; everything lives until
 * the next json_in_parse.
 *
 *   struct json_in in; struct err err;
 *   if (json_in_parse(&in, request->body, request->body_length, &err) < 0) { problem_respond(request,
 * PROBLEM_MALFORMED_JSON, err.text); return; } const char *name = json_in_text(&in, "displayName", 1, 60, true,
 * &errors); */
#ifndef TB_GATEWAY_JSON_IN_H
#define TB_GATEWAY_JSON_IN_H

#include "err.h"
#include "problem.h"

enum json_in_kind { JSON_IN_NULL = 1, JSON_IN_BOOLEAN, JSON_IN_NUMBER, JSON_IN_STRING, JSON_IN_ARRAY, JSON_IN_OBJECT };

struct json_in_field {
    const char *name; /* decoded */
    enum json_in_kind kind;
    const char *raw; /* the value's source text, in the parsed bytes (borrowed from the caller) */
    size_t raw_length;
    const char *text; /* JSON_IN_STRING: decoded, ended by 0 */
    size_t text_length;
    const void *value; /* json_in.c's own */
};

enum { JSON_IN_DEPTH_MAX = 16 };

struct json_in {
    struct json_in_field *fields; /* in the order of the text */
    size_t count;
};

/* Effect: checks and reads. Return: 0, or -1 with err in words for the client. */
int json_in_parse(struct json_in *in, const char *bytes, size_t length, struct err *err);

/* Return: the field, NULL when absent or null. */
const struct json_in_field *json_in_find(const struct json_in *in, const char *name);

/* Return: how many code points valid UTF-8 has. */
size_t json_in_characters(const char *text, size_t length);

/* Return: a string field of characters_min … characters_max characters (code points) without control characters, ended
 * by 0; NULL when absent, or with an error added: absent though required, no string, empty (REQUIRED), too long. */
const char *json_in_text(const struct json_in *in, const char *name, size_t characters_min, size_t characters_max,
                         bool required, struct field_errors *errors);

/* As json_in_text, of any length up to characters_max and never required, for prose: tabs and line ends may be in it.
 */
const char *json_in_prose(const struct json_in *in, const char *name, size_t characters_max,
                          struct field_errors *errors);

/* Return: true with *value set, when the field is an integer token within the range; false when absent or (error added)
 * not. */
bool json_in_int(const struct json_in *in, const char *name, int64_t minimum, int64_t maximum, bool required,
                 int64_t *value, struct field_errors *errors);

/* Return: how many elements an array field has. */
size_t json_in_elements(const struct json_in_field *field);
/* Return: the index-th element of an array field, decoded, ended by 0; NULL when it is no string. */
const char *json_in_element_text(const struct json_in_field *field, size_t index);

#endif
