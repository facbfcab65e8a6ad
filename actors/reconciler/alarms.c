#include "internal.h"

#include "base.h"
#include "persona.pb-c.h"

enum { CALM_PROBES = 2 /* below the clearing mark, one after the other, before an alarm is cleared */ };

/* What one probe says about one alarm: raise at or above `raise`, calm below `clear`. */
struct reading {
    uint64_t value;
    uint64_t raise, clear; /* times in milliseconds */
};

static const struct {
    const char *id, *severity, *message;
    bool is_time; /* said in seconds */
} alarms[RECONCILER_ALARM_COUNT] = {
    [RECONCILER_ALARM_DLQ_DEPTH] = {"dlq-depth", "warning", "Adjustments that failed too often and wait for a redrive"},
    [RECONCILER_ALARM_BALANCE_MISMATCH] = {"balance-mismatch", "critical",
                                           "Balances or ledger entries that do not fit the books"},
    [RECONCILER_ALARM_OUTBOX_STUCK] = {"outbox-stuck", "critical",
                                       "Seconds the oldest adjustment has waited for balance", true},
    [RECONCILER_ALARM_ACCEPT_LATENCY] = {"accept-latency", "critical",
                                         "Seconds the oldest order has waited for simfill", true},
    [RECONCILER_ALARM_QUEUE_BACKLOG] = {"queue-backlog", "warning", "Orders that are accepted and not final yet"},
};

static void ask(struct reconciler_core *core, const struct input *in, enum reconciler_alarm alarm, bool active,
                uint64_t value, struct effects *fx)
{
    struct reconciler_alarm_state *state = &core->alarms[alarm];
    struct reconciler_alarm_args *args = arena_alloc(fx->arena, sizeof *args);
    tb_assert(core->asked_count < RECONCILER_ALARM_COUNT);
    state->asked = true;
    state->asked_active = active;
    state->asked_at_us = in->now_us;
    core->asked[core->asked_count++] = alarm;
    *args = (struct reconciler_alarm_args){.region = core->region,
                                           .id = alarms[alarm].id,
                                           .active = active,
                                           .severity = alarms[alarm].severity,
                                           .value = alarms[alarm].is_time ? (double)value / 1000 : (double)value,
                                           .now_us = in->now_us};
    args->message =
        arena_printf(fx->arena, "%s: %.*f", alarms[alarm].message, alarms[alarm].is_time ? 1 : 0, args->value);
    effects_call(fx, RECONCILER_PROC_ALARM, args);
}

/* Effect: applies hysteresis: up at once, down after CALM_PROBES calm probes. The first probe after START says what
 * holds, so that an alarm that another instance raised does not stay for ever. */
static void judge(struct reconciler_core *core, const struct input *in, enum reconciler_alarm alarm,
                  struct reading reading, struct effects *fx)
{
    struct reconciler_alarm_state *state = &core->alarms[alarm];
    state->calm = reading.value < reading.clear ? state->calm + 1 : 0;
    if (state->asked)
        return;
    bool raise = reading.value >= reading.raise;
    bool clear = state->calm >= CALM_PROBES;
    if (raise && !(state->known && state->active))
        ask(core, in, alarm, true, reading.value, fx);
    else if (clear && !(state->known && !state->active))
        ask(core, in, alarm, false, reading.value, fx);
}

void alarms_probed(struct reconciler_core *core, const struct input *in, const struct reconciler_probed *probed,
                   struct effects *fx)
{
    const struct reconciler_options *marks = &core->options;
    uint64_t mismatches =
        (core->mismatches > core->mismatches_seen ? core->mismatches : core->mismatches_seen) + core->books_broken;
    effects_gauge(fx, RECONCILER_METRIC_DLQ_DEPTH, (int64_t)probed->dead);
    effects_gauge(fx, RECONCILER_METRIC_OUTBOX_OLDEST, (int64_t)probed->outbox_oldest_ms * 1000);
    effects_gauge(fx, RECONCILER_METRIC_MISMATCH, (int64_t)mismatches);
    judge(core, in, RECONCILER_ALARM_DLQ_DEPTH, (struct reading){probed->dead, marks->dlq_alarm, marks->dlq_alarm}, fx);
    judge(core, in, RECONCILER_ALARM_BALANCE_MISMATCH, (struct reading){mismatches, 1, 1}, fx);
    judge(core, in, RECONCILER_ALARM_OUTBOX_STUCK,
          (struct reading){probed->outbox_oldest_ms, marks->outbox_alarm_ms, marks->outbox_alarm_ms / 3 + 1}, fx);
    judge(core, in, RECONCILER_ALARM_ACCEPT_LATENCY,
          (struct reading){probed->order_oldest_ms, marks->accept_alarm_ms, marks->accept_alarm_ms / 3 + 1}, fx);
    judge(core, in, RECONCILER_ALARM_QUEUE_BACKLOG,
          (struct reading){probed->orders_open, marks->backlog_alarm, marks->backlog_alarm / 2 + 1}, fx);
}

void alarms_publish(const struct reconciler_alarmed *alarmed, Tb__OpsRecord *record, int64_t now_us, struct effects *fx)
{
    Tb__OpsAppended *message = arena_alloc(fx->arena, sizeof *message);
    Tb__OpsRecord **records = arena_alloc(fx->arena, sizeof *records);
    tb__ops_appended__init(message);
    record->seq = alarmed->ops_seq;
    record->payload_json = arena_strdup(fx->arena, alarmed->payload);
    record->created_at_us = now_us;
    records[0] = record;
    message->n_records = 1;
    message->records = records;
    effects_send(fx, RECONCILER_LINK_FEED, NULL, TB__MESSAGE_TYPE__OPS_APPENDED, &message->base, TB__STREAM__STREAM_OPS,
                 record->seq);
}

void alarms_answered(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    tb_assert(core->asked_count > 0);
    enum reconciler_alarm alarm = core->asked[0];
    struct reconciler_alarm_state *state = &core->alarms[alarm];
    core->asked_count--;
    for (size_t i = 0; i < core->asked_count; i++)
        core->asked[i] = core->asked[i + 1];
    state->asked = false;
    if (in->status != STORE_DONE)
        return; /* the next probe asks again */
    const struct reconciler_alarmed *alarmed = in->result;
    state->known = true;
    state->active = state->asked_active;
    if (alarmed->ops_seq == 0)
        return;
    effects_log(fx, state->active ? LOG_WARNING : LOG_INFO, 0, NULL, NULL, "alarm %s %s", alarms[alarm].id,
                state->active ? "raised" : "cleared");
    Tb__OpsRecord *record = arena_alloc(fx->arena, sizeof *record);
    tb__ops_record__init(record);
    record->type = state->active ? TB__OPS_RECORD__TYPE__ALARM_RAISED : TB__OPS_RECORD__TYPE__ALARM_CLEARED;
    alarms_publish(alarmed, record, state->asked_at_us, fx);
}
