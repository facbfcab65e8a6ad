#include "internal.h"

#include <string.h>

#include "base.h"
#include "ids.h"

enum { SQLSTATE_LENGTH = 5, BACKOFF_DOUBLINGS_MAX = 20, JITTER_PARTS = 20 /* per cent, either way */ };
static const int64_t BACKOFF_LONGEST_US = INT64_C(3600) * 1000000;

int64_t balance_backoff_us(int64_t retry_us, uint64_t outbox_seq, uint32_t attempts)
{
    uint32_t doublings = attempts > 0 ? attempts - 1 : 0;
    int64_t wait = retry_us;
    for (uint32_t i = 0; i < doublings && i < BACKOFF_DOUBLINGS_MAX && wait < BACKOFF_LONGEST_US; i++)
        wait *= 2;
    if (wait > BACKOFF_LONGEST_US)
        wait = BACKOFF_LONGEST_US;
    uint64_t hash = ids_hash(IDS_HASH_START, &outbox_seq, sizeof outbox_seq);
    hash = ids_hash(hash, &attempts, sizeof attempts);
    int64_t jitter = (int64_t)(hash % (2 * JITTER_PARTS + 1)) - JITTER_PARTS;
    return wait + wait / 100 * jitter;
}

bool settle_error_is_environment(const char *error)
{
    static const char *const data_classes[] = {"21", "TB"}; /* and those of store_error_is_data */
    if (error == NULL || strlen(error) < SQLSTATE_LENGTH || error[SQLSTATE_LENGTH] != ':')
        return false;
    for (size_t i = 0; i < TB_ARRAY_SIZE(data_classes); i++)
        if (strncmp(error, data_classes[i], 2) == 0)
            return false;
    return !store_error_is_data(error);
}

void settle_back_off(struct balance_core *core, const struct input *in, struct effects *fx, const char *what)
{
    core->backoff_us = core->backoff_us ? core->backoff_us * 2 : BALANCE_BACKOFF_US;
    if (core->backoff_us > BALANCE_BACKOFF_MAX_US)
        core->backoff_us = BALANCE_BACKOFF_MAX_US;
    core->backing_off = true;
    effects_timer(fx, BALANCE_TIMER_BACKOFF, in->now_us + core->backoff_us);
    effects_log(fx, LOG_WARNING, 0, NULL, NULL, "%s failed, next try in %lld ms: %s", what,
                (long long)(core->backoff_us / 1000), in->error ? in->error : "");
}

void settle_retry_at(struct balance_core *core, struct effects *fx, int64_t due_us)
{
    if (core->retry_due_us != 0 && core->retry_due_us <= due_us)
        return;
    core->retry_due_us = due_us;
    effects_timer(fx, BALANCE_TIMER_RETRY, due_us);
}

/* --- opening accounts --- */

void settle_open(struct balance_core *core, struct effects *fx, int64_t now_us)
{
    struct balance_open_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct balance_open_args){core->region,       core->epoch,   core->next_seq,
                                       BALANCE_OPEN_LIMIT, core->opening, now_us};
    core->open_wanted = false;
    core->write = BALANCE_WRITE_OPEN;
    core->write_at_us = now_us;
    effects_call(fx, BALANCE_PROC_OPEN, args);
}

void settle_opened(struct balance_core *core, const struct input *in, struct effects *fx)
{
    struct feed feed;
    if (in->status == STORE_FAILED) {
        /* The outbox goes on: an adjustment of an account without its opening entry is counted all the same. */
        effects_log(fx, LOG_WARNING, 0, NULL, NULL, "opening accounts failed, the slow poll tries again: %s",
                    in->error);
        return;
    }
    const struct balance_opened *opened = in->result;
    feed_begin(&feed, fx, core->next_seq, opened->count, core->write_at_us);
    for (size_t i = 0; i < opened->count; i++)
        feed_opened(&feed, &opened->rows[i], core->opening);
    feed_send(&feed);
    core->next_seq += opened->count;
    core->ops_position = opened->ops_position;
    if (opened->more)
        core->open_wanted = true;
}

/* --- batches --- */

/* How many adjustments the next batch takes. Where one is known to fail among the first, half of those: what fails
 * stands alone in log2(batch) steps, and what is well before it is settled on the way. */
static uint32_t settle_batch_size(const struct balance_core *core)
{
    size_t count = core->queue_count < BALANCE_BATCH_MAX ? core->queue_count : BALANCE_BATCH_MAX;
    if (core->suspect_end > 0) {
        uint64_t half = (core->suspect_end - intake_at(core, 0)->seq + 1) / 2;
        if (half < 1)
            half = 1;
        if (half < count)
            count = (size_t)half;
    }
    return (uint32_t)count;
}

