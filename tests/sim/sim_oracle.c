/* The sim's oracle: what must hold of each message when it is sent, and of the tables when all is at rest. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "reconciler/replay.h"

enum { DEAD_SETTLED = 3, DEAD_DISCARDED = 4, REASON_ORDER_FILL = 2 };

/* ---- rule 1: commit, then speak ---- */

static void sent_order(struct sim *sim, const Tb__OrderRecord *record)
{
    const Tb__OrderRecord *stored = store_order(sim->store, record->seq);
    if (stored == NULL || stored->kind != record->kind || stored->target_seq != record->target_seq ||
        strcmp(stored->client_id, record->client_id) != 0 ||
        strcmp(stored->idempotency_key, record->idempotency_key) != 0 || stored->quantity != record->quantity ||
        stored->price_cents != record->price_cents || stored->side != record->side ||
        strcmp(stored->simulation_seed, record->simulation_seed) != 0 || stored->created_at_us != record->created_at_us)
        sim_fail(sim, "order %" PRIu64 " is spoken of, but not committed as such", record->seq);
}

static void sent_execution(struct sim *sim, const Tb__ExecutionRecord *record)
{
    const struct sim_store *store = sim->store;
    const struct sim_execution *stored =
        record->seq >= 1 && record->seq <= store->executions.count ? &store->executions.rows[record->seq - 1] : NULL;
    if (stored == NULL || stored->seq != record->seq || stored->order_seq != record->order_seq ||
        stored->type != record->type || stored->leg != record->leg || stored->quantity != record->quantity ||
        stored->price_cents != record->price_cents || stored->notional_cents != record->notional_cents ||
        stored->created_at_us != record->created_at_us)
        sim_fail(sim, "execution %" PRIu64 " is spoken of, but not committed as such", record->seq);
}

static void sent_adjustment(struct sim *sim, const Tb__AdjustmentRecord *record)
{
    const struct sim_store *store = sim->store;
    const struct sim_outbox *stored =
        record->seq >= 1 && record->seq <= store->outbox.count ? &store->outbox.rows[record->seq - 1] : NULL;
    if (stored == NULL || stored->adjustment.seq != record->seq || stored->adjustment.order_seq != record->order_seq ||
        stored->adjustment.delta.cents != record->delta_cents ||
        strcmp(stored->adjustment.user_id, record->user_id) != 0)
        sim_fail(sim, "adjustment %" PRIu64 " is spoken of, but not committed as such", record->seq);
}

static void sent_balance(struct sim *sim, const Tb__BalanceRecord *record)
{
    const struct sim_store *store = sim->store;
    if (record->type != TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED) {
        for (size_t i = 0; i < store->events.count; i++)
            if (store->events.rows[i].seq == record->seq && store->events.rows[i].type == record->type &&
                store->events.rows[i].outbox_seq == record->outbox_seq)
                return;
    } else {
        for (size_t i = 0; i < store->ledger.count; i++) {
            const struct sim_entry *entry = &store->ledger.rows[i];
            if (entry->seq == record->seq && strcmp(entry->account, record->user_id) == 0 &&
                entry->delta_cents == record->delta_cents && entry->resulting_cents == record->resulting_cents &&
                entry->version == record->version && entry->order_seq == record->order_seq)
                return;
        }
    }
    sim_fail(sim, "balances event %" PRIu64 " is spoken of, but not committed as such", record->seq);
}

static void sent_results(struct sim *sim, const Tb__OrderResults *results)
{
    for (size_t i = 0; i < results->n_results; i++)
        if (results->results[i]->refusal == TB__REFUSAL__REFUSAL_NONE && results->results[i]->order)
            sent_order(sim, results->results[i]->order);
}

void oracle_sent(struct sim *sim, const struct sim_node *node, Tb__MessageType type, const ProtobufCMessage *message)
{
    (void)node;
    if (type == TB__MESSAGE_TYPE__ORDERS_APPENDED) {
        const Tb__OrdersAppended *batch = (const Tb__OrdersAppended *)message;
        for (size_t i = 0; i < batch->n_records; i++)
            sent_order(sim, batch->records[i]);
    } else if (type == TB__MESSAGE_TYPE__EXECUTIONS_APPENDED) {
        const Tb__ExecutionsAppended *batch = (const Tb__ExecutionsAppended *)message;
        for (size_t i = 0; i < batch->n_records; i++)
            sent_execution(sim, batch->records[i]);
    } else if (type == TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED) {
        const Tb__AdjustmentsAppended *batch = (const Tb__AdjustmentsAppended *)message;
        for (size_t i = 0; i < batch->n_records; i++)
            sent_adjustment(sim, batch->records[i]);
    } else if (type == TB__MESSAGE_TYPE__BALANCES_APPENDED) {
        const Tb__BalancesAppended *batch = (const Tb__BalancesAppended *)message;
        for (size_t i = 0; i < batch->n_records; i++)
            sent_balance(sim, batch->records[i]);
    } else if (type == TB__MESSAGE_TYPE__ORDER_RESULTS) {
        sent_results(sim, (const Tb__OrderResults *)message);
    }
}

