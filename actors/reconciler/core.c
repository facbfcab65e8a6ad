#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

void reconciler_core_init(struct reconciler_core *core, const struct reconciler_options *options)
{
    core->options = *options;
    tb_assert(tb_copy_text(core->region, sizeof core->region, options->region));
    core->options.region = core->region;
}

void reconciler_core_release(struct reconciler_core *core)
{
    fleet_release(&core->watch.fleet);
    export_release(core);
    for (size_t i = 0; i < CUES_COUNT; i++)
        free(core->watch.cues_state[i].asked_data);
}

static void ask_probe(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_probe_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct reconciler_probe_args){core->region, in->now_us, core->probe_after, RECONCILER_ACCOUNTS_MAX};
    effects_call(fx, RECONCILER_PROC_PROBE, args);
}

static void ask_step(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_step_args *args = arena_alloc(fx->arena, sizeof *args);
    core->step_asked_us = in->now_us;
    *args = (struct reconciler_step_args){core->region, in->now_us,
                                          core->idle ? RECONCILER_STEP_ROWS_IDLE : RECONCILER_STEP_ROWS};
    effects_call(fx, RECONCILER_PROC_STEP, args);
}

static void start(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    core->phase = RECONCILER_RECOVERING;
    core->probe_after[0] = 0;
    core->mismatches = core->mismatches_seen = 0;
    core->idle = false;
    memset(core->alarms, 0, sizeof core->alarms);
    core->asked_count = 0;
    watch_start(core, in, fx);
    faults_start(core);
    export_start(core, in, fx);
    ask_probe(core, in, fx); /* READY when it is answered: then our functions and rights are there */
}

/* Effect: adds up a round over all accounts; a mismatch is noted once, until a whole round finds none. */
static void count_mismatches(struct reconciler_core *core, const struct input *in,
                             const struct reconciler_probed *probed, struct effects *fx)
{
    core->mismatches_seen += probed->mismatches;
    if (probed->mismatches > 0 && !core->mismatch_noted) {
        core->mismatch_noted = true;
        jobs_note(core, in, "I2", probed->mismatches, probed->sample, fx);
    }
    if (!tb_copy_text(core->probe_after, sizeof core->probe_after, probed->last_account))
        core->probe_after[0] = 0;
    if (core->probe_after[0] != 0)
        return;
    core->mismatches = core->mismatches_seen;
    core->mismatches_seen = 0;
    if (core->mismatches == 0)
        core->mismatch_noted = false;
}

static void probed(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    effects_timer(fx, RECONCILER_TIMER_PROBE, in->now_us + core->options.probe_us);
    if (in->status != STORE_DONE) {
        if (in->status == STORE_FAILED)
            effects_log(fx, LOG_ERROR, 0, NULL, NULL, "probing failed: %s", in->error ? in->error : "");
        return;
    }
    const struct reconciler_probed *result = in->result;
    core->idle = result->orders_total == core->orders_total && result->outbox_waiting == 0;
    core->orders_total = result->orders_total;
    count_mismatches(core, in, result, fx);
    alarms_probed(core, in, result, fx);
    if (core->phase == RECONCILER_RECOVERING) {
        core->phase = RECONCILER_LIVE;
        effects_ready(fx);
        effects_timer(fx, RECONCILER_TIMER_STEP, in->now_us + RECONCILER_STEP_US);
    }
}

static void stepped(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    int64_t wait_us = RECONCILER_STEP_US;
    if (in->status == STORE_FAILED)
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "auditing what is new failed: %s", in->error ? in->error : "");
    if (in->status == STORE_DONE) {
        const struct reconciler_stepped *result = in->result;
        effects_gauge(fx, RECONCILER_METRIC_BEHIND, (int64_t)result->behind);
        if (result->violations > 0) {
            core->books_broken += result->violations;
            effects_count(fx, RECONCILER_METRIC_VIOLATIONS, (int64_t)result->violations);
            effects_log(fx, LOG_ERROR, 0, NULL, NULL, "invariants broken by what is new: %s (%llu violations)",
                        result->invariants, (unsigned long long)result->violations);
        }
        if (result->behind > 0 && core->idle) /* orders may come again before a probe sees them: never without a rest */
            wait_us = RECONCILER_STEP_IDLE_US;
        if (wait_us < (in->now_us - core->step_asked_us) * RECONCILER_STEP_REST)
            wait_us = (in->now_us - core->step_asked_us) * RECONCILER_STEP_REST;
    }
    effects_timer(fx, RECONCILER_TIMER_STEP, in->now_us + wait_us);
}

