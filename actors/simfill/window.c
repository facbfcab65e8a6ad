#include "window.h"

#include <stdlib.h>
#include <string.h>

#include "../../common/base.h"

void window_init(struct window *window, uint32_t capacity)
{
    tb_assert(capacity > 0 && (capacity & (capacity - 1)) == 0);
    *window = (struct window){.capacity = capacity, .bucket_count = capacity, .ring_size = 2ULL * capacity};
    window->entries = tb_alloc_zero(capacity + 1, sizeof *window->entries);
    window->buckets = tb_alloc_zero(window->bucket_count, sizeof *window->buckets);
    window->heap = tb_alloc_zero(capacity + 1, sizeof *window->heap);
    window->settled = tb_alloc_zero(window->ring_size, sizeof *window->settled);
    window_clear(window, 0);
}

void window_release(struct window *window)
{
    free(window->entries);
    free(window->buckets);
    free(window->heap);
    free(window->settled);
    *window = (struct window){0};
}

void window_clear(struct window *window, uint64_t cursor)
{
    window->count = 0;
    window->heap_count = 0;
    window->cursor = cursor;
    memset(window->buckets, 0, window->bucket_count * sizeof *window->buckets);
    memset(window->settled, 0, window->ring_size);
    window->free_first = ENTRY_NONE;
    for (uint32_t number = window->capacity; number >= 1; number--) {
        window->entries[number].state = ENTRY_FREE;
        window->entries[number].hash_next = window->free_first;
        window->free_first = number;
    }
}

uint32_t window_room(const struct window *window, uint64_t next)
{
    uint64_t ring = window->cursor + window->ring_size + 1 - next;
    uint32_t entries = window->capacity - window->count;
    return ring < entries ? (uint32_t)ring : entries;
}

static uint32_t *window_bucket(const struct window *window, uint64_t seq)
{
    return &window->buckets[seq & (window->bucket_count - 1)]; /* dense seqs: their low bits spread perfectly */
}

uint32_t window_find(const struct window *window, uint64_t seq)
{
    uint32_t number = *window_bucket(window, seq);
    while (number != ENTRY_NONE && window->entries[number].seq != seq)
        number = window->entries[number].hash_next;
    return number;
}

uint32_t window_add(struct window *window, uint64_t seq)
{
    uint32_t number = window->free_first;
    tb_assert(number != ENTRY_NONE);
    struct entry *entry = &window->entries[number];
    window->free_first = entry->hash_next;
    uint32_t *bucket = window_bucket(window, seq);
    *entry = (struct entry){.state = ENTRY_WANTED, .seq = seq, .hash_next = *bucket};
    *bucket = number;
    window->count++;
    return number;
}

void window_remove(struct window *window, uint32_t number)
{
    struct entry *entry = &window->entries[number];
    tb_assert(entry->state != ENTRY_FREE);
    window_unschedule(window, number);
    uint32_t *link = window_bucket(window, entry->seq);
    while (*link != number)
        link = &window->entries[*link].hash_next;
    *link = entry->hash_next;
    entry->state = ENTRY_FREE;
    entry->hash_next = window->free_first;
    window->free_first = number;
    window->count--;
}

/* Return: whether entry a comes before b. Ties go by seq: the order is defined. */
static bool due_before(const struct window *window, uint32_t a, uint32_t b)
{
    const struct entry *first = &window->entries[a], *second = &window->entries[b];
    return first->due_us != second->due_us ? first->due_us < second->due_us : first->seq < second->seq;
}

static void heap_place(struct window *window, uint32_t at, uint32_t number)
{
    window->heap[at] = number;
    window->entries[number].heap_at = at;
}

static void heap_up(struct window *window, uint32_t at, uint32_t number)
{
    for (; at > 1 && due_before(window, number, window->heap[at / 2]); at /= 2)
        heap_place(window, at, window->heap[at / 2]);
    heap_place(window, at, number);
}

static void heap_down(struct window *window, uint32_t at, uint32_t number)
{
    for (uint32_t child; (child = 2 * at) <= window->heap_count; at = child) {
        if (child < window->heap_count && due_before(window, window->heap[child + 1], window->heap[child]))
            child++;
        if (!due_before(window, window->heap[child], number))
            break;
        heap_place(window, at, window->heap[child]);
    }
    heap_place(window, at, number);
}

void window_schedule(struct window *window, uint32_t number, int64_t due_us)
{
    struct entry *entry = &window->entries[number];
    window_unschedule(window, number);
    entry->due_us = due_us;
    heap_up(window, ++window->heap_count, number);
}

void window_unschedule(struct window *window, uint32_t number)
{
    uint32_t at = window->entries[number].heap_at;
    if (at == 0)
        return;
    window->entries[number].heap_at = 0;
    uint32_t last = window->heap[window->heap_count--];
    if (last == number)
        return;
    if (at > 1 && due_before(window, last, window->heap[at / 2]))
        heap_up(window, at, last);
    else
        heap_down(window, at, last);
}

uint32_t window_first(const struct window *window)
{
    return window->heap_count > 0 ? window->heap[1] : ENTRY_NONE;
}

void window_settle(struct window *window, uint64_t seq, bool settled)
{
    if (seq <= window->cursor)
        return;
    tb_assert(seq <= window->cursor + window->ring_size);
    window->settled[seq & (window->ring_size - 1)] = settled;
}

uint64_t window_settled_to(const struct window *window)
{
    uint64_t seq = window->cursor;
    while (seq < window->cursor + window->ring_size && window->settled[(seq + 1) & (window->ring_size - 1)])
        seq++;
    return seq;
}

void window_advance(struct window *window, uint64_t cursor)
{
    for (; window->cursor < cursor; window->cursor++)
        window->settled[(window->cursor + 1) & (window->ring_size - 1)] = 0;
}
