/* The gateway's core: snapshot, feeds with gaps, the slow poll; orders and cancels that are lost, refused, repeated,
 * late. */
#include "gateway_core.h"

#include <stdlib.h>
#include <string.h>

#include "balances.pb-c.h"
#include "base.h"
#include "check_main.h"
#include "executions.pb-c.h"
#include "gateway.h"
#include "persona.pb-c.h"
#include "store.h"

#define SECOND 1000000LL
enum { ANSWERS_MAX = 64 };

static struct gateway_core core;
static struct arena arena;
static struct effects fx;
static int64_t now;
static char clusius[] = "clusius", key[] = "key-1", client[] = "web", seed[] = "";
static uint8_t trace[16] = {1, 2, 3};

/* What the last steps asked for. */
static struct gateway_answer answers[ANSWERS_MAX];
static size_t answer_count, submits, cancel_sends, calls[GATEWAY_PROCS];
static uint64_t last_request_ids[512], last_after;
static size_t last_orders;

static void take_effects(void)
{
    for (size_t i = 0; i < fx.count; i++) {
        const struct effect *effect = &fx.items[i];
        if (effect->kind == EFFECT_EXTERNAL) {
            ck_assert_uint_lt(answer_count, ANSWERS_MAX);
            answers[answer_count++] = *(const struct gateway_answer *)effect->args;
        } else if (effect->kind == EFFECT_CALL) {
            calls[effect->index]++;
            last_after = ((const struct store_args *)effect->args)->after;
        } else if (effect->kind == EFFECT_SEND && effect->type == TB__MESSAGE_TYPE__SUBMIT_ORDERS) {
            const Tb__SubmitOrders *message = (const Tb__SubmitOrders *)effect->message;
            last_orders = message->n_orders;
            for (size_t o = 0; o < message->n_orders; o++)
                last_request_ids[o] = message->orders[o]->request_id;
            submits++;
        } else if (effect->kind == EFFECT_SEND && effect->type == TB__MESSAGE_TYPE__CANCEL_ORDERS) {
            last_request_ids[0] = ((const Tb__CancelOrders *)effect->message)->cancels[0]->request_id;
            cancel_sends++;
        }
    }
}

static void step(struct input in)
{
    in.now_us = now;
    arena_reset(&arena);
    effects_reset(&fx, &arena);
    gateway_core_step(&core, &in, &fx);
    take_effects();
}

static void forget(void)
{
    answer_count = submits = cancel_sends = last_orders = 0;
    memset(calls, 0, sizeof calls);
}

static void tick(int64_t later_us)
{
    now += later_us;
    step((struct input){.kind = INPUT_TIMER, .timer = 0});
}

static void poll_heads(const uint64_t next[VIEW_STREAMS])
{
    struct store_snapshot heads = {.persona_count = 0};
    memcpy(heads.next, next, sizeof heads.next);
    step((struct input){.kind = INPUT_STORE, .proc = PROC_HEADS, .status = STORE_DONE, .result = &heads});
}

/* A core that has its snapshot: order 1 … 4 were there, 3 is open (and 5 comes next). */
static void start(void)
{
    static Tb__Persona persona;
    static Tb__OrderRecord open;
    static char name[] = "Carolus", bio[] = "", url[] = "";
    static struct store_balance balance = {.account = "clusius", .balance = {100000}, .version = 1, .updated_at_us = 5};
    now = 1000 * SECOND;
    arena_init(&arena, 16 << 20);
    gateway_core_init(&core, "nl-1");
    step((struct input){.kind = INPUT_START});
    ck_assert_uint_eq(calls[PROC_SNAPSHOT], 1);
    tb__persona__init(&persona);
    persona.user_id = clusius;
    persona.display_name = name;
    persona.bio = bio;
    persona.avatar_url = url;
    tb__order_record__init(&open);
    open.seq = 3;
    open.kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    open.user_id = clusius;
    open.side = TB__SIDE__SIDE_BUY;
    open.quantity = 1;
    open.price_cents = 100;
    struct store_snapshot snapshot = {.next = {5, 10, 8, 4},
                                      .personas = &persona,
                                      .persona_count = 1,
                                      .balances = &balance,
                                      .balance_count = 1,
                                      .open_orders = &open,
                                      .open_count = 1};
    step((struct input){.kind = INPUT_STORE, .proc = PROC_SNAPSHOT, .status = STORE_DONE, .result = &snapshot});
    forget();
}

static void stop(void)
{
    gateway_core_release(&core);
    arena_release(&arena);
    forget();
}

