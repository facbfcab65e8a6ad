/* The rules for an order, field by field, and all faults at once. */
#include "validate.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"

static bool known(void *arg, const char *user_id)
{
    (void)arg;
    return strcmp(user_id, "clusius") == 0;
}

static struct order_input order;
static struct validate_result result;

/* fields: the body without its braces. Return: whether the order may be placed. */
static bool check(const char *fields, const char *header_key, size_t header_count)
{
    char body[4096];
    struct json_in in;
    struct err err = {0};
    int length = snprintf(body, sizeof body, "{%s}", fields);
    ck_assert_msg(json_in_parse(&in, body, (size_t)length, &err) == 0, "%s: %s", body, err.text);
    return validate_order(&in, header_key, header_count, known, NULL, &order, &result);
}

#define USER  "\"userId\":\"clusius\""
#define SIDE  ",\"side\":\"BUY\""
#define COUNT ",\"quantity\":10"
#define PRICE ",\"price\":\"124.20\""
#define GOOD  USER SIDE COUNT PRICE
#define A16   "aaaaaaaaaaaaaaaa"
#define A64   A16 A16 A16 A16
#define A255  A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa"

static const struct fault {
    const char *fields, *field, *code;
} one_fault[] = {
    {"\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "REQUIRED"},
    {"\"userId\":null,\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "REQUIRED"},
    {"\"userId\":\"\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "REQUIRED"},
    {"\"userId\":7,\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "INVALID_TYPE"},
    {"\"userId\":\"Clusius\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "INVALID_FORMAT"},
    {"\"userId\":\"-lusius\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "INVALID_FORMAT"},
    {"\"userId\":\"c\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "INVALID_FORMAT"},
    {"\"userId\":\"" A16 A16 "aaaaaaaaa\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId",
     "INVALID_FORMAT"},
    {"\"userId\":\"" A64 A64 "\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "INVALID_FORMAT"},
    {"\"userId\":\"@market\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "INVALID_FORMAT"},
    {"\"userId\":\"nobody\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"1\"", "userId", "UNKNOWN_USER"},
    {USER COUNT PRICE, "side", "REQUIRED"},
    {USER COUNT PRICE ",\"side\":\"buy\"", "side", "UNKNOWN_VALUE"},
    {USER COUNT PRICE ",\"side\":\"\"", "side", "UNKNOWN_VALUE"},
    {USER COUNT PRICE ",\"side\":1", "side", "INVALID_TYPE"},
    {USER SIDE PRICE, "quantity", "REQUIRED"},
    {USER SIDE PRICE ",\"quantity\":null", "quantity", "REQUIRED"},
    {USER SIDE PRICE ",\"quantity\":0", "quantity", "OUT_OF_RANGE"},
    {USER SIDE PRICE ",\"quantity\":-1", "quantity", "OUT_OF_RANGE"},
    {USER SIDE PRICE ",\"quantity\":1000001", "quantity", "OUT_OF_RANGE"},
    {USER SIDE PRICE ",\"quantity\":18446744073709551617", "quantity", "OUT_OF_RANGE"},
    {USER SIDE PRICE ",\"quantity\":1.0", "quantity", "INVALID_TYPE"},
    {USER SIDE PRICE ",\"quantity\":1e3", "quantity", "INVALID_TYPE"},
    {USER SIDE PRICE ",\"quantity\":\"5\"", "quantity", "INVALID_TYPE"},
    {USER SIDE PRICE ",\"quantity\":true", "quantity", "INVALID_TYPE"},
    {USER SIDE PRICE ",\"qty\":0", "qty", "OUT_OF_RANGE"},
    {USER SIDE PRICE ",\"qty\":\"1\"", "qty", "INVALID_TYPE"},
    {GOOD ",\"qty\":11", "qty", "CONFLICT"},
    {USER SIDE COUNT, "price", "REQUIRED"},
    {USER SIDE COUNT ",\"price\":null", "price", "REQUIRED"},
    {USER SIDE COUNT ",\"price\":true", "price", "INVALID_TYPE"},
    {USER SIDE COUNT ",\"price\":[1]", "price", "INVALID_TYPE"},
    {USER SIDE COUNT ",\"price\":\"\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\" 1\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"1 \"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"+1\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"-\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"--1\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"01.00\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"1,00\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"1.\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\".5\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"1e2\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":1e2", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":1E400", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"NaN\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"Infinity\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"0x10\"", "price", "INVALID_FORMAT"},
    {USER SIDE COUNT ",\"price\":\"\\u0661\"", "price", "INVALID_FORMAT"}, /* an Arabic one */
    {USER SIDE COUNT ",\"price\":\"1.001\"", "price", "TOO_MANY_DECIMALS"},
    {USER SIDE COUNT ",\"price\":1.000", "price", "TOO_MANY_DECIMALS"},
    {USER SIDE COUNT ",\"price\":0.1000000000000000055511151231257827", "price", "TOO_MANY_DECIMALS"},
    {USER SIDE COUNT ",\"price\":\"0\"", "price", "OUT_OF_RANGE"},
    {USER SIDE COUNT ",\"price\":0.00", "price", "OUT_OF_RANGE"},
    {USER SIDE COUNT ",\"price\":-1", "price", "OUT_OF_RANGE"},
    {USER SIDE COUNT ",\"price\":\"-0.01\"", "price", "OUT_OF_RANGE"},
    {USER SIDE COUNT ",\"price\":10000000.01", "price", "OUT_OF_RANGE"},
    {USER SIDE COUNT ",\"price\":\"99999999999999999999999999\"", "price", "OUT_OF_RANGE"},
    {GOOD ",\"timeInForce\":\"DAY\"", "timeInForce", "UNKNOWN_VALUE"},
    {GOOD ",\"timeInForce\":1", "timeInForce", "INVALID_TYPE"},
    {GOOD ",\"clientId\":\"\"", "clientId", "REQUIRED"},
    {GOOD ",\"clientId\":7", "clientId", "INVALID_TYPE"},
    {GOOD ",\"clientId\":\"" A64 "a\"", "clientId", "TOO_LONG"},
    {GOOD ",\"clientId\":\"a\\tb\"", "clientId", "INVALID_FORMAT"},
    {GOOD ",\"clientId\":\"@cancel\"", "clientId", "INVALID_FORMAT"},
    {GOOD ",\"idempotencyKey\":\"\"", "idempotencyKey", "INVALID_FORMAT"},
    {GOOD ",\"idempotencyKey\":7", "idempotencyKey", "INVALID_TYPE"},
    {GOOD ",\"idempotencyKey\":\"t\\u00fclip\"", "idempotencyKey", "INVALID_FORMAT"},
    {GOOD ",\"idempotencyKey\":\"a\\u007f\"", "idempotencyKey", "INVALID_FORMAT"},
    {GOOD ",\"idempotencyKey\":\"" A255 "a\"", "idempotencyKey", "TOO_LONG"},
    {GOOD ",\"simulationSeed\":7", "simulationSeed", "INVALID_TYPE"},
    {GOOD ",\"simulationSeed\":\"" A64 "a\"", "simulationSeed", "TOO_LONG"},
};

START_TEST(a_fault_is_named_with_its_field)
{
    const struct fault *fault = &one_fault[_i];
    ck_assert_msg(!check(fault->fields, NULL, 0), "%s was taken", fault->fields);
    ck_assert_msg(result.errors.count == 1, "%s: %zu errors", fault->fields, result.errors.count);
    ck_assert_str_eq(result.errors.items[0].field, fault->field);
    ck_assert_msg(strcmp(result.errors.items[0].code, fault->code) == 0, "%s: %s", fault->fields,
                  result.errors.items[0].code);
    ck_assert_uint_gt(strlen(result.errors.items[0].message), 5);
    ck_assert_int_eq(result.only_user_unknown, strcmp(fault->code, "UNKNOWN_USER") == 0);
}
END_TEST

static const struct priced {
    const char *price;
    int64_t cents;
} prices[] = {
    {"\"124.20\"", 12420},
    {"124.20", 12420},
    {"\"124.2\"", 12420},
    {"124.2", 12420},
    {"\"124\"", 12400},
    {"124", 12400},
    {"\"0.01\"", 1},
    {"0.01", 1},
    {"0.1", 10},
    {"\"10000000\"", 1000000000},
    {"10000000.00", 1000000000},
    {"\"9999999.99\"", 999999999},
    {"4.35", 435},
    {"1.15", 115},
    {"\"1\\u002e15\"", 115},
};

START_TEST(a_price_is_read_from_its_source_text)
{
    char fields[256];
    (void)snprintf(fields, sizeof fields, USER SIDE COUNT ",\"price\":%s", prices[_i].price);
    ck_assert_msg(check(fields, NULL, 0), "%s", fields);
    ck_assert_int_eq(order.price.cents, prices[_i].cents);
}
END_TEST

START_TEST(defaults_are_filled_in)
{
    ck_assert(check(GOOD, NULL, 0));
    ck_assert_str_eq(order.user_id, "clusius");
    ck_assert_str_eq(order.client_id, "clusius");
    ck_assert_str_eq(order.key, "");
    ck_assert_str_eq(order.seed, "");
    ck_assert_int_eq(order.side, TB__SIDE__SIDE_BUY);
    ck_assert_int_eq(order.time_in_force, TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC);
    ck_assert_uint_eq(order.quantity, 10);
}
END_TEST

START_TEST(everything_given_is_taken)
{
    ck_assert(check(USER PRICE
                    ",\"side\":\"SELL\",\"qty\":1000000,\"timeInForce\":\"FOK\",\"clientId\":\"web ui \\u00fc\","
                    "\"idempotencyKey\":\"" A255
                    "\",\"simulationSeed\":\"partial:3\",\"unknown\":{\"x\":[1]},\"other\":null",
                    NULL, 0));
    ck_assert_int_eq(order.side, TB__SIDE__SIDE_SELL);
    ck_assert_int_eq(order.time_in_force, TB__TIME_IN_FORCE__TIME_IN_FORCE_FOK);
    ck_assert_uint_eq(order.quantity, 1000000);
    ck_assert_str_eq(order.client_id, "web ui \xc3\xbc");
    ck_assert_str_eq(order.key, A255);
    ck_assert_str_eq(order.seed, "partial:3");
}
END_TEST

START_TEST(quantity_and_its_alias_may_agree)
{
    ck_assert(check(GOOD ",\"qty\":10", NULL, 0));
    ck_assert(check(USER SIDE PRICE ",\"quantity\":null,\"qty\":3", NULL, 0));
    ck_assert_uint_eq(order.quantity, 3);
}
END_TEST

START_TEST(the_longest_texts_of_four_byte_characters_fit)
{
    char fields[2048], wide[4 * 64 + 1] = "";
    for (int i = 0; i < 64; i++)
        memcpy(wide + 4 * i, "\xf0\x9f\x8c\xb7", 5);
    (void)snprintf(fields, sizeof fields, GOOD ",\"clientId\":\"%s\",\"simulationSeed\":\"%s\"", wide, wide);
    ck_assert(check(fields, NULL, 0));
    ck_assert_str_eq(order.client_id, wide);
    ck_assert_str_eq(order.seed, wide);
}
END_TEST

START_TEST(all_faults_are_told_at_once)
{
    ck_assert(!check(
        "\"side\":\"UP\",\"quantity\":0,\"price\":\"x\",\"timeInForce\":\"\",\"clientId\":5,\"idempotencyKey\":\"\","
        "\"simulationSeed\":[]",
        "\x01", 1));
    static const char *const fields[] = {"userId",   "side",           "quantity",       "price",         "timeInForce",
                                         "clientId", "idempotencyKey", "idempotencyKey", "simulationSeed"};
    ck_assert_uint_eq(result.errors.count, TB_ARRAY_SIZE(fields));
    for (size_t i = 0; i < TB_ARRAY_SIZE(fields); i++)
        ck_assert_str_eq(result.errors.items[i].field, fields[i]);
    ck_assert(!result.only_user_unknown);
}
END_TEST

START_TEST(header_and_body_give_one_key)
{
    ck_assert(check(GOOD, "from-header", 1));
    ck_assert_str_eq(order.key, "from-header");
    ck_assert(check(GOOD ",\"idempotencyKey\":\"same\"", "same", 1));
    ck_assert_str_eq(order.key, "same");
    ck_assert(!check(GOOD ",\"idempotencyKey\":\"one\"", "two", 1));
    ck_assert(result.key_mismatch);
    ck_assert_uint_eq(result.errors.count, 0);
    ck_assert(!check(GOOD, "", 1));
    ck_assert_str_eq(result.errors.items[0].field, "idempotencyKey");
    ck_assert(!check(GOOD, A255 "a", 1));
    ck_assert_str_eq(result.errors.items[0].code, "TOO_LONG");
    ck_assert(!check(GOOD, "one", 2));
    ck_assert_str_eq(result.errors.items[0].code, "DUPLICATE");
}
END_TEST

static const struct preference {
    const char *header;
    int seconds;
} preferences[] = {
    {NULL, 0},
    {"", 0},
    {"wait=5", 5},
    {"wait=10", 10},
    {"WAIT=1", 1},
    {"respond-async, wait=3", 3},
    {"wait=2; foo", 2},
    {"return=minimal,wait=7", 7},
    {"wait=0", 0},
    {"wait=11", 0},
    {"wait=100", 0},
    {"wait=-1", 0},
    {"wait=1.5", 0},
    {"wait=", 0},
    {"wait", 0},
    {"wait=5x", 0},
    {"wait=99999999999999999999", 0},
    {",,,", 0},
    {"await=5", 0},
    {"wait = 5", 5},
    {"wait=\"6\" , foo", 6},
    {"wait\t=\t7\t;x=1", 7},
    {"wait=\"5", 0},
    {"wait=\"\"", 0},
    {"wait=5 6", 0},
    {"waits=5", 0},
    {"w", 0},
    {"wai", 0},
    {"wait ", 0},
};

START_TEST(a_wait_of_one_to_ten_seconds_is_preferred)
{
    ck_assert_int_eq(validate_prefer_wait(preferences[_i].header), preferences[_i].seconds);
}
END_TEST

CHECK_MAIN("order_validate", tcase_add_loop_test(cases, a_fault_is_named_with_its_field, 0, TB_ARRAY_SIZE(one_fault));
           tcase_add_loop_test(cases, a_price_is_read_from_its_source_text, 0, TB_ARRAY_SIZE(prices));
           tcase_add_test(cases, defaults_are_filled_in); tcase_add_test(cases, everything_given_is_taken);
           tcase_add_test(cases, quantity_and_its_alias_may_agree);
           tcase_add_test(cases, the_longest_texts_of_four_byte_characters_fit);
           tcase_add_test(cases, all_faults_are_told_at_once); tcase_add_test(cases, header_and_body_give_one_key);
           tcase_add_loop_test(cases, a_wait_of_one_to_ten_seconds_is_preferred, 0, TB_ARRAY_SIZE(preferences));)