/* ---- rest ---- */

bool oracle_at_rest(struct sim *sim, const char **why)
{
    const struct sim_store *store = sim->store;
    *why = NULL;
    if (sim->late)
        *why = "a transaction is in doubt";
    else if (store->simfill_cursor + 1 < store->orders_head.next_seq)
        *why = "simfill's cursor is behind the orders";
    else if (store->parked.count > 0)
        *why = "orders are parked";
    else if (store->executions_head.total < store->orders_head.total)
        *why = "orders are open";
    else if (store->balance_cursor + 1 < store->outbox_head.next_seq)
        *why = "balance's cursor is behind the outbox";
    else if (store->balance_ops_cursor < store->personas.count)
        *why = "balance's cursor is behind ops";
    for (size_t i = 0; i < store->dead.count && *why == NULL; i++)
        if (store->dead.rows[i].state < DEAD_SETTLED)
            *why = "an adjustment is retrying or dead";
    return *why == NULL;
}

/* ---- the tables ---- */

static int compare_seq(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* I4 for one stream; takes the numbers (frees them). */
static void check_dense(struct sim *sim, const char *stream, uint64_t *seqs, size_t count, uint64_t next_seq)
{
    qsort(seqs, count, sizeof *seqs, compare_seq);
    for (size_t i = 0; i < count; i++)
        if (seqs[i] != i + 1) {
            sim_fail(sim, "%s: row %zu has seq %" PRIu64, stream, i + 1, seqs[i]);
            break;
        }
    if (count + 1 != next_seq)
        sim_fail(sim, "%s: %zu rows, and the next seq is %" PRIu64, stream, count, next_seq);
    free(seqs);
}

static void check_streams(struct sim *sim)
{
    const struct sim_store *store = sim->store;
    uint64_t *orders = tb_alloc_zero(store->orders.count + 1, sizeof *orders);
    for (size_t i = 0; i < store->orders.count; i++)
        orders[i] = store->orders.rows[i]->seq;
    check_dense(sim, "orders", orders, store->orders.count, store->orders_head.next_seq);
    uint64_t *executions = tb_alloc_zero(store->executions.count + 1, sizeof *executions);
    for (size_t i = 0; i < store->executions.count; i++)
        executions[i] = store->executions.rows[i].seq;
    check_dense(sim, "executions", executions, store->executions.count, store->executions_head.next_seq);
    uint64_t *outbox = tb_alloc_zero(store->outbox.count + 1, sizeof *outbox);
    for (size_t i = 0; i < store->outbox.count; i++)
        outbox[i] = store->outbox.rows[i].adjustment.seq;
    check_dense(sim, "outbox", outbox, store->outbox.count, store->outbox_head.next_seq);
    uint64_t *balances = tb_alloc_zero(store->ledger.count + store->events.count + 1, sizeof *balances);
    size_t count = 0;
    for (size_t i = 0; i < store->ledger.count; i++)
        if (strcmp(store->ledger.rows[i].account, "@market") != 0)
            balances[count++] = store->ledger.rows[i].seq;
    for (size_t i = 0; i < store->events.count; i++)
        balances[count++] = store->events.rows[i].seq;
    check_dense(sim, "balances", balances, count, store->balances_head.next_seq);
}

static void check_keys(struct sim *sim)
{
    const struct sim_store *store = sim->store;
    for (size_t i = 0; i < store->orders.count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(store->orders.rows[i]->idempotency_key, store->orders.rows[j]->idempotency_key) == 0 &&
                strcmp(store->orders.rows[i]->client_id, store->orders.rows[j]->client_id) == 0) {
                sim_fail(sim, "orders %" PRIu64 " and %" PRIu64 " have one key: %s", store->orders.rows[j]->seq,
                         store->orders.rows[i]->seq, store->orders.rows[i]->idempotency_key);
                return;
            }
}

/* Effect: checks that the order's one adjustment (or none) and one ledger entry (or none) say what its trades say: I1,
 * I3. */
static void check_settled(struct sim *sim, const Tb__OrderRecord *order, bool accepted, int64_t notional_cents)
{
    const struct sim_store *store = sim->store;
    int64_t delta_cents = order->side == TB__SIDE__SIDE_BUY ? -notional_cents : notional_cents;
    uint64_t adjustments = 0, entries = 0;
    bool discarded = false;
    for (size_t i = 0; i < store->outbox.count; i++) {
        const struct balance_adjustment *adjustment = &store->outbox.rows[i].adjustment;
        if (adjustment->order_seq != order->seq)
            continue;
        adjustments++;
        const struct sim_dead_letter *letter = store_dead_letter(store, adjustment->seq);
        discarded = letter && letter->state == DEAD_DISCARDED;
        if (adjustment->delta.cents != delta_cents || strcmp(adjustment->user_id, order->user_id) != 0)
            sim_fail(sim, "order %" PRIu64 ": its adjustment is not what its trades say", order->seq);
    }
    for (size_t i = 0; i < store->ledger.count; i++) {
        const struct sim_entry *entry = &store->ledger.rows[i];
        if (entry->order_seq != order->seq || entry->reason != REASON_ORDER_FILL ||
            strcmp(entry->account, "@market") == 0)
            continue;
        entries++;
        if (entry->delta_cents != delta_cents || strcmp(entry->account, order->user_id) != 0)
            sim_fail(sim, "order %" PRIu64 ": its ledger entry is not what its trades say", order->seq);
    }
    if (adjustments != (accepted ? 1 : 0))
        sim_fail(sim, "order %" PRIu64 " has %" PRIu64 " adjustments", order->seq, adjustments);
    if (entries != (accepted && !discarded ? 1 : 0))
        sim_fail(sim, "order %" PRIu64 " has %" PRIu64 " ledger entries", order->seq, entries);
}

/* Effect: checks the order's executions: one final record, trades as planned (I3, I7), and what they moved (I1). */
static void check_order(struct sim *sim, const Tb__OrderRecord *order, struct replay *replay)
{
    const struct sim_store *store = sim->store;
    struct replay_order played = {.seq = order->seq,
                                  .simulation_seed = order->simulation_seed,
                                  .side = order->side,
                                  .quantity = order->quantity,
                                  .price = money_cents(order->price_cents),
                                  .cancel_requested = store_cancel_request(store, order->seq) != NULL};
    uint64_t finals = 0;
    int64_t notional_cents = 0;
    for (size_t i = 0; i < store->executions.count; i++) {
        const struct sim_execution *execution = &store->executions.rows[i];
        if (execution->order_seq != order->seq)
            continue;
        if (execution->leg == 0) {
            finals++;
            played.final_type = execution->type;
            played.final_quantity = execution->quantity;
            continue;
        }
        if (played.trade_count < REPLAY_TRADES_MAX)
            played.trades[played.trade_count] = (struct replay_trade){
                .leg = execution->leg, .quantity = execution->quantity, .price = money_cents(execution->price_cents)};
        played.trade_count++;
        notional_cents += execution->price_cents * execution->quantity;
    }
    if (finals != 1)
        sim_fail(sim, "order %" PRIu64 " has %" PRIu64 " final records", order->seq, finals);
    if (!replay_add(replay, &played))
        sim_fail(sim, "order %" PRIu64 " (%s) came to another end than planned: type %u with %u trades", order->seq,
                 order->simulation_seed, played.final_type, played.trade_count);
    check_settled(sim, order, played.final_type == TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED, notional_cents);
}

static void check_ledger(struct sim *sim)
{
    const struct sim_store *store = sim->store;
    int64_t sum_cents = 0;
    for (size_t i = 0; i < store->balances.count; i++) {
        const struct sim_balance *balance = &store->balances.rows[i];
        int64_t cents = 0;
        uint64_t version = 0;
        for (size_t j = 0; j < store->ledger.count; j++) {
            const struct sim_entry *entry = &store->ledger.rows[j];
            if (strcmp(entry->account, balance->account) != 0)
                continue;
            cents += entry->delta_cents;
            if (entry->version != ++version || entry->resulting_cents != cents)
                sim_fail(sim, "ledger entry %" PRIu64 " of %s does not follow from those before it", entry->seq,
                         entry->account);
        }
        if (cents != balance->cents || version != balance->version)
            sim_fail(sim, "the balance of %s is not the sum of its entries", balance->account);
        sum_cents += cents;
    }
    if (sum_cents != 0)
        sim_fail(sim, "all balances add up to %" PRId64 ", not 0", sum_cents);
    if (store->balances.count != store->personas.count + 1)
        sim_fail(sim, "%zu accounts for %zu personas and the market", store->balances.count, store->personas.count);
}

void oracle_check(struct sim *sim)
{
    const struct sim_store *store = sim->store;
    struct replay replay;
    replay_init(&replay);
    check_streams(sim);
    check_keys(sim);
    for (size_t i = 0; i < store->orders.count; i++)
        if (store->orders.rows[i]->kind == TB__ORDER_RECORD__KIND__KIND_ORDER)
            check_order(sim, store->orders.rows[i], &replay);
    if (store->sim->failure[0] == 0 && replay.live_hash != replay.replay_hash)
        sim_fail(sim, "the replay's hash differs, though no order does");
    check_ledger(sim);
}
