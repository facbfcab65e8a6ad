/* One fault after the other on a running system of two availability zones, each under load: a zone is lost, the
 * database is slow, messages are lost, doubled and late, leaders sleep past their lease, PostgreSQL is killed, every
 * actor dies at every named moment, a new version comes in, everything is ended at once. After each: every order was
 * answered, is there once and final, and balances are right to the cent (crowd.h); at the end the audit. What is
 * particular to a fault is asserted in its case. TB_TEST_FAULT_SEED (the time) steers the load, and is printed;
 * TB_TEST_FAULT_PACE_MS (10) is what each client waits between two orders. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "base.h"
#include "clock.h"
#include "cluster.h"
#include "crowd.h"
#include "schema.h"

enum { CLIENTS = 6, SOON_MS = 60000 };

static struct cluster cluster;
static unsigned seed;
static long pace_ms;
static struct crowd *crowd;
static long begun_seq; /* of the ops stream, when the case began */

/* ---- words of this test ---- */

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void tulip(const char *command)
{
    ck_assert_msg(cluster_tulip(&cluster, command) == 0, "./tulip %s: %s", command, cluster_output());
}

typedef bool condition(const char *what);

static bool soon(condition *holds, const char *what)
{
    for (int64_t end_us = clock_monotonic_us() + SOON_MS * 1000LL; clock_monotonic_us() < end_us; pause_ms(50))
        if (holds(what))
            return true;
    return false;
}

static bool is_ready(const char *unused)
{
    (void)unused;
    struct api_answer *answer = api_call(cluster.port, "GET", "/health/ready", NULL, NULL);
    bool ready = answer->status == 200;
    api_free(&answer);
    return ready;
}

static bool leads(const char *actor)
{
    struct cluster_actor seen;
    return cluster_seen(&cluster, actor, "READY", &seen);
}

/* Return: whether every instance of every actor is there again and nobody is on the way. */
static bool is_whole(const char *unused)
{
    (void)unused;
    struct api_answer *answer = api_call(cluster.port, "GET", "/health/ready", NULL, NULL);
    json_t *actors = api_at(answer, "actors"), *item;
    size_t i, well = 0;
    bool ready = answer->status == 200;
    json_array_foreach(actors, i, item)
    {
        const char *state = json_string_value(json_object_get(item, "state"));
        well += state != NULL && (strcmp(state, "READY") == 0 || strcmp(state, "STANDBY") == 0);
    }
    ready = ready && well == 12 && json_array_size(actors) == 12;
    api_free(&answer);
    return ready;
}

static long last_ops_seq(void)
{
    struct api_answer *answer = api_call(cluster.port, "GET", "/api/events?stream=ops&limit=1", NULL, NULL);
    long seq = api_int(answer, "lastSeq");
    api_free(&answer);
    return seq;
}

static bool says(const json_t *payload, const char *member, const char *value)
{
    const json_t *found = json_object_get(payload, member);
    const char *text = json_is_true(found) ? "true" : json_is_false(found) ? "false" : json_string_value(found);
    return text != NULL && strcmp(text, value) == 0;
}

/* Return: how many events of the ops stream since the case began have this type, and say `value` at `member`, and
 * (unless NULL) `also` at "active". */
static long ops_events(const char *type, const char *member, const char *value, const char *also)
{
    char path[160];
    long count = 0;
    snprintf(path, sizeof path, "/api/events?stream=ops&limit=1000&type=%s&afterSeq=%ld", type, begun_seq);
    struct api_answer *answer = api_call(cluster.port, "GET", path, NULL, NULL);
    json_t *items = api_at(answer, "items"), *item;
    size_t i;
    json_array_foreach(items, i, item)
    {
        const json_t *payload = json_object_get(item, "payload");
        count += says(payload, member, value) && (also == NULL || says(payload, "active", also));
    }
    api_free(&answer);
    return count;
}

static bool has_begun(const char *kind)
{
    return ops_events("FaultStarted", "kind", kind, NULL) > 0;
}

static bool has_ended(const char *kind)
{
    return ops_events("FaultEnded", "kind", kind, NULL) > 0;
}

