/* bus between processes: answers find their way, a dead or stopped peer is noticed, full links drop and never wait, a
 * new leader takes an endpoint over and the old one's end does not take it away again, and what is no message of ours
 * is refused. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "base.h"
#include "bus.h"
#include "clock.h"
#include "reconciler.pb-c.h"

enum { WAIT_MS = 15000, SERVERS_MAX = 4, BIG = 300000, LAST_ID = 1 << 30 };

static char run_dir[64];
static struct loop *loop;
static struct loop_timer *tick;
static struct bus *bus;
static pid_t servers[SERVERS_MAX];
static int server_count;
static bool plaintext; /* of the buses made from here on */

/* What came last. */
static uint64_t answered_id;
static char answered_by[32];
static int received;

static void on_tick(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static bool wait_until(bool (*done)(void), int deadline_ms)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)deadline_ms * 1000;
    while (!done()) {
        if (clock_monotonic_us() > deadline)
            return false;
        loop_timer_set(tick, 2000, 0);
        loop_run(loop);
    }
    return true;
}

static struct bus *make_bus(const char *sender, const char *region, size_t frame_max_bytes)
{
    struct err err = {0};
    struct bus_options options = {.run_dir = run_dir,
                                  .region = region,
                                  .sender = sender,
                                  .boot_id = 7,
                                  .plaintext = plaintext,
                                  .frame_max_bytes = frame_max_bytes};
    struct bus *made = bus_new(loop, &options, &err);
    ck_assert_msg(made != NULL, "%s", err.text);
    return made;
}

