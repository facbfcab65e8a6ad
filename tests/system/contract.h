/* contract: the parts of the HTTP contract's test and the cluster they share. */
#ifndef TB_CONTRACT_H
#define TB_CONTRACT_H

#include <check.h>

#include "api.h"
#include "cluster.h"

extern struct cluster contract_cluster;
#define PORT (contract_cluster.port)

/* Effect: posts an order with this key and the given fields ("\"side\":\"BUY\",…"). Gives the answer for api_free. */
struct api_answer *contract_post(const char *key, const char *fields);
/* Effect: posts as contract_post, expects 201, writes the order's id into id (64 bytes). */
void contract_order(const char *key, const char *fields, char *id);
/* Effect: expects a problem document of this status and code. */
void contract_problem(const struct api_answer *answer, int status, const char *code);

TCase *contract_orders(void);
TCase *contract_input(void);
TCase *contract_money(void);
TCase *contract_operations(void);
TCase *contract_avatars(void);

#endif
