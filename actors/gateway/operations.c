/* Operations: health, metrics, status, build; and the routes of everything that operators ask for. */
#include "operations.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "commands.h"
#include "cues.h"
#include "fleet.h"
#include "gateway_core.h"
#include "logs.h"
#include "metrics_text.h"
#include "percentile.h"
#include "reads.h"

enum { PULSE_LATENCY_SECONDS = 60 };

struct operations {
    struct gateway *gateway;
    struct fleet fleet;
    struct cues cues;
    struct percentile_window accepts; /* tb_order_accept_seconds of all gateways */
    struct logs *logs;
    int64_t fill_ready_us; /* when a simfill last said that it is READY */
};

struct operations *operations_new(struct gateway *gateway)
{
    struct operations *operations = tb_alloc_zero(1, sizeof(*operations));
    operations->gateway = gateway;
    operations->fill_ready_us = clock_now_us(); /* the benefit of the doubt */
    operations->logs = logs_new(actor_loop(gateway->actor), config_text(gateway->config, "log_dir"));
    return operations;
}

void operations_free(struct operations **operations)
{
    if (*operations != NULL) {
        fleet_release(&(*operations)->fleet);
        logs_free(&(*operations)->logs);
        free(*operations);
        *operations = NULL;
    }
}

void operations_heartbeat(struct operations *operations, const Tb__Heartbeat *heartbeat, int64_t now_us)
{
    fleet_hear(&operations->fleet, heartbeat, now_us);
    if (strcmp(heartbeat->actor, "simfill") == 0 && strcmp(heartbeat->state, "READY") == 0)
        operations->fill_ready_us = now_us;
    if (heartbeat->leader)
        commands_heard(operations->gateway->commands, heartbeat->actor,
                       (uint64_t)heartbeat->started_at_us ^ (uint64_t)heartbeat->pid << 32);
    for (size_t i = 0; i < heartbeat->n_metrics; i++) {
        const Tb__Metric *metric = heartbeat->metrics[i];
        if (strcmp(metric->name, "tb_order_accept_seconds") == 0 && metric->n_buckets == metric->n_bounds + 1)
            percentile_hear(&operations->accepts, heartbeat->instance, metric->bounds, metric->buckets,
                            metric->n_buckets, now_us);
    }
    cues_update(&operations->cues, &operations->fleet, read_pool_is_up(operations->gateway->reads), now_us);
}

/* Return: the fleet as of now. */
static struct fleet *present_fleet(struct gateway *gateway, int64_t now_us)
{
    fleet_forget(&gateway->operations->fleet, now_us);
    return &gateway->operations->fleet;
}

bool operations_hears(struct gateway *gateway, const char *actor)
{
    return read_pool_is_up(gateway->reads) && fleet_ready(&gateway->operations->fleet, actor, clock_now_us()) != NULL;
}

bool operations_fill_is_away(const struct gateway *gateway)
{
    return clock_now_us() - gateway->operations->fill_ready_us >= FILL_AWAY_US;
}

static void live_get(struct gateway *gateway, struct http_request *request)
{
    (void)gateway;
    static const char alive[] = "{\"status\":\"LIVE\"}";
    http_respond_json(request, 200, alive, sizeof(alive) - 1);
}

/* Ready: each needed actor has an instance that is READY, our feeds are in sync, and the database answers us. */
static void ready_get(struct gateway *gateway, struct http_request *request)
{
    int64_t now_us = clock_now_us();
    struct fleet *fleet = present_fleet(gateway, now_us);
    bool store_up = read_pool_is_up(gateway->reads);
    bool feeds = gateway_view(gateway)->ready;
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    bool ready = store_up && feeds;
    json_out_begin_array(&out, "missing");
    for (size_t i = 0; i < FLEET_NEEDED; i++) {
        if (fleet_ready(fleet, fleet_needed[i], now_us) == NULL) {
            json_out_string(&out, NULL, fleet_needed[i]);
            ready = false;
        }
    }
    json_out_end_array(&out);
    json_out_string(&out, "status", ready ? "READY" : "NOT_READY");
    json_out_string(&out, "database", store_up ? "UP" : "DOWN");
    json_out_string(&out, "feeds", feeds ? "IN_SYNC" : "OUT_OF_SYNC");
    fleet_write(fleet, &out, now_us);
    json_out_end(&out);
    if (!ready)
        http_add_header(request, "Retry-After", "1");
    http_respond_json(request, ready ? 200 : 503, gateway->buffer.bytes, gateway->buffer.length);
}

