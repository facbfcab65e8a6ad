#include <signal.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "child.h"
#include "core.h"
#include "telemetry.pb-c.h"

static struct arena arena;
static struct effects fx;

static void set_up(void)
{
    arena_init(&arena, 1 << 20);
    effects_reset(&fx, &arena);
}

static void tear_down(void)
{
    arena_release(&arena);
}

START_TEST(effects_keep_their_order_and_content)
{
    Tb__Heartbeat message = TB__HEARTBEAT__INIT;
    struct peer peer = {.length = 5, .bytes = {1, 2, 3, 4, 5}};
    uint8_t trace[16] = {9};
    int args = 0;

    effects_send(&fx, 3, &peer, TB__MESSAGE_TYPE__HEARTBEAT, &message.base, TB__STREAM__STREAM_ORDERS, 42);
    effects_send(&fx, 4, NULL, TB__MESSAGE_TYPE__HEARTBEAT, &message.base, 0, 0);
    effects_call(&fx, 2, &args);
    effects_timer(&fx, 15, 1000);
    effects_timer_clear(&fx, 14);
    effects_ready(&fx);
    effects_lag(&fx, UINT64_MAX);
    effects_count(&fx, 1, 64);
    effects_gauge(&fx, 2, -5);
    effects_observe(&fx, 3, 700);
    effects_external(&fx, &args);
    effects_log(&fx, LOG_WARNING, 7, "clusius", trace, "%d %s", 5, "tulips");
    char why[] = "fenced";
    effects_halt(&fx, why);
    why[0] = 'x';

    static const enum effect_kind kinds[] = {
        EFFECT_SEND,  EFFECT_SEND,  EFFECT_CALL,    EFFECT_TIMER_SET, EFFECT_TIMER_CLEAR, EFFECT_READY, EFFECT_LAG,
        EFFECT_COUNT, EFFECT_GAUGE, EFFECT_OBSERVE, EFFECT_EXTERNAL,  EFFECT_LOG,         EFFECT_HALT};
    static const unsigned indexes[] = {3, 4, 2, 15, 14, 0, 0, 1, 2, 3, 0, 0, 0};
    ck_assert_uint_eq(fx.count, TB_ARRAY_SIZE(kinds));
    for (size_t i = 0; i < fx.count; i++) {
        ck_assert_int_eq(fx.items[i].kind, kinds[i]);
        ck_assert_uint_eq(fx.items[i].index, indexes[i]);
    }
    ck_assert_uint_eq(fx.items[0].to.length, 5);
    ck_assert_mem_eq(fx.items[0].to.bytes, peer.bytes, 5);
    ck_assert_int_eq(fx.items[0].type, TB__MESSAGE_TYPE__HEARTBEAT);
    ck_assert_ptr_eq(fx.items[0].message, &message.base);
    ck_assert_int_eq(fx.items[0].stream, TB__STREAM__STREAM_ORDERS);
    ck_assert_uint_eq(fx.items[0].first_seq, 42);
    ck_assert_uint_eq(fx.items[1].to.length, 0);
    ck_assert_ptr_eq(fx.items[2].args, &args);
    ck_assert_int_eq(fx.items[3].value, 1000);
    ck_assert_int_eq(fx.items[6].value, INT64_MAX);
    ck_assert_int_eq(fx.items[7].value, 64);
    ck_assert_int_eq(fx.items[8].value, -5);
    ck_assert_int_eq(fx.items[9].value, 700);
    ck_assert_ptr_eq(fx.items[10].args, &args);
    ck_assert_int_eq(fx.items[11].value, LOG_WARNING);
    ck_assert_str_eq(fx.items[11].text, "5 tulips");
    ck_assert_str_eq(fx.items[11].user_id, "clusius");
    ck_assert_uint_eq(fx.items[11].order_seq, 7);
    ck_assert_ptr_eq(fx.items[11].trace_id, trace);
    ck_assert_str_eq(fx.items[12].text, "fenced");
}
END_TEST

START_TEST(the_list_grows)
{
    for (int64_t round = 0; round < 3; round++) {
        arena_reset(&arena);
        effects_reset(&fx, &arena);
        ck_assert_uint_eq(fx.count, 0);
        for (int64_t i = 0; i < 1500; i++)
            effects_count(&fx, (unsigned)i, i + round);
        for (int64_t i = 0; i < 1500; i++) {
            check_quick(fx.items[i].index == (unsigned)i);
            check_quick(fx.items[i].value == i + round);
        }
    }
}
END_TEST

START_TEST(only_the_datas_own_faults_are_poison)
{
    static const struct {
        const char *error;
        bool data;
    } table[] = {{"22003: numeric value out of range", true},
                 {"23505: duplicate key", true},
                 {"P0001: raised", true},
                 {"53100: disk full", false},
                 {"57014: canceled", false},
                 {"40P01: deadlock", false},
                 {"55P03: lock", false},
                 {"", false},
                 {"2", false},
                 {NULL, false}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++)
        ck_assert_msg(store_error_is_data(table[i].error) == table[i].data, "%zu", i);
}
END_TEST

static int sets_timer(void *arg)
{
    effects_timer(&fx, *(unsigned *)arg, 1);
    return 0;
}

START_TEST(a_timer_beyond_the_last_aborts)
{
    static struct child_result result;
    unsigned timer = CORE_TIMERS_MAX;
    child_run(sets_timer, &timer, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
}
END_TEST

CHECK_MAIN("core", tcase_add_checked_fixture(cases, set_up, tear_down);
           tcase_add_test(cases, effects_keep_their_order_and_content); tcase_add_test(cases, the_list_grows);
           tcase_add_test(cases, only_the_datas_own_faults_are_poison);
           tcase_add_test(cases, a_timer_beyond_the_last_aborts);)
