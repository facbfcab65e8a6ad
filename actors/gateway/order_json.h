/* order_json: an order just committed, as POST answers it: from the sequencer's record and the view, without a query.
 * The same object as order_text() of sql/0007_api makes from the rows. Pure. */
#ifndef TB_GATEWAY_ORDER_JSON_H
#define TB_GATEWAY_ORDER_JSON_H

#include "json_out.h"
#include "orders.pb-c.h"
#include "view.h"

/* Effect: appends the object. user: the order's, NULL when the view knows nothing of it. */
void order_json_write(struct text *text, const Tb__OrderRecord *order, const struct view_user *user,
                      const char *region);

/* Effect: appends an order's JSON that came from the store, with warnings put in place of its empty ones. */
void order_json_write_present(struct text *text, const char *json, size_t length, const struct view_user *user);

/* Effect: appends JSON with orders in it (one, or a list) as it is while nobody fills: those that await their fill are
 * QUEUED. */
void order_json_write_queued(struct text *text, const char *json, size_t length);

/* Return: whether the user's cash would be negative once everything pending has settled. */
bool order_json_is_short(const struct view_user *user);

/* Effect: {userId, displayName, avatarUrl, bio}, and deleted when it is. */
void order_json_persona(struct json_out *out, const char *key, const struct view_user *user, const char *user_id);
/* Effect: {userId, currentBalance, currency, pendingDelta, updatedAt}. */
void order_json_balance(struct json_out *out, const char *key, const struct view_user *user, const char *user_id);

#endif
