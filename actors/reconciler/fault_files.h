/* fault_files: shows the reconciler's core which faults are in force or were lately (the last two minutes), from the
 * records in faults/ and faults-ended/ (common/inject_record.h; where those are: setting faults_dir), four times a
 * second. Where faults are not enabled there are none, and no file is looked for. Threading: on the loop's thread.
 *
 *   struct fault_files *files = fault_files_new(actor);   // in attach
 *   fault_files_free(&files);                             // in detach */
#ifndef TB_RECONCILER_FAULT_FILES_H
#define TB_RECONCILER_FAULT_FILES_H

struct actor;
struct fault_files;

/* Gives one that feeds the actor's core (borrowed) INPUT_EXTERNAL with a struct reconciler_faults. */
struct fault_files *fault_files_new(struct actor *actor);
void fault_files_free(struct fault_files **files);

#endif
