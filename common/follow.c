#include "follow.h"

#include "base.h"

void follow_init(struct follow *f, uint64_t cursor)
{
    *f = (struct follow){.next = cursor + 1, .seen_max = cursor};
}

enum follow_verdict follow_offer(struct follow *f, uint64_t first, size_t count, size_t *skip)
{
    uint64_t end; /* one past the last */
    if (first == 0 || __builtin_add_overflow(first, (uint64_t)count, &end) || end == 0)
        return FOLLOW_DROP; /* no stream has such sequences: not from a peer of ours */
    if (end - 1 > f->seen_max)
        f->seen_max = end - 1;
    if (f->fetching || end <= f->next)
        return FOLLOW_DROP;
    if (first > f->next)
        return FOLLOW_GAP;
    *skip = (size_t)(f->next - first);
    f->next = end;
    return FOLLOW_TAKE;
}

bool follow_fetch(struct follow *f)
{
    if (f->fetching)
        return false;
    f->fetching = true;
    f->fetch_known = f->seen_max;
    return true;
}

bool follow_fetched(struct follow *f, size_t count, size_t limit)
{
    tb_assert(f->fetching);
    f->fetching = false;
    f->next += count;
    if (f->next - 1 > f->seen_max)
        f->seen_max = f->next - 1;
    if (count >= limit && limit > 0)
        return true;
    /* Nothing came although something was known before: asking at once again would spin (a lagging standby); the slow
     * poll will. */
    if (count == 0 && f->seen_max == f->fetch_known)
        return false;
    return f->seen_max >= f->next;
}

void follow_fetch_failed(struct follow *f)
{
    f->fetching = false;
}

uint64_t follow_lag(const struct follow *f)
{
    return f->seen_max >= f->next ? f->seen_max - f->next + 1 : 0;
}
