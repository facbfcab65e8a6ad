/* The server on real sockets: order of answers, keep-alive, refusals that arrive, limits of time and memory. */
#include "http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "admission.h"
#include "base.h"
#include "check_main.h"
#include "client_address.h"
#include "problem.h"
#include "static_files.h"

enum { HELD_MAX = 64, LARGE = 2 << 20, CONNECTIONS = 20 };

static struct loop *loop;
static struct http_server *server;
static struct http_request *held[HELD_MAX];
static size_t held_count;
static struct loop_timer *release_timer;
static int stop_pipe[2];
static pthread_t thread;
static char *large;
static char files[64]; /* a directory of files to serve */
static struct admission admission;
static bool admits; /* requests are asked what the gateway asks them */
static size_t loopback_max;
static struct proxies proxies; /* believed by the server */

/* Answers what is held, the youngest first: the server has to put it in order. */
static void release_held(void *arg)
{
    (void)arg;
    while (held_count > 0) {
        struct http_request *request = held[--held_count];
        http_respond(request, 200, "text/plain", request->query, strlen(request->query));
    }
}

static void on_request(void *arg, struct http_request *request)
{
    (void)arg;
    if (admits && admission_check(&admission, request, 0) != ADMITTED)
        return;
    if (strcmp(request->path, "/echo") == 0) {
        http_respond(request, 200, "text/plain", request->body, request->body_length);
    } else if (strcmp(request->path, "/later") == 0) {
        held[held_count++] = request;
        loop_timer_set(release_timer, 20000, 0);
    } else if (strcmp(request->path, "/large") == 0) {
        http_respond(request, 200, "application/octet-stream", large, LARGE);
    } else if (strcmp(request->path, "/api/x") == 0) {
        http_add_header(request, "X-Extra", "yes");
        request->context = tb_strdup("freed with the request");
        http_respond_json(request, 201, "{}", 2);
    } else if (strcmp(request->path, "/nothing") == 0) {
        http_respond(request, 204, NULL, NULL, 0);
    } else if (strcmp(request->path, "/who") == 0) {
        http_respond(request, 200, "text/plain", request->client_address, strlen(request->client_address));
    } else if (strcmp(request->path, "/connections") == 0) {
        char text[16];
        (void)snprintf(text, sizeof text, "%zu", http_server_connections(server));
        http_respond(request, 200, "text/plain", text, strlen(text));
    } else {
        static_files_respond(files, request);
    }
}

static size_t body_limit(void *arg, enum http_verb verb, const char *path)
{
    (void)arg;
    (void)verb;
    return strcmp(path, "/big-echo") == 0 ? 1 << 20 : HTTP_BODY_MAX;
}

static void on_stop(void *arg, int fd, int events)
{
    (void)arg;
    (void)fd;
    (void)events;
    loop_stop(loop);
}

static void *run(void *arg)
{
    (void)arg;
    loop_run(loop);
    return NULL;
}

static struct loop_io *stop_io;

/* How long the server waits. Short only where that is what is tested: a busy machine may need a while for a head. */
enum { LONG_US = 30000000, SHORT_US = 800000 };
static int64_t patience_us = LONG_US;

