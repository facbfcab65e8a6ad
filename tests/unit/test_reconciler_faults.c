/* The reconciler's core tells of injected faults: each once as begun and once as ended, whatever it is shown how often,
 * and again after the store was away. */
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "persona.pb-c.h"
#include "reconciler/core.h"

#define BEGIN_US 1800000000000000LL

static struct reconciler_core core;
static struct arena arena;
static struct effects fx;
static int64_t now_us;
static struct reconciler_fault shown[4];

static void step(struct input in)
{
    arena_reset(&arena);
    effects_reset(&fx, &arena);
    in.now_us = now_us += 1000;
    reconciler_core_step(&core, &in, &fx);
}

/* Return: what the table is asked to take in by the last step, NULL = nothing. */
static const struct reconciler_faults_args *asked(void)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == EFFECT_CALL && fx.items[i].index == RECONCILER_PROC_FAULTS)
            return fx.items[i].args;
    return NULL;
}

static const struct reconciler_faults_args *show(size_t count)
{
    struct reconciler_faults faults = {count, shown};
    step((struct input){.kind = INPUT_EXTERNAL, .external = &(struct reconciler_external){.faults = &faults}});
    return asked();
}

static void answer(enum store_status status, size_t count, const struct reconciler_fault_event *events)
{
    step((struct input){.kind = INPUT_STORE,
                        .proc = RECONCILER_PROC_FAULTS,
                        .status = status,
                        .error = "42501: no",
                        .result = &(struct reconciler_fault_events){count, events}});
}

/* Return: the n-th record sent on the feed by the last step, NULL = there are not as many. */
static const Tb__OpsRecord *told(size_t n)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == EFFECT_SEND && fx.items[i].type == TB__MESSAGE_TYPE__OPS_APPENDED && n-- == 0)
            return ((const Tb__OpsAppended *)fx.items[i].message)->records[0];
    return NULL;
}

static void fault(size_t n, const char *id, const char *words)
{
    struct err err;
    char whole[256];
    snprintf(whole, sizeof whole, "%s %lld %lld -", words, (long long)BEGIN_US, (long long)BEGIN_US + 60000000);
    ck_assert_msg(inject_parse(id, whole, &shown[n].record, &err) == 0, "%s", err.text);
    shown[n].ended = false;
}

/* Effect: a START, and the probe that makes it LIVE. */
static void become_live(void)
{
    step((struct input){.kind = INPUT_START});
    step((struct input){.kind = INPUT_STORE,
                        .proc = RECONCILER_PROC_PROBE,
                        .status = STORE_DONE,
                        .result = &(struct reconciler_probed){.last_account = "", .sample = "[]"}});
}

static void setup(void)
{
    core = (struct reconciler_core){0};
    now_us = BEGIN_US;
    arena_init(&arena, 16 << 20);
    reconciler_core_init(&core, &(struct reconciler_options){.region = "nl-1", .probe_us = 5000000, .dlq_alarm = 1});
    fault(0, "drop-1", "drop simfill/1 orders-stage 0.25 - -");
    fault(1, "db-slow-2", "db-slow * - - 400 -");
}

static void teardown(void)
{
    reconciler_core_release(&core);
    arena_release(&arena);
}

START_TEST(each_picture_is_told_once)
{
    ck_assert_ptr_null(show(1)); /* a standby, or not recovered yet: it only looks */
    become_live();
    const struct reconciler_faults_args *args = show(1);
    ck_assert_ptr_nonnull(args);
    ck_assert_uint_eq(args->count, 1);
    ck_assert_str_eq(args->ids[0], "drop-1");
    ck_assert_str_eq(args->targets[0], "simfill/1");
    ck_assert_str_eq(args->details[0], "{\"link\":\"orders-stage\",\"probability\":0.25}");
    ck_assert(!args->over[0]);
    ck_assert_ptr_null(show(2)); /* one call at a time */
    answer(STORE_DONE, 1, &(struct reconciler_fault_event){7, true, "{\"id\":\"drop-1\"}"});
    ck_assert_ptr_nonnull(told(0));
    ck_assert_int_eq(told(0)->type, TB__OPS_RECORD__TYPE__FAULT_STARTED);
    ck_assert_uint_eq(told(0)->seq, 7);
    ck_assert_ptr_null(told(1));
    args = show(2);
    ck_assert_ptr_nonnull(args);
    ck_assert_str_eq(args->details[1], "{\"ms\":400}");
    answer(STORE_DONE, 0, NULL);
    ck_assert_ptr_null(told(0)); /* another one said it */
    ck_assert_ptr_null(show(2));
}
END_TEST

START_TEST(an_end_is_told_when_it_was_taken_away_ran_out_or_is_gone)
{
    become_live();
    ck_assert_ptr_nonnull(show(2));
    answer(STORE_DONE, 0, NULL);
    shown[0].ended = true;
    const struct reconciler_faults_args *args = show(2);
    ck_assert_ptr_nonnull(args);
    ck_assert(args->over[0] && !args->over[1]);
    answer(STORE_DONE, 1, &(struct reconciler_fault_event){8, false, "{}"});
    ck_assert_int_eq(told(0)->type, TB__OPS_RECORD__TYPE__FAULT_ENDED);
    now_us = BEGIN_US + 60000000;
    args = show(2);
    ck_assert_ptr_nonnull(args);
    ck_assert(args->over[0] && args->over[1]);
    answer(STORE_DONE, 0, NULL);
    args = show(0);
    ck_assert_ptr_nonnull(args);
    ck_assert_uint_eq(args->count, 0);
}
END_TEST

START_TEST(what_the_store_did_not_take_is_told_again)
{
    become_live();
    ck_assert_ptr_nonnull(show(1));
    answer(STORE_FAILED, 0, NULL);
    ck_assert_ptr_null(show(1)); /* not at once */
    now_us += 1100000;
    ck_assert_ptr_nonnull(show(1));
    answer(STORE_UNKNOWN, 0, NULL);
    step((struct input){.kind = INPUT_STORE_LOST});
    ck_assert_ptr_null(show(1));
    become_live();
    ck_assert_ptr_nonnull(show(1)); /* the same picture: the table may not have it */
}
END_TEST

START_TEST(without_faults_what_was_left_over_is_ended)
{
    become_live();
    ck_assert_ptr_nonnull(show(0));
    answer(STORE_DONE, 1, &(struct reconciler_fault_event){3, false, "{}"});
    ck_assert_ptr_nonnull(told(0));
    ck_assert_ptr_null(show(0));
}
END_TEST

CHECK_MAIN("reconciler_faults", tcase_add_checked_fixture(cases, setup, teardown);
           tcase_add_test(cases, each_picture_is_told_once);
           tcase_add_test(cases, an_end_is_told_when_it_was_taken_away_ran_out_or_is_gone);
           tcase_add_test(cases, what_the_store_did_not_take_is_told_again);
           tcase_add_test(cases, without_faults_what_was_left_over_is_ended);)
