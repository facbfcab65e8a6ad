#include "fill_peer.h"

#include <check.h>
#include <stdio.h>

enum { ANSWER_MS = 20000, TRACE_BYTES = 16 };

static uint64_t next_request = 1;
static uint8_t trace[TRACE_BYTES] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                     0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};

static void fill_submit(Tb__SubmitOrder *submit, const struct peer_order *order, char *generated, size_t size)
{
    tb__submit_order__init(submit);
    snprintf(generated, size, "generated-%llu", (unsigned long long)next_request);
    submit->request_id = next_request++;
    submit->user_id = (char *)(order->user ? order->user : "clusius");
    submit->client_id = (char *)(order->client ? order->client : submit->user_id);
    submit->idempotency_key = order->key ? (char *)order->key : generated;
    submit->key_generated = order->key == NULL;
    submit->simulation_seed = (char *)(order->seed ? order->seed : "");
    submit->side = order->side ? order->side : TB__SIDE__SIDE_BUY;
    submit->quantity = order->quantity ? order->quantity : 10;
    submit->price_cents = order->price_cents ? order->price_cents : 12420;
    submit->time_in_force = TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC;
    submit->trace_id = (ProtobufCBinaryData){.len = TRACE_BYTES, .data = trace};
}

void peer_send(struct rig_link *gateway, const struct peer_order *orders, size_t count)
{
    static Tb__SubmitOrder submits[PEER_ORDERS_MAX];
    static Tb__SubmitOrder *pointers[PEER_ORDERS_MAX];
    static char generated[PEER_ORDERS_MAX][64];
    ck_assert_uint_le(count, PEER_ORDERS_MAX);
    for (size_t i = 0; i < count; i++) {
        fill_submit(&submits[i], &orders[i], generated[i], sizeof generated[i]);
        pointers[i] = &submits[i];
    }
    Tb__SubmitOrders message = TB__SUBMIT_ORDERS__INIT;
    message.orders = pointers;
    message.n_orders = count;
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__SUBMIT_ORDERS, &message.base, TB__STREAM__STREAM_UNSPECIFIED, 0,
                       ANSWER_MS));
}

const Tb__OrderResult *const *peer_submit(struct rig_link *gateway, const struct peer_order *orders, size_t count)
{
    static const Tb__OrderResult *results[PEER_ORDERS_MAX];
    uint64_t first = next_request;
    peer_send(gateway, orders, count);
    for (size_t i = 0; i < count; i++)
        results[i] = NULL;
    for (size_t answered = 0; answered < count;) {
        const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__ORDER_RESULTS, ANSWER_MS);
        ck_assert_msg(answer != NULL, "no answer to %zu of %zu orders", count - answered, count);
        const Tb__OrderResults *batch = (const Tb__OrderResults *)answer->payload;
        for (size_t i = 0; i < batch->n_results; i++, answered++) {
            uint64_t index = batch->results[i]->request_id - first;
            ck_assert_msg(index < count && results[index] == NULL, "an answer nobody waits for");
            results[index] = batch->results[i];
        }
    }
    return results;
}

const Tb__CancelResult *peer_cancel(struct rig_link *gateway, uint64_t order_seq, const char *user)
{
    Tb__CancelOrder cancel = TB__CANCEL_ORDER__INIT;
    Tb__CancelOrder *pointer = &cancel;
    Tb__CancelOrders message = TB__CANCEL_ORDERS__INIT;
    cancel.request_id = next_request++;
    cancel.order_seq = order_seq;
    cancel.user_id = (char *)user;
    cancel.trace_id = (ProtobufCBinaryData){.len = TRACE_BYTES, .data = trace};
    message.cancels = &pointer;
    message.n_cancels = 1;
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__CANCEL_ORDERS, &message.base, TB__STREAM__STREAM_UNSPECIFIED, 0,
                       ANSWER_MS));
    const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__CANCEL_RESULTS, ANSWER_MS);
    ck_assert_msg(answer != NULL, "no answer to a cancel request");
    const Tb__CancelResults *batch = (const Tb__CancelResults *)answer->payload;
    ck_assert_uint_eq(batch->n_results, 1);
    ck_assert_uint_eq(batch->results[0]->request_id, cancel.request_id);
    return batch->results[0];
}
