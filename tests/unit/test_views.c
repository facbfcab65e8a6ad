/* The pure parts behind pulse and logs: percentiles of the last seconds, orders by second, the search in log files. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "log_search.h"
#include "percentile.h"
#include "pulse.h"

#define SECOND_US INT64_C(1000000)
#define NOW_US    (INT64_C(1700000000) * SECOND_US)

/* --- percentile --- */

static const double bounds[] = {0.001, 0.01, 0.1};

static void hear(struct percentile_window *window, const char *source, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                 int64_t now_us)
{
    const uint64_t buckets[] = {a, b, c, d};
    percentile_hear(window, source, bounds, buckets, 4, now_us);
}

START_TEST(what_came_before_the_first_hearing_is_not_counted)
{
    struct percentile_window window = {0};
    ck_assert(percentile_of(&window, 0.5, 60, NOW_US) < 0);
    hear(&window, "1", 100, 100, 100, 100, NOW_US);
    ck_assert_uint_eq(percentile_count(&window, 60, NOW_US), 0);
    ck_assert(percentile_of(&window, 0.5, 60, NOW_US) < 0);
    hear(&window, "1", 100, 110, 100, 100, NOW_US);
    ck_assert_uint_eq(percentile_count(&window, 60, NOW_US), 10);
    ck_assert_double_eq_tol(percentile_of(&window, 0.5, 60, NOW_US), 0.0055, 1e-9);
}
END_TEST

START_TEST(percentiles_lie_between_the_bounds_of_their_bucket)
{
    struct percentile_window window = {0};
    hear(&window, "1", 0, 0, 0, 0, NOW_US);
    hear(&window, "1", 50, 40, 9, 1, NOW_US + SECOND_US);
    ck_assert_double_eq_tol(percentile_of(&window, 0.25, 60, NOW_US + SECOND_US), 0.0005, 1e-9);
    ck_assert_double_eq_tol(percentile_of(&window, 0.5, 60, NOW_US + SECOND_US), 0.001, 1e-9);
    ck_assert_double_eq_tol(percentile_of(&window, 0.9, 60, NOW_US + SECOND_US), 0.01, 1e-9);
    ck_assert_double_eq_tol(percentile_of(&window, 0.99, 60, NOW_US + SECOND_US), 0.1, 1e-9);
    ck_assert_double_eq_tol(percentile_of(&window, 1.0, 60, NOW_US + SECOND_US), 0.1,
                            1e-9); /* beyond: the last bound */
}
END_TEST

START_TEST(sources_are_merged_restarts_begin_anew_and_old_seconds_fall_out)
{
    struct percentile_window window = {0};
    hear(&window, "1", 5, 0, 0, 0, NOW_US);
    hear(&window, "2", 7, 0, 0, 0, NOW_US);
    hear(&window, "1", 8, 0, 0, 0, NOW_US);
    hear(&window, "2", 9, 0, 0, 0, NOW_US);
    ck_assert_uint_eq(percentile_count(&window, 5, NOW_US), 5);
    hear(&window, "1", 1, 0, 0, 0, NOW_US + SECOND_US); /* started again: fewer than before */
    hear(&window, "1", 3, 0, 0, 0, NOW_US + SECOND_US);
    ck_assert_uint_eq(percentile_count(&window, 5, NOW_US + SECOND_US), 7);
    ck_assert_uint_eq(percentile_count(&window, 1, NOW_US + SECOND_US), 2);
    ck_assert_uint_eq(percentile_count(&window, 5, NOW_US + 4 * SECOND_US), 7);
    ck_assert_uint_eq(percentile_count(&window, 5, NOW_US + 5 * SECOND_US), 2);
    ck_assert_uint_eq(percentile_count(&window, 5, NOW_US + 6 * SECOND_US), 0);
}
END_TEST

