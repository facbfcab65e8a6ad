/* zwatch: the bridge from ZeroMQ's edge-triggered descriptor to the loop, for all sockets of a bus at once.
 *
 * ZMQ_FD becomes readable once when "something" happened and is shared by sending and receiving: a send may swallow the
 * edge of a message that came meanwhile. So the descriptor only says that a socket is to be asked (ZMQ_EVENTS); it is
 * asked as well after each own use of it, right before every sleep (prepare, after all others) and again when messages
 * are taken (check). Asking costs two system calls, so a socket that nothing happened to is left alone. While a socket
 * has more to give than one turn takes, an idle watcher keeps the loop from sleeping. Knows nothing of ZeroMQ itself:
 * bus.c gives two functions. Threading: the loop's thread. */
#ifndef TB_ZWATCH_H
#define TB_ZWATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"

struct zwatch;
struct zwatch_socket;

/* Return: whether a message waits (reads ZMQ_EVENTS). */
typedef bool zwatch_pending(void *arg);
/* Effect: takes and handles one message. Return: false when there was none. May add and remove sockets, itself
 * included. */
typedef bool zwatch_take(void *arg);
/* The burst of this turn is over, and there was at least one message. */
typedef void zwatch_flush(void *arg);

/* burst_max: messages taken per turn over all sockets, one from each in turn. Gives a watch for zwatch_free. */
struct zwatch *zwatch_new(struct loop *loop, size_t burst_max, zwatch_flush *flush, void *arg);
/* Effect: ends it; its sockets must have been removed. */
void zwatch_free(struct zwatch **watch);

/* fd: ZMQ_FD, stays the caller's. Gives a socket for zwatch_remove. */
struct zwatch_socket *zwatch_add(struct zwatch *watch, int fd, zwatch_pending *pending, zwatch_take *take, void *arg);
void zwatch_remove(struct zwatch_socket **socket);

/* Effect: has the socket asked before the next sleep. To be called after any use of it but by the two functions given
 * (a send, a bind, a connect), for it may have swallowed the edge. */
void zwatch_touch(struct zwatch_socket *socket);

#endif
