/* gateway: what the parts of the HTTP API share. main.c owns it; every part borrows it.
 *
 * Three ways to answer a request:
 *   at once       http_respond_json(request, …), problem_respond(request, …)
 *   from a read   read_pool_respond(gateway->reads, READ_…, &params, request)
 *   by a command  gateway_command(gateway, LINK_…, &command, request, on_result): another actor's answer calls
 * on_result, which answers the request; no answer in time is 503 STORE_UNAVAILABLE, retryable and gateway_wait() for
 * what the feeds will bring (a new persona's opening balance, an event for a long poll).
 *
 * Threading: the loop's thread, all of it. */
#ifndef TB_GATEWAY_H
#define TB_GATEWAY_H

#include "actor.h"
#include "core.h"
#include "telemetry.pb-c.h"
#include "http.h"
#include "json_out.h"
#include "problem.h"
#include "query.h"
#include "read_pool.h"
#include "router.h"
#include "view.h"

/* Indices into the link table (main.c). Telemetry links follow LINK_TELEMETRY. */
enum gateway_link {
    LINK_ORDERS_COMMAND,
    LINK_BALANCE_COMMAND,
    LINK_PERSONA_COMMAND,
    LINK_RECONCILER_COMMAND,
    LINK_ORDERS_FEED,
    LINK_EXECUTIONS_FEED,
    LINK_BALANCES_FEED,
    LINK_OPS_FEED,
    LINK_OPS_FEED_RECONCILER,
    LINK_TELEMETRY,
};

enum gateway_metric {
    METRIC_ORDER_ACCEPT, /* tb_order_accept_seconds: POST received to answer written, 201s only */
    METRIC_HTTP_2XX,     /* tb_http_requests_total{class="…"} */
    METRIC_HTTP_3XX,
    METRIC_HTTP_4XX,
    METRIC_HTTP_5XX,
    METRIC_HTTP_CONNECTIONS, /* gauges */
    METRIC_ORDERS_IN_FLIGHT,
    METRIC_PENDING_ORDERS,
    METRIC_ORDERS_RESENT,
    METRIC_RATE_LIMITED,
    METRIC_LIVE_CLIENTS,
    METRIC_LIVE_SLOW,
    METRIC_HTTP_CONNECTIONS_REFUSED,
    GATEWAY_METRICS_COUNT,
};

struct gateway_core;
struct commands;
struct waits;
struct operations; /* operations.c */
struct live_hub;
struct admission;

struct gateway {
    struct gateway_core *core;
    struct actor *actor;
    const struct config *config;
    const char *region;
    const char *az;
    const char *admin_token; /* "" = none is asked for */
    const char *ui_dir;      /* "" = none */
    const char *uploads_dir; /* "" = none */
    struct http_server *http;
    struct read_pool *reads;
    const struct admission *admission; /* who may ask */
    struct router router;
    struct router_match match; /* of the request being dispatched */
    struct arena *scratch;     /* reset before each request is dispatched: for parameters and the like */
    struct text buffer;        /* the same, for building an answer: text_clear() first */
    struct commands *commands;
    struct waits *waits;
    size_t uploads;                /* pictures that are on their way to the persona actor */
    struct live_hub *live;         /* event streams: SSE and WebSocket */
    struct operations *operations; /* set by operations_new; health, metrics, status */
    uint64_t random_state[2];
};

/* Return: what the feeds have told. */
const struct view *gateway_view(const struct gateway *gateway);
/* Return: wall clock, microseconds; taken once per request or message. */
int64_t gateway_now_us(const struct gateway *gateway);
/* Effect: 16 bytes that were not given out before (ids, not secrets). */
void gateway_unique(struct gateway *gateway, uint8_t bytes[16]);

/* The answer of another actor: PersonaResult, BalanceResult, ReplayVerified or InvariantsChecked (borrowed), or NULL
 * when none came in time. The handler answers request. */
typedef void command_handler(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *result);

/* Effect: sends a PersonaCommand, BalanceCommand, VerifyReplay or CheckInvariants (borrowed; its request_id is set
 * here), again after each 500 ms of silence (more than 16 KiB: 2 s) when resend is true (only for commands that may be
 * carried out twice), until deadline_ms have passed. Too many under way: 503 BACKPRESSURE at once. */
void gateway_command(struct gateway *gateway, enum gateway_link link, Tb__MessageType type, ProtobufCMessage *command,
                     bool resend, int64_t deadline_ms, struct http_request *request, command_handler *handler);

/* Return: whether the wait is over. */
typedef bool wait_condition(struct gateway *gateway, struct http_request *request, void *arg);
/* Effect: ends a wait: in_time tells whether the condition came true. The handler answers request and frees arg if it
 * is its own. */
typedef void wait_handler(struct gateway *gateway, struct http_request *request, void *arg, bool in_time);
/* Effect: asks condition now, after every burst of feed messages, and every 50 ms; then calls handler. Too many waits:
 * handler at once, not in time. */
void gateway_wait(struct gateway *gateway, wait_condition *condition, wait_handler *handler, int64_t deadline_ms,
                  struct http_request *request, void *arg);

/* Return: the problem a refusal of another actor stands for (PROBLEM_INTERNAL for one that has none). */
enum problem_code gateway_refusal_problem(Tb__Refusal refusal);

/* Effect: reads "<region>.<seq>" from a decoded path segment; answers 404 when it is none. Return: whether it was one.
 */
bool gateway_parse_id(struct gateway *gateway, struct http_request *request, const char *id, const char *noun,
                      uint64_t *seq);

/* Effect: writes "persona":{userId,displayName,avatarUrl,bio}; with "deleted":true when it is. */
void gateway_write_persona(struct json_out *out, const char *key, const struct view_user *user, const char *user_id);
/* Effect: writes "balanceSnapshot":{userId,currentBalance,currency,pendingDelta,updatedAt}. */
void gateway_write_balance(struct json_out *out, const char *key, const struct view_user *user, const char *user_id);

/* The route tables of the parts. */
extern const struct route orders_routes[];   /* orders.c: POST, cancel, DELETE, cancel-all */
extern const struct route reads_routes[];    /* reads.c: GETs of orders, trades, balances, events, … */
extern const struct route personas_routes[]; /* personas.c */
extern const struct route avatars_routes[];  /* avatars.c */
extern const struct route
    operations_routes[]; /* operations.c: health, metrics, status, config, dlq, invariants, replay, rebuild */

/* Every statement of the read pool: READ_… of reads.h is the index (reads.c). */
extern const struct db_statement gateway_read_statements[];
extern const size_t gateway_read_statement_count;

/* operations.c. Gives operations for operations_free. */
struct operations *operations_new(struct gateway *gateway);
void operations_free(struct operations **operations);
/* Effect: remembers an actor's heartbeat (borrowed). now_us: wall clock. */
void operations_heartbeat(struct operations *operations, const Tb__Heartbeat *heartbeat, int64_t now_us);

#endif
