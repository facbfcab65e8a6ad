/* A real gateway with scripted peers: what it answers from the actors' heartbeats, and how it carries operators'
 * commands to them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "actor_rig.h"
#include "api.h"
#include "balances.pb-c.h"
#include "base.h"
#include "check_main.h"
#include "clock.h"
#include "ids.h"
#include "persona.pb-c.h"
#include "reconciler.pb-c.h"
#include "testdb.h"

enum { READY_MS = 30000, ANSWER_MS = 20000, NEEDED = 5 };
#define ADMIN "Authorization: Bearer sesame\r\n"

static const char *url;
static struct rig *rig;
static struct rig_link *balance, *reconciler, *heartbeats[NEEDED];
static int port;

/* Return: a port that nobody listens on right now. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void setup(void)
{
    static const char *const links[NEEDED] = {"telemetry-sequencer-1", "telemetry-simfill-1", "telemetry-balance-1",
                                              "telemetry-persona-1", "telemetry-reconciler-1"};
    static char setting[32];
    port = free_port();
    snprintf(setting, sizeof setting, "TB_PORT=%d", port);
    const char *const settings[] = {setting, "TB_ADMIN_TOKEN=sesame", NULL};
    url = testdb_fresh();
    rig = rig_new(url);
    balance = rig_open(rig, "balance/1", "balance-command", BUS_ROUTER, true);
    reconciler = rig_open(rig, "reconciler/1", "reconciler-command", BUS_ROUTER, true);
    for (size_t i = 0; i < NEEDED; i++)
        heartbeats[i] = rig_open(rig, "peer/1", links[i], BUS_PUB, true);
    struct rig_actor *gateway = rig_start(rig, "gateway", "1", settings);
    ck_assert(rig_wait_state(gateway, "READY", READY_MS));
}

static void teardown(void)
{
    rig_free(&rig);
}

/* One request in a thread of its own, while this thread plays the peers. */
struct call {
    pthread_t thread;
    const char *method, *path, *body, *headers;
    struct api_answer *answer;
};

static void *run_call(void *arg)
{
    struct call *call = arg;
    call->answer = api_call(port, call->method, call->path, call->body, call->headers);
    return NULL;
}

static void begin(struct call *call, const char *method, const char *path, const char *body, const char *headers)
{
    *call = (struct call){.method = method, .path = path, .body = body, .headers = headers};
    ck_assert_int_eq(pthread_create(&call->thread, NULL, run_call, call), 0);
}

static struct api_answer *end(struct call *call, int status)
{
    ck_assert_int_eq(pthread_join(call->thread, NULL), 0);
    ck_assert_msg(call->answer->status == status, "%s %s: %s", call->method, call->path, call->answer->raw);
    return call->answer;
}

static void expect_code(struct api_answer *answer, const char *code)
{
    ck_assert_str_eq(api_text(answer, "code"), code);
    api_free(&answer);
}

static uint32_t process = 1; /* of all peers: another one after they "died" */

static void send_heartbeats(void)
{
    static char names[NEEDED][16] = {"sequencer", "simfill", "balance", "persona", "reconciler"}, one[] = "1",
                region[] = "nl-1", az[] = "nl-1a", state[] = "READY";
    for (size_t i = 0; i < NEEDED; i++) {
        Tb__Heartbeat heartbeat = TB__HEARTBEAT__INIT;
        heartbeat.actor = names[i];
        heartbeat.instance = one;
        heartbeat.region = region;
        heartbeat.az = az;
        heartbeat.state = state;
        heartbeat.leader = true;
        heartbeat.pid = process;
        (void)rig_send(heartbeats[i], NULL, TB__MESSAGE_TYPE__HEARTBEAT, &heartbeat.base, 0, 0, 1000);
    }
}

/* Return: whether /health/ready answers `status` within the deadline; with heartbeats meanwhile, or without. */
static bool comes_to(int status, bool beating, int deadline_ms)
{
    int64_t deadline_us = clock_monotonic_us() + deadline_ms * 1000LL;
    for (int found = 0; clock_monotonic_us() < deadline_us && found != status;) {
        if (beating)
            send_heartbeats();
        struct api_answer *answer = api_call(port, "GET", "/health/ready", NULL, NULL);
        found = answer->status;
        api_free(&answer);
        if (found == status)
            return true;
        usleep(20000);
    }
    return false;
}

