/* What is demanded of the reconciler: checks and replays, one after the other, and how long anybody waits. */
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "reconciler_rig.h"

/* Effect: answers the checks under way, up to the replay's pages. bad: number of the one that is broken, 0 = none. */
static void answer_checks(int from, int to, int bad)
{
    for (int i = from; i <= to; i++) {
        const struct effect *call = call_of(RECONCILER_PROC_CHECK);
        ck_assert_ptr_nonnull(call);
        char id[8];
        snprintf(id, sizeof id, "I%d", i);
        ck_assert_str_eq(((const struct reconciler_check_args *)call->args)->id, id);
        answer(RECONCILER_PROC_CHECK,
               &(struct reconciler_checked){.ok = i != bad, .count = i == bad ? 3 : 0, .sample = "[]"});
    }
}

START_TEST(checks_that_wait_together_are_answered_together)
{
    open_core();
    ask_check(1);
    ask_check(2);
    flush();
    answer_checks(1, 6, 3);
    ask_check(3);                                                              /* too late for this run */
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_STEP}); /* others go on meanwhile */
    answer(RECONCILER_PROC_PAGE, &(struct reconciler_page){.count = 0});
    answer_checks(8, 10, 0);
    ck_assert_ptr_nonnull(effect_of(EFFECT_SEND, 1));
    ck_assert_ptr_null(effect_of(EFFECT_SEND, 2));
    const Tb__InvariantsChecked *checked = (const Tb__InvariantsChecked *)effect_of(EFFECT_SEND, 1)->message;
    ck_assert_uint_eq(checked->request_id, 2);
    ck_assert_uint_eq(checked->n_checks, RECONCILER_CHECKS);
    ck_assert(!checked->checks[2]->ok && checked->checks[6]->ok);
    ck_assert_uint_eq(checked->checks[2]->count, 3);
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_FINDING));
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_CHECK)); /* the third one's run */
    close_core();
}
END_TEST

START_TEST(a_check_goes_slice_by_slice)
{
    open_core();
    ask_check(1);
    flush();
    const struct reconciler_check_args *args = call_of(RECONCILER_PROC_CHECK)->args;
    ck_assert_ptr_null(args->state);
    ck_assert_uint_eq(args->rows, RECONCILER_SLICE_ROWS);
    answer(RECONCILER_PROC_CHECK, &(struct reconciler_checked){.state = "{\"at\": 5}"});
    args = call_of(RECONCILER_PROC_CHECK)->args;
    ck_assert_str_eq(args->id, "I1");
    ck_assert_str_eq(args->state, "{\"at\": 5}");
    answer(RECONCILER_PROC_CHECK, &(struct reconciler_checked){.ok = true, .sample = "[]"});
    args = call_of(RECONCILER_PROC_CHECK)->args;
    ck_assert_str_eq(args->id, "I2");
    ck_assert_ptr_null(args->state);
    static char longer[RECONCILER_STATE_SIZE + 1];
    memset(longer, 'x', sizeof longer - 1);
    answer(RECONCILER_PROC_CHECK, &(struct reconciler_checked){.state = longer});
    ck_assert_int_eq((int)((const Tb__InvariantsChecked *)effect_of(EFFECT_SEND, 0)->message)->refusal,
                     TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    close_core();
}
END_TEST

START_TEST(a_replay_goes_page_by_page)
{
    static struct replay_order orders[RECONCILER_PAGE_MAX];
    open_core();
    ask_replay(8, 11, 2000);
    flush();
    const struct reconciler_page_args *args = call_of(RECONCILER_PROC_PAGE)->args;
    ck_assert_uint_eq(args->after, 10);
    ck_assert_uint_eq(args->to, 2000);
    for (uint32_t i = 0; i < RECONCILER_PAGE_MAX; i++)
        orders[i] = (struct replay_order){
            .seq = 11 + i, .simulation_seed = "hang", .side = 1, .quantity = 1, .price = money_cents(1)};
    answer(RECONCILER_PROC_PAGE, &(struct reconciler_page){.count = RECONCILER_PAGE_MAX, .orders = orders});
    args = call_of(RECONCILER_PROC_PAGE)->args;
    ck_assert_uint_eq(args->after, 10 + RECONCILER_PAGE_MAX);
    orders[0].seq = 1500;
    orders[0].lost = true;
    answer(RECONCILER_PROC_PAGE, &(struct reconciler_page){.count = 1, .orders = orders});
    const Tb__ReplayVerified *verified = (const Tb__ReplayVerified *)effect_of(EFFECT_SEND, 0)->message;
    ck_assert_uint_eq(verified->request_id, 8);
    ck_assert_uint_eq(verified->orders, RECONCILER_PAGE_MAX + 1);
    ck_assert(!verified->ok);
    ck_assert_uint_eq(verified->first_divergence, 1500);
    close_core();
}
END_TEST

static Tb__Refusal refusal_of(const struct effect *effect)
{
    ck_assert_ptr_nonnull(effect);
    return effect->type == TB__MESSAGE_TYPE__REPLAY_VERIFIED
               ? ((const Tb__ReplayVerified *)effect->message)->refusal
               : ((const Tb__InvariantsChecked *)effect->message)->refusal;
}

START_TEST(a_lost_store_answers_everyone_and_starts_anew)
{
    open_core();
    ask_check(1);
    ask_replay(2, 0, 0);
    flush();
    step((struct input){.kind = INPUT_STORE, .proc = RECONCILER_PROC_CHECK, .status = STORE_UNKNOWN});
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    step((struct input){.kind = INPUT_STORE_LOST});
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ask_check(3); /* while it is away */
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_PROBE});
    ck_assert_uint_eq(fx.count, 0);
    step((struct input){.kind = INPUT_START});
    struct reconciler_probed probed = calm();
    answer(RECONCILER_PROC_PROBE, &probed);
    ck_assert_ptr_nonnull(effect_of(EFFECT_READY, 0));
    close_core();
}
END_TEST

