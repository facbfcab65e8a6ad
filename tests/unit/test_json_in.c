/* What is one JSON object and what is not; and that fields keep their source text. */
#include "json_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "check_main.h"

static const char *const malformed[] = {
    "",
    " ",
    "{",
    "}",
    "[]",
    "[{}]",
    "null",
    "true",
    "1",
    "\"text\"",
    "{} {}",
    "{}x",
    "{},",
    "{'a':1}",
    "{a:1}",
    "{\"a\":1,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\" 1}",
    "{,}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "{\"x\":{\"a\":1,\"a\":2}}",
    "{\"x\":[{\"a\":1,\"a\":2}]}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":-}",
    "{\"a\":01}",
    "{\"a\":00000000000000000000001}",
    "{\"a\":1.}",
    "{\"a\":.5}",
    "{\"a\":+1}",
    "{\"a\":1e}",
    "{\"a\":1e+}",
    "{\"a\":0x10}",
    "{\"a\":1.2.3}",
    "{\"a\":12345678901234567890.}",
    "{\"a\":tru}",
    "{\"a\":True}",
    "{\"a\":\"}",
    "{\"a\":\"\x01\"}",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12\"}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\u0000\"}",
    "{\"\\u0000\":1}",
    "{\"a\":\"\xff\"}",
    "{\"a\":\"\xc0\xaf\"}",
    "{\"a\":\"\xed\xa0\x80\"}",
    "{\"\xff\":1}",
    "\xef\xbb\xbf{}",
    "{\"a\":1}\xff",
    "{\"a\":/**/1}",
    "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", /* 17 levels */
    "{\"a\":1}\\",
    "{\"a\":\"\\",
};

START_TEST(what_is_not_one_object_is_refused)
{
    struct json_in in;
    struct err err = {0};
    ck_assert_msg(json_in_parse(&in, malformed[_i], strlen(malformed[_i]), &err) < 0, "%s was taken", malformed[_i]);
    ck_assert_msg(strlen(err.text) > 5, "%s", malformed[_i]);
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
    static const char inside[] = "{\"a\":\"\0\"}", behind[] = "{}\0";
    struct json_in in;
    struct err err;
    ck_assert_int_lt(json_in_parse(&in, inside, sizeof inside - 1, &err), 0);
    ck_assert_int_lt(json_in_parse(&in, behind, sizeof behind - 1, &err), 0);
}
END_TEST

static const struct kept {
    const char *json;
    enum json_in_kind kind;
    const char *raw;
} kept[] = {
    {"{\"f\":124.20}", JSON_IN_NUMBER, "124.20"},
    {"{ \"f\" :\t124.2000000000000000000000000000001 }", JSON_IN_NUMBER, "124.2000000000000000000000000000001"},
    {"{\"f\":999999999999999999999999999999999999}", JSON_IN_NUMBER, "999999999999999999999999999999999999"},
    {"{\"f\":1e999999}", JSON_IN_NUMBER, "1e999999"},
    {"{\"f\":-1.5E-7,\"g\":1}", JSON_IN_NUMBER, "-1.5E-7"},
    {"{\"a\":{\"f\":1,\"x\":\"}\"},\"f\":7}", JSON_IN_NUMBER, "7"},
    {"{\"a\":\"\\\"f\\\":8,\",\"f\":9}", JSON_IN_NUMBER, "9"},
    {"{\"a\":[\",\",[],{\"f\":3}],\"\\u0066\":10}", JSON_IN_NUMBER, "10"},
    {"{\"f\":\"124.20\"}", JSON_IN_STRING, "\"124.20\""},
    {"{\"f\":true}", JSON_IN_BOOLEAN, "true"},
    {"{\"f\":[1, 2]}", JSON_IN_ARRAY, "[1, 2]"},
    {"{\"f\":{\"f\":1}}", JSON_IN_OBJECT, "{\"f\":1}"},
    {"{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]],\"f\":5}", JSON_IN_NUMBER, "5"}, /* 16 levels */
};

START_TEST(a_field_keeps_its_source_text)
{
    struct json_in in;
    struct err err = {0};
    ck_assert_msg(json_in_parse(&in, kept[_i].json, strlen(kept[_i].json), &err) == 0, "%s: %s", kept[_i].json,
                  err.text);
    const struct json_in_field *field = json_in_find(&in, "f");
    ck_assert_ptr_nonnull(field);
    ck_assert_int_eq(field->kind, kept[_i].kind);
    ck_assert_uint_eq(field->raw_length, strlen(kept[_i].raw));
    ck_assert_mem_eq(field->raw, kept[_i].raw, field->raw_length);
}
END_TEST

