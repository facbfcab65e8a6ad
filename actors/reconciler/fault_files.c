#include "fault_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "actor.h"
#include "base.h"
#include "inject_record.h"
#include "loop.h"
#include "reconciler/core.h"

enum { LOOK_US = 250000, PATH_BYTES = 4096 };

struct fault_files {
    struct actor *actor;
    struct loop_timer *timer;
    char in_force[PATH_BYTES], ended[PATH_BYTES];
    bool enabled;
};

/* Effect: adds a directory's records. Return: how many there are then. */
static size_t add(const char *directory, bool ended, struct reconciler_fault *faults, size_t count)
{
    struct inject_record records[RECONCILER_FAULTS_MAX];
    size_t found = inject_read(directory, records, RECONCILER_FAULTS_MAX - count);
    for (size_t i = 0; i < found; i++)
        faults[count + i] = (struct reconciler_fault){records[i], ended};
    return count + found;
}

/* Those in force come first: what is moved aside in between is seen twice then, and not missed. */
static void on_look(void *arg)
{
    struct fault_files *files = arg;
    struct reconciler_fault faults[RECONCILER_FAULTS_MAX];
    size_t count = 0;
    if (files->enabled) {
        count = add(files->in_force, false, faults, count);
        count = add(files->ended, true, faults, count);
    }
    struct reconciler_faults seen = {count, faults};
    actor_feed(files->actor, &(struct reconciler_external){.faults = &seen});
}

struct fault_files *fault_files_new(struct actor *actor)
{
    struct fault_files *files = tb_alloc_zero(1, sizeof *files);
    const char *place = actor_faults_place(actor);
    files->actor = actor;
    files->enabled = config_boolean(actor_config(actor), "enable_faults");
    int length = snprintf(files->in_force, sizeof files->in_force, "%s/faults", place);
    tb_assert(length > 0 && length < PATH_BYTES);
    length = snprintf(files->ended, sizeof files->ended, "%s/faults-ended", place);
    tb_assert(length > 0 && length < PATH_BYTES);
    files->timer = loop_timer_new(actor_loop(actor), on_look, files);
    loop_timer_set(files->timer, 0, LOOK_US);
    return files;
}

void fault_files_free(struct fault_files **files)
{
    if (*files == NULL)
        return;
    loop_timer_free(&(*files)->timer);
    free(*files);
    *files = NULL;
}
