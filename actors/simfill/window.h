/* window: the orders simfill has in memory, bounded. Found by seq (hash table), by due time (binary heap, ties by seq)
 * and, for the cursor, by position (a ring of marks over the seqs after it). All memory is taken in window_init.
 * Threading: one thread. */
#ifndef TB_SIMFILL_WINDOW_H
#define TB_SIMFILL_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

enum { ENTRY_USER_MAX = 40, ENTRY_NONE = 0 };

enum entry_state {
    ENTRY_FREE = 0,
    ENTRY_WANTED,  /* target of a cancel request, perhaps parked: must be looked up in the store */
    ENTRY_OPEN,    /* in the heap, something is to be written at due_us */
    ENTRY_WRITING, /* in the append under way */
};

/* One order. Numbers of entries start at 1; ENTRY_NONE is no entry. */
struct entry {
    enum entry_state state;
    uint32_t heap_at;   /* position in the heap, 1 …; 0 = not in it */
    uint32_t hash_next; /* chain of the hash table, or of the free list */
    uint32_t attempts;  /* appends that failed for this order's data */
    uint64_t seq;
    uint64_t cancel_seq; /* the cancel request's place in the stream, 0 = none */
    int64_t due_us;
    int64_t created_at_us;
    int64_t price_cents;
    int64_t notional_cents;
    uint32_t quantity;
    uint32_t filled_quantity;
    uint8_t side;
    bool traced;
    bool parked;  /* has a row in parked_orders */
    bool to_park; /* due far in the future: to be written to parked_orders, then forgotten */
    uint8_t legs_done;
    uint8_t trace_id[16];
    struct simfill_plan plan;
    char user_id[ENTRY_USER_MAX + 1];
};

struct window {
    struct entry *entries; /* capacity + 1 */
    uint32_t capacity;
    uint32_t count; /* in use */
    uint32_t free_first;
    uint32_t *buckets; /* hash table by seq, bucket_count of them */
    uint32_t bucket_count;
    uint32_t *heap; /* entry numbers, 1 … heap_count */
    uint32_t heap_count;
    uint8_t *settled; /* ring: whether position seq is settled; ring_size marks */
    uint64_t ring_size;
    uint64_t cursor; /* committed: every seq <= cursor is settled */
};

/* Effect: takes memory for capacity orders (a power of two). */
void window_init(struct window *window, uint32_t capacity);
void window_release(struct window *window);
/* Effect: forgets everything; the cursor stands at cursor. */
void window_clear(struct window *window, uint64_t cursor);

/* Return: how many further positions of the stream can be taken in, whatever they hold. next: the first not yet taken
 * in. */
uint32_t window_room(const struct window *window, uint64_t next);

/* Effect: a new entry for seq, ENTRY_WANTED and otherwise zero; there is room and none of this seq. Return: its number.
 */
uint32_t window_add(struct window *window, uint64_t seq);
/* Return: the entry of seq, or ENTRY_NONE. */
uint32_t window_find(const struct window *window, uint64_t seq);
/* Effect: forgets an entry (out of the heap too). */
void window_remove(struct window *window, uint32_t number);
static inline struct entry *window_entry(const struct window *window, uint32_t number)
{
    return &window->entries[number];
}

/* Effect: puts an entry into the heap at due_us, or moves it there. */
void window_schedule(struct window *window, uint32_t number, int64_t due_us);
/* Return: the entry due first, or ENTRY_NONE. */
uint32_t window_first(const struct window *window);
/* Effect: takes an entry out of the heap. */
void window_unschedule(struct window *window, uint32_t number);

/* Effect: marks a position after the cursor as settled (final, parked, or a cancel request that is done with), or not.
 * At or before the cursor: nothing. */
void window_settle(struct window *window, uint64_t seq, bool settled);
/* Return: the highest position such that all up to it are settled. */
uint64_t window_settled_to(const struct window *window);
/* Effect: the store has this cursor now. */
void window_advance(struct window *window, uint64_t cursor);

#endif