static void feed_orders(uint64_t first, size_t count)
{
    Tb__OrderRecord records[8];
    Tb__OrderRecord *pointers[8];
    Tb__OrdersAppended feed = TB__ORDERS_APPENDED__INIT;
    for (size_t i = 0; i < count; i++) {
        tb__order_record__init(&records[i]);
        records[i].seq = first + i;
        records[i].kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
        records[i].user_id = clusius;
        records[i].side = TB__SIDE__SIDE_BUY;
        records[i].quantity = 1;
        records[i].price_cents = 100;
        pointers[i] = &records[i];
    }
    feed.n_records = count;
    feed.records = pointers;
    step((struct input){.kind = INPUT_MESSAGE,
                        .link = LINK_ORDERS_FEED,
                        .type = TB__MESSAGE_TYPE__ORDERS_APPENDED,
                        .message = &feed.base,
                        .stream = TB__STREAM__STREAM_ORDERS,
                        .first_seq = first});
}

static void feed_final(uint64_t seq, uint64_t order_seq, Tb__ExecutionRecord__Type type)
{
    Tb__ExecutionRecord record = TB__EXECUTION_RECORD__INIT, *pointer = &record;
    Tb__ExecutionsAppended feed = TB__EXECUTIONS_APPENDED__INIT;
    record.seq = seq;
    record.order_seq = order_seq;
    record.type = type;
    record.user_id = clusius;
    record.side = TB__SIDE__SIDE_BUY;
    record.notional_cents = 100;
    feed.n_records = 1;
    feed.records = &pointer;
    step((struct input){.kind = INPUT_MESSAGE,
                        .link = LINK_EXECUTIONS_FEED,
                        .type = TB__MESSAGE_TYPE__EXECUTIONS_APPENDED,
                        .message = &feed.base,
                        .stream = TB__STREAM__STREAM_EXECUTIONS,
                        .first_seq = seq});
    step((struct input){.kind = INPUT_FLUSH});
}

static bool add_order(int wait_seconds, bool key_generated, void *ticket)
{
    struct order_input input = {.side = TB__SIDE__SIDE_BUY, .quantity = 1, .price = {100}};
    (void)tb_copy_text(input.user_id, sizeof input.user_id, clusius);
    (void)tb_copy_text(input.client_id, sizeof input.client_id, client);
    (void)tb_copy_text(input.key, sizeof input.key, key);
    struct flight_request request = {.input = &input,
                                     .key_generated = key_generated,
                                     .trace_id = trace,
                                     .wait_seconds = wait_seconds,
                                     .ticket = ticket};
    return flights_add(core.flights, &request, now);
}

static void turn(void)
{
    step((struct input){.kind = INPUT_EXTERNAL});
}

static void answer_order(uint64_t request_id, Tb__Refusal refusal, uint64_t seq, bool replayed, const uint8_t *trace_id)
{
    Tb__OrderRecord record = TB__ORDER_RECORD__INIT;
    Tb__OrderResult result = TB__ORDER_RESULT__INIT, *pointer = &result;
    Tb__OrderResults results = TB__ORDER_RESULTS__INIT;
    record.seq = seq;
    record.kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    record.user_id = clusius;
    record.client_id = client;
    record.idempotency_key = key;
    record.simulation_seed = seed;
    record.side = TB__SIDE__SIDE_BUY;
    record.quantity = 1;
    record.price_cents = 100;
    record.trace_id.data = (uint8_t *)(uintptr_t)trace_id;
    record.trace_id.len = 16;
    result.request_id = request_id;
    result.refusal = refusal;
    result.replayed = replayed;
    result.order = refusal == TB__REFUSAL__REFUSAL_NONE ? &record : NULL;
    results.n_results = 1;
    results.results = &pointer;
    step((struct input){.kind = INPUT_MESSAGE,
                        .link = LINK_ORDERS_COMMAND,
                        .type = TB__MESSAGE_TYPE__ORDER_RESULTS,
                        .message = &results.base});
}

static int64_t pending(void)
{
    return view_find(&core.view, "clusius")->pending.cents;
}

/* --- the view --- */

