/* validate: the rules of docs/api.md, "Conventions", field by field. */
#include "validate.h"

#include <string.h>
#include <strings.h>

#include "base.h"

bool validate_is_user_id(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length >= 2 && length <= ORDER_USER_MAX && text[length] == '\0' && text[0] != '-';
}

static void check_user(const struct json_in *in, validate_user *known, void *arg, struct order_input *order,
                       struct validate_result *result, bool *unknown)
{
    const char *user = json_in_text(in, "userId", 1, 4096, true, &result->errors);
    if (user == NULL)
        return;
    if (!validate_is_user_id(user)) {
        field_error(&result->errors, "userId", "INVALID_FORMAT",
                    "must be 2 to 40 of a-z, 0-9 and -, not beginning with -");
        return;
    }
    (void)tb_copy_text(order->user_id, sizeof order->user_id, user);
    if (!known(arg, user)) {
        *unknown = true;
        field_error(&result->errors, "userId", "UNKNOWN_USER", "there is no such persona");
    }
}

/* Return: the index of the field's value in choices + 1; 0 when absent or (error added) none of them. */
static int choose(const struct json_in *in, const char *name, const char *const *choices, const char *words,
                  bool required, struct field_errors *errors)
{
    const struct json_in_field *field = json_in_find(in, name);
    if (field == NULL) {
        if (required)
            field_error(errors, name, "REQUIRED", "is required");
        return 0;
    }
    if (field->kind != JSON_IN_STRING) {
        field_error(errors, name, "INVALID_TYPE", "must be a string");
        return 0;
    }
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], field->text) == 0)
            return i + 1;
    }
    field_error(errors, name, "UNKNOWN_VALUE", "must be %s", words);
    return 0;
}

static void check_quantity(const struct json_in *in, struct order_input *order, struct field_errors *errors)
{
    int64_t quantity = 0, alias = 0;
    bool has_alias = json_in_find(in, "qty") != NULL;
    bool has_name = json_in_find(in, "quantity") != NULL;
    bool good = (has_name || !has_alias) && json_in_int(in, "quantity", 1, ORDER_QUANTITY_MAX, true, &quantity, errors);
    bool good_alias = has_alias && json_in_int(in, "qty", 1, ORDER_QUANTITY_MAX, true, &alias, errors);
    if (good && good_alias && quantity != alias)
        field_error(errors, "qty", "CONFLICT", "differs from quantity, whose other name it is");
    order->quantity = (uint32_t)(good ? quantity : alias);
}

static void check_price(const struct json_in *in, struct order_input *order, struct field_errors *errors)
{
    const struct json_in_field *field = json_in_find(in, "price");
    struct money price = money_cents(0);
    if (field == NULL) {
        field_error(errors, "price", "REQUIRED", "is required");
        return;
    }
    if (field->kind != JSON_IN_STRING && field->kind != JSON_IN_NUMBER) {
        field_error(errors, "price", "INVALID_TYPE", "must be a string or number");
        return;
    }
    const char *text = field->kind == JSON_IN_STRING ? field->text : field->raw;
    size_t length = field->kind == JSON_IN_STRING ? field->text_length : field->raw_length;
    bool negative = length > 1 && text[0] == '-';
    enum money_parse_result parsed = money_parse_price(text + negative, length - negative, &price);
    if (parsed == MONEY_NOT_PLAIN)
        field_error(errors, "price", "INVALID_FORMAT", "must be an amount in plain notation like 124.20");
    else if (parsed == MONEY_TOO_MANY_DECIMALS)
        field_error(errors, "price", "TOO_MANY_DECIMALS", "must have at most two decimals");
    else if (parsed != MONEY_OK || negative || price.cents < ORDER_PRICE_MIN_CENTS ||
             price.cents > ORDER_PRICE_MAX_CENTS)
        field_error(errors, "price", "OUT_OF_RANGE", "must be 0.01 to 10000000.00");
    else
        order->price = price;
}

static void check_client(const struct json_in *in, struct order_input *order, struct field_errors *errors)
{
    const char *client = json_in_text(in, "clientId", 1, ORDER_CLIENT_MAX, false, errors);
    if (client == NULL)
        client = order->user_id;
    /* Names beginning with @ are the system's own ('@cancel'). */
    if (client[0] == '@')
        field_error(errors, "clientId", "INVALID_FORMAT", "must not begin with @");
    else
        (void)tb_copy_text(order->client_id, sizeof order->client_id, client);
}

