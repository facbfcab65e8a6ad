/* The actor skeleton, with a small actor of the test's own: start, leadership and takeover, loss of the store, fencing,
 * faults, drain. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor_rig.h"
#include "base.h"
#include "clock.h"
#include "reconciler.pb-c.h"
#include "testdb.h"

enum { WAIT_MS = 30000 };

static const char *url;
static char admin_url[512];
static char program[512];
static struct rig *rig;
static struct rig_link *gateway;
static uint64_t next_id;

static const char schema[] =
    "CREATE TABLE stream_heads (region text, stream text, epoch bigint NOT NULL DEFAULT 0, PRIMARY KEY (region, "
    "stream));"
    "INSERT INTO stream_heads VALUES ('nl-1', 'ops');"
    "CREATE TABLE notes (number bigint PRIMARY KEY);"
    "CREATE FUNCTION take_epoch(a_region text, a_stream text, OUT epoch bigint) LANGUAGE sql AS $$ UPDATE stream_heads "
    "h SET epoch = "
    "h.epoch + 1 WHERE h.region = a_region AND h.stream = a_stream RETURNING h.epoch $$;"
    "CREATE FUNCTION note_append(a_region text, a_epoch bigint, sleep_ms bigint) RETURNS bigint LANGUAGE plpgsql AS $$ "
    "DECLARE n bigint; "
    "BEGIN PERFORM FROM stream_heads WHERE region = a_region AND stream = 'ops' AND epoch = a_epoch FOR UPDATE; IF NOT "
    "FOUND THEN RAISE "
    "EXCEPTION 'fenced' USING ERRCODE = 'TB001'; END IF; PERFORM pg_sleep(sleep_ms / 1000.0); "
    "INSERT INTO notes SELECT coalesce(max(number), 0) + 1 FROM notes RETURNING number INTO n; RETURN n; END $$";

/* One database for all: as the last test left it, without the sessions that the server has not seen end yet. */
static void setup(void)
{
    if (url == NULL) {
        url = testdb_fresh_empty();
        testdb_run(url, "%s", schema);
    }
    testdb_run(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tulip %%'");
    ck_assert(
        testdb_wait(url, 0, WAIT_MS, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tulip %%'"));
    testdb_run(url, "TRUNCATE notes");
    snprintf(admin_url, sizeof admin_url, "%s user=tb_persona", url); /* the test actor has no role of its own */
    snprintf(program, sizeof program, "%s/tests/tb-testactor", getenv("TB_BUILD_DIR"));
    rig = rig_new(admin_url);
    gateway = NULL;
    next_id = 100;
}

static void teardown(void)
{
    rig_free(&rig);
}

static struct rig_actor *start_with(const char *instance, const char *const *settings)
{
    return rig_start_program(rig, program, "testactor", instance, settings);
}

static struct rig_actor *start(const char *instance)
{
    return start_with(instance, NULL);
}

static bool ask(uint64_t id, uint64_t sleep_ms)
{
    Tb__VerifyReplay question = TB__VERIFY_REPLAY__INIT;
    question.request_id = id;
    question.from_seq = sleep_ms;
    if (gateway == NULL)
        gateway = rig_open(rig, "gateway/1", "test-command", BUS_DEALER, false);
    return rig_send(gateway, NULL, TB__MESSAGE_TYPE__VERIFY_REPLAY, &question.base, 0, 0, WAIT_MS);
}

/* Asks and asks again, as clients do, until this instance answers. Return: the row's number, 0 after deadline_ms. */
static uint64_t answered_by(const char *instance, int deadline_ms)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)deadline_ms * 1000;
    while (clock_monotonic_us() < deadline) {
        uint64_t id = ++next_id;
        ck_assert(ask(id, 0));
        const struct rig_message *message;
        while ((message = rig_receive(gateway, TB__MESSAGE_TYPE__REPLAY_VERIFIED, 50)) != NULL) {
            const Tb__ReplayVerified *answer = (const Tb__ReplayVerified *)message->payload;
            if (answer->request_id == id && answer->refusal == 0 && strcmp(answer->live_hash, instance) == 0)
                return answer->orders;
        }
    }
    return 0;
}

struct metric_wait {
    struct rig_actor *actor;
    const char *name, *labels;
    double least;
};

static bool has_metric(void *arg)
{
    struct metric_wait *wait = arg;
    return rig_metric(wait->actor, wait->name, wait->labels) >= wait->least;
}

static bool metric_reaches(struct rig_actor *actor, const char *name, const char *labels, double least)
{
    struct metric_wait wait = {actor, name, labels, least};
    return rig_wait(rig, has_metric, &wait, WAIT_MS);
}

/* ---- start and end ---- */

START_TEST(it_leads_answers_and_stops)
{
    static const char *const settings[] = {"TB_RESTARTS=3", "TB_AZ=az-9", NULL};
    struct rig_actor *actor = start_with("1", settings);
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 1);
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 2);
    ck_assert(metric_reaches(actor, "tb_bus_received_total", "link=\"test-command\"", 2));
    ck_assert(metric_reaches(actor, "tb_bus_sent_total", "link=\"test-feed\"", 2));
    ck_assert(metric_reaches(actor, "test_flushes_total", NULL, 3));
    ck_assert(metric_reaches(actor, "tb_resident_bytes", NULL, 1000000));
    const Tb__Heartbeat *heartbeat = rig_heartbeat(actor);
    ck_assert(heartbeat->leader);
    ck_assert_uint_eq(heartbeat->restarts, 3);
    ck_assert_uint_eq(heartbeat->lag, 42); /* said by a timer */
    ck_assert_str_eq(heartbeat->az, "az-9");
    ck_assert_str_eq(heartbeat->instance, "1");
    ck_assert_double_eq(rig_metric(actor, "tb_store_connected", NULL), 1);
    rig_kill(actor, SIGTERM);
    ck_assert_int_eq(rig_wait_exit(actor, WAIT_MS), 0);
}
END_TEST

