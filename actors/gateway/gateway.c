/* gateway: the actor around the core: what it is made of, how a request finds its handler, and where the core's answers
 * go. */
#include "gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "admission.h"
#include "avatar_files.h"
#include "base.h"
#include "client_address.h"
#include "clock.h"
#include "commands.h"
#include "gateway_core.h"
#include "gateway_main.h"
#include "ids.h"
#include "json_in.h"
#include "live_hub.h"
#include "log.h"
#include "openapi.h"
#include "order_json.h"
#include "orders.h"
#include "static_files.h"
#include "store.h"
#include "waits.h"

enum { CONNECTIONS_MAX = 8192, OTHER_DESCRIPTORS = 256, SCRATCH_BYTES = 4 << 20 };
#define SECOND_US       1000000LL
#define OPENING_LOOK_US 20000
#define OPENING_MAX_US  (2 * SECOND_US)

/* The driver's state: what parts borrow, and what only this file knows. */
struct gateway_actor {
    struct gateway gateway;
    struct gateway_core core;
    struct arena scratch;
    struct db_statement *statements; /* reads.c's and orders.c's */
    struct admission admission;
    struct proxies proxies;
    uint64_t refused_counted, slow_counted; /* connections and readers, already in their metrics */
    struct loop_timer *opening;             /* with a shared port: until clients are let in */
    int64_t opening_us;                     /* how long they have waited for that */
};

/* --- what parts ask of it --- */

const struct view *gateway_view(const struct gateway *gateway)
{
    return &gateway->core->view;
}

int64_t gateway_now_us(const struct gateway *gateway)
{
    (void)gateway;
    return clock_now_us();
}

