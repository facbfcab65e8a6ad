#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

void balance_core_init(struct balance_core *core, const struct balance_options *options)
{
    tb_assert(options->attempts_max >= 1 && options->retry_us > 0);
    tb_assert(tb_copy_text(core->region, sizeof core->region, options->region));
    core->opening = options->opening;
    core->attempts_max = options->attempts_max;
    core->retry_us = options->retry_us;
    core->queue = tb_alloc_zero(BALANCE_QUEUE_MAX, sizeof *core->queue);
    core->commands = tb_alloc_zero(BALANCE_COMMANDS_MAX, sizeof *core->commands);
}

void balance_core_release(struct balance_core *core)
{
    free(core->queue);
    free(core->commands);
    *core = (struct balance_core){0};
}

void core_write_over(struct balance_core *core)
{
    core->side_job_last = core->write != BALANCE_WRITE_APPLY;
    core->write = BALANCE_WRITE_NONE;
}

void core_gauge_dead(struct balance_core *core, struct effects *fx, int64_t change)
{
    core->dead_depth = (uint64_t)((int64_t)core->dead_depth + change);
    effects_gauge(fx, BALANCE_METRIC_DLQ_DEPTH, (int64_t)core->dead_depth);
}

/* Effect: forgets what is in memory; the tables know it all. */
static void core_forget(struct balance_core *core, struct effects *fx)
{
    core->phase = BALANCE_DOWN;
    core->write = BALANCE_WRITE_NONE;
    core->queue_head = core->queue_count = 0;
    core->suspect_end = 0;
    core->side_job_last = false;
    core->open_wanted = core->fetch_wanted = false;
    core->retry_index = core->retry_count = 0;
    core->retries_wanted = core->retries_reading = false;
    core->retry_due_us = 0;
    core->backing_off = false;
    core->backoff_us = 0;
    effects_timer_clear(fx, BALANCE_TIMER_POLL);
    effects_timer_clear(fx, BALANCE_TIMER_RETRY);
    effects_timer_clear(fx, BALANCE_TIMER_BACKOFF);
    effects_timer_clear(fx, BALANCE_TIMER_GATHER);
}

static void core_recover(struct balance_core *core, struct effects *fx)
{
    struct balance_start_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct balance_start_args){core->region};
    core->phase = BALANCE_RECOVERING;
    effects_call(fx, BALANCE_PROC_START, args);
}

static void core_started(struct balance_core *core, const struct input *in, struct effects *fx)
{
    if (in->status == STORE_FAILED) {
        settle_back_off(core, in, fx, "taking the epoch");
        return;
    }
    if (core->phase != BALANCE_RECOVERING)
        return; /* told to stop meanwhile */
    const struct balance_started *started = in->result;
    core->phase = BALANCE_LIVE;
    core->epoch = started->epoch;
    core->next_seq = started->next_seq;
    core->ops_position = started->ops_position;
    core->dead_depth = started->dead_depth;
    core->backoff_us = 0;
    follow_init(&core->outbox, started->outbox_position);
    core->polled_next = core->outbox.next;
    core->fetch_wanted = true;
    core->open_wanted = true;
    core->retries_wanted = true;
    core_gauge_dead(core, fx, 0);
    effects_timer(fx, BALANCE_TIMER_POLL, in->now_us + BALANCE_POLL_US);
    effects_log(fx, LOG_INFO, 0, NULL, NULL, "recovered: epoch %llu, next seq %llu, outbox cursor %llu",
                (unsigned long long)started->epoch, (unsigned long long)started->next_seq,
                (unsigned long long)started->outbox_position);
    effects_ready(fx);
}

/* Effect: asks which dead letters are due, when the timer came or the last ones are through. */
static void core_read_retries(struct balance_core *core, struct effects *fx)
{
    if (!core->retries_wanted || core->retries_reading || core->phase != BALANCE_LIVE)
        return;
    struct balance_read_retries_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct balance_read_retries_args){core->region, BALANCE_RETRIES_LIMIT};
    core->retries_wanted = false;
    core->retries_reading = true;
    effects_call(fx, BALANCE_PROC_READ_RETRIES, args);
}

/* Return: whether adjustments wait that may be settled now; under load they gather for a while first. */
static bool core_batch_is_due(struct balance_core *core, struct effects *fx, int64_t now_us)
{
    if (core->queue_count == 0)
        return false;
    if (core->suspect_end > 0 || !gather_waits(&core->gather, core->queue_count, now_us))
        return true;
    effects_timer(fx, BALANCE_TIMER_GATHER, gather_until_us(&core->gather));
    return false;
}

/* Effect: starts the next write when none is under way. Batches and everything else take turns, so that neither starves
 * the other. */
static void core_pump(struct balance_core *core, struct effects *fx, int64_t now_us)
{
    if (core->phase != BALANCE_LIVE)
        return;
    balance_intake_fetch(core, fx);
    core_read_retries(core, fx);
    if (core->write != BALANCE_WRITE_NONE || core->backing_off)
        return;
    bool batch_is_due = core_batch_is_due(core, fx, now_us);
    if (batch_is_due && core->side_job_last)
        settle_apply(core, fx, now_us);
    else if (core->open_wanted)
        settle_open(core, fx, now_us); /* before all else: an account's opening entry comes first where it can */
    else if (core->command_count > 0)
        command_start(core, fx, now_us);
    else if (core->retry_index < core->retry_count)
        settle_retry(core, fx, now_us);
    else if (batch_is_due)
        settle_apply(core, fx, now_us);
}