static const struct {
    const char *setting, *says;
} wrong[] = {
    {"TB_DATABASE_URL=", "database_url is not set"},
    {"TB_DATABASE_URL=nonsense=1", "not a PostgreSQL connection string"},
    {"TB_RUN_DIR=/nowhere/run", "run_dir /nowhere/run: No such file"},
    {"TB_TOPOLOGY=/nowhere/topology.ini", "topology file /nowhere/topology.ini"},
    {"TB_TEST_REFUSES=1", "test_refuses says no"},
    {"TB_TEST_REFUSES=many", "test_refuses"},
    {"TB_FAULT=nonsense", "TB_FAULT"},
};

START_TEST(a_wrong_setting_ends_it_with_2_and_a_sentence)
{
    const char *settings[] = {wrong[_i].setting, NULL};
    struct rig_actor *actor = start_with("1", settings);
    ck_assert_int_eq(rig_wait_exit(actor, WAIT_MS), 2);
    ck_assert(rig_log_has(actor, wrong[_i].says));
}
END_TEST

START_TEST(a_run_directory_too_deep_for_sockets_is_named)
{
    char deep[256], setting[300];
    snprintf(deep, sizeof deep, "%s/%0100d", rig_run_dir(rig), 0);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    snprintf(setting, sizeof setting, "TB_RUN_DIR=%s", deep);
    const char *settings[] = {setting, NULL};
    struct rig_actor *actor = start_with("1", settings);
    ck_assert_int_eq(rig_wait_exit(actor, WAIT_MS), 2);
    ck_assert(rig_log_has(actor, "shorter run directory"));
}
END_TEST

