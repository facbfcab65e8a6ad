/* gateway_core: feeds to view, results to answers. */
#include "gateway_core.h"

#include <string.h>

#include "balances.pb-c.h"
#include "base.h"
#include "executions.pb-c.h"
#include "gateway.h"
#include "persona.pb-c.h"
#include "store.h"

enum { TIMER_TICK, TIMER_POLL, TIMER_SNAPSHOT };
#define TICK_US           (100 * 1000LL)
#define POLL_US           (250 * 1000LL)
#define SNAPSHOT_RETRY_US (1000 * 1000LL)

void gateway_core_init(struct gateway_core *core, const char *region)
{
    *core = (struct gateway_core){.region = region};
    view_init(&core->view);
    core->flights = flights_new();
    core->cancels = cancels_new();
}

void gateway_core_release(struct gateway_core *core)
{
    view_release(&core->view);
    flights_free(&core->flights);
    cancels_free(&core->cancels);
}

bool gateway_core_has_unsent(const struct gateway_core *core)
{
    return flights_have_unsent(core->flights) || cancels_have_unsent(core->cancels);
}

bool gateway_core_in_sync(const struct gateway_core *core)
{
    if (!core->view.ready)
        return false;
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        if (follow_lag(&core->view.follow[stream]) > 0 && core->view.follow[stream].next == core->polled_next[stream])
            return false;
    }
    return true;
}

static void call(struct gateway_core *core, struct effects *fx, enum gateway_proc proc, uint64_t after)
{
    struct store_args *args = arena_alloc(fx->arena, sizeof *args);
    args->region = core->region;
    args->after = after;
    effects_call(fx, proc, args);
}

static void flight_done(struct effects *fx, const struct flight_answer *answer)
{
    struct gateway_answer *out = arena_alloc(fx->arena, sizeof *out);
    out->kind = ANSWER_FLIGHT;
    out->flight = *answer;
    effects_external(fx, out);
}

static void cancel_done(struct effects *fx, const struct cancel_answer *answer)
{
    struct gateway_answer *out = arena_alloc(fx->arena, sizeof *out);
    out->kind = ANSWER_CANCEL;
    out->cancel = *answer;
    effects_external(fx, out);
}

static void check_ended(struct gateway_core *core, struct effects *fx)
{
    flights_check_waiting(core->flights, &core->view, fx, flight_done);
    cancels_check(core->cancels, &core->view, fx, cancel_done);
}

/* --- streams --- */

/* Effect: asks for the rows after what we have, unless that is under way. */
static void fetch(struct gateway_core *core, struct effects *fx, enum view_stream stream)
{
    static const enum gateway_proc procs[VIEW_STREAMS] = {PROC_ORDERS_AFTER, PROC_EXECUTIONS_AFTER, PROC_BALANCES_AFTER,
                                                          PROC_PERSONAS};
    if (follow_fetch(&core->view.follow[stream]))
        call(core, fx, procs[stream], view_stream_last(&core->view, stream));
}

/* Return: how many records at the front to skip, or count when all are (seen, or a gap that is being read). */
static size_t offer(struct gateway_core *core, struct effects *fx, enum view_stream stream, uint64_t first_seq,
                    size_t count)
{
    size_t skip = 0;
    if (!core->view.ready || count == 0)
        return count;
    switch (follow_offer(&core->view.follow[stream], first_seq, count, &skip)) {
    case FOLLOW_TAKE:
        return skip;
    case FOLLOW_GAP:
        fetch(core, fx, stream);
        return count;
    case FOLLOW_DROP:
    default:
        return count;
    }
}

static void take_order(struct gateway_core *core, const Tb__OrderRecord *record)
{
    view_apply_order(&core->view, record);
    pulse_take(&core->pulse, record);
}

static void on_feed(struct gateway_core *core, const struct input *in, struct effects *fx)
{
    struct view *view = &core->view;
    switch ((int)in->type) {
    case TB__MESSAGE_TYPE__ORDERS_APPENDED: {
        const Tb__OrdersAppended *feed = (const Tb__OrdersAppended *)in->message;
        for (size_t i = offer(core, fx, VIEW_ORDERS, in->first_seq, feed->n_records); i < feed->n_records; i++)
            take_order(core, feed->records[i]);
        break;
    }
    case TB__MESSAGE_TYPE__EXECUTIONS_APPENDED: {
        const Tb__ExecutionsAppended *feed = (const Tb__ExecutionsAppended *)in->message;
        for (size_t i = offer(core, fx, VIEW_EXECUTIONS, in->first_seq, feed->n_records); i < feed->n_records; i++)
            view_apply_execution(view, feed->records[i]);
        break;
    }
    case TB__MESSAGE_TYPE__BALANCES_APPENDED: {
        const Tb__BalancesAppended *feed = (const Tb__BalancesAppended *)in->message;
        for (size_t i = offer(core, fx, VIEW_BALANCES, in->first_seq, feed->n_records); i < feed->n_records; i++)
            view_apply_balance(view, feed->records[i]);
        break;
    }
    case TB__MESSAGE_TYPE__OPS_APPENDED: {
        const Tb__OpsAppended *feed = (const Tb__OpsAppended *)in->message;
        for (size_t i = offer(core, fx, VIEW_OPS, in->first_seq, feed->n_records); i < feed->n_records; i++)
            view_apply_ops(view, feed->records[i]);
        break;
    }
    default:
        break;
    }
}

