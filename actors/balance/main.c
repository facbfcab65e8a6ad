#include "actor.h"

#include "balance/core.h"

static const struct link_message outbox_accepts[] = {
    {TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED, "simfill"}, {TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED, "matcher"}, {0}};
static const struct link_message ops_accepts[] = {{TB__MESSAGE_TYPE__OPS_APPENDED, "persona"}, {0}};
static const struct link_message command_accepts[] = {
    {TB__MESSAGE_TYPE__BALANCE_COMMAND, "gateway"}, {TB__MESSAGE_TYPE__BALANCE_COMMAND, "reconciler"}, {0}};

static const struct actor_link links[BALANCE_LINK_COUNT] = {
    [BALANCE_LINK_OUTBOX] = {{"outbox-stage", BUS_PULL, false, 0}, true, outbox_accepts},
    [BALANCE_LINK_OPS] = {{"ops-feed", BUS_SUB, false, 0}, true, ops_accepts},
    [BALANCE_LINK_COMMAND] = {{"balance-command", BUS_ROUTER, true, 0}, true, command_accepts},
    [BALANCE_LINK_FEED] = {{"balances-feed", BUS_PUB, true, 0}, true, NULL},
};

static const struct metric_spec metrics[BALANCE_METRIC_COUNT] = {
    [BALANCE_METRIC_SETTLE] = {"tb_settle_seconds", "", "From an order's acceptance to its committed ledger entry",
                               METRIC_HISTOGRAM},
    [BALANCE_METRIC_OUTBOX_OLDEST] = {"tb_outbox_oldest_seconds", "", "Age of the oldest adjustment not settled yet",
                                      METRIC_AGE},
    [BALANCE_METRIC_DLQ_DEPTH] = {"tb_dlq_depth", "", "Adjustments that failed too often and wait for an operator",
                                  METRIC_GAUGE},
    [BALANCE_METRIC_QUEUE_DEPTH] = {"tb_queue_depth", "link=\"outbox-stage\"", "Records that wait in the actor's queue",
                                    METRIC_GAUGE},
    [BALANCE_METRIC_APPLIED] = {"tb_adjustments_settled_total", "", "Adjustments turned into ledger entries",
                                METRIC_COUNTER},
    [BALANCE_METRIC_FAILED] = {"tb_adjustments_failed_total", "", "Failed attempts to settle an adjustment",
                               METRIC_COUNTER},
    [BALANCE_METRIC_BATCHES] = {"tb_settle_batches_total", "", "Committed batches of adjustments", METRIC_COUNTER},
};

static const struct config_key keys[] = {
    {"opening_balance", CONFIG_MONEY, "10000.00", 0, 0, "Opening balance of a new persona, in florins"},
    {"balance_attempts_max", CONFIG_INTEGER, "5", 1, 1000, "Failed attempts until an adjustment is a dead letter"},
    {"balance_retry_ms", CONFIG_INTEGER, "100", 1, 3600000,
     "Milliseconds before the second attempt; doubles with each"},
    {0},
};

static int init(void *state, const struct config *config, struct err *err)
{
    (void)err;
    balance_core_init(state, &(struct balance_options){
                                 .region = config_text(config, "region"),
                                 .opening = money_cents(config_money_cents(config, "opening_balance")),
                                 .attempts_max = (uint32_t)config_integer(config, "balance_attempts_max"),
                                 .retry_us = config_integer(config, "balance_retry_ms") * 1000,
                             });
    return 0;
}

static void release(void *state)
{
    balance_core_release(state);
}

static struct actor_spec spec = {
    .name = "balance",
    .leads = "balances",
    .links = links,
    .link_count = BALANCE_LINK_COUNT,
    .proc_count = BALANCE_PROC_COUNT,
    .metrics = metrics,
    .metric_count = BALANCE_METRIC_COUNT,
    .config_keys = keys,
    .state_size = sizeof(struct balance_core),
    .init = init,
    .step = balance_core_step,
    .release = release,
};

int main(int argc, char **argv)
{
    spec.procs = balance_store_procs();
    return actor_main(&spec, argc, argv);
}