/* The number that a query gives, asked as the owner of the database. */
static long sql(const char *query)
{
    char line[512];
    snprintf(line, sizeof line, "psql -qAtc \"%s\"", query);
    tulip(line);
    return strtol(cluster_output(), NULL, 10);
}

/* Effect: places one order and waits until it is final. Gives the answer; *took_ms is how long that took. */
static struct api_answer *one_order(const char *key, long *took_ms)
{
    char body[300];
    snprintf(body, sizeof body,
             "{\"userId\":\"observer\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"0.01\",\"clientId\":\"single\","
             "\"idempotencyKey\":\"%s-%u\"}",
             key, seed);
    int64_t end_us = clock_monotonic_us() + SOON_MS * 1000LL;
    for (;;) {
        int64_t begun_us = clock_monotonic_us();
        struct api_answer *answer = api_call(cluster.port, "POST", "/api/orders", body, "Prefer: wait=10\r\n");
        *took_ms = (long)((clock_monotonic_us() - begun_us) / 1000);
        if (strcmp(api_text(answer, "status"), "ACCEPTED") == 0 || clock_monotonic_us() > end_us)
            return answer;
        api_free(&answer);
        pause_ms(50);
    }
}

static void setup(void)
{
    static char name[32];
    static const char observer[] = "{\"userId\":\"observer\",\"displayName\":\"Observer\"}";
    ck_assert(soon(is_whole, NULL));
    struct api_answer *answer = api_call(cluster.port, "POST", "/api/personas", observer, NULL);
    ck_assert_msg(answer->status == 201 || answer->status == 409, "%s", answer->raw); /* no client's account */
    api_free(&answer);
    begun_seq = last_ops_seq();
    snprintf(name, sizeof name, "f%lld", (long long)(clock_now_us() / 1000));
    crowd = crowd_start(cluster.port, name, CLIENTS, pace_ms, seed);
    crowd_wait(crowd, 20);
}

/* A case that failed leaves its crowd behind. */
static void teardown(void)
{
    if (crowd != NULL)
        (void)crowd_stop(crowd);
    crowd = NULL;
}

/* Effect: what every case ends with. Return: what the clients have seen. */
static struct crowd_figures end(void)
{
    ck_assert(soon(is_ready, NULL));
    crowd_wait(crowd, 20);
    struct crowd_figures figures = crowd_stop(crowd);
    crowd_check(&crowd);
    ck_assert(soon(is_whole, NULL));
    return figures;
}

/* ---- the cases ---- */

static bool blip_is_on(const char *active)
{
    return ops_events("CueChanged", "id", "az-blip", active) > 0;
}

static bool fills_elsewhere(const char *az)
{
    struct cluster_actor seen;
    return cluster_seen(&cluster, "simfill", "READY", &seen) && strcmp(seen.az, az) != 0;
}

START_TEST(a_lost_zone_is_taken_over_and_shown)
{
    struct cluster_actor leader;
    char line[128];
    long took_ms;
    ck_assert(cluster_seen(&cluster, "simfill", "READY", &leader));
    snprintf(line, sizeof line, "fault az %s --for 300", leader.az);
    tulip(line);
    ck_assert(soon(has_begun, "az"));
    ck_assert(soon(fills_elsewhere, leader.az));
    struct api_answer *answer = one_order("az", &took_ms);
    ck_assert_str_eq(api_text(answer, "status"), "ACCEPTED");
    ck_assert_str_ne(api_text(answer, "acceptedAz"), leader.az);
    ck_assert_str_ne(api_text(answer, "acceptedAz"), "");
    snprintf(line, sizeof line, "/api/trades?orderId=%s", api_text(answer, "orderId"));
    struct api_answer *trades = api_call(cluster.port, "GET", line, NULL, NULL);
    ck_assert_str_eq(api_text(trades, "items.0.fillAz"), api_text(answer, "acceptedAz"));
    api_free(&trades);
    api_free(&answer);
    crowd_wait(crowd, 50); /* the other zone works */
    ck_assert(soon(blip_is_on, "true"));
    tulip("fault clear");
    ck_assert(soon(has_ended, "az"));
    ck_assert(soon(is_whole, NULL));
    ck_assert(soon(blip_is_on, "false"));
    end();
}
END_TEST

