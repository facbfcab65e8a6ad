/* Spans for a collector of traces: one batch at a time, asked of the store after a cursor, posted by the attached part,
 * and the cursor moved once it was taken. The rows are the queue: while the collector is away nothing piles up here. */
#include "internal.h"

#include <string.h>

#include "base.h"
#include "otlp.h"

enum {
    BATCH_ORDERS = 128,
    SCAN_ROWS = 10000,    /* looked at in search of chosen ones */
    BACKLOG = 1000000,    /* orders behind the head, beyond which they are passed over */
    REST = 9,             /* times as long as the store took: one tenth of a processor at most */
    SPANS_PER_BODY = 4096 /* what 128 orders can have: 20 each and failures */
};
#define LOOK_US        1000000LL
#define SOON_US        20000LL
#define BACKOFF_US     1000000LL
#define BACKOFF_MAX_US 60000000LL

void export_release(struct reconciler_core *core)
{
    text_release(&core->export.body);
}

/* Effect: forgets the batch; what the attached part says of it later is not heard. */
static void forget(struct reconciler_export *export)
{
    text_clear(&export->body);
    export->number++;
    export->state = EXPORT_IDLE;
}

void export_start(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    if (core->options.otlp_one_in == 0)
        return;
    forget(&core->export);
    core->export.backoff_us = 0;
    effects_timer(fx, RECONCILER_TIMER_EXPORT, in->now_us + LOOK_US);
}

void export_stop(struct reconciler_core *core, struct effects *fx)
{
    forget(&core->export);
    core->export.state = EXPORT_OFF;
    effects_timer_clear(fx, RECONCILER_TIMER_EXPORT);
}

static void post(struct reconciler_export *export, struct effects *fx)
{
    struct reconciler_post *post = arena_alloc(fx->arena, sizeof *post);
    *post = (struct reconciler_post){export->number, export->body.bytes, export->body.length};
    export->state = EXPORT_POSTING;
    effects_external(fx, post);
}

void export_timer(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_export *export = &core->export;
    if (export->state != EXPORT_IDLE)
        return;
    if (core->phase != RECONCILER_LIVE) { /* the first probe takes its time */
        effects_timer(fx, RECONCILER_TIMER_EXPORT, in->now_us + LOOK_US);
        return;
    }
    if (export->body.length > 0) { /* not taken the last time */
        post(export, fx);
        return;
    }
    struct reconciler_spans_args *args = arena_alloc(fx->arena, sizeof *args);
    /* The last 56 bits of a trace id are evenly spread: the highest of them are chosen, by every exporter alike. */
    uint64_t space = 1ULL << 56;
    *args = (struct reconciler_spans_args){.region = core->region,
                                           .threshold = (int64_t)(space - space / core->options.otlp_one_in),
                                           .orders = BATCH_ORDERS,
                                           .rows = SCAN_ROWS,
                                           .backlog = BACKLOG,
                                           .now_us = in->now_us};
    export->state = EXPORT_ASKING;
    export->asked_us = in->now_us;
    effects_call(fx, RECONCILER_PROC_SPANS, args);
}

/* Effect: the batch is done with: the cursor moves on. */
static void move_on(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_export *export = &core->export;
    struct reconciler_spans_done_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct reconciler_spans_done_args){core->region, export->upto};
    forget(export);
    export->backoff_us = 0;
    effects_call(fx, RECONCILER_PROC_SPANS_DONE, args);
    int64_t wait_us = export->behind > 0 ? SOON_US : LOOK_US;
    effects_timer(fx, RECONCILER_TIMER_EXPORT, in->now_us + (wait_us > export->rest_us ? wait_us : export->rest_us));
}

static void try_later(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_export *export = &core->export;
    export->state = EXPORT_IDLE;
    export->backoff_us = export->backoff_us == 0 ? BACKOFF_US : export->backoff_us * 2;
    if (export->backoff_us > BACKOFF_MAX_US)
        export->backoff_us = BACKOFF_MAX_US;
    effects_timer(fx, RECONCILER_TIMER_EXPORT, in->now_us + export->backoff_us);
}

void export_answered(struct reconciler_core *core, const struct input *in, struct effects *fx)
{
    struct reconciler_export *export = &core->export;
    if (export->state != EXPORT_ASKING)
        return;
    if (in->status != STORE_DONE) {
        if (in->status == STORE_FAILED)
            effects_log(fx, LOG_ERROR, 0, NULL, NULL, "spans could not be read: %s", in->error ? in->error : "");
        try_later(core, in, fx);
        return;
    }
    const struct reconciler_spans *spans = in->result;
    size_t count = spans->count < SPANS_PER_BODY ? spans->count : SPANS_PER_BODY;
    struct otlp_resource resource = {core->region, core->options.environment, TB_VERSION};
    export->upto = spans->upto;
    export->behind = spans->behind;
    export->spans = count;
    export->rest_us = (in->now_us - export->asked_us) * REST;
    effects_gauge(fx, RECONCILER_METRIC_OTLP_BEHIND, (int64_t)spans->behind);
    effects_count(fx, RECONCILER_METRIC_OTLP_PASSED_OVER, (int64_t)spans->passed_over);
    if (count == 0) {
        move_on(core, in, fx);
        return;
    }
    otlp_write(&export->body, &resource, spans->spans, count);
    post(export, fx);
}

void export_posted(struct reconciler_core *core, const struct input *in, const struct reconciler_posted *posted,
                   struct effects *fx)
{
    struct reconciler_export *export = &core->export;
    if (export->state != EXPORT_POSTING || posted->number != export->number)
        return;
    if (posted->outcome == POST_TAKEN) {
        if (export->complained)
            effects_log(fx, LOG_INFO, 0, NULL, NULL, "the collector of traces takes spans again");
        export->complained = false;
        effects_count(fx, RECONCILER_METRIC_OTLP_SPANS, (int64_t) export->spans);
        move_on(core, in, fx);
        return;
    }
    effects_count(fx, RECONCILER_METRIC_OTLP_FAILURES, 1);
    if (!export->complained)
        effects_log(fx, LOG_WARNING, 0, NULL, NULL, "the collector of traces did not take spans: %s", posted->why);
    export->complained = true;
    if (posted->outcome == POST_REFUSED) { /* and would again */
        effects_count(fx, RECONCILER_METRIC_OTLP_REFUSED, (int64_t) export->spans);
        move_on(core, in, fx);
        return;
    }
    try_later(core, in, fx);
}
