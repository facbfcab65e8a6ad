/* address_count: linear probing; removal moves what follows back, so that no tombstones pile up. */
#include "address_count.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "ids.h"

struct slot {
    char address[ADDRESS_TEXT_MAX];
    size_t connections; /* 0 = free */
};

struct address_count {
    size_t used, mask; /* mask: slots - 1; at least half of the slots are always free */
    size_t addresses_max;
    struct slot *slots;
};

struct address_count *address_count_new(size_t addresses_max)
{
    struct address_count *count = tb_alloc_zero(1, sizeof *count);
    size_t slots = 16;
    while (slots < 2 * addresses_max)
        slots *= 2;
    count->addresses_max = addresses_max;
    count->mask = slots - 1;
    count->slots = tb_alloc_zero(slots, sizeof *count->slots);
    return count;
}

void address_count_free(struct address_count **count)
{
    if (*count == NULL)
        return;
    free((*count)->slots);
    free(*count);
    *count = NULL;
}

static size_t home_of(const struct address_count *count, const char *address)
{
    return (size_t)ids_hash(IDS_HASH_START, address, strlen(address)) & count->mask;
}

/* Return: the address's slot, or the free one where it would go. */
static struct slot *find(const struct address_count *count, const char *address)
{
    size_t at = home_of(count, address);
    while (count->slots[at].connections > 0 && strcmp(count->slots[at].address, address) != 0)
        at = (at + 1) & count->mask;
    return &count->slots[at];
}

size_t address_count_add(struct address_count *count, const char *address)
{
    struct slot *slot = find(count, address);
    if (slot->connections == 0) {
        tb_assert(count->used < count->addresses_max);
        tb_assert(tb_copy_text(slot->address, sizeof slot->address, address));
        count->used++;
    }
    return ++slot->connections;
}

/* Effect: closes the gap: of what follows without a break, everything that does not stand nearer to its home moves up.
 */
static void close_gap(struct address_count *count, size_t gap)
{
    for (size_t at = (gap + 1) & count->mask; count->slots[at].connections > 0; at = (at + 1) & count->mask) {
        size_t home = home_of(count, count->slots[at].address);
        if (((at - home) & count->mask) >= ((at - gap) & count->mask)) {
            count->slots[gap] = count->slots[at];
            count->slots[at].connections = 0;
            gap = at;
        }
    }
}

void address_count_remove(struct address_count *count, const char *address)
{
    struct slot *slot = find(count, address);
    tb_assert(slot->connections > 0);
    if (--slot->connections > 0)
        return;
    count->used--;
    close_gap(count, (size_t)(slot - count->slots));
}

size_t address_count_of(const struct address_count *count, const char *address)
{
    return find(count, address)->connections;
}
