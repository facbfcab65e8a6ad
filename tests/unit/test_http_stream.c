/* Streams on real sockets: an answer that goes on, an upgrade whose first bytes came with its head, readers that leave,
 * and how a stream is filled as far as its reader takes it. */
#include "http_stream.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"

enum { FILL_TOTAL = 3 << 20, FILL_PIECE = 50000 };

/* One stream; freed when it is closed. */
struct talk {
    struct http_stream *stream;
    size_t filled;
    bool fills;
};

static struct loop *loop;
static struct http_server *server;
static struct http_request *held;
static struct loop_timer *release_timer;
static struct loop_io *stop_io;
static int stop_pipe[2];
static pthread_t thread;
static atomic_int closed, unsent_max;

static void on_bytes(void *arg, const char *bytes, size_t size)
{
    struct talk *talk = arg;
    http_stream_write(talk->stream, bytes, size);
    if (memchr(bytes, '.', size) != NULL)
        http_stream_end(talk->stream);
    else if (memchr(bytes, '!', size) != NULL)
        http_stream_cut(talk->stream);
}

static bool on_room(void *arg)
{
    struct talk *talk = arg;
    char piece[FILL_PIECE];
    if (!talk->fills || talk->filled == FILL_TOTAL)
        return false;
    if (http_stream_unsent(talk->stream) > 0)
        return true;
    size_t size = FILL_TOTAL - talk->filled < FILL_PIECE ? FILL_TOTAL - talk->filled : FILL_PIECE;
    for (size_t i = 0; i < size; i++)
        piece[i] = (char)('a' + (talk->filled + i) % 23);
    http_stream_write(talk->stream, piece, size);
    talk->filled += size;
    int unsent = (int)http_stream_unsent(talk->stream);
    if (unsent > atomic_load(&unsent_max))
        atomic_store(&unsent_max, unsent);
    if (talk->filled == FILL_TOTAL)
        http_stream_end(talk->stream);
    return true;
}

static void on_closed(void *arg)
{
    atomic_fetch_add(&closed, 1);
    free(arg);
}

static const struct http_stream_handler stream_handler = {on_bytes, on_room, on_closed};
static const struct http_stream_handler deaf_handler = {NULL, on_room, on_closed};

static void release_held(void *arg)
{
    (void)arg;
    http_respond(held, 200, "text/plain", "late", 4);
}

static void on_request(void *arg, struct http_request *request)
{
    (void)arg;
    if (strcmp(request->path, "/later") == 0) {
        held = request;
        loop_timer_set(release_timer, 20000, 0);
        return;
    }
    bool upgrades = strcmp(request->path, "/up") == 0;
    bool fills = strcmp(request->path, "/fill") == 0;
    struct talk *talk = tb_alloc_zero(1, sizeof *talk);
    talk->stream = upgrades ? http_stream_begin(request, 101, NULL, &stream_handler, talk)
                            : http_stream_begin(request, 200, "text/event-stream", &deaf_handler, talk);
    if (talk->stream == NULL) {
        free(talk);
        http_respond(request, 400, "text/plain", "not alone", 9);
        return;
    }
    talk->fills = fills;
    if (!fills)
        http_stream_write(talk->stream, "hello\n", 6);
}

static size_t body_limit(void *arg, enum http_verb verb, const char *path)
{
    (void)arg;
    (void)verb;
    (void)path;
    return HTTP_BODY_MAX;
}

static void on_stop(void *arg, int fd, int events)
{
    (void)arg;
    (void)fd;
    (void)events;
    loop_stop(loop);
}

static void *serve(void *arg)
{
    loop_run(loop);
    return arg;
}

