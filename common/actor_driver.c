/* The rt driver: inputs into the core, its effects onto bus, store, timers and log. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor_internal.h"
#include "base.h"
#include "clock.h"
#include "fault.h"
#include "log.h"

enum { ARENA_DEFAULT_BYTES = 64 * 1024 * 1024, EXIT_FENCED = 75 };
enum { FAULT_BEFORE_COMMIT, FAULT_AFTER_COMMIT, FAULT_BEFORE_SEND, FAULT_AFTER_SEND };

static void push_call(struct call_queue *queue, unsigned proc)
{
    tb_assert(queue->count < DB_CALLS_MAX);
    queue->calls[(queue->first + queue->count) % DB_CALLS_MAX] = (struct store_call){proc, clock_monotonic_us()};
    queue->count++;
}

static struct store_call pop_call(struct call_queue *queue)
{
    tb_assert(queue->count > 0);
    struct store_call call = queue->calls[queue->first];
    queue->first = (queue->first + 1) % DB_CALLS_MAX;
    queue->count--;
    return call;
}

/* ---- effects ---- */

static void send_message(struct actor *actor, const struct effect *effect)
{
    tb_assert(effect->index < actor->spec->link_count);
    struct bus_link *link = actor->links[effect->index].link;
    if (link == NULL)
        return; /* not leading any more: as lost as on a full link */
    fault_point(actor->fault_names[FAULT_BEFORE_SEND]);
    bus_send(link, &effect->to, effect->type, effect->message, effect->stream, effect->first_seq);
    fault_point(actor->fault_names[FAULT_AFTER_SEND]);
}

static void on_result(void *arg, enum db_status status, const struct db_rows *rows, const char *error);

/* Return: whether the call is under way. */
static bool make_call(struct actor *actor, unsigned number, const struct db_params *params)
{
    bool aside = actor->spec->procs[number].aside;
    if (!actor->started || actor->lifecycle == STATE_DEGRADED)
        return false;
    if (aside ? !aside_call(actor, number, params) : !db_call(actor->db, number, params, on_result, actor))
        return false;
    push_call(aside ? &actor->aside_calls : &actor->calls, number);
    return true;
}

static void call_store(struct actor *actor, const struct effect *effect)
{
    tb_assert(effect->index < actor->spec->proc_count);
    const struct actor_proc *proc = &actor->spec->procs[effect->index];
    struct db_params params;
    db_params_init(&params, &actor->arena);
    if (proc->encode != NULL)
        proc->encode(effect->args, &params);
    fault_point(actor->fault_names[FAULT_BEFORE_COMMIT]);
    if (make_call(actor, effect->index, &params))
        return;
    push_call(&actor->unmade, effect->index);
    loop_timer_set(actor->unmade_timer, 0, 0);
}

static void set_timer(struct actor *actor, unsigned number, int64_t due_us)
{
    tb_assert(number < CORE_TIMERS_MAX);
    actor->timers[number].due_us = due_us;
    loop_timer_set(actor->timers[number].timer, due_us - clock_now_us(), 0);
}

_Noreturn static void halt(const struct actor *actor, const char *why)
{
    (void)actor;
    log_error("halt: %s", why != NULL ? why : "no reason given");
    _exit(EXIT_FENCED); /* at once: no lingering, no clean-up that might speak to anybody */
}

static void carry_out(struct actor *actor, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND:
        send_message(actor, effect);
        break;
    case EFFECT_CALL:
        call_store(actor, effect);
        break;
    case EFFECT_TIMER_SET:
        set_timer(actor, effect->index, effect->value);
        break;
    case EFFECT_TIMER_CLEAR:
        tb_assert(effect->index < CORE_TIMERS_MAX);
        loop_timer_clear(actor->timers[effect->index].timer);
        break;
    case EFFECT_READY:
        lifecycle_event(actor, EVENT_RECOVERED);
        break;
    case EFFECT_LOG:
        log_event((enum log_level)effect->value, effect->order_seq, effect->user_id, effect->trace_id, "%s",
                  effect->text);
        break;
    case EFFECT_COUNT:
        metrics_count(actor->metrics, effect->index, effect->value);
        break;
    case EFFECT_GAUGE:
        metrics_gauge(actor->metrics, effect->index, (double)effect->value);
        break;
    case EFFECT_OBSERVE:
        metrics_observe(actor->metrics, effect->index, effect->value);
        break;
    case EFFECT_LAG:
        actor->lag = (uint64_t)effect->value;
        break;
    case EFFECT_EXTERNAL:
        tb_assert(actor->spec->external != NULL);
        actor->spec->external(actor->state, effect);
        break;
    case EFFECT_HALT:
        halt(actor, effect->text);
    }
}

