#include "balance_bench.h"

#include <check.h>
#include <string.h>

#include "base.h"
#include "executions.pb-c.h"

static const struct peer gateway = {3, {1, 2, 3}};

void bench_open(struct bench *bench, uint64_t rows, uint32_t attempts_max)
{
    *bench = (struct bench){.now_us = INT64_C(1700000000000000), .next_seq = 1, .rows_count = rows};
    arena_init(&bench->arena, 64 << 20);
    arena_init(&bench->results, 64 << 20);
    balance_core_init(&bench->core, &(struct balance_options){.region = "nl-1",
                                                              .opening = money_cents(1000000),
                                                              .attempts_max = attempts_max,
                                                              .retry_us = 100000});
}

void bench_close(struct bench *bench)
{
    balance_core_release(&bench->core);
    arena_release(&bench->arena);
    arena_release(&bench->results);
}

/* --- recording --- */

static void record_send(struct bench *bench, const struct effect *effect)
{
    if (effect->type == TB__MESSAGE_TYPE__BALANCE_RESULT) {
        const Tb__BalanceResult *result = (const Tb__BalanceResult *)effect->message;
        ck_assert_uint_eq(effect->index, BALANCE_LINK_COMMAND);
        ck_assert_uint_eq(effect->to.length, gateway.length);
        ck_assert_uint_lt(bench->answers_count, BENCH_ANSWERS_MAX);
        bench->answers[bench->answers_count].request_id = result->request_id;
        bench->answers[bench->answers_count].refusal = (int)result->refusal;
        bench->answers[bench->answers_count].before = result->before_cents;
        bench->answers[bench->answers_count++].after = result->after_cents;
        return;
    }
    const Tb__BalancesAppended *message = (const Tb__BalancesAppended *)effect->message;
    ck_assert_uint_eq(effect->index, BALANCE_LINK_FEED);
    ck_assert_uint_eq(effect->first_seq, message->records[0]->seq);
    for (size_t i = 0; i < message->n_records; i++) {
        const Tb__BalanceRecord *record = message->records[i];
        ck_assert_uint_lt(bench->records_count, BENCH_RECORDS_MAX);
        bench->records[bench->records_count++] = (struct bench_record){
            record->seq, (int)record->type, record->outbox_seq, record->resulting_cents, record->attempts};
    }
}

static const size_t args_sizes[BALANCE_PROC_COUNT] = {
    sizeof(struct balance_start_args),        sizeof(struct balance_read_outbox_args),
    sizeof(struct balance_read_retries_args), sizeof(struct balance_open_args),
    sizeof(struct balance_apply_args),        sizeof(struct balance_fail_args),
    sizeof(struct balance_resolve_args),      sizeof(struct balance_rebuild_args)};

static void record_call(struct bench *bench, const struct effect *effect)
{
    ck_assert_uint_lt(bench->calls_count, BENCH_CALLS_MAX);
    struct bench_call *call = &bench->calls[bench->calls_count++];
    call->proc = effect->index;
    ck_assert_uint_le(args_sizes[effect->index], sizeof call->args);
    memcpy(call->args, effect->args, args_sizes[effect->index]);
    size_t writes = 0;
    for (size_t i = 0; i < bench->calls_count; i++)
        writes += bench->calls[i].proc >= BALANCE_PROC_OPEN;
    ck_assert_msg(writes <= 1, "two writes under way at a time");
}

static void record(struct bench *bench, const struct effects *fx)
{
    for (size_t i = 0; i < fx->count; i++) {
        const struct effect *effect = &fx->items[i];
        if (effect->kind == EFFECT_SEND)
            record_send(bench, effect);
        else if (effect->kind == EFFECT_CALL)
            record_call(bench, effect);
        else if (effect->kind == EFFECT_TIMER_SET)
            bench->timers[effect->index] = effect->value;
        else if (effect->kind == EFFECT_TIMER_CLEAR)
            bench->timers[effect->index] = 0;
        else if (effect->kind == EFFECT_GAUGE && effect->index == BALANCE_METRIC_DLQ_DEPTH)
            bench->dead_gauge = effect->value;
        else if (effect->kind == EFFECT_LAG)
            bench->lag = effect->value;
        bench->ready += effect->kind == EFFECT_READY;
        bench->halted += effect->kind == EFFECT_HALT;
    }
}

