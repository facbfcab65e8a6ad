#include "store.h"

#include <string.h>

#include "actor.h"
#include "base.h"

static struct money read_money(const struct db_rows *rows, size_t row, int column)
{
    return money_cents(db_get_int(rows, row, column));
}

/* Effect: copies a uuid column. Return: false when it is NULL. */
static bool read_trace(const struct db_rows *rows, size_t row, int column, uint8_t trace_id[16])
{
    const uint8_t *uuid = db_get_uuid(rows, row, column);
    if (uuid)
        memcpy(trace_id, uuid, 16);
    return uuid != NULL;
}

static void read_user(const struct db_rows *rows, size_t row, int column, char user_id[BALANCE_USER_SIZE])
{
    (void)tb_copy_text(user_id, BALANCE_USER_SIZE, db_get_text(rows, row, column));
}

static void *one_row_missing(const char *what, struct err *err)
{
    err_set(err, "%s returned no row", what);
    return NULL;
}

/* What every fenced function begins with. */
static void add_fence(struct db_params *params, const char *region, uint64_t epoch, uint64_t next_seq)
{
    db_add_text(params, region);
    db_add_int8(params, (int64_t)epoch);
    db_add_int8(params, (int64_t)next_seq);
}

/* --- START --- */

static void encode_start(const void *arguments, struct db_params *params)
{
    const struct balance_start_args *args = arguments;
    db_add_text(params, args->region);
}

static void *decode_start(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1)
        return one_row_missing("balance_start", err);
    struct balance_started *started = arena_alloc(arena, sizeof *started);
    started->epoch = (uint64_t)db_get_int(rows, 0, 0);
    started->next_seq = (uint64_t)db_get_int(rows, 0, 1);
    started->outbox_position = (uint64_t)db_get_int(rows, 0, 2);
    started->ops_position = (uint64_t)db_get_int(rows, 0, 3);
    started->dead_depth = (uint64_t)db_get_int(rows, 0, 4);
    return started;
}

/* --- READ_OUTBOX --- */

static void encode_read_outbox(const void *arguments, struct db_params *params)
{
    const struct balance_read_outbox_args *args = arguments;
    db_add_text(params, args->region);
    db_add_int8(params, (int64_t)args->after);
    db_add_int4(params, (int32_t)args->limit);
}

static void *decode_read_outbox(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    size_t count = db_row_count(rows);
    struct balance_outbox_rows *result = arena_alloc(arena, sizeof *result);
    struct balance_adjustment *adjustments = arena_array(arena, count ? count : 1, sizeof *adjustments);
    for (size_t i = 0; i < count; i++) {
        struct balance_adjustment *to = &adjustments[i];
        to->seq = (uint64_t)db_get_int(rows, i, 0);
        to->order_seq = (uint64_t)db_get_int(rows, i, 1);
        to->delta = read_money(rows, i, 2);
        to->price = read_money(rows, i, 3);
        to->created_at_us = db_get_time(rows, i, 4);
        to->order_created_at_us = db_get_time(rows, i, 5);
        to->quantity = (uint32_t)db_get_int(rows, i, 6);
        to->side = (uint8_t)db_get_int(rows, i, 7);
        to->has_trace = read_trace(rows, i, 8, to->trace_id);
        read_user(rows, i, 9, to->user_id);
    }
    *result = (struct balance_outbox_rows){count, adjustments};
    return result;
}

/* --- READ_RETRIES --- */

static void encode_read_retries(const void *arguments, struct db_params *params)
{
    const struct balance_read_retries_args *args = arguments;
    db_add_text(params, args->region);
    db_add_int4(params, (int32_t)args->limit);
}

static void *decode_read_retries(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    size_t count = db_row_count(rows);
    struct balance_retry_rows *result = arena_alloc(arena, sizeof *result);
    struct balance_retry *retries = arena_array(arena, count ? count : 1, sizeof *retries);
    for (size_t i = 0; i < count; i++)
        retries[i] = (struct balance_retry){.outbox_seq = (uint64_t)db_get_int(rows, i, 0),
                                            .attempts = (uint32_t)db_get_int(rows, i, 1),
                                            .next_attempt_at_us = db_get_time(rows, i, 2)};
    *result = (struct balance_retry_rows){count, retries};
    return result;
}

