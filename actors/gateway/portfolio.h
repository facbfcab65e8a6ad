/* portfolio: GETs of what a persona owns, of candles and of traces. Handlers of reads_routes. */
#ifndef TB_GATEWAY_PORTFOLIO_H
#define TB_GATEWAY_PORTFOLIO_H

#include "gateway.h"

void portfolio_get(struct gateway *gateway, struct http_request *request); /* GET /api/portfolio/{userId} */
void candles_get(struct gateway *gateway, struct http_request *request);   /* GET /api/candles?interval&limit */
void trace_get(struct gateway *gateway, struct http_request *request);     /* GET /api/traces/{traceId} */

#endif
