/* links: the register of the links between actors: which role serves each (binds it), which roles may connect to it,
 * and at which port it lies behind its instance's first one. A role is an actor's name, or "operator" for an operator's
 * tools (tulip top, tulip tap), which may listen to feeds and heartbeats. The topology makes endpoints of it, the bus
 * who is let in (docs/BUS.md); tests/lint holds every link of an actor to it. Constant.
 *
 *   const struct links_row *row = links_find("orders-feed");
 *   if (row != NULL && links_may_connect(row, "gateway")) … */
#ifndef TB_LINKS_H
#define TB_LINKS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    LINKS_PORTS = 10, /* consecutive TCP ports that one instance takes */
    LINKS_SERVERS_MAX = 2,
    LINKS_CLIENTS_MAX = 4,
};

struct links_row {
    const char *name; /* "orders-command"; heartbeats: "telemetry-<actor>" for telemetry-<actor>-<instance> */
    const char *servers[LINKS_SERVERS_MAX]; /* roles that bind it, NULL = none */
    const char *clients[LINKS_CLIENTS_MAX]; /* roles that connect to it, NULL = none */
    int port_offset;                        /* 0 … LINKS_PORTS - 1 */
};

/* The roles, "operator" last; ends with NULL. */
extern const char *const links_roles[];

/* Return: whether this is the name of a role. */
bool links_is_role(const char *role);
/* Return: the row of a link by its name, telemetry-sequencer-1 being one too; NULL = unknown. */
const struct links_row *links_find(const char *link);
/* Return: whether this role may bind, or connect to, the link. */
bool links_may_serve(const struct links_row *row, const char *role);
bool links_may_connect(const struct links_row *row, const char *role);
/* Return: the role in front of "sequencer/1" or "sequencer-1" (the separator given), NULL when it is none of ours or
 * nothing follows. */
const char *links_role_of(const char *name, char separator);

#endif
