/* The bus over TCP with CURVE, on real sockets: who has the right key and role gets through; a stranger, a wrong role,
 * a client without CURVE, and a liar are turned away, logged and counted; keys change while all runs. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base.h"
#include "bus.h"
#include "clock.h"
#include "log.h"
#include "reconciler.pb-c.h"

enum { WAIT_MS = 15000, BUSES_MAX = 8 };

static char dir[64], keys_dir[96], other_dir[96], topology[96], log_path[96];
static struct loop *loop;
static struct loop_timer *tick;
static struct bus *buses[BUSES_MAX];
static int bus_count, saved_stderr;
static char host[32]; /* a loopback address of our own */

/* ---- fixture ---- */

static void on_tick(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void turn(void)
{
    loop_timer_set(tick, 2000, 0);
    loop_run(loop);
}

/* A shell's command with $DIR, $KEYS, $OTHERS and $TB_KEYS set. */
static void command(const char *text)
{
    ck_assert_msg(system(text) == 0, "%s", text); /* NOLINT */
}

static void setup(void)
{
    tb_copy_text(dir, sizeof dir, "/tmp/tb-curve-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(keys_dir, sizeof keys_dir, "%s/keys", dir);
    snprintf(other_dir, sizeof other_dir, "%s/others", dir);
    snprintf(topology, sizeof topology, "%s/topology.ini", dir);
    snprintf(log_path, sizeof log_path, "%s/log", dir);
    snprintf(host, sizeof host, "127.%d.%d.9", 64 + getpid() / 250 % 60, 1 + getpid() % 250);
    FILE *file = fopen(topology, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "[tcp]\nlisten = host\nsequencer-1 = %s:7000\nsimfill-1 = %s:7010\n", host, host);
    fclose(file);
    const char *build = getenv("TB_BUILD_DIR");
    char program[256];
    snprintf(program, sizeof program, "%s/bin/tb-keys", build != NULL ? build : "build/debug");
    setenv("TB_KEYS", program, 1);
    setenv("DIR", dir, 1);
    setenv("KEYS", keys_dir, 1);
    setenv("OTHERS", other_dir, 1);
    command("$TB_KEYS $KEYS >/dev/null && $TB_KEYS $OTHERS >/dev/null");
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO); /* what is logged is looked at */
    ck_assert_ptr_nonnull(freopen(log_path, "w", stderr));
    loop = loop_new();
    tick = loop_timer_new(loop, on_tick, NULL);
    bus_count = 0;
}

static void teardown(void)
{
    for (int i = 0; i < bus_count; i++)
        bus_free(&buses[i]);
    loop_timer_free(&tick);
    loop_free(&loop);
    fflush(stderr);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    command("rm -rf $DIR");
}

static bool log_has(const char *text)
{
    static char said[65536];
    fflush(stderr);
    FILE *file = fopen(log_path, "r");
    ck_assert_ptr_nonnull(file);
    size_t got = fread(said, 1, sizeof said - 1, file);
    fclose(file);
    said[got] = '\0';
    return strstr(said, text) != NULL;
}

static struct bus *make_bus_of(const char *sender, const char *curve_dir, bool plaintext, struct err *err)
{
    struct bus_options options = {.run_dir = dir,
                                  .topology_file = topology,
                                  .region = "nl-1",
                                  .sender = sender,
                                  .boot_id = 7,
                                  .curve_dir = curve_dir,
                                  .plaintext = plaintext};
    ck_assert_int_lt(bus_count, BUSES_MAX);
    struct bus *bus = bus_new(loop, &options, err);
    if (bus != NULL)
        buses[bus_count++] = bus;
    return bus;
}

static struct bus *make_bus(const char *sender, const char *curve_dir)
{
    struct err err = {0};
    struct bus *bus = make_bus_of(sender, curve_dir, curve_dir == NULL, &err);
    ck_assert_msg(bus != NULL, "%s", err.text);
    return bus;
}

/* ---- the two ends ---- */

struct end {
    struct bus_link *link;
    int received;
    struct peer last;
    char sender[64];
};

static struct end server, client, second;

static void on_message(void *arg, const struct bus_message *message)
{
    struct end *end = arg;
    end->received++;
    end->last = *message->from;
    tb_copy_text(end->sender, sizeof end->sender, message->envelope->sender);
}

static void open_end(struct end *end, struct bus *bus, const char *link, enum bus_kind kind, bool binds)
{
    struct err err = {0};
    *end = (struct end){0};
    struct bus_link_spec spec = {.name = link, .kind = kind, .binds = binds};
    int64_t deadline = clock_monotonic_us() + (int64_t)WAIT_MS * 1000;
    while ((end->link = bus_open(bus, &spec, on_message, end, &err)) == NULL &&
           strstr(err.text, "Address already in use") != NULL && clock_monotonic_us() < deadline)
        turn(); /* ZeroMQ closes the one before on a thread of its own */
    ck_assert_msg(end->link != NULL, "%s", err.text);
}

static bool speak(struct end *end, const struct peer *to)
{
    Tb__CheckInvariants message = TB__CHECK_INVARIANTS__INIT;
    return bus_send(end->link, to, TB__MESSAGE_TYPE__CHECK_INVARIANTS, &message.base, 0, 0);
}

/* Effect: sends from one end until the other has something, or the deadline passes. */
static bool reaches(struct end *from, struct end *to, int deadline_ms)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)deadline_ms * 1000;
    int before = to->received;
    while (to->received == before && clock_monotonic_us() < deadline) {
        speak(from, from->last.length > 0 ? &from->last : NULL);
        turn();
    }
    return to->received > before;
}