START_TEST(too_many_sources_and_other_shapes_are_left_out)
{
    struct percentile_window window = {0};
    char name[16];
    for (int i = 0; i < PERCENTILE_SOURCES_MAX + 3; i++) {
        snprintf(name, sizeof name, "%d", i);
        hear(&window, name, 0, 0, 0, 0, NOW_US);
        hear(&window, name, 1, 0, 0, 0, NOW_US);
    }
    ck_assert_uint_eq(percentile_count(&window, 5, NOW_US), PERCENTILE_SOURCES_MAX);
    const uint64_t buckets[] = {50, 50};
    percentile_hear(&window, "0", bounds, buckets, 2, NOW_US);
    ck_assert_uint_eq(percentile_count(&window, 5, NOW_US), PERCENTILE_SOURCES_MAX);
}
END_TEST

/* --- pulse --- */

static void take(struct pulse *pulse, uint64_t seq, int side, int64_t price_cents, int64_t at_us)
{
    Tb__OrderRecord record;
    tb__order_record__init(&record);
    record.seq = seq;
    record.kind = side == 0 ? TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST : TB__ORDER_RECORD__KIND__KIND_ORDER;
    record.side = (Tb__Side)side;
    record.price_cents = price_cents;
    record.created_at_us = at_us;
    pulse_take(pulse, &record);
}

static void expect_pulse(const struct pulse *pulse, int64_t now_us, const char *expected)
{
    struct text text = {0};
    struct json_out out;
    json_out_init(&out, &text);
    json_out_begin(&out, NULL);
    pulse_write(pulse, "1.00", now_us, &out);
    json_out_end(&out);
    ck_assert_str_eq(text.bytes, expected);
    text_release(&text);
}

START_TEST(orders_are_counted_by_second_and_each_once)
{
    struct pulse pulse = {0};
    pulse_begin(&pulse, 10);
    take(&pulse, 10, 1, 500, NOW_US); /* the history has it */
    take(&pulse, 11, 1, 100, NOW_US);
    take(&pulse, 12, 2, 201, NOW_US + SECOND_US - 1);
    take(&pulse, 13, 0, 0, NOW_US); /* a cancel request */
    take(&pulse, 14, 1, 300, NOW_US + SECOND_US);
    pulse_add(&pulse, NOW_US / SECOND_US - 1, 3, 1, money_cents(4000));
    expect_pulse(
        &pulse, NOW_US + SECOND_US,
        "{\"points\":["
        "{\"ts\":\"2023-11-14T22:13:19.000Z\",\"avgPrice\":\"10.00\",\"buyOrders\":3,\"sellOrders\":1},"
        "{\"ts\":\"2023-11-14T22:13:20.000Z\",\"avgPrice\":\"1.50\",\"buyOrders\":1,\"sellOrders\":1},"
        "{\"ts\":\"2023-11-14T22:13:21.000Z\",\"avgPrice\":\"3.00\",\"buyOrders\":1,\"sellOrders\":0}],"
        "\"stats\":{\"lastPrice\":\"1.00\",\"buyShare\":0.714286,\"sellShare\":0.285714,\"ordersSampled\":7}}");
}
END_TEST

START_TEST(a_pulse_forgets_what_is_old_and_what_a_new_snapshot_replaces)
{
    static const char nothing[] =
        "{\"points\":[],\"stats\":{\"lastPrice\":\"1.00\",\"buyShare\":0,\"sellShare\":0,\"ordersSampled\":0}}";
    struct pulse pulse = {0};
    pulse_begin(&pulse, 0);
    take(&pulse, 1, 1, 100, NOW_US);
    expect_pulse(&pulse, NOW_US + PULSE_SECONDS * SECOND_US, nothing);
    take(&pulse, 2, 1, 100, NOW_US + PULSE_SECONDS * SECOND_US); /* the same place in the ring */
    take(&pulse, 3, 1, 900, NOW_US);                             /* late: older than the window */
    expect_pulse(&pulse, NOW_US + PULSE_SECONDS * SECOND_US,
                 "{\"points\":[{\"ts\":\"2023-11-14T22:18:20.000Z\",\"avgPrice\":\"1.00\",\"buyOrders\":1,"
                 "\"sellOrders\":0}],\"stats\":{\"lastPrice\":\"1.00\",\"buyShare\":1,\"sellShare\":0,"
                 "\"ordersSampled\":1}}");
    uint64_t generation = pulse.generation;
    pulse_begin(&pulse, 5);
    ck_assert_uint_ne(pulse.generation, generation);
    expect_pulse(&pulse, NOW_US + PULSE_SECONDS * SECOND_US, nothing);
}
END_TEST