void bench_step(struct bench *bench, struct input in)
{
    struct effects fx;
    arena_reset(&bench->arena);
    effects_reset(&fx, &bench->arena);
    in.now_us = bench->now_us;
    balance_core_step(&bench->core, &in, &fx);
    record(bench, &fx);
}

/* --- the tables --- */

static bool fence(const struct bench *bench, uint64_t epoch, uint64_t next_seq)
{
    return epoch == bench->epoch && next_seq == bench->next_seq;
}

static const void *answer_start(struct bench *bench)
{
    struct balance_started *started = arena_alloc(&bench->results, sizeof *started);
    uint64_t dead = 0;
    for (uint64_t i = 1; i <= bench->rows_count; i++)
        dead += bench->rows[i].letter == 2;
    *started = (struct balance_started){++bench->epoch, bench->next_seq, bench->cursor, bench->ops_cursor, dead};
    return started;
}

static struct balance_adjustment adjustment_of(const struct bench *bench, uint64_t seq)
{
    return (struct balance_adjustment){.seq = seq,
                                       .order_seq = 1000 + seq,
                                       .delta = money_cents(-(int64_t)seq),
                                       .price = money_cents((int64_t)seq),
                                       .created_at_us = bench->now_us,
                                       .order_created_at_us = bench->now_us,
                                       .quantity = 1,
                                       .side = 1,
                                       .user_id = "clusius"};
}

static const void *answer_read(struct bench *bench, const struct balance_read_outbox_args *args)
{
    struct balance_outbox_rows *result = arena_alloc(&bench->results, sizeof *result);
    struct balance_adjustment *rows = arena_array(&bench->results, args->limit, sizeof *rows);
    size_t count = 0;
    for (uint64_t seq = args->after + 1; seq <= bench->rows_count && count < args->limit; seq++)
        rows[count++] = adjustment_of(bench, seq);
    *result = (struct balance_outbox_rows){count, rows};
    return result;
}

static const void *answer_retries(struct bench *bench, const struct balance_read_retries_args *args)
{
    struct balance_retry_rows *result = arena_alloc(&bench->results, sizeof *result);
    struct balance_retry *rows = arena_array(&bench->results, args->limit, sizeof *rows);
    size_t count = 0;
    for (uint64_t seq = 1; seq <= bench->rows_count && count < args->limit; seq++)
        if (bench->rows[seq].letter == 1)
            rows[count++] = (struct balance_retry){seq, bench->rows[seq].attempts, bench->rows[seq].due_us};
    for (size_t i = 1; i < count; i++) /* by due time, stable */
        for (size_t j = i; j > 0 && rows[j].next_attempt_at_us < rows[j - 1].next_attempt_at_us; j--) {
            struct balance_retry other = rows[j];
            rows[j] = rows[j - 1];
            rows[j - 1] = other;
        }
    *result = (struct balance_retry_rows){count, rows};
    return result;
}

static const void *answer_open(struct bench *bench, const struct balance_open_args *args)
{
    struct balance_opened *opened = arena_alloc(&bench->results, sizeof *opened);
    uint64_t count = bench->persona_events - bench->ops_cursor;
    struct balance_opening *rows = arena_array(&bench->results, count + 1, sizeof *rows);
    ck_assert(fence(bench, args->epoch, args->next_seq));
    for (uint64_t i = 0; i < count; i++) {
        bench->balance_cents += args->opening.cents;
        rows[i] = (struct balance_opening){.resulting = money_cents(bench->balance_cents), .user_id = "clusius"};
    }
    bench->ops_cursor += count;
    bench->next_seq += count;
    *opened = (struct balance_opened){bench->ops_cursor, false, count, rows};
    return opened;
}

static void move_cash(struct bench *bench, uint64_t seq)
{
    bench->rows[seq].settled++;
    bench->balance_cents -= (int64_t)seq;
}

/* NULL: the data was refused. */
static const void *answer_apply(struct bench *bench, const struct balance_apply_args *args)
{
    ck_assert(fence(bench, args->epoch, args->next_seq));
    ck_assert_uint_eq(args->first, bench->cursor + 1);
    ck_assert_uint_le(args->first + args->count - 1, bench->rows_count);
    bench->applies++;
    for (uint64_t i = 0; i < args->count; i++)
        if (bench->rows[args->first + i].poisoned) {
            bench->applies_failed++;
            return NULL;
        }
    struct balance_applied *applied = arena_alloc(&bench->results, sizeof *applied);
    struct balance_applied_row *rows = arena_array(&bench->results, args->count, sizeof *rows);
    for (uint64_t i = 0; i < args->count; i++) {
        move_cash(bench, args->first + i);
        rows[i] = (struct balance_applied_row){money_cents(bench->balance_cents), 1};
    }
    bench->cursor += args->count;
    bench->next_seq += args->count;
    *applied = (struct balance_applied){args->count, rows};
    return applied;
}

