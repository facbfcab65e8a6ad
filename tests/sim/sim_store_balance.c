/* Balance's store procedures on tables in memory (actors/balance/store.h says what each promises). */
#include "sim_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base.h"
#include "sim_copy.h"

#define MARKET "@market"

enum { STATE_RETRYING = 1, STATE_DEAD, STATE_SETTLED, STATE_DISCARDED };
enum { REASON_OPENING = 1, REASON_ORDER_FILL };

const void *balance_copy_args(struct arena *arena, unsigned proc, const void *args)
{
    switch ((enum balance_proc)proc) {
    case BALANCE_PROC_READ_OUTBOX:
        return arena_copy(arena, args, sizeof(struct balance_read_outbox_args));
    case BALANCE_PROC_READ_RETRIES:
        return arena_copy(arena, args, sizeof(struct balance_read_retries_args));
    case BALANCE_PROC_OPEN:
        return arena_copy(arena, args, sizeof(struct balance_open_args));
    case BALANCE_PROC_APPLY:
        return arena_copy(arena, args, sizeof(struct balance_apply_args));
    case BALANCE_PROC_FAIL: {
        struct balance_fail_args *copy = arena_copy(arena, args, sizeof *copy);
        copy->error = arena_strdup(arena, copy->error);
        return copy;
    }
    case BALANCE_PROC_RESOLVE: {
        struct balance_resolve_args *copy = arena_copy(arena, args, sizeof *copy);
        copy->actor = copy->actor ? arena_strdup(arena, copy->actor) : NULL;
        return copy;
    }
    case BALANCE_PROC_REBUILD: {
        struct balance_rebuild_args *copy = arena_copy(arena, args, sizeof *copy);
        copy->account = arena_strdup(arena, copy->account);
        return copy;
    }
    default:
        return NULL;
    }
}

static struct sim_balance *account_of(struct sim_store *store, const char *account)
{
    for (size_t i = 0; i < store->balances.count; i++)
        if (strcmp(store->balances.rows[i].account, account) == 0)
            return &store->balances.rows[i];
    return NULL;
}

static const struct sim_outbox *outbox_row(const struct sim_store *store, uint64_t seq)
{
    for (size_t i = 0; i < store->outbox.count; i++)
        if (store->outbox.rows[i].adjustment.seq == seq)
            return &store->outbox.rows[i];
    return NULL;
}

/* Return: whether the ledger has this movement: the unique key (order_seq, owner, account, reason). */
static bool has_entry(const struct sim_store *store, uint64_t order_seq, const char *owner, uint32_t reason)
{
    for (size_t i = 0; i < store->ledger.count; i++) {
        const struct sim_entry *entry = &store->ledger.rows[i];
        if (entry->order_seq == order_seq && entry->reason == reason && strcmp(entry->owner, owner) == 0)
            return true;
    }
    return false;
}

static struct sim_balance insert_leg(struct sim_store *store, uint64_t seq, const char *account, const char *owner,
                                     int64_t delta_cents, uint32_t reason, uint64_t order_seq)
{
    struct sim_balance *balance = account_of(store, account);
    if (balance == NULL) {
        balance = SIM_INSERT(store->balances);
        balance->account = arena_strdup(&store->arena, account);
    }
    balance->cents += delta_cents;
    balance->version++;
    *SIM_INSERT(store->ledger) = (struct sim_entry){.seq = seq,
                                                    .order_seq = order_seq,
                                                    .version = balance->version,
                                                    .delta_cents = delta_cents,
                                                    .resulting_cents = balance->cents,
                                                    .reason = reason,
                                                    .account = balance->account,
                                                    .owner = arena_strdup(&store->arena, owner)};
    return *balance;
}

/* Effect: one movement, two legs. Return: the persona's balance after it. */
static struct sim_balance move(struct sim_store *store, uint64_t seq, const char *user, int64_t delta_cents,
                               uint32_t reason, uint64_t order_seq)
{
    insert_leg(store, seq, MARKET, user, -delta_cents, reason, order_seq);
    return insert_leg(store, seq, user, user, delta_cents, reason, order_seq);
}

static uint64_t dead_depth(const struct sim_store *store)
{
    uint64_t depth = 0;
    for (size_t i = 0; i < store->dead.count; i++)
        depth += store->dead.rows[i].state == STATE_DEAD;
    return depth;
}