START_TEST(a_zone_whose_processes_die_together_comes_back)
{
    struct cluster_actor leader, next;
    char line[64];
    ck_assert(cluster_seen(&cluster, "sequencer", "READY", &leader));
    snprintf(line, sizeof line, "kill --az %s", leader.az);
    tulip(line);
    crowd_wait(crowd, 50);
    ck_assert(soon(leads, "sequencer"));
    ck_assert(cluster_seen(&cluster, "sequencer", "READY", &next));
    ck_assert_int_ne(next.pid, leader.pid);
    end();
}
END_TEST

START_TEST(a_slow_database_slows_and_loses_nothing)
{
    long before_ms, slow_ms;
    api_free(&(struct api_answer *){one_order("fast", &before_ms)});
    tulip("fault db-slow --ms 400 --for 300");
    ck_assert(soon(has_begun, "db-slow"));
    api_free(&(struct api_answer *){one_order("slow", &slow_ms)});
    ck_assert_int_ge(slow_ms, 800); /* the sequencer's answer, and simfill's */
    tulip("fault clear");
    ck_assert(soon(has_ended, "db-slow"));
    struct crowd_figures figures = end();
    ck_assert_int_ge(figures.worst_ms, 400);
}
END_TEST

START_TEST(lost_doubled_and_late_messages_do_no_harm)
{
    tulip("fault drop --probability 0.2 --for 300");
    tulip("fault duplicate --probability 0.5 --for 300");
    tulip("fault delay --probability 0.5 --ms 20 --jitter 150 --for 300");
    ck_assert(soon(has_begun, "delay"));
    crowd_wait(crowd, 200);
    tulip("fault clear");
    ck_assert(soon(has_ended, "drop"));
    ck_assert(soon(has_ended, "duplicate"));
    ck_assert(soon(has_ended, "delay"));
    struct crowd_figures figures = end();
    ck_assert_int_ge(figures.worst_ms, 150); /* they were late, or lost and asked for again */
}
END_TEST

static const char *const leading[] = {"sequencer", "simfill", "balance"};

static bool others_lead(const char *pids)
{
    struct cluster_actor seen;
    for (size_t i = 0; i < TB_ARRAY_SIZE(leading); i++) {
        char pid[16];
        if (!cluster_seen(&cluster, leading[i], "READY", &seen))
            return false;
        snprintf(pid, sizeof pid, " %d ", (int)seen.pid);
        if (strstr(pids, pid) != NULL)
            return false;
    }
    return true;
}

/* A leader that is stopped past its lease and goes on is a zombie: it finds its epoch taken, and commits nothing. */
START_TEST(leaders_that_sleep_past_their_lease_commit_nothing)
{
    struct cluster_actor asleep;
    char pids[64] = " ", line[64];
    long epochs = sql("SELECT sum(epoch) FROM stream_heads WHERE stream <> 'ops'");
    for (size_t i = 0; i < TB_ARRAY_SIZE(leading); i++) {
        ck_assert(cluster_seen(&cluster, leading[i], "READY", &asleep));
        snprintf(pids + strlen(pids), sizeof pids - strlen(pids), "%d ", (int)asleep.pid);
        snprintf(line, sizeof line, "fault pause %s/%s --for 300", leading[i], asleep.instance);
        tulip(line);
    }
    ck_assert(soon(others_lead, pids));
    ck_assert_int_ge(sql("SELECT sum(epoch) FROM stream_heads WHERE stream <> 'ops'"), epochs + 3);
    crowd_wait(crowd, 50); /* they sleep, and the others work */
    tulip("fault clear");
    ck_assert(soon(has_ended, "pause"));
    crowd_wait(crowd, 50);           /* they are awake, and the others work */
    ck_assert(soon(is_whole, NULL)); /* as standbys, or started anew */
    end();
}
END_TEST

static bool postmaster_is_up(const char *unused)
{
    (void)unused;
    return cluster_tulip(&cluster, "psql -qAtc 'SELECT 1'") == 0;
}