typedef uint64_t counter(const struct bus_counts *counts);
static uint64_t refused(const struct bus_counts *counts)
{
    return counts->refused;
}
static uint64_t handshake_failures(const struct bus_counts *counts)
{
    return counts->handshake_failures;
}
static uint64_t connects(const struct bus_counts *counts)
{
    return counts->connects;
}
static uint64_t disconnects(const struct bus_counts *counts)
{
    return counts->disconnects;
}
static uint64_t retries(const struct bus_counts *counts)
{
    return counts->retries;
}
static uint64_t forbidden(const struct bus_counts *counts)
{
    return counts->forbidden;
}

static bool counted(const struct end *end, counter *which, uint64_t least)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)WAIT_MS * 1000;
    struct bus_counts counts = bus_link_counts(end->link);
    while (which(&counts) < least && clock_monotonic_us() < deadline) {
        turn();
        counts = bus_link_counts(end->link);
    }
    return which(&counts) >= least;
}

static bool is_logged(const char *text)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)WAIT_MS * 1000;
    while (!log_has(text) && clock_monotonic_us() < deadline)
        turn();
    return log_has(text);
}

/* ---- tests ---- */

START_TEST(the_right_keys_get_through_both_ways_and_are_counted)
{
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    open_end(&client, make_bus("gateway/1", keys_dir), "orders-command", BUS_DEALER, false);
    ck_assert(reaches(&client, &server, WAIT_MS));
    ck_assert_str_eq(server.sender, "gateway/1");
    ck_assert(reaches(&server, &client, WAIT_MS));
    ck_assert(counted(&server, connects, 1));
    ck_assert(counted(&client, connects, 1));
    struct bus_counts counts = bus_link_counts(server.link);
    ck_assert_uint_eq(counts.refused, 0);
    ck_assert_uint_eq(counts.handshake_failures, 0);
    ck_assert_uint_eq(counts.forbidden, 0);
    bus_close(&client.link);
    ck_assert(counted(&server, disconnects, 1));
}
END_TEST