START_TEST(ready_means_that_every_needed_actor_was_just_heard_of)
{
    struct api_answer *answer = api_call(port, "GET", "/health/ready", NULL, NULL);
    ck_assert_int_eq(answer->status, 503);
    ck_assert_uint_eq(json_array_size(api_at(answer, "missing")), NEEDED);
    ck_assert_ptr_nonnull(api_header(answer, "Retry-After"));
    api_free(&answer);
    ck_assert(comes_to(200, true, ANSWER_MS));
    answer = api_call(port, "GET", "/api/status", NULL, NULL);
    ck_assert_uint_ge(json_array_size(api_at(answer, "actors")), NEEDED);
    ck_assert(json_is_false(api_at(answer, "cues.5.active")));
    api_free(&answer);
    ck_assert(comes_to(503, false, ANSWER_MS));                                             /* silence */
    for (int64_t deadline_us = clock_monotonic_us() + ANSWER_MS * 1000LL;; usleep(20000)) { /* of one after the other */
        answer = api_call(port, "GET", "/api/status", NULL, NULL);
        ck_assert_str_eq(api_text(answer, "cues.0.id"), "az-blip");
        ck_assert_str_eq(api_text(answer, "cues.5.id"), "balance-unavailable");
        bool told = json_is_true(api_at(answer, "cues.0.active")) && json_is_true(api_at(answer, "cues.5.active"));
        api_free(&answer);
        if (told)
            break;
        ck_assert_msg(clock_monotonic_us() < deadline_us, "silence is no cue");
    }
    answer = api_call(port, "GET", "/health/live", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    api_free(&answer);
}
END_TEST

START_TEST(what_changes_operations_needs_the_token)
{
    static const struct {
        const char *method, *path;
    } cases[] = {{"POST", "/api/dlq/nl-1.1/redrive"},
                 {"DELETE", "/api/dlq/nl-1.1"},
                 {"POST", "/api/balances/clusius/rebuild"},
                 {"POST", "/api/replay/verify"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        static const char *const headers[] = {NULL, "Authorization: Bearer wrong\r\n",
                                              "Authorization: Basic sesame\r\n"};
        for (size_t h = 0; h < TB_ARRAY_SIZE(headers); h++) {
            struct api_answer *answer = api_call(port, cases[i].method, cases[i].path, NULL, headers[h]);
            ck_assert_msg(answer->status == 401, "%s", answer->raw);
            api_free(&answer);
        }
    }
    ck_assert_uint_eq(rig_waiting(balance), 0);
    ck_assert_uint_eq(rig_waiting(reconciler), 0);
}
END_TEST

/* Effect: the balance actor's next command must be of that kind; answers it. */
static void play_balance(Tb__BalanceCommand__Kind kind, uint64_t outbox_seq, Tb__Refusal refusal, int64_t before,
                         int64_t after)
{
    const struct rig_message *message = rig_receive(balance, TB__MESSAGE_TYPE__BALANCE_COMMAND, ANSWER_MS);
    ck_assert_ptr_nonnull(message);
    const Tb__BalanceCommand *command = (const Tb__BalanceCommand *)message->payload;
    ck_assert_int_eq(command->kind, kind);
    ck_assert_uint_eq(command->outbox_seq, outbox_seq);
    ck_assert_str_eq(command->actor, "api:127.0.0.1");
    Tb__BalanceResult result = TB__BALANCE_RESULT__INIT;
    result.request_id = command->request_id;
    result.refusal = refusal;
    result.before_cents = before;
    result.after_cents = after;
    ck_assert(rig_send(balance, &message->from, TB__MESSAGE_TYPE__BALANCE_RESULT, &result.base, 0, 0, ANSWER_MS));
}

START_TEST(dead_letters_are_redriven_and_discarded_by_balance)
{
    static const struct {
        const char *method, *path;
        Tb__BalanceCommand__Kind kind;
        Tb__Refusal refusal;
        int status;
        const char *code;
    } cases[] = {
        {"POST", "/api/dlq/nl-1.7/redrive", TB__BALANCE_COMMAND__KIND__REDRIVE, TB__REFUSAL__REFUSAL_NONE, 202, NULL},
        {"POST", "/api/dlq/nl-1.7/redrive", TB__BALANCE_COMMAND__KIND__REDRIVE, TB__REFUSAL__REFUSAL_NOT_FOUND, 404,
         "NOT_FOUND"},
        {"POST", "/api/dlq/nl-1.7/redrive", TB__BALANCE_COMMAND__KIND__REDRIVE, TB__REFUSAL__REFUSAL_TERMINAL, 409,
         "CONFLICT"},
        {"POST", "/api/dlq/nl-1.7/redrive", TB__BALANCE_COMMAND__KIND__REDRIVE, TB__REFUSAL__REFUSAL_BACKPRESSURE, 503,
         "BACKPRESSURE"},
        {"DELETE", "/api/dlq/nl-1.7", TB__BALANCE_COMMAND__KIND__DISCARD, TB__REFUSAL__REFUSAL_NONE, 204, NULL},
        {"DELETE", "/api/dlq/nl-1.7", TB__BALANCE_COMMAND__KIND__DISCARD, TB__REFUSAL__REFUSAL_NOT_FOUND, 404,
         "NOT_FOUND"},
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        struct call call;
        begin(&call, cases[i].method, cases[i].path, NULL, ADMIN);
        play_balance(cases[i].kind, 7, cases[i].refusal, 0, 0);
        struct api_answer *answer = end(&call, cases[i].status);
        if (cases[i].code != NULL)
            ck_assert_str_eq(api_text(answer, "code"), cases[i].code);
        else if (cases[i].status == 202)
            ck_assert_str_eq(api_text(answer, "dlqId"), "nl-1.7");
        api_free(&answer);
    }
    expect_code(api_call(port, "POST", "/api/dlq/seven/redrive", NULL, ADMIN), "NOT_FOUND");
    expect_code(api_call(port, "POST", "/api/dlq/de-1.7/redrive", NULL, ADMIN), "NOT_FOUND");
}
END_TEST

START_TEST(a_rebuild_tells_before_and_after)
{
    struct call call;
    begin(&call, "POST", "/api/balances/clusius/rebuild", NULL, ADMIN);
    play_balance(TB__BALANCE_COMMAND__KIND__REBUILD, 0, TB__REFUSAL__REFUSAL_NONE, 100001, 1000000);
    struct api_answer *answer = end(&call, 200);
    ck_assert_str_eq(api_text(answer, "before"), "1000.01");
    ck_assert_str_eq(api_text(answer, "after"), "10000.00");
    ck_assert(json_is_true(api_at(answer, "changed")));
    api_free(&answer);
    expect_code(api_call(port, "POST", "/api/balances/nobody/rebuild", NULL, ADMIN), "NOT_FOUND");
}
END_TEST

START_TEST(a_command_is_sent_again_until_it_is_answered)
{
    struct call call;
    begin(&call, "POST", "/api/dlq/nl-1.7/redrive", NULL, ADMIN);
    const struct rig_message *lost = rig_receive(balance, TB__MESSAGE_TYPE__BALANCE_COMMAND, ANSWER_MS);
    ck_assert_ptr_nonnull(lost);
    play_balance(TB__BALANCE_COMMAND__KIND__REDRIVE, 7, TB__REFUSAL__REFUSAL_NONE, 0, 0);
    struct api_answer *answer = end(&call, 202);
    api_free(&answer);
    begin(&call, "POST", "/api/dlq/nl-1.7/redrive", NULL, ADMIN); /* nobody answers at all */
    answer = end(&call, 503);
    ck_assert_str_eq(api_text(answer, "code"), "STORE_UNAVAILABLE");
    ck_assert(json_is_true(api_at(answer, "retryable")));
    ck_assert_ptr_nonnull(api_header(answer, "Retry-After"));
    api_free(&answer);
}
END_TEST

START_TEST(invariants_are_the_reconcilers_word)
{
    struct call call;
    begin(&call, "GET", "/api/invariants", NULL, NULL);
    const struct rig_message *message = rig_receive(reconciler, TB__MESSAGE_TYPE__CHECK_INVARIANTS, ANSWER_MS);
    ck_assert_ptr_nonnull(message);
    char i1[] = "I1", i2[] = "I2", sample[] = "[\"nl-1.5\"]", none[] = "";
    Tb__InvariantCheck checks[] = {TB__INVARIANT_CHECK__INIT, TB__INVARIANT_CHECK__INIT},
                       *pointers[] = {&checks[0], &checks[1]};
    checks[0].id = i1;
    checks[0].ok = true;
    checks[0].sample_json = none;
    checks[1].id = i2;
    checks[1].count = 1;
    checks[1].sample_json = sample;
    Tb__InvariantsChecked result = TB__INVARIANTS_CHECKED__INIT;
    result.request_id = ((const Tb__CheckInvariants *)message->payload)->request_id;
    result.checked_at_us = 1795339276123000;
    result.checks = pointers;
    result.n_checks = 2;
    ck_assert(
        rig_send(reconciler, &message->from, TB__MESSAGE_TYPE__INVARIANTS_CHECKED, &result.base, 0, 0, ANSWER_MS));
    struct api_answer *answer = end(&call, 200);
    ck_assert_str_eq(
        answer->body,
        "{\"ok\":false,\"checkedAt\":\"2026-11-22T09:21:16.123Z\",\"checks\":[{\"id\":\"I1\",\"ok\":true,\"count\":0,"
        "\"sample\":[]},{\"id\":\"I2\",\"ok\":false,\"count\":1,\"sample\":[\"nl-1.5\"]}]}");
    api_free(&answer);
}
END_TEST

/* The reconciler died with the question, and its successor never heard it. */
START_TEST(a_question_is_asked_again_when_the_reconciler_begins_anew)
{
    struct call call;
    ck_assert(comes_to(200, true, READY_MS));
    begin(&call, "POST", "/api/replay/verify", "{}", ADMIN);
    ck_assert_ptr_nonnull(rig_receive(reconciler, TB__MESSAGE_TYPE__VERIFY_REPLAY, ANSWER_MS));
    ck_assert(comes_to(200, true, READY_MS)); /* the same process: nothing is sent twice */
    ck_assert_ptr_null(rig_receive(reconciler, TB__MESSAGE_TYPE__VERIFY_REPLAY, 300));
    process++;
    const struct rig_message *message = NULL;
    for (int64_t until = clock_monotonic_us() + ANSWER_MS * 1000LL; message == NULL && clock_monotonic_us() < until;) {
        send_heartbeats();
        message = rig_receive(reconciler, TB__MESSAGE_TYPE__VERIFY_REPLAY, 100);
    }
    ck_assert_ptr_nonnull(message);
    char hash[] = "00000000000000aa";
    Tb__ReplayVerified result = TB__REPLAY_VERIFIED__INIT;
    result.request_id = ((const Tb__VerifyReplay *)message->payload)->request_id;
    result.ok = true;
    result.live_hash = result.replay_hash = hash;
    ck_assert(rig_send(reconciler, &message->from, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &result.base, 0, 0, ANSWER_MS));
    struct api_answer *answer = end(&call, 200);
    api_free(&answer);
}
END_TEST

START_TEST(a_question_to_a_reconciler_that_is_gone_ends_long_before_its_deadline)
{
    struct call call;
    ck_assert(comes_to(503, false, READY_MS));
    int64_t began_us = clock_monotonic_us();
    begin(&call, "GET", "/api/invariants", NULL, NULL);
    struct api_answer *answer = end(&call, 503);
    ck_assert_int_lt(clock_monotonic_us() - began_us, 30 * 1000000LL); /* the deadline is 60 s, patience 5 s */
    ck_assert(json_is_true(api_at(answer, "retryable")));
    ck_assert_ptr_nonnull(api_header(answer, "Retry-After"));
    expect_code(answer, "STORE_UNAVAILABLE");
}
END_TEST

START_TEST(a_check_that_goes_on_is_answered_with_how_far_it_is)
{
    struct call call;
    begin(&call, "GET", "/api/invariants", NULL, NULL);
    const struct rig_message *message = rig_receive(reconciler, TB__MESSAGE_TYPE__CHECK_INVARIANTS, ANSWER_MS);
    ck_assert_ptr_nonnull(message);
    char progress[] = "it is at I3 of I1 to I10";
    Tb__InvariantsChecked result = TB__INVARIANTS_CHECKED__INIT;
    result.request_id = ((const Tb__CheckInvariants *)message->payload)->request_id;
    result.refusal = TB__REFUSAL__REFUSAL_UNDER_WAY;
    result.progress = progress;
    ck_assert(
        rig_send(reconciler, &message->from, TB__MESSAGE_TYPE__INVARIANTS_CHECKED, &result.base, 0, 0, ANSWER_MS));
    struct api_answer *answer = end(&call, 503);
    ck_assert(json_is_true(api_at(answer, "retryable")));
    ck_assert_ptr_nonnull(api_header(answer, "Retry-After"));
    ck_assert_ptr_nonnull(strstr(api_text(answer, "detail"), progress));
    expect_code(answer, "STORE_UNAVAILABLE");
}
END_TEST

START_TEST(a_replay_takes_a_range_and_tells_where_it_differs)
{
    struct call call;
    begin(&call, "POST", "/api/replay/verify", "{\"fromSeq\":3,\"toSeq\":9}", ADMIN);
    const struct rig_message *message = rig_receive(reconciler, TB__MESSAGE_TYPE__VERIFY_REPLAY, ANSWER_MS);
    ck_assert_ptr_nonnull(message);
    const Tb__VerifyReplay *command = (const Tb__VerifyReplay *)message->payload;
    ck_assert_uint_eq(command->from_seq, 3);
    ck_assert_uint_eq(command->to_seq, 9);
    char live[] = "aa", replay[] = "bb";
    Tb__ReplayVerified result = TB__REPLAY_VERIFIED__INIT;
    result.request_id = command->request_id;
    result.orders = 7;
    result.live_hash = live;
    result.replay_hash = replay;
    result.first_divergence = 4;
    ck_assert(rig_send(reconciler, &message->from, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &result.base, 0, 0, ANSWER_MS));
    struct api_answer *answer = end(&call, 200);
    ck_assert_str_eq(
        answer->body,
        "{\"ok\":false,\"orders\":7,\"liveHash\":\"aa\",\"replayHash\":\"bb\",\"firstDivergence\":\"nl-1.4\"}");
    api_free(&answer);
    static const struct {
        const char *body, *code;
    } bad[] = {{"{\"fromSeq\":9,\"toSeq\":3}", "VALIDATION"},
               {"{\"fromSeq\":0}", "VALIDATION"},
               {"{\"fromSeq\":\"1\"}", "VALIDATION"},
               {"[]", "MALFORMED_JSON"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(bad); i++)
        expect_code(api_call(port, "POST", "/api/replay/verify", bad[i].body, ADMIN), bad[i].code);
}
END_TEST

START_TEST(a_persona_is_created_once_its_opening_balance_is_there)
{
    static const char body[] = "{\"displayName\":\"Jan de Vries\"}";
    rig_close(&balance); /* the real ones take their places */
    rig_close(&heartbeats[2]);
    rig_close(&heartbeats[3]);
    ck_assert(rig_wait_state(rig_start(rig, "persona", "1", NULL), "READY", READY_MS));
    struct call call;
    begin(&call, "POST", "/api/personas", body, NULL);
    ck_assert(testdb_wait(url, 1, ANSWER_MS, "SELECT count(*) FROM personas WHERE user_id = 'jan-de-vries'"));
    ck_assert_ptr_null(call.answer); /* made, but without money: not answered yet */
    ck_assert(rig_wait_state(rig_start(rig, "balance", "1", NULL), "READY", READY_MS));
    struct api_answer *answer = end(&call, 201);
    ck_assert_str_eq(api_header(answer, "Location"), "/api/personas/jan-de-vries");
    api_free(&answer);
    answer = api_call(port, "GET", "/api/balances/jan-de-vries", NULL, NULL);
    ck_assert_str_eq(api_text(answer, "currentBalance"), "10000.00");
    ck_assert_str_eq(api_text(answer, "ledger.0.reason"), "OPENING_BALANCE");
    api_free(&answer);
    expect_code(api_call(port, "POST", "/api/personas", body, NULL), "PERSONA_EXISTS");
}
END_TEST

/* Effect: the persona actor's next command is carried out by hand as `type`, but its answer is lost; the copy that
 * follows is refused. */
static void lose_answer(struct rig_link *persona, int type, const char *user_id, Tb__Refusal refusal)
{
    const struct rig_message *message = rig_receive(persona, TB__MESSAGE_TYPE__PERSONA_COMMAND, ANSWER_MS);
    ck_assert_ptr_nonnull(message);
    const Tb__PersonaCommand *command = (const Tb__PersonaCommand *)message->payload;
    char trace[33];
    ids_hex(command->trace_id.data, command->trace_id.len, trace);
    testdb_run(url,
               "UPDATE personas SET deleted = %s, version = version + 1 WHERE user_id = '%s'; "
               "SELECT ops_append('nl-1', %d::smallint, p.user_id, persona_payload(p), now(), '%s') FROM personas p "
               "WHERE user_id = '%s'",
               type == TB__OPS_RECORD__TYPE__PERSONA_DELETED ? "true" : "false", user_id, type, trace, user_id);
    message = rig_receive(persona, TB__MESSAGE_TYPE__PERSONA_COMMAND, ANSWER_MS);
    ck_assert_ptr_nonnull(message);
    Tb__PersonaResult result = TB__PERSONA_RESULT__INIT;
    result.request_id = ((const Tb__PersonaCommand *)message->payload)->request_id;
    result.refusal = refusal;
    ck_assert(rig_send(persona, &message->from, TB__MESSAGE_TYPE__PERSONA_RESULT, &result.base, 0, 0, ANSWER_MS));
}

START_TEST(a_removal_that_was_sent_twice_is_no_conflict_with_itself)
{
    struct rig_link *persona = rig_open(rig, "persona/1", "persona-command", BUS_ROUTER, true);
    struct call call;
    begin(&call, "DELETE", "/api/personas/clusius", NULL, NULL);
    lose_answer(persona, TB__OPS_RECORD__TYPE__PERSONA_DELETED, "clusius", TB__REFUSAL__REFUSAL_NOT_FOUND);
    struct api_answer *answer = end(&call, 204);
    api_free(&answer);
    begin(&call, "DELETE", "/api/personas/leeuwenhoek", NULL, NULL); /* somebody else's removal is one */
    const struct rig_message *message = rig_receive(persona, TB__MESSAGE_TYPE__PERSONA_COMMAND, ANSWER_MS);
    ck_assert_ptr_nonnull(message);
    Tb__PersonaResult result = TB__PERSONA_RESULT__INIT;
    result.request_id = ((const Tb__PersonaCommand *)message->payload)->request_id;
    result.refusal = TB__REFUSAL__REFUSAL_NOT_FOUND;
    ck_assert(rig_send(persona, &message->from, TB__MESSAGE_TYPE__PERSONA_RESULT, &result.base, 0, 0, ANSWER_MS));
    expect_code(end(&call, 404), "NOT_FOUND");
}
END_TEST

START_TEST(a_long_poll_finds_events_that_no_feed_announced)
{
    struct call call;
    begin(&call, "GET", "/api/events?stream=orders&wait=10", NULL, NULL);
    ck_assert(testdb_wait(
        url, 1, ANSWER_MS,
        "SELECT (count(*) > 0)::int FROM pg_stat_activity WHERE query LIKE '%%api_events%%' AND state = 'idle'"));
    testdb_run(url, "INSERT INTO orders VALUES ('nl-1', 1, 1, 1, 1, 10, 12420, NULL, NULL, now(), NULL, false, "
                    "'clusius', 'web', 'k', 's');"
                    "UPDATE stream_heads SET next_seq = 2 WHERE stream = 'orders'");
    struct api_answer *answer = end(&call, 200);
    ck_assert_int_eq(api_int(answer, "nextAfterSeq"), 1);
    ck_assert_str_eq(api_text(answer, "items.0.type"), "OrderReceived");
    api_free(&answer);
    int64_t began_us = clock_monotonic_us();
    answer = api_call(port, "GET", "/api/events?stream=orders&afterSeq=1&wait=1", NULL, NULL);
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 0);
    ck_assert_int_ge(clock_monotonic_us() - began_us, 1000000);
    api_free(&answer);
}
END_TEST

CHECK_MAIN("gateway_operations", tcase_add_checked_fixture(cases, setup, teardown); tcase_set_timeout(cases, 60);
           tcase_add_test(cases, ready_means_that_every_needed_actor_was_just_heard_of);
           tcase_add_test(cases, what_changes_operations_needs_the_token);
           tcase_add_test(cases, dead_letters_are_redriven_and_discarded_by_balance);
           tcase_add_test(cases, a_rebuild_tells_before_and_after);
           tcase_add_test(cases, a_command_is_sent_again_until_it_is_answered);
           tcase_add_test(cases, invariants_are_the_reconcilers_word);
           tcase_add_test(cases, a_question_is_asked_again_when_the_reconciler_begins_anew);
           tcase_add_test(cases, a_question_to_a_reconciler_that_is_gone_ends_long_before_its_deadline);
           tcase_add_test(cases, a_check_that_goes_on_is_answered_with_how_far_it_is);
           tcase_add_test(cases, a_replay_takes_a_range_and_tells_where_it_differs);
           tcase_add_test(cases, a_persona_is_created_once_its_opening_balance_is_there);
           tcase_add_test(cases, a_removal_that_was_sent_twice_is_no_conflict_with_itself);
           tcase_add_test(cases, a_long_poll_finds_events_that_no_feed_announced);)