START_TEST(a_stop_lets_the_call_under_way_finish_and_be_answered)
{
    struct rig_actor *actor = start("1");
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    ck_assert(ask(7, 500));
    ck_assert(testdb_wait(url, 1, WAIT_MS, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"));
    rig_kill(actor, SIGTERM);
    const struct rig_message *message = rig_receive(gateway, TB__MESSAGE_TYPE__REPLAY_VERIFIED, WAIT_MS);
    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(((const Tb__ReplayVerified *)message->payload)->orders, 1);
    ck_assert_int_eq(rig_wait_exit(actor, WAIT_MS), 0);
}
END_TEST

START_TEST(a_stop_waits_two_seconds_at_most)
{
    struct rig_actor *actor = start("1");
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    ck_assert(ask(7, 30000));
    ck_assert(testdb_wait(url, 1, WAIT_MS, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"));
    int64_t before = clock_monotonic_us();
    rig_kill(actor, SIGTERM);
    ck_assert_int_eq(rig_wait_exit(actor, WAIT_MS), 0);
    int64_t took = clock_monotonic_us() - before;
    ck_assert_msg(took > 1900000 && took < 15000000, "%lld us", (long long)took);
    ck_assert(rig_log_has(actor, "stopping with work under way"));
}
END_TEST

/* ---- messages ---- */

START_TEST(what_a_link_does_not_take_is_counted_and_logged_once)
{
    struct rig_actor *actor = start("1");
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    Tb__VerifyReplay question = TB__VERIFY_REPLAY__INIT;
    Tb__CheckInvariants other = TB__CHECK_INVARIANTS__INIT;
    struct rig_link *balance = rig_open(rig, "balance/1", "test-command", BUS_DEALER, false);
    struct rig_link *gateways = rig_open(rig, "gateways/1", "test-command", BUS_DEALER, false);
    gateway = rig_open(rig, "gateway/1", "test-command", BUS_DEALER, false);
    for (int i = 0; i < 3; i++) {
        ck_assert(rig_send(balance, NULL, TB__MESSAGE_TYPE__VERIFY_REPLAY, &question.base, 0, 0, WAIT_MS));
        ck_assert(rig_send(gateways, NULL, TB__MESSAGE_TYPE__VERIFY_REPLAY, &question.base, 0, 0, WAIT_MS));
        ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__CHECK_INVARIANTS, &other.base, 0, 0, WAIT_MS));
    }
    ck_assert(metric_reaches(actor, "tb_messages_refused_total", NULL, 9));
    ck_assert(rig_log_has(actor, "link test-command takes no tb.VerifyReplay from"));
    ck_assert(rig_log_has(actor, "link test-command takes no tb.CheckInvariants from gateway/1"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM notes"), 0);
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 1);
}
END_TEST

/* ---- leadership ---- */

START_TEST(a_standby_takes_over_within_a_second_of_the_leaders_death)
{
    struct rig_actor *first = start("1");
    ck_assert(rig_wait_state(first, "READY", WAIT_MS));
    struct rig_actor *second = start("2");
    ck_assert(rig_wait_state(second, "STANDBY", WAIT_MS));
    ck_assert(!rig_heartbeat(second)->leader);
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 1);
    int64_t before = clock_monotonic_us();
    rig_kill(first, SIGKILL);
    ck_assert_uint_gt(answered_by("2", WAIT_MS), 1);
    int64_t took = clock_monotonic_us() - before;
    ck_assert_msg(took < 1000000, "it took %lld us", (long long)took);
    ck_assert(rig_wait_state(second, "READY", WAIT_MS));
    ck_assert(rig_heartbeat(second)->leader);
}
END_TEST

START_TEST(a_standby_takes_over_when_the_leader_stops)
{
    struct rig_actor *first = start("1");
    ck_assert(rig_wait_state(first, "READY", WAIT_MS));
    struct rig_actor *second = start("2");
    ck_assert(rig_wait_state(second, "STANDBY", WAIT_MS));
    rig_kill(first, SIGTERM);
    ck_assert_int_eq(rig_wait_exit(first, WAIT_MS), 0);
    ck_assert(rig_wait_state(second, "READY", WAIT_MS));
    ck_assert_uint_gt(answered_by("2", WAIT_MS), 0);
}
END_TEST

START_TEST(a_leader_that_is_frozen_loses_its_place_and_comes_back_as_standby)
{
    struct rig_actor *first = start("1");
    ck_assert(rig_wait_state(first, "READY", WAIT_MS));
    struct rig_actor *second = start("2");
    ck_assert(rig_wait_state(second, "STANDBY", WAIT_MS));
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 1);
    rig_kill(first, SIGSTOP);
    ck_assert(rig_wait_state(second, "READY", WAIT_MS)); /* the lease is 4 s */
    ck_assert_uint_gt(answered_by("2", WAIT_MS), 1);
    rig_kill(first, SIGCONT);
    ck_assert(rig_wait_state(first, "STANDBY", WAIT_MS));
    ck_assert_uint_gt(answered_by("2", WAIT_MS), 2);
}
END_TEST

START_TEST(a_fenced_leader_halts_with_75)
{
    struct rig_actor *actor = start("1");
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    testdb_run(url, "SELECT take_epoch('nl-1', 'ops')");
    ck_assert(ask(7, 0));
    ck_assert_int_eq(rig_wait_exit(actor, WAIT_MS), 75);
    ck_assert(rig_log_has(actor, "halt: fenced"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM notes"), 0);
}
END_TEST

START_TEST(the_old_leaders_end_does_not_take_the_successors_endpoint_away)
{
    struct rig_actor *first = start("1");
    ck_assert(rig_wait_state(first, "READY", WAIT_MS));
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 1);
    struct rig_actor *second = start("2");
    ck_assert(rig_wait_state(second, "STANDBY", WAIT_MS));
    rig_kill(first, SIGSTOP);
    ck_assert(rig_wait_state(second, "READY", WAIT_MS));
    rig_kill(first, SIGCONT);
    rig_kill(first, SIGTERM);
    ck_assert_int_eq(rig_wait_exit(first, WAIT_MS), 0);
    rig_close(&gateway); /* a client that comes only now */
    ck_assert_uint_gt(answered_by("2", WAIT_MS), 1);
}
END_TEST

/* ---- the store goes away ---- */

START_TEST(it_survives_the_death_of_the_database)
{
    struct rig_actor *actor = start("1");
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 1);
    ck_assert(ask(7, 60000));
    ck_assert(testdb_wait(url, 1, WAIT_MS, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"));
    testdb_crash();
    const struct rig_message *message = rig_receive(gateway, TB__MESSAGE_TYPE__REPLAY_VERIFIED, WAIT_MS);
    ck_assert_ptr_nonnull(message);
    ck_assert_int_eq(((const Tb__ReplayVerified *)message->payload)->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ck_assert(rig_wait_state(actor, "DEGRADED", WAIT_MS));
    ck_assert(ask(8, 0)); /* while it is away: answered, not left waiting */
    message = rig_receive(gateway, TB__MESSAGE_TYPE__REPLAY_VERIFIED, WAIT_MS);
    ck_assert_ptr_nonnull(message);
    ck_assert_int_eq(((const Tb__ReplayVerified *)message->payload)->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ck_assert(rig_log_has(actor, "the core heard that the store is lost"));
    testdb_restart();
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    ck_assert_uint_ge(answered_by("1", WAIT_MS), 2);
    ck_assert(metric_reaches(actor, "test_starts_total", NULL, 2));
    ck_assert_int_eq(rig_wait_exit(actor, 0), -1); /* the same process all along */
}
END_TEST

START_TEST(it_waits_for_a_database_that_is_not_there_yet)
{
    testdb_run(url, "ALTER FUNCTION note_append RENAME TO not_yet");
    struct rig_actor *actor = start("1");
    ck_assert(rig_wait_state(actor, "CONNECT", WAIT_MS));
    ck_assert(metric_reaches(actor, "tb_resident_bytes", NULL, 1));
    testdb_run(url, "ALTER FUNCTION not_yet RENAME TO note_append");
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    ck_assert(rig_log_has(actor, "store away: append: ERROR"));
}
END_TEST

/* ---- faults ---- */

static const struct {
    const char *fault;
    int rows; /* committed when it dies at the first question */
} faults[] = {
    {"TB_FAULT=testactor.before_commit:kill:2", 0}, /* the first is take_epoch */
    {"TB_FAULT=testactor.after_commit:kill:2", 1},
    {"TB_FAULT=testactor.before_send:kill:1", 1},
    {"TB_FAULT=testactor.after_send:kill:1", 1},
};

START_TEST(it_dies_at_the_named_moment)
{
    const char *settings[] = {faults[_i].fault, NULL};
    struct rig_actor *actor = start_with("1", settings);
    ck_assert(rig_wait_state(actor, "READY", WAIT_MS));
    ck_assert(ask(7, 0));
    ck_assert_int_eq(rig_wait_exit(actor, WAIT_MS), 128 + SIGKILL);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM notes"), faults[_i].rows);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("actor");
    TCase *ends = add_case(suite, "start and end");
    tcase_add_test(ends, it_leads_answers_and_stops);
    tcase_add_loop_test(ends, a_wrong_setting_ends_it_with_2_and_a_sentence, 0, (int)TB_ARRAY_SIZE(wrong));
    tcase_add_test(ends, a_run_directory_too_deep_for_sockets_is_named);
    tcase_add_test(ends, a_stop_lets_the_call_under_way_finish_and_be_answered);
    tcase_add_test(ends, a_stop_waits_two_seconds_at_most);
    tcase_add_test(ends, what_a_link_does_not_take_is_counted_and_logged_once);
    TCase *leadership = add_case(suite, "leadership");
    tcase_add_test(leadership, a_standby_takes_over_within_a_second_of_the_leaders_death);
    tcase_add_test(leadership, a_standby_takes_over_when_the_leader_stops);
    tcase_add_test(leadership, a_leader_that_is_frozen_loses_its_place_and_comes_back_as_standby);
    tcase_add_test(leadership, a_fenced_leader_halts_with_75);
    tcase_add_test(leadership, the_old_leaders_end_does_not_take_the_successors_endpoint_away);
    TCase *store = add_case(suite, "store");
    tcase_add_test(store, it_survives_the_death_of_the_database);
    tcase_add_test(store, it_waits_for_a_database_that_is_not_there_yet);
    tcase_add_loop_test(store, it_dies_at_the_named_moment, 0, (int)TB_ARRAY_SIZE(faults));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
