/* tb-simfill: what is special about this actor; the rest is common/actor. */
#include "core.h"
#include "procs.h"

static const struct link_message from_sequencer[] = {{TB__MESSAGE_TYPE__ORDERS_APPENDED, "sequencer"}, {0, NULL}};

static const struct actor_link links[SIMFILL_LINK_COUNT] = {
    [SIMFILL_STAGE] = {{"orders-stage", BUS_PULL, false, 0}, true, from_sequencer},
    [SIMFILL_FEED] = {{"executions-feed", BUS_PUB, true, 0}, true, NULL},
    [SIMFILL_OUTBOX] = {{"outbox-stage", BUS_PUSH, true, 0}, true, NULL},
};

static const struct metric_spec metrics[SIMFILL_METRIC_COUNT] = {
    [SIMFILL_FILLED] = {"tb_orders_final_total", "type=\"accepted\"", "Orders brought to a final state",
                        METRIC_COUNTER},
    [SIMFILL_CANCELLED] = {"tb_orders_final_total", "type=\"cancelled\"", "Orders brought to a final state",
                           METRIC_COUNTER},
    [SIMFILL_REJECTED] = {"tb_orders_final_total", "type=\"rejected\"", "Orders brought to a final state",
                          METRIC_COUNTER},
    [SIMFILL_TRADES] = {"tb_trades_total", "", "Trades committed", METRIC_COUNTER},
    [SIMFILL_PARKED] = {"tb_simfill_parked_total", "",
                        "Orders written to parked_orders because they are due late or never", METRIC_COUNTER},
    [SIMFILL_BATCHES] = {"tb_simfill_batches_total", "", "Append transactions committed", METRIC_COUNTER},
    [SIMFILL_STORE_FAILURES] = {"tb_simfill_store_failures_total", "", "Append transactions that the database refused",
                                METRIC_COUNTER},
    [SIMFILL_WINDOW] = {"tb_queue_depth", "link=\"orders-stage\"", "Records waiting", METRIC_GAUGE},
    [SIMFILL_QUEUE_AGE] = {"tb_queue_oldest_seconds", "link=\"orders-stage\"", "How late the next due fill is",
                           METRIC_AGE},
    [SIMFILL_FILL_SECONDS] = {"tb_fill_seconds", "", "From an order's acceptance to its final record",
                              METRIC_HISTOGRAM},
    [SIMFILL_APPEND_SECONDS] = {"tb_simfill_append_seconds", "", "Time of one append transaction", METRIC_HISTOGRAM},
};

static const struct config_key config_keys[] = {
    {"simfill_delay_ms", CONFIG_INTEGER, "120", 0, 60000,
     "Longest delay of a fill in milliseconds, the seed picks one up to it; 0 = none."},
    {.name = NULL},
};

struct state {
    struct simfill *core;
};

static int init(void *state, const struct config *config, struct err *err)
{
    (void)err;
    struct simfill_options options = {.region = config_text(config, "region"),
                                      .az = config_text(config, "az"),
                                      .delay_max_us = config_integer(config, "simfill_delay_ms") * 1000};
    ((struct state *)state)->core = simfill_new(&options);
    return 0;
}

static void step(void *state, const struct input *in, struct effects *fx)
{
    simfill_step(((struct state *)state)->core, in, fx);
}

static void release(void *state)
{
    simfill_free(&((struct state *)state)->core);
}

int main(int argc, char **argv)
{
    static const struct actor_spec spec = {
        .name = "simfill",
        .leads = "executions",
        .links = links,
        .link_count = SIMFILL_LINK_COUNT,
        .procs = simfill_procs,
        .proc_count = SIMFILL_PROC_COUNT,
        .metrics = metrics,
        .metric_count = SIMFILL_METRIC_COUNT,
        .config_keys = config_keys,
        .state_size = sizeof(struct state),
        .init = init,
        .step = step,
        .release = release,
    };
    return actor_main(&spec, argc, argv);
}