static void start(struct sim_store *store, struct sim_call *call)
{
    calls_before_epoch(store->sim, SIM_BALANCE);
    struct sim_head *head = &store->balances_head;
    head->epoch++;
    struct balance_started *result = arena_alloc(&call->arena, sizeof *result);
    *result = (struct balance_started){.epoch = (uint64_t)head->epoch,
                                       .next_seq = head->next_seq,
                                       .outbox_position = store->balance_cursor,
                                       .ops_position = store->balance_ops_cursor,
                                       .dead_depth = dead_depth(store)};
    call->result = result;
}

static void read_outbox(struct sim_store *store, struct sim_call *call)
{
    const struct balance_read_outbox_args *args = call->args;
    struct balance_outbox_rows *result = arena_alloc(&call->arena, sizeof *result);
    struct balance_adjustment *rows = arena_array(&call->arena, args->limit, sizeof *rows);
    for (size_t i = 0; i < store->outbox.count && result->count < args->limit && !store_bug(store, SIM_BUG_STALE_POLL);
         i++)
        if (store->outbox.rows[i].adjustment.seq > args->after)
            rows[result->count++] = store->outbox.rows[i].adjustment;
    result->rows = rows;
    call->result = result;
}

static void read_retries(struct sim_store *store, struct sim_call *call)
{
    const struct balance_read_retries_args *args = call->args;
    struct balance_retry_rows *result = arena_alloc(&call->arena, sizeof *result);
    struct balance_retry *rows = arena_array(&call->arena, args->limit, sizeof *rows);
    for (size_t i = 0; i < store->dead.count; i++) {
        const struct sim_dead_letter *letter = &store->dead.rows[i];
        if (letter->state != STATE_RETRYING)
            continue;
        size_t at = result->count < args->limit ? result->count++ : args->limit;
        while (at > 0 && rows[at - 1].next_attempt_at_us >
                             letter->next_attempt_at_us) { /* by next attempt, the latest falls out */
            if (at < args->limit)
                rows[at] = rows[at - 1];
            at--;
        }
        if (at < args->limit)
            rows[at] = (struct balance_retry){.outbox_seq = letter->outbox_seq,
                                              .attempts = letter->attempts,
                                              .next_attempt_at_us = letter->next_attempt_at_us};
    }
    result->rows = rows;
    call->result = result;
}

static void open_accounts(struct sim_store *store, struct sim_call *call)
{
    const struct balance_open_args *args = call->args;
    struct balance_opened *result = arena_alloc(&call->arena, sizeof *result);
    struct balance_opening *rows = arena_array(&call->arena, args->limit, sizeof *rows);
    result->rows = rows;
    result->ops_position = store->balance_ops_cursor;
    uint64_t last = store->personas.count < result->ops_position + args->limit ? store->personas.count
                                                                               : result->ops_position + args->limit;
    call->result = result;
    if (last == result->ops_position)
        return;
    if (!store_fence(store, call, &store->balances_head, (int64_t)args->epoch, args->next_seq))
        return;
    result->more = last - result->ops_position == args->limit;
    for (uint64_t event = result->ops_position; event < last; event++) {
        const char *user = store->personas.rows[event];
        if (has_entry(store, 0, user, REASON_OPENING))
            continue;
        struct balance_opening *row = &rows[result->count];
        struct sim_balance balance =
            move(store, args->next_seq + result->count++, user, args->opening.cents, REASON_OPENING, 0);
        row->resulting = money_cents(balance.cents);
        row->version = balance.version;
        tb_assert(tb_copy_text(row->user_id, sizeof row->user_id, user));
    }
    store->balances_head.next_seq += result->count;
    store->balance_ops_cursor = result->ops_position = last;
}

static void apply(struct sim_store *store, struct sim_call *call)
{
    const struct balance_apply_args *args = call->args;
    if (!store_fence(store, call, &store->balances_head, (int64_t)args->epoch, args->next_seq))
        return;
    if (store->balance_cursor != args->first - 1 || outbox_row(store, args->first + args->count - 1) == NULL) {
        store_refuse(call);
        return;
    }
    for (uint64_t seq = args->first; seq < args->first + args->count; seq++) {
        const struct sim_outbox *row = outbox_row(store, seq);
        if (row->fault == TB__ADJUSTMENT_RECORD__FAULT__FAULT_POISON) {
            store_fail(call, "TB010: adjustment is poisoned");
            return;
        }
        if (has_entry(store, row->adjustment.order_seq, row->adjustment.user_id, REASON_ORDER_FILL)) {
            store_fail(call, "23505: duplicate key value violates unique constraint of the ledger");
            return;
        }
    }
    struct balance_applied *result = arena_alloc(&call->arena, sizeof *result);
    struct balance_applied_row *rows = arena_array(&call->arena, args->count, sizeof *rows);
    for (; result->count < args->count; result->count++) {
        const struct balance_adjustment *adjustment = &outbox_row(store, args->first + result->count)->adjustment;
        struct sim_balance balance = move(store, args->next_seq + result->count, adjustment->user_id,
                                          adjustment->delta.cents, REASON_ORDER_FILL, adjustment->order_seq);
        rows[result->count] =
            (struct balance_applied_row){.resulting = money_cents(balance.cents), .version = balance.version};
    }
    store->balance_cursor = args->first + args->count - 1;
    store->balances_head.next_seq += args->count;
    result->rows = rows;
    call->result = result;
}