START_TEST(a_gap_is_read_from_the_store)
{
    start();
    ck_assert_int_eq(pending(), -100);
    feed_orders(5, 2);
    ck_assert_int_eq(pending(), -300);
    feed_orders(5, 2); /* again */
    ck_assert_int_eq(pending(), -300);
    feed_orders(9, 1); /* 7 and 8 were lost */
    ck_assert_uint_eq(calls[PROC_ORDERS_AFTER], 1);
    ck_assert_uint_eq(last_after, 6);
    feed_orders(10, 1);
    ck_assert_uint_eq(calls[PROC_ORDERS_AFTER], 1);
    ck_assert_int_eq(pending(), -300);
    Tb__OrderRecord rows[4];
    for (size_t i = 0; i < 4; i++) {
        tb__order_record__init(&rows[i]);
        rows[i].seq = 7 + i;
        rows[i].kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
        rows[i].user_id = clusius;
        rows[i].side = TB__SIDE__SIDE_BUY;
        rows[i].quantity = 1;
        rows[i].price_cents = 100;
    }
    struct store_rows result = {.count = 4, .orders = rows};
    step((struct input){.kind = INPUT_STORE, .proc = PROC_ORDERS_AFTER, .status = STORE_DONE, .result = &result});
    ck_assert_int_eq(pending(), -700);
    ck_assert_uint_eq(view_stream_last(&core.view, VIEW_ORDERS), 10);
    feed_orders(11, 1);
    ck_assert_int_eq(pending(), -800);
    ck_assert(gateway_core_in_sync(&core));
    stop();
}
END_TEST

START_TEST(a_lost_last_message_is_found_by_the_second_poll)
{
    static const uint64_t heads[VIEW_STREAMS] = {7, 10, 8, 4};
    start();
    poll_heads(heads);
    ck_assert_uint_eq(calls[PROC_ORDERS_AFTER], 0); /* it may be on its way */
    poll_heads(heads);
    ck_assert_uint_eq(calls[PROC_ORDERS_AFTER], 1);
    ck_assert_uint_eq(last_after, 4);
    ck_assert(!gateway_core_in_sync(&core));
    step((struct input){.kind = INPUT_STORE, .proc = PROC_ORDERS_AFTER, .status = STORE_UNKNOWN});
    poll_heads(heads);
    ck_assert_uint_eq(calls[PROC_ORDERS_AFTER], 2); /* a read that failed is tried again */
    stop();
}
END_TEST

START_TEST(rows_asked_for_before_a_new_snapshot_are_left_out)
{
    start();
    feed_orders(9, 1);
    ck_assert_uint_eq(calls[PROC_ORDERS_AFTER], 1);
    step((struct input){.kind = INPUT_STORE_LOST});
    step((struct input){.kind = INPUT_START});
    struct store_snapshot snapshot = {.next = {12, 10, 8, 4}};
    step((struct input){.kind = INPUT_STORE, .proc = PROC_SNAPSHOT, .status = STORE_DONE, .result = &snapshot});
    Tb__OrderRecord row = TB__ORDER_RECORD__INIT;
    row.seq = 5;
    struct store_rows result = {.count = 1, .orders = &row};
    step((struct input){.kind = INPUT_STORE, .proc = PROC_ORDERS_AFTER, .status = STORE_DONE, .result = &result});
    ck_assert_uint_eq(view_stream_last(&core.view, VIEW_ORDERS), 11);
    stop();
}
END_TEST

START_TEST(a_failed_snapshot_is_asked_for_again)
{
    arena_init(&arena, 1 << 20);
    gateway_core_init(&core, "nl-1");
    step((struct input){.kind = INPUT_START});
    step((struct input){.kind = INPUT_STORE, .proc = PROC_SNAPSHOT, .status = STORE_FAILED, .error = "57014: timeout"});
    step((struct input){.kind = INPUT_TIMER, .timer = 2});
    ck_assert_uint_eq(calls[PROC_SNAPSHOT], 2);
    ck_assert(!core.view.ready);
    feed_orders(1, 1); /* before the snapshot: not ours to judge */
    ck_assert_uint_eq(calls[PROC_ORDERS_AFTER], 0);
    stop();
}
END_TEST

