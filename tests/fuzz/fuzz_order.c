/* Order bodies: what is taken is within every limit of the API, is taken again word for word, and never differs by the
 * memory behind its end. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "validate.h"

static bool some_users(void *arg, const char *user_id)
{
    (void)arg;
    return user_id[0] != 'x';
}

static void check_order(const struct order_input *order)
{
    fuzz_must(validate_is_user_id(order->user_id));
    fuzz_must(order->quantity >= 1 && order->quantity <= ORDER_QUANTITY_MAX);
    fuzz_must(order->price.cents >= ORDER_PRICE_MIN_CENTS && order->price.cents <= ORDER_PRICE_MAX_CENTS);
    fuzz_must(order->side == TB__SIDE__SIDE_BUY || order->side == TB__SIDE__SIDE_SELL);
    fuzz_must(strlen(order->key) <= ORDER_KEY_MAX && order->client_id[0] != '\0');
    for (const char *c = order->key; *c != '\0'; c++)
        fuzz_must(*c >= 0x20 && *c < 0x7f);
}

static bool read_order(const uint8_t *data, size_t size, const char *header, size_t headers, struct order_input *order)
{
    struct json_in in = {0};
    struct err err = {0};
    struct validate_result result = {0};
    char *bytes = fuzz_copy(data, size);
    memset(order, 0, sizeof *order);
    bool good = json_in_parse(&in, bytes, size, &err) == 0;
    if (!good)
        fuzz_must(err.text[0] != '\0');
    for (size_t i = 0; good && i < in.count; i++) {
        const struct json_in_field *field = &in.fields[i];
        fuzz_must(field->raw >= bytes && field->raw_length > 0 && field->raw + field->raw_length <= bytes + size);
        fuzz_must(field->kind != JSON_IN_STRING || field->text[field->text_length] == '\0');
    }
    if (good) {
        good = validate_order(&in, header, headers, some_users, NULL, order, &result);
        fuzz_must(good || result.errors.count > 0 || result.key_mismatch);
        fuzz_must(!good || result.errors.count == 0);
    }
    free(bytes);
    return good;
}

static bool is_same(const struct order_input *a, const struct order_input *b)
{
    return strcmp(a->user_id, b->user_id) == 0 && strcmp(a->client_id, b->client_id) == 0 &&
           strcmp(a->key, b->key) == 0 && strcmp(a->seed, b->seed) == 0 && a->side == b->side &&
           a->time_in_force == b->time_in_force && a->quantity == b->quantity && a->price.cents == b->price.cents;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct order_input first, again;
    if (read_order(data, size, NULL, 0, &first)) {
        check_order(&first);
        fuzz_must(read_order(data, size, first.key[0] == '\0' ? NULL : first.key, 1, &again));
        fuzz_must(is_same(&first, &again));
        fuzz_must(first.key[0] == '\0' || !read_order(data, size, "another key", 1, &again) ||
                  strcmp(first.key, "another key") == 0);
    }
    (void)read_order(data, size, "a key", 2, &again);
    return 0;
}
