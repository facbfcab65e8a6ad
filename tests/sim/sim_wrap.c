/* Mistakes of what the cores share, put in by the linker (--wrap): the cores and common/ are the real ones, and hold
 * nothing for it. */
#include "follow.h"
#include "sim_internal.h"

static enum sim_bug active;

void wrap_bug(enum sim_bug bug)
{
    active = bug;
}

enum follow_verdict __real_follow_offer(struct follow *f, uint64_t first, size_t count, size_t *skip);
enum follow_verdict __wrap_follow_offer(struct follow *f, uint64_t first, size_t count, size_t *skip);

enum follow_verdict __wrap_follow_offer(struct follow *f, uint64_t first, size_t count, size_t *skip)
{
    enum follow_verdict verdict = __real_follow_offer(f, first, count, skip);
    if (active != SIM_BUG_GAP_NOT_FILLED || verdict != FOLLOW_GAP || count == 0)
        return verdict;
    *skip = 0;
    f->next = first + count;
    return FOLLOW_TAKE;
}
