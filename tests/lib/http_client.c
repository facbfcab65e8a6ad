#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"

enum { HTTP_READ_BYTES = 64 * 1024, HTTP_EVENTS_MAX = 256 };

static struct sockaddr_in http_address(const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    tb_assert(inet_pton(AF_INET, host, &address.sin_addr) == 1);
    return address;
}

/* Return: a non-blocking socket that is connecting, or -1 with errno. */
static int http_connect(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EINPROGRESS)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* ---- one connection, waiting ---- */

struct http_client {
    struct sockaddr_in address;
    int timeout_ms;
    int fd; /* -1 = none */
    struct http_reader reader;
};

struct http_client *http_client_new(const char *host, int port, int timeout_ms)
{
    struct http_client *client = tb_alloc_zero(1, sizeof *client);
    client->address = http_address(host, port);
    client->timeout_ms = timeout_ms;
    client->fd = -1;
    return client;
}

static void http_client_hang_up(struct http_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

void http_client_free(struct http_client **client)
{
    if (!*client)
        return;
    http_client_hang_up(*client);
    http_reader_release(&(*client)->reader);
    free(*client);
    *client = NULL;
}

/* Return: 0 once the socket is ready for events, or -1 with err when the deadline passed. */
static int http_client_wait(const struct http_client *client, short events, int64_t deadline_us, struct err *err)
{
    for (;;) {
        int64_t left_ms = (deadline_us - clock_monotonic_us() + 999) / 1000;
        struct pollfd watched = {.fd = client->fd, .events = events};
        int ready = left_ms > 0 ? poll(&watched, 1, (int)left_ms) : 0;
        if (ready > 0)
            return 0;
        if (ready == 0)
            return err_set(err, "no answer within %d ms", client->timeout_ms);
        if (errno != EINTR)
            return err_set(err, "poll: %s", strerror(errno));
    }
}

static int http_client_write(struct http_client *client, const char *bytes, size_t size, int64_t deadline_us,
                             struct err *err)
{
    while (size > 0) {
        ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            size -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EINTR) {
            if (http_client_wait(client, POLLOUT, deadline_us, err) < 0)
                return -1;
        } else {
            return err_set(err, "send: %s", strerror(errno));
        }
    }
    return 0;
}

static int http_client_read(struct http_client *client, int64_t deadline_us, struct err *err)
{
    char bytes[HTTP_READ_BYTES];
    for (;;) {
        ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (http_client_wait(client, POLLIN, deadline_us, err) < 0)
                return -1;
            continue;
        }
        if (got < 0)
            return err_set(err, "receive: %s", strerror(errno));
        switch (http_reader_feed(&client->reader, bytes, (size_t)got, got == 0)) {
        case HTTP_DONE:
            return 0;
        case HTTP_BROKEN:
            return err_set(err, got == 0 ? "the server closed before a whole answer" : "the answer is not HTTP/1.1");
        case HTTP_MORE:
            break;
        }
    }
}

/* Effect: a connection that can be written to: the open one unless the peer has closed it, else a new one. */
static int http_client_reach(struct http_client *client, int64_t deadline_us, struct err *err)
{
    char byte;
    if (client->fd >= 0 && (recv(client->fd, &byte, 1, MSG_PEEK) >= 0 || errno != EAGAIN))
        http_client_hang_up(client);
    if (client->fd >= 0)
        return 0;
    client->fd = http_connect(&client->address);
    if (client->fd < 0)
        return err_set(err, "connect: %s", strerror(errno));
    if (http_client_wait(client, POLLOUT, deadline_us, err) < 0)
        return -1;
    int failure = 0;
    socklen_t size = sizeof failure;
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0 || failure != 0)
        return err_set(err, "connect: %s", strerror(failure));
    return 0;
}

