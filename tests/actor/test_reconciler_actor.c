/* The real tb-reconciler on a real PostgreSQL: alarms rise and fall, with their events; what is new is audited; demands
 * are served. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor_rig.h"
#include "audit_history.h"
#include "base.h"
#include "check_main.h"
#include "clock.h"
#include "persona.pb-c.h"
#include "reconciler.pb-c.h"
#include "testdb.h"

enum { READY_MS = 30000, ANSWER_MS = 30000, ALARM_MS = 30000 };

static const char *url;
static struct rig *rig;
static struct rig_actor *reconciler;
static struct rig_link *gateway, *feed;
static const char *const settings[] = {"TB_RECONCILER_PROBE_MS=50", "TB_BACKLOG_ALARM=100", NULL};

static void start(void)
{
    url = testdb_fresh();
    audit_history_write(url);
    rig = rig_new(url);
    gateway = rig_open(rig, "gateway/1", "reconciler-command", BUS_DEALER, false);
    feed = rig_open(rig, "gateway/1", "ops-feed-reconciler", BUS_SUB, false);
    reconciler = rig_start(rig, "reconciler", "1", settings);
    ck_assert(rig_wait_state(reconciler, "READY", READY_MS));
}

static const Tb__InvariantsChecked *check_invariants(uint64_t request_id)
{
    Tb__CheckInvariants message = TB__CHECK_INVARIANTS__INIT;
    message.request_id = request_id;
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__CHECK_INVARIANTS, &message.base, 0, 0, ANSWER_MS));
    const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__INVARIANTS_CHECKED, ANSWER_MS);
    ck_assert_ptr_nonnull(answer);
    const Tb__InvariantsChecked *checked = (const Tb__InvariantsChecked *)answer->payload;
    ck_assert_uint_eq(checked->request_id, request_id);
    return checked;
}

static const Tb__ReplayVerified *verify_replay(uint64_t from_seq, uint64_t to_seq)
{
    Tb__VerifyReplay message = TB__VERIFY_REPLAY__INIT;
    message.request_id = 77;
    message.from_seq = from_seq;
    message.to_seq = to_seq;
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__VERIFY_REPLAY, &message.base, 0, 0, ANSWER_MS));
    const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__REPLAY_VERIFIED, ANSWER_MS);
    ck_assert_ptr_nonnull(answer);
    return (const Tb__ReplayVerified *)answer->payload;
}

static bool wait_alarm(const char *id, bool active)
{
    return testdb_wait(url, 1, ALARM_MS, "SELECT count(*) FROM alarms WHERE id = '%s' AND active = %s", id,
                       active ? "true" : "false");
}

START_TEST(every_invariant_is_checked_on_demand)
{
    start();
    const Tb__InvariantsChecked *checked = check_invariants(5);
    ck_assert_int_eq((int)checked->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_uint_eq(checked->n_checks, 10);
    for (size_t i = 0; i < checked->n_checks; i++) {
        char id[24];
        snprintf(id, sizeof id, "I%zu", i + 1);
        ck_assert_str_eq(checked->checks[i]->id, id);
        ck_assert_msg(checked->checks[i]->ok, "%s: %s", id, checked->checks[i]->sample_json);
    }
    ck_assert_int_gt(checked->checked_at_us, 1600000000000000);
    rig_free(&rig);
}
END_TEST

START_TEST(a_broken_invariant_is_named_noted_and_raises_the_alarm)
{
    start();
    testdb_run(url, "UPDATE executions SET quantity = 11 WHERE order_seq = 1 AND leg = 0");
    const Tb__InvariantsChecked *checked = check_invariants(6);
    for (size_t i = 0; i < checked->n_checks; i++)
        ck_assert_int_eq(checked->checks[i]->ok, i != 2);
    ck_assert_uint_eq(checked->checks[2]->count, 1);
    ck_assert_ptr_nonnull(strstr(checked->checks[2]->sample_json, "\"orderSeq\": 1"));
    ck_assert(testdb_wait(url, 1, ALARM_MS, "SELECT count(*) FROM findings WHERE invariant = 'I3' AND count = 1"));
    ck_assert(wait_alarm("balance-mismatch", true));
    testdb_run(url, "UPDATE executions SET quantity = 10 WHERE order_seq = 1 AND leg = 0");
    ck_assert(check_invariants(7)->checks[2]->ok);
    ck_assert(wait_alarm("balance-mismatch", false));
    rig_free(&rig);
}
END_TEST

START_TEST(a_replay_covers_the_range_asked_for)
{
    start();
    const Tb__ReplayVerified *all = verify_replay(0, 0);
    ck_assert_uint_eq(all->request_id, 77);
    ck_assert(all->ok);
    ck_assert_uint_eq(all->orders, 8); /* seq 7 is a cancel request */
    ck_assert_str_eq(all->live_hash, all->replay_hash);
    ck_assert_uint_eq(strlen(all->live_hash), 16);
    ck_assert_uint_eq(verify_replay(2, 4)->orders, 3);
    testdb_run(url, "UPDATE executions SET quantity = quantity + d, notional_cents = notional_cents + d * price_cents "
                    "FROM (VALUES (1, 1), (2, -1)) v (l, d) WHERE order_seq = 2 AND leg = l");
    const Tb__ReplayVerified *broken = verify_replay(0, 0);
    ck_assert(!broken->ok);
    ck_assert_uint_eq(broken->first_divergence, 2);
    ck_assert_str_ne(broken->live_hash, broken->replay_hash);
    ck_assert(verify_replay(3, 0)->ok);
    rig_free(&rig);
}
END_TEST

