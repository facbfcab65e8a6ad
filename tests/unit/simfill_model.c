#include "simfill_model.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "executions.pb-c.h"
#include "simfill/plan.h"

enum { TRADE = 1, ACCEPTED = 2, CANCELLED = 3, REJECTED = 4 };

uint32_t model_random(struct model *model, uint32_t bound)
{
    model->random = model->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(model->random >> 33) % bound;
}

/* ---- the tables ---- */

static struct simfill_orders_result *read_rows(struct model *model, const uint64_t *seqs, size_t count)
{
    struct simfill_orders_result *result =
        tb_alloc_zero(1, sizeof *result + (count + 1) * sizeof(struct simfill_order));
    struct simfill_order *rows = (struct simfill_order *)(result + 1);
    for (size_t i = 0; i < count; i++) {
        struct model_order *order = &model->orders[seqs[i]];
        rows[i] = (struct simfill_order){.record = &order->record,
                                         .legs_done = order->legs,
                                         .filled_quantity = order->filled,
                                         .notional_cents = order->notional,
                                         .final = order->final_type != 0,
                                         .parked = order->parked};
    }
    result->count = count;
    result->orders = rows;
    return result;
}

static void *run_read_orders(struct model *model, const struct simfill_read_orders_args *args)
{
    static uint64_t seqs[SIMFILL_READ_MAX];
    size_t count = 0;
    check_quick(args->limit <= SIMFILL_READ_MAX);
    for (uint64_t seq = args->after_seq + 1; seq <= model->orders_count && count < args->limit; seq++)
        seqs[count++] = seq;
    return read_rows(model, seqs, count);
}

static void *run_read_due(struct model *model, const struct simfill_read_due_args *args)
{
    static uint64_t seqs[SIMFILL_READ_MAX];
    size_t count = 0;
    int64_t next_us = 0;
    for (uint64_t seq = 1; seq <= model->orders_count; seq++) {
        const struct model_order *order = &model->orders[seq];
        if (!order->parked || order->parked_due_us == SIMFILL_NEVER)
            continue;
        if (order->parked_due_us > args->due_before_us)
            next_us = next_us == 0 || order->parked_due_us < next_us ? order->parked_due_us : next_us;
        else if (count < args->limit)
            seqs[count++] = seq;
    }
    struct simfill_orders_result *result = read_rows(model, seqs, count);
    result->next_due_us = next_us;
    return result;
}

static void *run_read_parked(struct model *model, const struct simfill_read_parked_args *args)
{
    static uint64_t seqs[SIMFILL_BATCH_MAX];
    size_t count = 0;
    for (size_t i = 0; i < args->count; i++)
        if (model->orders[args->order_seqs[i]].parked)
            seqs[count++] = (uint64_t)args->order_seqs[i];
    return read_rows(model, seqs, count);
}

static void *run_take_epoch(struct model *model)
{
    struct simfill_take_epoch_result *result = tb_alloc_zero(1, sizeof *result);
    *result = (struct simfill_take_epoch_result){.epoch = ++model->epoch,
                                                 .executions_next_seq = model->executions_next,
                                                 .terminal_total = model->terminal_total,
                                                 .outbox_next_seq = model->outbox_next,
                                                 .cursor = model->cursor};
    return result;
}

static void append_execution(struct model *model, const struct simfill_append_args *args, size_t i)
{
    struct model_order *order = &model->orders[args->execution_order_seqs[i]];
    check_quick(order->final_type == 0); /* nothing after the final record */
    check_quick(strcmp(args->execution_user_ids[i], "clusius") == 0);
    check_quick((unsigned)args->execution_sides[i] == (unsigned)order->record.side);
    if (args->execution_legs[i] > 0) {
        check_quick(args->execution_types[i] == TRADE);
        check_quick((uint32_t)args->execution_legs[i] == order->legs + 1); /* each leg once, in order */
        check_quick(args->execution_prices_cents[i] == order->record.price_cents);
        order->leg_quantities[order->legs++] = (uint32_t)args->execution_quantities[i];
        order->filled += (uint32_t)args->execution_quantities[i];
        order->notional += args->execution_notionals_cents[i];
    } else {
        order->final_type = (unsigned)args->execution_types[i];
        order->final_quantity = (uint32_t)args->execution_quantities[i];
        check_quick(args->execution_notionals_cents[i] == order->notional);
        model->terminal_total++;
    }
    model->executions_next++;
}

