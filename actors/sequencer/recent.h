/* recent: which orders were accepted within the last 10 s, by content, for the hint possibleDuplicateOf. A
 * set-associative table of fixed size: under a flood the oldest of a set gives way, and at worst a hint is missing.
 * Threading: one thread. */
#ifndef TB_SEQUENCER_RECENT_H
#define TB_SEQUENCER_RECENT_H

#include <stdint.h>

enum {
    RECENT_WINDOW_US = 10000000,
    RECENT_SETS = 16384,
    RECENT_WAYS = 4,
    RECENT_ORDERS_MAX = RECENT_SETS * RECENT_WAYS
};

struct recent_order {
    uint64_t content_hash;
    uint64_t seq; /* 0 = empty */
    int64_t created_at_us;
};

struct recent {
    struct recent_order *orders; /* RECENT_ORDERS_MAX */
};

/* Effect of recent_clear: forgets all orders, keeps the memory. */
void recent_init(struct recent *recent);
void recent_release(struct recent *recent);
void recent_clear(struct recent *recent);

/* Effect: remembers an accepted order. */
void recent_put(struct recent *recent, uint64_t content_hash, uint64_t seq, int64_t created_at_us);

/* Return: seq of the latest order with this content that was accepted less than 10 s before now_us, 0 = none. */
uint64_t recent_find(const struct recent *recent, uint64_t content_hash, int64_t now_us);

#endif
