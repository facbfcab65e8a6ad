#include "internal.h"

#include <stdio.h>

#include "base.h"

static const char *const invariants[RECONCILER_CHECKS] = {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"};
enum { CHECK_REPLAY = 6 /* I7 */ };

/* ---- answers ---- */

static void answer_replay(const struct reconciler_job *job, Tb__Refusal refusal, const struct replay *replay,
                          struct effects *fx)
{
    Tb__ReplayVerified *message = arena_alloc(fx->arena, sizeof *message);
    tb__replay_verified__init(message);
    message->request_id = job->request_id;
    message->refusal = refusal;
    if (replay) {
        message->ok = replay->first_divergence == 0;
        message->orders = replay->orders;
        message->live_hash = arena_printf(fx->arena, "%016llx", (unsigned long long)replay->live_hash);
        message->replay_hash = arena_printf(fx->arena, "%016llx", (unsigned long long)replay->replay_hash);
        message->first_divergence = replay->first_divergence;
    }
    effects_send(fx, RECONCILER_LINK_COMMAND, &job->from, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &message->base, 0, 0);
}

static void answer_checks(const struct reconciler_core *core, const struct reconciler_job *job, Tb__Refusal refusal,
                          int64_t now_us, struct effects *fx)
{
    Tb__InvariantsChecked *message = arena_alloc(fx->arena, sizeof *message);
    tb__invariants_checked__init(message);
    message->request_id = job->request_id;
    message->refusal = refusal;
    if (refusal == TB__REFUSAL__REFUSAL_NONE) {
        message->checked_at_us = now_us;
        message->n_checks = RECONCILER_CHECKS;
        message->checks = arena_array(fx->arena, RECONCILER_CHECKS, sizeof *message->checks);
        for (size_t i = 0; i < RECONCILER_CHECKS; i++) {
            Tb__InvariantCheck *check = arena_alloc(fx->arena, sizeof *check);
            tb__invariant_check__init(check);
            check->id = arena_strdup(fx->arena, invariants[i]);
            check->ok = core->checks[i].ok;
            check->count = core->checks[i].count;
            check->sample_json = arena_strdup(fx->arena, core->checks[i].sample);
            message->checks[i] = check;
        }
    }
    effects_send(fx, RECONCILER_LINK_COMMAND, &job->from, TB__MESSAGE_TYPE__INVARIANTS_CHECKED, &message->base, 0, 0);
}

static void refuse(const struct reconciler_core *core, const struct reconciler_job *job, Tb__Refusal refusal,
                   struct effects *fx)
{
    if (job->replay_only)
        answer_replay(job, refusal, NULL, fx);
    else
        answer_checks(core, job, refusal, 0, fx);
}

/* ---- the queue ---- */

void jobs_message(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_job job = {.from = *in->from};
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
        refuse(core, &job, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, fx);
    else if (job.from_seq > INT64_MAX)
        refuse(core, &job, TB__REFUSAL__REFUSAL_INVALID, fx);
    else if (core->job_count == RECONCILER_JOBS_MAX)
        refuse(core, &job, TB__REFUSAL__REFUSAL_BACKPRESSURE, fx);
    else
        core->jobs[core->job_count++] = job;
}

void jobs_refuse_all(struct reconciler_core *core, struct effects *fx)
{
    for (size_t i = 0; i < core->job_count; i++)
        refuse(core, &core->jobs[i], TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, fx);
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
    *args = (struct reconciler_check_args){core->region, invariants[core->check]};
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
    for (size_t i = 0; i < core->job_count; i++)
        core->jobs[i].riding = !core->jobs[i].replay_only;
    ask_check(core, fx);
}

/* Effect: ends the job under way, and those that ride on it; refusal NONE: with its result. */
static void finish(struct reconciler_core *core, const struct input *in, Tb__Refusal refusal, struct effects *fx)
{
    size_t kept = 0;
    for (size_t i = 0; i < core->job_count; i++) {
        const struct reconciler_job *job = &core->jobs[i];
        if (i == 0 && job->replay_only)
            answer_replay(job, refusal, refusal == TB__REFUSAL__REFUSAL_NONE ? &core->replay : NULL, fx);
        else if (job->riding)
            answer_checks(core, job, refusal, in->now_us, fx);
        else
            core->jobs[kept++] = *job;
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
