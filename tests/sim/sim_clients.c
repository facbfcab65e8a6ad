/* The sim's clients: they place orders under keys, retry whatever ended unknown with the same key, ask again, cancel;
 * and an operator who redrives dead letters. They believe only what they are told, and hold the actors to it. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/core.h"
#include "base.h"
#include "sequencer/core.h"

enum request_kind { REQUEST_SUBMIT = 0, REQUEST_AGAIN, REQUEST_OTHER_CONTENT, REQUEST_CANCEL, REQUEST_CANCEL_ALL };

enum {
    ACT_EVERY_US = 15000,
    ANSWER_PATIENCE_US = 400000, /* then the outcome is unknown, and the client asks again */
    BATCH_MAX = 8,
    POKE_EVERY_US = 400000,
};

struct placed {
    char client[32], key[32], seed[24];
    const char *user;
    uint32_t side, quantity, time_in_force;
    int64_t price_cents;
    int64_t start_us; /* when the client thinks of it */
    int64_t ask_us;   /* when it asks (again); 0 = it waits for nothing */
    bool known;       /* it was told that the order is accepted, under: */
    uint64_t seq;
    uint64_t new_request;      /* the request that was told "new", not "replayed" */
    bool ask_again, ask_other; /* probes still to be made */
    bool cancel_wanted, cancel_done;
    int64_t cancel_us;
};

struct sim_clients {
    struct placed *orders;
    size_t count;
    uint64_t serial;
    char waiting[128];
};

static const char *const users[SIM_USERS] = {"clusius", "oosterwijck", "leeuwenhoek", "ada"};

static void choose_seed(struct sim *sim, struct placed *order)
{
    static const char *const seeds[] = {"cancel",         "partial:3", "slow:700",   "hang",
                                        "poison-balance", "dup:3",     "partial:16", "slow:4000",
                                        "partial:99",     "slow:0",    "dup:"};
    if (sim_chance(sim, 450000))
        snprintf(order->seed, sizeof order->seed, "%s", seeds[sim_below(sim, TB_ARRAY_SIZE(seeds))]);
    else
        snprintf(order->seed, sizeof order->seed, "any-%" PRIu64, sim_below(sim, 1000));
}

struct sim_clients *clients_new(struct sim *sim)
{
    struct sim_clients *clients = tb_alloc_zero(1, sizeof *clients);
    clients->count = sim->options.orders;
    clients->orders = tb_alloc_zero(clients->count ? clients->count : 1, sizeof *clients->orders);
    bool burst = sim_chance(sim, 300000); /* all at once: backpressure */
    for (size_t i = 0; i < clients->count; i++) {
        struct placed *order = &clients->orders[i];
        snprintf(order->client, sizeof order->client, "client-%" PRIu64, sim_below(sim, 3));
        snprintf(order->key, sizeof order->key, "key-%zu", i);
        choose_seed(sim, order);
        order->user = users[sim_below(sim, SIM_USERS)];
        order->side = 1 + (uint32_t)sim_below(sim, 2);
        order->quantity = 1 + (uint32_t)sim_below(sim, 40);
        order->time_in_force = 1 + (uint32_t)sim_below(sim, 3);
        order->price_cents = 1 + (int64_t)sim_below(sim, 20000);
        order->start_us =
            burst ? sim->now_us + sim_between(sim, 0, 300000) : sim_between(sim, sim->now_us, sim->peace_us);
        order->ask_us = order->start_us;
        order->ask_again = sim_chance(sim, 150000);
        order->ask_other = sim_chance(sim, 80000);
        order->cancel_wanted = strcmp(order->seed, "hang") == 0 || sim_chance(sim, 120000);
    }
    return clients;
}

void clients_free(struct sim_clients **clients)
{
    free((*clients)->orders);
    free(*clients);
    *clients = NULL;
}

/* ---- asking ---- */

static uint64_t new_request(struct sim_clients *clients, size_t index, enum request_kind kind)
{
    return (++clients->serial << 24) | (uint64_t)index << 4 | (uint64_t)kind;
}

/* One message to be, for one gateway. */
struct submission {
    Tb__SubmitOrder orders[BATCH_MAX], *pointers[BATCH_MAX];
    size_t count;
};

