/* operations: what an operator asks for. The handlers of operations_routes (operations.c) and where they live. */
#ifndef TB_GATEWAY_OPERATIONS_H
#define TB_GATEWAY_OPERATIONS_H

#include "gateway.h"

/* Return: whether that actor is READY and the database answers us: what only both together can do is under way. */
bool operations_hears(struct gateway *gateway, const char *actor);

/* Return: whether no simfill has been READY for FILL_AWAY_US: longer than a restart, or a heartbeat that comes late on
 * a busy machine. Orders are taken meanwhile and wait in the queue. */
#define FILL_AWAY_US 3000000
bool operations_fill_is_away(const struct gateway *gateway);

/* balances.c: answered by the balance actor. */
void balance_rebuild(struct gateway *gateway, struct http_request *request); /* POST /api/balances/{userId}/rebuild */
void dlq_redrive(struct gateway *gateway, struct http_request *request);     /* POST /api/dlq/{dlqId}/redrive */
void dlq_discard(struct gateway *gateway, struct http_request *request);     /* DELETE /api/dlq/{dlqId} */

/* audits.c: answered by the reconciler. */
void invariants_get(struct gateway *gateway, struct http_request *request);     /* GET /api/invariants */
void replay_verify_post(struct gateway *gateway, struct http_request *request); /* POST /api/replay/verify */

#endif
