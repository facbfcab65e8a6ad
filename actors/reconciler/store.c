#include "store.h"

#include <string.h>

#include "actor.h"
#include "page.h"

static void encode_probe(const void *arguments, struct db_params *params)
{
    const struct reconciler_probe_args *args = arguments;
    db_add_text(params, args->region);
    db_add_time(params, args->now_us);
    db_add_text(params, args->after);
    db_add_int4(params, (int32_t)args->limit);
}

static void *one_row_missing(const char *what, struct err *err)
{
    err_set(err, "%s returned no row", what);
    return NULL;
}

static void *decode_probe(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1)
        return one_row_missing("reconciler_probe", err);
    struct reconciler_probed *probed = arena_alloc(arena, sizeof *probed);
    *probed = (struct reconciler_probed){
        .dead = (uint64_t)db_get_int(rows, 0, 0),
        .retrying = (uint64_t)db_get_int(rows, 0, 1),
        .orders_total = (uint64_t)db_get_int(rows, 0, 2),
        .orders_open = (uint64_t)db_get_int(rows, 0, 3),
        .outbox_waiting = (uint64_t)db_get_int(rows, 0, 4),
        .outbox_oldest_ms = (uint64_t)db_get_int(rows, 0, 5),
        .order_oldest_ms = (uint64_t)db_get_int(rows, 0, 6),
        .last_account = arena_strdup(arena, db_get_text(rows, 0, 7)),
        .mismatches = (uint64_t)db_get_int(rows, 0, 8),
        .sample = arena_strdup(arena, db_get_text(rows, 0, 9)),
    };
    return probed;
}

static void encode_step(const void *arguments, struct db_params *params)
{
    const struct reconciler_step_args *args = arguments;
    db_add_text(params, args->region);
    db_add_time(params, args->now_us);
    db_add_int4(params, (int32_t)args->limit);
}

static void *decode_step(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1)
        return one_row_missing("reconciler_audit_step", err);
    struct reconciler_stepped *stepped = arena_alloc(arena, sizeof *stepped);
    stepped->violations = (uint64_t)db_get_int(rows, 0, 0);
    stepped->invariants = arena_strdup(arena, db_get_text(rows, 0, 1));
    stepped->behind = (uint64_t)db_get_int(rows, 0, 2);
    return stepped;
}

static void encode_alarm(const void *arguments, struct db_params *params)
{
    const struct reconciler_alarm_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->id);
    db_add_bool(params, args->active);
    db_add_text(params, args->severity);
    db_add_text(params, args->message);
    db_add_int8(params, (int64_t)(args->value * 1000));
    db_add_time(params, args->now_us);
}

static void *decode_alarm(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1)
        return one_row_missing("reconciler_alarm", err);
    struct reconciler_alarmed *alarmed = arena_alloc(arena, sizeof *alarmed);
    alarmed->ops_seq = (uint64_t)db_get_int(rows, 0, 0);
    alarmed->payload = arena_strdup(arena, db_get_text(rows, 0, 1));
    return alarmed;
}

static void encode_cue(const void *arguments, struct db_params *params)
{
    const struct reconciler_cue_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->id);
    db_add_bool(params, args->active);
    db_add_time(params, args->since_us);
    db_add_text(params, args->severity);
    db_add_text(params, args->message);
    db_add_text(params, args->data);
    db_add_time(params, args->now_us);
}

static void encode_faults(const void *arguments, struct db_params *params)
{
    const struct reconciler_faults_args *args = arguments;
    db_add_text(params, args->region);
    db_add_time(params, args->now_us);
    db_add_text_array(params, args->ids, args->count);
    db_add_text_array(params, args->kinds, args->count);
    db_add_text_array(params, args->targets, args->count);
    db_add_text_array(params, args->details, args->count);
    db_add_time_array(params, args->started_us, args->count);
    db_add_time_array(params, args->ends_us, args->count);
    db_add_bool_array(params, args->over, args->count);
}

static void *decode_faults(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    size_t count = db_row_count(rows);
    struct reconciler_fault_events *result = arena_alloc(arena, sizeof *result);
    struct reconciler_fault_event *events = arena_array(arena, count, sizeof *events);
    for (size_t i = 0; i < count; i++)
        events[i] = (struct reconciler_fault_event){.ops_seq = (uint64_t)db_get_int(rows, i, 0),
                                                    .started = db_get_bool(rows, i, 1),
                                                    .payload = arena_strdup(arena, db_get_text(rows, i, 2))};
    *result = (struct reconciler_fault_events){count, events};
    return result;
}

static void encode_finding(const void *arguments, struct db_params *params)
{
    const struct reconciler_finding_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->invariant);
    db_add_int8(params, (int64_t)args->count);
    db_add_text(params, args->sample);
    db_add_time(params, args->now_us);
}

static void encode_check(const void *arguments, struct db_params *params)
{
    const struct reconciler_check_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->id);
    db_add_text(params, args->state);
    db_add_int4(params, (int32_t)args->rows);
}

static void *decode_check(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1)
        return one_row_missing("audit_check_step", err);
    struct reconciler_checked *checked = arena_alloc(arena, sizeof *checked);
    if (!db_is_null(rows, 0, 0)) {
        checked->state = arena_strdup(arena, db_get_text(rows, 0, 0));
        return checked;
    }
    checked->ok = db_get_bool(rows, 0, 1);
    checked->count = (uint64_t)db_get_int(rows, 0, 2);
    checked->sample = arena_strdup(arena, db_get_text(rows, 0, 3));
    return checked;
}