/* ---- inputs ---- */

/* The arena is empty from here on: whatever the input needs of it is made after this. */
static void begin_input(struct actor *actor)
{
    tb_assert(!actor->stepping && "no step within a step: see actor_feed");
    arena_reset(&actor->arena);
}

static void run_step(struct actor *actor, struct input *in)
{
    static const struct peer nobody;
    tb_assert(!actor->stepping);
    actor->stepping = true;
    in->now_us = clock_now_us();
    if (in->from == NULL)
        in->from = &nobody;
    effects_reset(&actor->effects, &actor->arena);
    actor->spec->step(actor->state, in, &actor->effects);
    log_hold();
    for (size_t i = 0; i < actor->effects.count; i++)
        carry_out(actor, &actor->effects.items[i]);
    log_release();
    if (actor->arena.used_bytes > actor->arena_peak_bytes)
        actor->arena_peak_bytes = actor->arena.used_bytes;
    actor->flush_wanted = in->kind != INPUT_FLUSH;
    actor->stepping = false;
}

void driver_input(struct actor *actor, enum input_kind kind)
{
    begin_input(actor);
    run_step(actor, &(struct input){.kind = kind});
}

void actor_feed(struct actor *actor, const void *external)
{
    begin_input(actor);
    run_step(actor, &(struct input){.kind = INPUT_EXTERNAL, .external = external});
}

/* Return: whether "sequencer/1" is an instance of the actor "sequencer". */
static bool is_from(const char *sender, const char *actor_name)
{
    size_t length = strlen(actor_name);
    return strncmp(sender, actor_name, length) == 0 && sender[length] == '/';
}

static bool is_accepted(const struct link_message *accepts, const struct bus_message *message)
{
    for (; accepts != NULL && accepts->type != 0; accepts++)
        if (accepts->type == message->envelope->type &&
            (accepts->sender == NULL || is_from(message->envelope->sender, accepts->sender)))
            return true;
    return false;
}

static void refuse_message(struct open_link *link, const struct bus_message *message)
{
    struct actor *actor = link->actor;
    uint64_t bit = 1ULL << ((unsigned)message->envelope->type & 63);
    link->refused++;
    if ((link->logged_types & bit) == 0)
        log_warning("link %s takes no %s from %.64s", actor->spec->links[link->index].bus.name,
                    message->payload->descriptor->name, message->envelope->sender);
    link->logged_types |= bit;
}

void driver_message(void *open_link, const struct bus_message *message)
{
    struct open_link *link = open_link;
    struct actor *actor = link->actor;
    if (!actor->started && message->envelope->type != TB__MESSAGE_TYPE__HEARTBEAT)
        return; /* a standby keeps nothing: it recovers from the store when its time comes */
    if (!is_accepted(actor->spec->links[link->index].accepts, message)) {
        refuse_message(link, message);
        return;
    }
    begin_input(actor);
    run_step(actor, &(struct input){.kind = INPUT_MESSAGE,
                                    .link = link->index,
                                    .from = message->from,
                                    .type = message->envelope->type,
                                    .message = message->payload,
                                    .stream = message->envelope->stream,
                                    .first_seq = message->envelope->first_seq});
}

static void on_core_timer(void *arg)
{
    struct core_timer *timer = arg;
    int64_t early_us = timer->due_us - clock_now_us();
    if (early_us > 0) { /* the loop's clock and the wall clock need not agree */
        loop_timer_set(timer->timer, early_us, 0);
        return;
    }
    begin_input(timer->actor);
    run_step(timer->actor, &(struct input){.kind = INPUT_TIMER, .timer = timer->number});
}

