/* logs: GET /api/logs, a search over the actors' log files in slices on the loop: a slice per turn, about half a
 * millisecond each, so that orders pass in between. At most LOGS_SEARCHES_MAX at a time, beyond that 503. */
#ifndef TB_GATEWAY_LOGS_H
#define TB_GATEWAY_LOGS_H

#include "gateway.h"

enum { LOGS_SEARCHES_MAX = 4 };

struct logs;

/* Gives it for logs_free. dir (borrowed): "" = no logs are kept. */
struct logs *logs_new(struct loop *loop, const char *dir);
/* Effect: drops searches under way; their requests are not answered. */
void logs_free(struct logs **logs);
/* Effect: reads the request's parameters and searches; answers when it is over. */
void logs_search(struct logs *logs, struct http_request *request);

#endif
