#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "heartbeats.h"
#include "persona.pb-c.h"
#include "reconciler_rig.h"

static const struct {
    const char *id;
    struct reconciler_probed raises, between;
} marks[] = {
    {"dlq-depth", {.dead = 1}, {.dead = 1}},
    {"balance-mismatch", {.mismatches = 1}, {.mismatches = 1}},
    {"outbox-stuck", {.outbox_oldest_ms = 30000}, {.outbox_oldest_ms = 12000}},
    {"accept-latency", {.order_oldest_ms = 10000}, {.order_oldest_ms = 3500}},
    {"queue-backlog", {.orders_open = 100}, {.orders_open = 60}},
};

START_TEST(an_alarm_rises_at_once_and_falls_after_two_calm_probes)
{
    open_core();
    struct reconciler_probed raises = marks[_i].raises, between = marks[_i].between;
    raises.last_account = between.last_account = "";
    raises.sample = between.sample = "[]";
    probe(raises);
    const struct effect *call = call_of(RECONCILER_PROC_ALARM);
    ck_assert_ptr_nonnull(call);
    const struct reconciler_alarm_args *args = call->args;
    ck_assert_str_eq(args->id, marks[_i].id);
    ck_assert(args->active);
    alarmed(9);
    const struct effect *event = effect_of(EFFECT_SEND, 0);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->first_seq, 9);
    ck_assert_int_eq((int)((const Tb__OpsAppended *)event->message)->records[0]->type,
                     TB__OPS_RECORD__TYPE__ALARM_RAISED);
    probe(between); /* not low enough, or still there */
    ck_assert_ptr_null(call_of(RECONCILER_PROC_ALARM));
    probe(calm());
    ck_assert_ptr_null(call_of(RECONCILER_PROC_ALARM));
    probe(raises); /* it was but a moment of calm */
    ck_assert_ptr_null(call_of(RECONCILER_PROC_ALARM));
    probe(calm());
    probe(calm());
    call = call_of(RECONCILER_PROC_ALARM);
    ck_assert_ptr_nonnull(call);
    ck_assert(!((const struct reconciler_alarm_args *)call->args)->active);
    close_core();
}
END_TEST

START_TEST(an_alarm_that_another_raised_already_gives_no_event)
{
    open_core();
    probe((struct reconciler_probed){.dead = 3, .last_account = "", .sample = "[]"});
    alarmed(0);
    ck_assert_ptr_null(effect_of(EFFECT_SEND, 0));
    probe((struct reconciler_probed){.dead = 3, .last_account = "", .sample = "[]"});
    ck_assert_ptr_null(call_of(RECONCILER_PROC_ALARM));
    close_core();
}
END_TEST

START_TEST(an_alarm_that_could_not_be_written_is_asked_for_again)
{
    open_core();
    probe((struct reconciler_probed){.dead = 3, .last_account = "", .sample = "[]"});
    answer_failed(RECONCILER_PROC_ALARM);
    probe((struct reconciler_probed){.dead = 3, .last_account = "", .sample = "[]"});
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_ALARM));
    close_core();
}
END_TEST

START_TEST(a_mismatch_is_noted_once_and_counts_until_a_whole_round_is_clean)
{
    open_core();
    probe((struct reconciler_probed){.mismatches = 2, .last_account = "m", .sample = "[1]"});
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_FINDING));
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_ALARM));
    alarmed(5);
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_PROBE});
    ck_assert_str_eq(((const struct reconciler_probe_args *)call_of(RECONCILER_PROC_PROBE)->args)->after,
                     "m"); /* the rest of the round */
    struct reconciler_probed rest = calm();
    answer(RECONCILER_PROC_PROBE, &rest);
    ck_assert_ptr_null(call_of(RECONCILER_PROC_FINDING));
    probe((struct reconciler_probed){.mismatches = 2, .last_account = "m", .sample = "[1]"});
    ck_assert_ptr_null(call_of(RECONCILER_PROC_FINDING));
    close_core();
}
END_TEST

START_TEST(violations_in_what_is_new_raise_the_alarm)
{
    open_core();
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_STEP});
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_STEP));
    answer(RECONCILER_PROC_STEP, &(struct reconciler_stepped){.violations = 2, .invariants = "I1", .behind = 0});
    ck_assert_ptr_nonnull(effect_of(EFFECT_LOG, 0));
    probe(calm());
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_ALARM));
    close_core();
}
END_TEST