/* --- OPEN --- */

static void encode_open(const void *arguments, struct db_params *params)
{
    const struct balance_open_args *args = arguments;
    add_fence(params, args->region, args->epoch, args->next_seq);
    db_add_int4(params, (int32_t)args->limit);
    db_add_int8(params, args->opening.cents);
    db_add_time(params, args->now_us);
}

/* The first row is the cursor and how many events were read; the others are opened accounts. */
static void *decode_open(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) < 1)
        return one_row_missing("balance_open", err);
    size_t count = db_row_count(rows) - 1;
    struct balance_opened *opened = arena_alloc(arena, sizeof *opened);
    struct balance_opening *openings = arena_array(arena, count ? count : 1, sizeof *openings);
    for (size_t i = 0; i < count; i++) {
        read_user(rows, i + 1, 0, openings[i].user_id);
        openings[i].resulting = read_money(rows, i + 1, 3);
        openings[i].version = (uint64_t)db_get_int(rows, i + 1, 4);
        openings[i].has_trace = read_trace(rows, i + 1, 5, openings[i].trace_id);
    }
    *opened = (struct balance_opened){.ops_position = (uint64_t)db_get_int(rows, 0, 1),
                                      .more = db_get_int(rows, 0, 2) >= BALANCE_OPEN_LIMIT,
                                      .count = count,
                                      .rows = openings};
    return opened;
}

/* --- APPLY --- */

static void encode_apply(const void *arguments, struct db_params *params)
{
    const struct balance_apply_args *args = arguments;
    add_fence(params, args->region, args->epoch, args->next_seq);
    db_add_int8(params, (int64_t)args->first);
    db_add_int4(params, (int32_t)args->count);
    db_add_time(params, args->now_us);
}

static void *decode_apply(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    size_t count = db_row_count(rows);
    struct balance_applied *applied = arena_alloc(arena, sizeof *applied);
    struct balance_applied_row *entries = arena_array(arena, count ? count : 1, sizeof *entries);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct balance_applied_row){read_money(rows, i, 0), (uint64_t)db_get_int(rows, i, 1)};
    *applied = (struct balance_applied){count, entries};
    return applied;
}

/* --- FAIL --- */

static void encode_fail(const void *arguments, struct db_params *params)
{
    const struct balance_fail_args *args = arguments;
    add_fence(params, args->region, args->epoch, args->next_seq);
    db_add_int8(params, (int64_t)args->outbox_seq);
    db_add_int4(params, (int32_t)args->attempts);
    db_add_bool(params, args->dead);
    db_add_time(params, args->next_attempt_at_us);
    db_add_time(params, args->now_us);
    db_add_text(params, args->error);
}

static void *decode_fail(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct balance_failed *failed = arena_alloc(arena, sizeof *failed);
    if (db_row_count(rows) == 0)
        return failed;
    failed->recorded = true;
    read_user(rows, 0, 0, failed->user_id);
    failed->order_seq = (uint64_t)db_get_int(rows, 0, 1);
    failed->has_trace = read_trace(rows, 0, 2, failed->trace_id);
    return failed;
}

/* --- RESOLVE --- */

static void encode_resolve(const void *arguments, struct db_params *params)
{
    const struct balance_resolve_args *args = arguments;
    add_fence(params, args->region, args->epoch, args->next_seq);
    db_add_int8(params, (int64_t)args->outbox_seq);
    db_add_int2(params, (int16_t)args->how);
    db_add_text(params, args->actor);
    db_add_time(params, args->now_us);
}

