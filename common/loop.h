/* loop: the event loop (libev behind it; only loop.c and zwatch.c include ev.h). Timers, file descriptors, signals.
 * Threading: everything happens on the thread that runs loop_run. */
#ifndef TB_LOOP_H
#define TB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;
struct loop_prepare;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

typedef void loop_io_handler(void *arg, int fd, int events);
typedef void loop_timer_handler(void *arg);

struct loop *loop_new(void);
void loop_free(struct loop **loop);
/* Effect: handles events until loop_stop (at once when that came before) or until nothing is watched any more. */
void loop_run(struct loop *loop);
/* Effect: lets loop_run return at the end of this turn. */
void loop_stop(struct loop *loop);

/* Effect: watches fd. Gives a watcher for loop_io_free. The fd stays the caller's. */
struct loop_io *loop_io_new(struct loop *loop, int fd, int events, loop_io_handler *handler, void *arg);
void loop_io_change(struct loop_io *io, int events);
void loop_io_free(struct loop_io **io);

/* One-shot unless repeat_ms > 0. Unarmed until set. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_handler *handler, void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t after_us, int64_t repeat_us);
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_free(struct loop_timer **timer);

/* Called at the end of each turn, before the loop sleeps, in the order in which they were made (the actor's FLUSH comes
 * before an attached part's own): the place to send what a turn has gathered. A handler may free its own, no other. */
struct loop_prepare *loop_prepare_new(struct loop *loop, loop_timer_handler *handler, void *arg);
void loop_prepare_free(struct loop_prepare **prepare);

/* Return: libev's loop, for zwatch.c. */
struct ev_loop;
struct ev_loop *loop_ev(struct loop *loop);

/* SIGTERM and SIGINT call the handler instead of ending the process. SIGPIPE is ignored. */
void loop_on_stop_signal(struct loop *loop, loop_timer_handler *handler, void *arg);

#endif
