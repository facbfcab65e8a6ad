/* tb-bench-subscribers: many event streams at once, half of them SSE, half WebSocket, each filtered to one persona; a
 * few follow everything. Holds every subscription's chain (prevSeq) whole, measures how late events arrive and what the
 * gateway's memory peaks at, and prints one "name value" pair a line. The exit code says whether every chain was whole
 * and every stream stayed open. Orders come from tb-bench beside it.
 *
 * Events are found by their first member in whatever frames them, so SSE and WebSocket are read alike. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "http_client.h"
#include "latency.h"

enum { CARRY_MAX = 512, READ_SIZE = 256 * 1024, EVENTS_PER_WAIT = 256, STREAMS = 4, CALL_TIMEOUT_MS = 10000 };
#define DAY_MS 86400000L

struct subscriber {
    int fd;
    bool open;
    char carry[CARRY_MAX]; /* the beginning of an event whose rest is still to come */
    size_t carried;
    uint64_t last[STREAMS];
    bool begun[STREAMS];
};

struct options {
    int port;
    size_t subscribers, personas, everything;
    double seconds;
};

struct figures {
    uint64_t events, bytes, gaps, ended;
    long memory_kb_max;
    struct latency latency;
};

static char read_buffer[CARRY_MAX + READ_SIZE];

/* --- personas and the gateway's process --- */

static void make_personas(struct http_client *client, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char body[128];
        struct http_response response;
        struct err err;
        int size = snprintf(body, sizeof body, "{\"displayName\":\"Reader %zu\",\"userId\":\"reader-%zu\"}", i, i);
        if (http_client_call(client, "POST", "/api/personas", "Content-Type: application/json\r\n", body, (size_t)size,
                             &response, &err) < 0 ||
            (response.status != 201 && response.status != 409)) {
            fprintf(stderr, "tb-bench-subscribers: persona %zu could not be made\n", i);
            exit(1);
        }
    }
}

static long gateway_pid(struct http_client *client)
{
    struct http_response response;
    struct err err;
    long pid = 0;
    if (http_client_call(client, "GET", "/health/ready", NULL, NULL, 0, &response, &err) < 0)
        return 0;
    json_t *health = json_loadb(response.body, response.body_size, 0, NULL), *actor;
    size_t i;
    json_array_foreach(json_object_get(health, "actors"), i, actor)
    {
        const char *name = json_string_value(json_object_get(actor, "name"));
        if (name && strcmp(name, "gateway") == 0)
            pid = (long)json_integer_value(json_object_get(actor, "pid"));
    }
    json_decref(health);
    return pid;
}

/* Return: the process's memory in use, KiB; 0 when it cannot be read. */
static long memory_kb(long pid)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    }
    if (file)
        fclose(file);
    return kb;
}

/* --- subscribing --- */

static size_t mask_frame(unsigned char *frame, const char *text)
{
    size_t length = strlen(text), head = 2;
    frame[0] = 0x81;
    tb_assert(length < 65536);
    if (length < 126) {
        frame[1] = (unsigned char)(0x80 | length);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(length >> 8);
        frame[3] = (unsigned char)length;
        head = 4;
    }
    memset(frame + head, 0, 4); /* masked with zeros */
    memcpy(frame + head + 4, text, length);
    return head + 4 + length;
}