static void setup(void)
{
    tb_copy_text(run_dir, sizeof run_dir, "/tmp/tb-bus-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(run_dir));
    loop = NULL;
    bus = NULL;
    plaintext = false;
    server_count = 0;
    answered_id = 0;
    answered_by[0] = '\0';
    received = 0;
}

/* After the servers were forked: none of them may inherit a context. */
static void begin(void)
{
    loop = loop_new();
    tick = loop_timer_new(loop, on_tick, NULL);
    bus = make_bus("gateway/1", "nl-1", 0);
}

static void kill_server(int index, int signal)
{
    kill(servers[index], signal);
    if (signal != SIGSTOP && signal != SIGCONT) {
        waitpid(servers[index], NULL, 0);
        servers[index] = 0;
    }
}

static void teardown(void)
{
    char command[96];
    bus_free(&bus);
    if (loop != NULL) {
        loop_timer_free(&tick);
        loop_free(&loop);
    }
    for (int i = 0; i < server_count; i++)
        if (servers[i] > 0)
            kill_server(i, SIGKILL);
    snprintf(command, sizeof command, "rm -rf '%s'", run_dir);
    ck_assert_int_eq(system(command), 0); /* NOLINT */
}

/* ---- the other process: a ROUTER that answers with its name ---- */

struct server {
    const char *name;
    struct bus_link *link;
};

static void serve(void *arg, const struct bus_message *message)
{
    struct server *server = arg;
    const Tb__VerifyReplay *asked = (const Tb__VerifyReplay *)message->payload;
    Tb__ReplayVerified answer = TB__REPLAY_VERIFIED__INIT;
    answer.request_id = asked->request_id;
    answer.live_hash = (char *)(uintptr_t)server->name;
    bus_send(server->link, message->from, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &answer.base, 0, 0);
}

static void stop_serving(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Runs until SIGTERM, then closes its links in the ordinary way. */
_Noreturn static void run_server(const char *name, const char *path, int ready)
{
    struct err err = {0};
    struct server server = {.name = name};
    struct bus_link_spec spec = {.name = path, .kind = BUS_ROUTER, .binds = true};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    loop = loop_new();
    loop_on_stop_signal(loop, stop_serving, NULL);
    bus = make_bus("reconciler/1", "nl-1", 0);
    server.link = bus_open(bus, &spec, serve, &server, &err);
    if (server.link == NULL || (ready >= 0 && write(ready, "r", 1) != 1))
        _exit(3);
    loop_run(loop);
    bus_free(&bus);
    loop_free(&loop);
    _exit(0);
}

static int start_server(const char *name)
{
    int ends[2];
    char byte;
    tb_assert(loop == NULL);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        run_server(name, "reconciler-command", ends[1]);
    close(ends[1]);
    servers[server_count] = child;
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return server_count++;
}

/* Starts one that waits for a byte before it opens its link, so that it can be forked before we have a bus. */
static int prepare_server(const char *name, int *go)
{
    int ends[2];
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        if (read(ends[0], &byte, 1) != 1)
            _exit(4);
        run_server(name, "reconciler-command", -1);
    }
    close(ends[0]);
    *go = ends[1];
    servers[server_count] = child;
    return server_count++;
}

/* ---- our side ---- */

static void on_answer(void *arg, const struct bus_message *message)
{
    (void)arg;
    const Tb__ReplayVerified *answer = (const Tb__ReplayVerified *)message->payload;
    ck_assert_int_eq(message->envelope->type, TB__MESSAGE_TYPE__REPLAY_VERIFIED);
    ck_assert_str_eq(message->envelope->sender, "reconciler/1");
    answered_id = answer->request_id;
    tb_copy_text(answered_by, sizeof answered_by, answer->live_hash);
    received++;
}

static struct bus_link *open_client(void)
{
    struct err err = {0};
    struct bus_link_spec spec = {.name = "reconciler-command", .kind = BUS_DEALER};
    struct bus_link *link = bus_open(bus, &spec, on_answer, NULL, &err);
    ck_assert_msg(link != NULL, "%s", err.text);
    return link;
}

static bool ask(struct bus_link *link, uint64_t request_id)
{
    Tb__VerifyReplay question = TB__VERIFY_REPLAY__INIT;
    question.request_id = request_id;
    return bus_send(link, NULL, TB__MESSAGE_TYPE__VERIFY_REPLAY, &question.base, 0, 0);
}

static struct bus_link *client;
static const char *expected_name;
static uint64_t next_id;

/* Asks again at each look, as a client that retries does. */
static bool expected_answers(void)
{
    ask(client, ++next_id);
    return strcmp(answered_by, expected_name) == 0;
}

static bool answered_from(const char *name, int deadline_ms)
{
    expected_name = name;
    answered_by[0] = '\0';
    return wait_until(expected_answers, deadline_ms);
}

static bool last_is_answered(void)
{
    return answered_id == LAST_ID;
}

START_TEST(an_answer_finds_whoever_asked)
{
    start_server("one");
    begin();
    client = open_client();
    struct bus_link *other = open_client();
    ck_assert(answered_from("one", WAIT_MS));
    ck_assert(ask(client, LAST_ID));
    ck_assert(wait_until(last_is_answered, WAIT_MS));
    ck_assert_uint_eq(bus_link_counts(other).received, 0);
    ck_assert_uint_ge(bus_link_counts(client).received, 2);
    ck_assert_uint_eq(bus_link_counts(client).malformed, 0);
}
END_TEST

START_TEST(without_a_peer_a_message_is_dropped_and_counted)
{
    begin();
    client = open_client();
    int64_t before = clock_monotonic_us();
    ck_assert(!ask(client, 1));
    ck_assert_int_lt(clock_monotonic_us() - before, 1000000);
    ck_assert_uint_eq(bus_link_counts(client).dropped, 1);
    ck_assert_uint_eq(bus_link_counts(client).sent, 0);
}
END_TEST

static bool is_dropped(void)
{
    return !ask(client, ++next_id);
}

START_TEST(a_killed_peer_is_noticed_and_its_successor_found)
{
    int go;
    int first = start_server("one");
    prepare_server("two", &go);
    begin();
    client = open_client();
    ck_assert(answered_from("one", WAIT_MS));
    kill_server(first, SIGKILL);
    ck_assert(wait_until(is_dropped, 3000));
    ck_assert_int_eq(write(go, "g", 1), 1);
    ck_assert(answered_from("two", 3000));
    close(go);
}
END_TEST

START_TEST(a_new_leader_takes_the_endpoint_and_keeps_it_when_the_old_one_closes_cleanly)
{
    int first = start_server("one");
    start_server("two");
    begin();
    client = open_client();
    ck_assert(answered_from("two", WAIT_MS));
    kill_server(first, SIGTERM); /* a clean stop: it closes its links */
    bus_close(&client);
    client = open_client();
    ck_assert(answered_from("two", 3000));
}
END_TEST

START_TEST(clients_of_a_stopped_leader_go_over_to_the_new_one)
{
    int go;
    int first = start_server("one");
    prepare_server("two", &go);
    begin();
    client = open_client();
    ck_assert(answered_from("one", WAIT_MS));
    kill_server(first, SIGSTOP);
    ck_assert_int_eq(write(go, "g", 1), 1);
    ck_assert(answered_from("two", 8000)); /* ZeroMQ's heartbeats: two seconds, and one more try */
    kill_server(first, SIGCONT);
    close(go);
}
END_TEST

/* ---- one process, several buses ---- */

static void count_message(void *arg, const struct bus_message *message)
{
    (void)message;
    ++*(int *)arg;
}

static int at_router, at_pull, at_sub;
static struct peer last_peer;

static void note_peer(void *arg, const struct bus_message *message)
{
    (void)arg;
    last_peer = *message->from;
    at_router++;
}

static bool router_has_one(void)
{
    return at_router > 0;
}

/* Effect: asks as soon as there is a router to be asked. */
static void ask_at_last(struct bus_link *link)
{
    int64_t deadline = clock_monotonic_us() + WAIT_MS * 1000LL;
    while (!ask(link, 1)) {
        ck_assert_msg(clock_monotonic_us() < deadline, "no router was found");
        wait_until(router_has_one, 5);
    }
}

START_TEST(an_answer_to_a_peer_that_is_gone_is_dropped_and_counted)
{
    struct err err = {0};
    begin();
    at_router = 0;
    struct bus_link *router =
        bus_open(bus, &(struct bus_link_spec){"reconciler-command", BUS_ROUTER, true, 0}, note_peer, NULL, &err);
    client = open_client();
    ask_at_last(client);
    ck_assert(wait_until(router_has_one, WAIT_MS));
    ck_assert_uint_gt(last_peer.length, 0);
    bus_close(&client);
    Tb__ReplayVerified answer = TB__REPLAY_VERIFIED__INIT;
    int64_t deadline = clock_monotonic_us() + WAIT_MS * 1000LL;
    bool sent = true;
    while (sent && clock_monotonic_us() < deadline) {
        sent = bus_send(router, &last_peer, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &answer.base, 0, 0);
        loop_timer_set(tick, 5000, 0);
        loop_run(loop);
    }
    ck_assert(!sent);
    ck_assert_uint_eq(bus_link_counts(router).dropped, 1);
    struct peer nobody = {0};
    ck_assert(!bus_send(router, &nobody, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &answer.base, 0, 0));
    ck_assert_uint_eq(bus_link_counts(router).dropped, 2);
}
END_TEST

static struct bus_link *pusher;
static bool send_big(void)
{
    static char text[BIG];
    Tb__ReplayVerified message = TB__REPLAY_VERIFIED__INIT;
    memset(text, 'x', sizeof text - 1);
    message.live_hash = text;
    return bus_send(pusher, NULL, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &message.base, 0, 0);
}

static bool pusher_has_peer(void)
{
    return send_big();
}

static bool pull_has_one(void)
{
    return at_pull > 0;
}

START_TEST(a_full_link_drops_and_never_waits)
{
    struct err err = {0};
    begin();
    at_pull = 0;
    pusher = bus_open(bus, &(struct bus_link_spec){"orders-stage", BUS_PUSH, true, 5}, NULL, NULL, &err);
    struct bus_link *pull =
        bus_open(bus, &(struct bus_link_spec){"orders-stage", BUS_PULL, false, 5}, count_message, &at_pull, &err);
    ck_assert(wait_until(pusher_has_peer, WAIT_MS));
    int64_t before = clock_monotonic_us();
    int accepted = 0;
    while (send_big()) /* nobody takes anything: the loop stands still */
        ck_assert_int_lt(++accepted, 1000);
    ck_assert_int_lt(clock_monotonic_us() - before, 5000000);
    ck_assert_uint_ge(bus_link_counts(pusher).dropped, 1);
    ck_assert(wait_until(pull_has_one, WAIT_MS));
    ck_assert(wait_until(pusher_has_peer, WAIT_MS)); /* and goes on once there is room */
    ck_assert_uint_gt(bus_link_take_peak(pull), 0);
    ck_assert_uint_eq(bus_link_take_peak(pull), 0);
}
END_TEST

static int flushes;
static void on_flush(void *arg)
{
    (void)arg;
    flushes++;
    ck_assert_int_gt(at_sub, 0);
}

static struct bus_link *publisher;
static bool sub_hears(void)
{
    Tb__CheckInvariants message = TB__CHECK_INVARIANTS__INIT;
    bus_send(publisher, NULL, TB__MESSAGE_TYPE__CHECK_INVARIANTS, &message.base, TB__STREAM__STREAM_OPS, 5);
    return at_sub > 3;
}

START_TEST(a_feed_reaches_its_readers_and_the_burst_ends_with_a_flush)
{
    struct err err = {0};
    begin();
    at_sub = flushes = 0;
    bus_on_flush(bus, on_flush, NULL);
    publisher = bus_open(bus, &(struct bus_link_spec){"ops-feed", BUS_PUB, true, 0}, NULL, NULL, &err);
    ck_assert_ptr_nonnull(
        bus_open(bus, &(struct bus_link_spec){"ops-feed", BUS_SUB, false, 0}, count_message, &at_sub, &err));
    ck_assert(wait_until(sub_hears, WAIT_MS));
    ck_assert_int_gt(flushes, 0);
    ck_assert_int_le(flushes, at_sub);
}
END_TEST

/* ---- what is not for us ---- */

static struct bus *small_bus;
static struct bus_link *small_pull;
static bool small_pull_has_one(void)
{
    Tb__CheckInvariants message = TB__CHECK_INVARIANTS__INIT;
    bus_send(pusher, NULL, TB__MESSAGE_TYPE__CHECK_INVARIANTS, &message.base, 0, 0);
    return at_pull > 0;
}

START_TEST(a_frame_beyond_the_receivers_limit_never_arrives)
{
    struct err err = {0};
    begin();
    at_pull = 0;
    small_bus = make_bus("simfill/1", "nl-1", 1000);
    small_pull =
        bus_open(small_bus, &(struct bus_link_spec){"orders-stage", BUS_PULL, true, 0}, count_message, &at_pull, &err);
    pusher = bus_open(bus, &(struct bus_link_spec){"orders-stage", BUS_PUSH, false, 0}, NULL, NULL, &err);
    ck_assert(wait_until(pusher_has_peer, WAIT_MS));
    ck_assert(!wait_until(pull_has_one, 200));
    ck_assert(wait_until(small_pull_has_one, WAIT_MS)); /* reconnected: small ones do */
    bus_free(&small_bus);
}
END_TEST

/* A connection that ZeroMQ gives up for a frame too large is never made again from the connecting side: so we send
 * none. */
START_TEST(a_frame_beyond_our_own_limit_is_not_sent)
{
    struct err err = {0};
    begin();
    at_pull = 0;
    small_bus = make_bus("sequencer/1", "nl-1", 1000);
    pusher = bus_open(small_bus, &(struct bus_link_spec){"orders-stage", BUS_PUSH, true, 0}, NULL, NULL, &err);
    small_pull =
        bus_open(bus, &(struct bus_link_spec){"orders-stage", BUS_PULL, false, 0}, count_message, &at_pull, &err);
    ck_assert(wait_until(small_pull_has_one, WAIT_MS));
    uint64_t dropped = bus_link_counts(pusher).dropped;
    ck_assert(!send_big());
    ck_assert_uint_eq(bus_link_counts(pusher).dropped, dropped + 1);
    at_pull = 0;
    ck_assert(wait_until(small_pull_has_one, WAIT_MS));
    bus_free(&small_bus);
}
END_TEST

static void *raw_context, *raw;
static uint64_t expected_malformed;
static bool malformed_there(void)
{
    return bus_link_counts(small_pull).malformed >= expected_malformed;
}

START_TEST(bytes_that_are_no_envelope_are_counted_and_harm_nobody)
{
    struct err err = {0};
    char endpoint[128];
    begin();
    at_pull = 0;
    small_pull =
        bus_open(bus, &(struct bus_link_spec){"orders-stage", BUS_PULL, true, 0}, count_message, &at_pull, &err);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/orders-stage", run_dir);
    raw_context = zmq_ctx_new();
    raw = zmq_socket(raw_context, ZMQ_PUSH);
    ck_assert_int_eq(zmq_connect(raw, endpoint), 0);
    zmq_send(raw, "", 0, 0);
    zmq_send(raw, "nonsense", 8, 0);
    zmq_send(raw, "two", 3, ZMQ_SNDMORE);
    zmq_send(raw, "frames", 6, 0);
    zmq_send(raw, "\xff\xff\xff\xff", 4, 0);
    expected_malformed = 4;
    ck_assert(wait_until(malformed_there, WAIT_MS));
    ck_assert_int_eq(at_pull, 0);
    zmq_close(raw);
    zmq_ctx_term(raw_context);
    pusher = bus_open(bus, &(struct bus_link_spec){"orders-stage", BUS_PUSH, false, 0}, NULL, NULL, &err);
    ck_assert(wait_until(small_pull_has_one, WAIT_MS));
}
END_TEST

START_TEST(a_router_refuses_what_has_no_body)
{
    struct err err = {0};
    char endpoint[128];
    begin();
    at_pull = 0;
    small_pull =
        bus_open(bus, &(struct bus_link_spec){"orders-command", BUS_ROUTER, true, 0}, count_message, &at_pull, &err);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/orders-command", run_dir);
    raw_context = zmq_ctx_new();
    raw = zmq_socket(raw_context, ZMQ_DEALER);
    char long_name[60];
    memset(long_name, 'n', sizeof long_name);
    zmq_setsockopt(raw, ZMQ_ROUTING_ID, long_name, sizeof long_name); /* longer than a struct peer takes */
    ck_assert_int_eq(zmq_connect(raw, endpoint), 0);
    zmq_send(raw, "", 0, 0);
    zmq_send(raw, "a", 1, ZMQ_SNDMORE);
    zmq_send(raw, "b", 1, ZMQ_SNDMORE);
    zmq_send(raw, "c", 1, 0);
    expected_malformed = 2;
    ck_assert(wait_until(malformed_there, WAIT_MS));
    ck_assert_int_eq(at_pull, 0);
    zmq_close(raw);
    zmq_ctx_term(raw_context);
}
END_TEST

START_TEST(a_message_of_another_region_is_refused)
{
    struct err err = {0};
    begin();
    at_pull = 0;
    small_bus = make_bus("sequencer/1", "us-1", 0);
    pusher = bus_open(small_bus, &(struct bus_link_spec){"orders-stage", BUS_PUSH, true, 0}, NULL, NULL, &err);
    small_pull =
        bus_open(bus, &(struct bus_link_spec){"orders-stage", BUS_PULL, false, 0}, count_message, &at_pull, &err);
    ck_assert(wait_until(pusher_has_peer, WAIT_MS));
    expected_malformed = 1;
    ck_assert(wait_until(malformed_there, WAIT_MS));
    ck_assert_int_eq(at_pull, 0);
    bus_free(&small_bus);
}
END_TEST

START_TEST(an_endpoint_that_cannot_be_bound_is_named)
{
    struct err err = {0};
    plaintext = true;
    begin();
    struct bus_link_spec spec = {"orders-stage", BUS_PUSH, true, 0};
    ck_assert_ptr_null(bus_open_at(bus, &spec, "ipc:///nowhere/orders-stage", NULL, NULL, &err));
    ck_assert_msg(strstr(err.text, "link orders-stage: listen at /nowhere/orders-stage: No such file") != NULL, "%s",
                  err.text);
    ck_assert_ptr_null(bus_open_at(bus, &spec, "tcp://256.0.0.1:1", NULL, NULL, &err));
    ck_assert_msg(strstr(err.text, "bind tcp://256.0.0.1:1") != NULL, "%s", err.text);
}
END_TEST

START_TEST(tcp_without_keys_is_refused_unless_a_setting_allows_it)
{
    struct err err = {0};
    begin();
    struct bus_link_spec spec = {"orders-stage", BUS_PUSH, true, 0};
    ck_assert_ptr_null(bus_open_at(bus, &spec, "tcp://127.0.0.1:1", NULL, NULL, &err));
    ck_assert_msg(strstr(err.text, "link orders-stage: tcp://127.0.0.1:1 without CURVE is refused") != NULL, "%s",
                  err.text);
}
END_TEST

START_TEST(tcp_works_as_well)
{
    struct err err = {0};
    char endpoint[64];
    plaintext = true;
    begin();
    at_router = 0;
    struct bus_link *router = NULL;
    for (int port = 20000 + getpid() % 20000; router == NULL && port < 60000; port++) {
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
        router = bus_open_at(bus, &(struct bus_link_spec){"x", BUS_ROUTER, true, 0}, endpoint, note_peer, NULL, &err);
    }
    ck_assert_ptr_nonnull(router);
    client = bus_open_at(bus, &(struct bus_link_spec){"x", BUS_DEALER, false, 0}, endpoint, on_answer, NULL, &err);
    ask_at_last(client);
    ck_assert(wait_until(router_has_one, WAIT_MS));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bus");
    TCase *tcase = tcase_create("bus");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_answer_finds_whoever_asked);
    tcase_add_test(tcase, without_a_peer_a_message_is_dropped_and_counted);
    tcase_add_test(tcase, a_killed_peer_is_noticed_and_its_successor_found);
    tcase_add_test(tcase, a_new_leader_takes_the_endpoint_and_keeps_it_when_the_old_one_closes_cleanly);
    tcase_add_test(tcase, clients_of_a_stopped_leader_go_over_to_the_new_one);
    tcase_add_test(tcase, an_answer_to_a_peer_that_is_gone_is_dropped_and_counted);
    tcase_add_test(tcase, a_full_link_drops_and_never_waits);
    tcase_add_test(tcase, a_feed_reaches_its_readers_and_the_burst_ends_with_a_flush);
    tcase_add_test(tcase, a_frame_beyond_the_receivers_limit_never_arrives);
    tcase_add_test(tcase, a_frame_beyond_our_own_limit_is_not_sent);
    tcase_add_test(tcase, bytes_that_are_no_envelope_are_counted_and_harm_nobody);
    tcase_add_test(tcase, a_router_refuses_what_has_no_body);
    tcase_add_test(tcase, a_message_of_another_region_is_refused);
    tcase_add_test(tcase, an_endpoint_that_cannot_be_bound_is_named);
    tcase_add_test(tcase, tcp_without_keys_is_refused_unless_a_setting_allows_it);
    tcase_add_test(tcase, tcp_works_as_well);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
