/* The routes that the gateway's code has (tb-gateway --list-routes) are the operations of the document, both ways. */
#include "openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

enum { ROUTES_MAX = 128 };
struct listed {
    char name[128];
    bool admin, json, unlimited;
};
static struct listed routes[ROUTES_MAX];
static size_t route_count;

static void list_routes(void)
{
    char command[512], line[256];
    const char *build = getenv("TB_BUILD_DIR");
    (void)snprintf(command, sizeof command, "%s/bin/tb-gateway --list-routes", build == NULL ? "build/release" : build);
    FILE *pipe = popen(command, "r");
    ck_assert(pipe != NULL);
    for (route_count = 0; fgets(line, sizeof line, pipe) != NULL; route_count++) {
        char verb[16], path[100];
        ck_assert_uint_lt(route_count, ROUTES_MAX);
        ck_assert_msg(sscanf(line, "%15s %99s", verb, path) == 2, "%s", line);
        struct listed *route = &routes[route_count];
        (void)snprintf(route->name, sizeof route->name, "%s %s", verb, path);
        route->admin = strstr(line, " admin") != NULL;
        route->unlimited = strstr(line, " unlimited") != NULL;
        route->json = strstr(line, " json") != NULL;
    }
    ck_assert_int_eq(pclose(pipe), 0);
    ck_assert_uint_gt(route_count, 0);
}

START_TEST(routes_and_operations_are_the_same)
{
    struct operation operation;
    list_routes();
    for (size_t i = 0; i < route_count; i++) {
        operation = openapi_operation(routes[i].name);
        ck_assert_msg((openapi_response(&operation, "401") != NULL) == routes[i].admin,
                      "%s: 401 goes with routes for the administrator", operation.name);
        ck_assert_msg((json_object_get(operation.json, "security") != NULL) == routes[i].admin,
                      "%s: security goes with routes for the administrator", operation.name);
        ck_assert_msg((openapi_response(&operation, "429") != NULL) == !routes[i].unlimited &&
                          openapi_is_limited(&operation) == !routes[i].unlimited,
                      "%s: 429 goes with routes that count against the rate", operation.name);
        ck_assert_msg((openapi_response(&operation, "403") != NULL) ==
                          (strcmp(operation.verb, "GET") != 0 || strcmp(operation.path, "/ws") == 0),
                      "%s: 403 goes with what changes something, and with the WebSocket", operation.name);
        ck_assert_msg((openapi_response(&operation, "415") != NULL) ==
                          (routes[i].json || openapi_takes_picture(&operation)),
                      "%s: 415 goes with routes that take JSON only, or pictures", operation.name);
    }
    for (size_t at = 0; openapi_next(&at, &operation);) {
        size_t i = 0;
        while (i < route_count && strcmp(routes[i].name, operation.name) != 0)
            i++;
        ck_assert_msg(i < route_count, "%s is documented, but no route of the gateway", operation.name);
    }
}
END_TEST

START_TEST(every_path_takes_its_documented_methods_and_no_others)
{
    static const char *const verbs[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};
    struct operation operation;
    for (size_t at = 0; openapi_next(&at, &operation);) {
        json_t *known = json_object_get(json_object_get(openapi.document, "paths"), operation.path);
        char path[256], allow[64] = "";
        openapi_path(&operation, true, path, sizeof path);
        for (size_t i = 0; i < 6; i++) {
            bool has = i == 5 || json_object_get(known, i <= 1   ? "get"
                                                        : i == 2 ? "post"
                                                        : i == 3 ? "put"
                                                                 : "delete") != NULL;
            if (has)
                (void)snprintf(allow + strlen(allow), sizeof allow - strlen(allow), "%s%s", *allow == '\0' ? "" : ", ",
                               verbs[i]);
        }
        for (size_t i = 0; i < TB_ARRAY_SIZE(verbs); i++) {
            bool is_options = strcmp(verbs[i], "OPTIONS") == 0;
            if (strstr(allow, verbs[i]) != NULL && !is_options)
                continue;
            struct api_answer *answer = api_call(OPENAPI_PORT, verbs[i], path, NULL, NULL);
            ck_assert_msg(api_header(answer, "Allow") != NULL && strcmp(api_header(answer, "Allow"), allow) == 0,
                          "%s %s: the document says %s, got %s", verbs[i], path, allow, answer->raw);
            if (is_options)
                ck_assert_msg(answer->status == 204, "%s", answer->raw);
            else if (strcmp(verbs[i], "HEAD") == 0) /* without a body */
                ck_assert_msg(answer->status == 405, "%s", answer->raw);
            else
                openapi_hold(&operation, answer, 405, "METHOD_NOT_ALLOWED");
            api_free(&answer);
        }
    }
}
END_TEST

START_TEST(the_gateway_serves_this_very_document)
{
    struct api_answer *answer = openapi_call("GET /api/openapi.json", "/api/openapi.json", NULL, NULL, 200, NULL);
    ck_assert_msg(json_equal(answer->json, openapi.document), "the gateway was built with another docs/openapi.json");
    api_free(&answer);
}
END_TEST

TCase *openapi_routes(void)
{
    TCase *part = tcase_create("routes");
    tcase_set_timeout(part, 60);
    tcase_add_test(part, routes_and_operations_are_the_same);
    tcase_add_test(part, every_path_takes_its_documented_methods_and_no_others);
    return part;
}

TCase *openapi_served(void)
{
    TCase *part = tcase_create("served");
    tcase_add_test(part, the_gateway_serves_this_very_document);
    return part;
}
