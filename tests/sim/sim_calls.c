/* The sim's database connections: calls in order, one transaction each, and every way in which an answer can fail to
 * come. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base.h"

enum {
    LATE_MAX_US = 1500000, /* how late a transaction in doubt may still commit */
    SETTLE_MAX_US = 3000,
    PROC_TAKE_EPOCH = 0, /* of each actor */
};

struct sim_call *call_new(struct sim *sim)
{
    struct sim_call *call = sim->spare;
    if (call) {
        sim->spare = call->next;
        *call = (struct sim_call){.arena = call->arena};
    } else {
        call = tb_alloc_zero(1, sizeof *call);
        arena_init(&call->arena, 64 << 20);
    }
    call->sim = sim;
    call->id = ++sim->next_call;
    return call;
}

void call_free(struct sim_call **call)
{
    if (*call == NULL)
        return;
    arena_reset(&(*call)->arena);
    (*call)->next = (*call)->sim->spare;
    (*call)->sim->spare = *call;
    *call = NULL;
}

void calls_release(struct sim *sim)
{
    while (sim->spare) {
        struct sim_call *call = sim->spare;
        sim->spare = call->next;
        arena_release(&call->arena);
        free(call);
    }
}

static void append_call(struct sim_node *node, struct sim_call *call)
{
    *node->calls_end = call;
    node->calls_end = &call->next;
    if (node->next_execute == NULL)
        node->next_execute = call;
}

static struct sim_call *take_call(struct sim_node *node)
{
    struct sim_call *call = node->calls;
    node->calls = call->next;
    if (node->calls == NULL)
        node->calls_end = &node->calls;
    if (node->next_execute == call)
        node->next_execute = call->next;
    call->next = NULL;
    return call;
}

void calls_drop(struct sim_node *node)
{
    while (node->calls) {
        struct sim_call *call = take_call(node);
        call_free(&call);
    }
    call_free(&node->unsettled);
}

static void answer_later(struct sim *sim, struct sim_node *node)
{
    int64_t due_us = sim->now_us + sim_between(sim, 50, sim->profile.call_us_max / 2);
    if (due_us < node->last_answer_us)
        due_us = node->last_answer_us;
    node->last_answer_us = due_us;
    sim_schedule(sim, (struct sim_event){.kind = EVENT_ANSWER,
                                         .node = node->number,
                                         .boot = node->boot,
                                         .session = node->session,
                                         .due_us = due_us});
}

void calls_ask(struct sim *sim, struct sim_node *node, unsigned proc, const void *args)
{
    struct sim_call *call = store_call_new(sim, node, proc, args);
    sim->counts.calls++;
    append_call(node, call);
    if (node->state != NODE_LEADING) { /* its connection is down: nothing is sent */
        call->status = STORE_UNKNOWN;
        node->next_execute = NULL;
        answer_later(sim, node);
        return;
    }
    node->last_execute_us += sim_between(sim, 50, sim->profile.call_us_max / 2);
    if (node->last_execute_us < sim->now_us)
        node->last_execute_us = sim->now_us + sim_between(sim, 50, sim->profile.call_us_max / 2);
    sim_schedule(sim, (struct sim_event){.kind = EVENT_EXECUTE,
                                         .node = node->number,
                                         .boot = node->boot,
                                         .session = node->session,
                                         .due_us = node->last_execute_us});
}

/* Only the cursor of a transaction is there, not its effects, or the other way round. */
static void run_torn(struct sim *sim, struct sim_call *call, bool before)
{
    if (call->actor == SIM_SIMFILL)
        simfill_move_cursor(sim->store, call, before);
    if (call->actor == SIM_BALANCE)
        balance_move_cursor(sim->store, call, before);
}

static void run(struct sim *sim, struct sim_call *call)
{
    store_execute(sim->store, call, false);
    sim_trace(sim, "%s/%u %s proc %u: %d %s", sim_actor_name(call->actor), call->node, call->late ? "late" : "does",
              call->proc, (int)call->status, call->error ? call->error : "");
    if (call->status == STORE_REFUSED)
        sim->counts.refused++;
}

/* SIM_BUG_REPLY_BEFORE_COMMIT, SIM_BUG_FEED_BEFORE_COMMIT: the answer is made up now, the commit comes a little later;
 * if the connection lives. */