static void on_message(struct gateway_core *core, const struct input *in, struct effects *fx)
{
    if (in->type == TB__MESSAGE_TYPE__ORDER_RESULTS)
        flights_results(core->flights, (const Tb__OrderResults *)in->message, &core->view, in->now_us, fx, flight_done);
    else if (in->type == TB__MESSAGE_TYPE__CANCEL_RESULTS)
        cancels_results(core->cancels, (const Tb__CancelResults *)in->message, &core->view, fx, cancel_done);
    else
        on_feed(core, in, fx);
}

/* --- the store's answers --- */

static void take_snapshot(struct gateway_core *core, const struct store_snapshot *snapshot, struct effects *fx)
{
    struct view *view = &core->view;
    view_clear(view);
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        follow_init(&view->follow[stream], snapshot->next[stream] == 0 ? 0 : snapshot->next[stream] - 1);
        core->polled_next[stream] = 0;
    }
    for (size_t i = 0; i < snapshot->persona_count; i++)
        view_set_persona(view, &snapshot->personas[i]);
    for (size_t i = 0; i < snapshot->cue_count; i++)
        view_set_cue(view, &snapshot->cues[i]);
    for (size_t i = 0; i < snapshot->balance_count; i++)
        view_set_balance(view, snapshot->balances[i].account, snapshot->balances[i].balance,
                         snapshot->balances[i].version, snapshot->balances[i].updated_at_us);
    for (size_t i = 0; i < snapshot->open_count; i++)
        view_apply_order(view, &snapshot->open_orders[i]);
    for (size_t i = 0; i < snapshot->unsettled_count; i++)
        view_set_unsettled(view, snapshot->unsettled[i].order_seq, snapshot->unsettled[i].user_id,
                           snapshot->unsettled[i].delta);
    pulse_begin(&core->pulse, view_stream_last(view, VIEW_ORDERS));
    view->ready = true;
    effects_ready(fx);
}

/* Effect: compares the heads with where we stand: a stream that has not moved since the last poll though it is behind
 * lost its last message. */
static void take_heads(struct gateway_core *core, const struct store_snapshot *heads, struct effects *fx)
{
    uint64_t lag = 0;
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        struct follow *follow = &core->view.follow[stream];
        if (heads->next[stream] > 0 && heads->next[stream] - 1 > follow->seen_max)
            follow->seen_max = heads->next[stream] - 1;
        if (follow_lag(follow) > 0 && follow->next == core->polled_next[stream])
            fetch(core, fx, (enum view_stream)stream);
        core->polled_next[stream] = follow->next;
        lag += follow_lag(follow);
    }
    effects_lag(fx, lag);
}

static uint64_t row_seq(enum view_stream stream, const struct store_rows *rows, size_t i)
{
    return stream == VIEW_ORDERS       ? rows->orders[i].seq
           : stream == VIEW_EXECUTIONS ? rows->executions[i].seq
                                       : rows->balances[i].seq;
}

static void take_rows(struct gateway_core *core, enum view_stream stream, const struct store_rows *rows,
                      struct effects *fx)
{
    struct follow *follow = &core->view.follow[stream];
    /* Asked for before a snapshot moved us: not from where we stand now. */
    if (!follow->fetching)
        return;
    if (rows->count > 0 && row_seq(stream, rows, 0) != follow->next) {
        follow_fetch_failed(follow);
        return;
    }
    for (size_t i = 0; i < rows->count; i++) {
        if (stream == VIEW_ORDERS)
            take_order(core, &rows->orders[i]);
        else if (stream == VIEW_EXECUTIONS)
            view_apply_execution(&core->view, &rows->executions[i]);
        else
            view_apply_balance(&core->view, &rows->balances[i]);
    }
    if (follow_fetched(follow, rows->count, ROWS_LIMIT))
        fetch(core, fx, stream);
}

static void take_personas(struct gateway_core *core, const struct store_snapshot *personas)
{
    struct follow *follow = &core->view.follow[VIEW_OPS];
    for (size_t i = 0; i < personas->persona_count; i++)
        view_set_persona(&core->view, &personas->personas[i]);
    for (size_t i = 0; i < personas->cue_count; i++)
        view_set_cue(&core->view, &personas->cues[i]);
    uint64_t seen_max = follow->seen_max;
    if (personas->next[VIEW_OPS] > follow->next)
        follow_init(follow, personas->next[VIEW_OPS] - 1);
    if (seen_max > follow->seen_max)
        follow->seen_max = seen_max;
    follow->fetching = false;
}

