#include "actor.h"

#include "persona/core.h"

static const struct link_message command_accepts[] = {{TB__MESSAGE_TYPE__PERSONA_COMMAND, NULL}, {0}};

static const struct actor_link links[PERSONA_LINK_COUNT] = {
    [PERSONA_LINK_COMMAND] = {{"persona-command", BUS_ROUTER, true, 0}, true, command_accepts},
    [PERSONA_LINK_FEED] = {{"ops-feed", BUS_PUB, true, 0}, true, NULL},
};

static const struct metric_spec metrics[PERSONA_METRIC_COUNT] = {
    [PERSONA_METRIC_COMMANDS] = {"tb_persona_changes_total", "", "Persona commands that changed something",
                                 METRIC_COUNTER},
    [PERSONA_METRIC_QUEUE_DEPTH] = {"tb_queue_depth", "link=\"persona-command\"",
                                    "Records that wait in the actor's queue", METRIC_GAUGE},
};

static int init(void *state, const struct config *config, struct err *err)
{
    (void)err;
    persona_core_init(state, config_text(config, "region"));
    return 0;
}

static void release(void *state)
{
    persona_core_release(state);
}

static struct actor_spec spec = {
    .name = "persona",
    .leads = "personas",
    .links = links,
    .link_count = PERSONA_LINK_COUNT,
    .proc_count = PERSONA_PROC_COUNT,
    .metrics = metrics,
    .metric_count = PERSONA_METRIC_COUNT,
    .state_size = sizeof(struct persona_core),
    .init = init,
    .step = persona_core_step,
    .release = release,
};

int main(int argc, char **argv)
{
    spec.procs = persona_store_procs();
    return actor_main(&spec, argc, argv);
}