START_TEST(a_new_persona_comes_by_the_ops_feed_or_after_a_gap)
{
    start();
    char user[] = "newcomer", name[] = "N", empty_text[] = "";
    Tb__Persona persona = TB__PERSONA__INIT;
    persona.user_id = user;
    persona.display_name = name;
    persona.bio = persona.avatar_url = empty_text;
    persona.version = 1;
    Tb__OpsRecord record = TB__OPS_RECORD__INIT, *pointer = &record;
    record.seq = 4;
    record.type = TB__OPS_RECORD__TYPE__PERSONA_CREATED;
    record.persona = &persona;
    Tb__OpsAppended feed = TB__OPS_APPENDED__INIT;
    feed.n_records = 1;
    feed.records = &pointer;
    step((struct input){
        .kind = INPUT_MESSAGE, .type = TB__MESSAGE_TYPE__OPS_APPENDED, .message = &feed.base, .first_seq = 4});
    ck_assert(view_user_may_trade(&core.view, "newcomer"));
    step((struct input){
        .kind = INPUT_MESSAGE, .type = TB__MESSAGE_TYPE__OPS_APPENDED, .message = &feed.base, .first_seq = 8});
    ck_assert_uint_eq(calls[PROC_PERSONAS], 1);
    persona.version = 2;
    persona.deleted = true;
    struct store_snapshot personas = {.next = {0, 0, 0, 9}, .personas = &persona, .persona_count = 1};
    step((struct input){.kind = INPUT_STORE, .proc = PROC_PERSONAS, .status = STORE_DONE, .result = &personas});
    ck_assert(!view_user_may_trade(&core.view, "newcomer"));
    ck_assert_uint_eq(view_stream_last(&core.view, VIEW_OPS), 8);
    stop();
}
END_TEST

/* --- orders --- */

START_TEST(an_order_is_sent_once_a_turn_and_its_answer_created)
{
    start();
    int a, b;
    ck_assert(add_order(0, false, &a) && add_order(0, false, &b));
    ck_assert(gateway_core_has_unsent(&core));
    turn();
    ck_assert_uint_eq(submits, 1);
    ck_assert_uint_eq(last_orders, 2);
    ck_assert(!gateway_core_has_unsent(&core));
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 5, false, trace);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_int_eq(answers[0].flight.kind, FLIGHT_CREATED);
    ck_assert_ptr_eq(answers[0].flight.ticket, &a);
    ck_assert_uint_eq(answers[0].flight.order_seq, 5);
    ck_assert_int_eq(pending(), -200); /* before the feed brings it */
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 5, true, trace);
    ck_assert_uint_eq(answer_count, 1); /* a second answer to the same is dropped */
    feed_orders(5, 1);
    ck_assert_int_eq(pending(), -200);
    ck_assert_uint_eq(flights_count(core.flights), 1);
    stop();
}
END_TEST

START_TEST(a_replay_is_told_apart_from_an_order_of_our_own_whose_answer_was_lost)
{
    static const uint8_t foreign[16] = {9};
    start();
    int ticket;
    ck_assert(add_order(0, false, &ticket));
    turn();
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 3, true, trace);
    ck_assert_int_eq(answers[0].flight.kind,
                     FLIGHT_REPLAYED); /* sent once: the earlier one was another request, same trace or not */
    for (int own = 0; own <= 1; own++) {
        forget();
        ck_assert(add_order(0, false, &ticket));
        turn();
        tick(600 * 1000);
        ck_assert(gateway_core_has_unsent(&core));
        turn();
        ck_assert_uint_eq(submits, 2);
        answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 5, true, own == 1 ? trace : foreign);
        ck_assert_uint_eq(answer_count, 1);
        ck_assert_int_eq(answers[0].flight.kind, own == 1 ? FLIGHT_CREATED : FLIGHT_REPLAYED);
    }
    stop();
}
END_TEST

START_TEST(silence_is_answered_by_resending_and_then_given_up)
{
    start();
    int ticket;
    ck_assert(add_order(0, true, &ticket));
    turn();
    size_t sent = 1;
    for (int i = 0; i < 49; i++) {
        tick(100 * 1000);
        turn();
    }
    sent = submits;
    ck_assert_uint_ge(sent, 8);
    ck_assert_uint_le(sent, 11);
    ck_assert_uint_eq(answer_count, 0);
    tick(200 * 1000);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_int_eq(answers[0].flight.kind, FLIGHT_REFUSED);
    ck_assert_int_eq(answers[0].flight.refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ck_assert_uint_eq(flights_count(core.flights), 0);
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 5, false, trace);
    ck_assert_uint_eq(answer_count, 1); /* too late */
    ck_assert(!gateway_core_has_unsent(&core));
    stop();
}
END_TEST

START_TEST(a_sequencer_without_store_is_asked_again_for_two_seconds)
{
    start();
    int ticket;
    ck_assert(add_order(0, false, &ticket));
    turn();
    for (int i = 0; i < 19; i++) {
        answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, 0, false, trace);
        ck_assert_uint_eq(answer_count, 0);
        tick(100 * 1000);
        turn();
    }
    ck_assert_uint_ge(submits, 4);
    now += 200 * 1000;
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, 0, false, trace);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_int_eq(answers[0].flight.refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    stop();
}
END_TEST

