/* json_out: a growable text buffer, and a JSON writer on top of it. The gateway writes every answer of its own with
 * these; texts that come finished from the store are passed on as they are. Threading: one thread, nothing shared.
 *
 *   struct text text = {0};
 *   struct json_out out; json_out_init(&out, &text);
 *   json_out_begin(&out, NULL);
 *   json_out_string(&out, "userId", "clusius");
 *   json_out_begin_array(&out, "items"); json_out_int(&out, NULL, 5); json_out_end_array(&out);
 *   json_out_end(&out);                  // text.bytes is {"userId":"clusius","items":[5]}
 *   text_release(&text);
 *
 * In every function key is the member's name inside an object and NULL inside an array or at the top. Keys are written
 * as they are. */
#ifndef TB_GATEWAY_JSON_OUT_H
#define TB_GATEWAY_JSON_OUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "money.h"

struct text {
    char *bytes;   /* ends with 0 once something was added; NULL when empty from the start */
    size_t length; /* without that 0 */
    size_t capacity;
};

void text_release(struct text *text);
/* Effect: empties it, keeps its memory. */
void text_clear(struct text *text);
/* Effect: makes room for size more bytes and the final 0. Return: where they go (text->length is the caller's to move).
 */
char *text_reserve(struct text *text, size_t size);
void text_append(struct text *text, const void *bytes, size_t size);
void text_append_string(struct text *text, const char *string);
void text_append_int(struct text *text, int64_t value);
void text_append_uint(struct text *text, uint64_t value);
void text_append_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct json_out {
    struct text *text; /* borrowed */
    bool comma;        /* the next value needs one before it */
};

/* Effect: starts writing at text's end. */
void json_out_init(struct json_out *out, struct text *text);
void json_out_begin(struct json_out *out, const char *key); /* { */
void json_out_end(struct json_out *out);                    /* } */
void json_out_begin_array(struct json_out *out, const char *key);
void json_out_end_array(struct json_out *out);
/* Effect: a string, escaped; NULL writes null. value must be UTF-8. */
void json_out_string(struct json_out *out, const char *key, const char *value);
void json_out_string_n(struct json_out *out, const char *key, const char *value, size_t length);
void json_out_int(struct json_out *out, const char *key, int64_t value);
void json_out_uint(struct json_out *out, const char *key, uint64_t value);
/* Effect: a number with at most six decimals; NaN and infinities are written as null. */
void json_out_double(struct json_out *out, const char *key, double value);
void json_out_bool(struct json_out *out, const char *key, bool value);
void json_out_null(struct json_out *out, const char *key);
/* Effect: "124.20", the way money is written everywhere. */
void json_out_money(struct json_out *out, const char *key, struct money value);
/* Effect: "2026-11-22T09:21:16.123Z" from microseconds since the epoch; 0 writes null. */
void json_out_time(struct json_out *out, const char *key, int64_t us);
/* Effect: "<region>.<seq>"; seq 0 writes null. */
void json_out_id(struct json_out *out, const char *key, const char *region, uint64_t seq);
/* Effect: lower-case hex of size bytes. */
void json_out_hex(struct json_out *out, const char *key, const uint8_t *bytes, size_t size);
/* Effect: value is JSON already and is passed on as it is. */
void json_out_raw(struct json_out *out, const char *key, const char *value, size_t length);

#endif
