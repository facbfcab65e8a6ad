#include <signal.h>
#include <string.h>

#include "arena.h"
#include "base.h"
#include "check_main.h"
#include "child.h"
#include "metrics.h"
#include "telemetry.pb-c.h"

enum { ORDERS, DEPTH, FILL };
static const struct metric_spec specs[] = {
    {"tb_orders_total", "", "Orders.", METRIC_COUNTER},
    {"tb_queue_depth", "link=\"orders-feed\"", "Depth.", METRIC_GAUGE},
    {"tb_fill_seconds", NULL, "Fill.", METRIC_HISTOGRAM},
};

static struct arena arena;
static struct metrics *metrics;

static void set_up(void)
{
    arena_init(&arena, 1 << 20);
    metrics = metrics_new(specs, TB_ARRAY_SIZE(specs));
}

static void tear_down(void)
{
    metrics_free(&metrics);
    ck_assert_ptr_null(metrics);
    metrics_free(&metrics);
    arena_release(&arena);
}

static Tb__Metric *message(size_t index)
{
    size_t count;
    Tb__Metric **messages = metrics_messages(metrics, &arena, &count);
    ck_assert_uint_lt(index, count);
    return messages[index];
}

START_TEST(counters_and_gauges_show_their_value)
{
    metrics_count(metrics, ORDERS, 64);
    metrics_count(metrics, ORDERS, 0);
    metrics_count(metrics, ORDERS, 6);
    metrics_gauge(metrics, DEPTH, 12.5);
    metrics_gauge(metrics, DEPTH, -3);
    ck_assert_str_eq(message(ORDERS)->name, "tb_orders_total");
    ck_assert_int_eq(message(ORDERS)->kind, TB__METRIC__KIND__COUNTER);
    ck_assert_double_eq(message(ORDERS)->value, 70);
    ck_assert_str_eq(message(DEPTH)->labels, "link=\"orders-feed\"");
    ck_assert_int_eq(message(DEPTH)->kind, TB__METRIC__KIND__GAUGE);
    ck_assert_double_eq(message(DEPTH)->value, -3);
    ck_assert_str_eq(message(FILL)->labels, "");
}
END_TEST

START_TEST(a_histogram_puts_each_value_under_its_bound)
{
    static const int64_t values_us[] = {-5, 0, 100, 101, 1000, 60000000, 60000001, INT32_MAX};
    for (size_t i = 0; i < TB_ARRAY_SIZE(values_us); i++)
        metrics_observe(metrics, FILL, values_us[i]);
    Tb__Metric *m = message(FILL);
    ck_assert_int_eq(m->kind, TB__METRIC__KIND__HISTOGRAM);
    ck_assert_uint_eq(m->n_bounds, 24);
    ck_assert_uint_eq(m->n_buckets, 25);
    ck_assert_double_eq(m->bounds[0], 0.0001);
    ck_assert_double_eq(m->bounds[23], 60);
    uint64_t total = 0;
    for (size_t i = 0; i < m->n_buckets; i++)
        total += m->buckets[i];
    for (size_t i = 1; i < m->n_bounds; i++)
        ck_assert_double_gt(m->bounds[i], m->bounds[i - 1]);
    ck_assert_uint_eq(total, TB_ARRAY_SIZE(values_us));
    ck_assert_uint_eq(m->buckets[0], 3);  /* -5, 0 and 100 */
    ck_assert_uint_eq(m->buckets[1], 1);  /* 101 */
    ck_assert_uint_eq(m->buckets[3], 1);  /* 1000 */
    ck_assert_uint_eq(m->buckets[23], 1); /* 60 s */
    ck_assert_uint_eq(m->buckets[24], 2);
    ck_assert_double_eq_tol(m->value, (0 + 0 + 100 + 101 + 1000 + 60000000 + 60000001 + 2147483647.0) / 1e6, 1e-6);
}
END_TEST

START_TEST(metrics_can_be_added_later)
{
    char name[] = "tb_bus_dropped_total";
    size_t index = metrics_add(metrics, &(struct metric_spec){name, "link=\"x\"", "Dropped.", METRIC_COUNTER});
    ck_assert_uint_eq(index, 3);
    name[0] = 'X'; /* specs are copied */
    metrics_count(metrics, index, 2);
    ck_assert_str_eq(message(index)->name, "tb_bus_dropped_total");
    ck_assert_double_eq(message(index)->value, 2);
}
END_TEST

START_TEST(messages_pack)
{
    metrics_observe(metrics, FILL, 1500);
    size_t count;
    Tb__Heartbeat heartbeat = TB__HEARTBEAT__INIT;
    heartbeat.metrics = metrics_messages(metrics, &arena, &count);
    heartbeat.n_metrics = count;
    uint8_t *bytes = arena_alloc(&arena, tb__heartbeat__get_packed_size(&heartbeat));
    size_t size = tb__heartbeat__pack(&heartbeat, bytes);
    Tb__Heartbeat *back = tb__heartbeat__unpack(NULL, size, bytes);
    ck_assert_ptr_nonnull(back);
    ck_assert_uint_eq(back->n_metrics, 3);
    ck_assert_uint_eq(back->metrics[FILL]->buckets[4], 1);
    ck_assert_str_eq(back->metrics[ORDERS]->help, "Orders.");
    tb__heartbeat__free_unpacked(back, NULL);
}
END_TEST

static int counts_a_gauge(void *arg)
{
    metrics_count(metrics, *(size_t *)arg, 1);
    return 0;
}

static int counts_down(void *arg)
{
    (void)arg;
    metrics_count(metrics, ORDERS, -1);
    return 0;
}

START_TEST(a_wrong_use_aborts)
{
    static struct child_result result;
    size_t index = DEPTH;
    child_run(counts_a_gauge, &index, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
    index = 3;
    child_run(counts_a_gauge, &index, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
    child_run(counts_down, NULL, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
}
END_TEST

CHECK_MAIN("metrics", tcase_add_checked_fixture(cases, set_up, tear_down);
           tcase_add_test(cases, counters_and_gauges_show_their_value);
           tcase_add_test(cases, a_histogram_puts_each_value_under_its_bound);
           tcase_add_test(cases, metrics_can_be_added_later); tcase_add_test(cases, messages_pack);
           tcase_add_test(cases, a_wrong_use_aborts);)