START_TEST(a_dead_letter_raises_an_alarm_until_it_is_gone)
{
    start();
    ck_assert(wait_alarm("dlq-depth", true)); /* the history has one */
    ck_assert_int_eq(
        testdb_integer(url, "SELECT count(*) FROM ops_events WHERE type = 11 AND payload->>'id' = 'dlq-depth'"), 1);
    testdb_run(url, "SELECT balance_resolve('nl-1', 1, h.next_seq, 3, 2::smallint, 'test', now()) FROM stream_heads h "
                    "WHERE h.stream = 'balances'");
    ck_assert(wait_alarm("dlq-depth", false));
    const struct rig_message *event = rig_receive(feed, TB__MESSAGE_TYPE__OPS_APPENDED, ALARM_MS);
    while (event && ((const Tb__OpsAppended *)event->payload)->records[0]->type != TB__OPS_RECORD__TYPE__ALARM_CLEARED)
        event = rig_receive(feed, TB__MESSAGE_TYPE__OPS_APPENDED, ALARM_MS);
    ck_assert_ptr_nonnull(event);
    const Tb__OpsRecord *record = ((const Tb__OpsAppended *)event->payload)->records[0];
    ck_assert_uint_eq(event->first_seq, record->seq);
    ck_assert_ptr_nonnull(strstr(record->payload_json, "\"id\": \"dlq-depth\""));
    ck_assert_int_eq(
        testdb_integer(url, "SELECT count(*) FROM ops_events WHERE seq = %d AND type = 12", (int)record->seq), 1);
    rig_free(&rig);
}
END_TEST

START_TEST(a_balance_that_does_not_fit_is_found_without_being_asked)
{
    start();
    testdb_run(url, "UPDATE balances SET balance_cents = balance_cents + 1 WHERE account = 'clusius'");
    ck_assert(wait_alarm("balance-mismatch", true));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM findings WHERE invariant = 'I2'"), 1);
    testdb_run(url, "UPDATE balances SET balance_cents = balance_cents - 1 WHERE account = 'clusius'");
    ck_assert(wait_alarm("balance-mismatch", false));
    rig_free(&rig);
}
END_TEST

/* Effect: holds the ops stream, which I4 reads and a probe does not, until a finding of I2 is there (30 s at most). */
static void *hold_ops_events(void *arg)
{
    testdb_run(arg, "DO $$ BEGIN LOCK TABLE ops_events IN ACCESS EXCLUSIVE MODE;"
                    " FOR i IN 1 .. 600 LOOP"
                    "  EXIT WHEN EXISTS (SELECT FROM findings WHERE invariant = 'I2'); PERFORM pg_sleep(0.05);"
                    " END LOOP; END $$");
    return NULL;
}

START_TEST(a_check_that_takes_long_holds_up_nothing_else)
{
    pthread_t holder;
    char held[512];
    start();
    ck_assert(tb_copy_text(held, sizeof held, url));
    ck_assert_int_eq(pthread_create(&holder, NULL, hold_ops_events, held), 0);
    ck_assert(testdb_wait(url, 1, ALARM_MS,
                          "SELECT count(*) FROM pg_locks WHERE relation = 'ops_events'::regclass AND "
                          "mode = 'AccessExclusiveLock' AND granted"));
    Tb__CheckInvariants message = TB__CHECK_INVARIANTS__INIT;
    message.request_id = 9;
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__CHECK_INVARIANTS, &message.base, 0, 0, ANSWER_MS));
    ck_assert(testdb_wait(url, 1, ALARM_MS,
                          "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                          "AND application_name LIKE 'tulip reconciler/%%aside'"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM findings"), 0);
    testdb_run(url, "UPDATE balances SET version = version + 1 WHERE account = 'clusius'");
    ck_assert(testdb_wait(url, 1, ALARM_MS, "SELECT count(*) FROM findings WHERE invariant = 'I2'"));
    const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__INVARIANTS_CHECKED, ANSWER_MS);
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_eq(((const Tb__InvariantsChecked *)answer->payload)->n_checks, 10);
    ck_assert_int_eq(pthread_join(holder, NULL), 0);
    rig_free(&rig);
}
END_TEST

