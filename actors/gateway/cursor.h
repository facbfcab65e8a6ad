/* cursor: reads the opaque cursors of the lists, which sql/0007_api writes: base64url (no padding) of "<list>:<key>",
 * so that a cursor of one list is refused by another. Strict: what the store would not have written is no cursor. Pure.
 *
 *   int64_t before = INT64_MAX;
 *   if (text != NULL && !cursor_read_seq(text, "o1", &before)) problem_respond(request, PROBLEM_BAD_CURSOR, NULL); */
#ifndef TB_GATEWAY_CURSOR_H
#define TB_GATEWAY_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CURSOR_KEY_MAX = 64 };

/* Effect: reads the key of a cursor of that list into key, ended by 0. Return: whether it is one. */
bool cursor_read_key(const char *text, const char *list, char key[static CURSOR_KEY_MAX]);
/* Effect: the same for a key that is a sequence, 1 or more. Return: whether it is one; else *seq is left alone. */
bool cursor_read_seq(const char *text, const char *list, int64_t *seq);

/* Effect: base64url without padding, ended by 0: (size * 8 + 5) / 6 characters. */
void cursor_encode(const void *bytes, size_t size, char *text);
/* Return: bytes decoded into out, or -1: not base64url, or more than size. Bits that stand for nothing must be 0, so
 * each cursor has one spelling. */
int cursor_decode(const char *text, char *out, size_t size);

#endif
