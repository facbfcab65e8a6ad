/* The cues: judged from the heartbeats, written once per change, with a CueChanged event. A change that cannot be
 * written (the store is away) is written when it can be, also one that is over by then. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

#define LOOK_US  250000LL
#define SLEPT_US 1000000LL /* longer without a tick: we slept or were a standby, so our picture is old */

static void begin(struct reconciler_watch *watch, int64_t now_us)
{
    if (watch->begun_us == 0)
        watch->begun_us = now_us;
}

void watch_start(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_watch *watch = &core->watch;
    begin(watch, in->now_us);
    for (size_t i = 0; i < CUES_COUNT; i++) {
        struct reconciler_cue_state *state = &watch->cues_state[i];
        free(state->asked_data);
        *state = (struct reconciler_cue_state){.judged_since_us = state->judged_since_us};
    }
    watch->asked_count = 0;
    effects_timer(fx, RECONCILER_TIMER_WATCH, in->now_us + LOOK_US);
}

/* Effect: notes that time goes on. After a pause heartbeats may come again first, and what we judged before it is void.
 */
static void tick(struct reconciler_watch *watch, int64_t now_us)
{
    if (watch->last_tick_us != 0 && now_us - watch->last_tick_us > SLEPT_US) {
        watch->resume_us = now_us + SLEPT_US;
        memset(&watch->cues, 0, sizeof watch->cues);
        for (size_t i = 0; i < CUES_COUNT; i++)
            watch->cues_state[i].judged_since_us = 0;
    }
    watch->last_tick_us = now_us;
}

/* Return: whether the picture is good enough to judge by: all needed actors were there once (else each start would
 * begin with an alarm), or have had the time to come, and we were awake. */
static bool may_judge(struct reconciler_watch *watch, int64_t now_us)
{
    if (!watch->settled) {
        bool all = true;
        for (size_t i = 0; i < FLEET_NEEDED; i++)
            all = all && fleet_ready(&watch->fleet, fleet_needed[i], now_us) != NULL;
        watch->settled = all || now_us - watch->begun_us > FLEET_FORGET_US;
    }
    return watch->settled && now_us >= watch->resume_us;
}

static void ask(struct reconciler_core *core, const struct input *in, enum cue cue, bool active, struct effects *fx)
{
    struct reconciler_watch *watch = &core->watch;
    struct reconciler_cue_state *state = &watch->cues_state[cue];
    struct reconciler_cue_args *args = arena_alloc(fx->arena, sizeof *args);
    struct text data = {0};
    struct json_out out;
    tb_assert(watch->asked_count < CUES_COUNT);
    json_out_init(&out, &data);
    cues_write_data(&watch->cues, cue, NULL, &out);
    state->asked = true;
    state->asked_active = active;
    state->asked_since_us = active ? state->judged_since_us : 0;
    state->asked_data = tb_strdup(data.bytes);
    watch->asked[watch->asked_count++] = cue;
    *args = (struct reconciler_cue_args){.region = core->region,
                                         .id = cues_id(cue),
                                         .active = active,
                                         .since_us = state->judged_since_us,
                                         .severity = cues_severity(cue),
                                         .message = cues_message(cue),
                                         .data = arena_strdup(fx->arena, data.bytes),
                                         .now_us = in->now_us};
    text_release(&data);
    effects_call(fx, RECONCILER_PROC_CUE, args);
}

static void compare(struct reconciler_core *core, const struct input *in, enum cue cue, struct effects *fx)
{
    struct reconciler_cue_state *state = &core->watch.cues_state[cue];
    int64_t since_us = core->watch.cues.since_us[cue];
    if (since_us != 0)
        state->judged_since_us = since_us;
    if (core->phase != RECONCILER_LIVE || state->asked || in->now_us < state->retry_at_us)
        return;
    bool written = state->known && state->active;
    if (!written && state->judged_since_us != 0)
        ask(core, in, cue, true, fx); /* it is active, or was and nobody has been told */
    else if (since_us == 0 && (written || !state->known))
        ask(core, in, cue, false, fx);
}

void watch_look(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_watch *watch = &core->watch;
    bool store_up = core->phase != RECONCILER_DOWN;
    if (in->kind == INPUT_TIMER) {
        tick(watch, in->now_us);
        effects_timer(fx, RECONCILER_TIMER_WATCH, in->now_us + LOOK_US);
    }
    if (!may_judge(watch, in->now_us))
        return;
    fleet_forget(&watch->fleet, in->now_us);
    cues_update(&watch->cues, &watch->fleet, store_up, in->now_us);
    for (enum cue cue = 0; cue < CUES_COUNT; cue++)
        compare(core, in, cue, fx);
}

void watch_hear(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    begin(&core->watch, in->now_us);
    fleet_hear(&core->watch.fleet, (const Tb__Heartbeat *)in->message, in->now_us);
    /* No ticks: a standby, which judges nothing. */
    if (core->phase != RECONCILER_STOPPING && in->now_us - core->watch.last_tick_us <= SLEPT_US)
        watch_look(core, in, fx);
}

static void publish(const struct reconciler_cue_state *state, enum cue cue, const struct reconciler_alarmed *changed,
                    int64_t now_us, struct effects *fx)
{
    Tb__OpsRecord *record = arena_alloc(fx->arena, sizeof *record);
    Tb__Cue *content = arena_alloc(fx->arena, sizeof *content);
    tb__ops_record__init(record);
    tb__cue__init(content);
    content->id = arena_strdup(fx->arena, cues_id(cue));
    content->active = state->active;
    content->since_us = state->asked_since_us;
    content->data_json = arena_strdup(fx->arena, state->asked_data);
    record->type = TB__OPS_RECORD__TYPE__CUE_CHANGED;
    record->cue = content;
    alarms_publish(changed, record, now_us, fx);
}

void watch_answered(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_watch *watch = &core->watch;
    tb_assert(watch->asked_count > 0);
    enum cue cue = watch->asked[0];
    struct reconciler_cue_state *state = &watch->cues_state[cue];
    watch->asked_count--;
    memmove(watch->asked, watch->asked + 1, watch->asked_count * sizeof watch->asked[0]);
    state->asked = false;
    if (in->status == STORE_DONE) {
        const struct reconciler_alarmed *changed = in->result;
        state->known = true;
        state->active = state->asked_active;
        if (state->active || watch->cues.since_us[cue] == 0)
            state->judged_since_us = 0;
        if (changed->ops_seq != 0) {
            effects_log(fx, LOG_INFO, 0, NULL, NULL, "cue %s %s", cues_id(cue), state->active ? "appeared" : "is over");
            publish(state, cue, changed, in->now_us, fx);
        }
    } else if (in->status == STORE_FAILED) {
        state->retry_at_us = in->now_us + core->options.probe_us;
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "cue %s could not be written: %s", cues_id(cue),
                    in->error != NULL ? in->error : "");
    }
    free(state->asked_data);
    state->asked_data = NULL;
}