START_TEST(stuck_work_raises_alarms)
{
    start();
    testdb_run(url, "UPDATE outbox SET created_at = now() - interval '1 minute' WHERE order_seq = 8; "
                    "UPDATE stream_heads SET total = total + 1000 WHERE stream = 'orders'; "
                    "UPDATE orders SET created_at = now() - interval '1 minute' WHERE seq = 9");
    ck_assert(wait_alarm("outbox-stuck", true));
    ck_assert(wait_alarm("queue-backlog", true));
    ck_assert(wait_alarm("accept-latency", true)); /* simfill does not run here */
    testdb_run(url, "UPDATE orders SET created_at = now() WHERE seq = 9; UPDATE cursors SET position = 9 WHERE "
                    "consumer = 'simfill'; "
                    "INSERT INTO parked_orders VALUES ('nl-1', 9, now() + interval '1 hour')");
    ck_assert(wait_alarm("accept-latency", false));
    testdb_run(url, "UPDATE parked_orders SET due_at = now() - interval '1 minute' WHERE order_seq = 9");
    ck_assert(wait_alarm("accept-latency", true));
    rig_free(&rig);
}
END_TEST

static const struct {
    const char *invariant, *sql;
} news[] = {
    /* An entry that does not follow from the one before; legs that do not cancel; a fill of an order that was not
       accepted. */
    {"I2", "INSERT INTO ledger SELECT region, 6, 0, 5, 17, NULL, version + 1, now(), NULL, 4, NULL, account, account, "
           "NULL FROM balances "
           "WHERE account = 'clusius'; INSERT INTO ledger SELECT region, 6, 0, -5, balance_cents - 5, NULL, version + "
           "1, now(), NULL, 4, NULL, "
           "account, 'clusius', NULL FROM balances WHERE account = '@market'"},
    {"I10", "INSERT INTO ledger SELECT region, 6, 0, 5, balance_cents + 5, NULL, version + 1, now(), NULL, 4, NULL, "
            "account, account, NULL "
            "FROM balances WHERE account = 'clusius'"},
    {"I1", "INSERT INTO ledger SELECT region, 6, 3, 5, balance_cents + 5, NULL, version + 1, now(), NULL, 2, NULL, "
           "account, account, NULL "
           "FROM balances WHERE account = 'clusius'; INSERT INTO ledger SELECT region, 6, 3, -5, balance_cents - 5, "
           "NULL, version + 1, now(), "
           "NULL, 2, NULL, account, 'clusius', NULL FROM balances WHERE account = '@market'"},
    {"I3",
     "INSERT INTO executions SELECT region, 13, 9, 2, 2, 0, 2, 10000, 20000, now(), 'clusius', 'a' FROM stream_heads "
     "WHERE stream = 'orders'"},
    {"I5", "INSERT INTO executions SELECT region, 13, 999, 3, 2, 0, 0, 0, 0, now(), 'clusius', 'a' FROM stream_heads "
           "WHERE stream = 'orders'"},
};