static bool subscribe(struct subscriber *subscriber, const struct options *options, size_t number)
{
    char request[1024], user[64] = "", text[256];
    bool everything = number < options->everything;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    subscriber->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (subscriber->fd < 0 || connect(subscriber->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return false;
    if (!everything)
        snprintf(user, sizeof user, "reader-%zu", number % options->personas);
    size_t size;
    if (number % 2 == 0) {
        size = (size_t)snprintf(
            request, sizeof request,
            "GET /api/stream?channels=orders,executions,balances,ops&userId=%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
            user);
    } else {
        size = (size_t)snprintf(request, sizeof request,
                                "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"id\":\"1\"%s%s%s}", everything ? "" : ",\"userId\":\"",
                 user, everything ? "" : "\"");
        size += mask_frame((unsigned char *)request + size, text);
    }
    subscriber->open = send(subscriber->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size;
    return subscriber->open && fcntl(subscriber->fd, F_SETFL, O_NONBLOCK) == 0;
}

/* --- reading --- */

static int stream_of(const char *name)
{
    return name[0] == 'e' ? 1 : name[0] == 'b' ? 2 : name[1] == 'r' ? 0 : 3;
}

/* Return: milliseconds into the day of "…T09:21:16.123Z". */
static long day_ms(const char *ts)
{
    const char *t = ts + 11;
    return ((t[0] - '0') * 10 + (t[1] - '0')) * 3600000L + ((t[3] - '0') * 10 + (t[4] - '0')) * 60000L +
           ((t[6] - '0') * 10 + (t[7] - '0')) * 1000L + (t[9] - '0') * 100 + (t[10] - '0') * 10 + (t[11] - '0');
}

/* Effect: judges one event, whose first CARRY_MAX bytes at most are there. Return: false when more is needed. */
static bool take_event(struct subscriber *subscriber, struct figures *figures, const char *at, size_t size, long now_ms)
{
    const char *seq = memmem(at, size, "\"seq\":", 6), *previous = memmem(at, size, "\"prevSeq\":", 10);
    const char *ts = memmem(at, size, "\"ts\":\"", 6);
    if (!ts || ts + 32 > at + size)
        return false;
    int stream = stream_of(at + 11);
    uint64_t number = strtoull(seq + 6, NULL, 10), before = strtoull(previous + 10, NULL, 10);
    if (stream != 3 || before != 0 || number != 0) {
        if (subscriber->begun[stream] && before != subscriber->last[stream])
            figures->gaps++;
        subscriber->begun[stream] = true;
        subscriber->last[stream] = number;
    }
    long late = now_ms - day_ms(ts + 6);
    figures->events++;
    latency_add(&figures->latency, (late < 0 ? late + DAY_MS : late) * 1000);
    return true;
}

static void take_bytes(struct subscriber *subscriber, struct figures *figures, size_t size)
{
    static const char mark[] = "{\"stream\":\"";
    const char *at = read_buffer, *end = read_buffer + size;
    long now_ms = (long)(clock_now_us() / 1000 % DAY_MS);
    const char *found;
    while ((found = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) != NULL) {
        if (!take_event(subscriber, figures, found, (size_t)(end - found), now_ms)) {
            at = found;
            break;
        }
        at = found + sizeof mark - 1;
    }
    size_t left = (size_t)(end - at);
    if (found == NULL && left > sizeof mark)
        left = sizeof mark; /* perhaps the first half of a mark */
    tb_assert(left <= CARRY_MAX);
    memcpy(subscriber->carry, end - left, left);
    subscriber->carried = left;
}

static void read_some(struct subscriber *subscriber, struct figures *figures)
{
    memcpy(read_buffer, subscriber->carry, subscriber->carried);
    ssize_t got = recv(subscriber->fd, read_buffer + subscriber->carried, READ_SIZE, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        close(subscriber->fd);
        subscriber->open = false;
        figures->ended++;
        return;
    }
    figures->bytes += (uint64_t)got;
    take_bytes(subscriber, figures, subscriber->carried + (size_t)got);
}

static void run(const struct options *options, struct subscriber *subscribers, long pid, struct figures *figures)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    tb_assert(epoll >= 0);
    for (size_t i = 0; i < options->subscribers; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &subscribers[i]};
        if (subscribe(&subscribers[i], options, i))
            tb_assert(epoll_ctl(epoll, EPOLL_CTL_ADD, subscribers[i].fd, &event) == 0);
        else
            figures->ended++;
    }
    fprintf(stderr, "tb-bench-subscribers: %zu subscribed\n", options->subscribers);
    int64_t end = clock_monotonic_us() + (int64_t)(options->seconds * 1e6), next_look = 0;
    for (int64_t now; (now = clock_monotonic_us()) < end;) {
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = epoll_wait(epoll, events, EVENTS_PER_WAIT, 100);
        for (int i = 0; i < count; i++)
            read_some(events[i].data.ptr, figures);
        if (now >= next_look) {
            long kb = memory_kb(pid);
            figures->memory_kb_max = kb > figures->memory_kb_max ? kb : figures->memory_kb_max;
            next_look = now + 200000;
        }
    }
    close(epoll);
}

static double number_of(const char *text, double minimum, double maximum)
{
    char *end;
    double value = strtod(text, &end);
    if (*text && !*end && value >= minimum && value <= maximum)
        return value;
    fprintf(stderr, "tb-bench-subscribers: a number from %g to %g is needed, not '%s'\n", minimum, maximum, text);
    exit(2);
}

static void read_options(int argc, char **argv, struct options *options)
{
    enum { PORT = 1, SUBSCRIBERS, PERSONAS, EVERYTHING, SECONDS };
    static const struct option flags[] = {
        {"port", required_argument, NULL, PORT},         {"subscribers", required_argument, NULL, SUBSCRIBERS},
        {"personas", required_argument, NULL, PERSONAS}, {"everything", required_argument, NULL, EVERYTHING},
        {"seconds", required_argument, NULL, SECONDS},   {0},
    };
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (flag == PORT)
            options->port = (int)number_of(optarg, 1, 65535);
        else if (flag == SUBSCRIBERS)
            options->subscribers = (size_t)number_of(optarg, 1, 4000);
        else if (flag == PERSONAS)
            options->personas = (size_t)number_of(optarg, 1, 1000);
        else if (flag == EVERYTHING)
            options->everything = (size_t)number_of(optarg, 0, 4000);
        else if (flag == SECONDS)
            options->seconds = number_of(optarg, 0.1, 86400);
        else {
            fprintf(stderr, "usage: tb-bench-subscribers [--port 8080] [--subscribers 1000] [--personas 200] "
                            "[--everything 0] [--seconds 20]\n");
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct options options = {.port = 8080, .subscribers = 1000, .personas = 200, .seconds = 20};
    read_options(argc, argv, &options);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    struct http_client *client = http_client_new("127.0.0.1", options.port, CALL_TIMEOUT_MS);
    make_personas(client, options.personas);
    struct subscriber *subscribers = tb_alloc_zero(options.subscribers, sizeof *subscribers);
    static struct figures figures;
    run(&options, subscribers, gateway_pid(client), &figures);
    size_t open = 0;
    for (size_t i = 0; i < options.subscribers; i++)
        open += subscribers[i].open;
    printf("subscribers_open %zu\n", open);
    printf("streams_ended %" PRIu64 "\n", figures.ended);
    printf("chains_broken %" PRIu64 "\n", figures.gaps);
    printf("events %" PRIu64 "\n", figures.events);
    printf("events_per_second %.0f\n", (double)figures.events / options.seconds);
    printf("megabytes_per_second %.1f\n", (double)figures.bytes / options.seconds / 1e6);
    latency_print(&figures.latency, "delivery");
    printf("gateway_memory_mib %.1f\n", (double)figures.memory_kb_max / 1024);
    latency_release(&figures.latency);
    free(subscribers);
    http_client_free(&client);
    return figures.gaps == 0 && figures.ended == 0 && open == options.subscribers ? EXIT_SUCCESS : EXIT_FAILURE;
}
