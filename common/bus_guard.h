/* bus_guard: CURVE on the bus's TCP sockets: whose key, and who is let in. Every connection to a server's socket is
 * asked about here (ZAP): its key must be some role's, and that role must be a client of the link by the register
 * (links.h). Anyone else is refused, counted and logged with address and reason, at most once a second, link and role.
 * The role that was let in is each message's "User-Id". For bus.c alone. Threading: the loop's thread; all guards of a
 * process share one loop. */
#ifndef TB_BUS_GUARD_H
#define TB_BUS_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "loop.h"

struct bus_guard;
struct bus_guarded;

/* keys_dir: as in keys.h. role: ours. Gives a guard for bus_guard_free, or NULL with err: a key is missing, open to
 * others, or not the one that belongs to ours. After the first socket's context is there. */
struct bus_guard *bus_guard_new(struct loop *loop, const char *keys_dir, const char *role, struct err *err);
/* Effect: ends it; its sockets are closed, or are closed next. */
void bus_guard_free(struct bus_guard **guard);

/* Effect: makes raw (a ZeroMQ socket, before bind) a server that asks for a key. refused: counts who was not let in,
 * borrowed until bus_guard_forget, which ends what is given here. */
struct bus_guarded *bus_guard_serve(struct bus_guard *guard, void *raw, const char *link, uint64_t *refused);
void bus_guard_forget(struct bus_guarded **guarded);
/* Effect: lets raw's next connect expect a server of this role. Return: 0, or -1 with err: no key of it is there. */
int bus_guard_connect(struct bus_guard *guard, void *raw, const char *server_role, struct err *err);
/* Return: a number that grows when key files have changed (it looks). */
uint64_t bus_guard_generation(struct bus_guard *guard);

/* Effect: makes a new pair of keys, as text of KEYS_TEXT bytes. Return: 0, or -1 when the library has no CURVE. */
int bus_guard_make_pair(char *public_key, char *secret_key);
/* Effect: the public key that belongs to a secret one. Return: 0, or -1 when that is none. */
int bus_guard_public_of(const char *secret_key, char *public_key);

#endif