static void *decode_resolve(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1)
        return one_row_missing("balance_resolve", err);
    struct balance_resolved *resolved = arena_alloc(arena, sizeof *resolved);
    struct balance_adjustment *adjustment = &resolved->adjustment;
    resolved->outcome = (enum balance_outcome)db_get_int(rows, 0, 0);
    if (resolved->outcome != BALANCE_OUTCOME_APPLIED)
        return resolved;
    resolved->was_dead = db_get_bool(rows, 0, 1);
    resolved->attempts = (uint32_t)db_get_int(rows, 0, 2);
    if (!db_is_null(rows, 0, 3)) { /* a discard moves nothing */
        resolved->resulting = read_money(rows, 0, 3);
        resolved->version = (uint64_t)db_get_int(rows, 0, 4);
    }
    adjustment->order_seq = (uint64_t)db_get_int(rows, 0, 5);
    adjustment->delta = read_money(rows, 0, 6);
    adjustment->price = read_money(rows, 0, 7);
    adjustment->created_at_us = db_get_time(rows, 0, 8);
    adjustment->order_created_at_us = db_get_time(rows, 0, 9);
    adjustment->quantity = (uint32_t)db_get_int(rows, 0, 10);
    adjustment->side = (uint8_t)db_get_int(rows, 0, 11);
    adjustment->has_trace = read_trace(rows, 0, 12, adjustment->trace_id);
    read_user(rows, 0, 13, adjustment->user_id);
    return resolved;
}

/* --- REBUILD --- */

static void encode_rebuild(const void *arguments, struct db_params *params)
{
    const struct balance_rebuild_args *args = arguments;
    add_fence(params, args->region, args->epoch, args->next_seq);
    db_add_text(params, args->account);
    db_add_text(params, args->actor);
    db_add_time(params, args->now_us);
}

static void *decode_rebuild(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct balance_rebuilt *rebuilt = arena_alloc(arena, sizeof *rebuilt);
    if (db_row_count(rows) == 0)
        return rebuilt;
    rebuilt->found = true;
    rebuilt->before = read_money(rows, 0, 0);
    rebuilt->after = read_money(rows, 0, 1);
    return rebuilt;
}

static const struct actor_proc procs[BALANCE_PROC_COUNT] = {
    [BALANCE_PROC_START] = {"balance_start", "SELECT * FROM balance_start($1)", encode_start, decode_start},
    [BALANCE_PROC_READ_OUTBOX] = {"balance_read_outbox",
                                  "SELECT seq, order_seq, delta_cents, price_cents, created_at, order_created_at, "
                                  "quantity, side, trace_id, user_id FROM outbox WHERE region = $1 AND seq > $2 "
                                  "ORDER BY seq LIMIT $3::integer",
                                  encode_read_outbox, decode_read_outbox},
    [BALANCE_PROC_READ_RETRIES] = {"balance_read_retries",
                                   "SELECT outbox_seq, attempts, next_attempt_at FROM dead_letters WHERE region = $1 "
                                   "AND state = 1 ORDER BY next_attempt_at, outbox_seq LIMIT $2::integer",
                                   encode_read_retries, decode_read_retries},
    [BALANCE_PROC_OPEN] = {"balance_open", "SELECT * FROM balance_open($1, $2, $3, $4, $5, $6)", encode_open,
                           decode_open},
    [BALANCE_PROC_APPLY] = {"balance_apply", "SELECT * FROM balance_apply($1, $2, $3, $4, $5, $6)", encode_apply,
                            decode_apply},
    [BALANCE_PROC_FAIL] = {"balance_fail", "SELECT * FROM balance_fail($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                           encode_fail, decode_fail},
    [BALANCE_PROC_RESOLVE] = {"balance_resolve", "SELECT * FROM balance_resolve($1, $2, $3, $4, $5, $6, $7)",
                              encode_resolve, decode_resolve},
    [BALANCE_PROC_REBUILD] = {"balance_rebuild", "SELECT * FROM balance_rebuild($1, $2, $3, $4, $5, $6)",
                              encode_rebuild, decode_rebuild},
};

const struct actor_proc *balance_store_procs(void)
{
    return procs;
}
