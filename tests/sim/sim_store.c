/* The sim's store: tables in memory. What is here stands for sql/0001 … 0004, to the outcome. */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

static const char *const user_names[SIM_USERS] = {"clusius", "oosterwijck", "leeuwenhoek", "ada"};

void *sim_grow(void *rows, size_t *capacity, size_t count, size_t size)
{
    if (count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        rows = tb_realloc(rows, *capacity, size);
    }
    memset((char *)rows + count * size, 0, size);
    return rows;
}

struct sim_store *store_new(struct sim *sim)
{
    struct sim_store *store = tb_alloc_zero(1, sizeof *store);
    store->sim = sim;
    arena_init(&store->arena, 256 << 20);
    store->orders_head.next_seq = store->executions_head.next_seq = store->outbox_head.next_seq =
        store->balances_head.next_seq = 1;
    for (unsigned i = 0; i < SIM_USERS; i++)
        *SIM_INSERT(store->personas) = user_names[i];
    return store;
}

void store_free(struct sim_store **store_pointer)
{
    struct sim_store *store = *store_pointer;
    free(store->orders.rows);
    free(store->executions.rows);
    free(store->parked.rows);
    free(store->outbox.rows);
    free(store->ledger.rows);
    free(store->balances.rows);
    free(store->events.rows);
    free(store->dead.rows);
    free((void *)store->personas.rows);
    arena_release(&store->arena);
    free(store);
    *store_pointer = NULL;
}

struct sim_call *store_call_new(struct sim *sim, const struct sim_node *node, unsigned proc, const void *args)
{
    struct sim_call *call = call_new(sim);
    call->node = node->number;
    call->actor = node->actor;
    call->proc = proc;
    switch (node->actor) {
    case SIM_SEQUENCER:
        call->args = sequencer_copy_args(&call->arena, proc, args);
        break;
    case SIM_SIMFILL:
        call->args = simfill_copy_args(&call->arena, proc, args);
        break;
    default:
        call->args = balance_copy_args(&call->arena, proc, args);
        break;
    }
    return call;
}

void store_execute(struct sim_store *store, struct sim_call *call, bool dry)
{
    call->status = STORE_DONE;
    call->result = call->error = NULL;
    switch (call->actor) {
    case SIM_SEQUENCER:
        sequencer_execute(store, call, dry);
        break;
    case SIM_SIMFILL:
        simfill_execute(store, call, dry);
        break;
    default:
        balance_execute(store, call, dry);
        break;
    }
}

void store_refuse(struct sim_call *call)
{
    call->status = STORE_REFUSED;
}

void store_fail(struct sim_call *call, const char *error)
{
    call->status = STORE_FAILED;
    call->result = NULL;
    call->error = error;
}

bool store_bug(const struct sim_store *store, enum sim_bug bug)
{
    return store->sim->options.bug == bug;
}

bool store_fence(struct sim_store *store, struct sim_call *call, const struct sim_head *head, int64_t epoch,
                 uint64_t next_seq)
{
    if (head->epoch == epoch && head->next_seq == next_seq)
        return true;
    if (store_bug(store, SIM_BUG_NO_FENCE) || (store_bug(store, SIM_BUG_LATE_COMMIT) && call->late))
        return true;
    store_refuse(call);
    return false;
}

const Tb__OrderRecord *store_order(const struct sim_store *store, uint64_t seq)
{
    if (seq >= 1 && seq <= store->orders.count && store->orders.rows[seq - 1]->seq == seq)
        return store->orders.rows[seq - 1];
    for (size_t i = 0; i < store->orders.count; i++) /* a bug has made holes */
        if (store->orders.rows[i]->seq == seq)
            return store->orders.rows[i];
    return NULL;
}

const struct sim_execution *store_final(const struct sim_store *store, uint64_t order_seq)
{
    for (size_t i = store->executions.count; i-- > 0;)
        if (store->executions.rows[i].order_seq == order_seq && store->executions.rows[i].leg == 0)
            return &store->executions.rows[i];
    return NULL;
}

const Tb__OrderRecord *store_cancel_request(const struct sim_store *store, uint64_t order_seq)
{
    for (size_t i = 0; i < store->orders.count; i++)
        if (store->orders.rows[i]->kind == TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST &&
            store->orders.rows[i]->target_seq == order_seq)
            return store->orders.rows[i];
    return NULL;
}

bool store_is_parked(const struct sim_store *store, uint64_t order_seq)
{
    for (size_t i = 0; i < store->parked.count; i++)
        if (store->parked.rows[i].order_seq == order_seq)
            return true;
    return false;
}

struct sim_dead_letter *store_dead_letter(const struct sim_store *store, uint64_t outbox_seq)
{
    for (size_t i = 0; i < store->dead.count; i++)
        if (store->dead.rows[i].outbox_seq == outbox_seq)
            return &store->dead.rows[i];
    return NULL;
}