void settle_apply(struct balance_core *core, struct effects *fx, int64_t now_us)
{
    struct balance_apply_args *args = arena_alloc(fx->arena, sizeof *args);
    core->write = BALANCE_WRITE_APPLY;
    core->write_at_us = now_us;
    core->write_count = settle_batch_size(core);
    gather_began(&core->gather, core->write_count, now_us);
    *args = (struct balance_apply_args){core->region,      core->epoch, core->next_seq, intake_at(core, 0)->seq,
                                        core->write_count, now_us};
    effects_call(fx, BALANCE_PROC_APPLY, args);
}

/* Effect: the adjustment (the queue's head, or a dead letter) failed once more: has it recorded. */
static void settle_record_failure(struct balance_core *core, const struct input *in, struct effects *fx, uint64_t seq,
                                  uint32_t attempts)
{
    struct balance_fail_args *args = arena_alloc(fx->arena, sizeof *args);
    const char *error = in->error ? in->error : "refused by the store";
    size_t length = strcspn(error, "\r\n");
    if (length >= BALANCE_ERROR_MAX)
        length = BALANCE_ERROR_MAX - 1;
    while (length > 0 && length < strlen(error) && ((unsigned char)error[length] & 0xC0) == 0x80)
        length--; /* never half a character */
    memcpy(core->failed_error, error, length);
    core->failed_error[length] = '\0';
    core->failed_attempts = attempts;
    core->failed_due_us =
        attempts >= core->attempts_max ? 0 : in->now_us + balance_backoff_us(core->retry_us, seq, attempts);
    core->write = BALANCE_WRITE_FAIL;
    core->write_at_us = in->now_us;
    *args = (struct balance_fail_args){
        .region = core->region,
        .epoch = core->epoch,
        .next_seq = core->next_seq,
        .outbox_seq = seq,
        .attempts = attempts,
        .dead = core->failed_due_us == 0,
        .next_attempt_at_us = core->failed_due_us,
        .now_us = in->now_us,
        .error = core->failed_error,
    };
    effects_count(fx, BALANCE_METRIC_FAILED, 1);
    effects_call(fx, BALANCE_PROC_FAIL, args);
}

static void settle_apply_failed(struct balance_core *core, const struct input *in, struct effects *fx)
{
    const struct balance_adjustment *head = intake_at(core, 0);
    bool environment = settle_error_is_environment(in->error);
    if (environment)
        settle_back_off(core, in, fx, "settling a batch");
    if (core->write_count > 1) {
        core->suspect_end = head->seq + core->write_count - 1; /* a time-out, too, may pass with half of it */
    } else if (!environment) {
        core->failed_is_retry = false;
        settle_record_failure(core, in, fx, head->seq, 1);
    }
}

void settle_applied(struct balance_core *core, const struct input *in, struct effects *fx)
{
    if (in->status == STORE_FAILED) {
        settle_apply_failed(core, in, fx);
        return;
    }
    const struct balance_applied *applied = in->result;
    struct feed feed;
    tb_assert(applied->count == core->write_count);
    feed_begin(&feed, fx, core->next_seq, applied->count, core->write_at_us);
    for (size_t i = 0; i < applied->count; i++) {
        const struct balance_adjustment *adjustment = intake_at(core, i);
        feed_updated(&feed, adjustment, applied->rows[i].resulting, applied->rows[i].version);
        effects_observe(fx, BALANCE_METRIC_SETTLE, in->now_us - adjustment->order_created_at_us);
    }
    if (core->suspect_end <= intake_at(core, applied->count - 1)->seq)
        core->suspect_end = 0; /* none of them failed after all */
    feed_send(&feed);
    intake_pop(core, applied->count);
    core->next_seq += applied->count;
    effects_count(fx, BALANCE_METRIC_APPLIED, (int64_t)applied->count);
    effects_count(fx, BALANCE_METRIC_BATCHES, 1);
}

/* --- failures --- */

