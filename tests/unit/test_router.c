#include "router.h"

#include <string.h>

#include "base.h"
#include "check_main.h"

static void handle(struct gateway *gateway, struct http_request *request)
{
    (void)gateway;
    (void)request;
}

static const struct route some[] = {
    {VERB_GET, "/api/orders/{orderId}", handle, 1, 0},
    {VERB_DELETE, "/api/orders/{orderId}", handle, 2, 0},
    {VERB_POST, "/api/orders/{orderId}/cancel", handle, 3, 0},
    {VERB_GET, "/api/orders", handle, 4, 0},
    {VERB_POST, "/api/orders", handle, 5, 0},
    {0},
};
static const struct route others[] = {
    {VERB_GET, "/api/orders/by-key", handle, 6, 0},
    {VERB_POST, "/api/orders/cancel-all", handle, 7, 0},
    {VERB_GET, "/api/{a}/{b}/{c}", handle, 8, 0},
    {VERB_GET, "/api/balances/{userId}/ledger", handle, 9, 0},
    {VERB_GET, "/", handle, 10, 0},
    {0},
};

static struct router router;
static struct router_match match;

static void start(void)
{
    memset(&router, 0, sizeof router);
    router_add(&router, some);
    router_add(&router, others);
}

#define ANY(...) (__VA_ARGS__ | VERB_OPTIONS)

static const struct {
    enum http_verb verb;
    const char *path;
    unsigned route; /* its flags; 0 = none */
    unsigned verbs;
    const char *param;
} finds[] = {
    {VERB_GET, "/api/orders", 4, ANY(VERB_GET | VERB_HEAD | VERB_POST), NULL},
    {VERB_HEAD, "/api/orders", 4, ANY(VERB_GET | VERB_HEAD | VERB_POST), NULL},
    {VERB_POST, "/api/orders", 5, ANY(VERB_GET | VERB_HEAD | VERB_POST), NULL},
    {VERB_PUT, "/api/orders", 0, ANY(VERB_GET | VERB_HEAD | VERB_POST), NULL},
    {VERB_OTHER, "/api/orders", 0, ANY(VERB_GET | VERB_HEAD | VERB_POST), NULL},
    {VERB_OPTIONS, "/api/orders", 0, ANY(VERB_GET | VERB_HEAD | VERB_POST), NULL},
    {VERB_GET, "/api/orders/nl-1.7", 1, ANY(VERB_GET | VERB_HEAD | VERB_DELETE), "nl-1.7"},
    {VERB_DELETE, "/api/orders/nl-1.7", 2, ANY(VERB_GET | VERB_HEAD | VERB_DELETE), "nl-1.7"},
    {VERB_GET, "/api/orders/a%2Fb%20c", 1, ANY(VERB_GET | VERB_HEAD | VERB_DELETE), "a/b c"},
    {VERB_GET, "/api/orders/a+b", 1, ANY(VERB_GET | VERB_HEAD | VERB_DELETE), "a+b"},
    {VERB_GET, "/api/orders/by-key", 6, ANY(VERB_GET | VERB_HEAD), NULL},
    {VERB_DELETE, "/api/orders/by-key", 0, ANY(VERB_GET | VERB_HEAD), NULL},
    {VERB_POST, "/api/orders/cancel-all", 7, ANY(VERB_POST), NULL},
    {VERB_GET, "/api/orders/cancel-all", 0, ANY(VERB_POST), NULL},
    {VERB_POST, "/api/orders/x/cancel", 3, ANY(VERB_GET | VERB_HEAD | VERB_POST), "x"},
    {VERB_GET, "/api/balances/clusius/ledger", 9, ANY(VERB_GET | VERB_HEAD), "clusius"},
    {VERB_GET, "/api/balances/clusius/other", 8, ANY(VERB_GET | VERB_HEAD), "balances"},
    {VERB_GET, "/", 10, ANY(VERB_GET | VERB_HEAD), NULL},
    {VERB_GET, "/api/orders/", 0, 0, NULL},
    {VERB_GET, "//api/orders", 0, 0, NULL},
    {VERB_GET, "/api//orders", 0, 0, NULL},
    {VERB_GET, "/api/orders/../orders", 8, ANY(VERB_GET | VERB_HEAD), "orders"}, /* dots are names like any other */
    {VERB_GET, "/API/orders", 0, 0, NULL},
    {VERB_GET, "/api", 0, 0, NULL},
    {VERB_GET, "*", 0, 0, NULL},
    {VERB_GET, "", 0, 0, NULL},
};

START_TEST(a_path_finds_its_route_and_verbs)
{
    start();
    ck_assert(router_find(&router, finds[_i].verb, finds[_i].path, &match));
    ck_assert_uint_eq(match.route == NULL ? 0 : match.route->flags, finds[_i].route);
    ck_assert_uint_eq(match.verbs, finds[_i].verbs);
    if (finds[_i].param != NULL)
        ck_assert_str_eq(match.params[0], finds[_i].param);
}
END_TEST

START_TEST(an_endless_segment_does_not_decode)
{
    char path[600] = "/api/orders/";
    memset(path + strlen(path), 'x', 500);
    start();
    ck_assert(!router_find(&router, VERB_GET, path, &match));
}
END_TEST

START_TEST(allow_lists_the_verbs)
{
    char text[64];
    router_format_allow(VERB_GET | VERB_HEAD | VERB_OPTIONS, text, sizeof text);
    ck_assert_str_eq(text, "GET, HEAD, OPTIONS");
    router_format_allow(VERB_GET | VERB_HEAD | VERB_POST | VERB_PUT | VERB_DELETE | VERB_OPTIONS, text, sizeof text);
    ck_assert_str_eq(text, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    router_format_allow(0, text, sizeof text);
    ck_assert_str_eq(text, "");
}
END_TEST

CHECK_MAIN("router", tcase_add_loop_test(cases, a_path_finds_its_route_and_verbs, 0, TB_ARRAY_SIZE(finds));
           tcase_add_test(cases, an_endless_segment_does_not_decode); tcase_add_test(cases, allow_lists_the_verbs);)
