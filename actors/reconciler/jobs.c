#include "internal.h"

#include <stdio.h>
#include <string.h>

#include "base.h"

static const char *const invariants[RECONCILER_CHECKS] = {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"};
enum { CHECK_REPLAY = 6 /* I7 */ };

/* ---- answers ---- */

static void answer_replay(const struct reconciler_job *job, Tb__Refusal refusal, const struct replay *replay,
                          const char *progress, struct effects *fx)
{
    Tb__ReplayVerified *message = arena_alloc(fx->arena, sizeof *message);
    tb__replay_verified__init(message);
    message->request_id = job->request_id;
    message->refusal = refusal;
    if (progress)
        message->progress = arena_strdup(fx->arena, progress);
    if (replay) {
        message->ok = replay->first_divergence == 0;
        message->orders = replay->orders;
        message->live_hash = arena_printf(fx->arena, "%016llx", (unsigned long long)replay->live_hash);
        message->replay_hash = arena_printf(fx->arena, "%016llx", (unsigned long long)replay->replay_hash);
        message->first_divergence = replay->first_divergence;
    }
    effects_send(fx, RECONCILER_LINK_COMMAND, &job->from, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &message->base, 0, 0);
}

static void answer_checks(const struct reconciler_job *job, Tb__Refusal refusal, const struct reconciler_check *checks,
                          int64_t now_us, const char *progress, struct effects *fx)
{
    Tb__InvariantsChecked *message = arena_alloc(fx->arena, sizeof *message);
    tb__invariants_checked__init(message);
    message->request_id = job->request_id;
    message->refusal = refusal;
    if (progress)
        message->progress = arena_strdup(fx->arena, progress);
    if (checks) {
        message->checked_at_us = now_us;
        message->n_checks = RECONCILER_CHECKS;
        message->checks = arena_array(fx->arena, RECONCILER_CHECKS, sizeof *message->checks);
        for (size_t i = 0; i < RECONCILER_CHECKS; i++) {
            Tb__InvariantCheck *check = arena_alloc(fx->arena, sizeof *check);
            tb__invariant_check__init(check);
            check->id = arena_strdup(fx->arena, invariants[i]);
            check->ok = checks[i].ok;
            check->count = checks[i].count;
            check->sample_json = arena_strdup(fx->arena, checks[i].sample);
            message->checks[i] = check;
        }
    }
    effects_send(fx, RECONCILER_LINK_COMMAND, &job->from, TB__MESSAGE_TYPE__INVARIANTS_CHECKED, &message->base, 0, 0);
}

static void refuse(const struct reconciler_job *job, Tb__Refusal refusal, const char *progress, struct effects *fx)
{
    if (job->replay_only)
        answer_replay(job, refusal, NULL, progress, fx);
    else
        answer_checks(job, refusal, NULL, 0, progress, fx);
}

/* ---- the queue ---- */

static bool is_same(const struct reconciler_job *a, const struct reconciler_job *b)
{
    return a->replay_only == b->replay_only && a->from_seq == b->from_seq && a->to_seq == b->to_seq;
}

static void answer_kept(const struct reconciler_kept *kept, const struct reconciler_job *job, struct effects *fx)
{
    if (job->replay_only)
        answer_replay(job, TB__REFUSAL__REFUSAL_NONE, &kept->replay, NULL, fx);
    else
        answer_checks(job, TB__REFUSAL__REFUSAL_NONE, kept->checks, kept->done_us, NULL, fx);
}

/* Effect: has jobs_patience called then; 0: not at all. */
static void be_patient(struct reconciler_core *core, int64_t until_us, struct effects *fx)
{
    core->patience_us = until_us;
    if (until_us > 0)
        effects_timer(fx, RECONCILER_TIMER_PATIENCE, until_us);
}

static void add(struct reconciler_core *core, struct reconciler_job *job, struct effects *fx)
{
    job->riding = core->job_runs && core->jobs[0].told && is_same(&core->jobs[0], job);
    core->jobs[core->job_count++] = *job;
    if (core->patience_us == 0)
        be_patient(core, job->asked_us + RECONCILER_PATIENCE_US, fx);
}

void jobs_message(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_job job = {.from = *in->from, .asked_us = in->now_us};
    if (in->type == TB__MESSAGE_TYPE__VERIFY_REPLAY) {
        const Tb__VerifyReplay *message = (const Tb__VerifyReplay *)in->message;
        job.request_id = message->request_id;
        job.replay_only = true;
        job.from_seq = message->from_seq;
        job.to_seq = message->to_seq > INT64_MAX ? 0 : message->to_seq;
    } else if (in->type == TB__MESSAGE_TYPE__CHECK_INVARIANTS) {
        job.request_id = ((const Tb__CheckInvariants *)in->message)->request_id;
    } else {
        return;
    }
    if (core->phase != RECONCILER_LIVE)
        refuse(&job, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, NULL, fx);
    else if (job.from_seq > INT64_MAX)
        refuse(&job, TB__REFUSAL__REFUSAL_INVALID, NULL, fx);
    else if (in->now_us < core->kept.until_us && is_same(&core->kept.job, &job))
        answer_kept(&core->kept, &job, fx);
    else if (core->job_count == RECONCILER_JOBS_MAX)
        refuse(&job, TB__REFUSAL__REFUSAL_BACKPRESSURE, NULL, fx);
    else
        add(core, &job, fx);
}

void jobs_patience(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    int64_t next_us = 0;
    size_t kept = 0;
    const char *progress =
        core->job_count > 0 && (core->jobs[0].replay_only || core->check == CHECK_REPLAY)
            ? arena_printf(fx->arena, "%llu orders are replayed", (unsigned long long)core->replay.orders)
            : arena_printf(fx->arena, "it is at %s of I1 to I10", invariants[core->check % RECONCILER_CHECKS]);
    for (size_t i = 0; i < core->job_count; i++) {
        struct reconciler_job *job = &core->jobs[i];
        bool runs = i == 0 && core->job_runs;
        bool is_due = !job->told && in->now_us >= job->asked_us + RECONCILER_PATIENCE_US;
        if (is_due)
            refuse(job, TB__REFUSAL__REFUSAL_UNDER_WAY, progress, fx);
        if (is_due && !runs)
            continue;
        job->told = job->told || is_due;
        if (!job->told && (next_us == 0 || job->asked_us + RECONCILER_PATIENCE_US < next_us))
            next_us = job->asked_us + RECONCILER_PATIENCE_US;
        if (kept != i)
            core->jobs[kept] = *job;
        kept++;
    }
    core->job_count = kept;
    be_patient(core, next_us, fx);
}

void jobs_refuse_all(struct reconciler_core *core, struct effects *fx)
{
    for (size_t i = 0; i < core->job_count; i++)
        if (!core->jobs[i].told)
            refuse(&core->jobs[i], TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, NULL, fx);
    core->job_count = 0;
    core->job_runs = false;
}

/* ---- the work ---- */

static void ask_page(struct reconciler_core *core, struct effects *fx)
{
    struct reconciler_page_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct reconciler_page_args){core->region, core->replayed_to, core->jobs[0].to_seq, RECONCILER_PAGE_MAX};
    effects_call(fx, RECONCILER_PROC_PAGE, args);
}