void gateway_unique(struct gateway *gateway, uint8_t bytes[16])
{
    uint64_t *state = gateway->random_state;
    for (int i = 0; i < 2; i++) { /* xoroshiro128+, seeded by the kernel */
        uint64_t a = state[0], b = state[1], value = a + b;
        b ^= a;
        state[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
        state[1] = (b << 37) | (b >> 27);
        memcpy(bytes + i * 8, &value, 8);
    }
}

enum problem_code gateway_refusal_problem(Tb__Refusal refusal)
{
    switch ((int)refusal) {
    case TB__REFUSAL__REFUSAL_KEY_REUSED:
        return PROBLEM_IDEMPOTENCY_KEY_REUSED;
    case TB__REFUSAL__REFUSAL_BACKPRESSURE:
        return PROBLEM_BACKPRESSURE;
    case TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE:
        return PROBLEM_STORE_UNAVAILABLE;
    case TB__REFUSAL__REFUSAL_NOT_FOUND:
        return PROBLEM_NOT_FOUND;
    case TB__REFUSAL__REFUSAL_TERMINAL:
        return PROBLEM_ORDER_TERMINAL;
    case TB__REFUSAL__REFUSAL_EXISTS:
        return PROBLEM_PERSONA_EXISTS;
    case TB__REFUSAL__REFUSAL_LAST_PERSONA:
        return PROBLEM_PERSONA_LAST;
    case TB__REFUSAL__REFUSAL_INVALID:
        return PROBLEM_VALIDATION;
    case TB__REFUSAL__REFUSAL_UNSUPPORTED:
        return PROBLEM_UNSUPPORTED_MEDIA_TYPE;
    case TB__REFUSAL__REFUSAL_UNDECODABLE:
        return PROBLEM_AVATAR_UNDECODABLE;
    default:
        return PROBLEM_INTERNAL;
    }
}

bool gateway_parse_id(struct gateway *gateway, struct http_request *request, const char *id, const char *noun,
                      uint64_t *seq)
{
    if (ids_parse(gateway->region, id, seq) && *seq <= INT64_MAX)
        return true;
    char detail[64];
    (void)snprintf(detail, sizeof detail, "There is no such %s.", noun);
    problem_respond(request, PROBLEM_NOT_FOUND, detail);
    return false;
}

void gateway_write_persona(struct json_out *out, const char *key, const struct view_user *user, const char *user_id)
{
    order_json_persona(out, key, user, user_id);
}

void gateway_write_balance(struct json_out *out, const char *key, const struct view_user *user, const char *user_id)
{
    order_json_balance(out, key, user, user_id);
}

/* --- a request finds its handler --- */

static bool is_json(const struct http_request *request)
{
    static const char wanted[] = "application/json";
    const char *type = http_header(request, "Content-Type");
    if (type == NULL || http_header_count(request, "Content-Type") != 1 ||
        strncasecmp(type, wanted, sizeof wanted - 1) != 0)
        return false;
    char after = type[sizeof wanted - 1];
    return after == '\0' || after == ';' || after == ' ' || after == '\t';
}

/* Return: whether the request carries the administrator's token; in a time that does not tell how much of it is right.
 */
static bool is_admin(const struct gateway *gateway, const struct http_request *request)
{
    const char *given = http_header(request, "Authorization");
    if (gateway->admin_token[0] == '\0')
        return true;
    if (given == NULL || http_header_count(request, "Authorization") != 1 || strncasecmp(given, "Bearer ", 7) != 0)
        return false;
    given += 7;
    size_t wanted_length = strlen(gateway->admin_token), given_length = strlen(given);
    unsigned difference = wanted_length != given_length;
    for (size_t i = 0; i < given_length; i++)
        difference |= (unsigned)(given[i] ^ gateway->admin_token[i % wanted_length]);
    return difference == 0;
}

/* Return: whether the body is what it looks like, not compressed or otherwise coded. */
static bool is_plain(const struct http_request *request)
{
    const char *coding = http_header(request, "Content-Encoding");
    return coding == NULL ||
           (http_header_count(request, "Content-Encoding") == 1 && strcasecmp(coding, "identity") == 0);
}

/* Effect: answers 415 or 400 when a route that takes JSON cannot take this body. Return: whether it did. */
static bool body_refused(struct http_request *request, unsigned route_flags)
{
    struct json_in in;
    struct err err = {0};
    if ((route_flags & ROUTE_JSON) == 0 || request->body_length == 0)
        return false;
    if (!is_plain(request))
        problem_respond(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "The body must come without a Content-Encoding.");
    else if (!is_json(request))
        problem_respond(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "The body must have Content-Type: application/json.");
    else if ((route_flags & ROUTE_BODYLESS) != 0 && json_in_parse(&in, request->body, request->body_length, &err) < 0)
        problem_respond(request, PROBLEM_MALFORMED_JSON, err.text);
    else
        return false;
    return true;
}

static bool is_admitted(struct gateway_actor *actor, struct http_request *request, unsigned route_flags)
{
    enum admission_verdict verdict = admission_check(&actor->admission, request, route_flags);
    if (verdict == ADMISSION_LIMITED)
        metrics_count(actor_metrics(actor->gateway.actor), METRIC_RATE_LIMITED, 1);
    return verdict == ADMITTED;
}

static void respond_with_allow(struct http_request *request, unsigned verbs, bool is_options)
{
    char allow[64];
    router_format_allow(verbs, allow, sizeof allow);
    http_add_header(request, "Allow", allow);
    if (is_options)
        http_respond(request, 204, NULL, NULL, 0);
    else
        problem_respond(request, PROBLEM_METHOD_NOT_ALLOWED, NULL);
}

/* Effect: answers what no route knows: the page's files, and 404. */
static void respond_outside(struct gateway *gateway, struct http_request *request)
{
    const unsigned file_verbs = VERB_GET | VERB_HEAD | VERB_OPTIONS;
    bool is_api = strncmp(request->path, "/api/", 5) == 0 || strcmp(request->path, "/api") == 0;
    if (strcmp(request->path, "*") == 0)
        respond_with_allow(request, file_verbs | VERB_POST | VERB_PUT | VERB_DELETE, true);
    else if (!is_api && (request->verb == VERB_GET || request->verb == VERB_HEAD)) {
        if (!avatar_files_respond(gateway->uploads_dir, request))
            static_files_respond(gateway->ui_dir, request);
    } else if (!is_api && strcmp(request->path, "/") == 0)
        respond_with_allow(request, file_verbs, request->verb == VERB_OPTIONS);
    else
        problem_respond(request, PROBLEM_NOT_FOUND, NULL);
}

static void on_request(void *arg, struct http_request *request)
{
    struct gateway_actor *actor = arg;
    struct gateway *gateway = &actor->gateway;
    struct router_match *match = &gateway->match;
    arena_reset(gateway->scratch);
    bool decoded = router_find(&gateway->router, request->verb, request->path, match);
    const struct route *route = match->route;
    if (!is_admitted(actor, request, route == NULL ? 0 : route->flags))
        return;
    if (match->verbs == 0) {
        respond_outside(gateway, request);
    } else if (request->verb == VERB_OPTIONS || route == NULL) {
        respond_with_allow(request, match->verbs, request->verb == VERB_OPTIONS);
    } else if (!decoded) {
        problem_respond(request, PROBLEM_NOT_FOUND, NULL);
    } else if ((route->flags & ROUTE_ADMIN) != 0 && !is_admin(gateway, request)) {
        problem_respond(request, PROBLEM_UNAUTHORIZED, NULL);
    } else if (!body_refused(request, route->flags)) {
        for (size_t i = 0; i < match->param_count; i++)
            request->params[i] = http_keep(request, match->params[i]);
        route->handle(gateway, request);
    }
}

static size_t body_limit(void *arg, enum http_verb verb, const char *path)
{
    struct gateway_actor *actor = arg;
    struct router_match match;
    (void)router_find(&actor->gateway.router, verb, path, &match);
    return match.route == NULL || match.route->body_max == 0 ? HTTP_BODY_MAX : match.route->body_max;
}

static void on_turn(void *arg)
{
    struct gateway_actor *actor = arg;
    if (gateway_core_has_unsent(&actor->core) || commands_have_unsent(actor->gateway.commands))
        actor_feed(actor->gateway.actor, NULL);
}

static void on_response(void *arg, const struct http_request *request, int status, int64_t duration_us)
{
    struct gateway_actor *actor = arg;
    struct metrics *metrics = actor_metrics(actor->gateway.actor);
    (void)request;
    (void)duration_us;
    metrics_count(metrics,
                  status >= 500   ? METRIC_HTTP_5XX
                  : status >= 400 ? METRIC_HTTP_4XX
                  : status >= 300 ? METRIC_HTTP_3XX
                                  : METRIC_HTTP_2XX,
                  1);
}

/* --- the actor --- */

static void on_result(struct gateway_actor *actor, const struct input *in, struct effects *fx)
{
    switch ((int)in->type) {
    case TB__MESSAGE_TYPE__HEARTBEAT:
        operations_heartbeat(actor->gateway.operations, (const Tb__Heartbeat *)in->message, in->now_us);
        break;
    case TB__MESSAGE_TYPE__PERSONA_RESULT:
    case TB__MESSAGE_TYPE__BALANCE_RESULT:
    case TB__MESSAGE_TYPE__REPLAY_VERIFIED:
    case TB__MESSAGE_TYPE__INVARIANTS_CHECKED:
        commands_result(actor->gateway.commands, in->message);
        break;
    default:
        gateway_core_step(&actor->core, in, fx);
        break;
    }
}

static void flush(struct gateway_actor *actor)
{
    waits_check(actor->gateway.waits);
    live_hub_look(actor->gateway.live);
}

static void drain(struct gateway_actor *actor)
{
    live_hub_drain(actor->gateway.live);
    http_server_drain(actor->gateway.http);
}

/* Effect: a counter comes to what its owner has counted so far. */
static void count_up_to(struct gateway_actor *actor, size_t metric, uint64_t total, uint64_t *counted)
{
    metrics_count(actor_metrics(actor->gateway.actor), metric, (int64_t)(total - *counted));
    *counted = total;
}

static void set_gauges(struct gateway_actor *actor, struct effects *fx)
{
    effects_gauge(fx, METRIC_HTTP_CONNECTIONS, (int64_t)http_server_connections(actor->gateway.http));
    effects_gauge(fx, METRIC_LIVE_CLIENTS, (int64_t)live_hub_clients(actor->gateway.live));
    count_up_to(actor, METRIC_LIVE_SLOW, live_hub_slow(actor->gateway.live), &actor->slow_counted);
    count_up_to(actor, METRIC_HTTP_CONNECTIONS_REFUSED, http_server_refused(actor->gateway.http),
                &actor->refused_counted);
}

static void step(void *state, const struct input *in, struct effects *fx)
{
    struct gateway_actor *actor = state;
    if (in->kind == INPUT_MESSAGE) {
        on_result(actor, in, fx);
        return;
    }
    gateway_core_step(&actor->core, in, fx);
    if (in->kind == INPUT_EXTERNAL)
        commands_send(actor->gateway.commands, fx);
    else if (in->kind == INPUT_FLUSH)
        flush(actor);
    else if (in->kind == INPUT_STOP)
        drain(actor);
    else if (in->kind == INPUT_TIMER)
        set_gauges(actor, fx);
}

static void external(void *state, const struct effect *effect)
{
    struct gateway_actor *actor = state;
    orders_answer(&actor->gateway, effect->args);
}

/* Every route there is: what is not added here does not exist. */
static void add_routes(struct router *router)
{
    router_add(router, orders_routes);
    router_add(router, reads_routes);
    router_add(router, personas_routes);
    router_add(router, avatars_routes);
    router_add(router, operations_routes);
    router_add(router, openapi_routes);
    router_add(router, live_routes);
}

void gateway_print_routes(FILE *to)
{
    static struct router router;
    add_routes(&router);
    for (size_t i = 0; i < router.count; i++) {
        const struct route *route = router.routes[i];
        char verb[64];
        router_format_allow(route->verb, verb, sizeof verb);
        (void)fprintf(to, "%s %s%s%s%s\n", verb, route->pattern, (route->flags & ROUTE_ADMIN) != 0 ? " admin" : "",
                      (route->flags & ROUTE_JSON) != 0 ? " json" : "",
                      (route->flags & ROUTE_UNLIMITED) != 0 ? " unlimited" : "");
    }
}

static int init(void *state, const struct config *config, struct err *err)
{
    struct gateway_actor *actor = state;
    struct gateway *gateway = &actor->gateway;
    if (proxies_read(&actor->proxies, config_text(config, "trusted_proxies"), err) < 0)
        return -1;
    gateway->core = &actor->core;
    gateway->config = config;
    gateway->region = config_text(config, "region");
    gateway->az = config_text(config, "az");
    gateway->admin_token = config_text(config, "admin_token");
    gateway->ui_dir = config_text(config, "ui_dir");
    gateway->uploads_dir = config_text(config, "uploads_dir");
    gateway->scratch = &actor->scratch;
    arena_init(&actor->scratch, SCRATCH_BYTES);
    gateway_core_init(&actor->core, gateway->region);
    ids_random(gateway->random_state, sizeof gateway->random_state);
    gateway->random_state[0] |= 1;
    add_routes(&gateway->router);
    admission_init(&actor->admission, config);
    gateway->admission = &actor->admission;
    return 0;
}

static void release(void *state)
{
    struct gateway_actor *actor = state;
    admission_release(&actor->admission);
    gateway_core_release(&actor->core);
    text_release(&actor->gateway.buffer);
    arena_release(&actor->scratch);
}

/* Effect: one table of both parts' statements. Return: how many. */
static size_t join_statements(struct gateway_actor *actor)
{
    size_t count = gateway_read_statement_count + ORDER_READS;
    actor->statements = tb_alloc_zero(count, sizeof *actor->statements);
    memcpy(actor->statements, gateway_read_statements, gateway_read_statement_count * sizeof *actor->statements);
    memcpy(actor->statements + gateway_read_statement_count, order_read_statements, sizeof order_read_statements);
    return count;
}

static void detach(void *state)
{
    struct gateway_actor *actor = state;
    loop_timer_free(&actor->opening);
    /* The pool first: it still answers who waits for a row. The server last: it owns the requests. */
    read_pool_free(&actor->gateway.reads);
    commands_free(&actor->gateway.commands);
    waits_free(&actor->gateway.waits);
    operations_free(&actor->gateway.operations);
    http_server_free(&actor->gateway.http);
    live_hub_free(&actor->gateway.live);
    free(actor->statements);
}

/* Effect: asks the system for as many descriptors as we may have. Return: how many connections that leaves room for. */
static size_t connections_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return CONNECTIONS_MAX / 16;
    rlim_t wanted = CONNECTIONS_MAX + OTHER_DESCRIPTORS;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
            return CONNECTIONS_MAX / 16;
    }
    if (limit.rlim_cur >= wanted)
        return CONNECTIONS_MAX;
    return limit.rlim_cur > 2 * OTHER_DESCRIPTORS ? (size_t)limit.rlim_cur - OTHER_DESCRIPTORS : OTHER_DESCRIPTORS;
}

