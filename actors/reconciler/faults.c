/* Injected faults on the ops stream. The attached part shows what records there are; the table knows what was told, so
 * that each fault begins once and ends once, also over a restart of ours or an absence of the database. */
#include "internal.h"

#include <string.h>

#include "base.h"

#define RETRY_US 1000000LL

void faults_start(struct reconciler_core *core)
{
    core->fault_watch.asked = 0;
    core->fault_watch.told = 0;
}

static bool is_over(const struct reconciler_fault *fault, int64_t now_us)
{
    return fault->ended || fault->record.until_us <= now_us;
}

/* Effect: keeps the picture. Return: whether it differs from the one before. */
static bool keep(struct reconciler_fault_watch *watch, const struct reconciler_faults *faults, int64_t now_us)
{
    tb_assert(faults->count <= RECONCILER_FAULTS_MAX);
    bool same = watch->seen && watch->count == faults->count;
    for (size_t i = 0; i < faults->count; i++) {
        struct reconciler_fault fault = {faults->items[i].record, is_over(&faults->items[i], now_us)};
        same =
            same && watch->faults[i].ended == fault.ended && strcmp(watch->faults[i].record.id, fault.record.id) == 0;
        watch->faults[i] = fault;
    }
    watch->count = faults->count;
    watch->seen = true;
    return !same;
}

/* What else its kind takes, as members of the event's payload. */
static const char *detail(const struct inject_record *record, struct arena *arena)
{
    struct text text = {0};
    struct json_out out;
    bool of_messages = strcmp(record->link, "-") != 0;
    bool of_time = record->ms > 0;
    json_out_init(&out, &text);
    json_out_begin(&out, NULL);
    if (of_messages) {
        json_out_string(&out, "link", record->link);
        json_out_double(&out, "probability", record->probability);
    }
    if (of_time)
        json_out_int(&out, "ms", record->ms);
    if (record->jitter_ms > 0)
        json_out_int(&out, "jitterMs", record->jitter_ms);
    if (strcmp(record->point, "-") != 0)
        json_out_string(&out, "point", record->point);
    json_out_end(&out);
    const char *copy = arena_strdup(arena, text.bytes);
    text_release(&text);
    return copy;
}

static void ask(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_fault_watch *watch = &core->fault_watch;
    size_t count = watch->count;
    const char **ids = arena_array(fx->arena, count, sizeof *ids);
    const char **kinds = arena_array(fx->arena, count, sizeof *kinds);
    const char **targets = arena_array(fx->arena, count, sizeof *targets);
    const char **details = arena_array(fx->arena, count, sizeof *details);
    int64_t *started_us = arena_array(fx->arena, count, sizeof *started_us);
    int64_t *ends_us = arena_array(fx->arena, count, sizeof *ends_us);
    bool *over = arena_array(fx->arena, count, sizeof *over);
    for (size_t i = 0; i < count; i++) {
        const struct inject_record *record = &watch->faults[i].record;
        ids[i] = record->id;
        kinds[i] = record->kind;
        targets[i] = record->target;
        details[i] = detail(record, fx->arena);
        started_us[i] = record->from_us;
        ends_us[i] = record->until_us;
        over[i] = watch->faults[i].ended;
    }
    struct reconciler_faults_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct reconciler_faults_args){core->region, in->now_us, count,      ids,     kinds,
                                            targets,      details,    started_us, ends_us, over};
    watch->asked = watch->picture;
    effects_call(fx, RECONCILER_PROC_FAULTS, args);
}

void faults_see(struct reconciler_core *core, const struct input *in, const struct reconciler_faults *faults,
                struct effects *fx)
{
    struct reconciler_fault_watch *watch = &core->fault_watch;
    if (keep(watch, faults, in->now_us))
        watch->picture++;
    if (core->phase == RECONCILER_LIVE && watch->asked == 0 && watch->told != watch->picture &&
        in->now_us >= watch->retry_at_us)
        ask(core, in, fx);
}

static void publish(const struct reconciler_fault_event *event, int64_t now_us, struct effects *fx)
{
    Tb__OpsRecord *record = arena_alloc(fx->arena, sizeof *record);
    tb__ops_record__init(record);
    record->type = event->started ? TB__OPS_RECORD__TYPE__FAULT_STARTED : TB__OPS_RECORD__TYPE__FAULT_ENDED;
    alarms_publish(&(struct reconciler_alarmed){event->ops_seq, event->payload}, record, now_us, fx);
}

void faults_answered(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_fault_watch *watch = &core->fault_watch;
    if (in->status == STORE_DONE) {
        const struct reconciler_fault_events *result = in->result;
        for (size_t i = 0; i < result->count; i++)
            publish(&result->events[i], in->now_us, fx);
        watch->told = watch->asked;
    } else if (in->status == STORE_FAILED) {
        watch->retry_at_us = in->now_us + RETRY_US;
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "faults could not be written: %s", in->error ? in->error : "");
    }
    watch->asked = 0;
}