static void start_replay(struct reconciler_core *core, struct effects *fx)
{
    const struct reconciler_job *job = &core->jobs[0];
    replay_init(&core->replay);
    core->replayed_to = job->from_seq > 0 ? job->from_seq - 1 : 0;
    ask_page(core, fx);
}

static void ask_check(struct reconciler_core *core, struct effects *fx)
{
    struct reconciler_check_args *args = arena_alloc(fx->arena, sizeof *args);
    *args =
        (struct reconciler_check_args){core->region, invariants[core->check],
                                       core->check_state[0] != '\0' ? core->check_state : NULL, RECONCILER_SLICE_ROWS};
    effects_call(fx, RECONCILER_PROC_CHECK, args);
}

void jobs_start(struct reconciler_core *core, struct effects *fx)
{
    if (core->job_runs || core->job_count == 0 || core->phase != RECONCILER_LIVE)
        return;
    core->job_runs = true;
    if (core->jobs[0].replay_only) {
        start_replay(core, fx);
        return;
    }
    core->check = 0;
    core->check_state[0] = '\0';
    for (size_t i = 0; i < core->job_count; i++)
        core->jobs[i].riding = !core->jobs[i].replay_only;
    ask_check(core, fx);
}

/* Effect: keeps the result of the job under way for whoever asks again. */
static void keep(struct reconciler_core *core, const struct input *in)
{
    struct reconciler_kept *kept = &core->kept;
    kept->until_us = in->now_us + RECONCILER_KEEP_US;
    kept->done_us = in->now_us;
    kept->job = core->jobs[0];
    kept->replay = core->replay;
    memcpy(kept->checks, core->checks, sizeof kept->checks);
}