/* Return: why the store cannot take it, NULL when it can. */
static const char *append_error(const struct simfill_append_args *args)
{
    for (size_t i = 0; i < args->execution_count; i++)
        if (args->execution_quantities[i] == MODEL_BAD_QUANTITY && args->execution_types[i] == TRADE)
            return "23514: check violated";
    return NULL;
}

static void run_append(struct model *model, const struct simfill_append_args *args)
{
    for (size_t i = 0; i < args->execution_count; i++)
        append_execution(model, args, i);
    for (size_t i = 0; i < args->adjustment_count; i++) {
        struct model_order *order = &model->orders[args->adjustment_order_seqs[i]];
        order->adjustments++;
        order->delta = args->adjustment_deltas_cents[i];
        order->poison = args->adjustment_faults[i] == 1;
        model->outbox_next++;
    }
    for (size_t i = 0; i < args->park_count; i++) {
        struct model_order *order = &model->orders[args->park_order_seqs[i]];
        order->parked_due_us = order->parked ? order->parked_due_us : args->park_due_at_us[i];
        order->parked = true;
    }
    for (size_t i = 0; i < args->unpark_count; i++)
        model->orders[args->unpark_order_seqs[i]].parked = false;
    check_quick(args->cursor <= model->orders_count);
    for (; model->cursor < args->cursor;
         model->cursor++) { /* rule: behind the cursor all is final, parked or a request that is done with */
        const struct model_order *order = &model->orders[model->cursor + 1];
        const struct model_order *target = &model->orders[order->record.target_seq];
        check_quick(order->record.kind == TB__ORDER_RECORD__KIND__KIND_ORDER ? order->final_type != 0 || order->parked
                                                                             : target->final_type != 0);
    }
}

/* ---- the connection ---- */

static void answer(struct model *model, unsigned proc, enum store_status status, const char *error, void *result)
{
    check_quick(model->answers_count < MODEL_CALLS_MAX);
    model->answers[model->answers_count++] =
        (struct model_answer){.proc = proc, .status = status, .error = error, .result = result};
}

static void carry_out_call(struct model *model, const struct effect *effect)
{
    const struct simfill_append_args *append = effect->index == SIMFILL_APPEND ? effect->args : NULL;
    bool trouble = (int)model_random(model, 1000) < model->trouble;
    uint32_t kind = model_random(model, 3);
    if (model->broken || (trouble && kind == 0)) { /* never arrived */
        model->breaks += !model->broken;
        model->broken = true;
        answer(model, effect->index, STORE_UNKNOWN, "gone", NULL);
        return;
    }
    if (trouble && kind == 1) {
        model->failures++;
        answer(model, effect->index, STORE_FAILED, "53100: disk full", NULL);
        return;
    }
    if (append && (append->epoch != model->epoch || append->executions_next_seq != model->executions_next ||
                   append->outbox_next_seq != model->outbox_next)) {
        answer(model, effect->index, STORE_REFUSED, NULL, NULL);
        return;
    }
    const char *error = append ? append_error(append) : NULL;
    if (error) {
        answer(model, effect->index, STORE_FAILED, error, NULL);
        return;
    }
    void *result = NULL;
    switch ((enum simfill_proc)effect->index) {
    case SIMFILL_TAKE_EPOCH:
        result = run_take_epoch(model);
        break;
    case SIMFILL_READ_ORDERS:
        result = run_read_orders(model, effect->args);
        break;
    case SIMFILL_READ_DUE:
        result = run_read_due(model, effect->args);
        break;
    case SIMFILL_READ_PARKED:
        result = run_read_parked(model, effect->args);
        break;
    case SIMFILL_APPEND:
        run_append(model, append);
        break;
    case SIMFILL_PROC_COUNT:
        ck_abort();
    }
    if (trouble) { /* committed, and the answer is lost */
        model->breaks++;
        model->broken = true;
        free(result);
        answer(model, effect->index, STORE_UNKNOWN, "gone", NULL);
        return;
    }
    answer(model, effect->index, STORE_DONE, NULL, result);
}

