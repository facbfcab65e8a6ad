#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "clock.h"
#include "http_client.h"

/* ---- the reader ---- */

static const struct {
    const char *bytes;
    bool no_body, at_end;
    enum http_progress progress;
    int status;
    const char *body;
    bool keep_alive;
} answers[] = {
    {"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\ntulip", false, false, HTTP_DONE, 201, "tulip", true},
    {"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", false, false, HTTP_DONE, 200, "", true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\ntulip", false, false, HTTP_DONE, 200, "tulip",
     false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\ntulip", false, false, HTTP_DONE, 200, "tulip", false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, false, HTTP_DONE, 200, "", true}, /* HEAD */
    {"HTTP/1.1 204 No Content\r\n\r\n", false, false, HTTP_DONE, 204, "", true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, false, HTTP_DONE, 200, "x",
     true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntulip\r\nB;x=y\r\n, one more.\r\n0\r\nT: v\r\n\r\n",
     false, false, HTTP_DONE, 200, "tulip, one more.", true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, false, HTTP_DONE, 200, "", true},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", false, true, HTTP_DONE, 200, "until the end", false},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", false, false, HTTP_MORE, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntuli", false, false, HTTP_MORE, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntuli", false, true, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", false, true, HTTP_BROKEN, 0, NULL, false},
    {"", false, true, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/1.1 20 OK\r\n\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"HTTP/2 200 OK\r\n\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"SSH-2.0-OpenSSH_9.2\r\n\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
    {"\r\n\r\n", false, false, HTTP_BROKEN, 0, NULL, false},
};

START_TEST(answers_are_read_however_they_are_cut)
{
    struct http_reader reader = {0};
    size_t size = strlen(answers[_i].bytes);
    for (size_t step = 1; step <= size + 1; step = step < 4 ? step + 1 : step * 3) {
        http_reader_start(&reader, answers[_i].no_body);
        enum http_progress progress = HTTP_MORE;
        for (size_t at = 0; at < size && progress == HTTP_MORE; at += step)
            progress = http_reader_feed(&reader, answers[_i].bytes + at, at + step < size ? step : size - at, false);
        if (progress == HTTP_MORE && answers[_i].at_end)
            progress = http_reader_feed(&reader, NULL, 0, true);
        ck_assert_msg(progress == answers[_i].progress, "%d in steps of %zu: %d", _i, step, progress);
        if (progress != HTTP_DONE)
            continue;
        ck_assert_int_eq(reader.response.status, answers[_i].status);
        ck_assert_str_eq(reader.response.body, answers[_i].body);
        ck_assert_uint_eq(reader.response.body_size, strlen(answers[_i].body));
        ck_assert_int_eq(reader.response.keep_alive, answers[_i].keep_alive);
    }
    http_reader_release(&reader);
}
END_TEST

START_TEST(headers_are_found_in_any_case)
{
    struct http_reader reader = {0};
    static const char bytes[] = "HTTP/1.1 200 OK\r\nX-A: first\r\nlocation:  /api/orders/nl-1.1 \r\nX-a: "
                                "second\r\nEmpty:\r\nContent-Length: 0\r\n\r\n";
    http_reader_start(&reader, false);
    ck_assert_int_eq(http_reader_feed(&reader, bytes, sizeof bytes - 1, false), HTTP_DONE);
    char value[64];
    ck_assert_str_eq(http_response_header(&reader.response, "Location", value, sizeof value), "/api/orders/nl-1.1");
    ck_assert_str_eq(http_response_header(&reader.response, "x-a", value, sizeof value), "first");
    ck_assert_str_eq(http_response_header(&reader.response, "Empty", value, sizeof value), "");
    ck_assert_str_eq(http_response_header(&reader.response, "X-A", value, 3), "fi");
    ck_assert_ptr_null(http_response_header(&reader.response, "X", value, sizeof value));
    ck_assert_ptr_null(http_response_header(&reader.response, "HTTP/1.1 200 OK", value, sizeof value));
    http_reader_release(&reader);
}
END_TEST

START_TEST(an_endless_head_is_refused)
{
    struct http_reader reader = {0};
    http_reader_start(&reader, false);
    enum http_progress progress = http_reader_feed(&reader, "HTTP/1.1 200 OK\r\n", 17, false);
    for (int i = 0; i < 10000 && progress == HTTP_MORE; i++)
        progress = http_reader_feed(&reader, "X-Filler: abcdefghij\r\n", 22, false);
    ck_assert_int_eq(progress, HTTP_BROKEN);
    http_reader_release(&reader);
}
END_TEST

/* ---- against a small server in a process of its own ---- */

static pid_t server_pid;
static int server_port;

/* Answers each request by its path: /echo with its body, /close the same and hangs up, /cut breaks off, /silent says
 * nothing. */
static void server_speak(int fd)
{
    char request[70000];
    size_t size = 0;
    for (;;) {
        ssize_t got = recv(fd, request + size, sizeof request - 1 - size, 0);
        if (got <= 0)
            return;
        size += (size_t)got;
        request[size] = '\0';
        char *end = strstr(request, "\r\n\r\n");
        char *length_text = strstr(request, "Content-Length: ");
        size_t length = length_text ? strtoul(length_text + 16, NULL, 10) : 0;
        if (!end || size < (size_t)(end + 4 - request) + length)
            continue;
        char head[256];
        bool closes = strncmp(request, "POST /close", 11) == 0;
        int head_size = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", length,
                                 closes ? "Connection: close\r\n" : "");
        if (strncmp(request, "POST /silent", 12) == 0)
            return (void)pause();
        if (strncmp(request, "POST /cut", 9) == 0)
            head_size -= 10;
        (void)!write(fd, head, (size_t)head_size);
        if (strncmp(request, "POST /cut", 9) == 0)
            return;
        (void)!write(fd, end + 4, length);
        if (closes)
            return;
        size = 0;
    }
}

static void server_start(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 100), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    server_port = ntohs(address.sin_port);
    server_pid = fork();
    if (server_pid == 0) { /* no ck_assert here: Check's file is the parent's */
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails */
        signal(SIGCHLD, SIG_IGN);
        for (;;) {
            int fd = accept(listener, NULL, NULL);
            if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(listener);
                server_speak(fd);
                _exit(0);
            }
            close(fd);
        }
    }
    ck_assert_int_gt(server_pid, 0);
    setpgid(server_pid, server_pid);
    close(listener);
}

