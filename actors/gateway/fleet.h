/* fleet: who is out there, from the actors' heartbeats: one member per actor and instance with its last heartbeat. A
 * member that was not heard of for FLEET_STALE_US counts as DOWN, after FLEET_FORGET_US it is forgotten. Pure; times
 * are wall clock, microseconds.
 *
 *   fleet_hear(&fleet, heartbeat, now_us);
 *   const struct fleet_member *leader = fleet_ready(&fleet, "balance", now_us);   // NULL: nobody settles right now
 *
 * Bounded: FLEET_MEMBERS_MAX; a further one is not taken in until others are forgotten. */
#ifndef TB_GATEWAY_FLEET_H
#define TB_GATEWAY_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json_out.h"
#include "telemetry.pb-c.h"

enum { FLEET_MEMBERS_MAX = 64, FLEET_NEEDED = 5 };
#define FLEET_STALE_US  1500000
#define FLEET_FORGET_US 10000000

struct fleet_member {
    Tb__Heartbeat *heartbeat; /* a copy */
    int64_t seen_us;
};

struct fleet {
    struct fleet_member members[FLEET_MEMBERS_MAX]; /* sorted by actor and instance */
    size_t count;
};

/* The actors without which orders are not taken and settled. */
extern const char *const fleet_needed[FLEET_NEEDED];

void fleet_release(struct fleet *fleet);
/* Effect: remembers a heartbeat (copied), forgets who is long silent. */
void fleet_hear(struct fleet *fleet, const Tb__Heartbeat *heartbeat, int64_t now_us);
/* Effect: forgets who is long silent. */
void fleet_forget(struct fleet *fleet, int64_t now_us);
/* Return: the state to show: the heartbeat's, or "DOWN" when it is stale. */
const char *fleet_state(const struct fleet_member *member, int64_t now_us);
/* Return: a member of that actor that is READY and was just heard of, NULL when there is none. */
const struct fleet_member *fleet_ready(const struct fleet *fleet, const char *actor, int64_t now_us);
/* Effect: writes the availability zones (borrowed from the members) in which actors were heard of lately and none is
 * now, while another zone has some. Return: how many, at most `room`. */
size_t fleet_lost_zones(const struct fleet *fleet, int64_t now_us, const char **zones, size_t room);
/* Return: the sum of a counter or gauge over all members that are not stale; part of its labels must be in them (NULL =
 * any). */
double fleet_sum(const struct fleet *fleet, const char *metric, const char *labels, int64_t now_us);
/* Effect: writes "actors":[{name,instance,region,az,state,pid,restarts,lag}]. */
void fleet_write(const struct fleet *fleet, struct json_out *out, int64_t now_us);

#endif
