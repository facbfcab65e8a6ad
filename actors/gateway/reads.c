#include "reads.h"

#include <string.h>

#include "base.h"
#include "cursor.h"
#include "ids.h"
#include "operations.h"
#include "order_json.h"
#include "portfolio.h"
#include "time_in.h"

const struct db_statement gateway_read_statements[] = {
    [READ_ORDER] = {"order", "SELECT status, body FROM api_order($1, $2)"},
    [READ_ORDER_BY_KEY] = {"order_by_key", "SELECT status, body FROM api_order_by_key($1, $2, $3)"},
    [READ_ORDER_PRESENT] = {"order_present", "SELECT status, body FROM api_order_present($1, $2)"},
    [READ_ORDERS] = {"orders", "SELECT status, body FROM api_orders($1, $2, $3, $4, $5, $6, $7)"},
    [READ_ORDERS_CSV] = {"orders_csv", "SELECT status, body FROM api_orders_csv($1, $2, $3, $4, $5, $6, $7)"},
    [READ_TRADES] = {"trades", "SELECT status, body FROM api_trades($1, $2, $3, $4, $5)"},
    [READ_MARKET] = {"market", "SELECT status, body FROM api_market($1)"},
    [READ_EVENTS] = {"events", "SELECT status, body FROM api_events($1, $2, $3, $4, $5, $6, $7)"},
    [READ_BALANCE] = {"balance", "SELECT status, body FROM api_balance($1, $2, $3, $4)"},
    [READ_LEDGER] = {"ledger", "SELECT status, body FROM api_ledger($1, $2, $3, $4, $5)"},
    [READ_BALANCES] = {"balances", "SELECT status, body FROM api_balances($1, $2, $3, $4)"},
    [READ_PERSONAS] = {"personas", "SELECT status, body FROM api_personas($1, $2)"},
    [READ_PERSONA] = {"persona", "SELECT status, body FROM api_persona($1)"},
    [READ_PERSONA_CHANGE] = {"persona_change", "SELECT status, body FROM api_persona_change($1, $2, $3, $4)"},
    [READ_DLQ] = {"dlq", "SELECT status, body FROM api_dlq($1, $2, $3)"},
    [READ_ALARMS] = {"alarms", "SELECT status, body FROM api_alarms($1)"},
    [READ_PORTFOLIO] = {"portfolio", "SELECT status, body FROM api_portfolio($1, $2)"},
    [READ_CANDLES] = {"candles", "SELECT status, body FROM api_candles($1, $2, $3, $4)"},
    [READ_PULSE] = {"pulse", "SELECT status, body FROM api_pulse($1)"},
    [READ_PULSE_HISTORY] = {"pulse_history", "SELECT status, body FROM api_pulse_history($1, $2, $3)"},
    [READ_TRACE] = {"trace", "SELECT status, body FROM api_trace($1, $2)"},
};
const size_t gateway_read_statement_count = READS_COUNT;

enum { LIMIT_MAX = 200, LIMIT_DEFAULT = 50, LEDGER_DEFAULT = 10, DEPTH_MAX = 100, FILTER_BYTES_MAX = 255 };

static const char *const statuses[] = {"PENDING", "ACCEPTED", "CANCELLED", "REJECTED", NULL};
static const char *const sides[] = {"BUY", "SELL", NULL};
static const char *const formats[] = {"json", "csv", NULL};

void read_query_init(struct read_query *parameters, const struct http_request *request)
{
    memset(parameters, 0, sizeof(*parameters));
    query_parse(&parameters->query, request->query, &parameters->errors);
}

struct read_query *read_query_parse(struct http_request *request)
{
    struct read_query *parameters = tb_alloc_zero(1, sizeof(*parameters));
    request->context = parameters;
    read_query_init(parameters, request);
    return parameters;
}

int32_t read_query_limit(struct read_query *parameters, int32_t maximum, int32_t fallback)
{
    return (int32_t)query_int(&parameters->query, "limit", 1, maximum, fallback, &parameters->errors);
}