static void wait_out_patience(void)
{
    now_us += RECONCILER_PATIENCE_US;
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_PATIENCE});
}

static const Tb__InvariantsChecked *checked_of(size_t n)
{
    const struct effect *effect = effect_of(EFFECT_SEND, n);
    ck_assert_ptr_nonnull(effect);
    ck_assert_int_eq((int)effect->type, TB__MESSAGE_TYPE__INVARIANTS_CHECKED);
    return (const Tb__InvariantsChecked *)effect->message;
}

START_TEST(a_check_that_takes_long_goes_on_and_its_result_is_kept)
{
    open_core();
    ask_check(1);
    ck_assert_int_eq(effect_of(EFFECT_TIMER_SET, 0)->value, now_us + RECONCILER_PATIENCE_US);
    flush();
    answer_checks(1, 3, 0);
    wait_out_patience();
    ck_assert_uint_eq(checked_of(0)->request_id, 1);
    ck_assert_int_eq((int)checked_of(0)->refusal, TB__REFUSAL__REFUSAL_UNDER_WAY);
    ck_assert_ptr_nonnull(strstr(checked_of(0)->progress, "I4"));
    ask_check(2); /* rides on it */
    ck_assert_ptr_nonnull(effect_of(EFFECT_TIMER_SET, 0));
    ask_replay(3, 0, 0); /* something else: waits for its turn */
    answer(RECONCILER_PROC_CHECK, &(struct reconciler_checked){.ok = true, .sample = "[]"}); /* I4 */
    answer_checks(5, 6, 0);
    answer(RECONCILER_PROC_PAGE, &(struct reconciler_page){.count = 0});
    answer_checks(8, 10, 9);
    ck_assert_ptr_null(effect_of(EFFECT_SEND, 1)); /* who was told is not answered twice */
    ck_assert_uint_eq(checked_of(0)->request_id, 2);
    int64_t checked_at_us = checked_of(0)->checked_at_us;
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_PAGE)); /* its turn */
    now_us += RECONCILER_KEEP_US / 2;
    ask_check(4);
    ck_assert_uint_eq(checked_of(0)->request_id, 4);
    ck_assert_int_eq(checked_of(0)->checked_at_us, checked_at_us);
    ck_assert(!checked_of(0)->checks[8]->ok);
    ask_replay(5, 1, 2); /* not what was kept */
    ck_assert_ptr_null(effect_of(EFFECT_SEND, 0));
    now_us += RECONCILER_KEEP_US;
    ask_check(6); /* too old: anew */
    ck_assert_ptr_null(effect_of(EFFECT_SEND, 0));
    close_core();
}
END_TEST

