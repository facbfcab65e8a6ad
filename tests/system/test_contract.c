/* The HTTP contract from outside: one cluster, started as a user starts it, for all parts. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cluster contract_cluster;

struct api_answer *contract_post(const char *key, const char *fields)
{
    char header[400], body[1024];
    snprintf(header, sizeof header, "Idempotency-Key: %s\r\n", key);
    snprintf(body, sizeof body, "{%s}", fields);
    return api_call(PORT, "POST", "/api/orders", body, header);
}

void contract_order(const char *key, const char *fields, char *id)
{
    struct api_answer *answer = contract_post(key, fields);
    ck_assert_msg(answer->status == 201, "%s: %s", key, answer->raw);
    snprintf(id, 64, "%s", api_text(answer, "orderId"));
    api_free(&answer);
}

void contract_problem(const struct api_answer *answer, int status, const char *code)
{
    ck_assert_msg(answer->status == status && strcmp(api_text(answer, "code"), code) == 0, "expected %d %s, got: %s",
                  status, code, answer->raw);
    const char *type = api_header(answer, "Content-Type");
    ck_assert_msg(type && strstr(type, "application/problem+json"), "%s", answer->raw);
    ck_assert_int_eq(api_int(answer, "status"), status);
    ck_assert(json_is_boolean(api_at(answer, "retryable")));
    ck_assert_str_ne(api_text(answer, "title"), "");
    ck_assert_str_ne(api_text(answer, "detail"), "");
    ck_assert_str_eq(api_header(answer, "X-Request-Id"), api_text(answer, "requestId"));
}

static void start(void)
{
    cluster_start(&contract_cluster, "TB_SIMFILL_DELAY_MS=5");
}

int main(void)
{
    start();
    Suite *suite = suite_create("contract");
    suite_add_tcase(suite, contract_input());
    suite_add_tcase(suite, contract_orders());
    suite_add_tcase(suite, contract_money());
    suite_add_tcase(suite, contract_avatars());
    suite_add_tcase(suite, contract_operations());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    int audit = cluster_stop(&contract_cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
