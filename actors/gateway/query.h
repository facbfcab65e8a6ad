/* query: what stands behind the '?', strictly: broken percent-encoding, NUL, invalid UTF-8 and repeated names are
 * errors. Pure.
 *
 *   struct query query;
 *   if (!query_parse(&query, request->query, &errors)) …            // errors: one field error per broken or repeated
 * parameter int64_t limit = query_int(&query, "limit", 1, 200, 50, &errors); const char *user = query_text(&query,
 * "userId", 40, &errors);   // NULL when absent */
#ifndef TB_GATEWAY_QUERY_H
#define TB_GATEWAY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

enum { QUERY_PARAMETERS_MAX = 32, QUERY_BYTES_MAX = 8192 };

struct query {
    struct {
        const char *name, *value;
    } parameters[QUERY_PARAMETERS_MAX];
    size_t count;
    char bytes[QUERY_BYTES_MAX];
};

/* Effect: decodes ('+' is a blank). Unknown names are kept and ignored. Return: whether everything was well formed;
 * errors has what was not. */
bool query_parse(struct query *query, const char *raw, struct field_errors *errors);
/* Return: the value, NULL when absent. An empty value is "". */
const char *query_find(const struct query *query, const char *name);
/* Return: the value, NULL when absent or (with an error added) longer than bytes_max or holding control characters. */
const char *query_text(const struct query *query, const char *name, size_t bytes_max, struct field_errors *errors);
/* Return: the whole number; fallback when absent or (with an error added) not digits or not within minimum … maximum.
 */
int64_t query_int(const struct query *query, const char *name, int64_t minimum, int64_t maximum, int64_t fallback,
                  struct field_errors *errors);
/* Return: the index in choices (which end with NULL); -1 when absent or (with an error added) none of them. */
int query_choice(const struct query *query, const char *name, const char *const *choices, struct field_errors *errors);

/* Effect: percent-decodes length bytes into out (size bytes, ended by 0); plus_is_blank for queries. Return: length, or
 * -1: broken encoding, control characters, invalid UTF-8, or longer than fits. */
long query_decode(const char *raw, size_t length, bool plus_is_blank, char *out, size_t size);
/* Return: whether the bytes are UTF-8 (no surrogates, no overlong forms). */
bool query_is_utf8(const char *bytes, size_t length);

#endif
