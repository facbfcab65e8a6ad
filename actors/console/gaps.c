#include "gaps.h"

#include <string.h>

#include "base.h"

void gaps_init(struct gaps *gaps, int64_t patience_us)
{
    *gaps = (struct gaps){.patience_us = patience_us};
}

static void insert_at(struct gaps *gaps, size_t at, struct gap gap)
{
    tb_assert(gaps->count < GAPS_MAX);
    memmove(&gaps->open[at + 1], &gaps->open[at], (gaps->count - at) * sizeof gaps->open[0]);
    gaps->open[at] = gap;
    gaps->count++;
}

static void remove_at(struct gaps *gaps, size_t at)
{
    gaps->count--;
    memmove(&gaps->open[at], &gaps->open[at + 1], (gaps->count - at) * sizeof gaps->open[0]);
}

/* A sequence below the newest: it closes a part of an open gap, or it is a double. */
static bool take_late(struct gaps *gaps, uint64_t seq)
{
    for (size_t i = 0; i < gaps->count; i++) {
        struct gap *gap = &gaps->open[i];
        if (seq < gap->from || seq > gap->to)
            continue;
        struct gap after = {seq + 1, gap->to, gap->since_us};
        bool before_left = gap->from < seq;
        gap->to = seq - 1;
        bool after_left = after.from <= after.to;
        if (before_left && after_left)
            insert_at(gaps, i + 1, after);
        else if (after_left)
            *gap = after;
        else if (!before_left)
            remove_at(gaps, i);
        return true;
    }
    gaps->doubles++;
    return false;
}

bool gaps_take(struct gaps *gaps, uint64_t seq, int64_t now_us)
{
    if (gaps->next != 0 && seq < gaps->next)
        return take_late(gaps, seq);
    if (gaps->next != 0 && seq > gaps->next)
        insert_at(gaps, gaps->count, (struct gap){gaps->next, seq - 1, now_us});
    gaps->next = seq + 1;
    return true;
}

bool gaps_due(struct gaps *gaps, int64_t now_us, struct gap *gap)
{
    if (gaps->count == 0)
        return false;
    bool full = gaps->count >= GAPS_MAX - 1;
    if (!full && now_us - gaps->open[0].since_us < gaps->patience_us)
        return false;
    *gap = gaps->open[0];
    remove_at(gaps, 0);
    return true;
}
