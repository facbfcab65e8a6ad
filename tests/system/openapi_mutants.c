/* Can all this fail? The same program is run again, against the same gateway, with documents that are wrong in one
 * place each: every one must be found; and one with the right document, which must pass. */
#include "openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"

static const struct {
    const char *what;
    const char *place[6]; /* the members that lead to it; the last is set, or removed */
    const char *value;    /* JSON; NULL: it is removed */
} mutants[] = {
    {"nothing is wrong", {NULL}, NULL},
    {"an operation that is none",
     {"paths", "/api/market", "put"},
     "{\"responses\":{\"default\":{\"$ref\":\"#/components/responses/Any\"}}}"},
    {"a path that is none",
     {"paths", "/api/tulips"},
     "{\"get\":{\"responses\":{\"default\":{\"$ref\":\"#/components/responses/Any\"}}}}"},
    {"an operation left out", {"paths", "/api/orders", "get"}, NULL},
    {"a path left out", {"paths", "/api/market"}, NULL},
    {"a member left out", {"components", "schemas", "Market", "properties", "lastPrice"}, NULL},
    {"a member that is none", {"components", "schemas", "Market", "required"}, "[\"market\",\"colour\"]"},
    {"a member of another type", {"components", "schemas", "Order", "properties", "quantity"}, "{\"type\":\"string\"}"},
    {"a status that is none",
     {"paths", "/api/market", "get", "responses", "404"},
     "{\"$ref\":\"#/components/responses/NotFound\"}"},
    {"a status left out", {"paths", "/api/orders/{orderId}", "get", "responses", "404"}, NULL},
    {"401 left out", {"paths", "/api/replay/verify", "post", "responses", "401"}, NULL},
    {"403 left out", {"paths", "/api/orders", "post", "responses", "403"}, NULL},
    {"429 left out", {"paths", "/api/config", "get", "responses", "429"}, NULL},
    {"429 that is none",
     {"paths", "/health/live", "get", "responses", "429"},
     "{\"$ref\":\"#/components/responses/RateLimited\"}"},
    {"a problem code left out", {"components", "examples", "NOT_FOUND"}, NULL},
    {"a header left out", {"components", "responses", "NotFound", "headers", "RateLimit-Limit"}, NULL},
    {"a header that is none",
     {"components", "responses", "NotFound", "headers", "X-Colour"},
     "{\"required\":true,\"schema\":{\"type\":\"string\"}}"},
    {"an example that does not fit", {"components", "schemas", "Money", "pattern"}, "\"^none$\""},
};

/* Effect: makes the document wrong. */
static void mutate(size_t index)
{
    json_t *at = openapi.document;
    size_t last = 0;
    while (last < TB_ARRAY_SIZE(mutants[index].place) && mutants[index].place[last] != NULL)
        last++;
    if (last == 0)
        return;
    for (size_t i = 0; i + 1 < last; i++) {
        at = json_object_get(at, mutants[index].place[i]);
        tb_assert(at != NULL);
    }
    const char *name = mutants[index].place[last - 1];
    if (mutants[index].value == NULL)
        tb_assert(json_object_del(at, name) == 0);
    else
        tb_assert(json_object_set_new(at, name, json_loads(mutants[index].value, JSON_DECODE_ANY, NULL)) == 0);
}

bool openapi_become_mutant(const char *text)
{
    if (text == NULL)
        return false;
    size_t index = strtoul(text, NULL, 10);
    tb_assert(index < TB_ARRAY_SIZE(mutants));
    mutate(index);
    return true;
}

START_TEST(a_wrong_document_is_found)
{
    char command[512], program[256];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    ck_assert_int_gt(length, 0);
    program[length] = '\0';
    (void)snprintf(command, sizeof command, "TB_OPENAPI_MUTANT=%d TB_TEST_PORT=%d TB_TEST_DATA=%s %s >/dev/null 2>&1",
                   _i, OPENAPI_PORT, openapi.cluster.data, program);
    int status = system(command);
    bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ck_assert_msg(passed == (_i == 0), "%s: the test %s", mutants[_i].what, passed ? "passes" : "fails");
}
END_TEST

TCase *openapi_mutants(void)
{
    TCase *part = tcase_create("mutants");
    tcase_set_timeout(part, 120);
    tcase_add_loop_test(part, a_wrong_document_is_found, 0, TB_ARRAY_SIZE(mutants));
    return part;
}
