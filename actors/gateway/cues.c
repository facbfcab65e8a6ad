#include "cues.h"

#include <string.h>

#include "base.h"

static const struct {
    const char *id, *severity, *message;
} texts[CUES_COUNT] = {
    [CUE_AZ_BLIP] = {"az-blip", "info",
                     "A part of the system is being restarted; the page may stand still for a moment."},
    [CUE_REGION_OUTAGE] = {"region-outage", "critical",
                           "This region cannot take or fill orders right now; they are queued and retried."},
    [CUE_PARTITION_RECONCILE] = {"partition-reconcile", "warning", "Regions disagree and are being reconciled."},
    [CUE_BACKPRESSURE] = {"backpressure", "warning",
                          "More orders wait than are filled; new ones may be refused for a while."},
    [CUE_TIME_TO_ACCEPT] = {"time-to-accept", "warning", "Orders take longer than usual to be accepted."},
    [CUE_BALANCE_UNAVAILABLE] = {"balance-unavailable", "warning",
                                 "Balances are not being updated right now; the last known ones are shown."},
};

const char *cues_id(enum cue cue)
{
    return texts[cue].id;
}

static void take_sample(const struct fleet *fleet, int64_t now_us, struct cues_sample *sample)
{
    *sample = (struct cues_sample){.at_us = now_us};
    sample->refused = fleet_sum(fleet, "tb_orders_refused_total", "reason=\"backpressure\"", now_us);
    for (size_t i = 0; i < fleet->count; i++) {
        const Tb__Heartbeat *heartbeat = fleet->members[i].heartbeat;
        for (size_t m = 0; m < heartbeat->n_metrics; m++) {
            const Tb__Metric *metric = heartbeat->metrics[m];
            for (size_t b = 0;
                 strcmp(metric->name, "tb_order_accept_seconds") == 0 && b < metric->n_buckets && b < CUES_BUCKETS_MAX;
                 b++) {
                sample->accepted[b] += metric->buckets[b];
            }
        }
    }
}

/* Return: the bound below which 99 of 100 acceptances between two samples lie, 0 when they were too few to say. */
static int64_t accept_p99_us(const struct fleet *fleet, const struct cues_sample *from, const struct cues_sample *to)
{
    uint64_t counts[CUES_BUCKETS_MAX], total = 0, below = 0;
    for (size_t b = 0; b < CUES_BUCKETS_MAX; b++) {
        counts[b] = to->accepted[b] > from->accepted[b] ? to->accepted[b] - from->accepted[b]
                                                        : 0; /* a restart counts from 0 again */
        total += counts[b];
    }
    const Tb__Metric *shape = NULL;
    for (size_t i = 0; i < fleet->count && shape == NULL; i++) {
        for (size_t m = 0; m < fleet->members[i].heartbeat->n_metrics && shape == NULL; m++) {
            const Tb__Metric *metric = fleet->members[i].heartbeat->metrics[m];
            shape = strcmp(metric->name, "tb_order_accept_seconds") == 0 && metric->n_bounds > 0 ? metric : NULL;
        }
    }
    if (total < CUES_ACCEPTED_MIN || shape == NULL) {
        return 0;
    }
    for (size_t b = 0; b < shape->n_bounds && b < CUES_BUCKETS_MAX; b++) {
        below += counts[b];
        if (below * 100 >= total * 99) {
            return (int64_t)(shape->bounds[b] * 1e6);
        }
    }
    return (int64_t)(shape->bounds[shape->n_bounds - 1] * 1e6) + 1;
}

static void sample(struct cues *cues, const struct fleet *fleet, int64_t now_us)
{
    size_t newest = (cues->sample_next + CUES_SAMPLES - 1) % CUES_SAMPLES;
    if (cues->sample_count > 0 && now_us - cues->samples[newest].at_us < CUES_SAMPLE_EVERY_US) {
        return;
    }
    newest = cues->sample_next;
    take_sample(fleet, now_us, &cues->samples[newest]);
    cues->sample_next = (newest + 1) % CUES_SAMPLES;
    cues->sample_count += cues->sample_count < CUES_SAMPLES ? 1 : 0;
    size_t oldest = (newest + CUES_SAMPLES + 1 - cues->sample_count) % CUES_SAMPLES;
    double refused = cues->samples[newest].refused - cues->samples[oldest].refused;
    cues->refused_recently = refused > 0 ? refused : 0;
    cues->accept_p99_us = accept_p99_us(fleet, &cues->samples[oldest], &cues->samples[newest]);
}

