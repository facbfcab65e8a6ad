/* order_json: see docs/api.md, "Orders". */
#include "order_json.h"

#include <string.h>

bool order_json_is_short(const struct view_user *user)
{
    struct money total;
    if (user == NULL)
        return false;
    if (!money_add(user->balance, user->pending, &total)) /* beyond 64 bits: the sign is that of both */
        return user->pending.cents < 0;
    return total.cents < 0;
}

static void write_warnings(struct json_out *out, const struct view_user *user)
{
    json_out_begin_array(out, "warnings");
    if (order_json_is_short(user)) {
        json_out_begin(out, NULL);
        json_out_string(out, "code", "INSUFFICIENT_FUNDS");
        json_out_string(out, "message", "The balance is negative once everything pending has settled.");
        json_out_end(out);
    }
    json_out_end_array(out);
}

void order_json_persona(struct json_out *out, const char *key, const struct view_user *user, const char *user_id)
{
    bool known = user != NULL && user->has_persona;
    json_out_begin(out, key);
    json_out_string(out, "userId", user_id);
    json_out_string(out, "displayName", known ? user->display_name : user_id);
    json_out_string(out, "avatarUrl", known ? user->avatar_url : NULL);
    json_out_string(out, "bio", known ? user->bio : "");
    if (!known || user->deleted)
        json_out_bool(out, "deleted", true);
    json_out_end(out);
}

void order_json_balance(struct json_out *out, const char *key, const struct view_user *user, const char *user_id)
{
    json_out_begin(out, key);
    json_out_string(out, "userId", user_id);
    json_out_money(out, "currentBalance", user == NULL ? money_cents(0) : user->balance);
    json_out_string(out, "currency", MONEY_CURRENCY);
    json_out_money(out, "pendingDelta", user == NULL ? money_cents(0) : user->pending);
    json_out_time(out, "updatedAt", user == NULL ? 0 : user->balance_updated_at_us);
    json_out_end(out);
}

static const char *time_in_force_text(Tb__TimeInForce value)
{
    return value == TB__TIME_IN_FORCE__TIME_IN_FORCE_IOC   ? "IOC"
           : value == TB__TIME_IN_FORCE__TIME_IN_FORCE_FOK ? "FOK"
                                                           : "GTC";
}

static void write_state(struct json_out *out)
{
    json_out_string(out, "status", "PENDING");
    json_out_string(out, "statusLabel", "Awaiting simulated fill");
    json_out_string(out, "pendingReason", "AWAITING_FILL");
}

void order_json_write(struct text *text, const Tb__OrderRecord *order, const struct view_user *user, const char *region)
{
    struct json_out writer, *out = &writer;
    json_out_init(out, text);
    json_out_begin(out, NULL);
    json_out_id(out, "orderId", region, order->seq);
    json_out_string(out, "clientId", order->client_id);
    json_out_string(out, "userId", order->user_id);
    order_json_persona(out, "persona", user, order->user_id);
    json_out_string(out, "market", "TULIP");
    json_out_string(out, "side", order->side == TB__SIDE__SIDE_BUY ? "BUY" : "SELL");
    json_out_uint(out, "quantity", order->quantity);
    json_out_uint(out, "filledQuantity", 0);
    json_out_money(out, "price", money_cents(order->price_cents));
    json_out_null(out, "avgFillPrice");
    json_out_string(out, "timeInForce", time_in_force_text(order->time_in_force));
    write_state(out);
    json_out_string(out, "region", region);
    json_out_null(out, "acceptedAz");
    json_out_uint(out, "seq", order->seq);
    json_out_string(out, "idempotencyKey", order->idempotency_key);
    json_out_string(out, "simulationSeed", order->simulation_seed);
    json_out_id(out, "possibleDuplicateOf", region, order->possible_duplicate_of);
    json_out_time(out, "createdAt", order->created_at_us);
    json_out_null(out, "acceptedAt");
    json_out_null(out, "cancelledAt");
    json_out_null(out, "processingMs");
    json_out_hex(out, "traceId", order->trace_id.data, order->trace_id.len);
    order_json_balance(out, "balanceSnapshot", user, order->user_id);
    write_warnings(out, user);
    if (order->key_generated)
        json_out_bool(out, "idempotencyKeyGenerated", true);
    json_out_end(out);
}

void order_json_write_queued(struct text *text, const char *json, size_t length)
{
    static const char awaiting[] = "\"statusLabel\":\"Awaiting simulated fill\",\"pendingReason\":\"AWAITING_FILL\"";
    static const char queued[] = "\"statusLabel\":\"Queued → retrying\",\"pendingReason\":\"QUEUED\"";
    const char *end = json + length, *at;
    while ((at = memmem(json, (size_t)(end - json), awaiting, sizeof awaiting - 1)) != NULL) {
        text_append(text, json, (size_t)(at - json));
        text_append(text, queued, sizeof queued - 1);
        json = at + sizeof awaiting - 1;
    }
    text_append(text, json, (size_t)(end - json));
}

void order_json_write_present(struct text *text, const char *json, size_t length, const struct view_user *user)
{
    /* Inside a string its first quote would be escaped, so this is the member itself. */
    static const char none[] = ",\"warnings\":[]";
    const char *at = order_json_is_short(user) ? memmem(json, length, none, sizeof none - 1) : NULL;
    if (at == NULL) {
        text_append(text, json, length);
        return;
    }
    struct json_out out;
    size_t before = (size_t)(at - json);
    text_append(text, json, before + 1);
    json_out_init(&out, text);
    write_warnings(&out, user);
    text_append(text, at + sizeof none - 1, length - before - (sizeof none - 1));
}