static void start(void)
{
    static const struct http_handler handler = {.on_request = on_request, .body_limit = body_limit};
    struct http_options options = {.address = "127.0.0.1",
                                   .port = 0,
                                   .region = "nl-1",
                                   .connections_max = CONNECTIONS,
                                   .connections_loopback_max = loopback_max,
                                   .proxies = &proxies,
                                   .head_timeout_us = patience_us,
                                   .body_timeout_us = patience_us,
                                   .idle_timeout_us = patience_us + patience_us / 2};
    struct err err = {0};
    large = tb_alloc_zero(1, LARGE);
    memset(large, 'L', LARGE);
    loop = loop_new();
    server = http_server_new(loop, &options, &handler, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
    release_timer = loop_timer_new(loop, release_held, NULL);
    ck_assert_int_eq(pipe(stop_pipe), 0);
    stop_io = loop_io_new(loop, stop_pipe[0], LOOP_READ, on_stop, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static void stop(void)
{
    ck_assert_int_eq(write(stop_pipe[1], "x", 1), 1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    loop_io_free(&stop_io);
    loop_timer_free(&release_timer);
    http_server_free(&server);
    loop_free(&loop);
    (void)close(stop_pipe[0]);
    (void)close(stop_pipe[1]);
    free(large);
    held_count = 0;
    patience_us = LONG_US;
}

/* --- a client that does what it is told --- */

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server))};
    struct timeval limit = {.tv_sec = 30};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    size_t size = strlen(text), done = 0;
    while (done < size) {
        ssize_t sent = send(fd, text + done, size - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        done += (size_t)sent;
    }
}

/* Effect: reads until the server closes. Gives the text. */
static char *read_all(int fd, size_t *length)
{
    size_t capacity = 1 << 16, used = 0;
    char *text = tb_alloc_zero(capacity + 1, 1);
    for (ssize_t got; (got = recv(fd, text + used, capacity - used, 0)) > 0;) {
        used += (size_t)got;
        if (used == capacity) {
            text = tb_realloc(text, capacity * 2 + 1, 1);
            capacity *= 2;
        }
    }
    text[used] = '\0';
    if (length != NULL)
        *length = used;
    return text;
}

static char *talk(const char *request)
{
    int fd = dial();
    send_text(fd, request);
    char *answer = read_all(fd, NULL);
    (void)close(fd);
    return answer;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

#define HOST "Host: a\r\n"
#define END  "Connection: close\r\n\r\n"

START_TEST(an_answer_carries_the_headers_of_every_answer)
{
    start();
    char *answer = talk("GET /api/x HTTP/1.1\r\n" HOST "X-Request-Id: my.id-1\r\n"
                        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n" END);
    static const char *const parts[] = {"HTTP/1.1 201 Created\r\n",
                                        "\r\nDate: ",
                                        " GMT\r\n",
                                        "\r\nContent-Type: application/json\r\n",
                                        "\r\nContent-Length: 2\r\n",
                                        "\r\nX-Request-Id: my.id-1\r\n",
                                        "\r\nX-TB-Region: nl-1\r\n",
                                        "\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-",
                                        "-01\r\n",
                                        "\r\nX-Content-Type-Options: nosniff\r\n",
                                        "\r\nCache-Control: no-store\r\n",
                                        "\r\nX-Extra: yes\r\n",
                                        "\r\nConnection: close\r\n",
                                        "\r\n\r\n{}"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(parts); i++)
        ck_assert_msg(strstr(answer, parts[i]) != NULL, "no %s in %s", parts[i], answer);
    ck_assert_ptr_null(strstr(answer, "b7ad6b7169203331"));
    free(answer);
    stop();
}
END_TEST

static const char *const bad_parents[] = {"00-00000000000000000000000000000000-b7ad6b7169203331-01",
                                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                          "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                          "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
                                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                                          "garbage",
                                          ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntraceparent: "
                                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")};

START_TEST(bad_ids_of_the_caller_are_replaced)
{
    char request[512];
    start();
    for (size_t i = 0; i < TB_ARRAY_SIZE(bad_parents); i++) {
        (void)snprintf(request, sizeof request,
                       "GET /echo HTTP/1.1\r\n" HOST "X-Request-Id: bad id\r\ntraceparent: %s\r\n" END, bad_parents[i]);
        char *answer = talk(request);
        ck_assert_ptr_nonnull(strstr(answer, "traceparent: 00-"));
        ck_assert_msg(strstr(answer, "0af7651916cd43dd8448eb211c80319c") == NULL, "%s", bad_parents[i]);
        ck_assert_ptr_null(strstr(answer, "bad id"));
        ck_assert_ptr_null(strstr(answer, "00-00000000000000000000000000000000"));
        free(answer);
    }
    stop();
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    start();
    char request[8192] = "";
    size_t length = 0;
    for (int i = 0; i < 50; i++) /* more than may wait at once; handlers answer the youngest first */
        length += (size_t)snprintf(request + length, sizeof request - length, "GET /%s?%d. HTTP/1.1\r\n" HOST "%s",
                                   i % 3 == 0 ? "echo" : "later", i, i == 49 ? END : "\r\n");
    char *answer = talk(request);
    ck_assert_uint_eq(count_of(answer, "HTTP/1.1 200 OK"), 50);
    const char *at = answer;
    for (int i = 0; i < 50; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof expected, "\r\n\r\n%d.", i);
        if (i % 3 != 0) {
            at = strstr(at, expected);
            ck_assert_msg(at != NULL, "%d is missing or out of order", i);
        }
    }
    free(answer);
    stop();
}
END_TEST

START_TEST(a_connection_is_kept_for_further_requests)
{
    start();
    int fd = dial();
    for (int i = 0; i < 5; i++) {
        char answer[2048] = "";
        size_t used = 0;
        send_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nfour");
        while (strstr(answer, "\r\n\r\nfour") == NULL) {
            ssize_t got = recv(fd, answer + used, sizeof answer - used - 1, 0);
            ck_assert_int_gt(got, 0);
            used += (size_t)got;
        }
        ck_assert_ptr_null(strstr(answer, "Connection:"));
    }
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(head_has_the_headers_and_no_body)
{
    start();
    char *answer = talk("HEAD /api/x HTTP/1.1\r\n" HOST END);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 2\r\n"));
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    answer = talk("GET /nothing HTTP/1.1\r\n" HOST END);
    ck_assert_ptr_nonnull(strstr(answer, "204 No Content"));
    ck_assert_ptr_null(strstr(answer, "Content-Length"));
    ck_assert_ptr_null(strstr(answer, "Content-Type:"));
    free(answer);
    stop();
}
END_TEST

START_TEST(http_1_0_closes_unless_asked_to_keep)
{
    start();
    char *answer = talk("GET /echo HTTP/1.0\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close"));
    free(answer);
    answer = talk("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /echo HTTP/1.0\r\n\r\n");
    ck_assert_uint_eq(count_of(answer, "200 OK"), 2);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: keep-alive"));
    free(answer);
    stop();
}
END_TEST

START_TEST(a_client_that_shuts_its_side_still_gets_its_answers)
{
    start();
    int fd = dial();
    send_text(fd, "GET /later?x HTTP/1.1\r\n" HOST "\r\nGET /later?y HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    char *answer = read_all(fd, NULL);
    ck_assert_uint_eq(count_of(answer, "200 OK"), 2);
    free(answer);
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(a_client_that_goes_away_harms_nobody)
{
    start();
    for (int i = 0; i < 10; i++) {
        int fd = dial();
        struct linger at_once = {.l_onoff = 1};
        send_text(fd, "GET /later?x HTTP/1.1\r\n" HOST "\r\nGET /large HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        (void)close(fd);
    }
    char *answer = talk("GET /later?still-here HTTP/1.1\r\n" HOST END);
    ck_assert_ptr_nonnull(strstr(answer, "still-here"));
    free(answer);
    stop();
}
END_TEST

START_TEST(continue_is_said_when_the_body_is_welcome)
{
    start();
    int fd = dial();
    char answer[256] = "";
    send_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n" END);
    ck_assert_int_gt(recv(fd, answer, sizeof answer - 1, 0), 0);
    ck_assert_str_eq(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(fd, "ok");
    char *rest = read_all(fd, NULL);
    ck_assert_ptr_nonnull(strstr(rest, "\r\n\r\nok"));
    free(rest);
    (void)close(fd);
    rest = talk("POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n");
    ck_assert_int_eq(strncmp(rest, "HTTP/1.1 413 ", 13), 0);
    free(rest);
    stop();
}
END_TEST

START_TEST(a_body_too_large_is_refused_and_the_client_can_read_it)
{
    start();
    size_t size = 2 << 20;
    char *request = tb_alloc_zero(size + 256, 1);
    int length = snprintf(request, 256, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", size);
    memset(request + length, 'x', size);
    char *answer = talk(request); /* all of it is sent before the answer is read */
    ck_assert_msg(strncmp(answer, "HTTP/1.1 413 ", 13) == 0, "%.200s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "application/problem+json"));
    ck_assert_ptr_nonnull(strstr(answer, "\"code\":\"TOO_LARGE\""));
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close"));
    free(answer);
    free(request);
    stop();
}
END_TEST

START_TEST(a_larger_body_that_is_welcome_but_does_not_come_is_not_waited_for)
{
    patience_us = SHORT_US;
    start();
    char *answer = talk("POST /big-echo HTTP/1.1\r\n" HOST "Content-Length: 70000\r\n\r\n");
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 408 ", 13), 0);
    free(answer);
    stop();
}
END_TEST

static const struct {
    const char *request;
    int status;
} refusals[] = {
    {"GARBAGE\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: a\n\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\n\r\n", 505},
    {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /echo HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400}, /* the second */
};

START_TEST(a_refusal_is_a_problem_and_the_end)
{
    start();
    for (size_t i = 0; i < TB_ARRAY_SIZE(refusals); i++) {
        char line[32];
        char *answer = talk(refusals[i].request);
        (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", refusals[i].status);
        ck_assert_msg(strstr(answer, line) != NULL, "%s: %s", refusals[i].request, answer);
        ck_assert_ptr_nonnull(strstr(answer, "application/problem+json"));
        ck_assert_ptr_nonnull(strstr(answer, "X-Request-Id: "));
        ck_assert_ptr_nonnull(strstr(answer, "Connection: close"));
        free(answer);
    }
    stop();
}
END_TEST

START_TEST(a_slow_head_is_answered_408_and_silence_closed)
{
    patience_us = SHORT_US;
    start();
    char *answer = talk("GET /echo HTT");
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 408 ", 13), 0);
    free(answer);
    answer = talk("");
    ck_assert_str_eq(answer, "");
    free(answer);
    answer = talk("GET /echo HTTP/1.1\r\n" HOST "\r\n"); /* idle afterwards */
    ck_assert_uint_eq(count_of(answer, "HTTP/1.1"), 1);
    free(answer);
    stop();
}
END_TEST

START_TEST(large_answers_arrive_whole_while_others_are_served)
{
    start();
    int slow = dial();
    for (int i = 0; i < 8; i++)
        send_text(slow, i == 7 ? "GET /large HTTP/1.1\r\n" HOST END : "GET /large HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 20; i++) {
        char *answer = talk("GET /echo HTTP/1.1\r\n" HOST END);
        ck_assert_ptr_nonnull(strstr(answer, "200 OK"));
        free(answer);
    }
    size_t length = 0;
    char *all = read_all(slow, &length);
    ck_assert_uint_gt(length, 8UL * LARGE);
    ck_assert_uint_eq(count_of(all, "HTTP/1.1 200 OK"), 8);
    free(all);
    (void)close(slow);
    stop();
}
END_TEST

START_TEST(connections_beyond_the_limit_are_closed)
{
    start();
    int fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        char byte;
        fds[i] = dial();
        send_text(fds[i], "GET /echo HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(recv(fds[i], &byte, 1, 0), 1);
    }
    char *answer = talk("GET /echo HTTP/1.1\r\n" HOST END);
    ck_assert_str_eq(answer, "");
    free(answer);
    for (int i = 0; i < CONNECTIONS; i++)
        (void)close(fds[i]);
    for (int tries = 0; tries < 100; tries++) { /* there is room again */
        answer = talk("GET /connections HTTP/1.1\r\n" HOST END);
        bool good = strstr(answer, "200 OK") != NULL;
        free(answer);
        if (good) {
            stop();
            return;
        }
    }
    ck_abort_msg("no room although all are gone");
}
END_TEST

START_TEST(connections_of_one_address_have_their_own_limit)
{
    enum { OF_ONE = 3 };
    int fds[OF_ONE];
    loopback_max = OF_ONE;
    start();
    for (int i = 0; i < OF_ONE; i++) {
        char byte;
        fds[i] = dial();
        send_text(fds[i], "GET /echo HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(recv(fds[i], &byte, 1, 0), 1);
    }
    for (int i = 0; i < 5; i++) {
        char *answer = talk("GET /echo HTTP/1.1\r\n" HOST END);
        ck_assert_str_eq(answer, "");
        free(answer);
    }
    (void)close(fds[0]);
    bool good = false;
    for (int tries = 0; tries < 200 && !good; tries++) { /* whoever goes makes room */
        char *answer = talk("GET /echo HTTP/1.1\r\n" HOST END);
        good = strstr(answer, "200 OK") != NULL;
        free(answer);
    }
    ck_assert(good);
    (void)close(fds[1]);
    (void)close(fds[2]);
    stop();
    loopback_max = 0;
}
END_TEST

/* Effect: sends begin, then a byte now and then until the server answers. Gives the answer. */
static char *dribble(const char *begin)
{
    struct timeval pause = {.tv_usec = 50000};
    int fd = dial();
    send_text(fd, begin);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause), 0);
    char byte = 0;
    int sent = 0;
    while (recv(fd, &byte, 1, MSG_PEEK) < 0 && sent++ < 200)
        send_text(fd, "x");
    char *answer = read_all(fd, NULL);
    ck_assert_msg(sent > 2 && sent < 200, "%d bytes were taken: %s", sent, answer);
    (void)close(fd);
    return answer;
}

START_TEST(a_byte_now_and_then_moves_no_deadline)
{
    patience_us = SHORT_US;
    start();
    char *answer = dribble("GET /echo HTTP/1.1\r\nHost: a\r\nX-Long: ");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 408"));
    free(answer);
    answer = dribble("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5000\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 408"));
    free(answer);
    stop();
}
END_TEST

static const struct {
    const char *request;
    const char *wanted; /* NULL: 200 */
} admissions[] = {
    {"GET /echo HTTP/1.1\r\nHost: localhost:1\r\n", NULL},
    {"GET /echo HTTP/1.0\r\n", NULL},
    {"GET /echo HTTP/1.1\r\nHost: evil.example\r\n", "BAD_REQUEST"},
    {"POST /echo HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n", "BAD_REQUEST"},
    {"POST /echo HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\n", NULL},
    {"POST /echo HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:2\r\n", "FORBIDDEN"},
    {"POST /echo HTTP/1.1\r\nHost: localhost:1\r\nOrigin: null\r\n", "FORBIDDEN"},
    {"DELETE /echo HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\nOrigin: http://localhost:1\r\n",
     "FORBIDDEN"},
    {"GET /echo HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://evil.example\r\n", NULL},
};

START_TEST(requests_for_others_and_of_others_are_refused)
{
    char request[512];
    admits = true;
    admission = (struct admission){.rate_limit = NULL};
    host_check_init(&admission.hosts, "", "127.0.0.1");
    start();
    for (size_t i = 0; i < TB_ARRAY_SIZE(admissions); i++) {
        (void)snprintf(request, sizeof request, "%s" END, admissions[i].request);
        char *answer = talk(request);
        const char *wanted = admissions[i].wanted == NULL ? " 200 OK" : admissions[i].wanted;
        ck_assert_msg(strstr(answer, wanted) != NULL, "%s\n%s", request, answer);
        ck_assert_ptr_null(strstr(answer, "RateLimit"));
        free(answer);
    }
    stop();
    admits = false;
}
END_TEST

START_TEST(the_rate_is_told_and_kept)
{
    admits = true;
    admission = (struct admission){.rate_limit = rate_limit_new(1), .limits_loopback = true};
    host_check_init(&admission.hosts, "", "127.0.0.1");
    start();
    char *answer = talk("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\nGET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        "GET /echo HTTP/1.1\r\nHost: localhost\r\n" END);
    ck_assert_uint_eq(count_of(answer, "RateLimit-Limit: 2\r\n"), 3);
    ck_assert_ptr_nonnull(strstr(answer, "RateLimit-Remaining: 1\r\nRateLimit-Reset: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "RateLimit-Remaining: 0\r\nRateLimit-Reset: 2\r\n"));
    ck_assert_uint_eq(count_of(answer, "HTTP/1.1 200 OK"), 2);
    const char *refusal = strstr(answer, "HTTP/1.1 429");
    ck_assert_ptr_nonnull(refusal);
    ck_assert_ptr_nonnull(strstr(refusal, "\r\nRetry-After: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(refusal, "RATE_LIMITED"));
    free(answer);
    stop();
    admission_release(&admission);
    admits = false;
}
END_TEST

START_TEST(browsers_are_told_what_may_be_done)
{
    static const char *const of_all[] = {
        "\r\nX-Content-Type-Options: nosniff\r\n", "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nCross-Origin-Resource-Policy: same-origin\r\n", "frame-ancestors 'none'\r\n"};
    static const char *const paths[] = {"/", "/api/x", "/absent", "/../x", "/apiary"};
    char request[128];
    start();
    for (size_t i = 0; i < TB_ARRAY_SIZE(paths); i++) {
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST END, paths[i]);
        char *answer = talk(request);
        for (size_t j = 0; j < TB_ARRAY_SIZE(of_all); j++)
            ck_assert_msg(count_of(answer, of_all[j]) == 1, "%s: %s: %s", paths[i], of_all[j], answer);
        bool is_data = strcmp(paths[i], "/api/x") == 0;
        ck_assert_msg(count_of(answer, "default-src 'none'") == is_data, "%s: %s", paths[i], answer);
        ck_assert_msg(count_of(answer, "script-src 'self'") == !is_data, "%s: %s", paths[i], answer);
        ck_assert_ptr_null(strstr(answer, "unsafe"));
        free(answer);
    }
    stop();
}
END_TEST

static void put_file(const char *name, const char *content)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", files, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(content, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

#define BROWSER "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"

/* What else the request says, and what its answer has to hold; "!" before it: must not hold. */
static const struct {
    const char *path, *headers, *wanted;
} asked_cases[] = {
    {"/orders", BROWSER, "the page"},
    {"/settings/users", BROWSER, "the page"},
    {"/settings/users", BROWSER, "Cache-Control: no-cache"},
    {"/orders", "", "HTTP/1.1 404"},
    {"/orders", "Accept: application/json\r\n", "HTTP/1.1 404"},
    {"/orders", "Accept: text/html\r\nAccept-Encoding: br\r\n", "packed page"},
    {"/assets/absent", BROWSER, "HTTP/1.1 404"},
    {"/assets/absent.js", BROWSER, "HTTP/1.1 404"},
    {"/absent.png", BROWSER, "HTTP/1.1 404"},
    {"/api", BROWSER, "HTTP/1.1 404"},
    {"/api/absent", BROWSER, "HTTP/1.1 404"},
    {"/%61pi/absent", BROWSER, "HTTP/1.1 404"},
    {"/health/absent", BROWSER, "HTTP/1.1 404"},
    {"/uploads/avatars/absent", BROWSER, "HTTP/1.1 404"},
    {"/../secret", BROWSER, "HTTP/1.1 404"},
    {"//secret", BROWSER, "HTTP/1.1 404"},
    {"/assets/a-1.js", "Accept-Encoding: gzip, deflate, br\r\n", "Content-Encoding: br\r\n"},
    {"/assets/a-1.js", "Accept-Encoding: gzip, deflate, br\r\n", "packed script"},
    {"/assets/a-1.js", "Accept-Encoding: gzip, deflate, br\r\n", "text/javascript"},
    {"/assets/a-1.js", "Accept-Encoding: BR;q=0.5\r\n", "packed script"},
    {"/assets/a-1.js", "Accept-Encoding: br;q=0, gzip;q=1.0\r\n", "Content-Encoding: gzip\r\n"},
    {"/assets/a-1.js", "Accept-Encoding: br;q=0, gzip;q=1.0\r\n", "zipped script"},
    {"/assets/a-1.js", "Accept-Encoding: br;q=0.0, gzip; q=0\r\n", "the script"},
    {"/assets/a-1.js", "Accept-Encoding: brotli, gzipped\r\n", "the script"},
    {"/assets/a-1.js", "Accept-Encoding: identity\r\n", "!Content-Encoding"},
    {"/assets/a-1.js", "", "!Content-Encoding"},
};

static const struct {
    const char *path, *wanted;
} file_cases[] = {
    {"/", "the page"},
    {"/index.html", "the page"},
    {"/index.html?x=1", "text/html"},
    {"/assets/a-1.js", "text/javascript"},
    {"/assets/a-1.js", "immutable"},
    {"/assets/a%2D1.js", "the script"},
    {"/assets/a-1.js", "ETag: "},
    {"/assets/a-1.js", "Vary: Accept-Encoding"},
    {"/index.html", "Cache-Control: no-cache"},
    {"/assets", "HTTP/1.1 404"},
    {"/assets/", "HTTP/1.1 404"},
    {"/absent.js", "HTTP/1.1 404"},
    {"/../secret", "HTTP/1.1 404"},
    {"/assets/../../secret", "HTTP/1.1 404"},
    {"/%2e%2e/secret", "HTTP/1.1 404"},
    {"/..%2fsecret", "HTTP/1.1 404"},
    {"//etc/passwd", "HTTP/1.1 404"},
    {"/%2fetc/passwd", "HTTP/1.1 404"},
    {"/link", "HTTP/1.1 404"},
    {"/.", "HTTP/1.1 404"},
};

static void check_that_the_same_file_is_not_sent_twice(void)
{
    char request[256], etag[96];
    char *answer = talk("GET /index.html HTTP/1.1\r\n" HOST END);
    const char *at = strstr(answer, "\r\nETag: ");
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(sscanf(at, "\r\nETag: %95s", etag), 1);
    free(answer);
    (void)snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" HOST "If-None-Match: \"x\", %s\r\n" END, etag);
    answer = talk(request);
    ck_assert_msg(strstr(answer, "HTTP/1.1 304") != NULL && strstr(answer, etag) != NULL, "%s", answer);
    ck_assert_ptr_null(strstr(answer, "the page"));
    free(answer);
    (void)snprintf(request, sizeof request,
                   "GET / HTTP/1.1\r\n" HOST "Accept-Encoding: br\r\nIf-None-Match: %s\r\n" END, etag);
    answer = talk(request); /* what it has is not compressed: not the same */
    ck_assert_msg(strstr(answer, "HTTP/1.1 200") != NULL && strstr(answer, "packed page") != NULL, "%s", answer);
    free(answer);
    put_file("index.html", "another page");
    (void)snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" HOST "If-None-Match: %s\r\n" END, etag);
    answer = talk(request);
    ck_assert_msg(strstr(answer, "another page") != NULL, "%s", answer);
    free(answer);
}

START_TEST(files_are_served_from_beneath_their_directory_and_nowhere_else)
{
    char directory[] = "/tmp/tulip-files-XXXXXX", request[256], path[128];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(files, sizeof files, "%s", directory);
    put_file("secret", "hidden");
    (void)snprintf(files, sizeof files, "%s/ui", directory);
    ck_assert_int_eq(mkdir(files, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/assets", files);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    put_file("index.html", "the page");
    put_file("assets/a-1.js", "the script");
    (void)snprintf(path, sizeof path, "%s/link", files);
    ck_assert_int_eq(symlink("../secret", path), 0);
    start();
    for (size_t i = 0; i < TB_ARRAY_SIZE(file_cases); i++) {
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST END, file_cases[i].path);
        char *answer = talk(request);
        ck_assert_msg(strstr(answer, file_cases[i].wanted) != NULL, "%s: %s", file_cases[i].path, answer);
        ck_assert_ptr_null(strstr(answer, "hidden"));
        free(answer);
    }
    put_file("index.html.br", "packed page");
    put_file("assets/a-1.js.br", "packed script");
    put_file("assets/a-1.js.gz", "zipped script");
    for (size_t i = 0; i < TB_ARRAY_SIZE(asked_cases); i++) {
        const char *wanted = asked_cases[i].wanted + (*asked_cases[i].wanted == '!');
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "%s" END, asked_cases[i].path,
                       asked_cases[i].headers);
        char *answer = talk(request);
        ck_assert_msg((strstr(answer, wanted) != NULL) == (*asked_cases[i].wanted != '!'), "%s %s: %s",
                      asked_cases[i].path, asked_cases[i].headers, answer);
        ck_assert_ptr_null(strstr(answer, "hidden"));
        free(answer);
    }
    check_that_the_same_file_is_not_sent_twice();
    stop();
    static const char *const leftovers[] = {"ui/index.html.br",
                                            "ui/assets/a-1.js.br",
                                            "ui/assets/a-1.js.gz",
                                            "ui/link",
                                            "ui/assets/a-1.js",
                                            "ui/index.html",
                                            "ui/assets",
                                            "ui",
                                            "secret",
                                            ""};
    for (size_t i = 0; i < TB_ARRAY_SIZE(leftovers); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, leftovers[i]);
        ck_assert_int_eq(remove(path), 0);
    }
    files[0] = '\0';
    start();
    char *answer = talk("GET / HTTP/1.1\r\n" HOST END); /* no directory: a note about the API */
    ck_assert_ptr_nonnull(strstr(answer, "/health/ready"));
    free(answer);
    stop();
}
END_TEST

/* Whom the server takes a client with these headers for. */
static void expect_client(const char *headers, const char *client)
{
    char request[300];
    (void)snprintf(request, sizeof request, "GET /who HTTP/1.1\r\n" HOST "%s" END, headers);
    char *answer = talk(request);
    const char *body = strstr(answer, "\r\n\r\n");
    ck_assert_ptr_nonnull(body);
    ck_assert_str_eq(body + 4, client);
    free(answer);
}

START_TEST(the_client_behind_a_proxy_is_whom_the_proxy_names)
{
    struct err err = {0};
    ck_assert_int_eq(proxies_read(&proxies, "127.0.0.0/8", &err), 0);
    start();
    expect_client("X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7");
    expect_client("x-forwarded-for: 198.51.100.1, 203.0.113.7\r\n", "203.0.113.7");
    expect_client("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7");
    expect_client("X-Forwarded-For: me\r\n", "127.0.0.1");
    expect_client("", "127.0.0.1");
    stop();
    proxies.count = 0;
}
END_TEST

START_TEST(a_client_that_says_it_is_another_is_not_believed)
{
    start();
    expect_client("X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1");
    stop();
}
END_TEST

START_TEST(a_taken_port_is_told_in_words)
{
    start();
    struct err err = {0};
    static const struct http_handler handler = {.on_request = on_request, .body_limit = body_limit};
    struct http_options options = {.address = "127.0.0.1", .port = http_server_port(server), .region = "nl-1"};
    ck_assert_ptr_null(http_server_new(loop, &options, &handler, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "taken"));
    options.address = "no-such-host";
    ck_assert_ptr_null(http_server_new(loop, &options, &handler, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "no-such-host"));
    stop();
}
END_TEST

CHECK_MAIN("http_server", tcase_add_test(cases, an_answer_carries_the_headers_of_every_answer);
           tcase_add_test(cases, bad_ids_of_the_caller_are_replaced);
           tcase_add_test(cases, pipelined_requests_are_answered_in_order);
           tcase_add_test(cases, a_connection_is_kept_for_further_requests);
           tcase_add_test(cases, head_has_the_headers_and_no_body);
           tcase_add_test(cases, http_1_0_closes_unless_asked_to_keep);
           tcase_add_test(cases, a_client_that_shuts_its_side_still_gets_its_answers);
           tcase_add_test(cases, a_client_that_goes_away_harms_nobody);
           tcase_add_test(cases, continue_is_said_when_the_body_is_welcome);
           tcase_add_test(cases, a_body_too_large_is_refused_and_the_client_can_read_it);
           tcase_add_test(cases, a_larger_body_that_is_welcome_but_does_not_come_is_not_waited_for);
           tcase_add_test(cases, a_refusal_is_a_problem_and_the_end);
           tcase_add_test(cases, a_slow_head_is_answered_408_and_silence_closed);
           tcase_add_test(cases, large_answers_arrive_whole_while_others_are_served);
           tcase_add_test(cases, connections_beyond_the_limit_are_closed);
           tcase_add_test(cases, connections_of_one_address_have_their_own_limit);
           tcase_add_test(cases, a_byte_now_and_then_moves_no_deadline);
           tcase_add_test(cases, requests_for_others_and_of_others_are_refused);
           tcase_add_test(cases, the_rate_is_told_and_kept); tcase_add_test(cases, browsers_are_told_what_may_be_done);
           tcase_add_test(cases, files_are_served_from_beneath_their_directory_and_nowhere_else);
           tcase_add_test(cases, the_client_behind_a_proxy_is_whom_the_proxy_names);
           tcase_add_test(cases, a_client_that_says_it_is_another_is_not_believed);
           tcase_add_test(cases, a_taken_port_is_told_in_words);)