static void set(struct cues *cues, enum cue cue, bool active, int64_t now_us)
{
    if (!active) {
        cues->since_us[cue] = 0;
    } else if (cues->since_us[cue] == 0) {
        cues->since_us[cue] = now_us;
    }
}

static int64_t since(int64_t before_us, bool active, int64_t now_us)
{
    return !active ? 0 : before_us != 0 ? before_us : now_us;
}

void cues_update(struct cues *cues, const struct fleet *fleet, bool store_up, int64_t now_us)
{
    bool blip = false, outage = false;
    for (size_t i = 0; i < FLEET_NEEDED; i++) {
        bool missing = fleet_ready(fleet, fleet_needed[i], now_us) == NULL;
        cues->missing_since_us[i] = since(cues->missing_since_us[i], missing, now_us);
        bool long_missing = missing && now_us - cues->missing_since_us[i] > FLEET_FORGET_US;
        bool takes_orders = strcmp(fleet_needed[i], "sequencer") == 0 || strcmp(fleet_needed[i], "simfill") == 0;
        blip = blip || (missing && !long_missing);
        outage = outage || (long_missing && takes_orders);
    }
    cues->store_down_since_us = since(cues->store_down_since_us, !store_up, now_us);
    outage = outage || (!store_up && now_us - cues->store_down_since_us > FLEET_FORGET_US);
    sample(cues, fleet, now_us);
    cues->backlog = fleet_sum(fleet, "tb_orders_backlog", NULL, now_us);
    cues->queue_depth = fleet_sum(fleet, "tb_queue_depth", "link=\"orders-command\"", now_us);
    set(cues, CUE_AZ_BLIP, blip && !outage, now_us);
    set(cues, CUE_REGION_OUTAGE, outage, now_us);
    set(cues, CUE_PARTITION_RECONCILE, false, now_us);
    set(cues, CUE_BACKPRESSURE,
        cues->backlog >= CUES_BACKLOG_HIGH || cues->queue_depth >= CUES_QUEUE_HIGH || cues->refused_recently > 0,
        now_us);
    set(cues, CUE_TIME_TO_ACCEPT, cues->accept_p99_us > CUES_ACCEPT_SLOW_US, now_us);
    set(cues, CUE_BALANCE_UNAVAILABLE, fleet_ready(fleet, "balance", now_us) == NULL, now_us);
}

static void write_data(const struct cues *cues, enum cue cue, struct json_out *out)
{
    json_out_begin(out, "data");
    switch (cue) {
    case CUE_AZ_BLIP:
    case CUE_REGION_OUTAGE:
        json_out_begin_array(out, "missing");
        for (size_t i = 0; i < FLEET_NEEDED; i++) {
            if (cues->missing_since_us[i] != 0) {
                json_out_string(out, NULL, fleet_needed[i]);
            }
        }
        json_out_end_array(out);
        json_out_bool(out, "databaseUp", cues->store_down_since_us == 0);
        break;
    case CUE_BACKPRESSURE:
        json_out_int(out, "backlog", (int64_t)cues->backlog);
        json_out_int(out, "queueDepth", (int64_t)cues->queue_depth);
        json_out_int(out, "refusedRecently", (int64_t)cues->refused_recently);
        break;
    case CUE_TIME_TO_ACCEPT:
        json_out_double(out, "p99Ms", (double)cues->accept_p99_us / 1000);
        json_out_double(out, "limitMs", CUES_ACCEPT_SLOW_US / 1000.0);
        break;
    case CUE_PARTITION_RECONCILE:
    case CUE_BALANCE_UNAVAILABLE:
    case CUES_COUNT:
        break;
    }
    json_out_end(out);
}

void cues_write(const struct cues *cues, struct json_out *out)
{
    json_out_begin_array(out, "cues");
    for (enum cue cue = 0; cue < CUES_COUNT; cue++) {
        bool active = cues->since_us[cue] != 0;
        json_out_begin(out, NULL);
        json_out_string(out, "id", texts[cue].id);
        json_out_bool(out, "active", active);
        json_out_time(out, "since", cues->since_us[cue]);
        json_out_string(out, "severity", texts[cue].severity);
        json_out_string(out, "message", active ? texts[cue].message : NULL);
        write_data(cues, cue, out);
        json_out_end(out);
    }
    json_out_end_array(out);
}
