/* A whole system whose links go over TCP with CURVE, started the way a user starts it: orders are placed and settled, a
 * stranger is turned away and seen in metrics and logs, an actor that dies comes back. The audit has the last word. */
#include "api.h"
#include "base.h"
#include "cluster.h"
#include "clock.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { WAIT_US = 20000000, RETRY_US = 500000, LOOK_MS = 50 };

static struct cluster cluster;
static char topology[64], net[24];
static void *context;

/* Each instance has a loopback address of its own, in a network that no other run uses. */
static void write_topology(void)
{
    static const char *const instances[] = {"sequencer-1", "simfill-1",    "balance-1",
                                            "persona-1",   "reconciler-1", "gateway-1"};
    tb_copy_text(topology, sizeof topology, "/tmp/tulip-topology-XXXXXX");
    int fd = mkstemp(topology);
    tb_assert(fd >= 0);
    FILE *file = fdopen(fd, "w");
    tb_assert(file != NULL);
    snprintf(net, sizeof net, "127.%d.%d", 130 + getpid() / 250 % 60, 1 + getpid() % 250);
    fprintf(file, "[tcp]\nlisten = host\n");
    for (size_t i = 0; i < TB_ARRAY_SIZE(instances); i++)
        fprintf(file, "%s = %s.%zu\n", instances[i], net, i + 1);
    tb_assert(fchmod(fd, 0644) == 0); /* the actors run as another user than root */
    fclose(file);
}

static bool place_order(const char *key)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":2,\"price\":\"3.50\",\"idempotencyKey\":\"%s\"}",
             key);
    struct api_answer *answer = api_call(cluster.port, "POST", "/api/orders", body, NULL);
    bool placed = answer->status == 201 || answer->status == 200;
    api_free(&answer);
    return placed;
}

static void wait_for_settlement(const char *key)
{
    char path[128];
    snprintf(path, sizeof path, "/api/orders/by-key?clientId=clusius&idempotencyKey=%s", key);
    struct api_answer *order = api_wait(cluster.port, path, "status", "ACCEPTED");
    ck_assert_str_eq(api_text(order, "status"), "ACCEPTED");
    struct api_answer *balance =
        api_wait(cluster.port, "/api/balances/clusius?limit=1", "ledger.0.orderId", api_text(order, "orderId"));
    ck_assert_str_eq(api_text(balance, "ledger.0.orderId"), api_text(order, "orderId"));
    api_free(&order);
    api_free(&balance);
}

/* Return: the metric's value as /metrics has it, -1 when it is not there. */
static double metric(const char *name, const char *actor, const char *link)
{
    char series[200];
    snprintf(series, sizeof series, "%s{actor=\"%s\",instance=\"1\",link=\"%s\"} ", name, actor, link);
    struct api_answer *answer = api_call(cluster.port, "GET", "/metrics", NULL, NULL);
    const char *found = strstr(answer->raw, series);
    double value = found != NULL ? strtod(found + strlen(series), NULL) : -1;
    api_free(&answer);
    return value;
}

static bool metric_reaches(const char *name, const char *actor, const char *link, double least)
{
    int64_t deadline = clock_monotonic_us() + WAIT_US;
    double value;
    while ((value = metric(name, actor, link)) < least && clock_monotonic_us() < deadline)
        poll(NULL, 0, LOOK_MS);
    return value >= least;
}

static bool sequencer_logs_within(int64_t patience_us, const char *text)
{
    int64_t deadline = clock_monotonic_us() + patience_us;
    bool found = false;
    while (!found && clock_monotonic_us() < deadline) {
        struct api_answer *answer =
            api_call(cluster.port, "GET", "/api/logs?actor=sequencer&level=warning&limit=200", NULL, NULL);
        found = strstr(answer->raw, text) != NULL;
        api_free(&answer);
    }
    return found;
}

static bool sequencer_logs(const char *text)
{
    return sequencer_logs_within(WAIT_US, text);
}

static void *intruder; /* one at a time */

static void leave(void)
{
    if (intruder != NULL)
        zmq_close(intruder);
    intruder = NULL;
}

/* Effect: tries the sequencer's command link as somebody else, until leave(). keys NULL: without CURVE. */
static void intrude(const char *server_key, const char *public_key, const char *secret_key)
{
    char endpoint[64];
    int linger = 0;
    void *socket = intruder = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (server_key != NULL) {
        ck_assert_int_eq(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, 41), 0);
        ck_assert_int_eq(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, 41), 0);
        ck_assert_int_eq(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 41), 0);
    }
    snprintf(endpoint, sizeof endpoint, "tcp://%s.1:7001", net);
    ck_assert_int_eq(zmq_connect(socket, endpoint), 0);
}