/* --- log_search --- */

static char root[] = "/tmp/tulip-logs-XXXXXX";

static void write_file(const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", root, path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    (void)mkdir(full, 0700);
    *slash = '/';
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

#define LINE(second, level, actor, message, more)                                                                      \
    "{\"ts\":\"2026-11-22T09:00:" second ".000Z\",\"level\":\"" level "\",\"actor\":\"" actor                          \
    "\",\"instance\":\"1\",\"message\":\"" message "\"" more "}\n"

static void make_logs(void)
{
    memcpy(root, "/tmp/tulip-logs-XXXXXX", sizeof root);
    ck_assert_ptr_nonnull(mkdtemp(root));
    write_file("sequencer-1/current",
               LINE("05", "info", "sequencer", "five", ",\"orderId\":\"nl-1.5\",\"userId\":\"clusius\"")
                   LINE("07", "info", "sequencer", "seven", ",\"orderId\":\"nl-1.7\",\"userId\":\"clusius\""));
    write_file("sequencer-1/@4000000067406f8a12345678.s", LINE("03", "info", "sequencer", "three", "") "not a line\n");
    write_file("sequencer-1/@4000000067406f8912345678.s",
               LINE("01", "error", "sequencer", "one", "") "{\"ts\":\"2026-11-22T09:00:00.000Z\",broken}\n");
    write_file("balance-1/current", LINE("02", "warning", "balance", "two", "")
                                        LINE("06", "info", "balance", "says \\\",\\\"orderId\\\":\\\"nl-1.5\\\"",
                                             ",\"orderId\":\"nl-1.50\""));
    write_file("balance-1/lock", LINE("09", "info", "balance", "no log file", ""));
    write_file("postgres/current", "2026-11-22 LOG: no JSON\n");
    write_file("secret", LINE("09", "info", "secret", "not in a directory of an actor", ""));
    char target[256], link[256];
    snprintf(target, sizeof target, "%s/secret", root);
    snprintf(link, sizeof link, "%s/balance-1/@4000000067406f8b12345678.s", root);
    ck_assert_int_eq(symlink(target, link), 0);
    snprintf(target, sizeof target, "%s/postgres", root);
    snprintf(link, sizeof link, "%s/outside-1", root);
    ck_assert_int_eq(symlink(target, link), 0);
}

static void remove_logs(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

/* Effect: searches to the end and writes the messages' first words found, "seven six …", into words. */
static struct log_search *search(const struct log_filter *filter, char words[static 512])
{
    struct text items = {0};
    struct log_search *found = log_search_new(root, filter);
    int steps = 0;
    while (!log_search_step(found, 1000, &items))
        ck_assert_int_lt(++steps, 1000000);
    words[0] = '\0';
    for (const char *at = items.bytes; at != NULL && (at = strstr(at, "\"message\":\"")) != NULL;) {
        at += strlen("\"message\":\"");
        snprintf(words + strlen(words), 512 - strlen(words), "%s%.*s", words[0] == '\0' ? "" : " ",
                 (int)strcspn(at, "\" "), at);
    }
    text_release(&items);
    return found;
}

static const struct {
    const char *expected;
    struct log_filter filter;
    size_t skipped;
    bool complete;
} searches[] = {
    {"seven says five three two one", {.limit = 50}, 2, true},
    {"seven says", {.limit = 2}, 0, false},
    {"five", {.order_id = "nl-1.5", .limit = 50}, 1, true},
    {"seven five", {.user_id = "clusius", .limit = 50}, 1, true},
    {"says two", {.actor = "balance", .limit = 50}, 0, true},
    {"one", {.level = "error", .limit = 50}, 1, true},
    {"", {.actor = "..", .limit = 50}, 0, true},
    {"", {.actor = "outside", .limit = 50}, 0, true},
    {"", {.actor = "postgres", .limit = 50}, 0, true},
    {"seven says five", {.since_us = INT64_C(1795338005) * SECOND_US, .limit = 50}, 0, true},
};

START_TEST(a_search_finds_the_newest_lines_of_all_actors_first)
{
    char words[512];
    make_logs();
    struct log_search *found = search(&searches[_i].filter, words);
    ck_assert_str_eq(words, searches[_i].expected);
    ck_assert_int_eq(log_search_is_complete(found), searches[_i].complete);
    if (searches[_i].complete && searches[_i].filter.since_us == 0)
        ck_assert_uint_ge(log_search_skipped(found), searches[_i].skipped);
    log_search_free(&found);
    remove_logs();
}
END_TEST

START_TEST(a_directory_that_is_not_there_has_no_lines)
{
    char words[512];
    memcpy(root, "/tmp/tulip-logs-absent", sizeof root);
    struct log_search *found = search(&(struct log_filter){.limit = 5}, words);
    ck_assert_str_eq(words, "");
    ck_assert(log_search_is_complete(found));
    log_search_free(&found);
}
END_TEST

START_TEST(long_files_are_read_backwards_line_by_line_and_lines_without_end_are_dropped)
{
    enum { LINES = 5000, LONG = 300000 };
    char words[512], path[256];
    make_logs();
    snprintf(path, sizeof path, "%s/persona-1", root);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/persona-1/current", root);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < LINES; i++)
        fprintf(
            file,
            "{\"ts\":\"2026-11-22T10:%02d:%02d.%03dZ\",\"level\":\"info\",\"actor\":\"persona\",\"message\":\"m%d\"}\n",
            i / 1000 / 60, i / 1000 % 60, i % 1000, i);
    for (int i = 0; i < LONG; i++)
        fputc('x', file);
    fputs("\n{\"ts\":\"2026-11-22T10:59:00.000Z\",\"level\":\"info\",\"actor\":\"persona\",\"message\":\"last\"}\n",
          file);
    fclose(file);
    struct log_search *found = search(&(struct log_filter){.actor = "persona", .limit = 3}, words);
    ck_assert_str_eq(words, "last m4999 m4998");
    ck_assert_uint_ge(log_search_skipped(found), 1);
    log_search_free(&found);
    struct text items = {0};
    found = log_search_new(root, &(struct log_filter){.actor = "persona", .limit = LINES + 10});
    while (!log_search_step(found, LOG_SEARCH_STEP_BYTES, &items)) {
    }
    ck_assert(log_search_is_complete(found));
    size_t count = 0;
    for (const char *at = items.bytes; (at = strstr(at, "\"message\"")) != NULL; at++)
        count++;
    ck_assert_uint_eq(count, LINES + 1);
    ck_assert_ptr_nonnull(strstr(items.bytes, "\"m0\""));
    text_release(&items);
    log_search_free(&found);
    remove_logs();
}
END_TEST

START_TEST(values_that_would_need_escaping_are_not_plain)
{
    ck_assert(log_filter_is_plain("nl-1.1842"));
    ck_assert(log_filter_is_plain("@market"));
    ck_assert(!log_filter_is_plain("a\"b"));
    ck_assert(!log_filter_is_plain("../x"));
    ck_assert(!log_filter_is_plain("a b"));
    ck_assert(!log_filter_is_plain("12345678901234567890123456789012345678901234567890123456789012345"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("views");
    TCase *tcase = tcase_create("percentile");
    tcase_add_test(tcase, what_came_before_the_first_hearing_is_not_counted);
    tcase_add_test(tcase, percentiles_lie_between_the_bounds_of_their_bucket);
    tcase_add_test(tcase, sources_are_merged_restarts_begin_anew_and_old_seconds_fall_out);
    tcase_add_test(tcase, too_many_sources_and_other_shapes_are_left_out);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("pulse");
    tcase_add_test(tcase, orders_are_counted_by_second_and_each_once);
    tcase_add_test(tcase, a_pulse_forgets_what_is_old_and_what_a_new_snapshot_replaces);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("log_search");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_search_finds_the_newest_lines_of_all_actors_first, 0,
                        (int)(sizeof searches / sizeof searches[0]));
    tcase_add_test(tcase, a_directory_that_is_not_there_has_no_lines);
    tcase_add_test(tcase, long_files_are_read_backwards_line_by_line_and_lines_without_end_are_dropped);
    tcase_add_test(tcase, values_that_would_need_escaping_are_not_plain);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