static void metrics_get(struct gateway *gateway, struct http_request *request)
{
    int64_t now_us = clock_now_us();
    text_clear(&gateway->buffer);
    metrics_text_write(present_fleet(gateway, now_us), now_us, &gateway->buffer);
    http_respond(request, 200, METRICS_TEXT_CONTENT_TYPE, gateway->buffer.bytes != NULL ? gateway->buffer.bytes : "",
                 gateway->buffer.length);
}

/* Effect: writes "azs": where the actors of this region run, each once. */
static void write_zones(struct json_out *out, const struct fleet *fleet)
{
    json_out_begin_array(out, "azs");
    for (size_t i = 0; i < fleet->count; i++) {
        const char *az = fleet->members[i].heartbeat->az;
        bool known = az[0] == '\0';
        for (size_t before = 0; before < i && !known; before++) {
            known = strcmp(fleet->members[before].heartbeat->az, az) == 0;
        }
        if (!known) {
            json_out_string(out, NULL, az);
        }
    }
    json_out_end_array(out);
}

/* Return: the cues as the reconciler wrote them, NULL while it cannot say anything or we cannot hear it. */
static const struct cue_told *told_cues(struct gateway *gateway, const struct fleet *fleet, int64_t now_us)
{
    const struct view *view = gateway_view(gateway);
    bool heard = view->ready && read_pool_is_up(gateway->reads) && fleet_ready(fleet, "reconciler", now_us) != NULL;
    return heard ? view->cues : NULL;
}

static bool is_active(const struct cues *cues, const struct cue_told *told, enum cue cue)
{
    return told != NULL ? told[cue].active : cues->since_us[cue] != 0;
}

static const char *region_state(const struct cues *cues, const struct cue_told *told)
{
    return is_active(cues, told, CUE_REGION_OUTAGE) ? "DOWN" : is_active(cues, told, CUE_AZ_BLIP) ? "DEGRADED" : "UP";
}

static void status_get(struct gateway *gateway, struct http_request *request)
{
    int64_t now_us = clock_now_us();
    struct fleet *fleet = present_fleet(gateway, now_us);
    struct cues *cues = &gateway->operations->cues;
    cues_update(cues, fleet, read_pool_is_up(gateway->reads), now_us);
    const struct cue_told *told = told_cues(gateway, fleet, now_us);
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "mode", "SIMFILL");
    json_out_begin_array(&out, "regions");
    json_out_begin(&out, NULL);
    json_out_string(&out, "region", gateway->region);
    json_out_string(&out, "state", region_state(cues, told));
    write_zones(&out, fleet);
    json_out_uint(&out, "lastSeq", view_stream_last(gateway_view(gateway), VIEW_ORDERS));
    json_out_uint(&out, "replicationLagSeq", 0);
    json_out_end(&out);
    json_out_end_array(&out);
    fleet_write(fleet, &out, now_us);
    cues_write(cues, told, &out);
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

/* --- the pulse: orders by second, how fast they were accepted, what waits --- */

struct pulse_call {
    struct gateway *gateway;
    struct http_request *request;
    uint64_t generation; /* of the pulse that history was asked for */
};

static void write_latency(const struct percentile_window *accepts, int64_t now_us, struct json_out *out)
{
    static const struct {
        const char *key;
        double part;
    } percentiles[] = {{"p50Ms", 0.5}, {"p95Ms", 0.95}, {"p99Ms", 0.99}};
    json_out_begin(out, "latency");
    for (size_t i = 0; i < TB_ARRAY_SIZE(percentiles); i++) {
        double seconds = percentile_of(accepts, percentiles[i].part, PULSE_LATENCY_SECONDS, now_us);
        if (seconds < 0)
            json_out_null(out, percentiles[i].key);
        else
            json_out_double(out, percentiles[i].key, seconds * 1000);
    }
    json_out_end(out);
}

