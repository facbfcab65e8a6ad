/* Operations: health, metrics, status, build; and the routes of everything that operators ask for. */
#include "operations.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "cues.h"
#include "fleet.h"
#include "metrics_text.h"

struct operations {
    struct gateway *gateway;
    struct fleet fleet;
    struct cues cues;
};

struct operations *operations_new(struct gateway *gateway)
{
    struct operations *operations = tb_alloc_zero(1, sizeof(*operations));
    operations->gateway = gateway;
    return operations;
}

void operations_free(struct operations **operations)
{
    if (*operations != NULL) {
        fleet_release(&(*operations)->fleet);
        free(*operations);
        *operations = NULL;
    }
}

void operations_heartbeat(struct operations *operations, const Tb__Heartbeat *heartbeat, int64_t now_us)
{
    fleet_hear(&operations->fleet, heartbeat, now_us);
    cues_update(&operations->cues, &operations->fleet, read_pool_is_up(operations->gateway->reads), now_us);
}

void operations_event(struct operations *operations, const Tb__OpsRecord *record)
{
    /* One region: no event of another actor changes a cue yet; alarms are read from their table. */
    (void)operations;
    (void)record;
}

/* Return: the fleet as of now. */
static struct fleet *present_fleet(struct gateway *gateway, int64_t now_us)
{
    fleet_forget(&gateway->operations->fleet, now_us);
    return &gateway->operations->fleet;
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

static const char *region_state(const struct cues *cues)
{
    return cues->since_us[CUE_REGION_OUTAGE] != 0 ? "DOWN" : cues->since_us[CUE_AZ_BLIP] != 0 ? "DEGRADED" : "UP";
}

static void status_get(struct gateway *gateway, struct http_request *request)
{
    int64_t now_us = clock_now_us();
    struct fleet *fleet = present_fleet(gateway, now_us);
    struct cues *cues = &gateway->operations->cues;
    cues_update(cues, fleet, read_pool_is_up(gateway->reads), now_us);
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "mode", "SIMFILL");
    json_out_begin_array(&out, "regions");
    json_out_begin(&out, NULL);
    json_out_string(&out, "region", gateway->region);
    json_out_string(&out, "state", region_state(cues));
    write_zones(&out, fleet);
    json_out_uint(&out, "lastSeq", view_stream_last(gateway_view(gateway), VIEW_ORDERS));
    json_out_uint(&out, "replicationLagSeq", 0);
    json_out_end(&out);
    json_out_end_array(&out);
    fleet_write(fleet, &out, now_us);
    cues_write(cues, &out);
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
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
    {VERB_GET, "/api/invariants", invariants_get, 0, 0},
    {VERB_POST, "/api/replay/verify", replay_verify_post, ROUTE_ADMIN | ROUTE_JSON, 0},
    {VERB_POST, "/api/balances/{userId}/rebuild", balance_rebuild, ROUTE_ADMIN | ROUTE_JSON, 0},
    {VERB_POST, "/api/dlq/{dlqId}/redrive", dlq_redrive, ROUTE_ADMIN | ROUTE_JSON, 0},
    {VERB_DELETE, "/api/dlq/{dlqId}", dlq_discard, ROUTE_ADMIN, 0},
    {0, NULL, NULL, 0, 0},
};
