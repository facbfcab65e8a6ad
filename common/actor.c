#include "actor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor_internal.h"
#include "base.h"
#include "fault.h"
#include "ids.h"
#include "inject.h"
#include "log.h"

enum { EXIT_STOPPED = 0, EXIT_WRONG_USAGE = 2 };

struct loop *actor_loop(struct actor *actor)
{
    return actor->loop;
}

const struct config *actor_config(struct actor *actor)
{
    return actor->config;
}

const char *actor_faults_place(struct actor *actor)
{
    const char *place = config_text(actor->config, "faults_dir");
    return *place != '\0' ? place : config_text(actor->config, "run_dir");
}

struct metrics *actor_metrics(struct actor *actor)
{
    return actor->metrics;
}

static int check_run_dir(const char *run_dir, struct err *err)
{
    struct stat status;
    if (stat(run_dir, &status) < 0)
        return err_set(err, "run_dir %s: %s", run_dir, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return err_set(err, "run_dir %s is not a directory", run_dir);
    return 0;
}

static int open_bus(struct actor *actor, struct err *err)
{
    struct bus_options options = {.run_dir = config_text(actor->config, "run_dir"),
                                  .topology_file = config_text(actor->config, "topology"),
                                  .region = config_text(actor->config, "region"),
                                  .sender = actor->sender,
                                  .boot_id = actor->boot_id,
                                  .curve_dir = config_text(actor->config, "curve_dir"),
                                  .plaintext = config_boolean(actor->config, "bus_plaintext")};
    if (check_run_dir(options.run_dir, err) < 0)
        return -1;
    actor->bus = bus_new(actor->loop, &options, err);
    return actor->bus == NULL ? -1 : 0;
}

static void make_links(struct actor *actor)
{
    actor->links = tb_alloc_zero(actor->spec->link_count, sizeof *actor->links);
    for (unsigned i = 0; i < actor->spec->link_count; i++) {
        actor->links[i].actor = actor;
        actor->links[i].index = i;
    }
}

/* Everything that can be wrong with how we were started is found here. Return: 0, or -1 with err. */
static int set_up(struct actor *actor, struct err *err)
{
    const struct actor_spec *spec = actor->spec;
    snprintf(actor->sender, sizeof actor->sender, "%s/%s", spec->name, config_text(actor->config, "instance"));
    ids_random(&actor->boot_id, sizeof actor->boot_id);
    actor->health_fd = -1;
    actor->loop = loop_new();
    if (config_boolean(actor->config, "enable_faults"))
        inject_start(actor->loop, &(struct inject_options){.place = actor_faults_place(actor),
                                                           .who = {.actor = spec->name,
                                                                   .instance = config_text(actor->config, "instance"),
                                                                   .az = config_text(actor->config, "az")}});
    actor->metrics = metrics_new(spec->metrics, spec->metric_count);
    actor->state = tb_alloc_zero(1, spec->state_size);
    make_links(actor);
    driver_init(actor);
    if (open_bus(actor, err) < 0 || telemetry_init(actor, err) < 0)
        return -1;
    if (spec->init != NULL && spec->init(actor->state, actor->config, err) < 0)
        return -1;
    actor->initialised = true;
    if (lifecycle_start(actor, err) < 0)
        return -1;
    if (spec->attach != NULL && spec->attach(actor->state, actor, err) < 0)
        return -1;
    actor->attached = spec->attach != NULL;
    return 0;
}

static void tear_down(struct actor *actor)
{
    if (actor->attached && actor->spec->detach != NULL)
        actor->spec->detach(actor->state);
    lifecycle_release(actor);
    telemetry_release(actor);
    bus_free(&actor->bus); /* waits up to a second for replies on their way */
    if (actor->initialised && actor->spec->release != NULL)
        actor->spec->release(actor->state);
    driver_release(actor);
    metrics_free(&actor->metrics);
    inject_stop();
    loop_free(&actor->loop);
    free(actor->links);
    free(actor->state);
}

static int run(struct actor *actor)
{
    struct err err = {0};
    int exit_code = EXIT_WRONG_USAGE;
    if (set_up(actor, &err) < 0) {
        log_error("%s", err.text);
    } else {
        loop_run(actor->loop);
        exit_code = actor->exit_code;
        log_info("stopped");
    }
    tear_down(actor);
    return exit_code;
}

int actor_main(const struct actor_spec *spec, int argc, char **argv)
{
    struct err err = {0};
    if (fault_init() < 0)
        return EXIT_WRONG_USAGE;
    struct config *config = config_load(spec->name, spec->config_keys, argc, argv, &err);
    if (config == NULL) {
        fprintf(stderr, "tb-%s: %s\n", spec->name, err.text);
        return EXIT_WRONG_USAGE;
    }
    int exit_code = EXIT_STOPPED;
    if (!config_answered(config)) {
        enum log_level level = LOG_INFO;
        log_level_parse(config_text(config, "log_level"), &level);
        log_init(spec->name, config_text(config, "instance"), config_text(config, "region"), level);
        struct actor *actor = tb_alloc_zero(1, sizeof *actor);
        actor->spec = spec;
        actor->config = config;
        exit_code = run(actor);
        free(actor);
    }
    config_free(&config);
    return exit_code;
}
