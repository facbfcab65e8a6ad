/* Balances, the ledger, the dead-letter queue, personas. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Effect: makes a persona of the test's own, so that its balance is nobody else's business. */
static void persona(const char *user_id)
{
    char body[128];
    snprintf(body, sizeof body, "{\"displayName\":\"Test %s\",\"userId\":\"%s\"}", user_id, user_id);
    struct api_answer *answer = api_call(PORT, "POST", "/api/personas", body, NULL);
    ck_assert_msg(answer->status == 201, "%s", answer->raw);
    api_free(&answer);
}

START_TEST(a_new_persona_has_its_opening_balance_and_may_order_at_once)
{
    persona("fresh");
    struct api_answer *answer = api_call(PORT, "GET", "/api/balances/fresh", NULL, NULL);
    ck_assert_str_eq(api_text(answer, "currentBalance"), "10000.00");
    ck_assert_str_eq(api_text(answer, "ledger.0.reason"), "OPENING_BALANCE");
    ck_assert_str_eq(api_text(answer, "pendingDelta"), "0.00");
    api_free(&answer);
    char id[64];
    contract_order("fresh-1", "\"userId\":\"fresh\",\"side\":\"SELL\",\"quantity\":1,\"price\":\"1.00\"", id);
}
END_TEST

START_TEST(a_balance_moves_by_exactly_price_times_quantity)
{
    persona("mover");
    char id[64], name[32];
    static const char *const orders[] = {
        "\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\"", "\"side\":\"SELL\",\"quantity\":3,\"price\":\"0.01\"",
        "\"side\":\"BUY\",\"quantity\":7,\"price\":\"33.33\",\"simulationSeed\":\"partial:3\"",
        "\"side\":\"BUY\",\"quantity\":7,\"price\":\"1.00\",\"simulationSeed\":\"cancel\"",
        "\"side\":\"SELL\",\"quantity\":2,\"price\":\"50.00\",\"simulationSeed\":\"dup:3\""};
    char fields[256];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "mover-%d", i);
        snprintf(fields, sizeof fields, "\"userId\":\"mover\",%s", orders[i]);
        contract_order(name, fields, id);
    }
    /* 10000 - 1242 + 0.03 - 233.31 + 100 */
    struct api_answer *answer = api_wait(PORT, "/api/balances/mover?limit=50", "currentBalance", "8624.72");
    ck_assert_str_eq(api_text(answer, "currentBalance"), "8624.72");
    ck_assert_str_eq(api_text(answer, "pendingDelta"), "0.00");
    ck_assert_uint_eq(json_array_size(api_at(answer, "ledger")), 5);
    ck_assert_str_eq(api_text(answer, "ledger.0.resultingBalance"), "8624.72");
    ck_assert_int_eq(api_int(answer, "version"), 5);
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/balances/mover/rebuild", NULL, NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    ck_assert_str_eq(api_text(answer, "before"), "8624.72");
    ck_assert_str_eq(api_text(answer, "after"), "8624.72");
    ck_assert(json_is_false(api_at(answer, "changed")));
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/balances/mover/ledger?limit=2", NULL, NULL);
    ck_assert_uint_eq(json_array_size(api_at(answer, "items")), 2);
    ck_assert(json_is_string(api_at(answer, "nextCursor")));
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/balances/nobody", NULL, NULL);
    contract_problem(answer, 404, "NOT_FOUND");
    api_free(&answer);
}
END_TEST

/* What was taken from an answer may be given back: createdAt has milliseconds, the row has microseconds. */
START_TEST(an_entry_is_part_of_the_balance_as_of_its_own_time)
{
    persona("historian");
    char id[64], name[48], path[128];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "historian-%d", i);
        contract_order(name, "\"userId\":\"historian\",\"side\":\"SELL\",\"quantity\":1,\"price\":\"1.00\"", id);
    }
    struct api_answer *ledger = api_wait(PORT, "/api/balances/historian?limit=50", "currentBalance", "10008.00");
    ck_assert_str_eq(api_text(ledger, "currentBalance"), "10008.00");
    const char *later = "";
    for (int i = 0; i < 9; i++) { /* newest first: the first entry of a millisecond is its last one */
        snprintf(name, sizeof name, "ledger.%d.createdAt", i);
        const char *at = api_text(ledger, name);
        if (strcmp(at, later) != 0) {
            snprintf(path, sizeof path, "/api/balances/historian?limit=1&asOf=%s", at);
            struct api_answer *then = api_call(PORT, "GET", path, NULL, NULL);
            snprintf(name, sizeof name, "ledger.%d.resultingBalance", i);
            ck_assert_msg(strcmp(api_text(then, "currentBalance"), api_text(ledger, name)) == 0, "%s: %s", path,
                          then->raw);
            ck_assert_str_eq(api_text(then, "updatedAt"), at);
            api_free(&then);
        }
        later = at;
    }
    api_free(&ledger);
}
END_TEST

START_TEST(too_little_cash_is_a_warning_not_a_refusal)
{
    persona("poor");
    struct api_answer *answer =
        contract_post("poor-1", "\"userId\":\"poor\",\"side\":\"BUY\",\"quantity\":1000,\"price\":\"100.00\"");
    ck_assert_int_eq(answer->status, 201);
    ck_assert_str_eq(api_text(answer, "warnings.0.code"), "INSUFFICIENT_FUNDS");
    api_free(&answer);
    answer = api_wait(PORT, "/api/balances/poor", "currentBalance", "-90000.00");
    ck_assert_str_eq(api_text(answer, "currentBalance"), "-90000.00");
    api_free(&answer);
}
END_TEST

