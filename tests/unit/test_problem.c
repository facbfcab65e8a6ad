#include "problem.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "query.h"

static struct text text;

START_TEST(a_problem_reads_as_the_contract_says)
{
    struct field_errors errors = {.count = 0};
    field_error(&errors, "price", "TOO_MANY_DECIMALS", "must have at most %s decimals", "two");
    text_clear(&text);
    problem_write(&text, PROBLEM_VALIDATION, "1 field", "/api/orders", "r-1", &errors, NULL);
    ck_assert_str_eq(text.bytes,
                     "{\"type\":\"/problems/validation\",\"title\":\"The request has invalid "
                     "fields\",\"status\":400,\"detail\":\"1 field\","
                     "\"instance\":\"/api/orders\",\"code\":\"VALIDATION\",\"requestId\":\"r-1\",\"retryable\":false,"
                     "\"errors\":[{\"field\":\"price\",\"code\":\"TOO_MANY_DECIMALS\",\"message\":\"must have at most "
                     "two decimals\"}]}");
    text_clear(&text);
    problem_write(&text, PROBLEM_STORE_UNAVAILABLE, NULL, "/x", "r", NULL, "\"idempotencyKey\":\"k\"");
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"type\":\"/problems/store-unavailable\""));
    ck_assert_ptr_nonnull(strstr(text.bytes, "\"retryable\":true,\"idempotencyKey\":\"k\"}"));
    text_release(&text);
}
END_TEST

static const struct {
    enum problem_code code;
    int status;
    const char *text;
} codes[] = {
    {PROBLEM_VALIDATION, 400, "VALIDATION"},
    {PROBLEM_MALFORMED_JSON, 400, "MALFORMED_JSON"},
    {PROBLEM_BAD_CURSOR, 400, "BAD_CURSOR"},
    {PROBLEM_IDEMPOTENCY_KEY_MISMATCH, 400, "IDEMPOTENCY_KEY_MISMATCH"},
    {PROBLEM_NOT_FOUND, 404, "NOT_FOUND"},
    {PROBLEM_METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED"},
    {PROBLEM_TOO_LARGE, 413, "TOO_LARGE"},
    {PROBLEM_UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE"},
    {PROBLEM_ORDER_TERMINAL, 409, "ORDER_TERMINAL"},
    {PROBLEM_PERSONA_EXISTS, 409, "PERSONA_EXISTS"},
    {PROBLEM_PERSONA_LAST, 409, "PERSONA_LAST"},
    {PROBLEM_IDEMPOTENCY_KEY_REUSED, 422, "IDEMPOTENCY_KEY_REUSED"},
    {PROBLEM_AVATAR_UNDECODABLE, 422, "AVATAR_UNDECODABLE"},
    {PROBLEM_RATE_LIMITED, 429, "RATE_LIMITED"},
    {PROBLEM_BACKPRESSURE, 503, "BACKPRESSURE"},
    {PROBLEM_STORE_UNAVAILABLE, 503, "STORE_UNAVAILABLE"},
    {PROBLEM_REGION_UNAVAILABLE, 503, "REGION_UNAVAILABLE"},
    {PROBLEM_INTERNAL, 500, "INTERNAL"},
    {PROBLEM_UNAUTHORIZED, 401, "UNAUTHORIZED"},
};

START_TEST(codes_and_statuses_are_the_contracts)
{
    ck_assert_int_eq(problem_status(codes[_i].code), codes[_i].status);
    ck_assert_str_eq(problem_code_text(codes[_i].code), codes[_i].text);
    ck_assert_int_eq(problem_code_of(codes[_i].text), codes[_i].code);
}
END_TEST

START_TEST(every_status_has_a_code)
{
    static const int statuses[] = {400, 401, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 503, 505};
    for (size_t i = 0; i < TB_ARRAY_SIZE(statuses); i++)
        ck_assert_int_eq(problem_status(problem_code_for_status(statuses[i])), statuses[i]);
    ck_assert_int_eq(problem_code_for_status(418), PROBLEM_INTERNAL);
    ck_assert_int_eq(problem_code_of("NO_SUCH"), 0);
}
END_TEST

START_TEST(a_clients_name_is_cut_between_characters)
{
    struct field_errors errors = {.count = 0};
    char name[128];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(name, 'x', shift);
        for (size_t i = 0; i < 25; i++)
            memcpy(name + shift + 4 * i, "\xf0\x9f\x8c\xb7", 5);
        field_error(&errors, name, "DUPLICATE", "twice");
        ck_assert(query_is_utf8(errors.items[shift].field, strlen(errors.items[shift].field)));
        ck_assert_uint_gt(strlen(errors.items[shift].field), 40);
    }
    for (int i = 0; i < FIELD_ERRORS_MAX * 2; i++)
        field_error(&errors, "f", "REQUIRED", "many");
    ck_assert_uint_eq(errors.count, FIELD_ERRORS_MAX);
}
END_TEST

START_TEST(json_is_escaped_and_separated)
{
    struct json_out out;
    text_clear(&text);
    json_out_init(&out, &text);
    json_out_begin(&out, NULL);
    json_out_string(&out, "s", "a\"\\\b\t\n\v\f\r\x01\x7f\xc3\xbc");
    json_out_string(&out, "none", NULL);
    json_out_begin_array(&out, "list");
    json_out_int(&out, NULL, INT64_MIN);
    json_out_uint(&out, NULL, UINT64_MAX);
    json_out_bool(&out, NULL, false);
    json_out_begin(&out, NULL);
    json_out_end(&out);
    json_out_begin_array(&out, NULL);
    json_out_end_array(&out);
    json_out_end_array(&out);
    json_out_double(&out, "half", 0.5);
    json_out_double(&out, "whole", 3);
    json_out_double(&out, "nan", 0.0 / 0.0);
    json_out_money(&out, "money", money_cents(-124200));
    json_out_time(&out, "time", 1795339276123456);
    json_out_time(&out, "never", 0);
    json_out_id(&out, "id", "nl-1", 7);
    json_out_id(&out, "noId", "nl-1", 0);
    json_out_hex(&out, "hex", (const uint8_t *)"\x00\xff", 2);
    json_out_raw(&out, "raw", "{}", 2);
    json_out_end(&out);
    ck_assert_str_eq(
        text.bytes,
        "{\"s\":\"a\\\"\\\\\\b\\t\\n\\u000b\\f\\r\\u0001\\u007f\xc3\xbc\",\"none\":null,"
        "\"list\":[-9223372036854775808,18446744073709551615,false,{},[]],\"half\":0.5,\"whole\":3,\"nan\":null,"
        "\"money\":\"-1242.00\",\"time\":\"2026-11-22T09:21:16.123Z\",\"never\":null,\"id\":\"nl-1.7\",\"noId\":null,"
        "\"hex\":\"00ff\",\"raw\":{}}");
    text_release(&text);
}
END_TEST

CHECK_MAIN("problem", tcase_add_test(cases, a_problem_reads_as_the_contract_says);
           tcase_add_loop_test(cases, codes_and_statuses_are_the_contracts, 0, TB_ARRAY_SIZE(codes));
           tcase_add_test(cases, every_status_has_a_code);
           tcase_add_test(cases, a_clients_name_is_cut_between_characters);
           tcase_add_test(cases, json_is_escaped_and_separated);)