/* With a shared port clients are let in when they can be served: until then another gateway has them. */
static void on_opening(void *arg)
{
    struct gateway_actor *actor = arg;
    struct err err = {0};
    bool ready = strcmp(actor_state_name(actor->gateway.actor), "READY") == 0;
    actor->opening_us += OPENING_LOOK_US;
    if (!ready && actor->opening_us < OPENING_MAX_US)
        return;
    loop_timer_free(&actor->opening);
    if (http_server_listen(actor->gateway.http, &err) < 0)
        log_error("%s", err.text);
}

static int attach(void *state, struct actor *owner, struct err *err)
{
    static const struct http_handler handler = {on_request, body_limit, on_turn, on_response};
    struct gateway_actor *actor = state;
    struct gateway *gateway = &actor->gateway;
    struct loop *loop = actor_loop(owner);
    struct http_options options = {.address = config_text(gateway->config, "listen"),
                                   .port = (int)config_integer(gateway->config, "port"),
                                   .shared = config_boolean(gateway->config, "port_shared"),
                                   .region = gateway->region,
                                   .connections_max = connections_max(),
                                   .connections_per_address_max =
                                       (size_t)config_integer(gateway->config, "connections_per_address"),
                                   .head_timeout_us = 10 * SECOND_US,
                                   .body_timeout_us = 30 * SECOND_US,
                                   .idle_timeout_us = 75 * SECOND_US,
                                   .proxies = &actor->proxies};
    options.connections_loopback_max = options.connections_max / 2;
    gateway->actor = owner;
    gateway->commands = commands_new(gateway, loop);
    gateway->waits = waits_new(gateway, loop);
    gateway->operations = operations_new(gateway);
    gateway->live = live_hub_new(gateway, loop);
    size_t statement_count = join_statements(actor);
    gateway->reads = read_pool_new(loop, config_text(gateway->config, "database_url"),
                                   config_text(gateway->config, "database_password_file"), actor->statements,
                                   statement_count, "tulip gateway reads", err);
    if (gateway->reads != NULL)
        gateway->http = http_server_new(loop, &options, &handler, actor, err);
    if (gateway->http == NULL) {
        detach(state);
        return -1;
    }
    if (options.shared) {
        actor->opening = loop_timer_new(loop, on_opening, actor);
        loop_timer_set(actor->opening, OPENING_LOOK_US, OPENING_LOOK_US);
    }
    log_info("HTTP on %s port %d", options.address, http_server_port(gateway->http));
    return 0;
}

