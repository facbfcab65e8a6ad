/* The real tb-reconciler sends the spans of orders to a collector that speaks real HTTP: what arrives is what GET
 * /api/traces shows; a collector that is away, busy or unwilling. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actor_rig.h"
#include "audit_history.h"
#include "base.h"
#include "check_main.h"
#include "testdb.h"

enum { READY_MS = 30000, EXPORT_MS = 60000, REQUESTS_MAX = 64 };

/* ---- a collector: one request a connection, answered with the next of `statuses` (the last for ever) ---- */

struct collector_stub {
    pthread_t thread;
    int listener, port;
    const int *statuses;
    atomic_int requests;
    char *requests_seen[REQUESTS_MAX]; /* head and body; written before `requests` counts them */
};

static void die_if(bool wrong, const char *what)
{
    if (wrong) {
        perror(what);
        abort(); /* not an assertion: another thread's */
    }
}

/* Return: the whole request, NULL when the peer closed without one. */
static char *read_request(int fd)
{
    size_t size = 0, capacity = 1 << 22;
    char *bytes = tb_alloc_zero(capacity, 1);
    for (;;) {
        ssize_t got = recv(fd, bytes + size, capacity - 1 - size, 0);
        if (got <= 0) {
            free(bytes);
            return NULL;
        }
        size += (size_t)got;
        bytes[size] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n"), *length = strstr(bytes, "\r\nContent-Length: ");
        if (end != NULL && length != NULL &&
            size >= (size_t)(end + 4 - bytes) + strtoul(length + sizeof "\r\nContent-Length: " - 1, NULL, 10))
            return bytes;
        die_if(size == capacity - 1, "a request that never ends");
    }
}

static void *collect(void *arg)
{
    struct collector_stub *stub = arg;
    const int *status = stub->statuses;
    for (;;) {
        int fd = accept(stub->listener, NULL, NULL);
        if (fd < 0)
            return NULL; /* the listener was shut down */
        char *request = read_request(fd);
        if (request != NULL) {
            char answer[128];
            int n = atomic_load(&stub->requests);
            die_if(n == REQUESTS_MAX, "too many requests");
            snprintf(answer, sizeof answer,
                     "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", *status);
            status += status[1] != 0;
            stub->requests_seen[n] = request;
            die_if(send(fd, answer, strlen(answer), MSG_NOSIGNAL) != (ssize_t)strlen(answer), "send");
            atomic_fetch_add(&stub->requests, 1);
        }
        close(fd);
    }
}

