/* One process of the sim: what common/actor.c does for a core, done to virtual time. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "balance/core.h"
#include "base.h"
#include "sequencer/core.h"
#include "simfill/core.h"

enum {
    BALANCE_ATTEMPTS_MAX = 3,
    CLOCK_OFFSET_MAX_US = 150000, /* clocks of different processes differ */
    FLUSH_MAX_US = 300,
};

static void *core_new(enum sim_actor actor)
{
    switch (actor) {
    case SIM_SEQUENCER:
        return sequencer_new(&(struct sequencer_options){.region = SIM_REGION, .backlog_max = 60, .queue_max = 128});
    case SIM_SIMFILL:
        return simfill_new(
            &(struct simfill_options){.region = SIM_REGION, .az = "a", .delay_max_us = 120000, .window_max = 1024});
    default: {
        struct balance_core *core = tb_alloc_zero(1, sizeof *core);
        balance_core_init(core, &(struct balance_options){.region = SIM_REGION,
                                                          .opening = money_cents(SIM_OPENING_CENTS),
                                                          .attempts_max = BALANCE_ATTEMPTS_MAX,
                                                          .retry_us = 100000});
        return core;
    }
    }
}

static void core_free(enum sim_actor actor, void **core)
{
    if (*core == NULL)
        return;
    switch (actor) {
    case SIM_SEQUENCER: {
        struct sequencer *sequencer = *core;
        sequencer_free(&sequencer);
        break;
    }
    case SIM_SIMFILL: {
        struct simfill *simfill = *core;
        simfill_free(&simfill);
        break;
    }
    default:
        balance_core_release(*core);
        free(*core);
        break;
    }
    *core = NULL;
}

static void core_step(const struct sim_node *node, const struct input *in, struct effects *fx)
{
    switch (node->actor) {
    case SIM_SEQUENCER:
        sequencer_step(node->core, in, fx);
        break;
    case SIM_SIMFILL:
        simfill_step(node->core, in, fx);
        break;
    default:
        balance_core_step(node->core, in, fx);
        break;
    }
}

static void timer_set(struct sim *sim, struct sim_node *node, unsigned index, int64_t due_us)
{
    struct sim_timer *timer = &node->timers[index];
    timer->armed = true;
    timer->generation++;
    sim_schedule(sim, (struct sim_event){.kind = EVENT_TIMER,
                                         .node = node->number,
                                         .boot = node->boot,
                                         .index = index,
                                         .generation = timer->generation,
                                         .due_us = due_us - node->clock_offset_us});
}

/* Effect: carries out one effect. Return: false when the process ends with it. */
static bool carry_out(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND:
        bus_carry(sim, node, effect);
        break;
    case EFFECT_CALL:
        calls_ask(sim, node, effect->index, effect->args);
        break;
    case EFFECT_TIMER_SET:
        timer_set(sim, node, effect->index, effect->value);
        break;
    case EFFECT_TIMER_CLEAR:
        node->timers[effect->index].armed = false;
        break;
    case EFFECT_READY:
        sim_trace(sim, "%s/%u ready", sim_actor_name(node->actor), node->number);
        break;
    case EFFECT_LOG:
        sim_trace(sim, "%s/%u log %d: %s", sim_actor_name(node->actor), node->number, (int)effect->value, effect->text);
        break;
    case EFFECT_HALT:
        node_crash(sim, node, effect->text);
        return false;
    default: /* metrics */
        break;
    }
    return true;
}

static void flush_soon(struct sim *sim, struct sim_node *node)
{
    if (node->flush_pending)
        return;
    node->flush_pending = true;
    sim_schedule(sim, (struct sim_event){.kind = EVENT_FLUSH,
                                         .node = node->number,
                                         .boot = node->boot,
                                         .due_us = sim->now_us + sim_between(sim, 0, FLUSH_MAX_US)});
}

void node_step(struct sim *sim, struct sim_node *node, struct input *in)
{
    struct effects fx;
    arena_reset(&sim->step_arena);
    effects_reset(&fx, &sim->step_arena);
    in->now_us = sim->now_us + node->clock_offset_us;
    static const struct peer nobody;
    if (in->from == NULL)
        in->from = &nobody;
    core_step(node, in, &fx);
    for (size_t i = 0; i < fx.count; i++) {
        if (sim_chance(sim, sim->profile.crash_step)) {
            node_crash(sim, node, "killed in the midst of a step");
            return;
        }
        if (!carry_out(sim, node, &fx.items[i]))
            return;
    }
    if (in->kind != INPUT_FLUSH && node->core)
        flush_soon(sim, node);
}

void node_boot(struct sim *sim, struct sim_node *node)
{
    if (node->state != NODE_DOWN)
        return;
    node->boot++;
    node->session++;
    node->state = NODE_CONNECTING;
    node->core = core_new(node->actor);
    node->flush_pending = false;
    node->clock_offset_us = sim_between(sim, -CLOCK_OFFSET_MAX_US, CLOCK_OFFSET_MAX_US);
    memset(node->timers, 0, sizeof node->timers);
    sim_schedule(sim, (struct sim_event){.kind = EVENT_CONNECTED,
                                         .node = node->number,
                                         .boot = node->boot,
                                         .session = node->session,
                                         .due_us = sim->now_us + sim_between(sim, 1000, 20000)});
}