static void on_pulse(void *arg, const struct read_result *result)
{
    struct pulse_call *call = arg;
    struct gateway *gateway = call->gateway;
    if (result->status != 200) {
        read_result_respond(result, call->request, "application/json");
        return;
    }
    int64_t now_us = clock_now_us();
    const struct fleet *fleet = present_fleet(gateway, now_us);
    char *last_price; /* behind the depth, absent before the first trade */
    long long dlq_depth = strtoll(result->body, &last_price, 10);
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    pulse_write(&gateway->core->pulse, *last_price == ' ' ? last_price + 1 : NULL, now_us, &out);
    write_latency(&gateway->operations->accepts, now_us, &out);
    json_out_int(&out, "queueDepth",
                 (int64_t)(fleet_sum(fleet, "tb_queue_depth", "link=\"orders-command\"", now_us) +
                           fleet_sum(fleet, "tb_orders_backlog", NULL, now_us)));
    json_out_int(&out, "dlqDepth", dlq_depth);
    json_out_end(&out);
    http_respond_json(call->request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

static void ask_pulse(struct pulse_call *call)
{
    struct db_params params;
    read_params_init(call->gateway, &params);
    read_pool_call(call->gateway->reads, READ_PULSE, &params, on_pulse, call);
}

/* Effect: reads lines of "second buys sells price-sum". */
static void take_history(struct pulse *pulse, const char *text)
{
    enum { SECOND, BUYS, SELLS, PRICE_SUM, NUMBERS };
    int64_t numbers[NUMBERS];
    for (size_t count = 0;; count++) {
        char *end;
        long long number = strtoll(text, &end, 10);
        if (end == text)
            return;
        text = end;
        numbers[count % NUMBERS] = number;
        if (count % NUMBERS == PRICE_SUM)
            pulse_add(pulse, numbers[SECOND], numbers[BUYS], numbers[SELLS], money_cents(numbers[PRICE_SUM]));
    }
}

/* What is read once per snapshot of the view: the orders before it. */
static void on_pulse_history(void *arg, const struct read_result *result)
{
    struct pulse_call *call = arg;
    struct pulse *pulse = &call->gateway->core->pulse;
    if (result->status != 200) {
        read_result_respond(result, call->request, "application/json");
        return;
    }
    if (!pulse->has_history && pulse->generation == call->generation) {
        take_history(pulse, result->body);
        pulse->has_history = true;
    }
    ask_pulse(call);
}

static void pulse_get(struct gateway *gateway, struct http_request *request)
{
    const struct pulse *pulse = &gateway->core->pulse;
    struct pulse_call *call = tb_alloc_zero(1, sizeof *call);
    *call = (struct pulse_call){gateway, request, pulse->generation};
    request->context = call;
    if (pulse->has_history) {
        ask_pulse(call);
        return;
    }
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_int8(&params, (int64_t)pulse->snapshot_seq);
    db_add_time(&params, clock_now_us() - PULSE_SECONDS * 1000000LL);
    read_pool_call(gateway->reads, READ_PULSE_HISTORY, &params, on_pulse_history, call);
}

static void logs_get(struct gateway *gateway, struct http_request *request)
{
    logs_search(gateway->operations->logs, request);
}

static void config_get(struct gateway *gateway, struct http_request *request)
{
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "version", TB_VERSION);
    json_out_string(&out, "env", config_text(gateway->config, "env"));
    json_out_string(&out, "region", gateway->region);
    json_out_string(&out, "commit", config_text(gateway->config, "build_commit"));
    json_out_string(&out, "buildTime", config_text(gateway->config, "build_time"));
    json_out_string(&out, "mode", "SIMFILL");
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

const struct route operations_routes[] = {
    {VERB_GET, "/health/live", live_get, ROUTE_UNLIMITED, 0},
    {VERB_GET, "/health/ready", ready_get, ROUTE_UNLIMITED, 0},
    {VERB_GET, "/metrics", metrics_get, ROUTE_UNLIMITED, 0},
    {VERB_GET, "/api/status", status_get, 0, 0},
    {VERB_GET, "/api/config", config_get, 0, 0},
    {VERB_GET, "/api/metrics/pulse", pulse_get, 0, 0},
    {VERB_GET, "/api/logs", logs_get, 0, 0},
    {VERB_GET, "/api/invariants", invariants_get, 0, 0},
    {VERB_POST, "/api/replay/verify", replay_verify_post, ROUTE_ADMIN | ROUTE_JSON, 0},
    {VERB_POST, "/api/balances/{userId}/rebuild", balance_rebuild, ROUTE_ADMIN | ROUTE_JSON | ROUTE_BODYLESS, 0},
    {VERB_POST, "/api/dlq/{dlqId}/redrive", dlq_redrive, ROUTE_ADMIN | ROUTE_JSON | ROUTE_BODYLESS, 0},
    {VERB_DELETE, "/api/dlq/{dlqId}", dlq_discard, ROUTE_ADMIN | ROUTE_JSON | ROUTE_BODYLESS, 0},
    {0, NULL, NULL, 0, 0},
};
