/* ids: order ids on the outside ("nl-1.1842"), random ids, hex. Pure but for ids_random. */
#ifndef TB_IDS_H
#define TB_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IDS_TEXT_MAX = 64 };

/* Effect: "<region>.<seq>". Return: text. */
const char *ids_format(const char *region, uint64_t seq, char text[static IDS_TEXT_MAX]);
/* Effect: reads "<region>.<seq>" of this region. Return: false when it is not one (other region, zero, leading zero,
 * sign, more than int64 holds), with *seq left alone. */
bool ids_parse(const char *region, const char *text, uint64_t *seq);
/* Effect: fills bytes from the kernel's random source. */
void ids_random(void *bytes, size_t size);
/* Effect: lower-case hex of size bytes and a final 0 into text (2 * size + 1). */
void ids_hex(const uint8_t *bytes, size_t size, char *text);
/* Effect: reads 2 * size lower-case hex digits; what follows them is not looked at. Return: false when they are not
 * (bytes is then undefined). */
bool ids_unhex(const char *text, uint8_t *bytes, size_t size);
/* Return: FNV-1a 64 over size bytes, continuing from hash (start with IDS_HASH_START). Stable for ever: seeds depend on
 * it. */
#define IDS_HASH_START 0xcbf29ce484222325ULL
uint64_t ids_hash(uint64_t hash, const void *bytes, size_t size);

#endif
