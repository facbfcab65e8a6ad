/* The second connection, for store procedures that may take minutes (actor_proc.aside): nothing else waits behind them.
 * It only reads and leads nothing. The store is there when both connections are; when this one alone is lost later,
 * that is no event of the lifecycle: until it is back, its calls are answered STORE_UNKNOWN. */
#include <stdio.h>
#include <stdlib.h>

#include "actor_internal.h"
#include "base.h"
#include "log.h"

static void on_result(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct actor *actor = arg;
    if (actor->aside_abandoned > 0) { /* it was answered when the store was lost */
        actor->aside_abandoned--;
        return;
    }
    driver_answered(actor, &actor->aside_calls, status, rows, error);
}

static void on_state(void *arg, enum db_state state, const char *reason)
{
    struct actor *actor = arg;
    actor->aside_up = state == DB_UP;
    if (state == DB_UP) {
        actor->aside_logged = false;
        lifecycle_store_up(actor);
    } else if (state == DB_DOWN && !actor->aside_logged && db_current_state(actor->db) == DB_UP) {
        actor->aside_logged = true;
        log_warning("second connection to the store away: %s", reason);
    }
}

int aside_open(struct actor *actor, const struct db_options *options, const struct db_statement *statements,
               struct err *err)
{
    const struct actor_spec *spec = actor->spec;
    bool wanted = false;
    for (size_t i = 0; i < spec->proc_count; i++)
        wanted = wanted || spec->procs[i].aside;
    if (!wanted)
        return 0;
    tb_assert(spec->aside_timeout_ms > 0);
    char name[160];
    struct db_options aside = *options;
    snprintf(name, sizeof name, "%s aside", options->application_name);
    aside.application_name = name;
    aside.statement_timeout_ms = spec->aside_timeout_ms;
    aside.read_only = true;
    aside.lease_ms = 0;
    actor->aside = db_new(actor->loop, &aside, statements, spec->proc_count, on_state, actor, err);
    return actor->aside == NULL ? -1 : 0;
}

bool aside_call(struct actor *actor, size_t proc, const struct db_params *params)
{
    return db_call(actor->aside, proc, params, on_result, actor);
}

void aside_abandon(struct actor *actor)
{
    while (actor->aside_calls.count > 0) {
        actor->aside_abandoned++;
        driver_answered(actor, &actor->aside_calls, DB_UNKNOWN, NULL, "the store was lost");
    }
}