static void store_result(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    switch ((enum reconciler_proc)in->proc) {
    case RECONCILER_PROC_PROBE:
        probed(core, in, fx);
        break;
    case RECONCILER_PROC_STEP:
        stepped(core, in, fx);
        break;
    case RECONCILER_PROC_ALARM:
        alarms_answered(core, in, fx);
        break;
    case RECONCILER_PROC_CUE:
        watch_answered(core, in, fx);
        break;
    case RECONCILER_PROC_FAULTS:
        faults_answered(core, in, fx);
        break;
    case RECONCILER_PROC_FINDING:
        if (in->status == STORE_FAILED)
            effects_log(fx, LOG_ERROR, 0, NULL, NULL, "a finding could not be written: %s", in->error ? in->error : "");
        break;
    case RECONCILER_PROC_CHECK:
        jobs_checked(core, in, fx);
        break;
    case RECONCILER_PROC_PAGE:
        jobs_page(core, in, fx);
        break;
    case RECONCILER_PROC_SPANS:
        export_answered(core, in, fx);
        break;
    case RECONCILER_PROC_SPANS_DONE:
        break; /* what did not move is asked for again */
    default:
        tb_assert_failed("a procedure of ours", __FILE__, __LINE__);
    }
}

static void leave(struct reconciler_core *core, enum reconciler_phase phase, struct effects *fx)
{
    jobs_refuse_all(core, fx);
    export_stop(core, fx);
    core->phase = phase;
    effects_timer_clear(fx, RECONCILER_TIMER_PROBE);
    effects_timer_clear(fx, RECONCILER_TIMER_STEP);
}

static void external(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    const struct reconciler_external *external = in->external;
    if (external->faults)
        faults_see(core, in, external->faults, fx);
    if (external->posted)
        export_posted(core, in, external->posted, fx);
}

void reconciler_core_step(void *state, const struct input *in, struct effects *fx)
{
    struct reconciler_core *core = state;
    switch (in->kind) {
    case INPUT_START:
        start(core, in, fx);
        break;
    case INPUT_MESSAGE:
        if (in->link == RECONCILER_LINK_TELEMETRY)
            watch_hear(core, in, fx);
        else
            jobs_message(core, in, fx);
        break;
    case INPUT_FLUSH:
        jobs_start(core, fx);
        break;
    case INPUT_TIMER:
        if (in->timer == RECONCILER_TIMER_PROBE && core->phase != RECONCILER_DOWN)
            ask_probe(core, in, fx);
        else if (in->timer == RECONCILER_TIMER_STEP && core->phase == RECONCILER_LIVE)
            ask_step(core, in, fx);
        else if (in->timer == RECONCILER_TIMER_WATCH)
            watch_look(core, in, fx);
        else if (in->timer == RECONCILER_TIMER_PATIENCE)
            jobs_patience(core, in, fx);
        else if (in->timer == RECONCILER_TIMER_EXPORT)
            export_timer(core, in, fx);
        break;
    case INPUT_STORE:
        if (core->phase == RECONCILER_RECOVERING || core->phase == RECONCILER_LIVE)
            store_result(core, in, fx);
        break;
    case INPUT_STORE_LOST:
        leave(core, core->phase == RECONCILER_STOPPING ? RECONCILER_STOPPING : RECONCILER_DOWN, fx);
        break;
    case INPUT_STOP:
        leave(core, RECONCILER_STOPPING, fx);
        effects_timer_clear(fx, RECONCILER_TIMER_WATCH);
        break;
    case INPUT_EXTERNAL:
        external(core, in, fx);
        break;
    }
}
