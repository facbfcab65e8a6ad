#include "percentile.h"

#include <string.h>

#include "base.h"

#define SECOND_US 1000000

/* Return: the source's place, SIZE_MAX when there is no room; is_new tells whether it is heard for the first time. */
static size_t source_of(struct percentile_window *window, const char *name, bool *is_new)
{
    *is_new = false;
    for (size_t i = 0; i < window->source_count; i++)
        if (strcmp(window->sources[i].name, name) == 0)
            return i;
    if (window->source_count == PERCENTILE_SOURCES_MAX ||
        !tb_copy_text(window->sources[window->source_count].name, PERCENTILE_SOURCE_SIZE, name))
        return SIZE_MAX;
    *is_new = true;
    return window->source_count++;
}

void percentile_hear(struct percentile_window *window, const char *source, const double *bounds,
                     const uint64_t *buckets, size_t bucket_count, int64_t now_us)
{
    bool is_new;
    if (bucket_count < 2 || bucket_count > PERCENTILE_BUCKETS_MAX)
        return;
    if (window->bucket_count == 0) {
        window->bucket_count = bucket_count;
        memcpy(window->bounds, bounds, (bucket_count - 1) * sizeof *bounds);
    }
    if (window->bucket_count != bucket_count ||
        memcmp(window->bounds, bounds, (bucket_count - 1) * sizeof *bounds) != 0)
        return;
    size_t at = source_of(window, source, &is_new);
    if (at == SIZE_MAX)
        return;
    int64_t second = now_us / SECOND_US;
    size_t slot = (size_t)second % PERCENTILE_SECONDS;
    if (window->seconds[slot].second != second) {
        memset(&window->seconds[slot], 0, sizeof window->seconds[slot]);
        window->seconds[slot].second = second;
    }
    uint64_t *last = window->sources[at].counts;
    for (size_t i = 0; i < bucket_count; i++) {
        if (!is_new && buckets[i] > last[i])
            window->seconds[slot].counts[i] += buckets[i] - last[i];
        last[i] = buckets[i]; /* fewer than before: it started again */
    }
}

/* Effect: adds the last seconds up. Return: their total. */
static uint64_t sum(const struct percentile_window *window, int64_t seconds, int64_t now_us,
                    uint64_t counts[static PERCENTILE_BUCKETS_MAX])
{
    int64_t present = now_us / SECOND_US;
    uint64_t total = 0;
    memset(counts, 0, PERCENTILE_BUCKETS_MAX * sizeof *counts);
    for (size_t slot = 0; slot < PERCENTILE_SECONDS; slot++) {
        int64_t second = window->seconds[slot].second;
        for (size_t i = 0; second > present - seconds && second <= present && i < window->bucket_count; i++) {
            counts[i] += window->seconds[slot].counts[i];
            total += window->seconds[slot].counts[i];
        }
    }
    return total;
}

uint64_t percentile_count(const struct percentile_window *window, int64_t seconds, int64_t now_us)
{
    uint64_t counts[PERCENTILE_BUCKETS_MAX];
    return sum(window, seconds, now_us, counts);
}

double percentile_of(const struct percentile_window *window, double part, int64_t seconds, int64_t now_us)
{
    uint64_t counts[PERCENTILE_BUCKETS_MAX], total = sum(window, seconds, now_us, counts);
    if (total == 0)
        return -1;
    double rank = part * (double)total, below = 0;
    for (size_t i = 0; i + 1 < window->bucket_count; i++) {
        double inside = (double)counts[i], lower = i == 0 ? 0 : window->bounds[i - 1];
        if (inside > 0 && below + inside >= rank)
            return lower + (window->bounds[i] - lower) * (rank - below) / inside;
        below += inside;
    }
    return window->bounds[window->bucket_count - 2];
}