static void lock_free_later(struct sim *sim, const struct sim_node *node)
{
    if (sim->lock_holder[node->actor] == (int)node->number)
        sim_schedule(sim, (struct sim_event){.kind = EVENT_LOCK_FREE,
                                             .node = node->number,
                                             .due_us = sim->now_us + sim_between(sim, 0, 400000)});
}

void node_crash(struct sim *sim, struct sim_node *node, const char *why)
{
    if (node->state == NODE_DOWN)
        return;
    sim_trace(sim, "%s/%u ends: %s", sim_actor_name(node->actor), node->number, why);
    sim->counts.crashes++;
    calls_doubt(sim, node);
    calls_drop(node);
    lock_free_later(sim, node);
    core_free(node->actor, &node->core);
    node->state = NODE_DOWN;
    node->boot++; /* whatever is on its way to it is lost */
    node->session++;
    node->paused_until_us = 0;
    sim_schedule(sim, (struct sim_event){.kind = EVENT_BOOT,
                                         .node = node->number,
                                         .due_us = sim->now_us + sim_between(sim, 20000, 400000)});
}

void node_stop(struct sim *sim, struct sim_node *node)
{
    if (!node_works(node))
        return;
    sim_trace(sim, "%s/%u is asked to stop", sim_actor_name(node->actor), node->number);
    sim_schedule(sim, (struct sim_event){.kind = EVENT_END,
                                         .node = node->number,
                                         .boot = node->boot,
                                         .due_us = sim->now_us + sim_between(sim, 0, 200000)});
    node_step(sim, node, &(struct input){.kind = INPUT_STOP});
}

void node_break(struct sim *sim, struct sim_node *node)
{
    if (node->state != NODE_STANDBY && node->state != NODE_LEADING)
        return;
    bool worked = node->state == NODE_LEADING;
    sim_trace(sim, "%s/%u loses its database", sim_actor_name(node->actor), node->number);
    sim->counts.broken++;
    calls_doubt(sim, node);
    lock_free_later(sim, node);
    node->state = worked ? NODE_DEGRADED : NODE_CONNECTING;
    node->session++;
    uint64_t boot = node->boot;
    calls_unknown(sim, node);
    if (worked && node->boot == boot)
        node_step(sim, node, &(struct input){.kind = INPUT_STORE_LOST});
    if (node->boot == boot)
        sim_schedule(sim, (struct sim_event){.kind = EVENT_CONNECTED,
                                             .node = node->number,
                                             .boot = node->boot,
                                             .session = node->session,
                                             .due_us = sim->now_us + sim_between(sim, 5000, 600000)});
}

void node_connected(struct sim *sim, struct sim_node *node)
{
    node->state = NODE_STANDBY;
    node->last_execute_us = sim->now_us;
    lock_grant(sim, node->actor);
    if (node->state == NODE_STANDBY)
        for (unsigned i = 0; i < CORE_TIMERS_MAX; i++)
            node->timers[i].armed = false;
}

bool node_works(const struct sim_node *node)
{
    return node->state == NODE_LEADING || node->state == NODE_DEGRADED;
}

void node_lock_free(struct sim *sim, struct sim_node *node)
{
    if (sim->lock_holder[node->actor] != (int)node->number)
        return;
    sim_trace(sim, "%s/%u has lost the lock", sim_actor_name(node->actor), node->number);
    sim->lock_holder[node->actor] = -1;
    lock_grant(sim, node->actor);
}

void lock_grant(struct sim *sim, enum sim_actor actor)
{
    if (sim->lock_holder[actor] >= 0)
        return;
    unsigned first = (unsigned)sim_below(sim, SIM_INSTANCES);
    for (unsigned i = 0; i < SIM_INSTANCES; i++) {
        struct sim_node *node = &sim->nodes[actor * SIM_INSTANCES + (first + i) % SIM_INSTANCES];
        if (node->state != NODE_STANDBY)
            continue;
        sim->lock_holder[actor] = (int)node->number;
        node->state = NODE_LEADING;
        sim_trace(sim, "%s/%u leads", sim_actor_name(actor), node->number);
        node_step(sim, node, &(struct input){.kind = INPUT_START});
        return;
    }
}

void node_flush(struct sim *sim, struct sim_node *node)
{
    node->flush_pending = false;
    if (node_works(node))
        node_step(sim, node, &(struct input){.kind = INPUT_FLUSH});
}

void node_timer(struct sim *sim, struct sim_node *node, unsigned timer, uint64_t generation)
{
    if (!node->timers[timer].armed || node->timers[timer].generation != generation)
        return;
    node->timers[timer].armed = false;
    node_step(sim, node, &(struct input){.kind = INPUT_TIMER, .timer = timer});
}

void node_dispose(struct sim_node *node)
{
    calls_drop(node);
    core_free(node->actor, &node->core);
}