/* The server ends every session when one backend was killed, for shared memory may be damaged. */
START_TEST(a_killed_backend_ends_every_session_and_loses_nothing)
{
    long victim = sql("SELECT max(pid) FROM pg_stat_activity WHERE usename = 'tb_sequencer'");
    long other = sql("SELECT max(pid) FROM pg_stat_activity WHERE usename = 'tb_simfill'");
    char query[96];
    ck_assert_int_gt(victim, 1);
    ck_assert_int_gt(other, 1);
    ck_assert_int_eq(kill((pid_t)victim, SIGKILL), 0);
    crowd_wait(crowd, 100);
    ck_assert(soon(postmaster_is_up, NULL));
    snprintf(query, sizeof query, "SELECT count(*) FROM pg_stat_activity WHERE pid IN (%ld, %ld)", victim, other);
    ck_assert_int_eq(sql(query), 0);
    end();
}
END_TEST

START_TEST(a_killed_server_comes_back_and_has_lost_nothing)
{
    tulip("fault stop postgres --for 2");
    ck_assert(soon(has_ended, "stop")); /* told when the database is back */
    struct crowd_figures figures = end();
    ck_assert_int_ge(figures.worst_ms, 1000);
}
END_TEST

/* ---- every named moment ---- */

static const struct {
    const char *actor;
    bool asks_store; /* else it has no moments around a commit */
} dying[] = {{"sequencer", true}, {"simfill", true},    {"balance", true},
             {"persona", true},   {"reconciler", true}, {"gateway", false}};

/* What makes persona, reconciler and balance's commands pass their moments, while the crowd does it for the others. */
static void *operate(void *stop)
{
    for (unsigned n = 0; !atomic_load((atomic_bool *)stop); n++, pause_ms(100)) {
        char body[64];
        snprintf(body, sizeof body, "{\"bio\":\"change %u\"}", n);
        struct api_answer *answer = api_call(cluster.port, "PUT", "/api/personas/oosterwijck", body, NULL);
        api_free(&answer);
        answer = api_call(cluster.port, "GET", "/api/invariants", NULL, NULL);
        api_free(&answer);
    }
    return NULL;
}

/* Return: how often the instances of an actor were started again so far. */
static long restarts(const char *actor)
{
    long sum = 0;
    for (int instance = 1; instance <= 2; instance++) {
        char path[160];
        int count = 0;
        snprintf(path, sizeof path, "%s/run/%s-%d.restarts", cluster.data, actor, instance);
        FILE *file = fopen(path, "r");
        if (file != NULL && fscanf(file, "%d", &count) == 1)
            sum += count;
        if (file != NULL)
            fclose(file);
    }
    return sum;
}

static long restarts_before;

static bool has_died(const char *actor)
{
    return restarts(actor) > restarts_before;
}

static void die_at(const char *actor, const char *moment)
{
    char line[96];
    restarts_before = restarts(actor);
    snprintf(line, sizeof line, "fault crash %s.%s --for 60", actor, moment);
    tulip(line);
    ck_assert_msg(soon(has_died, actor), "%s never dies at %s", actor, moment);
    tulip("fault clear");
    ck_assert_msg(soon(is_ready, NULL), "not ready after %s died at %s", actor, moment);
}

START_TEST(every_actor_may_die_at_every_named_moment)
{
    static const char *const moments[] = {"before_commit", "after_commit", "before_send", "after_send"};
    atomic_bool stop = false;
    pthread_t operator_thread;
    ck_assert_int_eq(pthread_create(&operator_thread, NULL, operate, &stop), 0);
    for (size_t a = 0; a < TB_ARRAY_SIZE(dying); a++)
        for (size_t m = dying[a].asks_store ? 0 : 2; m < TB_ARRAY_SIZE(moments); m++)
            die_at(dying[a].actor, moments[m]);
    atomic_store(&stop, true);
    pthread_join(operator_thread, NULL);
    end();
}
END_TEST

START_TEST(a_new_version_comes_in_unnoticed)
{
    enum { CUT_MAX = 20 };
    tulip("upgrade");
    struct crowd_figures figures = end();
    /* A gateway takes in whoever has connected before it stops to listen; who comes between its last accept and its
     * close is reset by the kernel, and sends again. More than those few: it no longer takes them in. */
    ck_assert_int_le(figures.cut, CUT_MAX);
    ck_assert_int_lt(figures.refused_ms, 1000);
}
END_TEST