static void server_stop(void)
{
    kill(-server_pid, SIGKILL);
    waitpid(server_pid, NULL, 0);
}

START_TEST(a_client_calls_over_and_over)
{
    struct http_client *client = http_client_new("127.0.0.1", server_port, 5000);
    struct http_response response;
    struct err err;
    static const char *const paths[] = {"/echo", "/echo", "/close", "/echo", "/cut", "/echo"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(paths); i++) {
        int result = http_client_call(client, "POST", paths[i], "X-More: yes\r\n", "tulip", 5, &response, &err);
        bool cut = strcmp(paths[i], "/cut") == 0;
        ck_assert_int_eq(result, cut ? -1 : 0);
        if (!cut)
            ck_assert_str_eq(response.body, "tulip");
        else
            ck_assert_ptr_nonnull(strstr(err.text, "closed"));
    }
    static char large[60000];
    memset(large, 'l', sizeof large);
    ck_assert_int_eq(http_client_call(client, "POST", "/echo", NULL, large, sizeof large, &response, &err), 0);
    ck_assert_uint_eq(response.body_size, sizeof large);
    http_client_free(&client);
    ck_assert_ptr_null(client);
}
END_TEST

START_TEST(a_client_gives_up_in_time)
{
    struct http_client *client = http_client_new("127.0.0.1", server_port, 150);
    struct http_response response;
    struct err err;
    int64_t start_us = clock_monotonic_us();
    ck_assert_int_eq(http_client_call(client, "POST", "/silent", NULL, "x", 1, &response, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "150 ms"));
    ck_assert_int_ge(clock_monotonic_us() - start_us, 149000);
    http_client_free(&client);
    server_stop();
    client = http_client_new("127.0.0.1", server_port, 5000);
    ck_assert_int_eq(http_client_call(client, "GET", "/", NULL, NULL, 0, &response, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "refused"));
    http_client_free(&client);
    server_start();
}
END_TEST