START_TEST(a_poison_order_stops_nobody_and_settles_once_when_redriven)
{
    persona("victim");
    char id[64], path[160];
    contract_order("poison-1",
                   "\"userId\":\"victim\",\"side\":\"SELL\",\"quantity\":5,\"price\":\"10.00\",\"simulationSeed\":"
                   "\"poison-balance\"",
                   id);
    char after[64];
    contract_order("poison-2", "\"userId\":\"victim\",\"side\":\"SELL\",\"quantity\":1,\"price\":\"1.00\"", after);
    struct api_answer *answer = api_wait(PORT, "/api/balances/victim", "currentBalance", "10001.00");
    ck_assert_str_eq(api_text(answer, "currentBalance"), "10001.00");
    ck_assert_str_eq(api_text(answer, "pendingDelta"), "50.00");
    api_free(&answer);
    answer = api_wait(PORT, "/api/dlq", "items.0.orderId", id);
    ck_assert_str_eq(api_text(answer, "items.0.userId"), "victim");
    ck_assert_int_eq(api_int(answer, "items.0.attempts"), 5);
    ck_assert_str_ne(api_text(answer, "items.0.lastError"), "");
    ck_assert_int_ge(api_int(answer, "depth"), 1);
    snprintf(path, sizeof path, "/api/dlq/%s/redrive", api_text(answer, "items.0.dlqId"));
    api_free(&answer);
    for (int i = 0; i < 3; i++) {
        answer = api_call(PORT, "POST", path, NULL, NULL);
        ck_assert_msg(answer->status == 202, "%s", answer->raw);
        api_free(&answer);
    }
    answer = api_wait(PORT, "/api/balances/victim", "currentBalance", "10051.00");
    ck_assert_str_eq(api_text(answer, "currentBalance"), "10051.00");
    ck_assert_int_eq(api_int(answer, "version"), 3);
    ck_assert_str_eq(api_text(answer, "pendingDelta"), "0.00");
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/dlq/nl-1.99999999/redrive", NULL, NULL);
    contract_problem(answer, 404, "NOT_FOUND");
    api_free(&answer);
}
END_TEST

START_TEST(personas_are_made_renamed_removed_and_brought_back)
{
    struct api_answer *answer =
        api_call(PORT, "POST", "/api/personas", "{\"displayName\":\"Rembrandt van Rijn\",\"bio\":\"Paints.\"}", NULL);
    ck_assert_msg(answer->status == 201, "%s", answer->raw);
    ck_assert_str_eq(api_text(answer, "userId"), "rembrandt-van-rijn");
    ck_assert_str_eq(api_header(answer, "Location"), "/api/personas/rembrandt-van-rijn");
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/personas", "{\"displayName\":\"Rembrandt van Rijn\"}", NULL);
    contract_problem(answer, 409, "PERSONA_EXISTS");
    api_free(&answer);
    char id[64], path[128];
    contract_order("rembrandt-1",
                   "\"userId\":\"rembrandt-van-rijn\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"", id);
    answer = api_call(PORT, "PUT", "/api/personas/rembrandt-van-rijn",
                      "{\"displayName\":\"Rembrandt\",\"bio\":\"Paints.\\n\\tAlso etches.\\r\\n\"}", NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    ck_assert_str_eq(api_text(answer, "displayName"), "Rembrandt");
    api_free(&answer);
    snprintf(path, sizeof path, "/api/orders/%s", id);
    answer = api_call(PORT, "GET", path, NULL, NULL);
    ck_assert_str_eq(api_text(answer, "persona.displayName"), "Rembrandt");
    api_free(&answer);
    answer = api_call(PORT, "DELETE", "/api/personas/rembrandt-van-rijn", NULL, NULL);
    ck_assert_msg(answer->status == 204, "%s", answer->raw);
    api_free(&answer);
    answer = api_call(PORT, "GET", path, NULL, NULL);
    ck_assert(json_is_true(api_at(answer, "persona.deleted")));
    api_free(&answer);
    for (int tries = 0; tries < 1000; tries++) { /* in force everywhere within a second, on a quiet machine */
        answer = contract_post("rembrandt-2",
                               "\"userId\":\"rembrandt-van-rijn\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"");
        if (answer->status == 400 || tries == 999)
            break;
        api_free(&answer);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    contract_problem(answer, 400, "VALIDATION");
    ck_assert_str_eq(api_text(answer, "errors.0.code"), "UNKNOWN_USER");
    api_free(&answer);
    answer = api_call(PORT, "POST", "/api/personas/rembrandt-van-rijn/restore", NULL, NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    api_free(&answer);
    static const char *const bad[] = {
        "{}", "{\"displayName\":\"\"}", "{\"displayName\":5}", "{\"displayName\":\"x\",\"userId\":\"No Good\"}",
        "{\"displayName\":\"1234567890123456789012345678901234567890123456789012345678901\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        answer = api_call(PORT, "POST", "/api/personas", bad[i], NULL);
        contract_problem(answer, 400, "VALIDATION");
        api_free(&answer);
    }
    answer = api_call(PORT, "GET", "/api/personas/nobody", NULL, NULL);
    contract_problem(answer, 404, "NOT_FOUND");
    api_free(&answer);
}
END_TEST

TCase *contract_money(void)
{
    TCase *part = tcase_create("money");
    tcase_set_timeout(part, 60);
    tcase_add_test(part, a_new_persona_has_its_opening_balance_and_may_order_at_once);
    tcase_add_test(part, a_balance_moves_by_exactly_price_times_quantity);
    tcase_add_test(part, an_entry_is_part_of_the_balance_as_of_its_own_time);
    tcase_add_test(part, too_little_cash_is_a_warning_not_a_refusal);
    tcase_add_test(part, a_poison_order_stops_nobody_and_settles_once_when_redriven);
    tcase_add_test(part, personas_are_made_renamed_removed_and_brought_back);
    return part;
}
