/* store: the core's SELECTs and their rows. Times are microseconds since the epoch throughout. */
#include "store.h"

#include <string.h>

#include "base.h"

/* One statement, hence one database snapshot, hence cursors and contents that belong together. Open orders lie after
 * simfill's cursor or are parked; unsettled adjustments lie after balance's cursor or were put aside: nothing here
 * grows with history. Columns: kind, n1 … n5, t1 … t4. */
#define HEADS                                                                                                          \
    "SELECT 1 AS kind, array_position(ARRAY['orders', 'executions', 'balances', 'ops'], stream)::bigint AS n1, "       \
    "next_seq AS n2, "                                                                                                 \
    "0::bigint AS n3, 0::bigint AS n4, 0::bigint AS n5, NULL::text AS t1, NULL::text AS t2, NULL::text AS t3, "        \
    "NULL::text AS t4 "                                                                                                \
    "FROM stream_heads WHERE region = $1 AND stream IN ('orders', 'executions', 'balances', 'ops') "
#define MICROSECONDS(column) "(extract(epoch FROM " column ") * 1000000)::bigint"
#define PERSONAS                                                                                                       \
    "UNION ALL SELECT 2, version, " MICROSECONDS("created_at") ", " MICROSECONDS(                                      \
        "updated_at") ", (seed::int + 2 * deleted::int)::bigint, "                                                     \
                      "0, user_id, display_name, bio, avatar_url FROM personas "
#define CUES                                                                                                           \
    "UNION ALL SELECT 6, active::int, coalesce(" MICROSECONDS(                                                         \
        "since") ", 0), 0, 0, 0, id, data::text, NULL, NULL FROM cues WHERE region = $1 "
#define BALANCES                                                                                                       \
    "UNION ALL SELECT 3, balance_cents, version, " MICROSECONDS("updated_at") ", 0, 0, account, NULL, NULL, NULL "     \
                                                                              "FROM balances WHERE region = $1 "
#define OPEN_ORDER                                                                                                     \
    "UNION ALL SELECT 4, o.seq, o.side, o.quantity, o.price_cents, 0, o.user_id, NULL, NULL, NULL FROM orders o "
#define NOT_FINAL "NOT EXISTS (SELECT FROM executions f WHERE f.region = $1 AND f.order_seq = o.seq AND f.leg = 0) "
#define CURSOR(consumer, stream)                                                                                       \
    "(SELECT position FROM cursors WHERE region = $1 AND consumer = '" consumer "' AND stream = '" stream "')"
#define OPEN_ORDERS                                                                                                    \
    OPEN_ORDER "WHERE o.region = $1 AND o.kind = 1 AND o.seq > " CURSOR(                                               \
        "simfill", "orders") " AND " NOT_FINAL OPEN_ORDER                                                              \
                             "JOIN parked_orders p ON p.region = o.region AND p.order_seq = o.seq WHERE o.region = "   \
                             "$1 AND o.kind = 1 AND o.seq <= " CURSOR("simfill", "orders") " AND " NOT_FINAL
#define UNSETTLED                                                                                                      \
    "UNION ALL SELECT 5, x.order_seq, x.delta_cents, 0, 0, 0, x.user_id, NULL, NULL, NULL FROM outbox x "              \
    "WHERE x.region = $1 AND x.seq > " CURSOR(                                                                         \
        "balance", "outbox") " "                                                                                       \
                             "UNION ALL SELECT 5, x.order_seq, x.delta_cents, 0, 0, 0, x.user_id, NULL, NULL, NULL "   \
                             "FROM dead_letters d JOIN outbox x ON x.region = d.region AND x.seq = d.outbox_seq "      \
                             "WHERE d.region = $1 AND d.state IN (1, 2) AND d.outbox_seq <= " CURSOR("balance",        \
                                                                                                     "outbox")

enum { COLUMN_KIND, COLUMN_N1, COLUMN_N2, COLUMN_N3, COLUMN_N4, COLUMN_N5, COLUMN_T1, COLUMN_T2, COLUMN_T3, COLUMN_T4 };
enum { ROW_HEAD = 1, ROW_PERSONA, ROW_BALANCE, ROW_OPEN_ORDER, ROW_UNSETTLED, ROW_CUE };
static char empty[] = "";

static void encode_region(const void *args, struct db_params *params)
{
    db_add_text(params, ((const struct store_args *)args)->region);
}

static void encode_after(const void *args, struct db_params *params)
{
    encode_region(args, params);
    db_add_int8(params, (int64_t)((const struct store_args *)args)->after);
}

static char *text_of(const struct db_rows *rows, size_t row, int column, struct arena *arena)
{
    const char *text = db_get_text(rows, row, column);
    return text == NULL || *text == '\0' ? empty : arena_strdup(arena, text);
}

