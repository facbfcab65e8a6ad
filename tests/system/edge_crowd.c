/* A crowd from one address: it gets the connections that an address may have, the rest are closed at once, and others
 * are served as before. Linux answers to all of 127.0.0.0/8, so an address of one's own costs nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "base.h"
#include "clock.h"
#include "edge.h"

enum { CROWD = 4700, LOOPBACK_MAX = 4096, CLOSED_MS = 10000 }; /* an address of this machine may have half of 8192 */

/* Return: a connection from this address of ours; -1 when it is refused. */
static int connect_from(const char *source)
{
    struct sockaddr_in from = {.sin_family = AF_INET},
                       to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)edge_cluster.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(inet_pton(AF_INET, source, &from.sin_addr), 1);
    ck_assert_msg(bind(fd, (struct sockaddr *)&from, sizeof from) == 0, "%s: %s", source, strerror(errno));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* Return: whether the server has ended this connection, without having said a word. */
static bool is_closed(int fd)
{
    char byte;
    ssize_t got = fd < 0 ? 0 : recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

static size_t count_closed(const int *fds, size_t count)
{
    size_t closed = 0;
    for (size_t i = 0; i < count; i++)
        closed += is_closed(fds[i]);
    return closed;
}

/* Return: how many connections the gateway says it refused. */
static long refused_so_far(void)
{
    struct api_answer *answer = api_call(edge_cluster.port, "GET", "/metrics", NULL, NULL);
    const char *line = strstr(answer->body, "\ntb_http_connections_refused_total");
    long refused = line == NULL ? -1 : strtol(strchr(line + 1, ' '), NULL, 10);
    api_free(&answer);
    return refused;
}

START_TEST(an_address_has_its_share_of_connections_and_others_keep_theirs)
{
    static int fds[CROWD];
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_msg(limit.rlim_cur > CROWD + 100, "this test needs %d descriptors, the system gives %lu", CROWD,
                  (unsigned long)limit.rlim_cur);
    long before = refused_so_far();
    ck_assert_int_ge(before, 0);
    for (size_t i = 0; i < CROWD; i++)
        fds[i] = connect_from("127.0.0.9");
    size_t closed = count_closed(fds, CROWD);
    for (int64_t deadline = clock_monotonic_us() + CLOSED_MS * 1000LL;
         closed < CROWD - LOOPBACK_MAX && clock_monotonic_us() < deadline; closed = count_closed(fds, CROWD))
        (void)poll(NULL, 0, 20);
    struct api_answer *answer = api_call(edge_cluster.port, "GET", "/api/config", NULL, NULL); /* from 127.0.0.1 */
    printf("%d connections of one address: %zu were closed at once; another address got %d\n", CROWD, closed,
           answer->status);
    ck_assert_uint_eq(closed, CROWD - LOOPBACK_MAX);
    ck_assert_int_eq(answer->status, 200);
    api_free(&answer);
    for (size_t i = 0; i < CROWD; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    /* Its share is free again, and what was refused is counted. */
    int64_t deadline = clock_monotonic_us() + CLOSED_MS * 1000LL;
    for (bool served = false; !served; (void)poll(NULL, 0, 20)) {
        ck_assert_msg(clock_monotonic_us() < deadline, "the address is still kept out");
        int fd = connect_from("127.0.0.9");
        static const char request[] = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        char text[64];
        served = fd >= 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1 &&
                 recv(fd, text, sizeof text, 0) > 12 && memcmp(text, "HTTP/1.1 200", 12) == 0;
        if (fd >= 0)
            (void)close(fd);
    }
    for (deadline = clock_monotonic_us() + CLOSED_MS * 1000LL; refused_so_far() < before + CROWD - LOOPBACK_MAX;
         (void)poll(NULL, 0, 50))
        ck_assert_msg(clock_monotonic_us() < deadline, "%ld refused connections were counted of %d",
                      refused_so_far() - before, CROWD - LOOPBACK_MAX);
}
END_TEST

TCase *edge_crowd(void)
{
    TCase *part = tcase_create("crowd");
    tcase_set_timeout(part, 120);
    tcase_add_test(part, an_address_has_its_share_of_connections_and_others_keep_theirs);
    return part;
}