int64_t read_query_before(struct read_query *parameters, const char *list)
{
    int64_t before = INT64_MAX;
    const char *text = query_find(&parameters->query, "cursor");
    if (text != NULL && !cursor_read_seq(text, list, &before)) {
        parameters->bad_cursor = true;
    }
    return before;
}

/* Return: the key of the cursor of a list sorted by text, copied into arena; NULL without a cursor. */
static const char *read_query_after(struct read_query *parameters, const char *list, struct arena *arena)
{
    char key[CURSOR_KEY_MAX];
    const char *text = query_find(&parameters->query, "cursor");
    if (text == NULL) {
        return NULL;
    }
    if (!cursor_read_key(text, list, key)) {
        parameters->bad_cursor = true;
        return NULL;
    }
    return arena_strdup(arena, key);
}

void read_query_add_time(struct read_query *parameters, struct db_params *params)
{
    int64_t us = 0;
    const char *text = query_find(&parameters->query, "asOf");
    if (text == NULL) {
        db_add_null(params);
        return;
    }
    if (!time_in_parse(text, &us)) {
        field_error(&parameters->errors, "asOf", "INVALID_FORMAT",
                    "must be an RFC 3339 time such as 2026-11-22T09:21:16.123Z");
    }
    /* Times are shown in whole milliseconds, rows keep microseconds: the millisecond that is asked for counts to its
     * end, so that an entry is part of the balance as of its own createdAt. */
    db_add_time(params, us - us % 1000 + 999);
}

bool read_query_refused(struct read_query *parameters, struct http_request *request)
{
    if (parameters->errors.count > 0) {
        problem_respond_fields(request, &parameters->errors);
        return true;
    }
    if (parameters->bad_cursor) {
        problem_respond(request, PROBLEM_BAD_CURSOR, "The cursor is none that this list gave out.");
        return true;
    }
    return false;
}

void read_params_init(struct gateway *gateway, struct db_params *params)
{
    db_params_init(params, gateway->scratch);
    db_add_text(params, gateway->region);
}

/* Effect: adds the number that stands for a choice (its place, from 1 on); NULL without it. */
static void add_choice(struct read_query *parameters, struct db_params *params, const char *name,
                       const char *const *choices)
{
    int choice = query_choice(&parameters->query, name, choices, &parameters->errors);
    if (choice < 0) {
        db_add_null(params);
    } else {
        db_add_int4(params, choice + 1);
    }
}

static const char *filter(struct read_query *parameters, const char *name)
{
    return query_text(&parameters->query, name, FILTER_BYTES_MAX, &parameters->errors);
}

static void respond_empty_list(struct http_request *request)
{
    static const char empty[] = "{\"items\":[],\"nextCursor\":null}";
    http_respond_json(request, 200, empty, sizeof(empty) - 1);
}

/* The body is the next cursor, a newline, and the CSV. */
static void on_csv(void *arg, const struct read_result *result)
{
    struct http_request *request = arg;
    const char *line = result->body != NULL ? memchr(result->body, '\n', result->length) : NULL;
    if (result->status != 200 || line == NULL) {
        read_result_respond(result, request, "application/json");
        return;
    }
    char cursor[2 * CURSOR_KEY_MAX] = "";
    size_t length = (size_t)(line - result->body);
    tb_assert(length < sizeof(cursor));
    memcpy(cursor, result->body, length);
    if (length > 0) {
        http_add_header(request, "X-Next-Cursor", cursor);
    }
    http_add_header(request, "Content-Disposition", "attachment; filename=\"orders.csv\"");
    http_respond(request, 200, "text/csv; charset=utf-8; header=present", line + 1, result->length - length - 1);
}

static void on_orders_queued(void *arg, const struct read_result *result)
{
    struct text text = {0};
    struct read_result queued = *result;
    if (result->status == 200) {
        order_json_write_queued(&text, result->body, result->length);
        queued.body = text.bytes;
        queued.length = text.length;
    }
    read_result_respond(&queued, arg, "application/json");
    text_release(&text);
}

