#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "clock.h"
#include "inject.h"
#include "loop.h"

static char place[64];
static struct loop *loop;

static const struct inject_options options = {.place = place,
                                              .who = {.actor = "simfill", .instance = "2", .az = "nl-1b"}};

static void set_up(void)
{
    char faults[80];
    tb_copy_text(place, sizeof place, "/tmp/tulip-inject-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place));
    snprintf(faults, sizeof faults, "%s/faults", place);
    ck_assert_int_eq(mkdir(faults, 0700), 0);
    loop = loop_new();
}

static void path_of(const char *id, char path[160])
{
    snprintf(path, 160, "%s/faults/%s", place, id);
}

static void put(const char *id, const char *line)
{
    char path[160];
    path_of(id, path);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(line, file);
    fclose(file);
}

/* Effect: a record of ours: from a second ago until `seconds` from now. */
static void put_fault(const char *id, const char *begin, double seconds)
{
    char line[256];
    int64_t now_us = clock_now_us();
    snprintf(line, sizeof line, "%s %lld %lld -\n", begin, (long long)now_us - 1000000,
             (long long)now_us + (long long)(seconds * 1e6));
    put(id, line);
}

static void take_away(const char *id)
{
    char path[160];
    path_of(id, path);
    unlink(path);
}

static void on_stop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Effect: lets the loop run until the records are looked at again. */
static void look(void)
{
    struct loop_timer *timer = loop_timer_new(loop, on_stop, NULL);
    loop_timer_set(timer, INJECT_LOOK_US + 20000, 0);
    loop_run(loop);
    loop_timer_free(&timer);
}

static void tear_down(void)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    char faults[80];
    inject_stop();
    loop_free(&loop);
    for (size_t i = 0; i < TB_ARRAY_SIZE(ids); i++)
        take_away(ids[i]);
    snprintf(faults, sizeof faults, "%s/faults", place);
    ck_assert_int_eq(rmdir(faults), 0);
    ck_assert_int_eq(rmdir(place), 0);
}

START_TEST(a_record_is_read_field_by_field)
{
    struct inject_record record;
    struct err err = {0};
    ck_assert_int_eq(inject_parse("delay-1", "delay simfill/1 orders-stage 0.25 20 5 100 200 -\n", &record, &err), 0);
    ck_assert_str_eq(record.id, "delay-1");
    ck_assert_str_eq(record.kind, "delay");
    ck_assert_str_eq(record.target, "simfill/1");
    ck_assert_str_eq(record.link, "orders-stage");
    ck_assert(record.probability == 0.25);
    ck_assert_int_eq(record.what, INJECT_DELAY);
    ck_assert_int_eq(record.ms, 20);
    ck_assert_int_eq(record.jitter_ms, 5);
    ck_assert_int_eq(record.from_us, 100);
    ck_assert_int_eq(record.until_us, 200);
    ck_assert_int_eq(inject_parse("x", "drop * * - - - 1 2 -", &record, &err), 0);
    ck_assert(record.probability == 1);
    ck_assert_int_eq(inject_parse("x", "stop postgres - - - - 1 2 -", &record, &err), 0);
    ck_assert_int_eq(record.what, INJECT_STOP);
    ck_assert(!inject_is_in_force(&record, 0) && inject_is_in_force(&record, 1) && !inject_is_in_force(&record, 2));
    ck_assert_int_eq(inject_parse("x", "of-a-later-version * - - 7 - 1 2 -", &record, &err), 0);
    ck_assert_int_eq(record.what, INJECT_UNKNOWN);
}
END_TEST

START_TEST(a_bad_record_is_refused_and_the_field_named)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"", "0 fields"},
        {"drop * * 1 0 0 1", "7 fields"},
        {"drop * * 1 0 0 1 2 - more", "10 fields"},
        {"drop * * 1.5 0 0 1 2 -", "probability must be 0 to 1"},
        {"drop * * nan 0 0 1 2 -", "probability must be 0 to 1"},
        {"drop * * x 0 0 1 2 -", "probability is no number"},
        {"delay * * 1 60001 0 1 2 -", "ms must be 0 to 60000"},
        {"delay * * 1 -5 0 1 2 -", "ms must be 0 to"},
        {"delay * * 1 5 x 1 2 -", "jitter_ms is no whole number"},
        {"db-slow * - - 2001 - 1 2 -", "ms must be 0 to 2000"},
        {"cpu * - - 1001 - 1 2 -", "ms must be 0 to 1000"},
        {"cpu * - - 9 - 99999999999999999999 2 -", "from_us"},
        {"cpu * - - 9 - 1 2x -", "until_us is no whole number"},
        {"drop 0123456789012345678901234567890123456789012345678901234567890123456789 * 1 0 0 1 2 -",
         "a word is longer"},
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        struct inject_record record;
        struct err err = {0};
        ck_assert_int_eq(inject_parse("x", cases[i].line, &record, &err), -1);
        ck_assert_msg(strstr(err.text, cases[i].says) != NULL, "%s: %s", cases[i].line, err.text);
    }
}
END_TEST

