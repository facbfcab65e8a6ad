#include "fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

const char *const fleet_needed[FLEET_NEEDED] = {"sequencer", "simfill", "balance", "persona", "reconciler"};

/* Gives a deep copy for tb__heartbeat__free_unpacked; NULL when it does not survive packing (never, for what came off
 * the bus). */
static Tb__Heartbeat *copy_of(const Tb__Heartbeat *heartbeat)
{
    size_t size = tb__heartbeat__get_packed_size(heartbeat);
    uint8_t *bytes = tb_alloc_zero(size + 1, 1);
    tb__heartbeat__pack(heartbeat, bytes);
    Tb__Heartbeat *copy = tb__heartbeat__unpack(NULL, size, bytes);
    free(bytes);
    return copy;
}

static void remove_member(struct fleet *fleet, size_t index)
{
    tb__heartbeat__free_unpacked(fleet->members[index].heartbeat, NULL);
    fleet->count--;
    memmove(&fleet->members[index], &fleet->members[index + 1], (fleet->count - index) * sizeof(fleet->members[0]));
}

void fleet_release(struct fleet *fleet)
{
    while (fleet->count > 0) {
        remove_member(fleet, fleet->count - 1);
    }
}

void fleet_forget(struct fleet *fleet, int64_t now_us)
{
    for (size_t i = fleet->count; i-- > 0;) {
        if (now_us - fleet->members[i].seen_us > FLEET_FORGET_US) {
            remove_member(fleet, i);
        }
    }
}

static int compare(const Tb__Heartbeat *a, const Tb__Heartbeat *b)
{
    int order = strcmp(a->actor, b->actor);
    return order != 0 ? order : strcmp(a->instance, b->instance);
}

void fleet_hear(struct fleet *fleet, const Tb__Heartbeat *heartbeat, int64_t now_us)
{
    fleet_forget(fleet, now_us);
    size_t at = 0;
    while (at < fleet->count && compare(fleet->members[at].heartbeat, heartbeat) < 0) {
        at++;
    }
    bool known = at < fleet->count && compare(fleet->members[at].heartbeat, heartbeat) == 0;
    if (!known && fleet->count == FLEET_MEMBERS_MAX) {
        return;
    }
    Tb__Heartbeat *copy = copy_of(heartbeat);
    if (copy == NULL) {
        return;
    }
    if (known) {
        tb__heartbeat__free_unpacked(fleet->members[at].heartbeat, NULL);
    } else {
        memmove(&fleet->members[at + 1], &fleet->members[at], (fleet->count - at) * sizeof(fleet->members[0]));
        fleet->count++;
    }
    fleet->members[at] = (struct fleet_member){copy, now_us};
}

static bool is_stale(const struct fleet_member *member, int64_t now_us)
{
    return now_us - member->seen_us >= FLEET_STALE_US;
}

const char *fleet_state(const struct fleet_member *member, int64_t now_us)
{
    return is_stale(member, now_us) ? "DOWN" : member->heartbeat->state;
}

const struct fleet_member *fleet_ready(const struct fleet *fleet, const char *actor, int64_t now_us)
{
    for (size_t i = 0; i < fleet->count; i++) {
        const struct fleet_member *member = &fleet->members[i];
        if (strcmp(member->heartbeat->actor, actor) == 0 && strcmp(fleet_state(member, now_us), "READY") == 0) {
            return member;
        }
    }
    return NULL;
}

static bool is_alive(const struct fleet_member *member, int64_t now_us)
{
    return !is_stale(member, now_us) && strcmp(member->heartbeat->state, "STOP") != 0;
}

size_t fleet_lost_zones(const struct fleet *fleet, int64_t now_us, const char **zones, size_t room)
{
    size_t count = 0;
    bool some_alive = false;
    for (size_t i = 0; i < fleet->count; i++) {
        const char *zone = fleet->members[i].heartbeat->az;
        bool alive = false, known = false;
        for (size_t other = 0; other < fleet->count; other++) {
            bool same = strcmp(fleet->members[other].heartbeat->az, zone) == 0;
            alive = alive || (same && is_alive(&fleet->members[other], now_us));
            known = known || (same && other < i);
        }
        some_alive = some_alive || alive;
        if (!alive && !known && zone[0] != '\0' && count < room)
            zones[count++] = zone;
    }
    return some_alive ? count : 0;
}

double fleet_sum(const struct fleet *fleet, const char *metric, const char *labels, int64_t now_us)
{
    double sum = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        const Tb__Heartbeat *heartbeat = fleet->members[i].heartbeat;
        for (size_t m = 0; !is_stale(&fleet->members[i], now_us) && m < heartbeat->n_metrics; m++) {
            const Tb__Metric *found = heartbeat->metrics[m];
            if (strcmp(found->name, metric) == 0 && (labels == NULL || strstr(found->labels, labels) != NULL)) {
                sum += found->value;
            }
        }
    }
    return sum;
}

void fleet_write(const struct fleet *fleet, struct json_out *out, int64_t now_us)
{
    json_out_begin_array(out, "actors");
    for (size_t i = 0; i < fleet->count; i++) {
        const Tb__Heartbeat *heartbeat = fleet->members[i].heartbeat;
        json_out_begin(out, NULL);
        json_out_string(out, "name", heartbeat->actor);
        json_out_string(out, "instance", heartbeat->instance);
        json_out_string(out, "region", heartbeat->region);
        json_out_string(out, "az", heartbeat->az[0] != '\0' ? heartbeat->az : NULL);
        json_out_string(out, "state", fleet_state(&fleet->members[i], now_us));
        json_out_uint(out, "pid", heartbeat->pid);
        json_out_uint(out, "restarts", heartbeat->restarts);
        json_out_uint(out, "lag", heartbeat->lag);
        json_out_end(out);
    }
    json_out_end_array(out);
}
