#include "sim_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "ids.h"

enum {
    PEACE_MAX_SECONDS = 180,   /* by then everything must have come to rest */
    PEACE_LOSE_MAX = 100000,   /* per million */
    REST_LOOK_US = 500000,     /* how often the run asks whether it has */
    EVENTS_MAX = 20 * 1000000, /* a core that spins is found by this */
};

/* ---- random ---- */

uint64_t sim_random(struct sim *sim)
{
    uint64_t z = sim->random_state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t sim_below(struct sim *sim, uint64_t below)
{
    return below ? sim_random(sim) % below : 0;
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)sim_below(sim, (uint64_t)(high - low) + 1);
}

bool sim_chance(struct sim *sim, uint32_t per_million)
{
    return per_million > 0 && sim_below(sim, 1000000) < per_million;
}

/* ---- trace ---- */

void sim_trace(struct sim *sim, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t size = length < 0 ? 0 : (size_t)length >= sizeof line ? sizeof line - 1 : (size_t)length;
    int64_t at_us = sim->now_us - sim->start_us;
    sim->trace_hash = ids_hash(sim->trace_hash, &at_us, sizeof at_us);
    sim->trace_hash = ids_hash(sim->trace_hash, line, size);
    if (sim->options.trace)
        printf("%10.6f %s\n", (double)at_us / 1e6, line);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
    if (sim->failure[0])
        return;
    char text[SIM_FAILURE_MAX - 64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(sim->failure, sizeof sim->failure, "at %.6f s: %s", (double)(sim->now_us - sim->start_us) / 1e6, text);
    sim_trace(sim, "FAILURE %s", text);
}

const char *sim_actor_name(enum sim_actor actor)
{
    static const char *const names[SIM_ACTOR_COUNT] = {"sequencer", "simfill", "balance"};
    return names[actor];
}

const char *sim_bug_name(enum sim_bug bug)
{
    static const char *const names[SIM_BUG_COUNT] = {
        "none",           "cursor-not-in-tx",   "no-fence",         "reply-before-commit", "no-unique",
        "cursor-behind",  "late-commit",        "lose-parked",      "stale-poll",          "dedupe-in-memory",
        "gap-not-filled", "feed-before-commit", "outbox-not-in-tx", "lose-dead-letter",    "redrive-twice",
    };
    return names[bug];
}

/* ---- event heap ---- */

static bool event_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

void sim_schedule(struct sim *sim, struct sim_event event)
{
    if (event.due_us < sim->now_us)
        event.due_us = sim->now_us;
    event.number = ++sim->next_event;
    if (sim->heap_count == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity ? sim->heap_capacity * 2 : 1024;
        sim->heap = tb_realloc(sim->heap, sim->heap_capacity, sizeof *sim->heap);
    }
    size_t at = sim->heap_count++;
    while (at > 0 && event_before(&event, &sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = event;
}

static struct sim_event heap_take(struct sim *sim)
{
    struct sim_event first = sim->heap[0], last = sim->heap[--sim->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sim->heap_count)
            break;
        if (child + 1 < sim->heap_count && event_before(&sim->heap[child + 1], &sim->heap[child]))
            child++;
        if (!event_before(&sim->heap[child], &last))
            break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    if (sim->heap_count > 0)
        sim->heap[at] = last;
    return first;
}

/* ---- one run's world ---- */

/* Some seeds are calm but for one kind of trouble, some have all of it: bugs hide from constant noise as well as from
 * silence. */
static void choose_profile(struct sim *sim)
{
    struct sim_profile *profile = &sim->profile;
    static const uint32_t losses[] = {0, 10000, 50000, 300000};
    static const uint32_t repeats[] = {0, 10000, 100000};
    static const uint32_t crashes[] = {0, 200, 1000, 4000};
    static const uint32_t breaks[] = {0, 2000, 20000};
    static const uint32_t fails[] = {0, 0, 5000};
    static const int64_t messages_us[] = {200, 2000, 50000};
    static const int64_t calls_us[] = {1000, 5000, 80000};
    static const int64_t troubles_us[] = {0, 150000, 500000, 1500000};
    profile->lose = losses[sim_below(sim, TB_ARRAY_SIZE(losses))];
    profile->repeat = repeats[sim_below(sim, TB_ARRAY_SIZE(repeats))];
    profile->crash_step = crashes[sim_below(sim, TB_ARRAY_SIZE(crashes))];
    profile->break_call = breaks[sim_below(sim, TB_ARRAY_SIZE(breaks))];
    profile->fail_call = fails[sim_below(sim, TB_ARRAY_SIZE(fails))];
    profile->message_us_max = messages_us[sim_below(sim, TB_ARRAY_SIZE(messages_us))];
    profile->call_us_max = calls_us[sim_below(sim, TB_ARRAY_SIZE(calls_us))];
    profile->trouble_every_us = troubles_us[sim_below(sim, TB_ARRAY_SIZE(troubles_us))];
}

struct sim *sim_new(const struct sim_options *options)
{
    struct sim *sim = tb_alloc_zero(1, sizeof *sim);
    sim->options = *options;
    wrap_bug(options->bug);
    sim->random_state = options->seed * 0x2545f4914f6cdd1dULL + 0x1234567;
    sim->trace_hash = IDS_HASH_START;
    sim->start_us = sim->now_us = 1800000000 * SIM_SECOND_US;
    choose_profile(sim);
    int64_t trouble_us =
        options->trouble_us ? options->trouble_us : sim_between(sim, 5 * SIM_SECOND_US, 15 * SIM_SECOND_US);
    sim->peace_us = sim->start_us + trouble_us;
    sim->deadline_us = sim->peace_us + PEACE_MAX_SECONDS * SIM_SECOND_US;
    arena_init(&sim->step_arena, 256 << 20);
    arena_init(&sim->message_arena, 64 << 20);
    sim->store = store_new(sim);
    sim->clients = clients_new(sim);
    for (unsigned i = 0; i < SIM_ACTOR_COUNT; i++)
        sim->lock_holder[i] = -1;
    for (unsigned i = 0; i < SIM_NODES; i++) {
        sim->nodes[i] = (struct sim_node){.actor = i / SIM_INSTANCES, .number = i};
        sim->nodes[i].calls_end = &sim->nodes[i].calls;
        sim_schedule(
            sim, (struct sim_event){.kind = EVENT_BOOT, .node = i, .due_us = sim->now_us + sim_between(sim, 0, 50000)});
    }
    return sim;
}

void sim_free(struct sim **sim_pointer)
{
    struct sim *sim = *sim_pointer;
    for (unsigned i = 0; i < SIM_NODES; i++)
        node_dispose(&sim->nodes[i]);
    while (sim->late) {
        struct sim_call *call = sim->late;
        sim->late = call->next;
        call_free(&call);
    }
    for (size_t i = 0; i < sim->heap_count; i++)
        free(sim->heap[i].bytes);
    calls_release(sim);
    free(sim->heap);
    clients_free(&sim->clients);
    store_free(&sim->store);
    arena_release(&sim->step_arena);
    arena_release(&sim->message_arena);
    free(sim);
    *sim_pointer = NULL;
}

/* ---- trouble ---- */

static void trouble_pause(struct sim *sim, struct sim_node *node)
{
    node->paused_until_us = sim->now_us + sim_between(sim, 50000, 3 * SIM_SECOND_US);
    sim_trace(sim, "pause %s/%u", sim_actor_name(node->actor), node->number);
    if (sim->lock_holder[node->actor] == (int)node->number && sim_chance(sim, 700000))
        sim_schedule(sim, (struct sim_event){.kind = EVENT_LOCK_FREE,
                                             .node = node->number,
                                             .session = node->session,
                                             .due_us = sim->now_us + sim_between(sim, 0, SIM_SECOND_US)});
}

static void trouble_happens(struct sim *sim)
{
    struct sim_node *node = &sim->nodes[sim_below(sim, SIM_NODES)];
    switch (sim_below(sim, 10)) {
    case 0:
    case 1:
    case 2:
        node_crash(sim, node, "killed");
        break;
    case 3:
        node_stop(sim, node);
        break;
    case 4:
        node_break(sim, node);
        break;
    case 5:
    case 6:
        trouble_pause(sim, node);
        break;
    case 7: /* the whole database restarts */
        sim_trace(sim, "database restarts");
        for (unsigned i = 0; i < SIM_NODES; i++)
            node_break(sim, &sim->nodes[i]);
        break;
    default: /* the lock goes to the other one, and the holder does not notice */
        if (sim->lock_holder[node->actor] == (int)node->number) {
            sim->counts.stolen++;
            node_lock_free(sim, node);
        }
        break;
    }
    sim_schedule(sim,
                 (struct sim_event){.kind = EVENT_TROUBLE,
                                    .due_us = sim->now_us + sim_between(sim, 1000, 2 * sim->profile.trouble_every_us)});
}

static void make_peace(struct sim *sim)
{
    uint32_t lose = sim->profile.lose < PEACE_LOSE_MAX ? sim->profile.lose : PEACE_LOSE_MAX;
    sim->peace = true; /* the bus goes on losing: a last message that nothing follows, too */
    sim->profile =
        (struct sim_profile){.message_us_max = 500, .call_us_max = 3000, .lose = lose, .repeat = sim->profile.repeat};
    for (unsigned i = 0; i < SIM_NODES; i++)
        if (sim->nodes[i].paused_until_us > sim->now_us + SIM_SECOND_US)
            sim->nodes[i].paused_until_us = sim->now_us + SIM_SECOND_US;
    sim_trace(sim, "peace");
}

/* ---- the loop ---- */

/* Return: whether the event is one that a stopped process would not see before it goes on. */
static bool event_waits_for_process(const struct sim_event *event)
{
    return event->kind == EVENT_DELIVER || event->kind == EVENT_FLUSH || event->kind == EVENT_TIMER ||
           event->kind == EVENT_ANSWER || event->kind == EVENT_CONNECTED;
}

static void handle_node_event(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    bool same_life = event->boot == node->boot;
    bool same_session = same_life && event->session == node->session;
    switch (event->kind) {
    case EVENT_BOOT:
        node_boot(sim, node);
        break;
    case EVENT_CONNECTED:
        if (same_session)
            node_connected(sim, node);
        break;
    case EVENT_LOCK_FREE:
        node_lock_free(sim, node);
        break;
    case EVENT_END:
        if (same_life)
            node_crash(sim, node, "stopped");
        break;
    case EVENT_DELIVER:
        if (same_life)
            bus_deliver(sim, node, event);
        break;
    case EVENT_FLUSH:
        if (same_life)
            node_flush(sim, node);
        break;
    case EVENT_TIMER:
        if (same_life)
            node_timer(sim, node, event->index, event->generation);
        break;
    case EVENT_EXECUTE:
        if (same_session)
            calls_execute(sim, node);
        break;
    case EVENT_ANSWER:
        if (same_session)
            calls_answer(sim, node);
        break;
    default:
        if (same_session)
            calls_settle(sim, node);
        break;
    }
}

static void handle_event(struct sim *sim, struct sim_event *event)
{
    switch (event->kind) {
    case EVENT_LATE:
        calls_late(sim, event->generation);
        break;
    case EVENT_TROUBLE:
        if (!sim->peace)
            trouble_happens(sim);
        break;
    case EVENT_CLIENT:
        clients_act(sim);
        break;
    case EVENT_REPLY:
        bus_reply(sim, event);
        break;
    case EVENT_POKE:
        clients_poke(sim);
        break;
    default:
        if (event_waits_for_process(event) && sim->nodes[event->node].paused_until_us > sim->now_us) {
            event->due_us = sim->nodes[event->node].paused_until_us;
            sim_schedule(sim, *event);
            event->bytes = NULL; /* moved */
            return;
        }
        handle_node_event(sim, event);
        break;
    }
}

bool sim_run(struct sim *sim)
{
    if (sim->profile.trouble_every_us > 0)
        sim_schedule(sim,
                     (struct sim_event){.kind = EVENT_TROUBLE, .due_us = sim->now_us + sim->profile.trouble_every_us});
    sim_schedule(sim, (struct sim_event){.kind = EVENT_CLIENT, .due_us = sim->now_us + 1000});
    sim_schedule(sim, (struct sim_event){.kind = EVENT_POKE, .due_us = sim->now_us + SIM_SECOND_US});
    int64_t look_us = sim->peace_us;
    const char *why = "nothing";
    while (!sim->failure[0] && sim->heap_count > 0) {
        struct sim_event event = heap_take(sim);
        sim->now_us = event.due_us;
        if (!sim->peace && sim->now_us >= sim->peace_us)
            make_peace(sim);
        handle_event(sim, &event);
        free(event.bytes);
        if (++sim->counts.events > EVENTS_MAX)
            sim_fail(sim, "no end after %d events", EVENTS_MAX);
        if (sim->now_us < look_us)
            continue;
        look_us = sim->now_us + REST_LOOK_US;
        if (clients_content(sim) && oracle_at_rest(sim, &why))
            break;
        if (sim->now_us > sim->deadline_us)
            sim_fail(sim, "not at rest %d s after peace: %s", PEACE_MAX_SECONDS,
                     clients_content(sim) ? why : clients_waiting(sim));
    }
    if (!sim->failure[0]) {
        clients_check(sim);
        oracle_check(sim);
    }
    sim_trace(sim, "end");
    return !sim->failure[0];
}

const char *sim_failure(const struct sim *sim)
{
    return sim->failure;
}

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->trace_hash;
}

struct sim_counts sim_counts(const struct sim *sim)
{
    return sim->counts;
}