static enum view_stream stream_of(unsigned proc)
{
    return proc == PROC_ORDERS_AFTER       ? VIEW_ORDERS
           : proc == PROC_EXECUTIONS_AFTER ? VIEW_EXECUTIONS
           : proc == PROC_BALANCES_AFTER   ? VIEW_BALANCES
                                           : VIEW_OPS;
}

static void on_store_failed(struct gateway_core *core, const struct input *in, struct effects *fx)
{
    if (in->proc == PROC_SNAPSHOT) {
        core->snapshot_under_way = false;
        if (in->status != STORE_UNKNOWN)
            effects_timer(fx, TIMER_SNAPSHOT, in->now_us + SNAPSHOT_RETRY_US);
    } else if (in->proc != PROC_HEADS) {
        follow_fetch_failed(&core->view.follow[stream_of(in->proc)]); /* the next poll tries again */
    }
    if (in->proc == PROC_HEADS)
        effects_timer(fx, TIMER_POLL, in->now_us + POLL_US);
}

static void on_store(struct gateway_core *core, const struct input *in, struct effects *fx)
{
    if (in->status != STORE_DONE) {
        on_store_failed(core, in, fx);
        return;
    }
    switch ((enum gateway_proc)in->proc) {
    case PROC_SNAPSHOT:
        core->snapshot_under_way = false;
        take_snapshot(core, in->result, fx);
        effects_timer(fx, TIMER_POLL, in->now_us + POLL_US);
        break;
    case PROC_HEADS:
        if (core->view.ready)
            take_heads(core, in->result, fx);
        effects_timer(fx, TIMER_POLL, in->now_us + POLL_US);
        break;
    case PROC_PERSONAS:
        take_personas(core, in->result);
        break;
    case PROC_ORDERS_AFTER:
    case PROC_EXECUTIONS_AFTER:
    case PROC_BALANCES_AFTER:
        take_rows(core, stream_of(in->proc), in->result, fx);
        check_ended(core, fx);
        break;
    case GATEWAY_PROCS:
    default:
        break;
    }
}

/* --- time --- */

static void ask_snapshot(struct gateway_core *core, struct effects *fx)
{
    if (core->snapshot_under_way)
        return;
    core->snapshot_under_way = true;
    call(core, fx, PROC_SNAPSHOT, 0);
}

static void on_timer(struct gateway_core *core, const struct input *in, struct effects *fx)
{
    if (in->timer == TIMER_TICK) {
        size_t resent = flights_tick(core->flights, in->now_us, fx, flight_done);
        cancels_tick(core->cancels, in->now_us, fx, cancel_done);
        check_ended(core, fx);
        if (resent > 0)
            effects_count(fx, METRIC_ORDERS_RESENT, (int64_t)resent);
        effects_gauge(fx, METRIC_ORDERS_IN_FLIGHT, (int64_t)flights_count(core->flights));
        effects_gauge(fx, METRIC_PENDING_ORDERS, (int64_t)core->view.order_count);
        effects_timer(fx, TIMER_TICK, in->now_us + TICK_US);
    } else if (in->timer == TIMER_POLL) {
        call(core, fx, PROC_HEADS, 0);
    } else if (in->timer == TIMER_SNAPSHOT) {
        ask_snapshot(core, fx);
    }
}

static void send_gathered(struct gateway_core *core, const struct input *in, struct effects *fx)
{
    if (flights_have_unsent(core->flights))
        flights_send(core->flights, LINK_ORDERS_COMMAND, in->now_us, fx);
    if (cancels_have_unsent(core->cancels))
        cancels_send(core->cancels, LINK_ORDERS_COMMAND, in->now_us, fx);
}

void gateway_core_step(struct gateway_core *core, const struct input *in, struct effects *fx)
{
    switch (in->kind) {
    case INPUT_START:
        /* What we knew stays in use until the new snapshot replaces it; a fetch that was under way is over. */
        core->snapshot_under_way = false;
        for (int stream = 0; stream < VIEW_STREAMS; stream++)
            core->view.follow[stream].fetching = false;
        ask_snapshot(core, fx);
        effects_timer(fx, TIMER_TICK, in->now_us + TICK_US);
        break;
    case INPUT_MESSAGE:
        on_message(core, in, fx);
        break;
    case INPUT_FLUSH:
        check_ended(core, fx);
        break;
    case INPUT_TIMER:
        on_timer(core, in, fx);
        break;
    case INPUT_STORE:
        on_store(core, in, fx);
        break;
    case INPUT_STORE_LOST:
        effects_timer_clear(fx, TIMER_POLL);
        effects_timer_clear(fx, TIMER_SNAPSHOT);
        break;
    case INPUT_EXTERNAL:
        send_gathered(core, in, fx);
        break;
    case INPUT_STOP:
        core->stopping = true;
        break;
    default:
        break;
    }
}
