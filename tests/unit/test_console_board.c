#include "board.h"

#include <jansson.h>
#include <string.h>

#include "board_feed.h"
#include "board_text.h"
#include "check_main.h"
#include "heartbeats.h"

#define SECOND 1000000LL
#define BEGIN  (1764000000 * SECOND)

static struct board *board;
static struct text text;

static void set_up(void)
{
    board = board_new("nl-1");
}

static void tear_down(void)
{
    board_free(&board);
    text_release(&text);
    text = (struct text){0};
}

static void hear(const char *actor, const char *state, uint64_t boot_id, double count, int64_t now_us)
{
    struct heartbeat heartbeat;
    heartbeat_init(&heartbeat, actor, "1", state);
    heartbeat.base.sent_at_us = now_us;
    heartbeat.base.leader = strcmp(state, "READY") == 0;
    heartbeat.base.started_at_us = BEGIN - 60 * SECOND;
    heartbeat_add(&heartbeat, TB__METRIC__KIND__COUNTER, "tb_orders_accepted_total", "", "", count);
    heartbeat_add(&heartbeat, TB__METRIC__KIND__GAUGE, "tb_queue_depth", "link=\"orders-command\"", "", 12);
    heartbeat_add(&heartbeat, TB__METRIC__KIND__COUNTER, "tb_bus_sent_total", "link=\"orders-feed\"", "", count / 2);
    heartbeat_add(&heartbeat, TB__METRIC__KIND__COUNTER, "tb_bus_handshake_failures_total", "link=\"orders-feed\"", "",
                  3);
    board_hear(board, &heartbeat.base, boot_id, now_us);
}

static struct board_row row_at(size_t index, int64_t now_us)
{
    struct board_row row;
    board_row(board, index, now_us, &row);
    return row;
}

static const char *page(int width, int height, bool color, int64_t now_us)
{
    struct page shown = {.text = &text, .width = width, .height = height, .color = color};
    text_clear(&text);
    board_text_write(board, &shown, now_us);
    return text.bytes;
}

START_TEST(a_rate_is_over_the_last_seconds)
{
    for (int i = 0; i <= 40; i++)
        hear("sequencer", "READY", 1, 1000 + 25.0 * i, BEGIN + i * SECOND / 4);
    int64_t now_us = BEGIN + 10 * SECOND;
    struct board_row row = row_at(0, now_us);
    ck_assert(row.per_second > 99.9 && row.per_second < 100.1);
    ck_assert_str_eq(row.unit, "orders");
    ck_assert_str_eq(row.state, "leader");
    ck_assert(row.depth == 12);
    ck_assert_int_eq(row.uptime_us, 70 * SECOND);
    ck_assert(board_rate(board, "tb_orders_accepted_total", NULL, now_us) > 99);
    ck_assert(board_rate(board, "tb_trades_total", NULL, now_us) < 0);
}
END_TEST

START_TEST(a_restart_is_no_fall_of_the_rate)
{
    for (int i = 0; i <= 20; i++)
        hear("sequencer", "READY", 1, 5000 + i, BEGIN + i * SECOND / 4);
    hear("sequencer", "READY", 2, 3, BEGIN + 6 * SECOND);
    ck_assert(row_at(0, BEGIN + 6 * SECOND).per_second < 0); /* not known yet */
    hear("sequencer", "READY", 2, 13, BEGIN + 7 * SECOND);
    ck_assert(row_at(0, BEGIN + 7 * SECOND).per_second == 10);
}
END_TEST

START_TEST(who_is_silent_is_stale_then_dead_then_back)
{
    hear("sequencer", "READY", 1, 0, BEGIN);
    ck_assert_int_eq(row_at(0, BEGIN + BOARD_STALE_US - 1).level, BOARD_GOOD);
    struct board_row row = row_at(0, BEGIN + 2 * SECOND);
    ck_assert_int_eq(row.level, BOARD_DOUBTFUL);
    ck_assert_str_eq(row.state, "stale 2s");
    row = row_at(0, BEGIN + 12 * SECOND);
    ck_assert_int_eq(row.level, BOARD_DEAD);
    ck_assert_str_eq(row.state, "DEAD 12s");
    ck_assert_ptr_nonnull(strstr(page(80, 0, true, BEGIN + 12 * SECOND), "\033[1;31msequencer/1"));
    ck_assert(board_rate(board, "tb_orders_accepted_total", NULL, BEGIN + 12 * SECOND) < 0);
    hear("sequencer", "STANDBY", 2, 0, BEGIN + 13 * SECOND);
    row = row_at(0, BEGIN + 13 * SECOND);
    ck_assert_str_eq(row.state, "standby");
    ck_assert_int_eq(row.level, BOARD_PASSIVE);
}
END_TEST