/* Effect: takes a port and does not listen yet: who connects is refused. */
static void stub_bind(struct collector_stub *stub, const int *statuses)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *stub = (struct collector_stub){.statuses = statuses, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert_int_eq(bind(stub->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(stub->listener, (struct sockaddr *)&address, &size), 0);
    stub->port = ntohs(address.sin_port);
}

static void stub_listen(struct collector_stub *stub)
{
    ck_assert_int_eq(listen(stub->listener, 8), 0);
    ck_assert_int_eq(pthread_create(&stub->thread, NULL, collect, stub), 0);
}

static void stub_end(struct collector_stub *stub)
{
    ck_assert_int_eq(shutdown(stub->listener, SHUT_RDWR), 0);
    ck_assert_int_eq(pthread_join(stub->thread, NULL), 0);
    close(stub->listener);
    for (int i = 0; i < atomic_load(&stub->requests); i++)
        free(stub->requests_seen[i]);
}

/* ---- the reconciler beside it ---- */

static const char *url;
static struct rig *rig;
static struct rig_actor *reconciler;

/* Effect: a reconciler that exports every trace there, its cursor at the beginning; then a history of nine orders. */
static void start(const char *host, int port)
{
    char endpoint[128];
    snprintf(endpoint, sizeof endpoint, "TB_OTLP_ENDPOINT=http://%s:%d", host, port);
    const char *const settings[] = {"TB_OTLP_ONE_IN=1", "TB_ENV=test", endpoint, NULL};
    url = testdb_fresh();
    rig = rig_new(url);
    reconciler = rig_start(rig, "reconciler", "1", settings);
    ck_assert(rig_wait_state(reconciler, "READY", READY_MS));
    ck_assert(testdb_wait(url, 1, EXPORT_MS, "SELECT count(*) FROM cursors WHERE consumer = 'otlp'"));
    audit_history_write(url);
    /* Those without an end, too, are old enough not to be waited for. */
    testdb_run(url, "UPDATE orders SET created_at = created_at - interval '1 minute'");
}

static bool wait_cursor(int position)
{
    return testdb_wait(url, position, EXPORT_MS, "SELECT position FROM cursors WHERE consumer = 'otlp'");
}

static const char *waited_metric;
static bool metric_is_there(void *arg)
{
    return rig_metric(reconciler, waited_metric, "") >= *(const double *)arg;
}

static bool wait_metric(const char *name, double at_least)
{
    waited_metric = name;
    return rig_wait(rig, metric_is_there, &at_least, EXPORT_MS);
}

/* Return: the body of a request, for json_decref. */
static json_t *body_of(const struct collector_stub *stub, int request)
{
    const char *body = strstr(stub->requests_seen[request], "\r\n\r\n");
    json_t *json = json_loads(body + 4, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(json != NULL, "%s", body);
    return json;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Return: the value of an attribute, NULL = none. */
static const json_t *attribute_of(const json_t *holder, const char *key)
{
    const json_t *attributes = json_object_get(holder, "attributes");
    for (size_t i = 0; i < json_array_size(attributes); i++)
        if (strcmp(text_of(json_array_get(attributes, i), "key"), key) == 0)
            return json_object_get(json_array_get(attributes, i), "value");
    return NULL;
}

/* Return: the exported span of this id and actor; *count += 1 for each span there is. */
static const json_t *find_span(const json_t *body, const char *actor, const char *span_id, size_t *count)
{
    const json_t *found = NULL, *resources = json_object_get(body, "resourceSpans");
    char service[64];
    snprintf(service, sizeof service, "tulip-%s", actor);
    for (size_t r = 0; r < json_array_size(resources); r++) {
        const json_t *resource = json_array_get(resources, r);
        const json_t *spans = json_object_get(json_array_get(json_object_get(resource, "scopeSpans"), 0), "spans");
        const json_t *name = attribute_of(json_object_get(resource, "resource"), "service.name");
        ck_assert_str_eq(
            text_of(attribute_of(json_object_get(resource, "resource"), "deployment.environment"), "stringValue"),
            "test");
        for (size_t i = 0; i < json_array_size(spans); i++) {
            *count += 1;
            if (strcmp(text_of(json_array_get(spans, i), "spanId"), span_id) == 0 &&
                strcmp(text_of(name, "stringValue"), service) == 0)
                found = json_array_get(spans, i);
        }
    }
    return found;
}

/* Effect: expects the spans of an order's trace, as the API shows them, in the body. Return: how many. */
static size_t expect_trace(const json_t *body, int order_seq)
{
    char *text = testdb_text(url,
                             "SELECT jsonb_build_object('traceId', replace(o.trace_id::text, '-', ''), 'api', "
                             "(SELECT t.body::jsonb FROM api_trace('nl-1', o.trace_id) t))::text FROM orders o WHERE "
                             "o.seq = %d",
                             order_seq);
    json_t *expected = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(expected);
    const json_t *spans = json_object_get(json_object_get(expected, "api"), "spans");
    size_t ended = 0, all = 0;
    for (size_t i = 0; i < json_array_size(spans); i++) {
        const json_t *span = json_array_get(spans, i);
        if (json_is_null(json_object_get(span, "durationMs")))
            continue;
        const json_t *sent = find_span(body, text_of(span, "actor"), text_of(span, "spanId"), &all);
        ck_assert_msg(sent != NULL, "order %d: span %s is not there", order_seq, text_of(span, "name"));
        ck_assert_str_eq(text_of(sent, "traceId"), text_of(expected, "traceId"));
        ck_assert_str_eq(text_of(sent, "name"), text_of(span, "name"));
        ck_assert_str_eq(text_of(sent, "parentSpanId"), text_of(span, "parentSpanId"));
        double microseconds =
            (strtod(text_of(sent, "endTimeUnixNano"), NULL) - strtod(text_of(sent, "startTimeUnixNano"), NULL)) / 1000;
        ck_assert_double_eq_tol(microseconds / 1000, json_number_value(json_object_get(span, "durationMs")), 0.002);
        ended++;
    }
    free(text);
    json_decref(expected);
    return ended;
}

START_TEST(spans_arrive_as_the_api_shows_them_once_a_collector_is_there)
{
    static const int statuses[] = {503, 200, 0};
    static const int exported[] = {1, 2, 3, 5, 6, 8};
    struct collector_stub stub;
    stub_bind(&stub, statuses);
    start("127.0.0.1", stub.port);
    ck_assert(wait_metric("tb_otlp_failures_total", 1)); /* nobody listens */
    stub_listen(&stub);
    ck_assert(wait_cursor(9));
    ck_assert(wait_metric("tb_otlp_failures_total", 2)); /* and one was told to come back */
    ck_assert_int_eq(atomic_load(&stub.requests), 2);
    ck_assert_str_eq(stub.requests_seen[0], stub.requests_seen[1]);
    static const char head[] = "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:";
    ck_assert_int_eq(strncmp(stub.requests_seen[1], head, sizeof head - 1), 0);
    ck_assert_ptr_nonnull(strstr(stub.requests_seen[1], "\r\nContent-Type: application/json\r\n"));
    json_t *body = body_of(&stub, 1);
    size_t expected = 0, sent = 0;
    for (size_t i = 0; i < TB_ARRAY_SIZE(exported); i++)
        expected += expect_trace(body, exported[i]);
    (void)find_span(body, "", "", &sent);
    ck_assert_uint_eq(sent, expected); /* the two without an end are not there */
    ck_assert(wait_metric("tb_otlp_spans_total", (double)expected));
    ck_assert(wait_metric("tb_otlp_passed_over_orders_total", 2));
    json_decref(body);
    rig_free(&rig);
    stub_end(&stub);
}
END_TEST

START_TEST(an_attribute_has_its_type_and_a_failure_its_status)
{
    static const int statuses[] = {200, 0};
    struct collector_stub stub;
    stub_bind(&stub, statuses);
    stub_listen(&stub);
    start("localhost", stub.port); /* a name: looked up */
    ck_assert(wait_cursor(9));
    json_t *body = body_of(&stub, 0);
    size_t all = 0;
    char *append = testdb_text(url, "SELECT span_id(trace_id, seq, 'append') FROM orders WHERE seq = 8");
    const json_t *span = find_span(body, "sequencer", append, &all);
    ck_assert_ptr_nonnull(span);
    ck_assert_str_eq(text_of(attribute_of(span, "tulip.seq"), "intValue"), "8");
    ck_assert_str_eq(text_of(attribute_of(span, "tulip.price"), "stringValue"), "100.00");
    ck_assert_int_eq(json_integer_value(json_object_get(span, "kind")), 1);
    ck_assert_ptr_null(json_object_get(span, "status"));
    char *failed =
        testdb_text(url, "SELECT span_id(o.trace_id, o.seq, event_name('balances', v.type) || ' ' || v.seq) FROM "
                         "orders o JOIN balance_events v ON v.order_seq = o.seq WHERE o.seq = 5 LIMIT 1");
    span = find_span(body, "balance", failed, &all);
    ck_assert_ptr_nonnull(span);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(span, "status"), "code")), 2);
    ck_assert_str_eq(text_of(json_object_get(span, "status"), "message"), "TB010: poisoned");
    free(append);
    free(failed);
    json_decref(body);
    rig_free(&rig);
    stub_end(&stub);
}
END_TEST

