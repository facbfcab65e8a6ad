/* validate: an order as the API takes it, from the JSON of its body and its Idempotency-Key header; every fault at
 * once. Pure. */
#ifndef TB_GATEWAY_VALIDATE_H
#define TB_GATEWAY_VALIDATE_H

#include <stdbool.h>

#include "json_in.h"
#include "money.h"
#include "problem.h"
#include "types.pb-c.h"

enum {
    ORDER_USER_MAX = 40,
    ORDER_CLIENT_MAX = 64,
    ORDER_KEY_MAX = 255,
    ORDER_SEED_MAX = 64,
    ORDER_QUANTITY_MAX = 1000000
};
#define ORDER_PRICE_MIN_CENTS 1LL
#define ORDER_PRICE_MAX_CENTS 1000000000LL /* 10000000.00 */

/* A character may take four bytes. */
struct order_input {
    char user_id[ORDER_USER_MAX + 1];
    char client_id[ORDER_CLIENT_MAX * 4 + 1]; /* the user id when none is given */
    char key[ORDER_KEY_MAX + 1];              /* "" when none is given */
    char seed[ORDER_SEED_MAX * 4 + 1];        /* "" when none is given */
    Tb__Side side;
    Tb__TimeInForce time_in_force;
    uint32_t quantity;
    struct money price;
};

/* Return: whether this user may place orders. */
typedef bool validate_user(void *arg, const char *user_id);

struct validate_result {
    struct field_errors errors;
    bool key_mismatch;      /* header and body give different keys (reported alone) */
    bool only_user_unknown; /* everything is right but the user: an order placed before may still be replayed */
};

/* Effect: fills order and result. header_key: the Idempotency-Key header, NULL = none; header_count: how many of them
 * there are. Return: whether the order may be placed. */
bool validate_order(const struct json_in *in, const char *header_key, size_t header_count, validate_user *user_known,
                    void *arg, struct order_input *order, struct validate_result *result);

/* Return: whether text is ^[a-z0-9][a-z0-9-]{1,39}$. */
bool validate_is_user_id(const char *text);

/* Return: seconds (1 to 10) that "Prefer: wait=N" asks for; 0 when it does not, or asks for something else. header may
 * be NULL. */
int validate_prefer_wait(const char *header);

#endif