static const struct {
    bool idle;
    uint64_t behind;
    int64_t took_us, wait_us;
    uint32_t rows;
} paces[] = {
    {true, 0, 0, RECONCILER_STEP_US, RECONCILER_STEP_ROWS_IDLE},
    {true, 10, 0, RECONCILER_STEP_IDLE_US, RECONCILER_STEP_ROWS_IDLE},
    {true, 10, 20000, 21000 * RECONCILER_STEP_REST, RECONCILER_STEP_ROWS_IDLE}, /* each input is 1 ms later */
    {false, 10, 0, RECONCILER_STEP_US, RECONCILER_STEP_ROWS},
    {false, 10, 200000, 201000 * RECONCILER_STEP_REST, RECONCILER_STEP_ROWS},
};

START_TEST(the_audit_of_what_is_new_keeps_out_of_the_way_of_work)
{
    open_core();
    struct reconciler_probed probed = calm();
    probed.orders_open = 3; /* some hang: that is no work */
    probed.orders_total = paces[_i].idle ? core.orders_total : core.orders_total + 5;
    probe(probed);
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_STEP});
    ck_assert_uint_eq(((const struct reconciler_step_args *)call_of(RECONCILER_PROC_STEP)->args)->limit,
                      paces[_i].rows);
    now_us += paces[_i].took_us;
    answer(RECONCILER_PROC_STEP, &(struct reconciler_stepped){.invariants = "", .behind = paces[_i].behind});
    ck_assert_int_eq(effect_of(EFFECT_TIMER_SET, 0)->value, now_us + paces[_i].wait_us);
    close_core();
}
END_TEST

/* Effect: a heartbeat of each needed actor but one (NULL = none is missing), and the watch's timer. */
static void beat(const char *missing)
{
    struct heartbeat heartbeat;
    for (size_t i = 0; i < FLEET_NEEDED; i++) {
        if (missing && strcmp(missing, fleet_needed[i]) == 0)
            continue;
        heartbeat_init(&heartbeat, fleet_needed[i], "1", "READY");
        arena_reset(&arena);
        effects_reset(&fx, &arena);
        struct input in = {.kind = INPUT_MESSAGE,
                           .link = RECONCILER_LINK_TELEMETRY,
                           .from = &gateway,
                           .now_us = now_us,
                           .type = TB__MESSAGE_TYPE__HEARTBEAT,
                           .message = &heartbeat.base.base};
        reconciler_core_step(&core, &in, &fx);
        if (call_of(RECONCILER_PROC_CUE))
            return; /* the caller answers before others are heard */
    }
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_WATCH});
}

/* Effect: time goes on, with everybody but `missing` heard. Return: what was asked of a cue, NULL = nothing. */
static const struct reconciler_cue_args *after(int64_t us, const char *missing)
{
    for (int64_t until_us = now_us + us; now_us < until_us;) {
        now_us += 250000;
        beat(missing);
        const struct effect *call = call_of(RECONCILER_PROC_CUE);
        if (call)
            return call->args;
    }
    return NULL;
}

static void cue_answered(uint64_t ops_seq)
{
    answer(RECONCILER_PROC_CUE, &(struct reconciler_alarmed){.ops_seq = ops_seq, .payload = "{}"});
}

/* Effect: as open_core, and all cues are known to be quiet. */
static void open_watch(void)
{
    open_core();
    while (!core.watch.cues_state[CUES_COUNT - 1].known) {
        now_us += 250000;
        beat(NULL);
        for (size_t left = core.watch.asked_count; left > 0; left--)
            cue_answered(0);
    }
}

START_TEST(a_cue_is_written_once_when_it_appears_and_once_when_it_is_over)
{
    open_watch();
    ck_assert_ptr_null(after(3000000, NULL));
    const struct reconciler_cue_args *args = after(5000000, "simfill");
    ck_assert_ptr_nonnull(args);
    ck_assert_str_eq(args->id, "az-blip");
    ck_assert(args->active);
    ck_assert_ptr_nonnull(strstr(args->data, "\"missing\":[\"simfill\"]"));
    int64_t since_us = args->since_us;
    cue_answered(17);
    const struct effect *event = effect_of(EFFECT_SEND, 0);
    ck_assert_ptr_nonnull(event);
    const Tb__OpsRecord *record = ((const Tb__OpsAppended *)event->message)->records[0];
    ck_assert_int_eq((int)record->type, TB__OPS_RECORD__TYPE__CUE_CHANGED);
    ck_assert_uint_eq(record->seq, 17);
    ck_assert_str_eq(record->cue->id, "az-blip");
    ck_assert(record->cue->active);
    ck_assert_int_eq(record->cue->since_us, since_us);
    ck_assert_ptr_null(after(2000000, "simfill"));
    args = after(2000000, NULL);
    ck_assert_ptr_nonnull(args);
    ck_assert_str_eq(args->id, "az-blip");
    ck_assert(!args->active);
    cue_answered(18);
    ck_assert_ptr_null(after(20000000, NULL));
    close_core();
}
END_TEST