enum { SWARM_SLOTS = 20 };
static struct {
    int answered[SWARM_SLOTS], broken[SWARM_SLOTS];
    int total;
} heard;

static void hear(void *arg, size_t slot, const struct http_response *response)
{
    (void)arg;
    heard.total++;
    if (!response) {
        heard.broken[slot]++;
        return;
    }
    char expected[32];
    snprintf(expected, sizeof expected, "slot %02zu", slot);
    ck_assert_str_eq(response->body, expected);
    heard.answered[slot]++;
}

static void swarm_send(struct http_swarm *swarm, size_t slot, const char *path)
{
    char request[128];
    int size = snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nslot %02zu",
                        path, slot);
    http_swarm_send(swarm, slot, request, (size_t)size);
}

static void swarm_wait_for(struct http_swarm *swarm, int total)
{
    int64_t deadline_us = clock_monotonic_us() + 10000000;
    while (heard.total < total && clock_monotonic_us() < deadline_us)
        http_swarm_wait(swarm, 100000);
    ck_assert_int_eq(heard.total, total);
}

START_TEST(a_swarm_hears_of_each_request_once)
{
    struct err err;
    memset(&heard, 0, sizeof heard);
    struct http_swarm *swarm = http_swarm_new("127.0.0.1", server_port, SWARM_SLOTS, hear, NULL, &err);
    ck_assert_ptr_nonnull(swarm);
    static const char *const rounds[] = {"/echo", "/echo", "/close", "/echo", "/cut", "/echo"};
    for (int round = 0; round < (int)TB_ARRAY_SIZE(rounds); round++) {
        for (size_t slot = 0; slot < SWARM_SLOTS; slot++)
            swarm_send(swarm, slot, rounds[round]);
        swarm_wait_for(swarm, (round + 1) * SWARM_SLOTS);
    }
    for (size_t slot = 0; slot < SWARM_SLOTS; slot++) {
        ck_assert_int_eq(heard.answered[slot], 5);
        ck_assert_int_eq(heard.broken[slot], 1);
    }
    swarm_send(swarm, 3, "/silent");
    http_swarm_wait(swarm, 1000);
    http_swarm_abandon(swarm, 3);
    http_swarm_abandon(swarm, 4); /* waits for nothing */
    swarm_wait_for(swarm, 6 * SWARM_SLOTS + 1);
    ck_assert_int_eq(heard.broken[3], 2);
    swarm_send(swarm, 3, "/echo");
    swarm_wait_for(swarm, 6 * SWARM_SLOTS + 2);
    ck_assert_int_eq(heard.answered[3], 6);
    http_swarm_free(&swarm);
}
END_TEST

START_TEST(a_swarm_hears_of_a_refused_connection)
{
    struct err err;
    memset(&heard, 0, sizeof heard);
    server_stop();
    struct http_swarm *swarm = http_swarm_new("127.0.0.1", server_port, SWARM_SLOTS, hear, NULL, &err);
    for (int round = 1; round <= 2; round++) {
        for (size_t slot = 0; slot < SWARM_SLOTS; slot++)
            swarm_send(swarm, slot, "/echo");
        swarm_wait_for(swarm, round * SWARM_SLOTS);
    }
    for (size_t slot = 0; slot < SWARM_SLOTS; slot++)
        ck_assert_int_eq(heard.broken[slot], 2);
    http_swarm_free(&swarm);
    server_start();
}
END_TEST

CHECK_MAIN("http_client", tcase_add_checked_fixture(cases, server_start, server_stop);
           tcase_add_loop_test(cases, answers_are_read_however_they_are_cut, 0, (int)TB_ARRAY_SIZE(answers));
           tcase_add_test(cases, headers_are_found_in_any_case); tcase_add_test(cases, an_endless_head_is_refused);
           tcase_add_test(cases, a_client_calls_over_and_over); tcase_add_test(cases, a_client_gives_up_in_time);
           tcase_add_test(cases, a_swarm_hears_of_each_request_once);
           tcase_add_test(cases, a_swarm_hears_of_a_refused_connection);)
