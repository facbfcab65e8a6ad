#include <string.h>

#include "check_main.h"
#include "money.h"

static const struct {
    const char *text;
    enum money_parse_result result;
    int64_t cents;
} prices[] = {
    {"124.20", MONEY_OK, 12420},
    {"124.2", MONEY_OK, 12420},
    {"124", MONEY_OK, 12400},
    {"0", MONEY_OK, 0}, /* the range is the caller's */
    {"0.0", MONEY_OK, 0},
    {"0.01", MONEY_OK, 1},
    {"0.5", MONEY_OK, 50},
    {"0.10", MONEY_OK, 10},
    {"10000000.00", MONEY_OK, 1000000000},
    {"10000000.01", MONEY_OK, 1000000001},
    {"92233720368547758.07", MONEY_OK, INT64_MAX},
    {"92233720368547758.08", MONEY_TOO_LARGE, 0},
    {"92233720368547759", MONEY_TOO_LARGE, 0},
    {"99999999999999999999999999999999999999", MONEY_TOO_LARGE, 0},
    {"18446744073709551617", MONEY_TOO_LARGE, 0}, /* 2^64 + 1 */
    {"1.234", MONEY_TOO_MANY_DECIMALS, 0},
    {"1.000", MONEY_TOO_MANY_DECIMALS, 0},
    {"0.0000000000000000000000000000001", MONEY_TOO_MANY_DECIMALS, 0},
    {"99999999999999999999.999", MONEY_TOO_MANY_DECIMALS, 0},
    {"", MONEY_NOT_PLAIN, 0},
    {"-1", MONEY_NOT_PLAIN, 0},
    {"+1", MONEY_NOT_PLAIN, 0},
    {"-0", MONEY_NOT_PLAIN, 0},
    {"1e3", MONEY_NOT_PLAIN, 0},
    {"1E3", MONEY_NOT_PLAIN, 0},
    {"1.2e1", MONEY_NOT_PLAIN, 0},
    {"1.234e1", MONEY_NOT_PLAIN, 0},
    {"01", MONEY_NOT_PLAIN, 0},
    {"00", MONEY_NOT_PLAIN, 0},
    {"00.5", MONEY_NOT_PLAIN, 0},
    {"01.234", MONEY_NOT_PLAIN, 0},
    {".5", MONEY_NOT_PLAIN, 0},
    {"5.", MONEY_NOT_PLAIN, 0},
    {".", MONEY_NOT_PLAIN, 0},
    {"1..2", MONEY_NOT_PLAIN, 0},
    {"1.2.3", MONEY_NOT_PLAIN, 0},
    {"1,5", MONEY_NOT_PLAIN, 0},
    {"1_000", MONEY_NOT_PLAIN, 0},
    {" 1", MONEY_NOT_PLAIN, 0},
    {"1 ", MONEY_NOT_PLAIN, 0},
    {"1\n", MONEY_NOT_PLAIN, 0},
    {"0x10", MONEY_NOT_PLAIN, 0},
    {"NaN", MONEY_NOT_PLAIN, 0},
    {"Infinity", MONEY_NOT_PLAIN, 0},
    {"\xd9\xa1", MONEY_NOT_PLAIN, 0}, /* ARABIC-INDIC DIGIT ONE */
    {"1\xc2\xa0", MONEY_NOT_PLAIN, 0},
};

START_TEST(prices_are_read_from_their_source_text)
{
    struct money out = money_cents(-77);
    enum money_parse_result result = money_parse_price(prices[_i].text, strlen(prices[_i].text), &out);
    ck_assert_msg(result == prices[_i].result, "'%s': %d", prices[_i].text, result);
    ck_assert_int_eq(out.cents, result == MONEY_OK ? prices[_i].cents : -77);
}
END_TEST

START_TEST(length_bounds_what_is_read)
{
    struct money out;
    ck_assert_int_eq(money_parse_price("12.345", 5, &out), MONEY_OK);
    ck_assert_int_eq(out.cents, 1234);
    ck_assert_int_eq(money_parse_price("12", 1, &out), MONEY_OK);
    ck_assert_int_eq(out.cents, 100);
    ck_assert_int_eq(money_parse_price("1\0002", 3, &out), MONEY_NOT_PLAIN);
    char *exact = malloc(4); /* the byte after it is the sanitizer's */
    memcpy(exact, "1.25", 4);
    ck_assert_int_eq(money_parse_price(exact, 4, &out), MONEY_OK);
    ck_assert_int_eq(money_parse_price(exact, 2, &out), MONEY_NOT_PLAIN);
    ck_assert_int_eq(money_parse_price(exact, 0, &out), MONEY_NOT_PLAIN);
    free(exact);
}
END_TEST