/* Effect: publishes what FAIL recorded and says so in the log. */
static void settle_publish_failure(struct balance_core *core, struct effects *fx, const struct balance_failed *failed,
                                   uint64_t outbox_seq)
{
    bool dead = core->failed_due_us == 0;
    struct balance_adjustment whose = {
        .seq = outbox_seq, .order_seq = failed->order_seq, .has_trace = failed->has_trace};
    struct feed feed;
    memcpy(whose.trace_id, failed->trace_id, sizeof whose.trace_id);
    memcpy(whose.user_id, failed->user_id, sizeof whose.user_id);
    feed_begin(&feed, fx, core->next_seq, 2, core->write_at_us);
    feed_event(&feed, TB__BALANCE_RECORD__TYPE__BALANCE_ADJUSTMENT_FAILED, &whose, core->failed_attempts,
               core->failed_error);
    if (dead)
        feed_event(&feed, TB__BALANCE_RECORD__TYPE__DEAD_LETTERED, &whose, core->failed_attempts, core->failed_error);
    core->next_seq += feed.message.n_records;
    feed_send(&feed);
    effects_log(fx, LOG_WARNING, failed->order_seq, failed->user_id, failed->has_trace ? failed->trace_id : NULL,
                "adjustment %llu failed, attempt %u of %u, %s: %s", (unsigned long long)outbox_seq,
                core->failed_attempts, core->attempts_max, dead ? "now a dead letter" : "will be tried again",
                core->failed_error);
}

void settle_failed(struct balance_core *core, const struct input *in, struct effects *fx)
{
    if (in->status == STORE_FAILED) {
        settle_back_off(core, in, fx, "recording a failed adjustment");
        return; /* it is tried once more as if it had not failed yet */
    }
    const struct balance_failed *failed = in->result;
    uint64_t outbox_seq = core->failed_is_retry ? core->retries[core->retry_index].outbox_seq : intake_at(core, 0)->seq;
    if (failed->recorded) {
        settle_publish_failure(core, fx, failed, outbox_seq);
        if (core->failed_due_us == 0)
            core_gauge_dead(core, fx, 1);
        else
            settle_retry_at(core, fx, core->failed_due_us);
    }
    if (core->failed_is_retry) {
        core->retry_index++;
    } else {
        intake_pop(core, 1);
        core->suspect_end = 0; /* the one that failed is found; nothing is known about those behind it */
    }
}

/* --- retries --- */

void settle_retry(struct balance_core *core, struct effects *fx, int64_t now_us)
{
    struct balance_resolve_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct balance_resolve_args){
        .region = core->region,
        .epoch = core->epoch,
        .next_seq = core->next_seq,
        .outbox_seq = core->retries[core->retry_index].outbox_seq,
        .how = BALANCE_HOW_RETRY,
        .actor = "balance",
        .now_us = now_us,
    };
    core->write = BALANCE_WRITE_RETRY;
    core->write_at_us = now_us;
    effects_call(fx, BALANCE_PROC_RESOLVE, args);
}

void settle_retried(struct balance_core *core, const struct input *in, struct effects *fx)
{
    const struct balance_retry *retry = &core->retries[core->retry_index];
    if (in->status == STORE_FAILED) {
        if (settle_error_is_environment(in->error)) {
            settle_back_off(core, in, fx, "retrying an adjustment");
        } else {
            core->failed_is_retry = true;
            settle_record_failure(core, in, fx, retry->outbox_seq, retry->attempts + 1);
        }
        return;
    }
    const struct balance_resolved *resolved = in->result;
    if (resolved->outcome == BALANCE_OUTCOME_APPLIED) {
        core->next_seq +=
            feed_resolved(fx, core->next_seq, BALANCE_HOW_RETRY, retry->outbox_seq, resolved, core->write_at_us);
        effects_observe(fx, BALANCE_METRIC_SETTLE, in->now_us - resolved->adjustment.order_created_at_us);
        effects_count(fx, BALANCE_METRIC_APPLIED, 1);
        effects_log(fx, LOG_INFO, resolved->adjustment.order_seq, resolved->adjustment.user_id,
                    resolved->adjustment.has_trace ? resolved->adjustment.trace_id : NULL,
                    "adjustment %llu settled after %u failures", (unsigned long long)retry->outbox_seq,
                    retry->attempts);
    }
    core->retry_index++; /* any other outcome: an operator was quicker */
}

void settle_retries_read(struct balance_core *core, const struct input *in, struct effects *fx)
{
    core->retries_reading = false;
    if (in->status != STORE_DONE) {
        settle_retry_at(core, fx, in->now_us + BALANCE_POLL_US);
        return;
    }
    const struct balance_retry_rows *rows = in->result;
    core->retry_index = 0;
    core->retry_count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].next_attempt_at_us > in->now_us || core->retry_count == BALANCE_RETRIES_LIMIT) {
            settle_retry_at(core, fx, rows->rows[i].next_attempt_at_us);
            break;
        }
        core->retries[core->retry_count++] = rows->rows[i];
    }
}
