#include "core.h"

#include <stdlib.h>

#include "../../common/base.h"
#include "state.h"

enum { WINDOW_MAX = 65536, WINDOW_MIN = 1024 };

struct simfill *simfill_new(const struct simfill_options *options)
{
    struct simfill *s = tb_alloc_zero(1, sizeof *s);
    s->options = *options;
    if (s->options.window_max == 0)
        s->options.window_max = WINDOW_MAX;
    tb_assert(s->options.window_max >= WINDOW_MIN); /* a message of the stage link must fit */
    window_init(&s->window, s->options.window_max);
    s->lookups.waiting = tb_alloc_zero(s->window.capacity, sizeof *s->lookups.waiting);
    return s;
}

void simfill_free(struct simfill **simfill)
{
    struct simfill *s = *simfill;
    if (!s)
        return;
    window_release(&s->window);
    free(s->lookups.waiting);
    free(s);
    *simfill = NULL;
}

void simfill_rest(struct simfill *s, const struct input *in, struct effects *fx)
{
    s->backoff_us = s->backoff_us == 0 ? SIMFILL_BACKOFF_US : s->backoff_us * 2;
    if (s->backoff_us > SIMFILL_BACKOFF_MAX_US)
        s->backoff_us = SIMFILL_BACKOFF_MAX_US;
    s->resting = true;
    effects_timer(fx, SIMFILL_TIMER_RETRY, in->now_us + s->backoff_us);
}

/* Effect: sets the timers for the next fill in memory and the next parked order, where that changed. */
static void set_timers(struct simfill *s, struct effects *fx)
{
    uint32_t first = window_first(&s->window);
    int64_t due_us = first == ENTRY_NONE ? 0 : window_entry(&s->window, first)->due_us;
    if (due_us < s->gather_until_us)
        due_us = s->gather_until_us;
    if (!s->batch.under_way && first != ENTRY_NONE && due_us != s->due_timer_us) {
        s->due_timer_us = due_us;
        effects_timer(fx, SIMFILL_TIMER_DUE, s->due_timer_us);
    }
    if (!s->parked_wanted && !s->parked_reading && s->parked_due_us != SIMFILL_NEVER &&
        s->parked_due_us - SIMFILL_HORIZON_US != s->parked_timer_us) {
        s->parked_timer_us = s->parked_due_us - SIMFILL_HORIZON_US;
        effects_timer(fx, SIMFILL_TIMER_PARKED, s->parked_timer_us);
    }
}

void simfill_work(struct simfill *s, const struct input *in, struct effects *fx)
{
    if (s->phase != SIMFILL_FOLLOWING || s->resting)
        return;
    bool gathers = !s->batch.under_way && gather_waits(&s->gather, s->window.count, in->now_us);
    s->gather_until_us = gathers ? gather_until_us(&s->gather) : 0;
    if (!gathers)
        batch_start(s, in, fx, false);
    lookup_start(s, fx);
    parked_start(s, in, fx);
    intake_catch_up(s, fx);
    set_timers(s, fx);
}

static void show_window(const struct simfill *s, const struct input *in, struct effects *fx)
{
    uint32_t first = window_first(&s->window);
    int64_t late_us = first == ENTRY_NONE ? 0 : in->now_us - window_entry(&s->window, first)->due_us;
    effects_gauge(fx, SIMFILL_WINDOW, s->window.count);
    effects_gauge(fx, SIMFILL_QUEUE_AGE, late_us > 0 ? late_us : 0);
    effects_lag(fx, follow_lag(&s->follow));
}

static void recover_start(struct simfill *s, struct effects *fx)
{
    s->phase = SIMFILL_RECOVERING;
    s->resting = false;
    s->batch.at = s->batch.count = s->batch.tried = 0;
    s->batch.under_way = false;
    s->lookups.head = s->lookups.count = s->lookups.asked_count = 0;
    s->parked_reading = s->parked_more = false;
    s->parked_due_us = SIMFILL_NEVER;
    s->due_timer_us = s->parked_timer_us = 0;
    struct simfill_take_epoch_args *args = arena_alloc(fx->arena, sizeof *args);
    args->region = s->options.region;
    effects_call(fx, SIMFILL_TAKE_EPOCH, args);
}

/* From here on the cursor says everything: what is after it, and what is parked, is read; history is not. */
static void recover_epoch(struct simfill *s, const struct input *in, struct effects *fx)
{
    const struct simfill_take_epoch_result *head = in->result;
    s->epoch = head->epoch;
    s->executions_next_seq = head->executions_next_seq;
    s->outbox_next_seq = head->outbox_next_seq;
    s->terminal_total = head->terminal_total;
    window_clear(&s->window, head->cursor);
    follow_init(&s->follow, head->cursor);
    s->parked_wanted = true;
    if (s->phase == SIMFILL_RECOVERING)
        intake_fetch(s, fx);
}