static void read_persona(Tb__Persona *persona, const struct db_rows *rows, size_t row, struct arena *arena)
{
    int64_t flags = db_get_int(rows, row, COLUMN_N4);
    tb__persona__init(persona);
    persona->version = (uint64_t)db_get_int(rows, row, COLUMN_N1);
    persona->created_at_us = db_get_int(rows, row, COLUMN_N2);
    persona->updated_at_us = db_get_int(rows, row, COLUMN_N3);
    persona->seed = (flags & 1) != 0;
    persona->deleted = (flags & 2) != 0;
    persona->user_id = text_of(rows, row, COLUMN_T1, arena);
    persona->display_name = text_of(rows, row, COLUMN_T2, arena);
    persona->bio = text_of(rows, row, COLUMN_T3, arena);
    persona->avatar_url = text_of(rows, row, COLUMN_T4, arena);
}

static void read_open_order(Tb__OrderRecord *order, const struct db_rows *rows, size_t row, struct arena *arena)
{
    tb__order_record__init(order);
    order->kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    order->seq = (uint64_t)db_get_int(rows, row, COLUMN_N1);
    order->side = (Tb__Side)db_get_int(rows, row, COLUMN_N2);
    order->quantity = (uint32_t)db_get_int(rows, row, COLUMN_N3);
    order->price_cents = db_get_int(rows, row, COLUMN_N4);
    order->user_id = text_of(rows, row, COLUMN_T1, arena);
}

static void read_cue(Tb__Cue *cue, const struct db_rows *rows, size_t row, struct arena *arena)
{
    tb__cue__init(cue);
    cue->active = db_get_int(rows, row, COLUMN_N1) != 0;
    cue->since_us = db_get_int(rows, row, COLUMN_N2);
    cue->id = text_of(rows, row, COLUMN_T1, arena);
    cue->data_json = text_of(rows, row, COLUMN_T2, arena);
}

static void read_row(struct store_snapshot *snapshot, const struct db_rows *rows, size_t row, struct arena *arena)
{
    switch (db_get_int(rows, row, COLUMN_KIND)) {
    case ROW_HEAD:
        snapshot->next[db_get_int(rows, row, COLUMN_N1) - 1] = (uint64_t)db_get_int(rows, row, COLUMN_N2);
        break;
    case ROW_PERSONA:
        read_persona(&snapshot->personas[snapshot->persona_count++], rows, row, arena);
        break;
    case ROW_BALANCE: {
        struct store_balance *balance = &snapshot->balances[snapshot->balance_count++];
        balance->account = text_of(rows, row, COLUMN_T1, arena);
        balance->balance = money_cents(db_get_int(rows, row, COLUMN_N1));
        balance->version = (uint64_t)db_get_int(rows, row, COLUMN_N2);
        balance->updated_at_us = db_get_int(rows, row, COLUMN_N3);
        break;
    }
    case ROW_OPEN_ORDER:
        read_open_order(&snapshot->open_orders[snapshot->open_count++], rows, row, arena);
        break;
    case ROW_UNSETTLED:
        snapshot->unsettled[snapshot->unsettled_count++] =
            (struct store_unsettled){.order_seq = (uint64_t)db_get_int(rows, row, COLUMN_N1),
                                     .user_id = text_of(rows, row, COLUMN_T1, arena),
                                     .delta = money_cents(db_get_int(rows, row, COLUMN_N2))};
        break;
    case ROW_CUE:
        read_cue(&snapshot->cues[snapshot->cue_count++], rows, row, arena);
        break;
    default:
        break;
    }
}

static void *decode_snapshot(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct store_snapshot *snapshot = arena_alloc(arena, sizeof *snapshot);
    size_t counts[ROW_CUE + 1] = {0};
    for (size_t row = 0; row < db_row_count(rows); row++) {
        int64_t kind = db_get_int(rows, row, COLUMN_KIND);
        tb_assert(kind >= ROW_HEAD && kind <= ROW_CUE);
        counts[kind]++;
    }
    snapshot->personas = arena_array(arena, counts[ROW_PERSONA] + 1, sizeof *snapshot->personas);
    snapshot->balances = arena_array(arena, counts[ROW_BALANCE] + 1, sizeof *snapshot->balances);
    snapshot->open_orders = arena_array(arena, counts[ROW_OPEN_ORDER] + 1, sizeof *snapshot->open_orders);
    snapshot->unsettled = arena_array(arena, counts[ROW_UNSETTLED] + 1, sizeof *snapshot->unsettled);
    snapshot->cues = arena_array(arena, counts[ROW_CUE] + 1, sizeof *snapshot->cues);
    for (size_t row = 0; row < db_row_count(rows); row++)
        read_row(snapshot, rows, row, arena);
    return snapshot;
}