static void insert_event(struct sim_store *store, uint64_t seq, uint32_t type, uint64_t outbox_seq, uint32_t attempts)
{
    *SIM_INSERT(store->events) =
        (struct sim_balance_event){.seq = seq, .type = type, .outbox_seq = outbox_seq, .attempts = attempts};
}

static void fail(struct sim_store *store, struct sim_call *call)
{
    const struct balance_fail_args *args = call->args;
    if (!store_fence(store, call, &store->balances_head, (int64_t)args->epoch, args->next_seq))
        return;
    const struct sim_outbox *row = outbox_row(store, args->outbox_seq);
    struct sim_dead_letter *letter = store_dead_letter(store, args->outbox_seq);
    struct balance_failed *result = arena_alloc(&call->arena, sizeof *result);
    struct sim_dead_letter lost = {0};
    if (row == NULL || (args->attempts == 1 && letter)) {
        store_fail(call, row ? "23505: duplicate key value violates unique constraint of dead_letters"
                             : "P0002: no such adjustment");
        return;
    }
    if (args->attempts == 1 && store->balance_cursor != args->outbox_seq - 1) {
        store_refuse(call);
        return;
    }
    call->result = result;
    if (args->attempts > 1 && (letter == NULL || letter->state != STATE_RETRYING))
        return;
    if (args->attempts == 1) {
        store->balance_cursor = args->outbox_seq;
        letter = store_bug(store, SIM_BUG_LOSE_DEAD_LETTER) ? &lost : SIM_INSERT(store->dead);
        letter->outbox_seq = args->outbox_seq;
        store->sim->counts.dead_letters++;
    }
    letter->state = args->dead ? STATE_DEAD : STATE_RETRYING;
    letter->attempts = args->attempts;
    letter->next_attempt_at_us = args->next_attempt_at_us;
    insert_event(store, args->next_seq, TB__BALANCE_RECORD__TYPE__BALANCE_ADJUSTMENT_FAILED, args->outbox_seq,
                 args->attempts);
    if (args->dead)
        insert_event(store, args->next_seq + 1, TB__BALANCE_RECORD__TYPE__DEAD_LETTERED, args->outbox_seq,
                     args->attempts);
    store->balances_head.next_seq += args->dead ? 2 : 1;
    result->recorded = true;
    result->order_seq = row->adjustment.order_seq;
    result->has_trace = row->adjustment.has_trace;
    memcpy(result->trace_id, row->adjustment.trace_id, sizeof result->trace_id);
    memcpy(result->user_id, row->adjustment.user_id, sizeof result->user_id);
}

/* Effect: settles or discards an open dead letter; result->outcome is APPLIED. */
static void resolve_open(struct sim_store *store, const struct balance_resolve_args *args,
                         struct sim_dead_letter *letter, const struct sim_outbox *row, struct balance_resolved *result)
{
    uint64_t seq = args->next_seq;
    *result = (struct balance_resolved){.outcome = BALANCE_OUTCOME_APPLIED,
                                        .was_dead = letter->state == STATE_DEAD,
                                        .attempts = letter->attempts,
                                        .adjustment = row->adjustment};
    if (args->how != BALANCE_HOW_RETRY)
        insert_event(store, seq++,
                     args->how == BALANCE_HOW_REDRIVE ? TB__BALANCE_RECORD__TYPE__DEAD_LETTER_REDRIVEN
                                                      : TB__BALANCE_RECORD__TYPE__DEAD_LETTER_DISCARDED,
                     args->outbox_seq, letter->attempts);
    if (args->how != BALANCE_HOW_DISCARD) {
        struct sim_balance balance = move(store, seq++, row->adjustment.user_id, row->adjustment.delta.cents,
                                          REASON_ORDER_FILL, row->adjustment.order_seq);
        result->resulting = money_cents(balance.cents);
        result->version = balance.version;
    }
    letter->state = args->how == BALANCE_HOW_DISCARD ? STATE_DISCARDED : STATE_SETTLED;
    store->balances_head.next_seq = seq;
}

