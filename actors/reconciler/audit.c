#include "audit.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "db.h"
#include "page.h"

enum statement { STATEMENT_CHECK = 0, STATEMENT_OPEN, STATEMENT_PAGE, STATEMENT_COUNT };

static const struct db_statement statements[STATEMENT_COUNT] = {
    [STATEMENT_CHECK] = {"check", RECONCILER_CHECK_SQL},
    [STATEMENT_OPEN] =
        {"open", "SELECT orders_total, orders_open, parked, adjustments_waiting, retrying, dead FROM audit_open($1)"},
    [STATEMENT_PAGE] = {"page", PAGE_SQL},
};

static const char *const ids[AUDIT_CHECKS] = {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"};
enum { REPLAY_AT = 6 /* I7 among them */ };

struct audit {
    const struct audit_options *options;
    struct audit_result *result;
    struct err *err;
    struct loop *loop;
    struct db *db;
    struct loop_timer *patience;
    struct arena arena;
    struct replay replay;
    uint64_t after;
    size_t check; /* under way */
    bool asked, failed;
};

static void fail(struct audit *audit, const char *what, const char *why)
{
    if (!audit->failed)
        err_set(audit->err, "%s: %s", what, why ? why : "the connection was lost");
    audit->failed = true;
    loop_stop(audit->loop);
}

static void call(struct audit *audit, enum statement statement, const struct db_params *params,
                 db_result_handler *handler)
{
    if (!db_call(audit->db, statement, params, handler, audit))
        fail(audit, statements[statement].name, "the connection is not up");
}

/* ---- I7, page by page ---- */

static void on_page(void *arg, enum db_status status, const struct db_rows *rows, const char *error);

static void ask_page(struct audit *audit)
{
    struct db_params params;
    struct reconciler_page_args args = {audit->options->region, audit->after, 0, RECONCILER_PAGE_MAX};
    arena_reset(&audit->arena);
    db_params_init(&params, &audit->arena);
    page_encode(&args, &params);
    call(audit, STATEMENT_PAGE, &params, on_page);
}

static void replay_done(struct audit *audit)
{
    const struct replay *replay = &audit->replay;
    struct audit_check *check = &audit->result->checks[REPLAY_AT];
    snprintf(check->id, sizeof check->id, "I7");
    check->ok = replay->first_divergence == 0;
    check->count = replay->divergences;
    snprintf(check->sample, sizeof check->sample,
             check->ok ? "[]" : "[{\"orderSeq\": %llu, \"problem\": \"its executions are not what its plan says\"}]",
             (unsigned long long)replay->first_divergence);
    audit->result->replayed = replay->orders;
    audit->result->live_hash = replay->live_hash;
    audit->result->replay_hash = replay->replay_hash;
    audit->result->first_divergence = replay->first_divergence;
    loop_stop(audit->loop);
}

static void on_page(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct audit *audit = arg;
    if (audit->failed) /* an answer that came along with the failure; its rows may be empty */
        return;
    if (status != DB_DONE) {
        fail(audit, "replay", error);
        return;
    }
    arena_reset(&audit->arena);
    const struct reconciler_page *page = page_read(rows, &audit->arena);
    for (size_t i = 0; i < page->count; i++)
        (void)replay_add(&audit->replay, &page->orders[i]);
    if (page->count < RECONCILER_PAGE_MAX) {
        replay_done(audit);
        return;
    }
    audit->after = page->orders[page->count - 1].seq;
    ask_page(audit);
}

/* ---- the others, slice by slice: a short statement each, so that no snapshot keeps the server from pruning ---- */

static void on_slice(void *arg, enum db_status status, const struct db_rows *rows, const char *error);

/* Effect: asks for the next slice of the check under way; state: of the one before, NULL = begin. */
static void ask_slice(struct audit *audit, const char *state)
{
    struct db_params params;
    arena_reset(&audit->arena);
    db_params_init(&params, &audit->arena);
    db_add_text(&params, audit->options->region);
    db_add_text(&params, ids[audit->check]);
    db_add_text(&params, state);
    db_add_int4(&params, RECONCILER_SLICE_ROWS);
    call(audit, STATEMENT_CHECK, &params, on_slice);
}

static void on_open(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct audit *audit = arg;
    if (audit->failed) /* an answer that came along with the failure; its rows may be empty */
        return;
    if (status != DB_DONE || db_row_count(rows) != 1) {
        fail(audit, "open work", status == DB_DONE ? "no row" : error);
        return;
    }
    struct audit_open *open = &audit->result->open;
    open->orders = (uint64_t)db_get_int(rows, 0, 0);
    open->orders_open = (uint64_t)db_get_int(rows, 0, 1);
    open->parked = (uint64_t)db_get_int(rows, 0, 2);
    open->adjustments_waiting = (uint64_t)db_get_int(rows, 0, 3);
    open->retrying = (uint64_t)db_get_int(rows, 0, 4);
    open->dead = (uint64_t)db_get_int(rows, 0, 5);
}

static void ask_open(struct audit *audit)
{
    struct db_params params;
    arena_reset(&audit->arena);
    db_params_init(&params, &audit->arena);
    db_add_text(&params, audit->options->region);
    call(audit, STATEMENT_OPEN, &params, on_open);
}

static void read_outcome(struct audit *audit, const struct db_rows *rows)
{
    struct audit_check *check = &audit->result->checks[audit->check];
    (void)tb_copy_text(check->id, sizeof check->id, ids[audit->check]);
    check->ok = db_get_bool(rows, 0, 1);
    check->count = (uint64_t)db_get_int(rows, 0, 2);
    if (!tb_copy_text(check->sample, sizeof check->sample, db_get_text(rows, 0, 3)))
        (void)tb_copy_text(check->sample, sizeof check->sample, "[]"); /* half of a sample is no JSON */
}

static void on_slice(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct audit *audit = arg;
    if (audit->failed) /* an answer that came along with the failure; its rows may be empty */
        return;
    if (status != DB_DONE || db_row_count(rows) != 1) {
        fail(audit, ids[audit->check], status == DB_DONE ? "no row" : error);
        return;
    }
    if (!db_is_null(rows, 0, 0)) {
        ask_slice(audit, db_get_text(rows, 0, 0));
        return;
    }
    read_outcome(audit, rows);
    audit->check += audit->check + 1 == REPLAY_AT ? 2 : 1;
    if (audit->check < AUDIT_CHECKS) {
        ask_slice(audit, NULL);
        return;
    }
    ask_open(audit);
    ask_page(audit);
}

static void ask(struct audit *audit)
{
    audit->asked = true;
    loop_timer_clear(audit->patience);
    ask_slice(audit, NULL);
}

static void on_state(void *arg, enum db_state state, const char *reason)
{
    struct audit *audit = arg;
    if (state == DB_UP && !audit->asked && !audit->failed)
        ask(audit);
    else if (state == DB_DOWN && audit->asked)
        fail(audit, "connection", reason);
    else if (state == DB_DOWN) /* it is tried again until patience ends: then this is why */
        err_set(audit->err, "connection: %s", reason);
}

static void on_patience(void *arg)
{
    struct audit *audit = arg;
    if (audit->err->text[0] == 0)
        err_set(audit->err, "connection: no answer in time");
    audit->failed = true;
    loop_stop(audit->loop);
}

int audit_run(const struct audit_options *options, struct audit_result *result, struct err *err)
{
    struct audit audit = {.options = options, .result = result, .err = err};
    struct db_options db_options = {
        .url = options->database_url, .application_name = "tulip-audit", .user = options->user, .read_only = true};
    *result = (struct audit_result){.ok = false};
    replay_init(&audit.replay);
    arena_init(&audit.arena, 64 << 20);
    audit.loop = loop_new();
    audit.patience = loop_timer_new(audit.loop, on_patience, &audit);
    loop_timer_set(audit.patience, (int64_t)options->patience_ms * 1000, 0);
    audit.db = db_new(audit.loop, &db_options, statements, STATEMENT_COUNT, on_state, &audit, err);
    if (audit.db)
        loop_run(audit.loop);
    bool failed = audit.failed || audit.db == NULL;
    db_free(&audit.db);
    loop_timer_free(&audit.patience);
    loop_free(&audit.loop);
    arena_release(&audit.arena);
    if (failed)
        return -1;
    result->ok = true;
    for (size_t i = 0; i < AUDIT_CHECKS; i++)
        result->ok = result->ok && result->checks[i].ok;
    return 0;
}
