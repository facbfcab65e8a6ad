/* operations: what an operator asks for. The handlers of operations_routes (operations.c) and where they live. */
#ifndef TB_GATEWAY_OPERATIONS_H
#define TB_GATEWAY_OPERATIONS_H

#include "gateway.h"

/* balances.c: answered by the balance actor. */
void balance_rebuild(struct gateway *gateway, struct http_request *request); /* POST /api/balances/{userId}/rebuild */
void dlq_redrive(struct gateway *gateway, struct http_request *request);     /* POST /api/dlq/{dlqId}/redrive */
void dlq_discard(struct gateway *gateway, struct http_request *request);     /* DELETE /api/dlq/{dlqId} */

/* audits.c: answered by the reconciler. */
void invariants_get(struct gateway *gateway, struct http_request *request);     /* GET /api/invariants */
void replay_verify_post(struct gateway *gateway, struct http_request *request); /* POST /api/replay/verify */

#endif
