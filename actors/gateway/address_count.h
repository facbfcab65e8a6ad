/* address_count: how many connections each client address has open. A hash table with open addressing that never grows:
 * it is made for a number of addresses that may be present at once, and an address whose count falls to 0 is gone from
 * it. Pure. Threading: one thread.
 *
 *   struct address_count *count = address_count_new(8192);
 *   if (address_count_add(count, "192.0.2.7") > 512) { address_count_remove(count, "192.0.2.7"); …refuse… }
 *   address_count_free(&count); */
#ifndef TB_GATEWAY_ADDRESS_COUNT_H
#define TB_GATEWAY_ADDRESS_COUNT_H

#include <stddef.h>

enum { ADDRESS_TEXT_MAX = 48 };

struct address_count;
/* Gives a table for up to addresses_max different addresses at once, for address_count_free. */
struct address_count *address_count_new(size_t addresses_max);
void address_count_free(struct address_count **count);

/* Effect: one more of this address (shorter than ADDRESS_TEXT_MAX). Return: how many it has now. */
size_t address_count_add(struct address_count *count, const char *address);
/* Effect: one less; it was added before (asserted). */
void address_count_remove(struct address_count *count, const char *address);
/* Return: how many the address has. */
size_t address_count_of(const struct address_count *count, const char *address);

#endif
