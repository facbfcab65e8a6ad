/* What a persona owns, the candles of the chart, and the way of one order: sql/0009_portfolio answers them. */
#include "portfolio.h"

#include <string.h>

#include "ids.h"
#include "reads.h"

enum { CANDLES_MAX = 200, CANDLES_DEFAULT = 50 };

void portfolio_get(struct gateway *gateway, struct http_request *request)
{
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_text(&params, request->params[0]);
    read_pool_respond(gateway->reads, READ_PORTFOLIO, &params, request);
}

void candles_get(struct gateway *gateway, struct http_request *request)
{
    static const char *const intervals[] = {"1m", "5m", "1h", NULL};
    static const int32_t minutes[] = {1, 5, 60};
    struct read_query *parameters = read_query_parse(request);
    int interval = query_choice(&parameters->query, "interval", intervals, &parameters->errors);
    interval = interval < 0 ? 0 : interval;
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_text(&params, intervals[interval]);
    db_add_int4(&params, minutes[interval]);
    db_add_int4(&params, read_query_limit(parameters, CANDLES_MAX, CANDLES_DEFAULT));
    if (!read_query_refused(parameters, request))
        read_pool_respond(gateway->reads, READ_CANDLES, &params, request);
}

void trace_get(struct gateway *gateway, struct http_request *request)
{
    uint8_t trace_id[16];
    if (strlen(request->params[0]) != 2 * sizeof trace_id ||
        !ids_unhex(request->params[0], trace_id, sizeof trace_id)) {
        problem_respond(request, PROBLEM_NOT_FOUND, "There is no such trace.");
        return;
    }
    struct db_params params;
    read_params_init(gateway, &params);
    db_add_uuid(&params, trace_id);
    read_pool_respond(gateway->reads, READ_TRACE, &params, request);
}