static void start(void)
{
    static const struct http_handler handler = {.on_request = on_request, .body_limit = body_limit};
    struct http_options options = {.address = "127.0.0.1",
                                   .region = "nl-1",
                                   .connections_max = 50,
                                   .head_timeout_us = 2000000,
                                   .body_timeout_us = 2000000,
                                   .idle_timeout_us = 400000};
    struct err err;
    loop = loop_new();
    atomic_store(&closed, 0);
    atomic_store(&unsent_max, 0);
    server = http_server_new(loop, &options, &handler, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
    release_timer = loop_timer_new(loop, release_held, NULL);
    ck_assert_int_eq(pipe(stop_pipe), 0);
    stop_io = loop_io_new(loop, stop_pipe[0], LOOP_READ, on_stop, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

/* Effect: ends the server; every stream must have been closed by then, or is now. */
static void stop(int streams)
{
    ck_assert_int_eq((int)write(stop_pipe[1], "x", 1), 1);
    pthread_join(thread, NULL);
    http_server_free(&server);
    ck_assert_int_eq(atomic_load(&closed), streams);
    loop_timer_free(&release_timer);
    loop_io_free(&stop_io);
    loop_free(&loop);
    close(stop_pipe[0]);
    close(stop_pipe[1]);
}

static int dial(const char *text)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server))};
    struct timeval timeout = {.tv_sec = 30};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
    ck_assert_int_eq((int)send(fd, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
    return fd;
}

/* Effect: reads until text has come (or the end when it is NULL). Return: what came, in a static buffer. */
static char *read_until(int fd, const char *text)
{
    static char bytes[FILL_TOTAL + 4096];
    size_t size = 0;
    bytes[0] = '\0';
    while (text == NULL || strstr(bytes, text) == NULL) {
        ssize_t got = recv(fd, bytes + size, sizeof bytes - size - 1, 0);
        ck_assert_msg(got >= 0, "nothing came in time; so far: %.300s", bytes);
        if (got == 0)
            break;
        size += (size_t)got;
        bytes[size] = '\0';
    }
    ck_assert_msg(text == NULL || strstr(bytes, text) != NULL, "it ended; so far: %.300s", bytes);
    return bytes;
}

static void wait_for_closed(int count)
{
    for (int i = 0; i < 1000 && atomic_load(&closed) < count; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); /* polling pace of a condition with a deadline */
    ck_assert_int_eq(atomic_load(&closed), count);
}

START_TEST(a_stream_has_no_length_outlives_idle_connections_and_goes_with_its_reader)
{
    start();
    int fd = dial("GET /sse HTTP/1.1\r\nHost: x\r\n\r\nthrown away");
    char *head = read_until(fd, "hello\n");
    ck_assert_ptr_nonnull(strstr(head, "HTTP/1.1 200 OK\r\n"));
    ck_assert_ptr_nonnull(strstr(head, "Content-Type: text/event-stream\r\n"));
    ck_assert_ptr_nonnull(strstr(head, "Connection: close\r\n"));
    ck_assert_ptr_null(strstr(head, "Content-Length"));
    int idle = dial("");
    char *nothing = read_until(idle, NULL);
    ck_assert_str_eq(nothing, "");             /* by then the idle one is closed, */
    ck_assert_int_eq(atomic_load(&closed), 0); /* and the stream, which is older, is not */
    close(idle);
    close(fd);
    wait_for_closed(1);
    stop(1);
}
END_TEST

START_TEST(an_upgrade_gets_the_bytes_that_came_with_its_head)
{
    start();
    int fd = dial("GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET / first\r\n");
    char *head = read_until(fd, "hello\nGET / first\r\n");
    ck_assert_ptr_nonnull(strstr(head, "HTTP/1.1 101 Switching Protocols\r\n"));
    ck_assert_ptr_nonnull(strstr(head, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    ck_assert_int_eq((int)send(fd, "bye.", 4, MSG_NOSIGNAL), 4);
    char *last = read_until(fd, NULL);
    ck_assert_str_eq(last, "bye."); /* what was written is sent before the end */
    close(fd);
    fd = dial("GET /up HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)read_until(fd, "hello\n");
    ck_assert_int_eq((int)send(fd, "cut!", 4, MSG_NOSIGNAL), 4);
    (void)read_until(fd, NULL);
    close(fd);
    wait_for_closed(2);
    stop(2);
}
END_TEST

START_TEST(a_stream_does_not_overtake_an_answer_that_is_still_owed)
{
    start();
    int fd = dial("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /sse HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answers = read_until(fd, "not alone");
    ck_assert_ptr_nonnull(strstr(answers, "late"));
    ck_assert(strstr(answers, "late") < strstr(answers, "not alone"));
    close(fd);
    stop(0);
}
END_TEST

START_TEST(a_stream_is_filled_as_fast_as_its_reader_takes_it)
{
    start();
    int fd = dial("GET /fill HTTP/1.1\r\nHost: x\r\n\r\n");
    char *body = strstr(read_until(fd, NULL), "\r\n\r\n") + 4;
    ck_assert_uint_eq(strlen(body), FILL_TOTAL);
    for (size_t i = 0; i < FILL_TOTAL; i++)
        check_quick(body[i] == (char)('a' + i % 23));
    ck_assert_int_le(atomic_load(&unsent_max), FILL_PIECE);
    close(fd);
    wait_for_closed(1);
    stop(1);
}
END_TEST

START_TEST(the_end_of_the_server_closes_every_stream)
{
    start();
    int one = dial("GET /sse HTTP/1.1\r\nHost: x\r\n\r\n"), other = dial("GET /up HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)read_until(one, "hello\n");
    (void)read_until(other, "hello\n");
    stop(2);
    close(one);
    close(other);
}
END_TEST

CHECK_MAIN("http_stream",
           tcase_add_test(cases, a_stream_has_no_length_outlives_idle_connections_and_goes_with_its_reader);
           tcase_add_test(cases, an_upgrade_gets_the_bytes_that_came_with_its_head);
           tcase_add_test(cases, a_stream_does_not_overtake_an_answer_that_is_still_owed);
           tcase_add_test(cases, a_stream_is_filled_as_fast_as_its_reader_takes_it);
           tcase_add_test(cases, the_end_of_the_server_closes_every_stream);)
