/* The edge from outside: 2,000 connections that send a byte now and then while others are served, heads that want to
 * trick, names that are not ours; and what of all that is found in the logs: nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "base.h"
#include "check_main.h"
#include "clock.h"
#include "cluster.h"
#include "edge.h"
#include "http_client.h"

enum {
    SLOW = 2000,
    SAMPLES = 300,       /* healthy requests in each round */
    SLOW_HEALTHY_MS = 50 /* what noise of a busy machine may add to the median */
};
#define SECOND_US        1000000LL
#define HEAD_LIMIT_US    (10 * SECOND_US)
#define CUT_OFF_LIMIT_US (25 * SECOND_US)
#define MARK             "zwanenburg-4711" /* in everything hostile; never in a log */

struct cluster edge_cluster;

static struct api_answer *raw(const char *request)
{
    return api_raw(edge_cluster.port, request, strlen(request));
}

/* --- slow senders --- */

static int open_slow(void)
{
    static const char begin[] = "POST /api/orders HTTP/1.1\r\nHost: localhost\r\nX-Slow: " MARK;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)edge_cluster.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
    ck_assert_msg(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect: %s", strerror(errno));
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(send(fd, begin, sizeof begin - 1, MSG_NOSIGNAL), (ssize_t)sizeof begin - 1);
    return fd;
}

/* Effect: a byte to each that is still open; closes those that the server has answered or closed. Return: how many are
 * left. */