START_TEST(a_server_with_keys_offers_nothing_but_curve)
{
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-feed", BUS_PUB, true);
    void *context = zmq_ctx_new(), *raw = zmq_socket(context, ZMQ_STREAM);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://%s:7003", host);
    ck_assert_int_eq(zmq_connect(raw, endpoint), 0);
    char greeting[256] = "";
    size_t got = 0;
    int64_t deadline = clock_monotonic_us() + (int64_t)WAIT_MS * 1000;
    uint8_t id[16];
    size_t id_size = 0;
    bool spoke = false;
    while (got < 33 && clock_monotonic_us() < deadline) {
        uint8_t part[256];
        int size = zmq_recv(raw, part, sizeof part, ZMQ_DONTWAIT);
        int more = 0;
        size_t more_size = sizeof more;
        zmq_getsockopt(raw, ZMQ_RCVMORE, &more, &more_size);
        if (size > 0 && more && id_size == 0) {
            memcpy(id, part, (size_t)size);
            id_size = (size_t)size;
        } else if (size > 0 && !more) {
            memcpy(greeting + got, part, (size_t)size);
            got += (size_t)size;
        }
        if (id_size > 0 && !spoke) { /* ZMTP's signature and version, so that it tells the rest of its greeting */
            static const uint8_t hello[12] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1};
            zmq_send(raw, id, id_size, ZMQ_SNDMORE);
            zmq_send(raw, hello, sizeof hello, 0);
            spoke = true;
        }
        turn();
    }
    ck_assert_uint_ge(got, 33);
    ck_assert_int_eq(memcmp(greeting + 12, "CURVE", 5), 0);
    zmq_close(raw);
    zmq_ctx_term(context);
}
END_TEST

START_TEST(a_stranger_is_refused_logged_and_counted)
{
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    /* It knows the server's public key, and has a pair of its own. */
    command("cp $KEYS/public/sequencer.pub $OTHERS/public/sequencer.pub");
    open_end(&client, make_bus("gateway/1", other_dir), "orders-command", BUS_DEALER, false);
    ck_assert(counted(&server, refused, 2)); /* and it tries again */
    ck_assert(is_logged("link orders-command: connection from 127."));
    ck_assert(is_logged("refused: its key is nobody's"));
    ck_assert(!reaches(&client, &server, 300));
    ck_assert(counted(&client, handshake_failures, 1));
    ck_assert_uint_eq(bus_link_counts(server.link).connects, 0);
}
END_TEST

START_TEST(a_role_that_has_no_business_on_a_link_is_refused)
{
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    open_end(&client, make_bus("balance/1", keys_dir), "orders-command", BUS_DEALER, false);
    ck_assert(counted(&server, refused, 1));
    ck_assert(is_logged("refused: a balance may not connect to it (1 refused so far)"));
    ck_assert(!reaches(&client, &server, 300));
    open_end(&second, make_bus("gateway/1", keys_dir), "orders-command", BUS_DEALER, false);
    ck_assert(reaches(&second, &server, WAIT_MS));
}
END_TEST

START_TEST(an_operator_may_listen_and_nothing_else)
{
    struct bus *bus = make_bus("sequencer/1", keys_dir), *tools = make_bus("operator/tap", keys_dir);
    struct end feed;
    open_end(&feed, bus, "orders-feed", BUS_PUB, true);
    open_end(&server, bus, "orders-command", BUS_ROUTER, true);
    open_end(&client, tools, "orders-feed", BUS_SUB, false);
    ck_assert(reaches(&feed, &client, WAIT_MS));
    open_end(&second, tools, "orders-command", BUS_DEALER, false);
    ck_assert(counted(&server, refused, 1));
    ck_assert(is_logged("link orders-command: connection from 127."));
}
END_TEST

START_TEST(a_plain_client_gets_nothing_from_a_curve_server)
{
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    open_end(&client, make_bus("gateway/1", NULL), "orders-command", BUS_DEALER, false);
    ck_assert(counted(&server, handshake_failures, 1));
    ck_assert(is_logged("link orders-command: handshake with "));
    ck_assert(is_logged("failed: one side asks for CURVE, the other does not"));
    ck_assert(!reaches(&client, &server, 300));
}
END_TEST