static void read_key(const char *name, char key[41])
{
    char path[128], line[64] = "";
    snprintf(path, sizeof path, "%s/keys/%s", cluster.data, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    fclose(file);
    ck_assert_uint_eq(strcspn(line, "\n"), 40);
    line[40] = '\0';
    memcpy(key, line, 41);
}

/* Effect: no link of any actor has refused a connection: all that ours make is in the register of links. */
static void nobody_of_ours_is_refused(void)
{
    struct api_answer *answer = api_call(cluster.port, "GET", "/metrics", NULL, NULL);
    size_t links = 0;
    for (const char *at = answer->raw; (at = strstr(at, "\ntb_bus_refused_total{")) != NULL; at++) {
        const char *value = strstr(at, "} ");
        ck_assert_msg(value != NULL && strtod(value + 2, NULL) == 0, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
        links++;
    }
    ck_assert_uint_gt(links, 10);
    api_free(&answer);
}

START_TEST(orders_go_all_the_way_over_tcp_and_curve)
{
    ck_assert(place_order("curve-1"));
    wait_for_settlement("curve-1");
    static const char *const links[][2] = {{"sequencer", "orders-command"}, {"sequencer", "orders-stage"},
                                           {"simfill", "outbox-stage"},     {"balance", "balances-feed"},
                                           {"persona", "ops-feed"},         {"gateway", "orders-command"},
                                           {"sequencer", "heartbeats"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(links); i++)
        ck_assert_msg(metric_reaches("tb_bus_connects_total", links[i][0], links[i][1], 1), "%s %s", links[i][0],
                      links[i][1]);
    nobody_of_ours_is_refused();
    ck_assert_double_ge(metric("tb_bus_connections", "sequencer", "orders-command"), 1);
}
END_TEST

START_TEST(a_stranger_is_turned_away_and_seen)
{
    char server[41], own_public[41], own_secret[41];
    read_key("public/sequencer.pub", server);
    ck_assert_int_eq(zmq_curve_keypair(own_public, own_secret), 0);
    intrude(server, own_public, own_secret);
    ck_assert(metric_reaches("tb_bus_refused_total", "sequencer", "orders-command", 1));
    ck_assert(sequencer_logs("refused: its key is nobody's"));
    leave();
}
END_TEST

START_TEST(a_wrong_role_is_turned_away_and_seen)
{
    char server[41], own_public[41], own_secret[41];
    read_key("public/sequencer.pub", server);
    read_key("public/persona.pub", own_public);
    read_key("persona/secret.key", own_secret);
    double before = metric("tb_bus_refused_total", "sequencer", "orders-command");
    intrude(server, own_public, own_secret);
    ck_assert(metric_reaches("tb_bus_refused_total", "sequencer", "orders-command", before + 1));
    ck_assert(sequencer_logs("refused: a persona may not connect to it"));
    leave();
}
END_TEST

START_TEST(who_speaks_no_curve_is_turned_away_and_seen)
{
    /* Both sides see that they do not fit, and whoever is first hangs up; the sequencer knows why when it was the
     * first. */
    int64_t deadline = clock_monotonic_us() + WAIT_US;
    bool seen = false;
    while (!seen && clock_monotonic_us() < deadline) {
        double before = metric("tb_bus_handshake_failures_total", "sequencer", "orders-command");
        intrude(NULL, NULL, NULL);
        ck_assert(metric_reaches("tb_bus_handshake_failures_total", "sequencer", "orders-command", before + 1));
        leave();
        seen = sequencer_logs_within(RETRY_US, "one side asks for CURVE, the other does not");
    }
    ck_assert(seen);
}
END_TEST

START_TEST(a_killed_sequencer_is_found_again)
{
    ck_assert_int_eq(cluster_tulip(&cluster, "kill sequencer/1"), 0);
    int64_t deadline = clock_monotonic_us() + WAIT_US;
    while (!place_order("curve-2") && clock_monotonic_us() < deadline) { /* the same key: at most once */
    }
    wait_for_settlement("curve-2");
}
END_TEST

START_TEST(the_operators_tools_look_in_with_a_key_of_their_own)
{
    ck_assert_msg(cluster_tulip(&cluster, "top --once --json") == 0, "%s", cluster_output());
    ck_assert_msg(strstr(cluster_output(), "\"state\":\"leader\"") != NULL, "%s", cluster_output());
    ck_assert_msg(strstr(cluster_output(), "\"dead\":true") == NULL, "%s", cluster_output());
    ck_assert_msg(cluster_tulip(&cluster, "tap orders --from 1 --limit 1") == 0, "%s", cluster_output());
    ck_assert_msg(strstr(cluster_output(), "nl-1.1") != NULL, "%s", cluster_output());
}
END_TEST

START_TEST(keys_are_private_and_their_public_part_can_be_listed)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/keys/gateway/secret.key", cluster.data);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(cluster_tulip(&cluster, "keys list"), 0);
    ck_assert_ptr_nonnull(strstr(cluster_output(), "sequencer  "));
    char secret[41];
    read_key("gateway/secret.key", secret);
    ck_assert_ptr_null(strstr(cluster_output(), secret));
}
END_TEST

int main(void)
{
    char settings[160];
    write_topology();
    snprintf(settings, sizeof settings, "TB_TOPOLOGY=%s TB_SIMFILL_DELAY_MS=0", topology);
    cluster_start(&cluster, settings);
    context = zmq_ctx_new();
    Suite *suite = suite_create("secure");
    TCase *tcase = tcase_create("secure");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, orders_go_all_the_way_over_tcp_and_curve);
    tcase_add_test(tcase, a_stranger_is_turned_away_and_seen);
    tcase_add_test(tcase, a_wrong_role_is_turned_away_and_seen);
    tcase_add_test(tcase, who_speaks_no_curve_is_turned_away_and_seen);
    tcase_add_test(tcase, a_killed_sequencer_is_found_again);
    tcase_add_test(tcase, the_operators_tools_look_in_with_a_key_of_their_own);
    tcase_add_test(tcase, keys_are_private_and_their_public_part_can_be_listed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    leave(); /* a test that failed did not */
    zmq_ctx_term(context);
    int verdict = cluster_stop(&cluster);
    unlink(topology);
    return failed == 0 && verdict == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