START_TEST(format_has_two_decimals)
{
    static const struct {
        int64_t cents;
        const char *text;
    } table[] = {{0, "0.00"},
                 {1, "0.01"},
                 {-1, "-0.01"},
                 {99, "0.99"},
                 {-100, "-1.00"},
                 {12420, "124.20"},
                 {-124200, "-1242.00"},
                 {INT64_MAX, "92233720368547758.07"},
                 {INT64_MIN, "-92233720368547758.08"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++) {
        char text[MONEY_TEXT_MAX];
        ck_assert_str_eq(money_format(money_cents(table[i].cents), text), table[i].text);
    }
}
END_TEST

START_TEST(what_is_formatted_reads_back)
{
    uint64_t random = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        struct money amount = money_cents((int64_t)(random >> (1 + random % 63)));
        char text[MONEY_TEXT_MAX];
        struct money back = {0};
        money_format(amount, text);
        check_quick(money_parse_price(text, strlen(text), &back) == MONEY_OK);
        check_quick(back.cents == amount.cents);
    }
}
END_TEST

START_TEST(arithmetic_refuses_what_does_not_fit)
{
    struct money out = money_cents(5);
    ck_assert(money_add(money_cents(INT64_MAX - 1), money_cents(1), &out));
    ck_assert_int_eq(out.cents, INT64_MAX);
    out = money_cents(5);
    ck_assert(!money_add(money_cents(INT64_MAX), money_cents(1), &out));
    ck_assert(!money_add(money_cents(INT64_MIN), money_cents(-1), &out));
    ck_assert(!money_sub(money_cents(INT64_MIN), money_cents(1), &out));
    ck_assert(!money_sub(money_cents(0), money_cents(INT64_MIN), &out));
    ck_assert(!money_negate(money_cents(INT64_MIN), &out));
    ck_assert(!money_times(money_cents(INT64_MIN), -1, &out));
    ck_assert(!money_times(money_cents(INT64_MAX / 2 + 1), 2, &out));
    ck_assert_int_eq(out.cents, 5);
    ck_assert(money_times(money_cents(1000000000), 1000000, &out)); /* the largest order */
    ck_assert_int_eq(out.cents, INT64_C(1000000000000000));
    ck_assert(money_negate(money_cents(INT64_MAX), &out));
    ck_assert_int_eq(out.cents, -INT64_MAX);
    ck_assert(money_sub(money_cents(3), money_cents(10), &out));
    ck_assert_int_eq(out.cents, -7);
}
END_TEST

START_TEST(average_rounds_half_to_even)
{
    static const struct {
        int64_t total, quantity, average;
    } table[] = {{0, 7, 0},
                 {10, 5, 2},
                 {5, 2, 2},
                 {7, 2, 4},
                 {9, 2, 4},
                 {-5, 2, -2},
                 {-7, 2, -4},
                 {1, 2, 0},
                 {-1, 2, 0},
                 {3, 2, 2},
                 {-3, 2, -2},
                 {2, 3, 1},
                 {-2, 3, -1},
                 {1, 3, 0},
                 {INT64_MAX, 1, INT64_MAX},
                 {INT64_MIN, 1, INT64_MIN},
                 {INT64_MAX, INT64_MAX, 1},
                 {INT64_MIN, INT64_MAX, -1},
                 {INT64_MAX - 1, INT64_MAX, 1},
                 {INT64_MAX / 2, INT64_MAX, 0},
                 {INT64_MAX / 2 + 1, INT64_MAX, 1}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++)
        ck_assert_int_eq(money_average(money_cents(table[i].total), table[i].quantity).cents, table[i].average);
}
END_TEST

CHECK_MAIN("money", tcase_add_loop_test(cases, prices_are_read_from_their_source_text, 0, (int)TB_ARRAY_SIZE(prices));
           tcase_add_test(cases, length_bounds_what_is_read); tcase_add_test(cases, format_has_two_decimals);
           tcase_add_test(cases, what_is_formatted_reads_back);
           tcase_add_test(cases, arithmetic_refuses_what_does_not_fit);
           tcase_add_test(cases, average_rounds_half_to_even);)