START_TEST(every_prefix_of_an_object_is_refused)
{
    static const char json[] = "{\"a\":{\"b\":[1,-2.5e3,true,null,\"\\u00fc\\n\"]},\"c\":12345678901234567890}";
    struct json_in in;
    struct err err;
    for (size_t size = 0; size + 1 < sizeof json; size++) {
        char *exact = tb_alloc_zero(size + 1, 1); /* so that a read behind the end is noticed */
        memcpy(exact, json, size);
        check_quick(json_in_parse(&in, exact, size, &err) < 0);
        free(exact);
    }
    ck_assert_int_eq(json_in_parse(&in, json, sizeof json - 1, &err), 0);
}
END_TEST

START_TEST(a_large_hostile_body_is_handled_within_bounds)
{
    enum { SIZE = 65536 };
    char *body = tb_alloc_zero(SIZE + 8, 1);
    struct json_in in;
    struct err err;
    static const char *const pieces[] = {"{},", "[],", "\"\\", "{\"", "1e9,", "{\"a\":", "[", ",", ":", "\"a\":1,"};
    for (size_t p = 0; p < TB_ARRAY_SIZE(pieces); p++) {
        size_t length = (size_t)snprintf(body, SIZE, "{\"a\":[");
        while (length + strlen(pieces[p]) < SIZE - 4)
            length += (size_t)snprintf(body + length, SIZE - length, "%s", pieces[p]);
        if (p < 2) {
            length--; /* the last comma */
            length += (size_t)snprintf(body + length, SIZE - length, "]}");
            ck_assert_int_eq(json_in_parse(&in, body, length, &err), 0);
        } else {
            ck_assert_int_lt(json_in_parse(&in, body, length, &err), 0);
        }
    }
    /* Many fields: the one that matters may stand last. */
    size_t length = (size_t)snprintf(body, SIZE, "{");
    for (int i = 0; i < 5000; i++)
        length += (size_t)snprintf(body + length, SIZE - length, "\"u%d\":0,", i);
    length += (size_t)snprintf(body + length, SIZE - length, "\"userId\":\"clusius\"}");
    ck_assert_int_eq(json_in_parse(&in, body, length, &err), 0);
    ck_assert_str_eq(json_in_find(&in, "userId")->text, "clusius");
    free(body);
}
END_TEST

START_TEST(null_counts_as_absent)
{
    struct json_in in;
    struct err err;
    struct field_errors errors = {.count = 0};
    static const char json[] = "{\"a\":null}";
    ck_assert_int_eq(json_in_parse(&in, json, sizeof json - 1, &err), 0);
    ck_assert_ptr_null(json_in_find(&in, "a"));
    ck_assert_ptr_null(json_in_text(&in, "a", 1, 5, false, &errors));
    ck_assert_uint_eq(errors.count, 0);
    ck_assert_ptr_null(json_in_text(&in, "a", 1, 5, true, &errors));
    ck_assert_str_eq(errors.items[0].code, "REQUIRED");
}
END_TEST

static const struct text_case {
    const char *value, *code;
} texts[] = {
    {"\"a\"", NULL},
    {"\"abcde\"", NULL},
    {"\"t\\u00fclip\"", NULL},
    {"\"\xf0\x9f\x8c\xb7\xf0\x9f\x8c\xb7\xf0\x9f\x8c\xb7\xf0\x9f\x8c\xb7\xf0\x9f\x8c\xb7\"",
     NULL}, /* five tulips, twenty bytes */
    {"\"abcdef\"", "TOO_LONG"},
    {"\"\"", "REQUIRED"},
    {"5", "INVALID_TYPE"},
    {"false", "INVALID_TYPE"},
    {"{}", "INVALID_TYPE"},
    {"\"a\\nb\"", "INVALID_FORMAT"},
    {"\"a\\u007f\"", "INVALID_FORMAT"},
    {"\"\\u0085\"", "INVALID_FORMAT"},
};

