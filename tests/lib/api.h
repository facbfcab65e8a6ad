/* api: speaks to a running TulipBroker from outside, the way the HTTP contract's tests need it: one connection a call,
 * the raw answer kept, JSON read by dotted paths. Threading: calls are independent of each other.
 *
 *   struct api_answer *a = api_call(port, "POST", "/api/orders", "{…}", "Idempotency-Key: k1\r\n");
 *   ck_assert_int_eq(a->status, 201);
 *   ck_assert_str_eq(api_text(a, "persona.displayName"), "Carolus Clusius");
 *   api_free(&a); */
#ifndef TB_TEST_API_H
#define TB_TEST_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct api_answer {
    int status; /* 0: no answer (refused, cut, timed out) */
    char *raw;  /* everything that came, ends with 0 */
    size_t raw_size;
    const char *body;
    json_t *json; /* NULL when the body is not JSON */
};

/* Effect: one request on a connection of its own. body NULL: none; else Content-Type: application/json is sent unless
 * headers has one. headers: more lines, each with its CRLF, or NULL. Gives an answer for api_free, never NULL. Waits at
 * most 15 s. */
struct api_answer *api_call(int port, const char *method, const char *path, const char *body, const char *headers);

/* The same with a body of any bytes; no Content-Type unless headers has one. */
struct api_answer *api_call_bytes(int port, const char *method, const char *path, const void *body, size_t size,
                                  const char *headers);

/* Effect: sends bytes as they are and reads until the peer closes or 3 s pass without a byte. */
struct api_answer *api_raw(int port, const void *bytes, size_t size);
/* The same, until timeout_s pass without a byte. */
struct api_answer *api_raw_for(int port, const void *bytes, size_t size, int timeout_s);
void api_free(struct api_answer **answer);

/* Return: a header's value, or NULL. Borrowed; a small static buffer per thread, so use it before the next call. */
const char *api_header(const struct api_answer *answer, const char *name);

/* Return: the value at a dotted path ("ledger.0.delta"), or NULL. Borrowed from answer. */
json_t *api_at(const struct api_answer *answer, const char *path);
/* Return: the text there; "" when it is no string. */
const char *api_text(const struct api_answer *answer, const char *path);
/* Return: the integer there; -1 when it is none. */
long api_int(const struct api_answer *answer, const char *path);

/* Effect: asks GET path again and again until the text at json_path is one of the words in `wanted` (separated by |) or
 * 30 s have passed. Gives the last answer. */
struct api_answer *api_wait(int port, const char *path, const char *json_path, const char *wanted);

#endif