/* Effect: answers with orders as they are: while nobody fills, those that await it are QUEUED. */
static void respond_orders(struct gateway *gateway, size_t statement, const struct db_params *params,
                           struct http_request *request)
{
    if (operations_fill_is_away(gateway))
        read_pool_call(gateway->reads, statement, params, on_orders_queued, request);
    else
        read_pool_respond(gateway->reads, statement, params, request);
}

static void orders_list(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    const char *region = filter(parameters, "region");
    struct db_params params;
    db_params_init(&params, gateway->scratch);
    db_add_text(&params, region != NULL ? region : gateway->region);
    db_add_text(&params, filter(parameters, "userId"));
    add_choice(parameters, &params, "status", statuses);
    add_choice(parameters, &params, "side", sides);
    db_add_text(&params, filter(parameters, "clientId"));
    db_add_int8(&params, read_query_before(parameters, "o1"));
    db_add_int4(&params, read_query_limit(parameters, LIMIT_MAX, LIMIT_DEFAULT));
    bool csv = query_choice(&parameters->query, "format", formats, &parameters->errors) == 1;
    if (read_query_refused(parameters, request)) {
        return;
    }
    if (csv) {
        read_pool_call(gateway->reads, READ_ORDERS_CSV, &params, on_csv, request);
    } else {
        respond_orders(gateway, READ_ORDERS, &params, request);
    }
}

static void order_get(struct gateway *gateway, struct http_request *request)
{
    uint64_t seq;
    if (!gateway_parse_id(gateway, request, request->params[0], "order", &seq)) {
        return;
    }
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_int8(&params, (int64_t)seq);
    respond_orders(gateway, READ_ORDER, &params, request);
}

static const char *required(struct read_query *parameters, const char *name)
{
    const char *value = filter(parameters, name);
    if (query_find(&parameters->query, name) == NULL || (value != NULL && value[0] == '\0')) {
        field_error(&parameters->errors, name, "REQUIRED", "is required");
    }
    return value;
}

static void order_by_key_get(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_text(&params, required(parameters, "clientId"));
    db_add_text(&params, required(parameters, "idempotencyKey"));
    if (!read_query_refused(parameters, request)) {
        respond_orders(gateway, READ_ORDER_BY_KEY, &params, request);
    }
}

static void trades_list(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_text(&params, filter(parameters, "userId"));
    const char *order = filter(parameters, "orderId");
    uint64_t order_seq = 0;
    bool unknown_order = order != NULL && !ids_parse(gateway->region, order, &order_seq);
    if (order == NULL) {
        db_add_null(&params);
    } else {
        db_add_int8(&params, (int64_t)order_seq);
    }
    db_add_int8(&params, read_query_before(parameters, "t1"));
    db_add_int4(&params, read_query_limit(parameters, LIMIT_MAX, LIMIT_DEFAULT));
    if (read_query_refused(parameters, request)) {
        return;
    }
    if (unknown_order) {
        respond_empty_list(request);
    } else {
        read_pool_respond(gateway->reads, READ_TRADES, &params, request);
    }
}

static void market_get(struct gateway *gateway, struct http_request *request)
{
    struct db_params params;
    read_params_init(gateway, &params);
    read_pool_respond(gateway->reads, READ_MARKET, &params, request);
}

/* In SimFill mode no order rests: the book is empty, and that is the truth, not a placeholder. */
static void book_get(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    query_int(&parameters->query, "depth", 1, DEPTH_MAX, DEPTH_MAX, &parameters->errors);
    if (read_query_refused(parameters, request)) {
        return;
    }
    const struct view *view = gateway_view(gateway);
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "market", "TULIP");
    json_out_uint(&out, "seq", view_stream_last(view, VIEW_EXECUTIONS));
    json_out_int(&out, "checksum", 0);
    json_out_begin_array(&out, "bids");
    json_out_end_array(&out);
    json_out_begin_array(&out, "asks");
    json_out_end_array(&out);
    json_out_time(&out, "asOf", gateway_now_us(gateway));
    json_out_bool(&out, "stale", !view->ready);
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