/* Commit, then speak: whatever is sent is in the tables. */
static void check_sent(struct model *model, const struct effect *effect)
{
    if (effect->type == TB__MESSAGE_TYPE__EXECUTIONS_APPENDED) {
        const Tb__ExecutionsAppended *message = (const Tb__ExecutionsAppended *)effect->message;
        check_quick(effect->first_seq + message->n_records <= model->executions_next);
        check_quick(message->terminal_total <= model->terminal_total);
        for (size_t i = 0; i < message->n_records; i++)
            check_quick(message->records[i]->seq == effect->first_seq + i);
        return;
    }
    const Tb__AdjustmentsAppended *message = (const Tb__AdjustmentsAppended *)effect->message;
    check_quick(effect->first_seq + message->n_records <= model->outbox_next);
    for (size_t i = 0; i < message->n_records; i++)
        check_quick(model->orders[message->records[i]->order_seq].delta == message->records[i]->delta_cents);
    model->published_adjustments += message->n_records;
}

static void carry_out(struct model *model)
{
    for (size_t i = 0; i < model->rec.fx.count; i++) {
        const struct effect *effect = &model->rec.fx.items[i];
        switch (effect->kind) {
        case EFFECT_CALL:
            carry_out_call(model, effect);
            break;
        case EFFECT_SEND:
            check_sent(model, effect);
            break;
        case EFFECT_TIMER_SET:
            model->timers[effect->index] = effect->value;
            break;
        case EFFECT_TIMER_CLEAR:
            model->timers[effect->index] = 0;
            break;
        case EFFECT_GAUGE:
            if (effect->index == SIMFILL_WINDOW && (size_t)effect->value > model->waiting_max)
                model->waiting_max = (size_t)effect->value;
            break;
        case EFFECT_READY:
            model->ready = true;
            break;
        case EFFECT_HALT:
            model->halts++;
            break;
        default:
            break;
        }
    }
}

static void step(void *core, const struct input *in, struct effects *fx)
{
    simfill_step(core, in, fx);
}

void model_open(struct model *model, uint64_t seed, int trouble, uint32_t window_max)
{
    memset(model, 0, sizeof *model);
    model->random = seed * 2654435761U + 1;
    model->trouble = trouble;
    model->executions_next = model->outbox_next = 1;
    model->delay_max_us = 120000;
    model->core = simfill_new(&(struct simfill_options){
        .region = "nl-1", .az = "a", .delay_max_us = model->delay_max_us, .window_max = window_max});
    recorder_init(&model->rec, step, model->core);
}

void model_close(struct model *model)
{
    while (model->answers_count > 0)
        free(model->answers[--model->answers_count].result);
    simfill_free(&model->core);
    recorder_release(&model->rec);
}

void model_accept(struct model *model, const char *seed, uint32_t quantity, uint64_t target)
{
    struct model_order *order = &model->orders[++model->orders_count];
    tb__order_record__init(&order->record);
    order->record.seq = model->orders_count;
    order->record.kind = target ? TB__ORDER_RECORD__KIND__KIND_CANCEL_REQUEST : TB__ORDER_RECORD__KIND__KIND_ORDER;
    order->record.target_seq = target;
    order->record.user_id = (char *)"clusius";
    order->record.created_at_us = model->rec.now_us;
    if (target) {
        model->orders[target].cancel_seq = model->orders_count;
        return;
    }
    snprintf(order->seed, sizeof order->seed, "%s", seed);
    order->record.simulation_seed = order->seed;
    order->record.side = 1 + model_random(model, 2);
    order->record.quantity = quantity;
    order->record.price_cents = 1 + model_random(model, 100000);
}

void model_message(struct model *model, uint64_t first, uint64_t last)
{
    Tb__OrderRecord *records[256];
    Tb__OrdersAppended message = TB__ORDERS_APPENDED__INIT;
    message.records = records;
    for (uint64_t seq = first; seq <= last; seq++)
        records[message.n_records++] = &model->orders[seq].record;
    recorder_message(&model->rec, SIMFILL_STAGE, "", TB__MESSAGE_TYPE__ORDERS_APPENDED, &message.base, first);
    carry_out(model);
}

void model_flush(struct model *model)
{
    recorder_kind(&model->rec, INPUT_FLUSH);
    carry_out(model);
}

void model_start(struct model *model)
{
    model->broken = false;
    model->ready = false;
    memset(model->timers, 0, sizeof model->timers);
    recorder_kind(&model->rec, INPUT_START);
    carry_out(model);
}