START_TEST(what_is_refused_is_dropped_and_what_was_taken_is_not_sent_again)
{
    static const int statuses[] = {400, 200, 0};
    struct collector_stub stub;
    stub_bind(&stub, statuses);
    stub_listen(&stub);
    start("127.0.0.1", stub.port);
    ck_assert(wait_cursor(9));
    ck_assert(wait_metric("tb_otlp_refused_spans_total", 1));
    ck_assert_double_eq(rig_metric(reconciler, "tb_otlp_spans_total", ""), 0);
    char endpoint[128];
    snprintf(endpoint, sizeof endpoint, "TB_OTLP_ENDPOINT=http://127.0.0.1:%d", stub.port);
    const char *const settings[] = {"TB_OTLP_ONE_IN=1", "TB_ENV=test", endpoint, NULL};
    rig_kill(reconciler, SIGKILL);
    (void)rig_wait_exit(reconciler, READY_MS);
    /* An order more, in the trace of the first: after a restart only that one is sent. */
    testdb_run(url,
               "SELECT sequencer_append('nl-1', 1, 10, now() - interval '1 minute', ARRAY['clusius'], ARRAY['web'], "
               "ARRAY['k10'], ARRAY['cancel'], ARRAY[1]::smallint[], ARRAY[1]::smallint[], ARRAY[1], "
               "ARRAY[10000]::bigint[], ARRAY[false], ARRAY[0]::bigint[], ARRAY[(SELECT trace_id FROM orders WHERE "
               "seq = 1)]); "
               "INSERT INTO executions (region, seq, order_seq, type, side, leg, quantity, price_cents, "
               "notional_cents, created_at, user_id, az) SELECT region, next_seq, 10, 3, 1, 0, 0, 0, 0, now(), "
               "'clusius', 'a' FROM stream_heads WHERE stream = 'executions'");
    reconciler = rig_start(rig, "reconciler", "2", settings);
    ck_assert(wait_cursor(10));
    ck_assert_int_eq(atomic_load(&stub.requests), 2);
    json_t *body = body_of(&stub, 1);
    size_t sent = 0;
    (void)find_span(body, "", "", &sent);
    ck_assert_uint_gt(sent, 0);
    ck_assert_ptr_null(strstr(stub.requests_seen[1], "nl-1.8"));
    ck_assert_ptr_nonnull(strstr(stub.requests_seen[1], "nl-1.10"));
    json_decref(body);
    rig_free(&rig);
    stub_end(&stub);
}
END_TEST