START_TEST(what_is_new_is_audited_without_being_asked)
{
    start();
    /* The history itself is sound, and passed. */
    ck_assert(
        testdb_wait(url, 3, ALARM_MS,
                    "SELECT count(*) FROM cursors c JOIN stream_heads h USING (region, stream) WHERE c.consumer = "
                    "'reconciler' AND c.position >= CASE stream WHEN 'outbox' THEN 3 ELSE h.next_seq - 1 END"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM findings"), 0);
    testdb_run(
        url,
        "DELETE FROM balance_events WHERE seq >= 6; UPDATE stream_heads SET next_seq = 7 WHERE stream = 'balances'; "
        "UPDATE cursors SET position = 5 WHERE consumer = 'reconciler' AND stream = 'balances'; %s; "
        "UPDATE stream_heads SET next_seq = (SELECT max(seq) + 1 FROM executions) WHERE stream = 'executions'",
        news[_i].sql);
    ck_assert_msg(
        testdb_wait(url, 1, ALARM_MS, "SELECT count(*) FROM findings WHERE invariant = '%s'", news[_i].invariant),
        "%s is not found", news[_i].invariant);
    rig_free(&rig);
}
END_TEST

START_TEST(a_standby_takes_over_and_does_not_raise_twice)
{
    start();
    ck_assert(wait_alarm("dlq-depth", true));
    struct rig_actor *standby = rig_start(rig, "reconciler", "2", settings);
    ck_assert(rig_wait_state(standby, "STANDBY", READY_MS));
    rig_kill(reconciler, SIGKILL);
    ck_assert(rig_wait_state(standby, "READY", READY_MS));
    ck_assert_uint_eq(check_invariants(9)->n_checks, 10);
    ck_assert_int_eq(
        testdb_integer(url, "SELECT count(*) FROM ops_events WHERE type = 11 AND payload->>'id' = 'dlq-depth'"), 1);
    rig_free(&rig);
}
END_TEST

/* Two zones of scripted actors: a leads, b stands by. */
enum { ACTORS = 4 };
static const char *const actors[ACTORS] = {"sequencer", "simfill", "balance", "persona"};
static struct rig_link *zone_a[ACTORS], *zone_b[ACTORS];

static void open_zones(void)
{
    for (size_t i = 0; i < ACTORS; i++) {
        char name[64];
        snprintf(name, sizeof name, "telemetry-%s-1", actors[i]);
        zone_a[i] = rig_open(rig, "peer/1", name, BUS_PUB, true);
        snprintf(name, sizeof name, "telemetry-%s-2", actors[i]);
        zone_b[i] = rig_open(rig, "peer/2", name, BUS_PUB, true);
    }
}

static void beat(struct rig_link *const *links, const char *zone, const char *instance, const char *state)
{
    char texts[4][16], name[16];
    snprintf(texts[0], sizeof texts[0], "%s", zone);
    snprintf(texts[1], sizeof texts[1], "%s", instance);
    snprintf(texts[2], sizeof texts[2], "%s", state);
    snprintf(texts[3], sizeof texts[3], "nl-1");
    for (size_t i = 0; i < ACTORS; i++) {
        Tb__Heartbeat heartbeat = TB__HEARTBEAT__INIT;
        snprintf(name, sizeof name, "%s", actors[i]);
        heartbeat.actor = name;
        heartbeat.az = texts[0];
        heartbeat.instance = texts[1];
        heartbeat.state = texts[2];
        heartbeat.region = texts[3];
        rig_send(links[i], NULL, TB__MESSAGE_TYPE__HEARTBEAT, &heartbeat.base, 0, 0, 1);
    }
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* Effect: heartbeats of both zones, or with zone a gone and b in its place, until the query says 1. */
static bool beat_until(bool with_a, const char *sql)
{
    int64_t deadline_us = clock_monotonic_us() + ALARM_MS * 1000LL;
    while (clock_monotonic_us() < deadline_us) {
        if (with_a)
            beat(zone_a, "nl-1a", "1", "READY");
        beat(zone_b, "nl-1b", "2", with_a ? "STANDBY" : "READY");
        rig_wait(rig, never, NULL, 200); /* the pace of heartbeats */
        if (testdb_integer(url, "%s", sql) == 1)
            return true;
    }
    return false;
}

#define BLIP(active) "SELECT count(*) FROM cues WHERE id = 'az-blip' AND active = " active
static const char *const in_zone_a[] = {"TB_RECONCILER_PROBE_MS=50", "TB_AZ=nl-1a", NULL};
static const char *const in_zone_b[] = {"TB_RECONCILER_PROBE_MS=50", "TB_AZ=nl-1b", NULL};

START_TEST(a_lost_zone_is_a_cue_also_when_the_reconciler_died_with_it)
{
    url = testdb_fresh();
    audit_history_write(url);
    rig = rig_new(url);
    open_zones();
    feed = rig_open(rig, "gateway/1", "ops-feed-reconciler", BUS_SUB, false);
    reconciler = rig_start(rig, "reconciler", "1", in_zone_a);
    ck_assert(rig_wait_state(reconciler, "READY", READY_MS));
    struct rig_actor *standby = rig_start(rig, "reconciler", "2", in_zone_b);
    ck_assert(rig_wait_state(standby, "STANDBY", READY_MS));
    ck_assert(beat_until(true, BLIP("false"))); /* judged, and quiet */
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events WHERE type = 10"), 0);
    rig_kill(reconciler, SIGKILL); /* and with it the rest of the zone */
    ck_assert(beat_until(false, BLIP("true")));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM cues WHERE active AND data->'lostAzs' = '[\"nl-1a\"]'"),
                     1);
    ck_assert(beat_until(false, BLIP("false"))); /* by itself */
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events WHERE type = 10"), 2);
    const struct rig_message *event = rig_receive(feed, TB__MESSAGE_TYPE__OPS_APPENDED, ALARM_MS);
    while (event && ((const Tb__OpsAppended *)event->payload)->records[0]->type != TB__OPS_RECORD__TYPE__CUE_CHANGED)
        event = rig_receive(feed, TB__MESSAGE_TYPE__OPS_APPENDED, ALARM_MS);
    ck_assert_ptr_nonnull(event);
    ck_assert_str_eq(((const Tb__OpsAppended *)event->payload)->records[0]->cue->id, "az-blip");
    rig_free(&rig);
}
END_TEST

/* Effect: puts a fault record, that ends in `seconds`, where ./tulip fault puts it. */
static void inject(const char *id, int seconds)
{
    char path[512];
    int64_t from_us = clock_now_us();
    snprintf(path, sizeof path, "%s/faults/%s", rig_run_dir(rig), id);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "db-slow simfill - - 20 - %lld %lld -\n", (long long)from_us,
            (long long)from_us + seconds * 1000000LL);
    ck_assert_int_eq(fclose(file), 0);
}

static bool wait_fault_event(int type, const char *id)
{
    return testdb_wait(url, 1, ALARM_MS, "SELECT count(*) FROM ops_events WHERE type = %d AND payload->>'id' = '%s'",
                       type, id);
}

static const char *const with_faults[] = {"TB_RECONCILER_PROBE_MS=50", "TB_ENABLE_FAULTS=true", NULL};

START_TEST(faults_are_told_once_also_when_the_reconciler_dies_meanwhile)
{
    char path[512], aside[512];
    url = testdb_fresh();
    audit_history_write(url);
    rig = rig_new(url);
    snprintf(path, sizeof path, "%s/faults", rig_run_dir(rig));
    snprintf(aside, sizeof aside, "%s/faults-ended", rig_run_dir(rig));
    ck_assert(mkdir(path, 0700) == 0 && mkdir(aside, 0700) == 0);
    feed = rig_open(rig, "gateway/1", "ops-feed-reconciler", BUS_SUB, false);
    reconciler = rig_start(rig, "reconciler", "1", with_faults);
    ck_assert(rig_wait_state(reconciler, "READY", READY_MS));
    inject("db-slow-long", 3000);
    inject("db-slow-short", 1);
    ck_assert(wait_fault_event(16, "db-slow-long"));
    ck_assert(wait_fault_event(16, "db-slow-short"));
    ck_assert(wait_fault_event(17, "db-slow-short")); /* its time is up, whoever takes the file away or does not */
    rig_kill(reconciler, SIGKILL);
    snprintf(path, sizeof path, "%s/faults/db-slow-long", rig_run_dir(rig));
    snprintf(aside, sizeof aside, "%s/faults-ended/db-slow-long", rig_run_dir(rig));
    ck_assert_int_eq(rename(path, aside), 0);
    reconciler = rig_start(rig, "reconciler", "2", with_faults);
    ck_assert(wait_fault_event(17, "db-slow-long"));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events WHERE type IN (16, 17)"), 4);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events WHERE type = 17 AND payload->>'target' = "
                                         "'simfill' AND payload->'ms' = '20' AND (payload->>'endedAt')::timestamptz "
                                         "BETWEEN (payload->>'startedAt')::timestamptz AND "
                                         "(payload->>'endsAt')::timestamptz"),
                     2);
    rig_free(&rig);
}
END_TEST

CHECK_MAIN("reconciler", tcase_set_timeout(cases, 120); tcase_add_test(cases, every_invariant_is_checked_on_demand);
           tcase_add_test(cases, a_broken_invariant_is_named_noted_and_raises_the_alarm);
           tcase_add_test(cases, a_replay_covers_the_range_asked_for);
           tcase_add_test(cases, a_dead_letter_raises_an_alarm_until_it_is_gone);
           tcase_add_test(cases, a_balance_that_does_not_fit_is_found_without_being_asked);
           tcase_add_test(cases, a_check_that_takes_long_holds_up_nothing_else);
           tcase_add_test(cases, stuck_work_raises_alarms);
           tcase_add_loop_test(cases, what_is_new_is_audited_without_being_asked, 0, (int)TB_ARRAY_SIZE(news));
           tcase_add_test(cases, a_standby_takes_over_and_does_not_raise_twice);
           tcase_add_test(cases, a_lost_zone_is_a_cue_also_when_the_reconciler_died_with_it);
           tcase_add_test(cases, faults_are_told_once_also_when_the_reconciler_dies_meanwhile);)