static void balances_list(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct db_params params;
    read_params_init(gateway, &params);
    const char *after = read_query_after(parameters, "b1", gateway->scratch);
    db_add_text(&params, after != NULL ? after : "");
    db_add_int4(&params, read_query_limit(parameters, LIMIT_MAX, LIMIT_DEFAULT));
    read_query_add_time(parameters, &params);
    if (!read_query_refused(parameters, request)) {
        read_pool_respond(gateway->reads, READ_BALANCES, &params, request);
    }
}

static void balance_get(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_text(&params, request->params[0]);
    db_add_int4(&params, read_query_limit(parameters, LIMIT_MAX, LEDGER_DEFAULT));
    read_query_add_time(parameters, &params);
    if (!read_query_refused(parameters, request)) {
        read_pool_respond(gateway->reads, READ_BALANCE, &params, request);
    }
}

static void ledger_list(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_text(&params, request->params[0]);
    db_add_int8(&params, read_query_before(parameters, "l1"));
    db_add_int4(&params, read_query_limit(parameters, LIMIT_MAX, LIMIT_DEFAULT));
    read_query_add_time(parameters, &params);
    if (!read_query_refused(parameters, request)) {
        read_pool_respond(gateway->reads, READ_LEDGER, &params, request);
    }
}

static void personas_list(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct db_params params;
    db_params_init(&params, gateway->scratch);
    db_add_text(&params, read_query_after(parameters, "p1", gateway->scratch));
    if (query_find(&parameters->query, "limit") == NULL && query_find(&parameters->query, "cursor") == NULL) {
        db_add_null(&params); /* the list behind a drop-down: all of them */
    } else {
        db_add_int4(&params, read_query_limit(parameters, LIMIT_MAX, LIMIT_DEFAULT));
    }
    if (!read_query_refused(parameters, request)) {
        read_pool_respond(gateway->reads, READ_PERSONAS, &params, request);
    }
}

static void persona_get(struct gateway *gateway, struct http_request *request)
{
    struct db_params params;
    db_params_init(&params, gateway->scratch);
    db_add_text(&params, request->params[0]);
    read_pool_respond(gateway->reads, READ_PERSONA, &params, request);
}

static void dlq_list(struct gateway *gateway, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_int8(&params, read_query_before(parameters, "d1"));
    db_add_int4(&params, read_query_limit(parameters, LIMIT_MAX, LIMIT_DEFAULT));
    if (!read_query_refused(parameters, request)) {
        read_pool_respond(gateway->reads, READ_DLQ, &params, request);
    }
}

static void alarms_list(struct gateway *gateway, struct http_request *request)
{
    struct db_params params;
    read_params_init(gateway, &params);
    read_pool_respond(gateway->reads, READ_ALARMS, &params, request);
}

const struct route reads_routes[] = {
    {VERB_GET, "/api/orders", orders_list, 0, 0},
    {VERB_GET, "/api/orders/by-key", order_by_key_get, 0, 0},
    {VERB_GET, "/api/orders/{orderId}", order_get, 0, 0},
    {VERB_GET, "/api/trades", trades_list, 0, 0},
    {VERB_GET, "/api/market", market_get, 0, 0},
    {VERB_GET, "/api/book", book_get, 0, 0},
    {VERB_GET, "/api/events", events_get, 0, 0},
    {VERB_GET, "/api/candles", candles_get, 0, 0},
    {VERB_GET, "/api/portfolio/{userId}", portfolio_get, 0, 0},
    {VERB_GET, "/api/traces/{traceId}", trace_get, 0, 0},
    {VERB_GET, "/api/balances", balances_list, 0, 0},
    {VERB_GET, "/api/balances/{userId}", balance_get, 0, 0},
    {VERB_GET, "/api/balances/{userId}/ledger", ledger_list, 0, 0},
    {VERB_GET, "/api/personas", personas_list, 0, 0},
    {VERB_GET, "/api/personas/{userId}", persona_get, 0, 0},
    {VERB_GET, "/api/dlq", dlq_list, 0, 0},
    {VERB_GET, "/api/alarms", alarms_list, 0, 0},
    {0, NULL, NULL, 0, 0},
};
