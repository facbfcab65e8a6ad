#include "zwatch.h"

#include <ev.h>
#include <stdlib.h>

#include "base.h"

struct zwatch_socket {
    ev_io io; /* level-triggered: readable until the socket is asked */
    struct zwatch *watch;
    zwatch_pending *pending;
    zwatch_take *take;
    void *arg;
    bool touched; /* to be asked: its descriptor was readable, or it was used since it was asked */
    bool waiting; /* had a message when last asked, and taking has not come to the end */
    bool removed; /* freed at the end of the burst */
};

struct zwatch {
    struct ev_loop *ev;
    ev_prepare prepare;
    ev_check check;
    ev_idle idle; /* does nothing; while it runs the loop does not sleep */
    size_t burst_max;
    zwatch_flush *flush;
    void *flush_arg;
    struct zwatch_socket **sockets;
    size_t count;
    size_t capacity;
    size_t first;  /* who begins the next burst */
    bool bursting; /* sockets may not be freed right now */
};

static void on_io(struct ev_loop *ev, ev_io *watcher, int revents)
{
    (void)ev;
    (void)revents;
    ((struct zwatch_socket *)watcher->data)->touched = true;
}

static void on_idle(struct ev_loop *ev, ev_idle *watcher, int revents)
{
    (void)ev;
    (void)watcher;
    (void)revents;
}

/* Asks every socket that something happened to, whatever its descriptor says now: the edge may be gone. Return: whether
 * any has a message. */
static bool ask_touched(struct zwatch *watch)
{
    bool any = false;
    for (size_t i = 0; i < watch->count; i++) {
        struct zwatch_socket *socket = watch->sockets[i];
        if (socket->removed) {
            socket->waiting = false;
        } else if (socket->touched && !socket->waiting) {
            socket->touched = false;
            socket->waiting = socket->pending(socket->arg);
        }
        any = any || socket->waiting;
    }
    return any;
}

static void on_prepare(struct ev_loop *ev, ev_prepare *watcher, int revents)
{
    (void)revents;
    struct zwatch *watch = watcher->data;
    if (ask_touched(watch))
        ev_idle_start(ev, &watch->idle);
}

static void drop_removed(struct zwatch *watch)
{
    size_t kept = 0;
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->sockets[i]->removed)
            free(watch->sockets[i]);
        else
            watch->sockets[kept++] = watch->sockets[i];
    }
    watch->count = kept;
}

static size_t count_waiting(struct zwatch *watch)
{
    size_t waiting = 0;
    for (size_t i = 0; i < watch->count; i++)
        waiting += watch->sockets[i]->waiting ? 1 : 0;
    return waiting;
}

/* One message from each socket in turn until none has any or the burst is full. A socket added meanwhile has its turn
 * next time. */
static size_t run_burst(struct zwatch *watch)
{
    size_t taken = 0;
    size_t live = count_waiting(watch);
    size_t count = watch->count;
    size_t at = watch->first;
    while (live > 0 && taken < watch->burst_max) {
        struct zwatch_socket *socket = watch->sockets[at++ % count];
        if (!socket->waiting)
            continue;
        socket->touched = true;
        bool got = !socket->removed && socket->take(socket->arg);
        taken += got ? 1 : 0;
        if (!got) {
            socket->waiting = false;
            live--;
        }
    }
    watch->first = at % count;
    return taken;
}

static void on_check(struct ev_loop *ev, ev_check *watcher, int revents)
{
    (void)revents;
    struct zwatch *watch = watcher->data;
    ev_idle_stop(ev, &watch->idle);
    if (watch->bursting || !ask_touched(watch))
        return;
    watch->bursting = true;
    size_t taken = run_burst(watch);
    if (taken > 0 && watch->flush != NULL)
        watch->flush(watch->flush_arg);
    watch->bursting = false;
    drop_removed(watch);
    if (count_waiting(watch) > 0) /* the burst was cut short */
        ev_idle_start(ev, &watch->idle);
}

struct zwatch *zwatch_new(struct loop *loop, size_t burst_max, zwatch_flush *flush, void *arg)
{
    tb_assert(burst_max > 0);
    struct zwatch *watch = tb_alloc_zero(1, sizeof *watch);
    watch->ev = loop_ev(loop);
    watch->burst_max = burst_max;
    watch->flush = flush;
    watch->flush_arg = arg;
    ev_prepare_init(&watch->prepare, on_prepare);
    ev_check_init(&watch->check, on_check);
    ev_idle_init(&watch->idle, on_idle);
    watch->prepare.data = watch->check.data = watch->idle.data = watch;
    ev_set_priority(&watch->prepare, EV_MINPRI); /* after every other prepare: those may send */
    ev_prepare_start(watch->ev, &watch->prepare);
    ev_unref(watch->ev); /* it alone keeps no loop running; its sockets do */
    ev_check_start(watch->ev, &watch->check);
    ev_unref(watch->ev);
    return watch;
}

void zwatch_free(struct zwatch **watch)
{
    if (*watch == NULL)
        return;
    struct zwatch *w = *watch;
    tb_assert(w->count == 0 && !w->bursting);
    ev_idle_stop(w->ev, &w->idle);
    ev_ref(w->ev);
    ev_prepare_stop(w->ev, &w->prepare);
    ev_ref(w->ev);
    ev_check_stop(w->ev, &w->check);
    free(w->sockets);
    free(w);
    *watch = NULL;
}

struct zwatch_socket *zwatch_add(struct zwatch *watch, int fd, zwatch_pending *pending, zwatch_take *take, void *arg)
{
    struct zwatch_socket *socket = tb_alloc_zero(1, sizeof *socket);
    socket->watch = watch;
    socket->pending = pending;
    socket->take = take;
    socket->arg = arg;
    socket->touched = true; /* what came before this is not told any more */
    ev_io_init(&socket->io, on_io, fd, EV_READ);
    socket->io.data = socket;
    ev_io_start(watch->ev, &socket->io);
    if (watch->count == watch->capacity) {
        watch->capacity = watch->capacity == 0 ? 8 : watch->capacity * 2;
        watch->sockets = tb_realloc(watch->sockets, watch->capacity, sizeof(struct zwatch_socket *));
    }
    watch->sockets[watch->count++] = socket;
    return socket;
}

void zwatch_touch(struct zwatch_socket *socket)
{
    socket->touched = true;
}

void zwatch_remove(struct zwatch_socket **socket)
{
    if (*socket == NULL)
        return;
    struct zwatch *watch = (*socket)->watch;
    ev_io_stop(watch->ev, &(*socket)->io);
    (*socket)->removed = true;
    *socket = NULL;
    if (!watch->bursting)
        drop_removed(watch);
}