START_TEST(who_is_expected_and_never_heard_of_is_dead)
{
    board_expect(board, "simfill", "1");
    board_expect(board, "gateway", "1");
    hear("simfill", "READY", 1, 0, BEGIN);
    ck_assert_uint_eq(board->count, 2);
    ck_assert_str_eq(row_at(0, BEGIN).actor, "gateway"); /* in the order an order passes them */
    ck_assert_int_eq(row_at(0, BEGIN).level, BOARD_DEAD);
    ck_assert_int_eq(row_at(1, BEGIN).level, BOARD_GOOD);
    ck_assert_ptr_nonnull(strstr(page(80, 0, false, BEGIN), "never heard of"));
}
END_TEST

START_TEST(who_has_no_process_is_dead_at_once)
{
    hear("balance", "READY", 1, 0, BEGIN);
    board->members[0].gone = true;
    ck_assert_int_eq(row_at(0, BEGIN + SECOND).level, BOARD_DEAD);
    hear("balance", "READY", 2, 0, BEGIN + SECOND);
    ck_assert_int_eq(row_at(0, BEGIN + SECOND).level, BOARD_GOOD);
}
END_TEST

START_TEST(links_and_what_befell_them)
{
    struct board_link links[BOARD_LINKS_MAX];
    struct board_event events[BOARD_EVENTS_MAX];
    for (int i = 0; i <= 12; i++)
        hear("sequencer", "READY", 1, 100.0 * i, BEGIN + i * SECOND / 4);
    size_t count = board_links(board, BEGIN + 3 * SECOND, links);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(links[0].name, "orders-command");
    ck_assert(links[0].depth == 12 && links[0].sent_per_s < 0);
    ck_assert_str_eq(links[1].name, "orders-feed");
    ck_assert(links[1].sent_per_s == 200);
    ck_assert_uint_eq(board_events(board, BEGIN + 3 * SECOND, events), 2);
    ck_assert_str_eq(events[1].name, "handshake_failures");
    ck_assert(events[1].total == 3);
    ck_assert_ptr_nonnull(strstr(page(0, 0, false, BEGIN + 3 * SECOND), "handshake_failures 3"));
}
END_TEST

START_TEST(a_page_keeps_within_its_terminal)
{
    for (int i = 0; i < 3; i++)
        hear(i == 0 ? "sequencer" : i == 1 ? "simfill" : "balance", "READY", 1, 1e9, BEGIN);
    const char *line = page(80, 10, false, BEGIN);
    int lines = 0;
    for (; *line != '\0'; lines++) {
        size_t length = strcspn(line, "\n");
        ck_assert_uint_le(length, 80);
        line += length + 1;
    }
    ck_assert_int_eq(lines, 10);
    ck_assert_ptr_nonnull(strstr(text.bytes, "make the window taller"));
    ck_assert_ptr_null(strchr(text.bytes, '\033'));
}
END_TEST

START_TEST(alarms_and_cues_are_shown)
{
    hear("sequencer", "READY", 1, 0, BEGIN);
    ck_assert_ptr_nonnull(strstr(page(0, 0, false, BEGIN), "alarms not known"));
    board->alarms_read_us = BEGIN;
    ck_assert_ptr_nonnull(strstr(page(0, 0, false, BEGIN), "alarms none"));
    board->alarms[0] = (struct board_alarm){
        .id = "dlq-depth", .severity = "warning", .message = "1 adjustments\033[2J failed", .since_us = BEGIN - SECOND};
    board->alarm_count = 1;
    board_judge(board, BEGIN); /* simfill and others are away */
    ck_assert_ptr_nonnull(
        strstr(page(0, 0, false, BEGIN), "ALARM  dlq-depth (warning, 1.0s) 1 adjustments?[2J failed"));
    ck_assert_ptr_nonnull(strstr(text.bytes, "CUE    az-blip"));
    ck_assert_ptr_nonnull(strstr(text.bytes, "CUE    balance-unavailable"));
}
END_TEST