int http_client_call(struct http_client *client, const char *method, const char *path, const char *headers,
                     const char *body, size_t body_size, struct http_response *response, struct err *err)
{
    int64_t deadline_us = clock_monotonic_us() + (int64_t)client->timeout_ms * 1000;
    char length[48] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", body_size);
    char *head = NULL;
    int head_size =
        asprintf(&head, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", method, path, length, headers ? headers : "");
    tb_assert(head_size > 0);
    http_reader_start(&client->reader, strcmp(method, "HEAD") == 0);
    int result = http_client_reach(client, deadline_us, err);
    if (result == 0)
        result = http_client_write(client, head, (size_t)head_size, deadline_us, err);
    if (result == 0 && body)
        result = http_client_write(client, body, body_size, deadline_us, err);
    if (result == 0)
        result = http_client_read(client, deadline_us, err);
    free(head);
    if (result == 0)
        *response = client->reader.response;
    if (result < 0 || !response->keep_alive)
        http_client_hang_up(client);
    return result;
}

/* ---- many connections ---- */

struct http_slot {
    int fd; /* -1 = none */
    bool waiting;
    bool broken; /* to be told at the next wait */
    bool watches_write;
    char *request;
    size_t request_size, request_capacity, sent;
    struct http_reader reader;
};

struct http_swarm {
    struct sockaddr_in address;
    http_swarm_handler *handler;
    void *arg;
    int epoll_fd;
    size_t broken_count;
    size_t slot_count;
    struct http_slot *slots;
};

struct http_swarm *http_swarm_new(const char *host, int port, size_t slots, http_swarm_handler *handler, void *arg,
                                  struct err *err)
{
    struct http_swarm *swarm = tb_alloc_zero(1, sizeof *swarm);
    swarm->address = http_address(host, port);
    swarm->handler = handler;
    swarm->arg = arg;
    swarm->slot_count = slots;
    swarm->slots = tb_alloc_zero(slots, sizeof *swarm->slots);
    for (size_t i = 0; i < slots; i++)
        swarm->slots[i].fd = -1;
    swarm->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (swarm->epoll_fd < 0) {
        err_set(err, "epoll: %s", strerror(errno));
        http_swarm_free(&swarm);
    }
    return swarm;
}

static void http_slot_hang_up(struct http_slot *slot)
{
    if (slot->fd >= 0)
        close(slot->fd); /* epoll forgets it */
    slot->fd = -1;
    slot->watches_write = false;
}

void http_swarm_free(struct http_swarm **swarm)
{
    if (!*swarm)
        return;
    for (size_t i = 0; i < (*swarm)->slot_count; i++) {
        http_slot_hang_up(&(*swarm)->slots[i]);
        free((*swarm)->slots[i].request);
        http_reader_release(&(*swarm)->slots[i].reader);
    }
    if ((*swarm)->epoll_fd >= 0)
        close((*swarm)->epoll_fd);
    free((*swarm)->slots);
    free(*swarm);
    *swarm = NULL;
}

static void http_swarm_break(struct http_swarm *swarm, struct http_slot *slot)
{
    http_slot_hang_up(slot);
    if (!slot->broken)
        swarm->broken_count++;
    slot->broken = true;
}

/* Effect: watches for writability only while there is something to write. */
static void http_swarm_watch(struct http_swarm *swarm, size_t index, int operation, bool write)
{
    struct http_slot *slot = &swarm->slots[index];
    struct epoll_event event = {.events = EPOLLIN | (write ? (uint32_t)EPOLLOUT : 0), .data.u64 = index};
    tb_assert(epoll_ctl(swarm->epoll_fd, operation, slot->fd, &event) == 0);
    slot->watches_write = write;
}

static void http_swarm_push(struct http_swarm *swarm, size_t index)
{
    struct http_slot *slot = &swarm->slots[index];
    while (slot->sent < slot->request_size) {
        ssize_t sent = send(slot->fd, slot->request + slot->sent, slot->request_size - slot->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) {
            http_swarm_break(swarm, slot);
            return;
        }
        if (sent < 0)
            break;
        slot->sent += (size_t)sent;
    }
    bool write = slot->sent < slot->request_size;
    if (write != slot->watches_write)
        http_swarm_watch(swarm, index, EPOLL_CTL_MOD, write);
}

void http_swarm_send(struct http_swarm *swarm, size_t index, const char *request, size_t size)
{
    tb_assert(index < swarm->slot_count);
    struct http_slot *slot = &swarm->slots[index];
    tb_assert(!slot->waiting);
    if (slot->request_capacity < size) {
        slot->request = tb_realloc(slot->request, size, 1);
        slot->request_capacity = size;
    }
    memcpy(slot->request, request, size);
    slot->request_size = size;
    slot->sent = 0;
    slot->waiting = true;
    http_reader_start(&slot->reader, false);
    if (slot->fd >= 0) {
        http_swarm_push(swarm, index);
        return;
    }
    slot->fd = http_connect(&swarm->address);
    if (slot->fd < 0)
        http_swarm_break(swarm, slot);
    else
        http_swarm_watch(swarm, index, EPOLL_CTL_ADD, true);
}

void http_swarm_abandon(struct http_swarm *swarm, size_t slot)
{
    tb_assert(slot < swarm->slot_count);
    if (swarm->slots[slot].waiting)
        http_swarm_break(swarm, &swarm->slots[slot]);
}

static void http_swarm_pull(struct http_swarm *swarm, size_t index)
{
    static char bytes[HTTP_READ_BYTES];
    struct http_slot *slot = &swarm->slots[index];
    ssize_t got = recv(slot->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (!slot->waiting) { /* closed, or spoke unasked, while idle */
        http_slot_hang_up(slot);
        return;
    }
    enum http_progress progress = got < 0 ? HTTP_BROKEN : http_reader_feed(&slot->reader, bytes, (size_t)got, got == 0);
    if (progress == HTTP_MORE)
        return;
    if (progress == HTTP_BROKEN) {
        http_swarm_break(swarm, slot);
        return;
    }
    struct http_response response = slot->reader.response;
    if (!response.keep_alive ||
        slot->sent < slot->request_size) /* an answer before the request was out: refused half-way */
        http_slot_hang_up(slot);
    slot->waiting = false;
    swarm->handler(swarm->arg, index, &response);
}

static void http_swarm_tell_broken(struct http_swarm *swarm)
{
    for (size_t i = 0; i < swarm->slot_count && swarm->broken_count > 0; i++) {
        if (!swarm->slots[i].broken)
            continue;
        swarm->slots[i].broken = false;
        swarm->slots[i].waiting = false;
        swarm->broken_count--;
        swarm->handler(swarm->arg, i, NULL);
    }
}

void http_swarm_wait(struct http_swarm *swarm, int64_t timeout_us)
{
    struct epoll_event events[HTTP_EVENTS_MAX];
    if (timeout_us < 0 || swarm->broken_count > 0)
        timeout_us = 0;
    struct timespec timeout = {(time_t)(timeout_us / 1000000), (long)(timeout_us % 1000000) * 1000};
    int count = epoll_pwait2(swarm->epoll_fd, events, HTTP_EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        size_t index = (size_t)events[i].data.u64;
        struct http_slot *slot = &swarm->slots[index];
        if ((events[i].events & EPOLLOUT) && slot->fd >= 0)
            http_swarm_push(swarm, index);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && slot->fd >= 0)
            http_swarm_pull(swarm, index);
    }
    http_swarm_tell_broken(swarm);
}