static const void *answer_fail(struct bench *bench, const struct balance_fail_args *args)
{
    struct balance_failed *failed = arena_alloc(&bench->results, sizeof *failed);
    struct bench_row *row = &bench->rows[args->outbox_seq];
    ck_assert(fence(bench, args->epoch, args->next_seq));
    if (bench->fail_next_record) {
        bench->fail_next_record = false;
        return NULL;
    }
    ck_assert_uint_eq(args->attempts, row->attempts + 1);
    ck_assert_str_eq(args->error, "TB010: poisoned");
    if (args->attempts == 1) {
        ck_assert_uint_eq(args->outbox_seq, bench->cursor + 1);
        bench->cursor++;
    }
    row->attempts = args->attempts;
    row->letter = args->dead ? 2 : 1;
    row->due_us = args->next_attempt_at_us;
    bench->next_seq += args->dead ? 2 : 1;
    *failed = (struct balance_failed){.recorded = true, .order_seq = 1000 + args->outbox_seq, .user_id = "clusius"};
    return failed;
}

static const void *answer_resolve(struct bench *bench, const struct balance_resolve_args *args)
{
    struct balance_resolved *resolved = arena_alloc(&bench->results, sizeof *resolved);
    struct bench_row *row = args->outbox_seq <= bench->rows_count ? &bench->rows[args->outbox_seq] : NULL;
    ck_assert(fence(bench, args->epoch, args->next_seq));
    if (!row || row->letter == 0)
        return resolved;
    resolved->outcome = BALANCE_OUTCOME_APPLIED;
    if (row->letter > 2) {
        resolved->outcome = (row->letter == 4) == (args->how == BALANCE_HOW_DISCARD) ? BALANCE_OUTCOME_ALREADY
                                                                                     : BALANCE_OUTCOME_TERMINAL;
        return resolved;
    }
    if (args->how == BALANCE_HOW_RETRY && row->poisoned)
        return NULL;
    resolved->was_dead = row->letter == 2;
    resolved->attempts = row->attempts;
    resolved->adjustment = adjustment_of(bench, args->outbox_seq);
    row->letter = args->how == BALANCE_HOW_DISCARD ? 4 : 3;
    bench->next_seq += args->how == BALANCE_HOW_REDRIVE ? 2 : 1;
    if (args->how != BALANCE_HOW_DISCARD)
        move_cash(bench, args->outbox_seq);
    resolved->resulting = money_cents(bench->balance_cents);
    return resolved;
}

static const void *answer_rebuild(struct bench *bench, const struct balance_rebuild_args *args)
{
    struct balance_rebuilt *rebuilt = arena_alloc(&bench->results, sizeof *rebuilt);
    ck_assert(fence(bench, args->epoch, args->next_seq));
    *rebuilt = (struct balance_rebuilt){strcmp(args->account, "clusius") == 0, money_cents(5), money_cents(7)};
    return rebuilt;
}

static const void *answer(struct bench *bench, const struct bench_call *call)
{
    const void *args = call->args;
    switch ((enum balance_proc)call->proc) {
    case BALANCE_PROC_START:
        return answer_start(bench);
    case BALANCE_PROC_READ_OUTBOX:
        return answer_read(bench, args);
    case BALANCE_PROC_READ_RETRIES:
        return answer_retries(bench, args);
    case BALANCE_PROC_OPEN:
        return answer_open(bench, args);
    case BALANCE_PROC_APPLY:
        return answer_apply(bench, args);
    case BALANCE_PROC_FAIL:
        return answer_fail(bench, args);
    case BALANCE_PROC_RESOLVE:
        return answer_resolve(bench, args);
    case BALANCE_PROC_REBUILD:
        return answer_rebuild(bench, args);
    case BALANCE_PROC_COUNT:
        break;
    }
    ck_abort_msg("no such procedure");
    return NULL;
}

