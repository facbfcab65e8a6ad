/* latency: every value of a run, kept exactly (4 bytes each), so that percentiles are true ones. Threading: none
 * shared.
 *
 *   struct latency latency = {0};
 *   latency_add(&latency, 1500);
 *   printf("p99 %.2f ms", latency_percentile_us(&latency, 99) / 1000.0);
 *   latency_release(&latency); */
#ifndef TB_BENCH_LATENCY_H
#define TB_BENCH_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct latency {
    uint32_t *values_us;
    size_t count, capacity;
    bool sorted;
};

/* Effect: keeps one value; below 0 counts as 0, more than 71 minutes as 71 minutes. */
void latency_add(struct latency *latency, int64_t value_us);
/* Effect: keeps all of other's values too. */
void latency_merge(struct latency *latency, const struct latency *other);
/* Return: the smallest value that at least percent (0 … 100) of all values do not exceed; 0 when there are none. */
uint32_t latency_percentile_us(struct latency *latency, double percent);
/* Effect: prints the lines "<name>_p50_ms", …_p95_ms, …_p99_ms, …_max_ms, each with its value. */
void latency_print(struct latency *latency, const char *name);
void latency_release(struct latency *latency);

#endif