START_TEST(a_trace_is_chosen_by_its_id)
{
    url = testdb_fresh();
    audit_history_write(url);
    testdb_run(url, "UPDATE orders SET created_at = created_at - interval '1 minute', trace_id = CASE seq WHEN 2 THEN "
                    "'ffffffff-ffff-ffff-ff80-000000000000' ELSE 'ffffffff-ffff-ffff-ff7f-ffffffffffff' END::uuid");
    static const struct {
        const char *threshold;
        int chosen;
    } cases[] = {{"0", 6}, {"1::bigint << 55", 1}, {"((1::bigint << 55) - 1)", 6}, {"(1::bigint << 55) + 1", 0}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        testdb_run(url, "DELETE FROM cursors WHERE consumer = 'otlp'; INSERT INTO cursors (region, consumer, stream, "
                        "position) VALUES ('nl-1', 'otlp', 'orders', 0)");
        ck_assert_int_eq(
            testdb_integer(url,
                           "SELECT count(*) FROM reconciler_spans('nl-1', %s, 100, 1000, 1000, now()) WHERE "
                           "name = 'append'",
                           cases[i].threshold),
            cases[i].chosen);
    }
    /* Few at a time, from where the last ended; and of a backlog that is too long the end. */
    ck_assert_int_eq(testdb_integer(url, "SELECT max(upto) FROM reconciler_spans('nl-1', 0, 2, 1000, 1000, now())"), 2);
    ck_assert_int_eq(testdb_integer(url, "SELECT max(upto) FROM reconciler_spans('nl-1', 0, 100, 3, 1000, now())"), 3);
    ck_assert_int_eq(testdb_integer(url, "SELECT max(passed_over) FROM reconciler_spans('nl-1', 0, 1, 1000, 2, now())"),
                     7);
    /* One that is young and without an end is waited for. */
    testdb_run(url, "UPDATE orders SET created_at = now() WHERE seq = 4");
    ck_assert_int_eq(testdb_integer(url, "SELECT max(upto) FROM reconciler_spans('nl-1', 0, 100, 1000, 1000, now())"),
                     3);
}
END_TEST

CHECK_MAIN("span_export", tcase_set_timeout(cases, 180);
           tcase_add_test(cases, spans_arrive_as_the_api_shows_them_once_a_collector_is_there);
           tcase_add_test(cases, an_attribute_has_its_type_and_a_failure_its_status);
           tcase_add_test(cases, what_is_refused_is_dropped_and_what_was_taken_is_not_sent_again);
           tcase_add_test(cases, a_trace_is_chosen_by_its_id);)
