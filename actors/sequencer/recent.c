#include "recent.h"

#include <stdlib.h>
#include <string.h>

#include "../../common/base.h"

void recent_init(struct recent *recent)
{
    recent->orders = tb_alloc_zero(RECENT_ORDERS_MAX, sizeof *recent->orders);
}

void recent_release(struct recent *recent)
{
    free(recent->orders);
    recent->orders = NULL;
}

void recent_clear(struct recent *recent)
{
    memset(recent->orders, 0, RECENT_ORDERS_MAX * sizeof *recent->orders);
}

static struct recent_order *recent_set(const struct recent *recent, uint64_t content_hash)
{
    /* The upper half: FNV's low bits are its weak ones. */
    return &recent->orders[((content_hash >> 32) % RECENT_SETS) * RECENT_WAYS];
}

void recent_put(struct recent *recent, uint64_t content_hash, uint64_t seq, int64_t created_at_us)
{
    struct recent_order *set = recent_set(recent, content_hash);
    struct recent_order *place = &set[0];
    for (unsigned i = 0; i < RECENT_WAYS; i++) {
        if (set[i].content_hash == content_hash && set[i].seq != 0) {
            place = &set[i];
            break;
        }
        if (set[i].seq < place->seq)
            place = &set[i];
    }
    *place = (struct recent_order){.content_hash = content_hash, .seq = seq, .created_at_us = created_at_us};
}

uint64_t recent_find(const struct recent *recent, uint64_t content_hash, int64_t now_us)
{
    const struct recent_order *set = recent_set(recent, content_hash);
    for (unsigned i = 0; i < RECENT_WAYS; i++)
        if (set[i].seq != 0 && set[i].content_hash == content_hash && now_us - set[i].created_at_us < RECENT_WINDOW_US)
            return set[i].seq;
    return 0;
}