static void core_report(struct balance_core *core, struct effects *fx, int64_t now_us)
{
    int64_t oldest_us = core->queue_count > 0 ? now_us - intake_at(core, 0)->created_at_us : 0;
    effects_gauge(fx, BALANCE_METRIC_OUTBOX_OLDEST, oldest_us > 0 ? oldest_us : 0);
    effects_gauge(fx, BALANCE_METRIC_QUEUE_DEPTH, (int64_t)core->queue_count);
    effects_lag(fx, core->queue_count + follow_lag(&core->outbox));
}

/* Effect: takes the outcome of the write under way. */
static void core_written(struct balance_core *core, const struct input *in, struct effects *fx)
{
    enum balance_write write = core->write;
    core_write_over(core);
    switch (write) {
    case BALANCE_WRITE_OPEN:
        settle_opened(core, in, fx);
        break;
    case BALANCE_WRITE_APPLY:
        settle_applied(core, in, fx);
        break;
    case BALANCE_WRITE_FAIL:
        settle_failed(core, in, fx);
        break;
    case BALANCE_WRITE_RETRY:
        settle_retried(core, in, fx);
        break;
    case BALANCE_WRITE_COMMAND:
        command_done(core, in, fx);
        break;
    case BALANCE_WRITE_NONE:
        tb_assert(write != BALANCE_WRITE_NONE); /* an answer to no write */
    }
    if (in->status == STORE_DONE)
        core->backoff_us = 0;
    if (core->retry_count > 0 && core->retry_index == core->retry_count) {
        core->retry_index = core->retry_count = 0;
        core->retries_wanted = true; /* are more due, and when does the next come? */
    }
}

static void core_store(struct balance_core *core, const struct input *in, struct effects *fx)
{
    if (in->status == STORE_REFUSED) {
        effects_halt(fx, "fenced: another balance writes this region's ledger");
        return;
    }
    if (in->status == STORE_UNKNOWN)
        return; /* STORE_LOST follows; recovery finds out what was committed */
    switch ((enum balance_proc)in->proc) {
    case BALANCE_PROC_START:
        core_started(core, in, fx);
        break;
    case BALANCE_PROC_READ_OUTBOX:
        intake_rows(core, in, fx);
        break;
    case BALANCE_PROC_READ_RETRIES:
        settle_retries_read(core, in, fx);
        break;
    case BALANCE_PROC_OPEN:
    case BALANCE_PROC_APPLY:
    case BALANCE_PROC_FAIL:
    case BALANCE_PROC_RESOLVE:
    case BALANCE_PROC_REBUILD:
        core_written(core, in, fx);
        break;
    case BALANCE_PROC_COUNT:
        tb_assert(in->proc < BALANCE_PROC_COUNT);
    }
}

static void core_timer(struct balance_core *core, const struct input *in, struct effects *fx)
{
    switch ((enum balance_timer)in->timer) {
    case BALANCE_TIMER_POLL:
        effects_timer(fx, BALANCE_TIMER_POLL, in->now_us + BALANCE_POLL_US);
        intake_poll(core, fx);
        break;
    case BALANCE_TIMER_RETRY:
        core->retry_due_us = 0;
        if (core->retry_count == 0)
            core->retries_wanted = true; /* else it is asked when those are through */
        break;
    case BALANCE_TIMER_BACKOFF:
        core->backing_off = false;
        if (core->phase == BALANCE_RECOVERING)
            core_recover(core, fx);
        break;
    case BALANCE_TIMER_GATHER: /* the pump looks at the clock */
        break;
    }
}

static void core_message(struct balance_core *core, const struct input *in, struct effects *fx)
{
    switch ((enum balance_link)in->link) {
    case BALANCE_LINK_OUTBOX:
        balance_intake_message(core, in);
        break;
    case BALANCE_LINK_OPS:
        intake_ops(core, in);
        break;
    case BALANCE_LINK_COMMAND:
        command_message(core, in, fx);
        break;
    case BALANCE_LINK_FEED:
    case BALANCE_LINK_COUNT:
        tb_assert(in->link <= BALANCE_LINK_COMMAND); /* the others only send */
    }
}

void balance_core_step(void *state, const struct input *in, struct effects *fx)
{
    struct balance_core *core = state;
    switch (in->kind) {
    case INPUT_START:
        core_forget(core, fx);
        core_recover(core, fx);
        break;
    case INPUT_MESSAGE:
        core_message(core, in, fx);
        return; /* the batch goes out at FLUSH */
    case INPUT_FLUSH:
        core_pump(core, fx, in->now_us);
        core_report(core, fx, in->now_us);
        break;
    case INPUT_TIMER:
        core_timer(core, in, fx);
        core_pump(core, fx, in->now_us);
        core_report(core, fx, in->now_us);
        break;
    case INPUT_STORE:
        core_store(core, in, fx);
        core_pump(core, fx, in->now_us);
        break;
    case INPUT_STORE_LOST:
        command_refuse_all(core, fx, 0);
        core_forget(core, fx);
        break;
    case INPUT_STOP:
        command_refuse_all(core, fx, core->write == BALANCE_WRITE_COMMAND ? 1 : 0);
        core->phase = BALANCE_STOPPING;
        break;
    case INPUT_EXTERNAL:
        break;
    }
}
