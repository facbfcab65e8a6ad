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

const char *cues_severity(enum cue cue)
{
    return texts[cue].severity;
}

const char *cues_message(enum cue cue)
{
    return texts[cue].message;
}

enum cue cues_find(const char *id)
{
    enum cue cue = 0;
    while (cue < CUES_COUNT && strcmp(texts[cue].id, id) != 0)
        cue++;
    return cue;
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

/* Return: whether zones are lost; which, is kept in cues. */
static bool find_lost_zones(struct cues *cues, const struct fleet *fleet, int64_t now_us)
{
    const char *zones[CUES_ZONES_MAX];
    cues->lost_zone_count = fleet_lost_zones(fleet, now_us, zones, CUES_ZONES_MAX);
    for (size_t i = 0; i < cues->lost_zone_count; i++)
        tb_copy_text(cues->lost_zones[i], sizeof cues->lost_zones[i], zones[i]);
    return cues->lost_zone_count > 0;
}

/* Return: whether a needed actor was started just now, while others have long been there: it died, and came back sooner
 * than its silence told. */
static bool was_restarted(const struct fleet *fleet, int64_t now_us)
{
    bool young = false, old = false;
    for (size_t i = 0; i < fleet->count; i++) {
        const Tb__Heartbeat *heartbeat = fleet->members[i].heartbeat;
        int64_t age_us = now_us - heartbeat->started_at_us;
        for (size_t n = 0; n < FLEET_NEEDED && heartbeat->started_at_us > 0; n++) {
            if (strcmp(heartbeat->actor, fleet_needed[n]) != 0)
                continue;
            young = young || age_us < CUES_RESTART_SHOWN_US;
            old = old || age_us > CUES_BOOT_US;
        }
    }
    return young && old;
}

void cues_update(struct cues *cues, const struct fleet *fleet, bool store_up, int64_t now_us)
{
    bool blip = find_lost_zones(cues, fleet, now_us) || was_restarted(fleet, now_us), outage = false;
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

void cues_write_data(const struct cues *cues, enum cue cue, const char *key, struct json_out *out)
{
    json_out_begin(out, key);
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
        json_out_begin_array(out, "lostAzs");
        for (size_t i = 0; i < cues->lost_zone_count; i++)
            json_out_string(out, NULL, cues->lost_zones[i]);
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

static void write_cue(const struct cues *cues, const struct cue_told *told, enum cue cue, struct json_out *out)
{
    bool judged = cues->since_us[cue] != 0;
    bool active = told != NULL ? told->active : judged;
    json_out_begin(out, NULL);
    json_out_string(out, "id", texts[cue].id);
    json_out_bool(out, "active", active);
    json_out_time(out, "since", told != NULL ? told->since_us : cues->since_us[cue]);
    json_out_string(out, "severity", texts[cue].severity);
    json_out_string(out, "message", active ? texts[cue].message : NULL);
    if (told != NULL && told->active && !judged && told->data != NULL)
        json_out_raw(out, "data", told->data, strlen(told->data));
    else
        cues_write_data(cues, cue, "data", out);
    json_out_end(out);
}

void cues_write(const struct cues *cues, const struct cue_told *told, struct json_out *out)
{
    json_out_begin_array(out, "cues");
    for (enum cue cue = 0; cue < CUES_COUNT; cue++)
        write_cue(cues, told == NULL ? NULL : &told[cue], cue, out);
    json_out_end_array(out);
}