START_TEST(an_answer_that_crosses_the_resend_counts)
{
    start();
    int ticket;
    ck_assert(add_order(0, false, &ticket));
    turn();
    tick(600 * 1000); /* to be sent again at the end of the turn */
    ck_assert(gateway_core_has_unsent(&core));
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 5, false, trace);
    ck_assert_int_eq(answers[0].flight.kind, FLIGHT_CREATED);
    ck_assert(!gateway_core_has_unsent(&core));
    turn();
    ck_assert_uint_eq(submits, 1);
    stop();
}
END_TEST

START_TEST(refusals_are_passed_on)
{
    static const Tb__Refusal refusals[] = {TB__REFUSAL__REFUSAL_KEY_REUSED, TB__REFUSAL__REFUSAL_BACKPRESSURE,
                                           TB__REFUSAL__REFUSAL_INVALID};
    start();
    for (size_t i = 0; i < TB_ARRAY_SIZE(refusals); i++) {
        int ticket;
        forget();
        ck_assert(add_order(5, false, &ticket));
        turn();
        answer_order(last_request_ids[0], refusals[i], 0, false, trace);
        ck_assert_uint_eq(answer_count, 1);
        ck_assert_int_eq(answers[0].flight.kind, FLIGHT_REFUSED);
        ck_assert_int_eq(answers[0].flight.refusal, refusals[i]);
    }
    stop();
}
END_TEST

START_TEST(there_is_room_for_so_many_and_again_when_they_are_gone)
{
    start();
    int ticket;
    for (int i = 0; i < FLIGHTS_MAX; i++)
        check_quick(add_order(0, false, &ticket));
    ck_assert(!add_order(0, false, &ticket));
    turn();
    ck_assert_uint_eq(submits, FLIGHTS_MAX / FLIGHTS_PER_MESSAGE);
    answer_order(last_request_ids[7], TB__REFUSAL__REFUSAL_BACKPRESSURE, 0, false, trace);
    ck_assert(add_order(0, false, &ticket));
    ck_assert(!add_order(0, false, &ticket));
    stop();
}
END_TEST

START_TEST(a_wait_ends_with_the_order_or_with_its_time)
{
    start();
    int ticket;
    ck_assert(add_order(2, false, &ticket));
    turn();
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 5, false, trace);
    ck_assert_uint_eq(answer_count, 0);
    feed_orders(5, 1);
    feed_final(10, 5, TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_int_eq(answers[0].flight.kind, FLIGHT_WAITED);
    ck_assert(!answers[0].flight.replayed);
    forget();
    ck_assert(add_order(2, false, &ticket));
    turn();
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 6, false, trace);
    tick(1900 * 1000);
    ck_assert_uint_eq(answer_count, 0);
    tick(200 * 1000);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_int_eq(answers[0].flight.kind, FLIGHT_WAITED);
    /* One that is final already does not wait. */
    forget();
    ck_assert(add_order(2, false, &ticket));
    turn();
    answer_order(last_request_ids[0], TB__REFUSAL__REFUSAL_NONE, 2, true, trace);
    step((struct input){.kind = INPUT_FLUSH});
    ck_assert_uint_eq(answer_count, 1);
    ck_assert(answers[0].flight.replayed);
    stop();
}
END_TEST

/* --- cancels --- */

static void answer_cancel(Tb__Refusal refusal, uint32_t terminal_type, uint64_t *seqs, size_t count)
{
    Tb__CancelResult result = TB__CANCEL_RESULT__INIT, *pointer = &result;
    Tb__CancelResults results = TB__CANCEL_RESULTS__INIT;
    result.request_id = last_request_ids[0];
    result.refusal = refusal;
    result.terminal_type = terminal_type;
    result.order_seqs = seqs;
    result.n_order_seqs = count;
    results.n_results = 1;
    results.results = &pointer;
    step((struct input){.kind = INPUT_MESSAGE,
                        .link = LINK_ORDERS_COMMAND,
                        .type = TB__MESSAGE_TYPE__CANCEL_RESULTS,
                        .message = &results.base});
}