START_TEST(a_curve_client_sends_nothing_to_a_plain_server_and_finds_it_once_it_has_keys)
{
    struct bus *plain = make_bus("sequencer/1", NULL);
    open_end(&server, plain, "orders-command", BUS_ROUTER, true);
    open_end(&client, make_bus("gateway/1", keys_dir), "orders-command", BUS_DEALER, false);
    ck_assert(counted(&client, handshake_failures, 1));
    ck_assert(!reaches(&client, &server, 300));
    bus_close(&server.link);
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    ck_assert(reaches(&client, &server, WAIT_MS));
}
END_TEST

START_TEST(a_server_with_a_false_key_is_not_spoken_to)
{
    /* The impostor has its own pair; the client expects the real sequencer's. */
    open_end(&server, make_bus("sequencer/1", other_dir), "orders-command", BUS_ROUTER, true);
    open_end(&client, make_bus("gateway/1", keys_dir), "orders-command", BUS_DEALER, false);
    ck_assert(counted(&client, handshake_failures, 1));
    ck_assert(!reaches(&client, &server, 300));
    ck_assert_int_eq(server.received, 0);
}
END_TEST

START_TEST(a_message_from_another_than_its_connections_role_is_dropped)
{
    /* A gateway's key, and messages that say they are a sequencer's: as a role with two links might try. */
    command("mkdir -p $DIR/liar/public $DIR/liar/simfill");
    command("cp $KEYS/gateway/secret.key $DIR/liar/simfill/secret.key");
    command("cp $KEYS/public/*.pub $DIR/liar/public/");
    command("cp $KEYS/public/gateway.pub $DIR/liar/public/simfill.pub");
    command("rm $DIR/liar/public/gateway.pub");
    char liar[96];
    snprintf(liar, sizeof liar, "%s/liar", dir);
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    open_end(&client, make_bus("simfill/1", liar), "orders-command", BUS_DEALER, false);
    ck_assert(counted(&server, connects, 1)); /* the key is a gateway's: let in as such */
    ck_assert(!reaches(&client, &server, 300));
    ck_assert(counted(&server, forbidden, 1));
    ck_assert(is_logged("a gateway says it is simfill/1"));
}
END_TEST

START_TEST(a_retired_key_is_shut_out_and_a_rotated_one_let_in_without_a_restart_of_the_others)
{
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    struct bus *old = make_bus("gateway/1", keys_dir);
    open_end(&client, old, "orders-command", BUS_DEALER, false);
    ck_assert(reaches(&client, &server, WAIT_MS));
    command("$TB_KEYS --rotate $KEYS gateway >/dev/null");
    open_end(&second, make_bus("gateway/2", keys_dir), "orders-command", BUS_DEALER, false); /* with the new key */
    ck_assert(reaches(&second, &server, WAIT_MS));
    bus_close(&client.link);
    open_end(&client, old, "orders-command", BUS_DEALER, false); /* still with the old one */
    ck_assert(reaches(&client, &server, WAIT_MS));
    bus_close(&client.link);
    command("$TB_KEYS --retire $KEYS gateway >/dev/null");
    open_end(&client, old, "orders-command", BUS_DEALER, false);
    ck_assert(counted(&server, refused, 1));
    ck_assert(!reaches(&client, &server, 300));
    ck_assert(reaches(&second, &server, WAIT_MS));
}
END_TEST

START_TEST(clients_follow_a_server_to_its_new_key)
{
    struct bus *first = make_bus("sequencer/1", keys_dir);
    open_end(&server, first, "orders-command", BUS_ROUTER, true);
    open_end(&client, make_bus("gateway/1", keys_dir), "orders-command", BUS_DEALER, false);
    ck_assert(reaches(&client, &server, WAIT_MS));
    command("$TB_KEYS --rotate $KEYS sequencer >/dev/null");
    ck_assert(reaches(&client, &server, WAIT_MS)); /* what is connected stays so */
    bus_close(&server.link);
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true); /* as after a restart */
    ck_assert(reaches(&client, &server, WAIT_MS));
}
END_TEST