static void recovered(struct simfill *s, const struct input *in, struct effects *fx)
{
    s->phase = SIMFILL_FOLLOWING;
    effects_ready(fx);
    effects_timer(fx, SIMFILL_TIMER_POLL, in->now_us + SIMFILL_POLL_US);
    effects_log(fx, LOG_INFO, 0, NULL, NULL,
                "recovered: epoch %lld, cursor %llu, next execution %llu, next adjustment %llu", (long long)s->epoch,
                (unsigned long long)s->window.cursor, (unsigned long long)s->executions_next_seq,
                (unsigned long long)s->outbox_next_seq);
}

static void handle_done(struct simfill *s, const struct input *in, struct effects *fx)
{
    switch ((enum simfill_proc)in->proc) {
    case SIMFILL_TAKE_EPOCH:
        recover_epoch(s, in, fx);
        break;
    case SIMFILL_READ_ORDERS:
        if (s->phase == SIMFILL_RECOVERING)
            recovered(s, in, fx);
        intake_fetched(s, in, fx);
        break;
    case SIMFILL_READ_DUE:
        parked_done(s, in);
        break;
    case SIMFILL_READ_PARKED:
        lookup_done(s, in);
        break;
    case SIMFILL_APPEND:
        batch_done(s, in, fx);
        break;
    case SIMFILL_PROC_COUNT:
        break;
    }
}

static void handle_failed(struct simfill *s, const struct input *in, struct effects *fx)
{
    switch ((enum simfill_proc)in->proc) {
    case SIMFILL_APPEND:
        batch_failed(s, in, fx);
        return;
    case SIMFILL_READ_ORDERS:
        follow_fetch_failed(&s->follow);
        break;
    case SIMFILL_READ_DUE:
        parked_failed(s);
        break;
    case SIMFILL_READ_PARKED:
        lookup_failed(s);
        break;
    case SIMFILL_TAKE_EPOCH:
    case SIMFILL_PROC_COUNT:
        break;
    }
    effects_log(fx, LOG_ERROR, 0, NULL, NULL, "reading failed, trying again: %s", in->error ? in->error : "");
    simfill_rest(s, in, fx);
}

static void handle_store(struct simfill *s, const struct input *in, struct effects *fx)
{
    switch (in->status) {
    case STORE_DONE:
        handle_done(s, in, fx);
        simfill_work(s, in, fx);
        break;
    case STORE_FAILED:
        handle_failed(s, in, fx);
        simfill_work(s, in, fx);
        break;
    case STORE_REFUSED:
        s->phase = SIMFILL_DOWN;
        effects_halt(fx, "another writer has the executions stream");
        break;
    case STORE_UNKNOWN: /* INPUT_STORE_LOST follows */
        s->phase = SIMFILL_DOWN;
        break;
    }
    show_window(s, in, fx);
}

static void handle_poll(struct simfill *s, const struct input *in, struct effects *fx)
{
    effects_timer(fx, SIMFILL_TIMER_POLL, in->now_us + SIMFILL_POLL_US);
    if (s->phase != SIMFILL_FOLLOWING || s->resting)
        return;
    if (s->follow.next == s->polled_next) /* nothing came since: has something been lost? */
        intake_fetch(s, fx);
    s->polled_next = s->follow.next;
    batch_start(s, in, fx, true);
}

static void handle_timer(struct simfill *s, const struct input *in, struct effects *fx)
{
    switch ((enum simfill_timer)in->timer) {
    case SIMFILL_TIMER_DUE:
        s->due_timer_us = 0;
        break;
    case SIMFILL_TIMER_POLL:
        handle_poll(s, in, fx);
        break;
    case SIMFILL_TIMER_PARKED:
        s->parked_timer_us = 0;
        s->parked_due_us = SIMFILL_NEVER;
        s->parked_wanted = true;
        break;
    case SIMFILL_TIMER_RETRY:
        s->resting = false;
        if (s->phase == SIMFILL_RECOVERING)
            recover_start(s, fx);
        break;
    }
    simfill_work(s, in, fx);
    show_window(s, in, fx);
}

static void stop_timers(struct effects *fx)
{
    for (unsigned timer = SIMFILL_TIMER_DUE; timer <= SIMFILL_TIMER_RETRY; timer++)
        effects_timer_clear(fx, timer);
}

void simfill_step(struct simfill *s, const struct input *in, struct effects *fx)
{
    switch (in->kind) {
    case INPUT_START:
        s->backoff_us = 0;
        recover_start(s, fx);
        break;
    case INPUT_MESSAGE:
        intake_message(s, in, fx);
        break;
    case INPUT_FLUSH:
        simfill_work(s, in, fx);
        show_window(s, in, fx);
        break;
    case INPUT_TIMER:
        handle_timer(s, in, fx);
        break;
    case INPUT_STORE:
        handle_store(s, in, fx);
        break;
    case INPUT_STORE_LOST:
        s->phase = SIMFILL_DOWN;
        stop_timers(fx);
        break;
    case INPUT_EXTERNAL:
        break;
    case INPUT_STOP:
        s->phase = SIMFILL_DRAINING;
        stop_timers(fx);
        break;
    }
}