static void submission_send(struct sim *sim, unsigned gateway, struct submission *batch)
{
    Tb__SubmitOrders message = TB__SUBMIT_ORDERS__INIT;
    if (batch->count == 0)
        return;
    message.n_orders = batch->count;
    message.orders = batch->pointers;
    bus_from_gateway(sim, gateway, SIM_SEQUENCER, SEQUENCER_COMMAND, TB__MESSAGE_TYPE__SUBMIT_ORDERS, &message.base);
    batch->count = 0;
}

static void submission_add(struct sim *sim, unsigned gateway, struct submission *batch, size_t index,
                           enum request_kind kind)
{
    struct placed *order = &sim->clients->orders[index];
    Tb__SubmitOrder *submit = &batch->orders[batch->count];
    static uint8_t trace_id[16] = "sim-trace-id-16b";
    tb__submit_order__init(submit);
    submit->request_id = new_request(sim->clients, index, kind);
    submit->user_id = (char *)order->user;
    submit->client_id = order->client;
    submit->idempotency_key = order->key;
    submit->side = (Tb__Side)order->side;
    submit->quantity = order->quantity + (kind == REQUEST_OTHER_CONTENT ? 1 : 0);
    submit->price_cents = order->price_cents;
    submit->time_in_force = (Tb__TimeInForce)order->time_in_force;
    submit->simulation_seed = order->seed;
    submit->trace_id = (ProtobufCBinaryData){.len = sizeof trace_id, .data = trace_id};
    batch->pointers[batch->count++] = submit;
    if (batch->count == BATCH_MAX || sim_chance(sim, 200000))
        submission_send(sim, gateway, batch);
}

static void ask_cancel(struct sim *sim, size_t index)
{
    struct placed *order = &sim->clients->orders[index];
    Tb__CancelOrder cancel = TB__CANCEL_ORDER__INIT, *pointer = &cancel;
    Tb__CancelOrders message = TB__CANCEL_ORDERS__INIT;
    bool all = sim_chance(sim, 30000);
    cancel.request_id = new_request(sim->clients, index, all ? REQUEST_CANCEL_ALL : REQUEST_CANCEL);
    cancel.order_seq = all ? 0 : order->seq;
    cancel.user_id = (char *)order->user;
    message.n_cancels = 1;
    message.cancels = &pointer;
    bus_from_gateway(sim, (unsigned)(index % SIM_GATEWAYS), SIM_SEQUENCER, SEQUENCER_COMMAND,
                     TB__MESSAGE_TYPE__CANCEL_ORDERS, &message.base);
}

static void act_for(struct sim *sim, size_t index, struct submission *batch)
{
    struct placed *order = &sim->clients->orders[index];
    unsigned gateway = (unsigned)(index % SIM_GATEWAYS);
    if (order->ask_us != 0 && order->ask_us <= sim->now_us) {
        order->ask_us = sim->now_us + ANSWER_PATIENCE_US;
        enum request_kind kind = !order->known      ? REQUEST_SUBMIT
                                 : order->ask_again ? REQUEST_AGAIN
                                                    : REQUEST_OTHER_CONTENT;
        submission_add(sim, gateway, batch, index, kind);
    }
    if (order->known && order->cancel_wanted && !order->cancel_done && order->cancel_us <= sim->now_us) {
        order->cancel_us = sim->now_us + ANSWER_PATIENCE_US;
        ask_cancel(sim, index);
    }
}

void clients_act(struct sim *sim)
{
    for (unsigned gateway = 0; gateway < SIM_GATEWAYS; gateway++) {
        struct submission batch = {.count = 0};
        for (size_t i = gateway; i < sim->clients->count; i += SIM_GATEWAYS)
            act_for(sim, i, &batch);
        submission_send(sim, gateway, &batch);
    }
    sim_schedule(sim, (struct sim_event){.kind = EVENT_CLIENT, .due_us = sim->now_us + ACT_EVERY_US});
}

/* ---- being answered ---- */