static bool busy(const void *state)
{
    const struct gateway_actor *actor = state;
    return !http_server_is_drained(actor->gateway.http);
}

#define ACCEPTS(name, ...) static const struct link_message name[] = {__VA_ARGS__, {0, NULL}}
ACCEPTS(orders_command, {TB__MESSAGE_TYPE__ORDER_RESULTS, "sequencer"},
        {TB__MESSAGE_TYPE__CANCEL_RESULTS, "sequencer"});
ACCEPTS(balance_command, {TB__MESSAGE_TYPE__BALANCE_RESULT, "balance"});
ACCEPTS(persona_command, {TB__MESSAGE_TYPE__PERSONA_RESULT, "persona"});
ACCEPTS(reconciler_command, {TB__MESSAGE_TYPE__REPLAY_VERIFIED, "reconciler"},
        {TB__MESSAGE_TYPE__INVARIANTS_CHECKED, "reconciler"});
ACCEPTS(orders_feed, {TB__MESSAGE_TYPE__ORDERS_APPENDED, "sequencer"});
ACCEPTS(executions_feed, {TB__MESSAGE_TYPE__EXECUTIONS_APPENDED, "simfill"},
        {TB__MESSAGE_TYPE__EXECUTIONS_APPENDED, "matcher"});
ACCEPTS(balances_feed, {TB__MESSAGE_TYPE__BALANCES_APPENDED, "balance"});
ACCEPTS(ops_feed, {TB__MESSAGE_TYPE__OPS_APPENDED, "persona"});
ACCEPTS(ops_feed_reconciler, {TB__MESSAGE_TYPE__OPS_APPENDED, "reconciler"});
ACCEPTS(telemetry, {TB__MESSAGE_TYPE__HEARTBEAT, NULL}); /* everybody's */