START_TEST(a_cancel_is_answered_when_its_orders_are_final)
{
    start();
    int ticket;
    uint64_t seqs[] = {3, 5};
    ck_assert(cancels_add(core.cancels, 0, "clusius", trace, &ticket, now));
    turn();
    ck_assert_uint_eq(cancel_sends, 1);
    answer_cancel(TB__REFUSAL__REFUSAL_NONE, 0, seqs, 2);
    ck_assert_uint_eq(answer_count, 0);
    feed_final(10, 3, TB__EXECUTION_RECORD__TYPE__ORDER_CANCELLED);
    ck_assert_uint_eq(answer_count, 0); /* 5 is not told of yet: open */
    feed_orders(5, 1);
    ck_assert_uint_eq(answer_count, 0);
    feed_final(11, 5, TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_int_eq(answers[0].cancel.kind, CANCEL_ENDED);
    ck_assert_uint_eq(answers[0].cancel.count, 2);
    ck_assert_ptr_eq(answers[0].cancel.ticket, &ticket);
    ck_assert_uint_eq(cancels_count(core.cancels), 0);
    stop();
}
END_TEST

START_TEST(a_cancel_of_nothing_or_of_a_final_order_is_answered_at_once)
{
    start();
    int ticket;
    uint64_t seqs[] = {2};
    ck_assert(cancels_add(core.cancels, 0, "clusius", trace, &ticket, now));
    turn();
    answer_cancel(TB__REFUSAL__REFUSAL_NONE, 0, NULL, 0);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_uint_eq(answers[0].cancel.count, 0);
    ck_assert(cancels_add(core.cancels, 2, NULL, trace, &ticket, now));
    turn();
    answer_cancel(TB__REFUSAL__REFUSAL_NONE, 0, seqs, 1);
    ck_assert_uint_eq(answer_count, 2);
    ck_assert(cancels_add(core.cancels, 2, NULL, trace, &ticket, now));
    turn();
    answer_cancel(TB__REFUSAL__REFUSAL_TERMINAL, TB__EXECUTION_RECORD__TYPE__ORDER_REJECTED, NULL, 0);
    ck_assert_uint_eq(answer_count, 3);
    ck_assert_int_eq(answers[2].cancel.kind, CANCEL_REFUSED);
    ck_assert_uint_eq(answers[2].cancel.terminal_type, TB__EXECUTION_RECORD__TYPE__ORDER_REJECTED);
    stop();
}
END_TEST

START_TEST(a_silent_cancel_is_sent_again_and_given_up)
{
    start();
    int ticket;
    ck_assert(cancels_add(core.cancels, 3, NULL, trace, &ticket, now));
    turn();
    answer_cancel(TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, 0, NULL, 0);
    ck_assert_uint_eq(answer_count, 0);
    tick(600 * 1000);
    turn();
    ck_assert_uint_eq(cancel_sends, 2);
    uint64_t seqs[] = {3};
    answer_cancel(TB__REFUSAL__REFUSAL_NONE, 0, seqs, 1);
    tick(600 * 1000);
    turn();
    ck_assert_uint_eq(cancel_sends, 2); /* it is requested: now the executions stream has the word */
    tick(5 * SECOND);
    ck_assert_uint_eq(answer_count, 1);
    ck_assert_int_eq(answers[0].cancel.refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    stop();
}
END_TEST

CHECK_MAIN("gateway_core", tcase_add_test(cases, a_gap_is_read_from_the_store);
           tcase_add_test(cases, a_lost_last_message_is_found_by_the_second_poll);
           tcase_add_test(cases, rows_asked_for_before_a_new_snapshot_are_left_out);
           tcase_add_test(cases, a_failed_snapshot_is_asked_for_again);
           tcase_add_test(cases, a_new_persona_comes_by_the_ops_feed_or_after_a_gap);
           tcase_add_test(cases, an_order_is_sent_once_a_turn_and_its_answer_created);
           tcase_add_test(cases, a_replay_is_told_apart_from_an_order_of_our_own_whose_answer_was_lost);
           tcase_add_test(cases, silence_is_answered_by_resending_and_then_given_up);
           tcase_add_test(cases, a_sequencer_without_store_is_asked_again_for_two_seconds);
           tcase_add_test(cases, an_answer_that_crosses_the_resend_counts);
           tcase_add_test(cases, refusals_are_passed_on);
           tcase_add_test(cases, there_is_room_for_so_many_and_again_when_they_are_gone);
           tcase_add_test(cases, a_wait_ends_with_the_order_or_with_its_time);
           tcase_add_test(cases, a_cancel_is_answered_when_its_orders_are_final);
           tcase_add_test(cases, a_cancel_of_nothing_or_of_a_final_order_is_answered_at_once);
           tcase_add_test(cases, a_silent_cancel_is_sent_again_and_given_up);)