/* Effect: asserts that the ops events since the case began are as docs/openapi.json describes them. */
static void check_contract(void)
{
    char path[96];
    struct err err;
    json_error_t where;
    json_t *document = json_load_file("docs/openapi.json", 0, &where);
    ck_assert_msg(document != NULL, "docs/openapi.json: %s", where.text);
    json_t *schema = json_object_get(json_object_get(json_object_get(document, "components"), "schemas"), "EventList");
    ck_assert_ptr_nonnull(schema);
    snprintf(path, sizeof path, "/api/events?stream=ops&limit=1000&afterSeq=%ld", begun_seq);
    struct api_answer *answer = api_call(cluster.port, "GET", path, NULL, NULL);
    ck_assert_msg(schema_check(document, schema, answer->json, &err) == 0, "%s: %s", err.text, answer->body);
    api_free(&answer);
    json_decref(document);
}

START_TEST(one_switch_ends_everything)
{
    tulip("fault stop persona/1 --for 600");
    tulip("fault pause reconciler/leader --for 600");
    tulip("fault drop --probability 0.1 --for 600");
    tulip("fault db-slow --ms 50 --for 600");
    tulip("fault clear");
    ck_assert_msg(strstr(cluster_output(), "4 ended") != NULL, "%s", cluster_output());
    tulip("fault list");
    ck_assert_msg(strstr(cluster_output(), "no fault is in force") != NULL, "%s", cluster_output());
    ck_assert(soon(is_whole, NULL));
    ck_assert(soon(has_ended, "stop") && soon(has_ended, "pause") && soon(has_ended, "drop") &&
              soon(has_ended, "db-slow"));
    check_contract();
    end();
}
END_TEST

/* The launcher's own scenario, with its own load and its own verdict. */
START_TEST(a_scenario_passes)
{
    ck_assert(soon(is_whole, NULL));
    tulip("scenario az-failure --seconds 4 --rate 50");
    ck_assert_msg(strstr(cluster_output(), "FAIL") == NULL, "%s", cluster_output());
}
END_TEST

/* A case is a TCase of its own: CK_RUN_CASE=zone runs one alone. */
static void add(Suite *suite, const char *name, const TTest *test)
{
    TCase *part = tcase_create(name);
    tcase_set_timeout(part, 300);
    if (test != a_scenario_passes)
        tcase_add_checked_fixture(part, setup, teardown);
    tcase_add_test(part, test);
    suite_add_tcase(suite, part);
}

static int run_all(void)
{
    Suite *suite = suite_create("faults");
    add(suite, "zone", a_lost_zone_is_taken_over_and_shown);
    add(suite, "kill-zone", a_zone_whose_processes_die_together_comes_back);
    add(suite, "db-slow", a_slow_database_slows_and_loses_nothing);
    add(suite, "bus", lost_doubled_and_late_messages_do_no_harm);
    add(suite, "pause", leaders_that_sleep_past_their_lease_commit_nothing);
    add(suite, "backend", a_killed_backend_ends_every_session_and_loses_nothing);
    add(suite, "postgres", a_killed_server_comes_back_and_has_lost_nothing);
    add(suite, "crash", every_actor_may_die_at_every_named_moment);
    add(suite, "clear", one_switch_ends_everything);
    add(suite, "scenario", a_scenario_passes);
    add(suite, "upgrade", a_new_version_comes_in_unnoticed);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_VERBOSE);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

static long setting(const char *name, long fallback)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtol(text, NULL, 10) : fallback;
}

int main(void)
{
    seed = (unsigned)setting("TB_TEST_FAULT_SEED", (long)time(NULL));
    pace_ms = setting("TB_TEST_FAULT_PACE_MS", 10);
    printf("seed %u\n", seed);
    fflush(stdout);
    cluster_start_with(&cluster, "TB_ENABLE_FAULTS=1 TB_SIMFILL_DELAY_MS=20 TB_RECONCILER_PROBE_MS=200", "--standby");
    int failed = run_all();
    int audit = cluster_stop(&cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