static void *decode_orders(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct store_rows *out = arena_alloc(arena, sizeof *out);
    out->count = db_row_count(rows);
    out->orders = arena_array(arena, out->count + 1, sizeof *out->orders);
    for (size_t row = 0; row < out->count; row++) {
        Tb__OrderRecord *order = &out->orders[row];
        tb__order_record__init(order);
        order->seq = (uint64_t)db_get_int(rows, row, 0);
        order->kind = (Tb__OrderRecord__Kind)db_get_int(rows, row, 1);
        order->side = (Tb__Side)db_get_int(rows, row, 2);
        order->quantity = (uint32_t)db_get_int(rows, row, 3);
        order->price_cents = db_get_int(rows, row, 4);
        order->user_id = text_of(rows, row, 5, arena);
    }
    return out;
}

static void *decode_executions(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct store_rows *out = arena_alloc(arena, sizeof *out);
    out->count = db_row_count(rows);
    out->executions = arena_array(arena, out->count + 1, sizeof *out->executions);
    for (size_t row = 0; row < out->count; row++) {
        Tb__ExecutionRecord *execution = &out->executions[row];
        tb__execution_record__init(execution);
        execution->seq = (uint64_t)db_get_int(rows, row, 0);
        execution->type = (Tb__ExecutionRecord__Type)db_get_int(rows, row, 1);
        execution->order_seq = (uint64_t)db_get_int(rows, row, 2);
        execution->side = (Tb__Side)db_get_int(rows, row, 3);
        execution->notional_cents = db_get_int(rows, row, 4);
        execution->user_id = text_of(rows, row, 5, arena);
    }
    return out;
}

static void *decode_balances(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct store_rows *out = arena_alloc(arena, sizeof *out);
    out->count = db_row_count(rows);
    out->balances = arena_array(arena, out->count + 1, sizeof *out->balances);
    for (size_t row = 0; row < out->count; row++) {
        Tb__BalanceRecord *balance = &out->balances[row];
        tb__balance_record__init(balance);
        balance->seq = (uint64_t)db_get_int(rows, row, 0);
        balance->type = (Tb__BalanceRecord__Type)db_get_int(rows, row, 1);
        balance->reason = (Tb__BalanceRecord__Reason)db_get_int(rows, row, 2);
        balance->order_seq = (uint64_t)db_get_int(rows, row, 3);
        balance->resulting_cents = db_get_int(rows, row, 4);
        balance->version = (uint64_t)db_get_int(rows, row, 5);
        balance->created_at_us = db_get_int(rows, row, 6);
        balance->user_id = text_of(rows, row, 7, arena);
    }
    return out;
}

const struct actor_proc gateway_procs[GATEWAY_PROCS] = {
    [PROC_SNAPSHOT] = {"gateway_snapshot", HEADS PERSONAS CUES BALANCES OPEN_ORDERS UNSETTLED, encode_region,
                       decode_snapshot},
    [PROC_HEADS] = {"gateway_heads", HEADS, encode_region, decode_snapshot},
    [PROC_PERSONAS] = {"gateway_personas", HEADS PERSONAS CUES, encode_region, decode_snapshot},
    [PROC_ORDERS_AFTER] =
        {"gateway_orders_after",
         "SELECT seq, kind, coalesce(side, 0), coalesce(quantity, 0), coalesce(price_cents, 0), user_id FROM orders "
         "WHERE region = $1 AND seq > $2 ORDER BY seq LIMIT 1000",
         encode_after, decode_orders},
    [PROC_EXECUTIONS_AFTER] = {"gateway_executions_after",
                               "SELECT seq, type, order_seq, side, notional_cents, user_id FROM executions "
                               "WHERE region = $1 AND seq > $2 ORDER BY seq LIMIT 1000",
                               encode_after, decode_executions},
    [PROC_BALANCES_AFTER] =
        {"gateway_balances_after",
         "(SELECT seq, 1 AS type, reason::int AS reason, order_seq, resulting_cents, version, " MICROSECONDS(
             "created_at") " AS at, account FROM ledger WHERE region = $1 AND seq > $2 AND account <> '@market' ORDER "
                           "BY seq LIMIT 1000) "
                           "UNION ALL (SELECT seq, type, 0, order_seq, 0, 0, " MICROSECONDS(
                               "created_at") ", user_id FROM balance_events "
                                             "WHERE region = $1 AND seq > $2 ORDER BY seq LIMIT 1000) ORDER BY seq "
                                             "LIMIT 1000",
         encode_after, decode_balances},
};