void driver_clear_timers(struct actor *actor)
{
    for (unsigned i = 0; i < CORE_TIMERS_MAX; i++)
        loop_timer_clear(actor->timers[i].timer);
}

static enum store_status store_status_of(enum db_status status)
{
    switch (status) {
    case DB_DONE:
        return STORE_DONE;
    case DB_FENCED:
        return STORE_REFUSED;
    case DB_FAILED:
        return STORE_FAILED;
    case DB_UNKNOWN:
        return STORE_UNKNOWN;
    }
    tb_assert(!"a db_status");
    return STORE_UNKNOWN;
}

void driver_answered(struct actor *actor, struct call_queue *calls, enum db_status status, const struct db_rows *rows,
                     const char *error)
{
    struct store_call call = pop_call(calls);
    const struct actor_proc *proc = &actor->spec->procs[call.proc];
    begin_input(actor);
    struct input in = {.kind = INPUT_STORE, .proc = call.proc, .status = store_status_of(status), .error = error};
    metrics_observe(actor->metrics, actor->numbers.store_seconds, clock_monotonic_us() - call.started_us);
    if (status == DB_DONE) {
        fault_point(actor->fault_names[FAULT_AFTER_COMMIT]);
        struct err err = {0};
        in.result = proc->decode != NULL ? proc->decode(rows, &actor->arena, &err) : NULL;
        if (proc->decode != NULL && in.result == NULL) { /* a bug: statement and code do not fit */
            log_error("store procedure %s: %s", proc->name, err.text);
            tb_assert(!"rows as the procedure promises");
        }
    } else if (status != DB_UNKNOWN) { /* that is said once, where the connection is lost */
        log_warning("store procedure %s: %s: %s", proc->name, status == DB_FENCED ? "fenced" : "failed", error);
    }
    run_step(actor, &in);
}

static void on_result(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct actor *actor = arg;
    driver_answered(actor, &actor->calls, status, rows, error);
}

/* Calls of a core that was told that the store is away, or of too many at once: nothing was sent. */
static void on_unmade(void *arg)
{
    struct actor *actor = arg;
    for (size_t left = actor->unmade.count; left > 0; left--) {
        struct store_call call = pop_call(&actor->unmade);
        begin_input(actor);
        run_step(actor,
                 &(struct input){
                     .kind = INPUT_STORE, .proc = call.proc, .status = STORE_UNKNOWN, .error = "the store is away"});
    }
}

static void on_turn_end(void *arg)
{
    struct actor *actor = arg;
    if (actor->flush_wanted && actor->started)
        driver_input(actor, INPUT_FLUSH);
    actor->flush_wanted = false;
}

bool driver_is_busy(const struct actor *actor)
{
    return actor->calls.count > 0 || actor->unmade.count > 0 || actor->flush_wanted;
}

void driver_init(struct actor *actor)
{
    static const char *const moments[] = {"before_commit", "after_commit", "before_send", "after_send"};
    const struct actor_spec *spec = actor->spec;
    arena_init(&actor->arena, spec->step_arena_bytes > 0 ? spec->step_arena_bytes : ARENA_DEFAULT_BYTES);
    for (size_t i = 0; i < TB_ARRAY_SIZE(moments); i++)
        snprintf(actor->fault_names[i], sizeof actor->fault_names[i], "%s.%s", spec->name, moments[i]);
    for (unsigned i = 0; i < CORE_TIMERS_MAX; i++) {
        actor->timers[i] = (struct core_timer){.actor = actor, .number = i};
        actor->timers[i].timer = loop_timer_new(actor->loop, on_core_timer, &actor->timers[i]);
    }
    actor->unmade_timer = loop_timer_new(actor->loop, on_unmade, actor);
    actor->flush_prepare = loop_prepare_new(actor->loop, on_turn_end, actor);
}

void driver_release(struct actor *actor)
{
    for (unsigned i = 0; i < CORE_TIMERS_MAX; i++)
        loop_timer_free(&actor->timers[i].timer);
    loop_timer_free(&actor->unmade_timer);
    loop_prepare_free(&actor->flush_prepare);
    arena_release(&actor->arena);
}