START_TEST(a_client_finds_its_server_whenever_it_comes_and_counts_its_tries)
{
    open_end(&client, make_bus("gateway/1", keys_dir), "orders-command", BUS_DEALER, false);
    ck_assert(counted(&client, retries, 3));
    open_end(&server, make_bus("sequencer/1", keys_dir), "orders-command", BUS_ROUTER, true);
    ck_assert(reaches(&client, &server, WAIT_MS));
}
END_TEST

static const struct {
    const char *damage, *says;
} wrong[] = {
    {"rm $KEYS/gateway/secret.key", "gateway/secret.key: No such file"},
    {"chmod 640 $KEYS/gateway/secret.key", "may be used by others than its owner (mode 640): chmod 600"},
    {"echo nonsense >$KEYS/gateway/secret.key", "gateway/secret.key line 1 is no key of 40 Z85 characters"},
    {": >$KEYS/gateway/secret.key", "gateway/secret.key has no key"},
    {"cat $KEYS/balance/secret.key >$KEYS/gateway/secret.key", "public file of gateway has not the key"},
    {"rm $KEYS/public/gateway.pub", "no public key of gateway in"},
    {"echo gateway >$KEYS/public/gateway.pub", "public/gateway.pub line 1 is no key"},
};

START_TEST(keys_that_cannot_be_used_are_named_at_the_start)
{
    struct err err = {0};
    command(wrong[_i].damage);
    ck_assert_ptr_null(make_bus_of("gateway/1", keys_dir, false, &err));
    ck_assert_msg(strncmp(err.text, "curve_dir: ", 11) == 0, "%s", err.text);
    ck_assert_msg(strstr(err.text, wrong[_i].says) != NULL || log_has(wrong[_i].says), "%s", err.text);
}
END_TEST

START_TEST(a_servers_missing_key_is_named_when_its_link_opens)
{
    struct err err = {0};
    command("rm $KEYS/public/sequencer.pub");
    struct bus *bus = make_bus("gateway/1", keys_dir);
    struct bus_link_spec spec = {.name = "orders-command", .kind = BUS_DEALER};
    ck_assert_ptr_null(bus_open(bus, &spec, on_message, &client, &err));
    ck_assert_msg(strstr(err.text, "link orders-command: no public key of sequencer in") != NULL, "%s", err.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bus_curve");
    TCase *tcase = tcase_create("bus_curve");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_right_keys_get_through_both_ways_and_are_counted);
    tcase_add_test(tcase, a_server_with_keys_offers_nothing_but_curve);
    tcase_add_test(tcase, a_stranger_is_refused_logged_and_counted);
    tcase_add_test(tcase, a_role_that_has_no_business_on_a_link_is_refused);
    tcase_add_test(tcase, an_operator_may_listen_and_nothing_else);
    tcase_add_test(tcase, a_plain_client_gets_nothing_from_a_curve_server);
    tcase_add_test(tcase, a_curve_client_sends_nothing_to_a_plain_server_and_finds_it_once_it_has_keys);
    tcase_add_test(tcase, a_server_with_a_false_key_is_not_spoken_to);
    tcase_add_test(tcase, a_message_from_another_than_its_connections_role_is_dropped);
    tcase_add_test(tcase, a_retired_key_is_shut_out_and_a_rotated_one_let_in_without_a_restart_of_the_others);
    tcase_add_test(tcase, clients_follow_a_server_to_its_new_key);
    tcase_add_test(tcase, a_client_finds_its_server_whenever_it_comes_and_counts_its_tries);
    tcase_add_loop_test(tcase, keys_that_cannot_be_used_are_named_at_the_start, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tcase, a_servers_missing_key_is_named_when_its_link_opens);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
