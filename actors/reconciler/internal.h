/* reconciler/internal: what the files of the reconciler's core share; for nobody else. */
#ifndef TB_RECONCILER_INTERNAL_H
#define TB_RECONCILER_INTERNAL_H

#include "core.h"
#include "persona.pb-c.h"
#include "reconciler.pb-c.h"

/* --- alarms.c --- */
/* Effect: compares a probe with the marks; asks for what changes. */
void alarms_probed(struct reconciler_core *core, const struct input *in, const struct reconciler_probed *probed,
                   struct effects *fx);
void alarms_answered(struct reconciler_core *core, const struct input *in, struct effects *fx);

/* Effect: announces an event of the ops stream. record: its type and what else it has; seq, payload and time are set.
 */
void alarms_publish(const struct reconciler_alarmed *alarmed, Tb__OpsRecord *record, int64_t now_us,
                    struct effects *fx);

/* --- watch.c --- */
/* Effect: START: what the table says is unknown again; judging goes on. */
void watch_start(struct reconciler_core *core, const struct input *in, struct effects *fx);
/* Effect: takes a heartbeat in. */
void watch_hear(struct reconciler_core *core, const struct input *in, struct effects *fx);
/* Effect: judges anew, asks for what changed. */
void watch_look(struct reconciler_core *core, const struct input *in, struct effects *fx);
void watch_answered(struct reconciler_core *core, const struct input *in, struct effects *fx);

/* --- faults.c --- */
/* Effect: START: the table is told anew. */
void faults_start(struct reconciler_core *core);
/* Effect: takes the attached part's picture in, and tells the table what it does not know yet. */
void faults_see(struct reconciler_core *core, const struct input *in, const struct reconciler_faults *faults,
                struct effects *fx);
void faults_answered(struct reconciler_core *core, const struct input *in, struct effects *fx);

/* --- export.c --- */
/* Effect: START: asks for spans from the cursor on, a moment later. */
void export_start(struct reconciler_core *core, const struct input *in, struct effects *fx);
void export_stop(struct reconciler_core *core, struct effects *fx);
void export_timer(struct reconciler_core *core, const struct input *in, struct effects *fx);
/* Effect: the spans are there: hands them to the attached part. */
void export_answered(struct reconciler_core *core, const struct input *in, struct effects *fx);
void export_posted(struct reconciler_core *core, const struct input *in, const struct reconciler_posted *posted,
                   struct effects *fx);
void export_release(struct reconciler_core *core);

/* --- jobs.c --- */
void jobs_message(struct reconciler_core *core, const struct input *in, struct effects *fx);
/* Effect: starts the first job unless one runs. */
void jobs_start(struct reconciler_core *core, struct effects *fx);
void jobs_checked(struct reconciler_core *core, const struct input *in, struct effects *fx);
void jobs_page(struct reconciler_core *core, const struct input *in, struct effects *fx);
/* Effect: answers those who have waited long enough with UNDER_WAY. */
void jobs_patience(struct reconciler_core *core, const struct input *in, struct effects *fx);
/* Effect: answers everyone with STORE_UNAVAILABLE. */
void jobs_refuse_all(struct reconciler_core *core, struct effects *fx);
/* Effect: notes a broken invariant in the database. */
void jobs_note(struct reconciler_core *core, const struct input *in, const char *invariant, uint64_t count,
               const char *sample, struct effects *fx);

#endif
