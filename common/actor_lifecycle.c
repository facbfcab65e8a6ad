/* The lifecycle as a table, and what moves it: the store's connection, leadership, signals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor_internal.h"
#include "base.h"
#include "clock.h"
#include "ids.h"
#include "log.h"

enum {
    LOCK_RETRY_US = 100000, /* a standby takes over within this and the time the server needs to see the leader's end */
    DRAIN_MAX_US = 2000000,
    DRAIN_LOOK_US = 5000,
    STATEMENT_TIMEOUT_MS = 10000, /* unless the actor's spec says otherwise */
    LEASE_MS = 4000,              /* a leader that is stopped (SIGSTOP) loses the lock after this */
};

static const char *const state_names[STATE_COUNT] = {
    [STATE_INIT] = "INIT",   [STATE_CONNECT] = "CONNECT",   [STATE_STANDBY] = "STANDBY", [STATE_RECOVER] = "RECOVER",
    [STATE_READY] = "READY", [STATE_DEGRADED] = "DEGRADED", [STATE_DRAIN] = "DRAIN",     [STATE_STOP] = "STOP",
};

static const struct {
    enum lifecycle_state state;
    enum lifecycle_event event;
    enum lifecycle_state next;
} transitions[] = {
    {STATE_INIT, EVENT_CONFIGURED, STATE_CONNECT},
    {STATE_INIT, EVENT_STOP, STATE_STOP},
    {STATE_CONNECT, EVENT_LED, STATE_RECOVER},
    {STATE_CONNECT, EVENT_LOCK_HELD, STATE_STANDBY},
    {STATE_CONNECT, EVENT_STORE_LOST, STATE_CONNECT},
    {STATE_CONNECT, EVENT_RECOVERED, STATE_CONNECT}, /* said too late or too early: only START's READY counts */
    {STATE_CONNECT, EVENT_STOP, STATE_STOP},
    {STATE_STANDBY, EVENT_LED, STATE_RECOVER},
    {STATE_STANDBY, EVENT_LOCK_HELD, STATE_STANDBY},
    {STATE_STANDBY, EVENT_STORE_LOST, STATE_CONNECT},
    {STATE_STANDBY, EVENT_RECOVERED, STATE_STANDBY},
    {STATE_STANDBY, EVENT_STOP, STATE_STOP},
    {STATE_RECOVER, EVENT_RECOVERED, STATE_READY},
    {STATE_RECOVER, EVENT_STORE_LOST, STATE_DEGRADED},
    {STATE_RECOVER, EVENT_STOP, STATE_DRAIN},
    {STATE_READY, EVENT_RECOVERED, STATE_READY},
    {STATE_READY, EVENT_STORE_LOST, STATE_DEGRADED},
    {STATE_READY, EVENT_STOP, STATE_DRAIN},
    {STATE_DEGRADED, EVENT_LED, STATE_RECOVER},
    {STATE_DEGRADED, EVENT_LOCK_HELD, STATE_STANDBY},
    {STATE_DEGRADED, EVENT_STORE_LOST, STATE_DEGRADED},
    {STATE_DEGRADED, EVENT_RECOVERED, STATE_DEGRADED},
    {STATE_DEGRADED, EVENT_STOP, STATE_DRAIN},
    {STATE_DRAIN, EVENT_RECOVERED, STATE_DRAIN},
    {STATE_DRAIN, EVENT_STORE_LOST, STATE_DRAIN},
    {STATE_DRAIN, EVENT_LED, STATE_DRAIN},
    {STATE_DRAIN, EVENT_LOCK_HELD, STATE_DRAIN},
    {STATE_DRAIN, EVENT_STOP, STATE_STOP}, /* the second signal does not wait */
    {STATE_DRAIN, EVENT_DRAINED, STATE_STOP},
    {STATE_STOP, EVENT_STOP, STATE_STOP},
};

const char *lifecycle_name(enum lifecycle_state state)
{
    return state_names[state];
}

static enum lifecycle_state next_of(enum lifecycle_state state, enum lifecycle_event event)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(transitions); i++)
        if (transitions[i].state == state && transitions[i].event == event)
            return transitions[i].next;
    tb_assert(!"a transition for this event in this state");
    return state;
}

/* ---- links ---- */