START_TEST(a_target_is_all_an_actor_an_instance_or_a_zone)
{
    static const struct {
        const char *target;
        bool ours;
    } cases[] = {{"*", true},          {"simfill", true},     {"simfill/2", true}, {"az:nl-1b", true},
                 {"simfill/1", false}, {"simfill/22", false}, {"simfil", false},   {"balance", false},
                 {"az:nl-1a", false},  {"az:", false}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        struct inject_record record = {0};
        tb_copy_text(record.target, sizeof record.target, cases[i].target);
        ck_assert_msg(inject_is_for(&record, &options.who) == cases[i].ours, "%s", cases[i].target);
    }
}
END_TEST

START_TEST(without_records_nothing_happens)
{
    ck_assert(!inject_active);
    inject_start(loop, &options);
    look();
    ck_assert(!inject_active);
    struct inject_verdict verdict = inject_message("orders-stage");
    ck_assert(!verdict.drop && !verdict.twice && verdict.delay_us == 0);
    ck_assert_int_eq(inject_store_us(), 0);
}
END_TEST

START_TEST(faults_come_and_go_with_their_records)
{
    inject_start(loop, &options);
    put_fault("a", "drop * orders-stage 1 - -", 60);
    put_fault("b", "duplicate simfill executions-feed 1 - -", 60);
    put_fault("c", "delay az:nl-1b * 1 30 10", 60);
    put_fault("d", "db-slow simfill/2 - - 150 -", 60);
    look();
    ck_assert(inject_active);
    ck_assert(inject_message("orders-stage").drop);
    ck_assert(!inject_message("executions-feed").drop);
    ck_assert(inject_message("executions-feed").twice);
    int64_t delay_us = inject_message("outbox-stage").delay_us;
    ck_assert_int_ge(delay_us, 30000);
    ck_assert_int_le(delay_us, 40000);
    ck_assert_int_eq(inject_message("telemetry-simfill-2").delay_us, 0); /* "*" leaves heartbeats alone */
    ck_assert_int_eq(inject_store_us(), 150000);
    take_away("a");
    take_away("d");
    look();
    ck_assert(!inject_message("orders-stage").drop);
    ck_assert_int_eq(inject_store_us(), 0);
    ck_assert(inject_active);
}
END_TEST

START_TEST(a_fault_ends_by_itself_although_its_record_stays)
{
    inject_start(loop, &options);
    put_fault("a", "drop * * 1 - -", 0.3);
    look();
    ck_assert(inject_message("orders-stage").drop);
    for (int i = 0; i < 50 && inject_active; i++)
        look();
    ck_assert(!inject_active);
    ck_assert(!inject_message("orders-stage").drop);
}
END_TEST

START_TEST(a_probability_is_kept_roughly)
{
    int dropped = 0;
    inject_start(loop, &options);
    put_fault("a", "drop * * 0.3 - -", 60);
    look();
    for (int i = 0; i < 10000; i++)
        dropped += inject_message("orders-stage").drop;
    ck_assert_int_gt(dropped, 2500);
    ck_assert_int_lt(dropped, 3500);
}
END_TEST

START_TEST(what_is_not_for_us_or_not_understood_is_passed_over)
{
    inject_start(loop, &options);
    put_fault("a", "drop balance * 1 - -", 60);
    put("b", "nonsense");
    put_fault("c", "stop simfill - - - -", 60);
    put_fault("d", "drop simfill * 1 - -", -0.5);
    look();
    ck_assert(!inject_active);
    ck_assert(!inject_message("orders-stage").drop);
}
END_TEST

CHECK_MAIN("inject", tcase_add_checked_fixture(cases, set_up, tear_down);
           tcase_add_test(cases, a_record_is_read_field_by_field);
           tcase_add_test(cases, a_bad_record_is_refused_and_the_field_named);
           tcase_add_test(cases, a_target_is_all_an_actor_an_instance_or_a_zone);
           tcase_add_test(cases, without_records_nothing_happens);
           tcase_add_test(cases, faults_come_and_go_with_their_records);
           tcase_add_test(cases, a_fault_ends_by_itself_although_its_record_stays);
           tcase_add_test(cases, a_probability_is_kept_roughly);
           tcase_add_test(cases, what_is_not_for_us_or_not_understood_is_passed_over);)