void bench_answer(struct bench *bench, enum store_status status)
{
    ck_assert_uint_gt(bench->calls_count, 0);
    struct bench_call call = bench->calls[0];
    memmove(bench->calls, bench->calls + 1, --bench->calls_count * sizeof bench->calls[0]);
    arena_reset(&bench->results);
    struct input in = {.kind = INPUT_STORE, .proc = call.proc, .status = status, .error = "no answer"};
    if (status == STORE_DONE) {
        in.result = answer(bench, &call);
        if (!in.result) {
            in.status = STORE_FAILED;
            in.error = "TB010: poisoned";
        }
    }
    bench_step(bench, in);
}

/* --- driving --- */

/* Effect: moves the clock to the timer's time and lets it come. */
static void let_timer_come(struct bench *bench, unsigned timer)
{
    if (bench->timers[timer] > bench->now_us)
        bench->now_us = bench->timers[timer];
    bench->timers[timer] = 0;
    bench_step(bench, (struct input){.kind = INPUT_TIMER, .timer = timer});
}

void bench_settle(struct bench *bench)
{
    for (int i = 0; bench->calls_count > 0 || bench->timers[BALANCE_TIMER_GATHER] != 0; i++) {
        ck_assert_msg(i < 100000, "the core goes round in circles");
        if (bench->calls_count > 0)
            bench_answer(bench, STORE_DONE);
        else
            let_timer_come(bench, BALANCE_TIMER_GATHER);
    }
}

void bench_start(struct bench *bench)
{
    bench_step(bench, (struct input){.kind = INPUT_START});
    bench_settle(bench);
}

void bench_timer(struct bench *bench, unsigned timer)
{
    ck_assert_int_gt(bench->timers[timer], 0);
    let_timer_come(bench, timer);
    bench_settle(bench);
}

void bench_offer(struct bench *bench, uint64_t first, size_t count)
{
    static Tb__AdjustmentRecord records[BENCH_ROWS_MAX];
    static Tb__AdjustmentRecord *pointers[BENCH_ROWS_MAX];
    Tb__AdjustmentsAppended message = TB__ADJUSTMENTS_APPENDED__INIT;
    for (size_t i = 0; i < count; i++) {
        tb__adjustment_record__init(&records[i]);
        records[i].seq = first + i;
        records[i].order_seq = 1000 + first + i;
        records[i].delta_cents = -(int64_t)(first + i);
        records[i].user_id = "clusius";
        records[i].created_at_us = records[i].order_created_at_us = bench->now_us;
        pointers[i] = &records[i];
    }
    message.records = pointers;
    message.n_records = count;
    bench_step(bench, (struct input){.kind = INPUT_MESSAGE,
                                     .link = BALANCE_LINK_OUTBOX,
                                     .type = TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED,
                                     .message = &message.base,
                                     .stream = TB__STREAM__STREAM_OUTBOX,
                                     .first_seq = first});
}

void bench_flush(struct bench *bench)
{
    bench_step(bench, (struct input){.kind = INPUT_FLUSH});
}

void bench_command(struct bench *bench, uint64_t request_id, int kind, uint64_t outbox_seq, const char *user_id)
{
    char user[BALANCE_USER_SIZE], actor[] = "operator";
    Tb__BalanceCommand message = TB__BALANCE_COMMAND__INIT;
    ck_assert(tb_copy_text(user, sizeof user, user_id));
    message.request_id = request_id;
    message.kind = (Tb__BalanceCommand__Kind)kind;
    message.outbox_seq = outbox_seq;
    message.user_id = user;
    message.actor = actor;
    bench_step(bench, (struct input){.kind = INPUT_MESSAGE,
                                     .link = BALANCE_LINK_COMMAND,
                                     .from = &gateway,
                                     .type = TB__MESSAGE_TYPE__BALANCE_COMMAND,
                                     .message = &message.base});
}

size_t bench_count(const struct bench *bench, int type)
{
    size_t count = 0;
    for (size_t i = 0; i < bench->records_count; i++)
        count += bench->records[i].type == type;
    return count;
}

void bench_check(const struct bench *bench)
{
    for (size_t i = 0; i < bench->records_count; i++)
        ck_assert_uint_eq(bench->records[i].seq, i + 1);
    for (uint64_t seq = 1; seq <= bench->rows_count; seq++)
        ck_assert_msg(bench->rows[seq].settled == (bench->rows[seq].poisoned && bench->rows[seq].letter != 3 ? 0 : 1),
                      "row %llu settled %d times", (unsigned long long)seq, bench->rows[seq].settled);
    ck_assert_uint_eq(bench->cursor, bench->rows_count);
}
