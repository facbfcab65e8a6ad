/* percentile: what histograms of cumulative counts say about the last seconds. Heard from each process as often as it
 * speaks; what came between two hearings goes into the present second. A process heard of for the first time, or that
 * started again, begins to count there. Pure; times are wall clock, microseconds. Bounded: PERCENTILE_SOURCES_MAX
 * processes (others are not counted), PERCENTILE_SECONDS seconds.
 *
 *   percentile_hear(&window, "1", metric->bounds, metric->buckets, metric->n_buckets, now_us);
 *   double p99 = percentile_of(&window, 0.99, 60, now_us);   // in the histogram's unit; below 0: too few to say */
#ifndef TB_PERCENTILE_H
#define TB_PERCENTILE_H

#include <stddef.h>
#include <stdint.h>

enum {
    PERCENTILE_BUCKETS_MAX = 32, /* with the one beyond all bounds */
    PERCENTILE_SECONDS = 64,
    PERCENTILE_SOURCES_MAX = 8,
    PERCENTILE_SOURCE_SIZE = 32,
};

struct percentile_window {
    size_t bucket_count; /* 0 = nothing heard */
    double bounds[PERCENTILE_BUCKETS_MAX];
    struct {
        char name[PERCENTILE_SOURCE_SIZE];
        uint64_t counts[PERCENTILE_BUCKETS_MAX];
    } sources[PERCENTILE_SOURCES_MAX];
    size_t source_count;
    struct {
        int64_t second;
        uint64_t counts[PERCENTILE_BUCKETS_MAX];
    } seconds[PERCENTILE_SECONDS];
};

/* Effect: takes one source's cumulative counts; buckets[i] counts (bounds[i-1], bounds[i]], the last one the rest.
 * Another shape than before is ignored. */
void percentile_hear(struct percentile_window *window, const char *source, const double *bounds,
                     const uint64_t *buckets, size_t bucket_count, int64_t now_us);
/* Return: how many values came in the last seconds (at most PERCENTILE_SECONDS), the present one included. */
uint64_t percentile_count(const struct percentile_window *window, int64_t seconds, int64_t now_us);
/* Return: the value below which the part (0 to 1) of them lies, straight between the bounds of its bucket; the last
 * bound for those beyond it; -1 when there was none. */
double percentile_of(const struct percentile_window *window, double part, int64_t seconds, int64_t now_us);

#endif
