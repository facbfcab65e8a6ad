/* metrics: counters, gauges and histograms of one process, named the Prometheus way, sent with the heartbeat.
 * A set declared in a table; no allocation after the start. Threading: one thread.
 *
 *   enum { ORDERS, FILL_SECONDS };
 *   static const struct metric_spec specs[] = {{"tb_orders_total", "", "Orders accepted.", METRIC_COUNTER}, …};
 *   struct metrics *metrics = metrics_new(specs, TB_ARRAY_SIZE(specs));
 *   metrics_count(metrics, ORDERS, 64);
 *   heartbeat.metrics = metrics_messages(metrics, arena, &heartbeat.n_metrics); */
#ifndef TB_METRICS_H
#define TB_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER = 1, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_AGE };

struct metric_spec {
    const char *name;   /* "tb_fill_seconds" */
    const char *labels; /* rendered: link="orders-feed"; "" or NULL = none */
    const char *help;
    enum metric_kind kind; /* histograms observe microseconds and are shown in seconds, 24 bounds from 100 µs to 60 s;
                              ages are gauges that are given in microseconds and shown in seconds */
};

struct metrics;
/* Gives a set for metrics_free; specs are copied. */
struct metrics *metrics_new(const struct metric_spec *specs, size_t count);
void metrics_free(struct metrics **metrics);

/* index: the place in specs. Another kind of metric than the one meant is a bug and aborts, and so is a counter going
 * down. */
void metrics_count(struct metrics *metrics, size_t index, int64_t add);
void metrics_gauge(struct metrics *metrics, size_t index, double value);
/* Effect: adds one value in microseconds to a histogram; below zero (two machines' clocks) counts as zero. */
void metrics_observe(struct metrics *metrics, size_t index, int64_t value_us);

/* Effect: adds a metric at run time (the skeleton's own: queue depths, bus drops); spec is copied. Return: its index.
 */
size_t metrics_add(struct metrics *metrics, const struct metric_spec *spec);

struct arena;
/* Gives (in arena) an array of Tb__Metric * (telemetry.pb-c.h) for the heartbeat, *count long. Histograms: value is the
 * sum in seconds, bounds in seconds, buckets[i] the number of values in (bounds[i-1], bounds[i]] (not cumulative), the
 * last one beyond all. */
void *metrics_messages(const struct metrics *metrics, struct arena *arena, size_t *count);

#endif
