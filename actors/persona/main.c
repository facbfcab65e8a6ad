#include "actor.h"

#include <stdio.h>

#include "log.h"
#include "persona/core.h"
#include "persona/studio.h"

enum { SWEEP_MAX_S = 600 };

/* The core and where its avatars are made. */
struct persona_actor {
    struct persona_core core;
    struct studio *studio;
    struct actor *owner;
};

static const struct link_message command_accepts[] = {{TB__MESSAGE_TYPE__PERSONA_COMMAND, "gateway"}, {0}};

static const struct actor_link links[PERSONA_LINK_COUNT] = {
    [PERSONA_LINK_COMMAND] = {{"persona-command", BUS_ROUTER, true, 0}, true, command_accepts},
    [PERSONA_LINK_FEED] = {{"ops-feed", BUS_PUB, true, 0}, true, NULL},
};

static const struct metric_spec metrics[PERSONA_METRIC_COUNT] = {
    [PERSONA_METRIC_COMMANDS] = {"tb_persona_changes_total", "", "Persona commands that changed something",
                                 METRIC_COUNTER},
    [PERSONA_METRIC_QUEUE_DEPTH] = {"tb_queue_depth", "link=\"persona-command\"",
                                    "Records that wait in the actor's queue", METRIC_GAUGE},
    [PERSONA_METRIC_AVATARS] = {"tb_avatars_total", "outcome=\"made\"", "Uploaded avatars by what became of them",
                                METRIC_COUNTER},
    [PERSONA_METRIC_AVATARS_REFUSED] = {"tb_avatars_total", "outcome=\"refused\"",
                                        "Uploaded avatars by what became of them", METRIC_COUNTER},
    [PERSONA_METRIC_AVATARS_REMOVED] = {"tb_avatars_total", "outcome=\"removed\"",
                                        "Uploaded avatars by what became of them", METRIC_COUNTER},
    [PERSONA_METRIC_AVATARS_DEPTH] = {"tb_avatars_under_way", "", "Uploads that are being decoded and stored",
                                      METRIC_GAUGE},
};

static const struct config_key config_keys[] = {
    {"uploads_dir", CONFIG_TEXT, "", 0, 0,
     "directory in which uploaded avatars are kept (avatars/ below it); empty takes none"},
    {"avatar_worker", CONFIG_TEXT, "", 0, 0,
     "the program that decodes pictures; empty is tb-avatar-worker beside this program"},
    {"avatar_deadline_ms", CONFIG_INTEGER, "10000", 10, 60000, "milliseconds that one run of it may take"},
    {"avatar_keep_s", CONFIG_INTEGER, "3600", 1, 31536000, "seconds that the file of a replaced avatar stays at least"},
    {NULL, 0, NULL, 0, 0, NULL},
};

static int init(void *state, const struct config *config, struct err *err)
{
    (void)err;
    struct persona_actor *persona = state;
    int64_t keep_s = config_integer(config, "avatar_keep_s");
    persona_core_init(&persona->core, config_text(config, "region"));
    persona->core.sweep_us = (keep_s < SWEEP_MAX_S ? keep_s : SWEEP_MAX_S) * 1000000;
    return 0;
}

static void release(void *state)
{
    persona_core_release(&((struct persona_actor *)state)->core);
}

static void on_report(void *arg, const struct studio_report *report)
{
    const struct persona_actor *persona = arg;
    actor_feed(persona->owner, report);
}

static int attach(void *state, struct actor *owner, struct err *err)
{
    struct persona_actor *persona = state;
    const struct config *config = actor_config(owner);
    const char *uploads = config_text(config, "uploads_dir");
    char directory[4096];
    int length = snprintf(directory, sizeof directory, "%s%s", uploads, *uploads == '\0' ? "" : "/avatars");
    if (length < 0 || (size_t)length >= sizeof directory)
        return err_set(err, "uploads_dir is too long");
    struct studio_options options = {.worker = config_text(config, "avatar_worker"),
                                     .directory = directory,
                                     .deadline_us = config_integer(config, "avatar_deadline_ms") * 1000,
                                     .keep_s = config_integer(config, "avatar_keep_s")};
    persona->owner = owner;
    if (*uploads == '\0') {
        log_info("no uploads_dir (TB_UPLOADS_DIR): avatars are not taken");
        persona->core.sweep_us = 0;
    }
    persona->studio = studio_new(actor_loop(owner), &options, on_report, persona, err);
    return persona->studio == NULL ? -1 : 0;
}

static void detach(void *state)
{
    studio_free(&((struct persona_actor *)state)->studio);
}

static void external(void *state, const struct effect *effect)
{
    studio_order(((struct persona_actor *)state)->studio, effect->args);
}

static void step(void *state, const struct input *in, struct effects *fx)
{
    persona_core_step(&((struct persona_actor *)state)->core, in, fx);
}

static struct actor_spec spec = {
    .name = "persona",
    .leads = "personas",
    .links = links,
    .link_count = PERSONA_LINK_COUNT,
    .proc_count = PERSONA_PROC_COUNT,
    .metrics = metrics,
    .metric_count = PERSONA_METRIC_COUNT,
    .config_keys = config_keys,
    .state_size = sizeof(struct persona_actor),
    .init = init,
    .step = step,
    .release = release,
    .attach = attach,
    .detach = detach,
    .external = external,
};

int main(int argc, char **argv)
{
    spec.procs = persona_store_procs();
    return actor_main(&spec, argc, argv);
}
