/* tb-sequencer: what is special about this actor; the rest is common/actor. */
#include "core.h"
#include "procs.h"

static const struct link_message from_gateway[] = {
    {TB__MESSAGE_TYPE__SUBMIT_ORDERS, "gateway"}, {TB__MESSAGE_TYPE__CANCEL_ORDERS, "gateway"}, {0, NULL}};
/* Whoever fills orders: simfill, later the matcher. */
static const struct link_message from_filler[] = {
    {TB__MESSAGE_TYPE__EXECUTIONS_APPENDED, "simfill"}, {TB__MESSAGE_TYPE__EXECUTIONS_APPENDED, "matcher"}, {0, NULL}};

static const struct actor_link links[SEQUENCER_LINK_COUNT] = {
    [SEQUENCER_COMMAND] = {{"orders-command", BUS_ROUTER, true, 16384}, true, from_gateway},
    [SEQUENCER_STAGE] = {{"orders-stage", BUS_PUSH, true, 0}, true, NULL},
    [SEQUENCER_FEED] = {{"orders-feed", BUS_PUB, true, 0}, true, NULL},
    [SEQUENCER_EXECUTIONS] = {{"executions-feed", BUS_SUB, false, 0}, false, from_filler},
};

static const struct metric_spec metrics[SEQUENCER_METRIC_COUNT] = {
    [SEQUENCER_ACCEPTED] = {"tb_orders_accepted_total", "", "Orders committed to the orders stream", METRIC_COUNTER},
    [SEQUENCER_REPLAYED] = {"tb_orders_replayed_total", "",
                            "Orders answered from a stored one with the same key and content", METRIC_COUNTER},
    [SEQUENCER_REFUSED_KEY_REUSED] = {"tb_orders_refused_total", "reason=\"key_reused\"", "Orders refused",
                                      METRIC_COUNTER},
    [SEQUENCER_REFUSED_BACKPRESSURE] = {"tb_orders_refused_total", "reason=\"backpressure\"", "Orders refused",
                                        METRIC_COUNTER},
    [SEQUENCER_REFUSED_UNAVAILABLE] = {"tb_orders_refused_total", "reason=\"store_unavailable\"", "Orders refused",
                                       METRIC_COUNTER},
    [SEQUENCER_REFUSED_INVALID] = {"tb_orders_refused_total", "reason=\"invalid\"", "Orders refused", METRIC_COUNTER},
    [SEQUENCER_CANCELS_REQUESTED] = {"tb_cancel_requests_total", "", "Cancel requests committed to the orders stream",
                                     METRIC_COUNTER},
    [SEQUENCER_BATCHES] = {"tb_sequencer_batches_total", "", "Append transactions committed", METRIC_COUNTER},
    [SEQUENCER_QUEUE_DEPTH] = {"tb_queue_depth", "link=\"orders-command\"", "Records waiting", METRIC_GAUGE},
    [SEQUENCER_QUEUE_AGE] = {"tb_queue_oldest_seconds", "link=\"orders-command\"", "Age of the oldest record waiting",
                             METRIC_AGE},
    [SEQUENCER_BACKLOG] = {"tb_orders_backlog", "", "Orders accepted and not yet final", METRIC_GAUGE},
    [SEQUENCER_APPEND_SECONDS] = {"tb_sequencer_append_seconds", "", "Time of one append transaction",
                                  METRIC_HISTOGRAM},
    [SEQUENCER_ACCEPT_SECONDS] = {"tb_sequencer_accept_seconds", "", "From an order's arrival here to its commit",
                                  METRIC_HISTOGRAM},
};

static const struct config_key config_keys[] = {
    {"backlog_max", CONFIG_INTEGER, "200000", 0, INT64_MAX,
     "Accepted orders not yet final beyond which new ones are refused; 0 = no limit."},
    {.name = NULL},
};

struct state {
    struct sequencer *core;
};

static int init(void *state, const struct config *config, struct err *err)
{
    (void)err;
    struct sequencer_options options = {.region = config_text(config, "region"),
                                        .backlog_max = (uint64_t)config_integer(config, "backlog_max")};
    ((struct state *)state)->core = sequencer_new(&options);
    return 0;
}

static void step(void *state, const struct input *in, struct effects *fx)
{
    sequencer_step(((struct state *)state)->core, in, fx);
}

static void release(void *state)
{
    sequencer_free(&((struct state *)state)->core);
}

int main(int argc, char **argv)
{
    static const struct actor_spec spec = {
        .name = "sequencer",
        .leads = "orders",
        .links = links,
        .link_count = SEQUENCER_LINK_COUNT,
        .procs = sequencer_procs,
        .proc_count = SEQUENCER_PROC_COUNT,
        .metrics = metrics,
        .metric_count = SEQUENCER_METRIC_COUNT,
        .config_keys = config_keys,
        .state_size = sizeof(struct state),
        .init = init,
        .step = step,
        .release = release,
    };
    return actor_main(&spec, argc, argv);
}
