/* Conventions: what comes in, what is refused, and how a refusal reads. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD "\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\""

struct bad_field {
    const char *fields; /* the body without its braces */
    const char *field;  /* the one that must be named */
};

static const struct bad_field bad_fields[] = {
    {"\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"", "userId"},
    {"\"userId\":\"nobody-here\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"", "userId"},
    {"\"userId\":\"Clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"", "userId"},
    {"\"userId\":7,\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"", "userId"},
    {"\"userId\":\"clusius\",\"quantity\":1,\"price\":\"1.00\"", "side"},
    {"\"userId\":\"clusius\",\"side\":\"buy\",\"quantity\":1,\"price\":\"1.00\"", "side"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":0,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":-1,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1000001,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1.0,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1e3,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":\"1\",\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":true,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":null,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":99999999999999999999999,\"price\":\"1.00\"", "quantity"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"0\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"0.00\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"-1.00\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":-1.00", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"+1.00\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.001\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":1.001", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":1.000", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":1e2", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1e2\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"01.00\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"10000000.01\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"NaN\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"Infinity\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\" 1.00\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1,00\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"\"", "price"},
    {"\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":{}", "price"},
    {GOOD ",\"timeInForce\":\"DAY\"", "timeInForce"},
    {GOOD ",\"timeInForce\":1", "timeInForce"},
    {GOOD ",\"idempotencyKey\":\"\"", "idempotencyKey"},
    {GOOD ",\"idempotencyKey\":7", "idempotencyKey"},
    {GOOD ",\"idempotencyKey\":\"t\\u00fclip\"", "idempotencyKey"},
    {GOOD ",\"clientId\":7", "clientId"},
    {GOOD ",\"simulationSeed\":7", "simulationSeed"},
};

static bool names_field(const struct api_answer *answer, const char *field)
{
    json_t *errors = api_at(answer, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const char *named = json_string_value(json_object_get(json_array_get(errors, i), "field"));
        if (named && strcmp(named, field) == 0)
            return true;
    }
    return false;
}

START_TEST(a_bad_field_is_named)
{
    const struct bad_field *bad = &bad_fields[_i];
    char body[1024];
    snprintf(body, sizeof body, "{%s}", bad->fields);
    struct api_answer *answer = api_call(PORT, "POST", "/api/orders", body, NULL);
    ck_assert_msg(answer->status == 400, "%s: %s", bad->fields, answer->raw);
    contract_problem(answer, 400, "VALIDATION");
    ck_assert_msg(names_field(answer, bad->field), "%s is not named: %s", bad->field, answer->raw);
    api_free(&answer);
}
END_TEST

START_TEST(all_bad_fields_are_named_at_once)
{
    struct api_answer *answer =
        api_call(PORT, "POST", "/api/orders", "{\"quantity\":0,\"price\":\"x\",\"side\":\"UP\"}", NULL);
    contract_problem(answer, 400, "VALIDATION");
    ck_assert_uint_eq(json_array_size(api_at(answer, "errors")), 4);
    ck_assert_str_eq(api_text(answer, "instance"), "/api/orders");
    api_free(&answer);
}
END_TEST

START_TEST(an_unknown_persona_and_a_missing_one_have_codes_of_their_own)
{
    struct api_answer *answer =
        api_call(PORT, "POST", "/api/orders",
                 "{\"userId\":\"nobody\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"}", NULL);
    ck_assert_str_eq(api_text(answer, "errors.0.code"), "UNKNOWN_USER");
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/orders", "{\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"}", NULL);
    ck_assert_str_eq(api_text(answer, "errors.0.code"), "REQUIRED");
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/orders",
                      "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.001\"}", NULL);
    ck_assert_str_eq(api_text(answer, "errors.0.code"), "TOO_MANY_DECIMALS");
    api_free(&answer);
}
END_TEST

static const char *malformed[] = {
    "",
    "{",
    "[]",
    "\"text\"",
    "null",
    "{} {}",
    "{'a':1}",
    "{\"a\":1,}",
    "{\"userId\":\"clusius\",\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"}",
    "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
    "{\"a\":\"\xff\xfe\"}",
    "{\"a\":NaN}",
    "{\"a\":01}",
    "{\"a\":\"\x01\"}",
};

START_TEST(what_is_not_a_json_object_is_malformed)
{
    struct api_answer *answer = api_call(PORT, "POST", "/api/orders", malformed[_i], NULL);
    ck_assert_msg(answer->status == 400, "%s: %s", malformed[_i], answer->raw);
    contract_problem(answer, 400, "MALFORMED_JSON");
    api_free(&answer);
}
END_TEST

static const char *good_prices[][2] = {
    {"\"124.2\"", "124.20"}, {"\"124\"", "124.00"},           {"124.20", "124.20"},   {"124", "124.00"},
    {"0.01", "0.01"},        {"\"10000000\"", "10000000.00"}, {"90071992547.40", ""}, {"0.1", "0.10"},
};

START_TEST(a_price_is_read_from_its_source_text)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":%s,\"simulationSeed\":\"cancel\"}",
             good_prices[_i][0]);
    struct api_answer *answer = api_call(PORT, "POST", "/api/orders", body, NULL);
    if (*good_prices[_i][1]) {
        ck_assert_msg(answer->status == 201, "%s: %s", body, answer->raw);
        ck_assert_str_eq(api_text(answer, "price"), good_prices[_i][1]);
    } else {
        contract_problem(answer, 400, "VALIDATION");
    }
    api_free(&answer);
}
END_TEST

START_TEST(media_type_size_method_and_path_have_their_own_status)
{
    struct api_answer *answer = api_call(PORT, "POST", "/api/orders", "{}", "Content-Type: text/plain\r\n");
    contract_problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    api_free(&answer);
    char *large = malloc(70001);
    memset(large, ' ', 70000);
    large[70000] = 0;
    answer = api_call(PORT, "POST", "/api/orders", large, NULL);
    contract_problem(answer, 413, "TOO_LARGE");
    api_free(&answer);
    free(large);
    answer = api_call(PORT, "PUT", "/api/orders", "{}", NULL);
    contract_problem(answer, 405, "METHOD_NOT_ALLOWED");
    ck_assert(strstr(api_header(answer, "Allow"), "POST") != NULL);
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/nothing-here", NULL, NULL);
    contract_problem(answer, 404, "NOT_FOUND");
    api_free(&answer);
    answer = api_call(PORT, "OPTIONS", "/api/orders", NULL, NULL);
    ck_assert_int_eq(answer->status / 100, 2);
    ck_assert(strstr(api_header(answer, "Allow"), "GET") != NULL);
    api_free(&answer);
    answer = api_call(PORT, "HEAD", "/api/orders", NULL, NULL);
    ck_assert_int_eq(answer->status, 200);
    ck_assert_str_eq(answer->body, "");
    api_free(&answer);
}
END_TEST

START_TEST(every_answer_carries_its_request_region_and_trace)
{
    struct api_answer *answer = api_call(PORT, "GET", "/api/personas", NULL,
                                         "X-Request-Id: my.request-1\r\n"
                                         "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
    ck_assert_str_eq(api_header(answer, "X-Request-Id"), "my.request-1");
    ck_assert(strstr(api_header(answer, "traceparent"), "00-0af7651916cd43dd8448eb211c80319c-") != NULL);
    ck_assert(strstr(api_header(answer, "traceparent"), "b7ad6b7169203331") == NULL);
    ck_assert(api_header(answer, "X-TB-Region") != NULL);
    ck_assert_str_eq(api_header(answer, "Cache-Control"), "no-store");
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/personas", NULL, "X-Request-Id: bad id!\r\n");
    ck_assert_str_ne(api_header(answer, "X-Request-Id"), "bad id!");
    ck_assert(strlen(api_header(answer, "X-Request-Id")) >= 8);
    api_free(&answer);
}
END_TEST

static const char *bad_lists[] = {
    "/api/orders?limit=0",
    "/api/orders?limit=201",
    "/api/orders?limit=abc",
    "/api/orders?limit=-1",
    "/api/orders?limit=1.5",
    "/api/orders?limit=",
    "/api/trades?limit=0",
    "/api/trades?limit=201",
    "/api/orders?status=NOPE",
    "/api/orders?side=up",
    "/api/events?stream=nope",
    "/api/events?stream=orders&limit=0",
    "/api/events?stream=orders&limit=1001",
    "/api/events?stream=orders&afterSeq=-1",
    "/api/events?stream=orders&wait=31",
};

START_TEST(a_list_refuses_bad_parameters)
{
    struct api_answer *answer = api_call(PORT, "GET", bad_lists[_i], NULL, NULL);
    ck_assert_msg(answer->status == 400, "%s: %s", bad_lists[_i], answer->raw);
    contract_problem(answer, 400, "VALIDATION");
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/orders?cursor=%21%21garbage", NULL, NULL);
    contract_problem(answer, 400, "BAD_CURSOR");
    api_free(&answer);
}
END_TEST

static const char *hostile[] = {
    "GET /api/personas HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "POST /api/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /api/personas HTTP/1.1\nHost: a\n\n",
    "GET /api/personas HTTP/1.1\r\n\r\n",
    "GET /api/personas HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET /api/personas HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
    "POST /api/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "GARBAGE\r\n\r\n",
    "GET /api/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
};

START_TEST(a_tricky_request_is_refused_and_cut)
{
    struct api_answer *answer = api_raw(PORT, hostile[_i], strlen(hostile[_i]));
    ck_assert_msg(answer->status == 400, "%s -> %s", hostile[_i], answer->raw);
    api_free(&answer);
}
END_TEST

START_TEST(a_key_in_header_and_body_must_agree)
{
    struct api_answer *answer = contract_post("one", GOOD ",\"idempotencyKey\":\"two\"");
    contract_problem(answer, 400, "IDEMPOTENCY_KEY_MISMATCH");
    api_free(&answer);
}
END_TEST

TCase *contract_input(void)
{
    TCase *part = tcase_create("input");
    tcase_set_timeout(part, 60);
    tcase_add_loop_test(part, a_bad_field_is_named, 0, (int)(sizeof bad_fields / sizeof bad_fields[0]));
    tcase_add_test(part, all_bad_fields_are_named_at_once);
    tcase_add_test(part, an_unknown_persona_and_a_missing_one_have_codes_of_their_own);
    tcase_add_loop_test(part, what_is_not_a_json_object_is_malformed, 0, (int)(sizeof malformed / sizeof malformed[0]));
    tcase_add_loop_test(part, a_price_is_read_from_its_source_text, 0,
                        (int)(sizeof good_prices / sizeof good_prices[0]));
    tcase_add_test(part, media_type_size_method_and_path_have_their_own_status);
    tcase_add_test(part, every_answer_carries_its_request_region_and_trace);
    tcase_add_loop_test(part, a_list_refuses_bad_parameters, 0, (int)(sizeof bad_lists / sizeof bad_lists[0]));
    tcase_add_loop_test(part, a_tricky_request_is_refused_and_cut, 0, (int)(sizeof hostile / sizeof hostile[0]));
    tcase_add_test(part, a_key_in_header_and_body_must_agree);
    return part;
}
