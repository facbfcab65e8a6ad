#include "query.h"

#include <string.h>

#include "base.h"
#include "check_main.h"

static struct query query;
static struct field_errors errors;

static bool parse(const char *raw)
{
    errors.count = 0;
    return query_parse(&query, raw, &errors);
}

START_TEST(parameters_are_decoded)
{
    ck_assert(parse("a=1&b=%C3%BC+x%2B&empty=&bare&&c=a=b"));
    ck_assert_str_eq(query_find(&query, "a"), "1");
    ck_assert_str_eq(query_find(&query, "b"), "\xc3\xbc x+");
    ck_assert_str_eq(query_find(&query, "empty"), "");
    ck_assert_str_eq(query_find(&query, "bare"), "");
    ck_assert_str_eq(query_find(&query, "c"), "a=b");
    ck_assert_ptr_null(query_find(&query, "absent"));
    ck_assert(parse(""));
    ck_assert_uint_eq(query.count, 0);
}
END_TEST

static const struct {
    const char *raw, *field, *code;
} broken[] = {
    {"a=1&a=1", "a", "DUPLICATE"},        {"a=1&%61=2", "a", "DUPLICATE"},  {"a=%", "a", "INVALID_FORMAT"},
    {"a=%4", "a", "INVALID_FORMAT"},      {"a=%zz", "a", "INVALID_FORMAT"}, {"a=%00", "a", "INVALID_FORMAT"},
    {"a=%0A", "a", "INVALID_FORMAT"},     {"a=%ff", "a", "INVALID_FORMAT"}, {"a=%ed%a0%80", "a", "INVALID_FORMAT"},
    {"%00=1", "query", "INVALID_FORMAT"}, {"a=%7F", "a", "INVALID_FORMAT"},
};

START_TEST(broken_and_repeated_parameters_are_errors)
{
    ck_assert(!parse(broken[_i].raw));
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.items[0].field, broken[_i].field);
    ck_assert_str_eq(errors.items[0].code, broken[_i].code);
}
END_TEST

START_TEST(too_many_parameters_are_an_error)
{
    char raw[512] = "";
    for (int i = 0; i < QUERY_PARAMETERS_MAX + 1; i++)
        memcpy(raw + 4 * i, (char[]){(char)38, (char)(97 + i % 26), (char)(97 + i / 26), (char)61, 0}, 5);
    ck_assert(!parse(raw));
}
END_TEST

static const struct {
    const char *raw, *code;
    int64_t expected;
} numbers[] = {
    {"", NULL, 50},
    {"limit=1", NULL, 1},
    {"limit=200", NULL, 200},
    {"limit=007", NULL, 7},
    {"limit=0", "OUT_OF_RANGE", 50},
    {"limit=201", "OUT_OF_RANGE", 50},
    {"limit=99999999999999999999999999", "OUT_OF_RANGE", 50},
    {"limit=9223372036854775808", "OUT_OF_RANGE", 50},
    {"limit=", "INVALID_TYPE", 50},
    {"limit=abc", "INVALID_TYPE", 50},
    {"limit=-1", "INVALID_TYPE", 50},
    {"limit=%2B1", "INVALID_TYPE", 50},
    {"limit=1.5", "INVALID_TYPE", 50},
    {"limit=1e1", "INVALID_TYPE", 50},
    {"limit=+5", "INVALID_TYPE", 50},
};

START_TEST(numbers_are_checked)
{
    ck_assert(parse(numbers[_i].raw));
    ck_assert_int_eq(query_int(&query, "limit", 1, 200, 50, &errors), numbers[_i].expected);
    ck_assert_uint_eq(errors.count, numbers[_i].code != NULL);
    if (numbers[_i].code != NULL)
        ck_assert_str_eq(errors.items[0].code, numbers[_i].code);
}
END_TEST

START_TEST(a_number_may_be_as_large_as_a_seq)
{
    ck_assert(parse("afterSeq=9223372036854775807"));
    ck_assert(query_int(&query, "afterSeq", 0, INT64_MAX, 0, &errors) == INT64_MAX);
    ck_assert_uint_eq(errors.count, 0);
    ck_assert(parse("afterSeq=9223372036854775808"));
    ck_assert(query_int(&query, "afterSeq", 0, INT64_MAX, 0, &errors) == 0);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert(parse("afterSeq=9223372036854775806"));
    ck_assert(query_int(&query, "afterSeq", 0, INT64_MAX, 0, &errors) == INT64_MAX - 1);
}
END_TEST

START_TEST(choices_and_texts_are_checked)
{
    static const char *const choices[] = {"BUY", "SELL", NULL};
    ck_assert(parse("side=SELL&user=abc"));
    ck_assert_int_eq(query_choice(&query, "side", choices, &errors), 1);
    ck_assert_int_eq(query_choice(&query, "absent", choices, &errors), -1);
    ck_assert_str_eq(query_text(&query, "user", 3, &errors), "abc");
    ck_assert_uint_eq(errors.count, 0);
    ck_assert_ptr_null(query_text(&query, "user", 2, &errors));
    ck_assert_int_eq(query_choice(&query, "user", choices, &errors), -1);
    ck_assert_uint_eq(errors.count, 2);
    ck_assert_str_eq(errors.items[0].code, "TOO_LONG");
    ck_assert_str_eq(errors.items[1].code, "UNKNOWN_VALUE");
}
END_TEST

START_TEST(decoding_needs_room_for_its_end)
{
    char out[4];
    ck_assert_int_eq(query_decode("abc", 3, false, out, 4), 3);
    ck_assert_int_eq(query_decode("abcd", 4, false, out, 4), -1);
    ck_assert_int_eq(query_decode("a+b", 3, false, out, 4), 3);
    ck_assert_str_eq(out, "a+b");
    ck_assert_int_eq(query_decode("", 0, false, out, 1), 0);
}
END_TEST

CHECK_MAIN("query", tcase_add_test(cases, parameters_are_decoded);
           tcase_add_loop_test(cases, broken_and_repeated_parameters_are_errors, 0, TB_ARRAY_SIZE(broken));
           tcase_add_test(cases, too_many_parameters_are_an_error);
           tcase_add_loop_test(cases, numbers_are_checked, 0, TB_ARRAY_SIZE(numbers));
           tcase_add_test(cases, a_number_may_be_as_large_as_a_seq);
           tcase_add_test(cases, choices_and_texts_are_checked);
           tcase_add_test(cases, decoding_needs_room_for_its_end);)
