#include "collector.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actor.h"
#include "base.h"
#include "gateway/json_out.h"
#include "loop.h"
#include "reconciler/core.h"

#define LOOKUP_POLL_US 10000LL
enum { LOOKUP_LEAVE_S = 2 /* at the end: a lookup that cannot be called back */ };

struct collector {
    struct actor *actor;
    struct collector_endpoint endpoint;
    struct loop_timer *timer, *deadline;
    struct text request;
    size_t sent;
    uint64_t number;
    bool busy;

    /* name lookup; one outlives the request that began it */
    struct gaicb lookup;
    struct addrinfo hints;
    bool looking;
    struct addrinfo *found, *next; /* next: the address being tried */

    int fd; /* -1: none */
    struct loop_io *io;
    bool connected;
    char answer[64]; /* its status line is enough */
    size_t answer_size;
};

/* ---- the endpoint ---- */

/* Effect: takes host and port of "host", "host:port", "[v6]" or "[v6]:port". Return: whether it is one. */
static bool take_authority(const char *text, size_t length, struct collector_endpoint *endpoint)
{
    char copy[sizeof endpoint->authority];
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    (void)tb_copy_text(endpoint->authority, sizeof endpoint->authority, copy);
    char *host = copy, *port = NULL;
    if (copy[0] == '[') {
        char *end = strchr(copy, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        host = copy + 1;
        port = end[1] == ':' ? end + 2 : NULL;
        *end = '\0';
    } else if ((port = strchr(copy, ':')) != NULL) {
        *port++ = '\0';
    }
    if (port != NULL && (strspn(port, "0123456789") != strlen(port) || port[0] == '\0'))
        return false;
    return host[0] != '\0' && tb_copy_text(endpoint->host, sizeof endpoint->host, host) &&
           tb_copy_text(endpoint->port, sizeof endpoint->port, port != NULL ? port : "4318");
}

int collector_parse(const char *url, struct collector_endpoint *endpoint, struct err *err)
{
    static const char scheme[] = "http://";
    memset(endpoint, 0, sizeof *endpoint);
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return err_set(err, "otlp_endpoint is http://host[:port][/path], not '%s'", url);
    const char *authority = url + sizeof scheme - 1;
    size_t length = strcspn(authority, "/");
    size_t path_length = strlen(authority + length);
    while (path_length > 0 && authority[length + path_length - 1] == '/')
        path_length--;
    /* What could end a line or a word of the request has no place in it. */
    bool is_plain = strpbrk(authority, " \t\r\n?#@\"<>\\") == NULL;
    int written =
        snprintf(endpoint->path, sizeof endpoint->path, "%.*s/v1/traces", (int)path_length, authority + length);
    if (!is_plain || !take_authority(authority, length, endpoint) || written < 0 || written >= COLLECTOR_PATH_SIZE)
        return err_set(err, "otlp_endpoint is http://host[:port][/path], not '%s'", url);
    return 0;
}

/* ---- one request ---- */

static void disconnect(struct collector *collector)
{
    loop_io_free(&collector->io);
    if (collector->fd >= 0)
        (void)close(collector->fd);
    collector->fd = -1;
    collector->connected = false;
}

static void give_up(struct collector *collector)
{
    disconnect(collector);
    if (collector->found != NULL)
        freeaddrinfo(collector->found);
    collector->found = collector->next = NULL;
    loop_timer_clear(collector->deadline);
    text_clear(&collector->request);
    collector->busy = false;
}

static void finish(struct collector *collector, enum post_outcome outcome, const char *why)
{
    give_up(collector);
    struct reconciler_posted posted = {collector->number, outcome, why};
    actor_feed(collector->actor, &(struct reconciler_external){.posted = &posted});
}

static void on_io(void *arg, int fd, int events);

/* Effect: connects to collector->next or, when that is refused at once, to those behind it. */
static void connect_next(struct collector *collector)
{
    disconnect(collector);
    for (; collector->next != NULL; collector->next = collector->next->ai_next) {
        const struct addrinfo *address = collector->next;
        collector->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (collector->fd >= 0 &&
            (connect(collector->fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS)) {
            collector->io = loop_io_new(actor_loop(collector->actor), collector->fd, LOOP_WRITE, on_io, collector);
            return;
        }
        disconnect(collector);
    }
    finish(collector, POST_LATER, "it cannot be connected to");
}

/* Effect: sends what is left. Return: false when the connection is broken. */
static bool send_rest(struct collector *collector)
{
    const struct text *request = &collector->request;
    while (collector->sent < request->length) {
        ssize_t sent =
            send(collector->fd, request->bytes + collector->sent, request->length - collector->sent, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        collector->sent += (size_t)sent;
    }
    loop_io_change(collector->io, LOOP_READ);
    return true;
}

/* By OTLP's own list: these are worth another try, every other refusal is for good. */
static enum post_outcome outcome_of(const char *status)
{
    static const char *const later[] = {"429", "502", "503", "504"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(later); i++)
        if (strncmp(status, later[i], 3) == 0)
            return POST_LATER;
    return status[0] == '2' ? POST_TAKEN : POST_REFUSED;
}

static void read_answer(struct collector *collector)
{
    char *answer = collector->answer;
    ssize_t got =
        recv(collector->fd, answer + collector->answer_size, sizeof collector->answer - 1 - collector->answer_size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        finish(collector, POST_LATER, "it closed the connection without an answer");
        return;
    }
    collector->answer_size += (size_t)got;
    answer[collector->answer_size] = '\0';
    if (collector->answer_size < sizeof "HTTP/1.1 200" - 1)
        return;
    char why[64];
    snprintf(why, sizeof why, "its status is %.3s", answer + 9);
    if (strncmp(answer, "HTTP/1.", 7) != 0 || answer[8] != ' ' || strspn(answer + 9, "0123456789") != 3)
        finish(collector, POST_LATER, "its answer is no HTTP");
    else
        finish(collector, outcome_of(answer + 9), why);
}

static void on_io(void *arg, int fd, int events)
{
    struct collector *collector = arg;
    int code = 0;
    socklen_t size = sizeof code;
    if (!collector->connected) {
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 || code != 0) {
            collector->next = collector->next->ai_next;
            connect_next(collector);
            return;
        }
        collector->connected = true;
        loop_io_change(collector->io, LOOP_READ | LOOP_WRITE); /* it may refuse before it has read all */
    }
    if ((events & LOOP_READ) != 0) {
        read_answer(collector);
        return;
    }
    if (!send_rest(collector))
        finish(collector, POST_LATER, "the connection broke");
}

static void on_deadline(void *arg)
{
    finish(arg, POST_LATER, "it did not answer in time");
}

/* ---- the address ---- */

/* Effect: begins to look the name up. Return: false when that cannot be. */
static bool look_up(struct collector *collector)
{
    struct gaicb *list[] = {&collector->lookup};
    collector->hints =
        (struct addrinfo){.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    collector->lookup = (struct gaicb){
        .ar_name = collector->endpoint.host, .ar_service = collector->endpoint.port, .ar_request = &collector->hints};
    collector->looking = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) == 0;
    return collector->looking;
}

/* An address given as such needs no thread. */
static bool is_numeric(struct collector *collector)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    return getaddrinfo(collector->endpoint.host, collector->endpoint.port, &hints, &collector->found) == 0;
}

static void on_timer(void *arg)
{
    struct collector *collector = arg;
    if (!collector->looking && collector->busy && is_numeric(collector)) {
        collector->next = collector->found;
        connect_next(collector);
        return;
    }
    if (!collector->looking && collector->busy && !look_up(collector)) {
        finish(collector, POST_LATER, "its name cannot be looked up");
        return;
    }
    if (!collector->looking)
        return;
    int code = gai_error(&collector->lookup);
    if (code == EAI_INPROGRESS) {
        loop_timer_set(collector->timer, LOOKUP_POLL_US, 0);
        return;
    }
    collector->looking = false;
    if (code == 0 && collector->busy) {
        collector->found = collector->next = collector->lookup.ar_result;
        connect_next(collector);
    } else if (code == 0) {
        freeaddrinfo(collector->lookup.ar_result); /* the request was given up meanwhile */
    } else if (collector->busy) {
        finish(collector, POST_LATER, "its name is not known");
    }
}

/* ---- life ---- */

struct collector *collector_new(struct actor *actor, const struct collector_endpoint *endpoint)
{
    struct collector *collector = tb_alloc_zero(1, sizeof *collector);
    collector->actor = actor;
    collector->endpoint = *endpoint;
    collector->fd = -1;
    collector->timer = loop_timer_new(actor_loop(actor), on_timer, collector);
    collector->deadline = loop_timer_new(actor_loop(actor), on_deadline, collector);
    return collector;
}

/* Effect: ends a lookup. Return: whether its memory is ours again. */
static bool end_lookup(struct collector *collector)
{
    const struct gaicb *list[] = {&collector->lookup};
    struct timespec leave = {.tv_sec = LOOKUP_LEAVE_S};
    if (!collector->looking)
        return true;
    if (gai_cancel(&collector->lookup) == EAI_NOTCANCELED && gai_suspend(list, 1, &leave) == EAI_AGAIN)
        return false;
    if (gai_error(&collector->lookup) == 0)
        freeaddrinfo(collector->lookup.ar_result);
    return true;
}

void collector_free(struct collector **collector)
{
    if (*collector == NULL)
        return;
    give_up(*collector);
    loop_timer_free(&(*collector)->timer);
    loop_timer_free(&(*collector)->deadline);
    text_release(&(*collector)->request);
    if (end_lookup(*collector))
        free(*collector);
    *collector = NULL;
}

void collector_post(struct collector *collector, const struct reconciler_post *post)
{
    give_up(collector);
    collector->busy = true;
    collector->number = post->number;
    collector->sent = collector->answer_size = 0;
    text_append_format(&collector->request,
                       "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tulip-reconciler/" TB_VERSION
                       "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                       collector->endpoint.path, collector->endpoint.authority, post->length);
    text_append(&collector->request, post->body, post->length);
    loop_timer_set(collector->deadline, COLLECTOR_DEADLINE_MS * 1000LL, 0);
    loop_timer_set(collector->timer, 0, 0); /* not in here: the step that asked is still being carried out */
}