enum { FEED_MARK = 100000, COMMAND_MARK = 10000 };
static const struct actor_link links[] = {
    [LINK_ORDERS_COMMAND] = {{"orders-command", BUS_DEALER, false, COMMAND_MARK}, false, orders_command},
    [LINK_BALANCE_COMMAND] = {{"balance-command", BUS_DEALER, false, COMMAND_MARK}, false, balance_command},
    [LINK_PERSONA_COMMAND] = {{"persona-command", BUS_DEALER, false, COMMAND_MARK}, false, persona_command},
    [LINK_RECONCILER_COMMAND] = {{"reconciler-command", BUS_DEALER, false, COMMAND_MARK}, false, reconciler_command},
    [LINK_ORDERS_FEED] = {{"orders-feed", BUS_SUB, false, FEED_MARK}, false, orders_feed},
    [LINK_EXECUTIONS_FEED] = {{"executions-feed", BUS_SUB, false, FEED_MARK}, false, executions_feed},
    [LINK_BALANCES_FEED] = {{"balances-feed", BUS_SUB, false, FEED_MARK}, false, balances_feed},
    [LINK_OPS_FEED] = {{"ops-feed", BUS_SUB, false, FEED_MARK}, false, ops_feed},
    [LINK_OPS_FEED_RECONCILER] = {{"ops-feed-reconciler", BUS_SUB, false, FEED_MARK}, false, ops_feed_reconciler},
    [LINK_TELEMETRY] = {{"telemetry", BUS_SUB, false, COMMAND_MARK}, false, telemetry},
};