static size_t dribble(int fds[SLOW], size_t *told)
{
    size_t open = 0;
    for (size_t i = 0; i < SLOW; i++) {
        char answer[512];
        if (fds[i] < 0)
            continue;
        ssize_t got = recv(fds[i], answer, sizeof answer - 1, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            (void)send(fds[i], "x", 1, MSG_NOSIGNAL);
            open++;
            continue;
        }
        answer[got > 0 ? got : 0] = '\0';
        *told += strncmp(answer, "HTTP/1.1 408", 12) == 0;
        (void)close(fds[i]);
        fds[i] = -1;
    }
    return open;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

struct healthy {
    int64_t median_us, p99_us;
};

/* Effect: SAMPLES healthy requests on one connection. Return: how long they took. */
static struct healthy serve_healthy(struct http_client *client)
{
    static int64_t times[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        struct http_response response;
        struct err err = {0};
        int64_t begin = clock_monotonic_us();
        ck_assert_msg(http_client_call(client, "GET", "/api/config", NULL, NULL, 0, &response, &err) == 0, "%s",
                      err.text);
        ck_assert_int_eq(response.status, 200);
        times[i] = clock_monotonic_us() - begin;
    }
    qsort(times, SAMPLES, sizeof times[0], by_value);
    return (struct healthy){times[SAMPLES / 2], times[SAMPLES * 99 / 100]};
}

START_TEST(slow_senders_slow_nobody_and_are_cut_off_in_time)
{
    static int fds[SLOW];
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_msg(limit.rlim_cur > SLOW + 100, "this test needs %d descriptors, the system gives %lu", SLOW,
                  (unsigned long)limit.rlim_cur);
    struct http_client *client = http_client_new("127.0.0.1", edge_cluster.port, 10000);
    struct healthy before = serve_healthy(client), during = {0};
    for (size_t i = 0; i < SLOW; i++)
        fds[i] = open_slow();
    int64_t begin_us = clock_monotonic_us();
    size_t open = SLOW, told = 0, rounds = 0, at_first = dribble(fds, &told);
    ck_assert_msg(at_first == SLOW, "only %zu of %d were let in", at_first, SLOW);
    while (open > 0 && clock_monotonic_us() - begin_us < CUT_OFF_LIMIT_US) {
        struct healthy now = serve_healthy(client);
        if (clock_monotonic_us() - begin_us < HEAD_LIMIT_US - SECOND_US) { /* all are still there */
            during.median_us = now.median_us > during.median_us ? now.median_us : during.median_us;
            during.p99_us = now.p99_us > during.p99_us ? now.p99_us : during.p99_us;
            rounds++;
        }
        open = dribble(fds, &told);
    }
    http_client_free(&client);
    printf(
        "healthy requests: median %lld, p99 %lld us before; with %d slow senders at worst of %zu rounds median %lld, "
        "p99 %lld us; %zu were told 408\n",
        (long long)before.median_us, (long long)before.p99_us, SLOW, rounds, (long long)during.median_us,
        (long long)during.p99_us, told);
    ck_assert_msg(open == 0, "%zu slow senders are still there after %d s", open, (int)(CUT_OFF_LIMIT_US / SECOND_US));
    ck_assert_msg(told > SLOW * 9 / 10, "only %zu were told 408", told);
    ck_assert_uint_gt(rounds, 0);
    ck_assert_msg(during.median_us < 5 * before.median_us + SLOW_HEALTHY_MS * 1000,
                  "median %lld us before, %lld us with slow senders", (long long)before.median_us,
                  (long long)during.median_us);
}
END_TEST

/* --- heads that want to trick --- */

START_TEST(heads_too_large_are_431_and_the_end)
{
    size_t size = 0, capacity = 32768;
    char *request = tb_alloc_zero(1, capacity);
    size += (size_t)snprintf(request, capacity, "GET /api/config HTTP/1.1\r\nHost: localhost\r\nX-Large: ");
    memset(request + size, 'a', 20000);
    size += 20000;
    size += (size_t)snprintf(request + size, capacity - size, "\r\n\r\n");
    struct api_answer *answer = api_raw(edge_cluster.port, request, size);
    ck_assert_int_eq(answer->status, 431);
    ck_assert_str_eq(api_text(answer, "code"), "HEADERS_TOO_LARGE");
    ck_assert_str_eq(api_header(answer, "Connection"), "close");
    api_free(&answer);
    size = (size_t)snprintf(request, capacity, "GET /api/config HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 150; i++)
        size += (size_t)snprintf(request + size, capacity - size, "X-%d: 1\r\n", i);
    (void)snprintf(request + size, capacity - size, "\r\n");
    answer = raw(request);
    ck_assert_int_eq(answer->status, 431);
    api_free(&answer);
    free(request);
}
END_TEST

static const char *const paths[] = {
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "//etc/passwd",
    "/assets/../../../etc/passwd",
    "/uploads/avatars/../../../../etc/passwd",
    "/avatars/seed/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/.%00./etc/passwd",
    "/etc/passwd%00.png",
    "/..\\..\\etc\\passwd",
    "/%5c..%5c..%5cetc%5cpasswd",
    "/%252e%252e/etc/passwd",
    "/api/orders/..%2f..%2fconfig",
    "/uploads/avatars/%2e%2e",
    "/index.html/../../etc/passwd",
};

START_TEST(no_path_leads_out)
{
    char request[256];
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                   paths[_i]);
    struct api_answer *answer = raw(request);
    ck_assert_msg(answer->status == 404 || answer->status == 400, "%s: %s", paths[_i], answer->raw);
    ck_assert_msg(strstr(answer->raw, "root:") == NULL, "%s: %s", paths[_i], answer->raw);
    api_free(&answer);
}
END_TEST

START_TEST(a_nul_is_refused_wherever_it_stands)
{
    static const char in_path[] = "GET /a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char in_header[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n";
    struct api_answer *answer = api_raw(edge_cluster.port, in_path, sizeof in_path - 1);
    ck_assert_int_eq(answer->status, 400);
    ck_assert_str_eq(api_header(answer, "Connection"), "close");
    api_free(&answer);
    answer = api_raw(edge_cluster.port, in_header, sizeof in_header - 1);
    ck_assert_int_eq(answer->status, 400);
    api_free(&answer);
    answer = api_call(edge_cluster.port, "GET", "/api/orders?userId=a%00b", NULL, NULL);
    ck_assert_int_eq(answer->status, 400);
    api_free(&answer);
    answer = api_call(edge_cluster.port, "POST", "/api/orders", "{\"userId\":\"a\\u0000b\"}", NULL);
    ck_assert_int_eq(answer->status, 400);
    api_free(&answer);
}
END_TEST

/* --- whose request it is --- */

static const struct {
    const char *request;
    int status;
} requests[] = {
    {"GET /api/config HTTP/1.1\r\nHost: localhost:1\r\n", 200},
    {"GET /api/config HTTP/1.1\r\nHost: [::1]\r\n", 200},
    {"GET /api/config HTTP/1.1\r\nHost: evil.example\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n", 400},
    {"GET /health/live HTTP/1.1\r\nHost: evil.example\r\n", 400},
    {"POST /api/orders/nl-1.1/cancel HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n", 403},
    {"POST /api/orders/nl-1.1/cancel HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n", 403},
    {"POST /api/orders/nl-1.999999/cancel HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n", 404},
};

START_TEST(requests_of_others_are_refused)
{
    char request[512];
    (void)snprintf(request, sizeof request, "%sConnection: close\r\n\r\n", requests[_i].request);
    struct api_answer *answer = raw(request);
    ck_assert_msg(answer->status == requests[_i].status, "%s\n%s", request, answer->raw);
    api_free(&answer);
}
END_TEST

static const struct {
    const char *origins;
    int status;
} handshakes[] = {
    {"", 101}, /* no browser */
    {"Origin: http://localhost\r\n", 101},
    {"Origin: https://broker.example\r\n", 101}, /* TB_ALLOWED_HOSTS has it */
    {"Origin: http://Broker.Example:8443\r\n", 101},
    {"Origin: http://evil.example\r\n", 403},
    {"Origin: http://broker.example.evil.example\r\n", 403},
    {"Origin: http://localhost:1\r\n", 403}, /* another port is another origin */
    {"Origin: null\r\n", 403},
    {"Origin: \r\n", 403},
    {"Origin: file://localhost\r\n", 403},
    {"Origin: localhost\r\n", 403},
    {"Origin: http://localhost\r\nOrigin: http://localhost\r\n", 403},
};

START_TEST(pages_of_others_get_no_websocket)
{
    char request[512];
    (void)snprintf(request, sizeof request,
                   "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                   handshakes[_i].origins);
    struct api_answer *answer = api_raw_for(edge_cluster.port, request, strlen(request), 1);
    ck_assert_msg(answer->status == handshakes[_i].status, "%s\n%s", request, answer->raw);
    api_free(&answer);
}
END_TEST

START_TEST(every_answer_has_the_security_headers)
{
    static const char *const of[] = {"/", "/api/config", "/health/live", "/metrics", "/absent", "/api/orders/nope"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(of); i++) {
        struct api_answer *answer = api_call(edge_cluster.port, "GET", of[i], NULL, NULL);
        const char *policy = api_header(answer, "Content-Security-Policy");
        ck_assert_msg(policy != NULL && strstr(policy, "frame-ancestors 'none'") != NULL, "%s: %s", of[i], answer->raw);
        ck_assert_msg(strstr(policy, "unsafe") == NULL && strstr(policy, "default-src '") != NULL, "%s", policy);
        ck_assert_str_eq(api_header(answer, "X-Content-Type-Options"), "nosniff");
        ck_assert_str_eq(api_header(answer, "Referrer-Policy"), "no-referrer");
        ck_assert_str_eq(api_header(answer, "Cross-Origin-Resource-Policy"), "same-origin");
        ck_assert_ptr_null(api_header(answer, "Server"));
        api_free(&answer);
    }
}
END_TEST

/* --- the logs --- */

/* Return: how many lines the command prints; %s is the data directory. They are shown too. */
static size_t count_lines(const char *command)
{
    char line[1024];
    const char *place = strstr(command, "%s");
    (void)snprintf(line, sizeof line, "%.*s%s%s", (int)(place - command), command, edge_cluster.data, place + 2);
    FILE *output = popen(line, "r");
    ck_assert_ptr_nonnull(output);
    size_t lines = 0;
    for (; fgets(line, sizeof line, output) != NULL; lines++)
        printf("%s", line);
    (void)pclose(output);
    return lines;
}

START_TEST(nothing_of_bodies_and_headers_is_in_the_logs)
{
    static const char *const hostile[] = {
        "GET /" MARK "%0a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /api/orders?userId=" MARK "%ff&cursor=" MARK " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/" MARK " HTTP/1.1\r\nHost: " MARK ".example\r\nCookie: " MARK "\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: " MARK "\x01\r\n\r\n",
        "POST /api/dlq/nl-1.1/redrive HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " MARK
        "\r\nUser-Agent: " MARK "\r\nConnection: close\r\n\r\n",
        "POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 40\r\n"
        "Connection: close\r\n\r\n{\"userId\":\"" MARK "\",\"side\":\"" MARK,
        "PUT /api/personas/clusius/avatar HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n"
        "Connection: close\r\n\r\n" MARK,
        MARK "\r\n\r\n",
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(hostile); i++) {
        struct api_answer *answer = raw(hostile[i]);
        ck_assert_msg(answer->status >= 400 || answer->status == 0, "%s: %s", hostile[i], answer->raw);
        api_free(&answer);
    }
    struct api_answer *answer = api_call(
        edge_cluster.port, "POST", "/api/orders",
        "{\"userId\":\"" MARK "\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\",\"clientId\":\"" MARK "\"}", NULL);
    ck_assert_int_eq(answer->status, 400);
    api_free(&answer);
    ck_assert_msg(count_lines("grep -rlsa -- 'HTTP on' %s/log") > 0,
                  "there is no log of the gateway, or it is not found");
    ck_assert_msg(count_lines("grep -rlsa -- '" MARK "' %s/log") == 0, "what strangers sent is in the logs");
}
END_TEST

int main(void)
{
    cluster_start(&edge_cluster, "TB_SIMFILL_DELAY_MS=0 TB_ALLOWED_HOSTS=broker.example");
    Suite *suite = suite_create("edge");
    TCase *cases = tcase_create("edge");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_answer_has_the_security_headers);
    tcase_add_loop_test(cases, requests_of_others_are_refused, 0, TB_ARRAY_SIZE(requests));
    tcase_add_loop_test(cases, pages_of_others_get_no_websocket, 0, TB_ARRAY_SIZE(handshakes));
    tcase_add_loop_test(cases, no_path_leads_out, 0, TB_ARRAY_SIZE(paths));
    tcase_add_test(cases, a_nul_is_refused_wherever_it_stands);
    tcase_add_test(cases, heads_too_large_are_431_and_the_end);
    tcase_add_test(cases, slow_senders_slow_nobody_and_are_cut_off_in_time);
    tcase_add_test(cases, nothing_of_bodies_and_headers_is_in_the_logs);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, edge_hostile());
    suite_add_tcase(suite, edge_crowd());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    int audit = cluster_stop(&edge_cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