void model_answer_one(struct model *model)
{
    if (model->answers_count == 0)
        return;
    struct model_answer first = model->answers[0];
    memmove(&model->answers[0], &model->answers[1], --model->answers_count * sizeof first);
    recorder_store(&model->rec, first.proc, first.status, first.result, first.error);
    free(first.result);
    carry_out(model);
    if (model->broken && model->answers_count == 0) {
        recorder_kind(&model->rec, INPUT_STORE_LOST);
        carry_out(model);
        check_quick(model->answers_count == 0);
        model->rec.now_us += model_random(model, 2000000);
        model_start(model);
    }
}

void model_pass(struct model *model, int64_t us)
{
    int64_t until_us = model->rec.now_us + us;
    for (;;) {
        unsigned next = CORE_TIMERS_MAX;
        for (unsigned i = 0; i < CORE_TIMERS_MAX; i++)
            if (model->timers[i] != 0 && model->timers[i] <= until_us &&
                (next == CORE_TIMERS_MAX || model->timers[i] < model->timers[next]))
                next = i;
        if (next == CORE_TIMERS_MAX)
            break;
        if (model->timers[next] > model->rec.now_us)
            model->rec.now_us = model->timers[next];
        model->timers[next] = 0;
        recorder_input(&model->rec, (struct input){.kind = INPUT_TIMER, .timer = next});
        carry_out(model);
        if (model_random(model, 2) == 0)
            model_answer_one(model);
    }
    model->rec.now_us = until_us > model->rec.now_us ? until_us : model->rec.now_us;
}

void model_settle(struct model *model, int64_t us)
{
    model->trouble = 0;
    for (int64_t passed = 0; passed < us; passed += 1000) {
        while (model->answers_count > 0)
            model_answer_one(model);
        model_flush(model);
        model_pass(model, 1000);
    }
    while (model->answers_count > 0)
        model_answer_one(model);
}

static void check_order(const struct model *model, const struct model_order *order)
{
    struct simfill_plan plan = simfill_plan(order->seed, (uint32_t)order->record.side, order->record.quantity,
                                            money_cents(order->record.price_cents), model->delay_max_us);
    for (uint32_t i = 0; i < order->legs; i++)
        check_quick(order->leg_quantities[i] == plan.quantities[i]);
    check_quick(order->adjustments == (order->final_type == ACCEPTED));
    check_quick(order->adjustments == 0 ||
                (order->poison == plan.poison &&
                 order->delta == (order->record.side == 1 ? -order->notional : order->notional)));
    check_quick(order->final_type == 0 || (order->final_quantity == order->filled && !order->parked));
    switch (order->final_type) {
    case 0: /* only a hanging order that nobody cancelled */
        check_quick(plan.kind == SIMFILL_HANG && order->cancel_seq == 0 && order->parked &&
                    order->parked_due_us == SIMFILL_NEVER);
        break;
    case ACCEPTED:
        check_quick(plan.kind == SIMFILL_FILL && order->legs > 0);
        check_quick(order->legs == plan.leg_count || order->cancel_seq != 0);
        break;
    case CANCELLED:
        check_quick(order->legs == 0 && (plan.kind == SIMFILL_CANCEL || order->cancel_seq != 0));
        break;
    default:
        check_quick(order->final_type == REJECTED && order->record.quantity == MODEL_BAD_QUANTITY && order->legs == 0);
    }
}

void model_check(const struct model *model)
{
    uint64_t final = 0, executions = 0, adjustments = 0;
    for (uint64_t seq = 1; seq <= model->orders_count; seq++) {
        const struct model_order *order = &model->orders[seq];
        if (order->record.kind != TB__ORDER_RECORD__KIND__KIND_ORDER)
            continue;
        check_order(model, order);
        final += order->final_type != 0;
        executions += order->legs + (order->final_type != 0);
        adjustments += (uint64_t)order->adjustments;
    }
    ck_assert_uint_eq(model->terminal_total, final);
    ck_assert_uint_eq(model->executions_next, executions + 1);
    ck_assert_uint_eq(model->outbox_next, adjustments + 1);
    ck_assert_uint_eq(model->cursor, model->orders_count);
    ck_assert_int_eq(model->halts, 0);
}