static const struct metric_spec metrics[GATEWAY_METRICS_COUNT] = {
    [METRIC_ORDER_ACCEPT] = {"tb_order_accept_seconds", "", "From a complete POST /api/orders to its 201 written",
                             METRIC_HISTOGRAM},
    [METRIC_HTTP_2XX] = {"tb_http_requests_total", "class=\"2xx\"", "HTTP answers", METRIC_COUNTER},
    [METRIC_HTTP_3XX] = {"tb_http_requests_total", "class=\"3xx\"", "HTTP answers", METRIC_COUNTER},
    [METRIC_HTTP_4XX] = {"tb_http_requests_total", "class=\"4xx\"", "HTTP answers", METRIC_COUNTER},
    [METRIC_HTTP_5XX] = {"tb_http_requests_total", "class=\"5xx\"", "HTTP answers", METRIC_COUNTER},
    [METRIC_HTTP_CONNECTIONS] = {"tb_http_connections", "", "Open client connections", METRIC_GAUGE},
    [METRIC_ORDERS_IN_FLIGHT] = {"tb_orders_in_flight", "", "Orders between a client and the sequencer's answer",
                                 METRIC_GAUGE},
    [METRIC_PENDING_ORDERS] = {"tb_orders_pending", "", "Orders that are open or not yet settled, as the feeds tell",
                               METRIC_GAUGE},
    [METRIC_ORDERS_RESENT] = {"tb_orders_resent_total", "", "Orders sent to the sequencer again after silence",
                              METRIC_COUNTER},
    [METRIC_RATE_LIMITED] = {"tb_rate_limited_total", "", "Requests answered 429", METRIC_COUNTER},
    [METRIC_HTTP_CONNECTIONS_REFUSED] = {"tb_http_connections_refused_total", "",
                                         "Connections closed at once: too many, in all or of one address",
                                         METRIC_COUNTER},
    [METRIC_LIVE_CLIENTS] = {"tb_live_clients", "", "Open event streams, SSE and WebSocket", METRIC_GAUGE},
    [METRIC_LIVE_SLOW] = {"tb_live_slow_total", "", "Event streams cut because their reader was too slow",
                          METRIC_COUNTER},
};

