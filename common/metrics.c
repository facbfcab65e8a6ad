#include "metrics.h"

#include <stdlib.h>

#include "arena.h"
#include "base.h"
#include "telemetry.pb-c.h"

enum { METRICS_BOUND_COUNT = 24 };

static const int64_t metrics_bounds_us[METRICS_BOUND_COUNT] = {
    100,   250,   500,    1000,   1500,   2000,   3000,    5000,    7500,    10000,    15000,    25000,
    50000, 75000, 100000, 150000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};

struct metric {
    char *name, *labels, *help;
    enum metric_kind kind;
    int64_t count; /* counter; histogram: the values' sum in microseconds */
    double gauge;
    uint64_t buckets[METRICS_BOUND_COUNT + 1]; /* histogram: values per bound, the last beyond all */
};

struct metrics {
    struct metric *items;
    size_t count;
};

struct metrics *metrics_new(const struct metric_spec *specs, size_t count)
{
    struct metrics *metrics = tb_alloc_zero(1, sizeof *metrics);
    for (size_t i = 0; i < count; i++)
        metrics_add(metrics, &specs[i]);
    return metrics;
}

void metrics_free(struct metrics **metrics)
{
    if (!*metrics)
        return;
    for (size_t i = 0; i < (*metrics)->count; i++) {
        free((*metrics)->items[i].name);
        free((*metrics)->items[i].labels);
        free((*metrics)->items[i].help);
    }
    free((*metrics)->items);
    free(*metrics);
    *metrics = NULL;
}

size_t metrics_add(struct metrics *metrics, const struct metric_spec *spec)
{
    tb_assert(spec->kind >= METRIC_COUNTER && spec->kind <= METRIC_AGE);
    metrics->items = tb_realloc(metrics->items, metrics->count + 1, sizeof *metrics->items);
    metrics->items[metrics->count] = (struct metric){
        .name = tb_strdup(spec->name),
        .labels = tb_strdup(spec->labels ? spec->labels : ""),
        .help = tb_strdup(spec->help ? spec->help : ""),
        .kind = spec->kind,
    };
    return metrics->count++;
}

static struct metric *metrics_at(struct metrics *metrics, size_t index, enum metric_kind kind)
{
    tb_assert(index < metrics->count);
    tb_assert(metrics->items[index].kind == kind);
    return &metrics->items[index];
}

void metrics_count(struct metrics *metrics, size_t index, int64_t add)
{
    tb_assert(add >= 0);
    metrics_at(metrics, index, METRIC_COUNTER)->count += add;
}

void metrics_gauge(struct metrics *metrics, size_t index, double value)
{
    tb_assert(index < metrics->count);
    bool age = metrics->items[index].kind == METRIC_AGE;
    metrics_at(metrics, index, age ? METRIC_AGE : METRIC_GAUGE)->gauge = age ? value / 1e6 : value;
}

void metrics_observe(struct metrics *metrics, size_t index, int64_t value_us)
{
    struct metric *metric = metrics_at(metrics, index, METRIC_HISTOGRAM);
    if (value_us < 0)
        value_us = 0; /* two machines' clocks */
    size_t bucket = 0;
    while (bucket < METRICS_BOUND_COUNT && value_us > metrics_bounds_us[bucket])
        bucket++;
    metric->buckets[bucket]++;
    metric->count += value_us;
}

static Tb__Metric *metrics_message(const struct metric *metric, struct arena *arena)
{
    Tb__Metric *message = arena_alloc(arena, sizeof *message);
    tb__metric__init(message);
    message->name = arena_strdup(arena, metric->name);
    message->labels = arena_strdup(arena, metric->labels);
    message->help = arena_strdup(arena, metric->help);
    switch (metric->kind) {
    case METRIC_COUNTER:
        message->kind = TB__METRIC__KIND__COUNTER;
        message->value = (double)metric->count;
        break;
    case METRIC_GAUGE:
    case METRIC_AGE:
        message->kind = TB__METRIC__KIND__GAUGE;
        message->value = metric->gauge;
        break;
    case METRIC_HISTOGRAM:
        message->kind = TB__METRIC__KIND__HISTOGRAM;
        message->value = (double)metric->count / 1e6;
        message->n_bounds = METRICS_BOUND_COUNT;
        message->bounds = arena_array(arena, METRICS_BOUND_COUNT, sizeof *message->bounds);
        for (size_t i = 0; i < METRICS_BOUND_COUNT; i++)
            message->bounds[i] = (double)metrics_bounds_us[i] / 1e6;
        message->n_buckets = METRICS_BOUND_COUNT + 1;
        message->buckets = arena_copy(arena, metric->buckets, sizeof metric->buckets);
        break;
    }
    return message;
}

void *metrics_messages(const struct metrics *metrics, struct arena *arena, size_t *count)
{
    Tb__Metric **messages = arena_array(arena, metrics->count, sizeof(Tb__Metric *));
    for (size_t i = 0; i < metrics->count; i++)
        messages[i] = metrics_message(&metrics->items[i], arena);
    *count = metrics->count;
    return messages;
}