static bool answers_too_early(struct sim *sim, struct sim_node *node, struct sim_call *call)
{
    bool replies = store_bug(sim->store, SIM_BUG_REPLY_BEFORE_COMMIT) && call->actor == SIM_SEQUENCER &&
                   call->proc == SEQUENCER_APPEND;
    bool feeds =
        store_bug(sim->store, SIM_BUG_FEED_BEFORE_COMMIT) && call->actor == SIM_SIMFILL && call->proc == SIMFILL_APPEND;
    if (!replies && !feeds)
        return false;
    store_execute(sim->store, call, true);
    if (call->status != STORE_DONE)
        return false;
    node->unsettled = store_call_new(sim, node, call->proc, call->args);
    sim_schedule(sim, (struct sim_event){.kind = EVENT_SETTLE,
                                         .node = node->number,
                                         .boot = node->boot,
                                         .session = node->session,
                                         .due_us = sim->now_us + sim_between(sim, 0, SETTLE_MAX_US)});
    return true;
}

void calls_settle(struct sim *sim, struct sim_node *node)
{
    if (node->unsettled)
        run(sim, node->unsettled);
    call_free(&node->unsettled);
}

void calls_execute(struct sim *sim, struct sim_node *node)
{
    calls_settle(sim, node);
    struct sim_call *call = node->next_execute;
    tb_assert(call != NULL);
    if (sim_chance(sim, sim->profile.break_call)) {
        if (sim_chance(sim, 500000)) { /* committed, and the answer is lost */
            node->next_execute = call->next;
            run(sim, call);
            if (store_bug(sim->store, SIM_BUG_CURSOR_BEHIND) && call->status == STORE_DONE)
                run_torn(sim, call, false);
        }
        node_break(sim, node);
        return;
    }
    node->next_execute = call->next;
    if (sim_chance(sim, sim->profile.fail_call)) {
        store_fail(call, "57014: canceling statement due to statement timeout");
        sim_trace(sim, "%s/%u proc %u times out", sim_actor_name(node->actor), node->number, call->proc);
    } else if (!answers_too_early(sim, node, call)) {
        run(sim, call);
    }
    answer_later(sim, node);
}

void calls_answer(struct sim *sim, struct sim_node *node)
{
    struct sim_call *call = take_call(node);
    struct input in = {
        .kind = INPUT_STORE, .proc = call->proc, .status = call->status, .result = call->result, .error = call->error};
    node_step(sim, node, &in);
    call_free(&call);
}

void calls_doubt(struct sim *sim, struct sim_node *node)
{
    call_free(&node->unsettled);
    struct sim_call *call = node->next_execute; /* those after it were still in flight: the server has them not */
    if (call == NULL)
        return;
    if (sim_chance(sim, 500000)) { /* it never reached the server, or was rolled back */
        if (store_bug(sim->store, SIM_BUG_CURSOR_NOT_IN_TX))
            run_torn(sim, call, true);
        return;
    }
    struct sim_call *late = store_call_new(sim, node, call->proc, call->args);
    late->late = true;
    late->next = sim->late;
    sim->late = late;
    sim->counts.late++;
    sim_schedule(sim, (struct sim_event){.kind = EVENT_LATE,
                                         .generation = late->id,
                                         .due_us = sim->now_us + sim_between(sim, 0, LATE_MAX_US)});
}

void calls_unknown(struct sim *sim, struct sim_node *node)
{
    uint64_t boot = node->boot;
    size_t left = 0;
    for (const struct sim_call *call = node->calls; call; call = call->next)
        left++;
    for (; left > 0 && node->boot == boot; left--) { /* what is asked meanwhile is answered later */
        struct sim_call *call = take_call(node);
        struct input in = {
            .kind = INPUT_STORE, .proc = call->proc, .status = STORE_UNKNOWN, .error = "the connection is lost"};
        node_step(sim, node, &in);
        call_free(&call);
    }
}

static void run_late(struct sim *sim, struct sim_call **link)
{
    struct sim_call *call = *link;
    *link = call->next;
    run(sim, call);
    call_free(&call);
}

void calls_late(struct sim *sim, uint64_t id)
{
    for (struct sim_call **link = &sim->late; *link; link = &(*link)->next)
        if ((*link)->id == id) {
            run_late(sim, link);
            return;
        }
}

void calls_before_epoch(struct sim *sim, enum sim_actor actor)
{
    if (store_bug(sim->store, SIM_BUG_LATE_COMMIT))
        return; /* it does not wait for anybody */
    struct sim_call **link = &sim->late;
    while (*link) {
        bool writes =
            (*link)->actor == actor && (*link)->proc != PROC_TAKE_EPOCH; /* which waits as well, in any order */
        if (writes && sim_chance(sim, 500000))
            run_late(sim, link);
        else
            link = &(*link)->next;
    }
}