static void close_links(struct actor *actor, bool all)
{
    for (size_t i = 0; i < actor->spec->link_count; i++)
        if (all || actor->spec->links[i].leader_only)
            bus_close(&actor->links[i].link);
}

static bool takes_heartbeats(const struct link_message *accepts)
{
    return accepts != NULL && accepts[0].type == TB__MESSAGE_TYPE__HEARTBEAT;
}

/* Opens what is not open; all links, or those for heartbeats only. Return: 0, or -1 with err. */
static int open_links(struct actor *actor, bool all, struct err *err)
{
    for (size_t i = 0; i < actor->spec->link_count; i++) {
        struct open_link *link = &actor->links[i];
        const struct actor_link *spec = &actor->spec->links[i];
        if (link->link != NULL || (!all && !takes_heartbeats(spec->accepts)))
            continue;
        link->counted = (struct bus_counts){0};
        link->link = bus_open(actor->bus, &spec->bus, spec->accepts != NULL ? driver_message : NULL, link, err);
        if (link->link == NULL)
            return -1;
    }
    return 0;
}

/* ---- entering a state ---- */

static void stop_loop(struct actor *actor, int exit_code)
{
    actor->exit_code = exit_code;
    loop_stop(actor->loop);
}

static void enter_recover(struct actor *actor)
{
    struct err err = {0};
    actor->leading = true;
    if (open_links(actor, true, &err) < 0) {
        log_error("%s", err.text);
        stop_loop(actor, 1);
        return;
    }
    actor->started = true;
    driver_input(actor, INPUT_START);
}

static void enter_standby(struct actor *actor)
{
    actor->leading = false;
    actor->started = false;
    actor->flush_wanted = false;
    actor->lag = 0;
    driver_clear_timers(actor);
    close_links(actor, false);
    struct err err = {0};
    if (open_links(actor, false, &err) < 0) {
        log_error("%s", err.text);
        stop_loop(actor, 1);
    }
}

static void enter_drain(struct actor *actor)
{
    actor->drain_since_us = clock_monotonic_us();
    driver_input(actor, INPUT_STOP);
    loop_timer_set(actor->drain_timer, DRAIN_LOOK_US, DRAIN_LOOK_US);
}

/* What a state does when it is come to from another one. */
static void enter(struct actor *actor, enum lifecycle_state state)
{
    switch (state) {
    case STATE_RECOVER:
        enter_recover(actor);
        break;
    case STATE_STANDBY:
        enter_standby(actor);
        break;
    case STATE_DRAIN:
        enter_drain(actor);
        break;
    case STATE_STOP:
        stop_loop(actor, 0);
        break;
    case STATE_INIT:
    case STATE_CONNECT:
    case STATE_READY:
    case STATE_DEGRADED:
    case STATE_COUNT:
        break;
    }
}

void lifecycle_event(struct actor *actor, enum lifecycle_event event)
{
    enum lifecycle_state before = actor->lifecycle;
    enum lifecycle_state next = next_of(before, event);
    if (next == before)
        return;
    log_info("state %s, was %s", lifecycle_name(next), lifecycle_name(before));
    actor->lifecycle = next;
    telemetry_send(actor);
    enter(actor, next);
}

const char *actor_state_name(const struct actor *actor)
{
    return lifecycle_name(actor->lifecycle);
}

/* ---- the store's connection and leadership ---- */

static void try_lock(void *arg);

static void on_lock(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct actor *actor = arg;
    if (status == DB_UNKNOWN)
        return; /* the connection is gone; the next one tries again */
    bool held = status == DB_DONE && db_get_bool(rows, 0, 0);
    if (status != DB_DONE)
        log_warning("leadership cannot be asked for: %s", error);
    if (held) {
        lifecycle_event(actor, EVENT_LED);
        return;
    }
    lifecycle_event(actor, EVENT_LOCK_HELD);
    uint16_t random;
    ids_random(&random, sizeof random);
    loop_timer_set(actor->lock_timer, LOCK_RETRY_US * 3 / 4 + random % (LOCK_RETRY_US / 4), 0);
}

static void try_lock(void *arg)
{
    struct actor *actor = arg;
    if (db_current_state(actor->db) == DB_UP)
        db_try_lock(actor->db, actor->lock_name, on_lock, actor);
}

