/* schema: holds JSON against the part of JSON Schema (2020-12) that docs/openapi.json uses. It is strict both ways: a
 * keyword it does not know is an error (schema_vocabulary), so nothing stays unchecked unseen; and an object that has
 * named properties may have no others unless additionalProperties says so.
 *
 * Checked: $ref (within the document), type (a name or a list), enum, const, required, properties,
 * additionalProperties, items, minItems, maxItems, minLength, maxLength (characters), pattern (POSIX extended, so
 * without \d and the like), minimum, maximum, allOf, anyOf, oneOf. Taken as said: format, description, title, default,
 * example, examples. Pure.
 *
 *   struct err err;
 *   if (schema_check(document, schema, answer->json, &err) < 0)
 *       ck_abort_msg("%s", err.text);     // "items.3.price: \"1.5\" does not match ^-?[0-9]+…" */
#ifndef TB_TEST_SCHEMA_H
#define TB_TEST_SCHEMA_H

#include <jansson.h>

#include "err.h"

/* Return: what a JSON pointer ("#/components/schemas/Order") names in document, or NULL. Borrowed. */
json_t *schema_find(json_t *document, const char *pointer);
/* Return: value, or what its $ref (and that one's) points at; NULL when that is nowhere. Borrowed. */
json_t *schema_resolve(json_t *document, json_t *value);
/* Return: 0 when value fits schema, else -1 with the first fault and its place in err. */
int schema_check(json_t *document, json_t *schema, json_t *value, struct err *err);
/* Return: 0 when schema, and what it holds, has known keywords only, patterns that compile and $refs that lead
 * somewhere; else -1 with err. */
int schema_vocabulary(json_t *document, json_t *schema, struct err *err);

#endif
