/* metrics: counters, gauges and histograms of one process, named the Prometheus way, sent with the heartbeat.
 * Fixed set, declared in a table; no allocation after the start. Threading: one thread. */
#ifndef TB_METRICS_H
#define TB_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER = 1, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_spec {
    const char *name;   /* "tb_fill_seconds" */
    const char *labels; /* rendered, "" = none */
    const char *help;
    enum metric_kind kind; /* histograms observe microseconds and are shown in seconds, 24 bounds from 100 µs to 60 s */
};

struct metrics;
struct metrics *metrics_new(const struct metric_spec *specs, size_t count);
void metrics_free(struct metrics **metrics);
void metrics_count(struct metrics *metrics, size_t index, int64_t add);
void metrics_gauge(struct metrics *metrics, size_t index, double value);
void metrics_observe(struct metrics *metrics, size_t index, int64_t value_us);
/* Effect: adds a metric at run time (the skeleton's own: queue depths, bus drops). Return: its index. */
size_t metrics_add(struct metrics *metrics, const struct metric_spec *spec);

struct arena;
struct Tb__Metric; /* telemetry.pb-c.h: Tb__Metric */
/* Gives (in arena) an array of all metrics as messages for the heartbeat, *count long. */
void *metrics_messages(const struct metrics *metrics, struct arena *arena, size_t *count);

#endif
