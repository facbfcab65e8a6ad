#include "loop.h"

#include <ev.h>
#include <signal.h>
#include <stdlib.h>

#include "base.h"

struct loop {
    struct ev_loop *ev;
    ev_prepare prepare;            /* one for all: libev would call several in no promised order */
    struct loop_prepare *prepares; /* in the order in which they were made */
    bool stopped;                  /* loop_stop came while the loop was not running */
    ev_signal term;
    ev_signal interrupt;
    loop_timer_handler *on_stop;
    void *on_stop_arg;
};

struct loop_io {
    ev_io watcher;
    struct loop *loop;
    loop_io_handler *handler;
    void *arg;
};

struct loop_timer {
    ev_timer watcher;
    struct loop *loop;
    loop_timer_handler *handler;
    void *arg;
};

struct loop_prepare {
    struct loop *loop;
    struct loop_prepare *next;
    loop_timer_handler *handler;
    void *arg;
};

static void on_prepare(struct ev_loop *ev, ev_prepare *watcher, int revents)
{
    (void)ev;
    (void)revents;
    struct loop *loop = watcher->data;
    for (struct loop_prepare *prepare = loop->prepares, *next; prepare != NULL; prepare = next) {
        next = prepare->next;
        prepare->handler(prepare->arg);
    }
}

struct loop *loop_new(void)
{
    struct loop *loop = tb_alloc_zero(1, sizeof *loop);
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    tb_assert(loop->ev != NULL);
    ev_prepare_init(&loop->prepare, on_prepare);
    loop->prepare.data = loop;
    ev_prepare_start(loop->ev, &loop->prepare);
    ev_unref(loop->ev);       /* it alone keeps no loop running */
    signal(SIGPIPE, SIG_IGN); /* NOLINT: once, before any thread */
    return loop;
}

void loop_free(struct loop **loop)
{
    if (*loop == NULL)
        return;
    if ((*loop)->on_stop != NULL) {
        ev_signal_stop((*loop)->ev, &(*loop)->term);
        ev_signal_stop((*loop)->ev, &(*loop)->interrupt);
    }
    ev_ref((*loop)->ev);
    ev_prepare_stop((*loop)->ev, &(*loop)->prepare);
    ev_loop_destroy((*loop)->ev);
    free(*loop);
    *loop = NULL;
}

struct ev_loop *loop_ev(struct loop *loop)
{
    return loop->ev;
}

void loop_run(struct loop *loop)
{
    if (!loop->stopped)
        ev_run(loop->ev, 0);
    loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    ev_break(loop->ev, EVBREAK_ALL);
}

static void on_io(struct ev_loop *ev, ev_io *watcher, int revents)
{
    (void)ev;
    struct loop_io *io = watcher->data;
    int events = ((revents & EV_READ) ? LOOP_READ : 0) | ((revents & EV_WRITE) ? LOOP_WRITE : 0);
    io->handler(io->arg, watcher->fd, events);
}

static int ev_events(int events)
{
    return ((events & LOOP_READ) ? EV_READ : 0) | ((events & LOOP_WRITE) ? EV_WRITE : 0);
}

struct loop_io *loop_io_new(struct loop *loop, int fd, int events, loop_io_handler *handler, void *arg)
{
    struct loop_io *io = tb_alloc_zero(1, sizeof *io);
    io->loop = loop;
    io->handler = handler;
    io->arg = arg;
    ev_io_init(&io->watcher, on_io, fd, ev_events(events));
    io->watcher.data = io;
    ev_io_start(loop->ev, &io->watcher);
    return io;
}

void loop_io_change(struct loop_io *io, int events)
{
    int wanted = ev_events(events);
    if ((io->watcher.events & (EV_READ | EV_WRITE)) == wanted)
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    ev_io_set(&io->watcher, io->watcher.fd, wanted);
    if (wanted != 0)
        ev_io_start(io->loop->ev, &io->watcher);
}

void loop_io_free(struct loop_io **io)
{
    if (*io == NULL)
        return;
    ev_io_stop((*io)->loop->ev, &(*io)->watcher);
    free(*io);
    *io = NULL;
}

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int revents)
{
    (void)ev;
    (void)revents;
    struct loop_timer *timer = watcher->data;
    timer->handler(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_handler *handler, void *arg)
{
    struct loop_timer *timer = tb_alloc_zero(1, sizeof *timer);
    timer->loop = loop;
    timer->handler = handler;
    timer->arg = arg;
    ev_timer_init(&timer->watcher, on_timer, 0., 0.);
    timer->watcher.data = timer;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t after_us, int64_t repeat_us)
{
    ev_timer_stop(timer->loop->ev, &timer->watcher);
    if (after_us < 0)
        after_us = 0;
    ev_now_update(timer->loop->ev); /* a turn may have lasted; "after" counts from now, not from its start */
    ev_timer_set(&timer->watcher, (double)after_us * 1e-6, (double)repeat_us * 1e-6);
    ev_timer_start(timer->loop->ev, &timer->watcher);
}

void loop_timer_clear(struct loop_timer *timer)
{
    ev_timer_stop(timer->loop->ev, &timer->watcher);
}

void loop_timer_free(struct loop_timer **timer)
{
    if (*timer == NULL)
        return;
    ev_timer_stop((*timer)->loop->ev, &(*timer)->watcher);
    free(*timer);
    *timer = NULL;
}

struct loop_prepare *loop_prepare_new(struct loop *loop, loop_timer_handler *handler, void *arg)
{
    struct loop_prepare *prepare = tb_alloc_zero(1, sizeof *prepare);
    prepare->loop = loop;
    prepare->handler = handler;
    prepare->arg = arg;
    struct loop_prepare **at = &loop->prepares;
    while (*at != NULL)
        at = &(*at)->next;
    *at = prepare;
    return prepare;
}

void loop_prepare_free(struct loop_prepare **prepare)
{
    if (*prepare == NULL)
        return;
    struct loop_prepare **at = &(*prepare)->loop->prepares;
    while (*at != *prepare)
        at = &(*at)->next;
    *at = (*prepare)->next;
    free(*prepare);
    *prepare = NULL;
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int revents)
{
    (void)ev;
    (void)revents;
    struct loop *loop = watcher->data;
    loop->on_stop(loop->on_stop_arg);
}

void loop_on_stop_signal(struct loop *loop, loop_timer_handler *handler, void *arg)
{
    tb_assert(loop->on_stop == NULL);
    loop->on_stop = handler;
    loop->on_stop_arg = arg;
    ev_signal_init(&loop->term, on_signal, SIGTERM);
    ev_signal_init(&loop->interrupt, on_signal, SIGINT);
    loop->term.data = loop->interrupt.data = loop;
    ev_signal_start(loop->ev, &loop->term);
    ev_signal_start(loop->ev, &loop->interrupt);
}