START_TEST(a_text_is_checked)
{
    char json[128];
    struct json_in in;
    struct err err;
    struct field_errors errors = {.count = 0};
    int length = snprintf(json, sizeof json, "{\"f\":%s}", texts[_i].value);
    ck_assert_int_eq(json_in_parse(&in, json, (size_t)length, &err), 0);
    const char *text = json_in_text(&in, "f", 1, 5, true, &errors);
    ck_assert_uint_eq(errors.count, texts[_i].code != NULL);
    ck_assert_int_eq(text == NULL, texts[_i].code != NULL);
    if (texts[_i].code != NULL)
        ck_assert_str_eq(errors.items[0].code, texts[_i].code);
}
END_TEST

static const struct int_case {
    const char *value, *code;
    int64_t expected;
} ints[] = {
    {"1", NULL, 1},
    {"1000000", NULL, 1000000},
    {"0", "OUT_OF_RANGE", 0},
    {"-0", "OUT_OF_RANGE", 0},
    {"-1", "OUT_OF_RANGE", 0},
    {"1000001", "OUT_OF_RANGE", 0},
    {"9223372036854775808", "OUT_OF_RANGE", 0},
    {"18446744073709551617", "OUT_OF_RANGE", 0},
    {"100000000000000000000000000000000000000000", "OUT_OF_RANGE", 0},
    {"1.0", "INVALID_TYPE", 0},
    {"1e3", "INVALID_TYPE", 0},
    {"1E0", "INVALID_TYPE", 0},
    {"0.5", "INVALID_TYPE", 0},
    {"\"1\"", "INVALID_TYPE", 0},
    {"true", "INVALID_TYPE", 0},
    {"[1]", "INVALID_TYPE", 0},
    {"null", "REQUIRED", 0},
};

START_TEST(a_whole_number_is_checked)
{
    char json[128];
    struct json_in in;
    struct err err;
    struct field_errors errors = {.count = 0};
    int64_t value = 0;
    int length = snprintf(json, sizeof json, "{\"f\":%s}", ints[_i].value);
    ck_assert_int_eq(json_in_parse(&in, json, (size_t)length, &err), 0);
    bool good = json_in_int(&in, "f", 1, 1000000, true, &value, &errors);
    ck_assert_int_eq(good, ints[_i].code == NULL);
    ck_assert_uint_eq(errors.count, ints[_i].code != NULL);
    if (good)
        ck_assert_int_eq(value, ints[_i].expected);
    else
        ck_assert_str_eq(errors.items[0].code, ints[_i].code);
}
END_TEST

START_TEST(elements_of_an_array_are_decoded)
{
    static const char json[] = "{\"a\":[\"one\",2,\"\\u0074hr\\u00e9\",null,[\"in\"],\"\"],\"b\":[],\"c\":\"text\"}";
    struct json_in in;
    struct err err;
    ck_assert_int_eq(json_in_parse(&in, json, sizeof json - 1, &err), 0);
    const struct json_in_field *array = json_in_find(&in, "a");
    ck_assert_uint_eq(json_in_elements(array), 6);
    ck_assert_str_eq(json_in_element_text(array, 0), "one");
    ck_assert_ptr_null(json_in_element_text(array, 1));
    ck_assert_str_eq(json_in_element_text(array, 2), "thr\xc3\xa9");
    ck_assert_ptr_null(json_in_element_text(array, 3));
    ck_assert_ptr_null(json_in_element_text(array, 4));
    ck_assert_str_eq(json_in_element_text(array, 5), "");
    ck_assert_ptr_null(json_in_element_text(array, 6));
    ck_assert_uint_eq(json_in_elements(json_in_find(&in, "b")), 0);
    ck_assert_uint_eq(json_in_elements(json_in_find(&in, "c")), 0);
}
END_TEST

CHECK_MAIN("json_in", tcase_add_test(cases, elements_of_an_array_are_decoded);
           tcase_add_loop_test(cases, what_is_not_one_object_is_refused, 0, TB_ARRAY_SIZE(malformed));
           tcase_add_test(cases, a_nul_byte_is_refused);
           tcase_add_loop_test(cases, a_field_keeps_its_source_text, 0, TB_ARRAY_SIZE(kept));
           tcase_add_test(cases, every_prefix_of_an_object_is_refused);
           tcase_add_test(cases, a_large_hostile_body_is_handled_within_bounds);
           tcase_add_test(cases, null_counts_as_absent);
           tcase_add_loop_test(cases, a_text_is_checked, 0, TB_ARRAY_SIZE(texts));
           tcase_add_loop_test(cases, a_whole_number_is_checked, 0, TB_ARRAY_SIZE(ints));)