START_TEST(nothing_is_judged_before_everybody_had_the_time_to_come)
{
    open_core();
    ck_assert_ptr_null(after(FLEET_FORGET_US - 1000000, "persona"));
    const struct reconciler_cue_args *args = after(2000000, "persona");
    ck_assert_ptr_nonnull(args);
    ck_assert_str_eq(args->id, "az-blip");
    ck_assert(args->active);
    close_core();
}
END_TEST

START_TEST(an_outage_of_the_store_is_told_when_it_is_back)
{
    open_watch();
    int64_t lost_us = now_us;
    step((struct input){.kind = INPUT_STORE_LOST});
    ck_assert_ptr_null(after(FLEET_FORGET_US + 3000000, NULL));
    step((struct input){.kind = INPUT_START});
    struct reconciler_probed probed = calm();
    answer(RECONCILER_PROC_PROBE, &probed);
    bool raised = false, over = false;
    for (int i = 0; i < 20 && !over; i++) {
        now_us += 250000;
        beat(NULL);
        while (core.watch.asked_count > 0) {
            bool outage = core.watch.asked[0] == CUE_REGION_OUTAGE;
            const struct reconciler_cue_state *state = &core.watch.cues_state[CUE_REGION_OUTAGE];
            if (outage && state->asked_active) {
                ck_assert_int_ge(state->asked_since_us, lost_us + FLEET_FORGET_US);
                ck_assert_int_le(state->asked_since_us, lost_us + FLEET_FORGET_US + 2000000);
            }
            raised = raised || (outage && state->asked_active);
            over = over || (outage && raised && !state->asked_active);
            cue_answered(outage ? 5 : 0);
        }
    }
    ck_assert(raised && over);
    close_core();
}
END_TEST

START_TEST(who_slept_judges_nobody)
{
    open_watch();
    now_us += 60000000;
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_WATCH}); /* before any heartbeat is heard */
    ck_assert_ptr_null(call_of(RECONCILER_PROC_CUE));
    ck_assert_ptr_null(after(3000000, NULL));
    close_core();
}
END_TEST

START_TEST(a_cue_that_could_not_be_written_is_asked_for_again)
{
    open_watch();
    ck_assert_ptr_nonnull(after(5000000, "balance"));
    while (core.watch.asked_count > 0)
        answer_failed(RECONCILER_PROC_CUE);
    ck_assert_ptr_null(after(core.options.probe_us - 1000000, "balance"));
    ck_assert_ptr_nonnull(after(2000000, "balance"));
    close_core();
}
END_TEST

CHECK_MAIN("reconciler_core", tcase_add_loop_test(cases, an_alarm_rises_at_once_and_falls_after_two_calm_probes, 0,
                                                  (int)TB_ARRAY_SIZE(marks));
           tcase_add_test(cases, an_alarm_that_another_raised_already_gives_no_event);
           tcase_add_test(cases, an_alarm_that_could_not_be_written_is_asked_for_again);
           tcase_add_test(cases, a_mismatch_is_noted_once_and_counts_until_a_whole_round_is_clean);
           tcase_add_test(cases, violations_in_what_is_new_raise_the_alarm);
           tcase_add_loop_test(cases, the_audit_of_what_is_new_keeps_out_of_the_way_of_work, 0,
                               (int)TB_ARRAY_SIZE(paces));
           tcase_add_test(cases, a_cue_is_written_once_when_it_appears_and_once_when_it_is_over);
           tcase_add_test(cases, nothing_is_judged_before_everybody_had_the_time_to_come);
           tcase_add_test(cases, an_outage_of_the_store_is_told_when_it_is_back);
           tcase_add_test(cases, who_slept_judges_nobody);
           tcase_add_test(cases, a_cue_that_could_not_be_written_is_asked_for_again);)