START_TEST(a_demand_that_waited_too_long_for_its_turn_is_told_so)
{
    static struct replay_order orders[RECONCILER_PAGE_MAX];
    open_core();
    ask_replay(1, 0, 0);
    flush();
    ask_check(2);
    for (uint32_t i = 0; i < RECONCILER_PAGE_MAX; i++)
        orders[i] = (struct replay_order){
            .seq = 1 + i, .simulation_seed = "hang", .side = 1, .quantity = 1, .price = money_cents(1)};
    answer(RECONCILER_PROC_PAGE, &(struct reconciler_page){.count = RECONCILER_PAGE_MAX, .orders = orders});
    wait_out_patience();
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_UNDER_WAY);
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 1)), TB__REFUSAL__REFUSAL_UNDER_WAY);
    ask_replay(3, 0, 0);
    answer(RECONCILER_PROC_PAGE, &(struct reconciler_page){.count = 0});
    const Tb__ReplayVerified *verified = (const Tb__ReplayVerified *)effect_of(EFFECT_SEND, 0)->message;
    ck_assert_uint_eq(verified->request_id, 3);
    ck_assert_uint_eq(verified->orders, RECONCILER_PAGE_MAX);
    ck_assert_ptr_null(call_of(RECONCILER_PROC_CHECK)); /* it gave up */
    step((struct input){.kind = INPUT_STORE_LOST});
    ck_assert_ptr_null(effect_of(EFFECT_SEND, 0));
    close_core();
}
END_TEST

START_TEST(too_many_demands_are_refused)
{
    open_core();
    for (uint64_t i = 0; i < RECONCILER_JOBS_MAX; i++) {
        ask_replay(i, 0, 0);
        ck_assert_ptr_null(effect_of(EFFECT_SEND, 0));
    }
    ask_replay(99, 0, 0);
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_BACKPRESSURE);
    ask_check(100);
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_BACKPRESSURE);
    close_core();
}
END_TEST

START_TEST(a_check_that_fails_is_refused_and_the_next_one_runs)
{
    open_core();
    ask_check(1);
    flush();
    ask_replay(2, 0, 0);
    answer_failed(RECONCILER_PROC_CHECK);
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_PAGE));
    close_core();
}
END_TEST

START_TEST(a_stop_answers_everyone)
{
    open_core();
    ask_check(1);
    step((struct input){.kind = INPUT_STOP});
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ask_check(2);
    ck_assert_int_eq((int)refusal_of(effect_of(EFFECT_SEND, 0)), TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    close_core();
}
END_TEST

CHECK_MAIN("reconciler_jobs", tcase_add_test(cases, checks_that_wait_together_are_answered_together);
           tcase_add_test(cases, a_check_goes_slice_by_slice); tcase_add_test(cases, a_replay_goes_page_by_page);
           tcase_add_test(cases, a_lost_store_answers_everyone_and_starts_anew);
           tcase_add_test(cases, a_check_that_takes_long_goes_on_and_its_result_is_kept);
           tcase_add_test(cases, a_demand_that_waited_too_long_for_its_turn_is_told_so);
           tcase_add_test(cases, too_many_demands_are_refused);
           tcase_add_test(cases, a_check_that_fails_is_refused_and_the_next_one_runs);
           tcase_add_test(cases, a_stop_answers_everyone);)