static void resolve(struct sim_store *store, struct sim_call *call)
{
    const struct balance_resolve_args *args = call->args;
    if (!store_fence(store, call, &store->balances_head, (int64_t)args->epoch, args->next_seq))
        return;
    struct balance_resolved *result = arena_alloc(&call->arena, sizeof *result);
    struct sim_dead_letter *letter = store_dead_letter(store, args->outbox_seq);
    const struct sim_outbox *row = outbox_row(store, args->outbox_seq);
    call->result = result;
    bool again = store_bug(store, SIM_BUG_REDRIVE_TWICE);
    if (letter == NULL || row == NULL) {
        result->outcome = BALANCE_OUTCOME_NOT_FOUND;
    } else if (letter->state >= STATE_SETTLED && !again) {
        bool same = (letter->state == STATE_DISCARDED) == (args->how == BALANCE_HOW_DISCARD);
        result->outcome = same ? BALANCE_OUTCOME_ALREADY : BALANCE_OUTCOME_TERMINAL;
    } else if (args->how == BALANCE_HOW_RETRY && row->fault == TB__ADJUSTMENT_RECORD__FAULT__FAULT_POISON) {
        store_fail(call, "TB010: adjustment is poisoned");
    } else if (args->how != BALANCE_HOW_DISCARD && !again &&
               has_entry(store, row->adjustment.order_seq, row->adjustment.user_id, REASON_ORDER_FILL)) {
        store_fail(call, "23505: duplicate key value violates unique constraint of the ledger");
    } else {
        resolve_open(store, args, letter, row, result);
    }
}

static void rebuild(struct sim_store *store, struct sim_call *call)
{
    const struct balance_rebuild_args *args = call->args;
    if (!store_fence(store, call, &store->balances_head, (int64_t)args->epoch, args->next_seq))
        return;
    struct balance_rebuilt *result = arena_alloc(&call->arena, sizeof *result);
    struct sim_balance *balance = account_of(store, args->account);
    call->result = result;
    if (balance == NULL)
        return;
    int64_t sum_cents = 0;
    uint64_t entries = 0;
    for (size_t i = 0; i < store->ledger.count; i++)
        if (strcmp(store->ledger.rows[i].account, args->account) == 0) {
            sum_cents += store->ledger.rows[i].delta_cents;
            entries++;
        }
    *result =
        (struct balance_rebuilt){.found = true, .before = money_cents(balance->cents), .after = money_cents(sum_cents)};
    if (balance->cents != sum_cents || balance->version != entries)
        sim_fail(store->sim, "rebuild changes the balance of %s from %" PRId64 " to %" PRId64, args->account,
                 balance->cents, sum_cents);
    balance->cents = sum_cents;
    balance->version = entries;
}

void balance_execute(struct sim_store *store, struct sim_call *call, bool dry)
{
    tb_assert(!dry);
    switch ((enum balance_proc)call->proc) {
    case BALANCE_PROC_START:
        start(store, call);
        break;
    case BALANCE_PROC_READ_OUTBOX:
        read_outbox(store, call);
        break;
    case BALANCE_PROC_READ_RETRIES:
        read_retries(store, call);
        break;
    case BALANCE_PROC_OPEN:
        open_accounts(store, call);
        break;
    case BALANCE_PROC_APPLY:
        apply(store, call);
        break;
    case BALANCE_PROC_FAIL:
        fail(store, call);
        break;
    case BALANCE_PROC_RESOLVE:
        resolve(store, call);
        break;
    case BALANCE_PROC_REBUILD:
        rebuild(store, call);
        break;
    default:
        tb_assert_failed("no such procedure of balance", __FILE__, __LINE__);
    }
}

void balance_move_cursor(struct sim_store *store, const struct sim_call *call, bool forward)
{
    if (call->proc != BALANCE_PROC_APPLY)
        return;
    const struct balance_apply_args *args = call->args;
    uint64_t last = args->first + args->count - 1;
    if (forward && (int64_t)args->epoch == store->balances_head.epoch && store->balance_cursor == args->first - 1 &&
        outbox_row(store, last))
        store->balance_cursor = last;
    if (!forward && store->balance_cursor == last)
        store->balance_cursor = args->first - 1;
}