static void *decode_page(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    return page_read(rows, arena);
}

static void encode_spans(const void *arguments, struct db_params *params)
{
    const struct reconciler_spans_args *args = arguments;
    db_add_text(params, args->region);
    db_add_int8(params, args->threshold);
    db_add_int4(params, (int32_t)args->orders);
    db_add_int4(params, (int32_t)args->rows);
    db_add_int8(params, (int64_t)args->backlog);
    db_add_time(params, args->now_us);
}

enum span_column { TRACE_ID, ACTOR, SPAN_ID, PARENT, NAME, START, END, ATTRIBUTES, ERROR, UPTO, PASSED_OVER, BEHIND };

static struct otlp_span decode_span(const struct db_rows *rows, size_t row, struct arena *arena)
{
    struct otlp_span span = {
        .actor = arena_strdup(arena, db_get_text(rows, row, ACTOR)),
        .span_id = arena_strdup(arena, db_get_text(rows, row, SPAN_ID)),
        .parent_span_id = db_is_null(rows, row, PARENT) ? NULL : arena_strdup(arena, db_get_text(rows, row, PARENT)),
        .name = arena_strdup(arena, db_get_text(rows, row, NAME)),
        .start_us = db_get_int(rows, row, START),
        .end_us = db_get_int(rows, row, END),
        .attributes = arena_strdup(arena, db_get_text(rows, row, ATTRIBUTES)),
        .error = db_is_null(rows, row, ERROR) ? NULL : arena_strdup(arena, db_get_text(rows, row, ERROR)),
    };
    memcpy(span.trace_id, db_get_uuid(rows, row, TRACE_ID), sizeof span.trace_id);
    return span;
}

static void *decode_spans(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    size_t count = db_row_count(rows);
    if (count == 0)
        return one_row_missing("reconciler_spans", err);
    size_t last = count - 1;
    struct reconciler_spans *result = arena_alloc(arena, sizeof *result);
    struct otlp_span *spans = arena_array(arena, count, sizeof *spans);
    for (size_t row = 0; row < last; row++)
        spans[row] = decode_span(rows, row, arena);
    *result = (struct reconciler_spans){.count = last,
                                        .spans = spans,
                                        .upto = (uint64_t)db_get_int(rows, last, UPTO),
                                        .passed_over = (uint64_t)db_get_int(rows, last, PASSED_OVER),
                                        .behind = (uint64_t)db_get_int(rows, last, BEHIND)};
    return result;
}

static void encode_spans_done(const void *arguments, struct db_params *params)
{
    const struct reconciler_spans_done_args *args = arguments;
    db_add_text(params, args->region);
    db_add_int8(params, (int64_t)args->upto);
}

static const struct actor_proc procs[RECONCILER_PROC_COUNT] = {
    [RECONCILER_PROC_PROBE] =
        {"probe",
         "SELECT dead, retrying, orders_total, orders_open, outbox_waiting, outbox_oldest_ms, order_oldest_ms, "
         "last_account, mismatches, "
         "sample::text FROM reconciler_probe($1, $2, $3, $4)",
         encode_probe, decode_probe},
    [RECONCILER_PROC_STEP] = {"step", "SELECT violations, invariants, behind FROM reconciler_audit_step($1, $2, $3)",
                              encode_step, decode_step},
    [RECONCILER_PROC_ALARM] =
        {"alarm", "SELECT ops_seq, payload::text FROM reconciler_alarm($1, $2, $3, $4, $5, $6::bigint / 1000.0, $7)",
         encode_alarm, decode_alarm},
    [RECONCILER_PROC_CUE] = {"cue", "SELECT ops_seq, payload::text FROM reconciler_cue($1, $2, $3, $4, $5, $6, $7, $8)",
                             encode_cue, decode_alarm},
    [RECONCILER_PROC_FAULTS] = {"faults",
                                "SELECT ops_seq, type = 16, payload::text FROM reconciler_faults($1, $2, $3, $4, $5, "
                                "$6, $7, $8, $9)",
                                encode_faults, decode_faults},
    [RECONCILER_PROC_FINDING] = {"finding", "SELECT reconciler_finding($1, $2, $3, $4, $5)", encode_finding, NULL},
    [RECONCILER_PROC_CHECK] = {"check", RECONCILER_CHECK_SQL, encode_check, decode_check, .aside = true},
    [RECONCILER_PROC_SPANS] = {"spans",
                               "SELECT trace_id, actor, span_id, parent_span_id, name, start_us, end_us, attributes, "
                               "error, upto, passed_over, "
                               "behind FROM reconciler_spans($1, $2, $3, $4, $5, $6)",
                               encode_spans, decode_spans},
    [RECONCILER_PROC_SPANS_DONE] = {"spans_done", "SELECT reconciler_spans_done($1, $2)", encode_spans_done, NULL},
    [RECONCILER_PROC_PAGE] = {"page", PAGE_SQL, page_encode, decode_page, .aside = true},
};

const struct actor_proc *reconciler_store_procs(void)
{
    return procs;
}