START_TEST(the_board_is_json_too)
{
    hear("sequencer", "READY", 1, 0, BEGIN);
    board_judge(board, BEGIN);
    text_clear(&text);
    board_json_write(board, &text, BEGIN);
    json_t *json = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(json != NULL, "%s", text.bytes);
    json_t *actor = json_array_get(json_object_get(json, "actors"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(actor, "state")), "leader");
    ck_assert(json_is_false(json_object_get(actor, "dead")));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "cues")), CUES_COUNT);
    json_decref(json);
}
END_TEST

START_TEST(a_span_has_few_characters)
{
    static const struct {
        double us;
        const char *text;
    } spans[] = {
        {-1, "-"},         {0, "0"},          {850, "850us"},     {3200, "3.2ms"},       {45000, "45ms"},
        {1500000, "1.5s"}, {45000000, "45s"}, {720000000, "12m"}, {11100000000, "3h05"}, {864000000000, "10d"}};
    char span[SPAN_TEXT_MAX];
    ck_assert_str_eq(span_format(spans[_i].us, span), spans[_i].text);
}
END_TEST

static void feed_text(struct board_feed *feed, const char *bytes, size_t step, int64_t now_us)
{
    for (size_t at = 0, size = strlen(bytes); at < size; at += step)
        board_feed_take(feed, bytes + at, size - at < step ? size - at : step, now_us);
}

/* step: how many bytes come at once. */
START_TEST(frames_from_http_are_heard_like_heartbeats)
{
    static const size_t steps[] = {1, 7, 100000};
    struct board_feed *feed = board_feed_new(board);
    for (int i = 0; i < 3; i++) {
        char frame[2000];
        snprintf(frame, sizeof frame,
                 "A\tsequencer\t1\tnl-1\taz-1\tREADY\t4711\t2\t5\nA\tbalance\t1\tnl-1\taz-1\tDOWN\t12\t0\t0\n"
                 "# HELP tb_orders_accepted_total x\nrubbish\nA\ttoo\tfew\n"
                 "tb_orders_accepted_total{actor=\"sequencer\",instance=\"1\"} %d\n"
                 "tb_queue_depth{actor=\"sequencer\",instance=\"1\",link=\"orders-command\"} 3\n"
                 "tb_order_accept_seconds_bucket{actor=\"sequencer\",instance=\"1\",le=\"0.001\"} %d\n"
                 "tb_order_accept_seconds_bucket{actor=\"sequencer\",instance=\"1\",le=\"+Inf\"} %d\n"
                 "L\tdlq-depth\twarning\t1764000000\t1 adjustments failed\t1\nP\torders\t77\n.\n",
                 100 * i, 10 * i, 10 * i);
        feed_text(feed, frame, steps[_i], BEGIN + i * SECOND);
    }
    ck_assert_uint_eq(board_feed_frames(feed), 3);
    ck_assert_uint_eq(board->count, 2);
    struct board_row row = row_at(0, BEGIN + 2 * SECOND);
    ck_assert_str_eq(row.actor, "sequencer");
    ck_assert_int_eq(row.pid, 4711);
    ck_assert_int_eq(row.lag, 5);
    ck_assert(row.per_second == 100);
    ck_assert(row.depth == 3);
    ck_assert_int_eq(row_at(1, BEGIN + 2 * SECOND).level, BOARD_DEAD);
    ck_assert_uint_eq(board->alarm_count, 1);
    ck_assert_str_eq(board->alarms[0].id, "dlq-depth");
    ck_assert_uint_eq(board->positions[0].position, 77);
    double p99 = percentile_of(&board->accept, 0.99, 10, BEGIN + 2 * SECOND);
    ck_assert(p99 > 0 && p99 <= 0.001);
    board_feed_free(&feed);
}
END_TEST

CHECK_MAIN("console_board", tcase_add_checked_fixture(cases, set_up, tear_down);
           tcase_add_test(cases, a_rate_is_over_the_last_seconds);
           tcase_add_test(cases, a_restart_is_no_fall_of_the_rate);
           tcase_add_test(cases, who_is_silent_is_stale_then_dead_then_back);
           tcase_add_test(cases, who_is_expected_and_never_heard_of_is_dead);
           tcase_add_test(cases, who_has_no_process_is_dead_at_once); tcase_add_test(cases, links_and_what_befell_them);
           tcase_add_test(cases, a_page_keeps_within_its_terminal); tcase_add_test(cases, alarms_and_cues_are_shown);
           tcase_add_test(cases, the_board_is_json_too); tcase_add_loop_test(cases, a_span_has_few_characters, 0, 10);
           tcase_add_loop_test(cases, frames_from_http_are_heard_like_heartbeats, 0, 3);)