static void learn(struct sim *sim, struct placed *order, const Tb__OrderResult *result)
{
    const Tb__OrderRecord *record = result->order;
    if (record == NULL || record->seq == 0) {
        sim_fail(sim, "key %s is accepted, but not said as what", order->key);
        return;
    }
    if (order->known && order->seq != record->seq)
        sim_fail(sim, "key %s is order %" PRIu64 " and order %" PRIu64, order->key, order->seq, record->seq);
    if (!result->replayed && order->new_request != 0 && order->new_request != result->request_id)
        sim_fail(sim, "key %s is a new order twice", order->key);
    if (!result->replayed)
        order->new_request = result->request_id;
    if (strcmp(record->user_id, order->user) != 0 || strcmp(record->idempotency_key, order->key) != 0 ||
        record->quantity != order->quantity || record->price_cents != order->price_cents ||
        record->side != order->side || strcmp(record->simulation_seed, order->seed) != 0)
        sim_fail(sim, "key %s got order %" PRIu64 " of other content", order->key, record->seq);
    if (!order->known) {
        order->known = true;
        order->seq = record->seq;
        order->cancel_us = sim->now_us + sim_between(sim, 0, 300000);
        sim->counts.orders++;
    }
}

static void take_order_result(struct sim *sim, const Tb__OrderResult *result)
{
    enum request_kind kind = result->request_id & 15;
    struct placed *order = &sim->clients->orders[(result->request_id >> 4) & 0xfffff];
    switch (result->refusal) {
    case TB__REFUSAL__REFUSAL_NONE:
        if (kind == REQUEST_OTHER_CONTENT) {
            sim_fail(sim, "key %s is accepted with other content", order->key);
            return;
        }
        learn(sim, order, result);
        if (kind == REQUEST_AGAIN && !result->replayed)
            sim_fail(sim, "key %s asked again is no replay", order->key);
        if (kind == REQUEST_AGAIN)
            order->ask_again = false;
        break;
    case TB__REFUSAL__REFUSAL_KEY_REUSED:
        if (kind != REQUEST_OTHER_CONTENT || result->order == NULL || result->order->seq != order->seq)
            sim_fail(sim, "key %s is refused as used for other content", order->key);
        order->ask_other = false;
        break;
    case TB__REFUSAL__REFUSAL_BACKPRESSURE:
    case TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE:
        if (order->ask_us != 0)
            order->ask_us = sim->now_us + sim_between(sim, 5000, 300000);
        return;
    default:
        sim_fail(sim, "key %s is refused: %d", order->key, (int)result->refusal);
        return;
    }
    order->ask_us = order->ask_again || order->ask_other ? sim->now_us + sim_between(sim, 0, 500000) : 0;
}

static void take_cancel_result(struct sim *sim, const Tb__CancelResult *result)
{
    enum request_kind kind = result->request_id & 15;
    struct placed *order = &sim->clients->orders[(result->request_id >> 4) & 0xfffff];
    bool named = kind == REQUEST_CANCEL_ALL;
    for (size_t i = 0; i < result->n_order_seqs; i++) {
        named = named || result->order_seqs[i] == order->seq;
        if (store_cancel_request(sim->store, result->order_seqs[i]) == NULL)
            sim_fail(sim, "the cancel of order %" PRIu64 " is acknowledged, not stored", result->order_seqs[i]);
    }
    switch (result->refusal) {
    case TB__REFUSAL__REFUSAL_NONE:
        if (!named)
            sim_fail(sim, "the cancel of order %" PRIu64 " is acknowledged without naming it", order->seq);
        if (kind == REQUEST_CANCEL && !order->cancel_done)
            sim->counts.cancels++;
        order->cancel_done = order->cancel_done || kind == REQUEST_CANCEL;
        break;
    case TB__REFUSAL__REFUSAL_TERMINAL:
        if (store_final(sim->store, order->seq) == NULL)
            sim_fail(sim, "order %" PRIu64 " is called final and is not", order->seq);
        order->cancel_done = true;
        break;
    case TB__REFUSAL__REFUSAL_BACKPRESSURE:
    case TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE:
        order->cancel_us = sim->now_us + sim_between(sim, 5000, 300000);
        break;
    default:
        sim_fail(sim, "the cancel of order %" PRIu64 " is refused: %d", order->seq, (int)result->refusal);
        break;
    }
}