void lifecycle_store_up(struct actor *actor)
{
    if (actor->store_there || db_current_state(actor->db) != DB_UP || (actor->aside != NULL && !actor->aside_up))
        return;
    actor->store_there = true;
    actor->store_reason[0] = '\0';
    log_info("store connected");
    if (actor->spec->leads != NULL)
        try_lock(actor);
    else
        lifecycle_event(actor, EVENT_LED);
}

static void on_store_down(struct actor *actor, const char *reason)
{
    bool was_there = actor->lifecycle == STATE_RECOVER || actor->lifecycle == STATE_READY;
    loop_timer_clear(actor->lock_timer);
    actor->store_there = false;
    if (strcmp(reason, actor->store_reason) != 0) {
        log_warning("store away: %s", reason);
        tb_copy_text(actor->store_reason, sizeof actor->store_reason, reason);
    }
    lifecycle_event(actor, EVENT_STORE_LOST);
    aside_abandon(actor);
    if (was_there)
        driver_input(actor, INPUT_STORE_LOST);
}

static void on_store_state(void *arg, enum db_state state, const char *reason)
{
    struct actor *actor = arg;
    metrics_gauge(actor->metrics, actor->numbers.store_connected, state == DB_UP ? 1 : 0);
    if (state == DB_UP)
        lifecycle_store_up(actor);
    else if (state == DB_DOWN)
        on_store_down(actor, reason);
}

/* ---- end ---- */

static void on_drain(void *arg)
{
    struct actor *actor = arg;
    const struct actor_spec *spec = actor->spec;
    bool busy = driver_is_busy(actor) || (spec->busy != NULL && spec->busy(actor->state));
    bool late = clock_monotonic_us() - actor->drain_since_us > DRAIN_MAX_US;
    if (late && busy)
        log_warning("stopping with work under way");
    if (late || !busy)
        lifecycle_event(actor, EVENT_DRAINED);
}

static void on_stop_signal(void *arg)
{
    lifecycle_event(arg, EVENT_STOP);
}

static int open_store(struct actor *actor, struct err *err)
{
    const char *url = config_text(actor->config, "database_url");
    if (url[0] == '\0')
        return err_set(err, "database_url is not set (flag --database-url, TB_DATABASE_URL or the config file)");
    char name[128], user[64] = "";
    snprintf(name, sizeof name, "tulip %s", actor->sender);
    if (!db_url_has_user(url))
        snprintf(user, sizeof user, "tb_%s", actor->spec->name);
    struct db_options options = {.url = url,
                                 .application_name = name,
                                 .user = user,
                                 .password_file = config_text(actor->config, "database_password_file"),
                                 .statement_timeout_ms = actor->spec->statement_timeout_ms > 0
                                                             ? actor->spec->statement_timeout_ms
                                                             : STATEMENT_TIMEOUT_MS,
                                 .read_only = actor->spec->read_only,
                                 .lease_ms = actor->spec->leads != NULL ? LEASE_MS : 0};
    struct db_statement *statements = tb_alloc_zero(actor->spec->proc_count, sizeof *statements);
    for (size_t i = 0; i < actor->spec->proc_count; i++)
        statements[i] = (struct db_statement){actor->spec->procs[i].name, actor->spec->procs[i].sql};
    actor->db = db_new(actor->loop, &options, statements, actor->spec->proc_count, on_store_state, actor, err);
    int status = actor->db != NULL ? aside_open(actor, &options, statements, err) : -1;
    free(statements);
    return status;
}

int lifecycle_start(struct actor *actor, struct err *err)
{
    snprintf(actor->lock_name, sizeof actor->lock_name, "tulip:%s:%s", config_text(actor->config, "region"),
             actor->spec->leads != NULL ? actor->spec->leads : "");
    actor->lock_timer = loop_timer_new(actor->loop, try_lock, actor);
    actor->drain_timer = loop_timer_new(actor->loop, on_drain, actor);
    loop_on_stop_signal(actor->loop, on_stop_signal, actor);
    if (open_store(actor, err) < 0)
        return -1;
    lifecycle_event(actor, EVENT_CONFIGURED);
    return 0;
}

void lifecycle_release(struct actor *actor)
{
    db_free(&actor->aside);
    db_free(&actor->db); /* gives up the lock: a standby may lead from here on */
    if (actor->links != NULL)
        close_links(actor, true);
    loop_timer_free(&actor->lock_timer);
    loop_timer_free(&actor->drain_timer);
}