/* Effect: ends the job under way, and those that ride on it; refusal NONE: with its result. */
static void finish(struct reconciler_core *core, const struct input *in, Tb__Refusal refusal, struct effects *fx)
{
    bool done = refusal == TB__REFUSAL__REFUSAL_NONE;
    size_t kept = 0;
    if (done && core->jobs[0].told)
        keep(core, in);
    for (size_t i = 0; i < core->job_count; i++) {
        const struct reconciler_job *job = &core->jobs[i];
        if (i > 0 && !job->riding)
            core->jobs[kept++] = *job;
        else if (job->told)
            continue;
        else if (job->replay_only)
            answer_replay(job, refusal, done ? &core->replay : NULL, NULL, fx);
        else
            answer_checks(job, refusal, done ? core->checks : NULL, in->now_us, NULL, fx);
    }
    core->job_count = kept;
    core->job_runs = false;
    jobs_start(core, fx);
}

void jobs_note(struct reconciler_core *core, const struct input *in, const char *invariant, uint64_t count,
               const char *sample, struct effects *fx)
{
    struct reconciler_finding_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct reconciler_finding_args){core->region, arena_strdup(fx->arena, invariant), count,
                                             arena_strdup(fx->arena, sample), in->now_us};
    effects_call(fx, RECONCILER_PROC_FINDING, args);
    effects_count(fx, RECONCILER_METRIC_VIOLATIONS, (int64_t)count);
    effects_log(fx, LOG_ERROR, 0, NULL, NULL, "invariant %s is broken: %llu violations", invariant,
                (unsigned long long)count);
}

/* Effect: a whole check is there: notes what is broken, answers. */
static void checks_done(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    static const bool of_the_books[RECONCILER_CHECKS] = {
        [0] = true, [1] = true, [2] = true, [9] = true}; /* I1, I2, I3, I10 */
    core->books_broken = 0;
    for (size_t i = 0; i < RECONCILER_CHECKS; i++) {
        const struct reconciler_check *check = &core->checks[i];
        if (check->ok)
            continue;
        jobs_note(core, in, invariants[i], check->count, check->sample, fx);
        if (of_the_books[i])
            core->books_broken += check->count;
    }
    finish(core, in, TB__REFUSAL__REFUSAL_NONE, fx);
}

static void next_check(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    core->check++;
    if (core->check == RECONCILER_CHECKS)
        checks_done(core, in, fx);
    else if (core->check == CHECK_REPLAY)
        start_replay(core, fx);
    else
        ask_check(core, fx);
}

/* Return: whether the call was answered with rows; else the job ends. */
static bool answered(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    if (!core->job_runs)
        return false; /* it was refused meanwhile */
    if (in->status == STORE_DONE)
        return true;
    effects_log(fx, LOG_ERROR, 0, NULL, NULL, "checking failed: %s", in->error ? in->error : "the store is away");
    finish(core, in, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, fx);
    return false;
}

void jobs_checked(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    if (!answered(core, in, fx))
        return;
    const struct reconciler_checked *checked = in->result;
    core->check_state[0] = '\0';
    if (checked->state) {
        if (tb_copy_text(core->check_state, sizeof core->check_state, checked->state)) {
            ask_check(core, fx);
            return;
        }
        effects_log(fx, LOG_ERROR, 0, NULL, NULL, "checking %s cannot go on: its state is too long",
                    invariants[core->check]);
        finish(core, in, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, fx);
        return;
    }
    struct reconciler_check *check = &core->checks[core->check];
    check->ok = checked->ok;
    check->count = checked->count;
    if (!tb_copy_text(check->sample, sizeof check->sample, checked->sample))
        (void)tb_copy_text(check->sample, sizeof check->sample, "[]"); /* half of a sample is no JSON */
    next_check(core, in, fx);
}

static void replay_done(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    const struct replay *replay = &core->replay;
    if (core->jobs[0].replay_only) {
        finish(core, in, TB__REFUSAL__REFUSAL_NONE, fx);
        return;
    }
    struct reconciler_check *check = &core->checks[CHECK_REPLAY];
    check->ok = replay->first_divergence == 0;
    check->count = replay->divergences;
    snprintf(check->sample, sizeof check->sample,
             check->ok ? "[]" : "[{\"orderSeq\":%llu,\"problem\":\"its executions are not what its plan says\"}]",
             (unsigned long long)replay->first_divergence);
    next_check(core, in, fx);
}

void jobs_page(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    if (!answered(core, in, fx))
        return;
    const struct reconciler_page *page = in->result;
    for (size_t i = 0; i < page->count; i++)
        (void)replay_add(&core->replay, &page->orders[i]);
    effects_count(fx, RECONCILER_METRIC_REPLAYED, (int64_t)page->count);
    if (page->count < RECONCILER_PAGE_MAX) {
        replay_done(core, in, fx);
        return;
    }
    core->replayed_to = page->orders[page->count - 1].seq;
    ask_page(core, fx);
}