static const struct config_key config_keys[] = {
    {"port", CONFIG_INTEGER, "8080", 0, 65535, "TCP port of the HTTP API; 0 takes any free one"},
    {"port_shared", CONFIG_BOOLEAN, "false", 0, 0,
     "whether other gateways may serve the same port; this one listens once it is ready, after 2 s at the latest"},
    {"listen", CONFIG_TEXT, "127.0.0.1", 0, 0, "numeric address the HTTP API listens on; 0.0.0.0 for all of IPv4"},
    {"admin_token", CONFIG_SECRET, "", 0, 0, "bearer token that operating requests must carry; empty asks for none"},
    {"ui_dir", CONFIG_TEXT, "", 0, 0,
     "directory of the built web page, served at /; empty serves a note about the API"},
    {"uploads_dir", CONFIG_TEXT, "", 0, 0,
     "directory in which the persona actor keeps uploaded avatars, read only here; empty serves none"},
    {"log_dir", CONFIG_TEXT, "", 0, 0,
     "directory of the actors' logs, one sub-directory each, for GET /api/logs; empty has none"},
    {"rate_limit", CONFIG_INTEGER, "1000", 0, 1000000,
     "requests per second and client address, bursts of twice as many; 0 is no limit"},
    {"rate_limit_loopback", CONFIG_BOOLEAN, "false", 0, 0, "whether clients on this machine are limited too"},
    {"connections_per_address", CONFIG_INTEGER, "512", 0, 8192,
     "open connections per client address (IPv6: per /64), not on this machine; 0 is no limit"},
    {"trusted_proxies", CONFIG_TEXT, "", 0, 0,
     "addresses and networks (10.0.0.0/8), blanks between, of proxies whose X-Forwarded-For names the client; nobody "
     "else's is looked at"},
    {"allowed_hosts", CONFIG_TEXT, "", 0, 0,
     "further names this server answers to in Host, blanks between; * for any. Loopback and the listen address always "
     "are"},
    {NULL, 0, NULL, 0, 0, NULL},
};

const struct actor_spec gateway_spec = {
    .name = "gateway",
    .links = links,
    .link_count = TB_ARRAY_SIZE(links),
    .procs = gateway_procs,
    .proc_count = GATEWAY_PROCS,
    .metrics = metrics,
    .metric_count = GATEWAY_METRICS_COUNT,
    .config_keys = config_keys,
    .state_size = sizeof(struct gateway_actor),
    .init = init,
    .step = step,
    .release = release,
    .attach = attach,
    .detach = detach,
    .external = external,
    .read_only = true,
    .busy = busy,
};
