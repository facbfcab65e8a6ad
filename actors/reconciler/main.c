#include "actor.h"

#include "collector.h"
#include "fault_files.h"
#include "reconciler/core.h"

/* The core and what it is shown of the faults. */
struct reconciler_actor {
    struct reconciler_core core;
    struct fault_files *fault_files;
    struct collector_endpoint endpoint;
    struct collector *collector; /* NULL: no otlp_endpoint */
};

static const struct link_message command_accepts[] = {
    {TB__MESSAGE_TYPE__VERIFY_REPLAY, "gateway"}, {TB__MESSAGE_TYPE__CHECK_INVARIANTS, "gateway"}, {0}};

static const struct link_message telemetry_accepts[] = {{TB__MESSAGE_TYPE__HEARTBEAT, NULL}, {0}};

static const struct actor_link links[RECONCILER_LINK_COUNT] = {
    [RECONCILER_LINK_COMMAND] = {{"reconciler-command", BUS_ROUTER, true, 0}, true, command_accepts},
    [RECONCILER_LINK_FEED] = {{"ops-feed-reconciler", BUS_PUB, true, 0}, true, NULL},
    [RECONCILER_LINK_TELEMETRY] = {{"telemetry", BUS_SUB, false, 0}, false, telemetry_accepts},
};

static const struct metric_spec metrics[RECONCILER_METRIC_COUNT] = {
    [RECONCILER_METRIC_MISMATCH] =
        {"tb_balance_mismatch", "",
         "Balances that do not fit their ledger, and entries that break the rules of the books", METRIC_GAUGE},
    [RECONCILER_METRIC_DLQ_DEPTH] = {"tb_dlq_depth", "", "Adjustments that failed too often and wait for an operator",
                                     METRIC_GAUGE},
    [RECONCILER_METRIC_OUTBOX_OLDEST] = {"tb_outbox_oldest_seconds", "", "Age of the oldest adjustment not settled yet",
                                         METRIC_AGE},
    [RECONCILER_METRIC_BEHIND] = {"tb_audit_behind_rows", "", "Rows that the running audit has not looked at yet",
                                  METRIC_GAUGE},
    [RECONCILER_METRIC_VIOLATIONS] = {"tb_invariant_violations_total", "", "Violations of an invariant that were found",
                                      METRIC_COUNTER},
    [RECONCILER_METRIC_REPLAYED] = {"tb_orders_replayed_total", "", "Stored orders compared with their plan",
                                    METRIC_COUNTER},
    [RECONCILER_METRIC_OTLP_SPANS] = {"tb_otlp_spans_total", "", "Spans that the collector of traces took",
                                      METRIC_COUNTER},
    [RECONCILER_METRIC_OTLP_REFUSED] = {"tb_otlp_refused_spans_total", "", "Spans that the collector of traces refused",
                                        METRIC_COUNTER},
    [RECONCILER_METRIC_OTLP_FAILURES] = {"tb_otlp_failures_total", "",
                                         "Requests to the collector of traces that did not succeed", METRIC_COUNTER},
    [RECONCILER_METRIC_OTLP_PASSED_OVER] = {"tb_otlp_passed_over_orders_total", "",
                                            "Orders that were not looked at for the collector of traces, because it "
                                            "was away too long, or had no end in time",
                                            METRIC_COUNTER},
    [RECONCILER_METRIC_OTLP_BEHIND] = {"tb_otlp_behind_orders", "",
                                       "Orders not looked at yet for the collector of traces", METRIC_GAUGE},
};

static const struct config_key keys[] = {
    {"reconciler_probe_ms", CONFIG_INTEGER, "5000", 10, 3600000, "Milliseconds between two looks for stuck work"},
    {"backlog_alarm", CONFIG_INTEGER, "50000", 1, INT64_MAX, "Open orders that raise the alarm queue-backlog"},
    {"outbox_alarm_ms", CONFIG_INTEGER, "30000", 10, 86400000,
     "Milliseconds that the oldest adjustment waits for balance, from which on the alarm outbox-stuck is raised"},
    {"accept_alarm_ms", CONFIG_INTEGER, "10000", 10, 86400000,
     "Milliseconds that an order which is due waits for simfill, from which on the alarm accept-latency is raised"},
    {"dlq_alarm", CONFIG_INTEGER, "1", 1, INT64_MAX, "Dead letters that raise the alarm dlq-depth"},
    {"otlp_endpoint", CONFIG_TEXT, "", 0, 0,
     "Collector of traces, http://host[:port][/path]: spans of orders go there by OTLP/HTTP (JSON); empty: nowhere"},
    {"otlp_one_in", CONFIG_INTEGER, "100", 1, 1000000, "Of how many traces one is exported; 1: all of them"},
    {0},
};

static int init(void *state, const struct config *config, struct err *err)
{
    struct reconciler_actor *reconciler = state;
    const char *endpoint = config_text(config, "otlp_endpoint");
    bool exports = endpoint[0] != '\0';
    if (exports && collector_parse(endpoint, &reconciler->endpoint, err) < 0)
        return -1;
    reconciler_core_init(&reconciler->core,
                         &(struct reconciler_options){
                             .region = config_text(config, "region"),
                             .probe_us = config_integer(config, "reconciler_probe_ms") * 1000,
                             .backlog_alarm = (uint64_t)config_integer(config, "backlog_alarm"),
                             .outbox_alarm_ms = (uint64_t)config_integer(config, "outbox_alarm_ms"),
                             .accept_alarm_ms = (uint64_t)config_integer(config, "accept_alarm_ms"),
                             .dlq_alarm = (uint64_t)config_integer(config, "dlq_alarm"),
                             .otlp_one_in = exports ? (uint64_t)config_integer(config, "otlp_one_in") : 0,
                             .environment = config_text(config, "env"),
                         });
    return 0;
}

static void release(void *state)
{
    reconciler_core_release(&((struct reconciler_actor *)state)->core);
}

static int attach(void *state, struct actor *owner, struct err *err)
{
    (void)err;
    struct reconciler_actor *reconciler = state;
    reconciler->fault_files = fault_files_new(owner);
    if (reconciler->core.options.otlp_one_in > 0)
        reconciler->collector = collector_new(owner, &reconciler->endpoint);
    return 0;
}

static void detach(void *state)
{
    fault_files_free(&((struct reconciler_actor *)state)->fault_files);
    collector_free(&((struct reconciler_actor *)state)->collector);
}

static void external(void *state, const struct effect *effect)
{
    collector_post(((struct reconciler_actor *)state)->collector, effect->args);
}

static void step(void *state, const struct input *in, struct effects *fx)
{
    reconciler_core_step(&((struct reconciler_actor *)state)->core, in, fx);
}

static struct actor_spec spec = {
    .name = "reconciler",
    .leads = "reconciler",
    .links = links,
    .link_count = RECONCILER_LINK_COUNT,
    .proc_count = RECONCILER_PROC_COUNT,
    .metrics = metrics,
    .metric_count = RECONCILER_METRIC_COUNT,
    .config_keys = keys,
    .state_size = sizeof(struct reconciler_actor),
    .init = init,
    .step = step,
    .release = release,
    .attach = attach,
    .detach = detach,
    .external = external,
    .statement_timeout_ms = 60000,
    .aside_timeout_ms = 1800000, /* a check over all rows: a minute at five million orders */
};

int main(int argc, char **argv)
{
    spec.procs = reconciler_store_procs();
    return actor_main(&spec, argc, argv);
}