static bool is_key(const char *text, struct field_errors *errors)
{
    size_t length = strlen(text);
    if (length > ORDER_KEY_MAX) {
        field_error(errors, "idempotencyKey", "TOO_LONG", "must have at most %d characters", ORDER_KEY_MAX);
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e)
            length = 0;
    }
    if (length == 0)
        field_error(errors, "idempotencyKey", "INVALID_FORMAT", "must be 1 to %d printable ASCII characters",
                    ORDER_KEY_MAX);
    return length > 0;
}

static void check_key(const struct json_in *in, const char *header_key, size_t header_count, struct order_input *order,
                      struct validate_result *result)
{
    const struct json_in_field *field = json_in_find(in, "idempotencyKey");
    const char *body_key = NULL;
    if (field != NULL && field->kind != JSON_IN_STRING)
        field_error(&result->errors, "idempotencyKey", "INVALID_TYPE", "must be a string");
    else if (field != NULL && is_key(field->text, &result->errors))
        body_key = field->text;
    if (header_count > 1)
        field_error(&result->errors, "idempotencyKey", "DUPLICATE",
                    "the Idempotency-Key header is given more than once");
    else if (header_key != NULL && !is_key(header_key, &result->errors))
        header_key = NULL;
    if (body_key != NULL && header_key != NULL && strcmp(body_key, header_key) != 0)
        result->key_mismatch = true;
    const char *key = body_key != NULL ? body_key : header_key;
    if (key != NULL)
        (void)tb_copy_text(order->key, sizeof order->key, key);
}

bool validate_order(const struct json_in *in, const char *header_key, size_t header_count, validate_user *user_known,
                    void *arg, struct order_input *order, struct validate_result *result)
{
    static const char *const sides[] = {"BUY", "SELL", NULL};
    static const char *const times[] = {"GTC", "IOC", "FOK", NULL};
    bool unknown = false;
    *order = (struct order_input){0};
    result->errors.count = 0;
    result->key_mismatch = result->only_user_unknown = false;
    check_user(in, user_known, arg, order, result, &unknown);
    order->side = (Tb__Side)choose(in, "side", sides, "BUY or SELL", true, &result->errors);
    check_quantity(in, order, &result->errors);
    check_price(in, order, &result->errors);
    int time = choose(in, "timeInForce", times, "GTC, IOC or FOK", false, &result->errors);
    order->time_in_force = time == 0 ? TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC : (Tb__TimeInForce)time;
    check_client(in, order, &result->errors);
    check_key(in, header_key, header_count, order, result);
    const char *seed = json_in_text(in, "simulationSeed", 0, ORDER_SEED_MAX, false, &result->errors);
    if (seed != NULL)
        (void)tb_copy_text(order->seed, sizeof order->seed, seed);
    result->only_user_unknown = unknown && result->errors.count == 1 && !result->key_mismatch;
    return result->errors.count == 0 && !result->key_mismatch;
}

#define BLANKS " \t"

/* Return: the seconds of a value, quoted or not, that ends where the next preference or parameter begins; 0 when it is
 * none of 1 … 10. */
static int wait_seconds(const char *value)
{
    bool quoted = *value == '"';
    value += quoted;
    int seconds = 0;
    size_t digits = strspn(value, "0123456789");
    for (size_t i = 0; i < digits && i < 2; i++)
        seconds = seconds * 10 + (value[i] - '0');
    const char *end = value + digits;
    if (quoted && *end++ != '"')
        return 0;
    end += strspn(end, BLANKS);
    return digits >= 1 && digits <= 2 && seconds <= 10 && (*end == '\0' || *end == ',' || *end == ';') ? seconds : 0;
}

/* RFC 7240: preferences between commas, each a word, blanks around its "=", its value quoted or not. */
int validate_prefer_wait(const char *header)
{
    while (header != NULL && *header != '\0') {
        header += strspn(header, "," BLANKS);
        if (strncasecmp(header, "wait", 4) == 0) {
            const char *value = header + 4;
            value += strspn(value, BLANKS);
            if (*value == '=')
                return wait_seconds(value + 1 + strspn(value + 1, BLANKS));
        }
        header = strchr(header, ',');
    }
    return 0;
}