void clients_take(struct sim *sim, unsigned gateway, Tb__MessageType type, const ProtobufCMessage *message)
{
    (void)gateway;
    if (type == TB__MESSAGE_TYPE__ORDER_RESULTS) {
        const Tb__OrderResults *results = (const Tb__OrderResults *)message;
        for (size_t i = 0; i < results->n_results; i++)
            take_order_result(sim, results->results[i]);
    } else if (type == TB__MESSAGE_TYPE__CANCEL_RESULTS) {
        const Tb__CancelResults *results = (const Tb__CancelResults *)message;
        for (size_t i = 0; i < results->n_results; i++)
            take_cancel_result(sim, results->results[i]);
    } else if (type == TB__MESSAGE_TYPE__BALANCE_RESULT) {
        const Tb__BalanceResult *result = (const Tb__BalanceResult *)message;
        if (result->refusal == TB__REFUSAL__REFUSAL_INVALID)
            sim_fail(sim, "balance refuses an operator's command as invalid");
    } else {
        sim_fail(sim, "a gateway is sent a message of type %d", (int)type);
    }
}

/* ---- the operator ---- */

static void command(struct sim *sim, Tb__BalanceCommand__Kind kind, uint64_t outbox_seq, const char *user)
{
    Tb__BalanceCommand message = TB__BALANCE_COMMAND__INIT;
    message.request_id = ++sim->clients->serial;
    message.kind = kind;
    message.outbox_seq = outbox_seq;
    message.user_id = (char *)user;
    message.actor = (char *)"operator";
    bus_from_gateway(sim, 0, SIM_BALANCE, BALANCE_LINK_COMMAND, TB__MESSAGE_TYPE__BALANCE_COMMAND, &message.base);
}

void clients_poke(struct sim *sim)
{
    const struct sim_store *store = sim->store;
    for (size_t i = 0; i < store->dead.count; i++) {
        const struct sim_dead_letter *letter = &store->dead.rows[i];
        bool dead = letter->state == 2;
        bool retrying = letter->state == 1;
        if (!dead && ((retrying && sim->peace) || !sim_chance(sim, 100000)))
            continue; /* now and then what is over is pressed as well; what is retrying must come to its end by itself
                       */
        Tb__BalanceCommand__Kind kind =
            letter->outbox_seq % 5 == 0 ? TB__BALANCE_COMMAND__KIND__DISCARD : TB__BALANCE_COMMAND__KIND__REDRIVE;
        command(sim, kind, letter->outbox_seq, "");
        if (sim_chance(sim, 300000))
            command(sim, kind, letter->outbox_seq, "");
    }
    if (sim_chance(sim, 200000))
        command(sim, TB__BALANCE_COMMAND__KIND__REBUILD, 0, users[sim_below(sim, SIM_USERS)]);
    sim_schedule(
        sim, (struct sim_event){.kind = EVENT_POKE, .due_us = sim->now_us + sim_between(sim, 1000, 2 * POKE_EVERY_US)});
}

/* ---- at the end ---- */

static const struct placed *first_waiting(const struct sim *sim)
{
    for (size_t i = 0; i < sim->clients->count; i++) {
        const struct placed *order = &sim->clients->orders[i];
        if (!order->known || order->ask_us != 0 || (order->cancel_wanted && !order->cancel_done))
            return order;
    }
    return NULL;
}

bool clients_content(const struct sim *sim)
{
    return first_waiting(sim) == NULL;
}

const char *clients_waiting(const struct sim *sim)
{
    const struct placed *order = first_waiting(sim);
    if (order == NULL)
        return "no client waits";
    snprintf(sim->clients->waiting, sizeof sim->clients->waiting, "the client of %s waits for %s (seq %" PRIu64 ")",
             order->key,
             !order->known   ? "its order"
             : order->ask_us ? "a replay"
                             : "its cancel",
             order->seq);
    return sim->clients->waiting;
}

void clients_check(struct sim *sim)
{
    for (size_t i = 0; i < sim->clients->count; i++) {
        const struct placed *order = &sim->clients->orders[i];
        const Tb__OrderRecord *record = store_order(sim->store, order->seq);
        if (record == NULL || strcmp(record->idempotency_key, order->key) != 0 ||
            strcmp(record->client_id, order->client) != 0) {
            sim_fail(sim, "order %" PRIu64 " of %s was acknowledged and is not stored", order->seq, order->key);
            return;
        }
        if (store_final(sim->store, order->seq) == NULL)
            sim_fail(sim, "order %" PRIu64 " was acknowledged and never became final", order->seq);
    }
}
