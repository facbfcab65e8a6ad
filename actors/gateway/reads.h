/* reads: the GETs that one SQL function each answers (sql/0007_api, sql/0008_api_events: it returns status int, body
 * text). A handler checks the parameters, all at once, and passes the store's JSON on. */
#ifndef TB_GATEWAY_READS_H
#define TB_GATEWAY_READS_H

#include "gateway.h"

/* Index into gateway_read_statements, and the function's parameters. */
enum gateway_read {
    READ_ORDER,         /* api_order(region, seq): the order in its present state, with trades[] and events[] */
    READ_ORDER_BY_KEY,  /* api_order_by_key(region, client_id, key): the same */
    READ_ORDER_PRESENT, /* api_order_present(region, seq): without trades[] and events[], as POST answers it */
    READ_ORDERS, /* api_orders(region, user_id, status int4, side int4, client_id, before int8, limit int4); NULL = any
                  */
    READ_ORDERS_CSV,     /* the same; the body's first line is the next cursor, the rest is the CSV */
    READ_TRADES,         /* api_trades(region, user_id, order_seq, before, limit) */
    READ_MARKET,         /* api_market(region) */
    READ_EVENTS,         /* api_events(region, stream, after, limit, type, user_id, order_seq) */
    READ_BALANCE,        /* api_balance(region, user_id, limit, as_of timestamptz) */
    READ_LEDGER,         /* api_ledger(region, user_id, before, limit, as_of) */
    READ_BALANCES,       /* api_balances(region, after_user_id, limit, as_of) */
    READ_PERSONAS,       /* api_personas(after_user_id, limit): NULL, NULL = all */
    READ_PERSONA,        /* api_persona(user_id) */
    READ_PERSONA_CHANGE, /* api_persona_change(region, ops type int4, trace uuid, since timestamptz): "<version>
                            <userId>" */
    READ_DLQ,            /* api_dlq(region, before, limit) */
    READ_ALARMS,         /* api_alarms(region) */
    READ_PORTFOLIO,      /* api_portfolio(region, user_id) */
    READ_CANDLES,        /* api_candles(region, interval's name, its minutes int4, limit) */
    READ_PULSE,          /* api_pulse(region) */
    READ_PULSE_HISTORY,  /* api_pulse_history(region, until seq, since timestamptz) */
    READ_TRACE,          /* api_trace(region, trace uuid) */
    READS_COUNT,
};

/* The query parameters of one request, with what is wrong with them. */
struct read_query {
    struct query query;
    struct field_errors errors;
    bool bad_cursor;
};

/* Effect: reads the request's parameters. */
void read_query_init(struct read_query *parameters, const struct http_request *request);
/* Gives the request's parameters (in request->context, free()d with it). */
struct read_query *read_query_parse(struct http_request *request);
/* Return: limit, 1 to maximum. */
int32_t read_query_limit(struct read_query *parameters, int32_t maximum, int32_t fallback);
/* Return: the seq that the cursor of that list ("o1") stands for; INT64_MAX without one. */
int64_t read_query_before(struct read_query *parameters, const char *list);
/* Effect: adds asOf, or NULL without it, to params. */
void read_query_add_time(struct read_query *parameters, struct db_params *params);
/* Effect: answers 400 when something was wrong. Return: whether it did. */
bool read_query_refused(struct read_query *parameters, struct http_request *request);
/* Effect: params for a statement, beginning with the region. Lives in the scratch arena. */
void read_params_init(struct gateway *gateway, struct db_params *params);

/* events.c: GET /api/events */
void events_get(struct gateway *gateway, struct http_request *request);

#endif
