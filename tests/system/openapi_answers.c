/* Every documented answer is really got, and is as documented; what cannot be got on demand is listed with the reason.
 */
#include "openapi.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "pictures.h"

#define ORDER "\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\""

/* --- what every operation of a kind must answer --- */

START_TEST(what_is_not_there_is_404)
{
    struct operation operation;
    char path[256];
    for (size_t at = 0; openapi_next(&at, &operation);) {
        if (strchr(operation.path, '{') == NULL)
            continue;
        openapi_path(&operation, false, path, sizeof path);
        char *body = openapi_body_example(&operation);
        openapi_expect(operation.name, path, body, NULL, 404, "NOT_FOUND");
        free(body);
    }
    openapi_expect("GET /api/orders/by-key", "/api/orders/by-key?clientId=clusius&idempotencyKey=never", NULL, NULL,
                   404, "NOT_FOUND");
}
END_TEST

START_TEST(without_the_token_it_is_401)
{
    struct operation operation;
    char path[256];
    for (size_t at = 0; openapi_next(&at, &operation);) {
        if (openapi_response(&operation, "401") == NULL)
            continue;
        openapi_path(&operation, true, path, sizeof path);
        openapi_expect(operation.name, path, NULL, "Authorization: Bearer wrong\r\n", 401, "UNAUTHORIZED");
        openapi_expect(operation.name, path, NULL, "", 401, "UNAUTHORIZED");
    }
}
END_TEST

START_TEST(bodies_of_another_kind_are_413_415_and_malformed)
{
    struct operation operation;
    enum { JSON_MAX = 65536, PICTURE_MAX = 204800 };
    char path[256], *large = tb_alloc_zero(1, PICTURE_MAX + 2);
    memset(large, ' ', PICTURE_MAX + 1);
    for (size_t at = 0; openapi_next(&at, &operation);) {
        json_t *invalid = openapi_response(&operation, "400");
        openapi_path(&operation, true, path, sizeof path);
        if (openapi_response(&operation, "415") != NULL)
            openapi_expect(operation.name, path, "{}", OPENAPI_ADMIN "Content-Type: text/plain\r\n", 415,
                           "UNSUPPORTED_MEDIA_TYPE");
        if (openapi_response(&operation, "413") != NULL)
            openapi_expect(operation.name, path,
                           large + (openapi_takes_picture(&operation) ? 0 : PICTURE_MAX - JSON_MAX), NULL, 413,
                           "TOO_LARGE");
        if (openapi_takes_picture(&operation)) /* as many as it may have: it is looked at */
            openapi_expect(operation.name, path, large + 1, NULL, 415, "UNSUPPORTED_MEDIA_TYPE");
        if (invalid != NULL && openapi_has_code(invalid, "MALFORMED_JSON"))
            openapi_expect(operation.name, path, "{\"a\":1,\"a\":2}", NULL, 400, "MALFORMED_JSON");
    }
    free(large);
}
END_TEST

/* --- reads --- */

START_TEST(what_is_there_reads_as_documented)
{
    static const char *const plain[] = {
        "/api/market",     "/api/book",     "/api/alarms",       "/api/status",  "/api/config",        "/metrics",
        "/api/invariants", "/api/personas", "/api/orders",       "/api/trades",  "/api/balances",      "/api/dlq",
        "/health/live",    "/health/ready", "/api/openapi.json", "/api/candles", "/api/metrics/pulse", "/api/logs"};
    static const char *const streams[] = {"orders", "executions", "balances", "ops"};
    struct operation operation;
    char name[128], path[256];
    for (size_t i = 0; i < TB_ARRAY_SIZE(plain); i++) {
        (void)snprintf(name, sizeof name, "GET %s", plain[i]);
        openapi_expect(name, plain[i], NULL, NULL, 200, NULL);
    }
    for (size_t i = 0; i < TB_ARRAY_SIZE(streams); i++) {
        (void)snprintf(path, sizeof path, "/api/events?stream=%s&limit=1000", streams[i]);
        openapi_expect("GET /api/events", path, NULL, NULL, 200, NULL);
    }
    /* GETs of one thing, whatever else there is: filled with what exists. */
    for (size_t at = 0; openapi_next(&at, &operation);) {
        bool named = strstr(operation.path, "{userId}") != NULL || strstr(operation.path, "{orderId}") != NULL ||
                     strstr(operation.path, "{traceId}") != NULL;
        if (strcmp(operation.verb, "GET") != 0 || !named)
            continue;
        openapi_path(&operation, true, path, sizeof path);
        openapi_expect(operation.name, path, NULL, NULL, 200, NULL);
    }
    openapi_expect("GET /api/orders", "/api/orders?format=csv&limit=1", NULL, NULL, 200, NULL);
    openapi_expect("GET /api/balances", "/api/balances?limit=1&asOf=2026-01-01T00:00:00.000Z", NULL, NULL, 200, NULL);
    openapi_expect("GET /api/balances/{userId}", "/api/balances/%40market?asOf=2026-01-01T00:00:00.000Z", NULL, NULL,
                   200, NULL);
}
END_TEST

START_TEST(a_walk_over_pages_reads_as_documented)
{
    static const char *const lists[] = {"/api/orders", "/api/trades", "/api/balances", "/api/personas",
                                        "/api/balances/@market/ledger"};
    char name[128], path[512];
    for (size_t i = 0; i < TB_ARRAY_SIZE(lists); i++) {
        (void)snprintf(name, sizeof name, "GET %s",
                       strchr(lists[i], '@') != NULL ? "/api/balances/{userId}/ledger" : lists[i]);
        (void)snprintf(path, sizeof path, "%s?limit=2", lists[i]);
        struct api_answer *answer = openapi_call(name, path, NULL, NULL, 200, NULL);
        ck_assert_msg(json_is_string(api_at(answer, "nextCursor")), "%s has one page only: %s", path, answer->body);
        (void)snprintf(path, sizeof path, "%s?limit=2&cursor=%s", lists[i], api_text(answer, "nextCursor"));
        api_free(&answer);
        openapi_expect(name, path, NULL, NULL, 200, NULL);
    }
}
END_TEST

/* --- orders --- */

START_TEST(orders_answer_as_documented)
{
    static const char hang[] = "{" ORDER ",\"simulationSeed\":\"hang\"}";
    char path[128], key[64]; /* of this run: an instance that was running already may have seen others */
    (void)snprintf(key, sizeof key, "Idempotency-Key: openapi-%d\r\n", (int)getpid());
    openapi_expect("POST /api/orders", "/api/orders", "{" ORDER "}", key, 201, NULL);
    openapi_expect("POST /api/orders", "/api/orders", "{" ORDER "}", key, 200, NULL);
    openapi_expect("POST /api/orders", "/api/orders",
                   "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":11,\"price\":\"124.20\"}", key, 422,
                   "IDEMPOTENCY_KEY_REUSED");
    openapi_expect("POST /api/orders", "/api/orders", "{" ORDER ",\"idempotencyKey\":\"another\"}", key, 400,
                   "IDEMPOTENCY_KEY_MISMATCH");
    (void)snprintf(path, sizeof path, "/api/orders/by-key?clientId=clusius&idempotencyKey=openapi-%d", (int)getpid());
    openapi_expect("GET /api/orders/by-key", path, NULL, NULL, 200, NULL);
    struct api_answer *answer = openapi_call("POST /api/orders", "/api/orders", hang, "Prefer: wait=1\r\n", 201, NULL);
    ck_assert_str_eq(api_header(answer, "Preference-Applied"), "wait");
    (void)snprintf(path, sizeof path, "/api/orders/%s/cancel", api_text(answer, "orderId"));
    api_free(&answer);
    openapi_expect("POST /api/orders/{orderId}/cancel", path, NULL, NULL, 200, NULL);
    *strrchr(path, '/') = '\0';
    openapi_expect("DELETE /api/orders/{orderId}", path, NULL, NULL, 200, NULL);
    openapi_expect("GET /api/orders/{orderId}", path, NULL, NULL, 200, NULL); /* with a cancel among its events */
    (void)snprintf(path, sizeof path, "/api/orders/%s", openapi.order);
    openapi_expect("DELETE /api/orders/{orderId}", path, NULL, NULL, 409, "ORDER_TERMINAL");
    (void)snprintf(path, sizeof path, "/api/orders/%s/cancel", openapi.order);
    openapi_expect("POST /api/orders/{orderId}/cancel", path, NULL, NULL, 409, "ORDER_TERMINAL");
    openapi_expect("POST /api/orders/cancel-all", "/api/orders/cancel-all", "{\"userId\":\"clusius\"}", NULL, 200,
                   NULL);
    openapi_expect("POST /api/orders", "/api/orders",
                   "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1000000,\"price\":10000000}", "", 201, NULL);
}
END_TEST

/* --- personas --- */

START_TEST(personas_answer_as_documented)
{
    char one[64], body[160], path[128];
    (void)snprintf(one, sizeof one, "/api/personas/openapi-%d", (int)getpid());
    (void)snprintf(body, sizeof body, "{\"displayName\":\"T\u00fclip\",\"userId\":\"openapi-%d\"}", (int)getpid());
    openapi_expect("POST /api/personas", "/api/personas", body, NULL, 201, NULL);
    openapi_expect("POST /api/personas", "/api/personas", body, NULL, 409, "PERSONA_EXISTS");
    openapi_expect("PUT /api/personas/{userId}", one, "{\"bio\":\"A flower.\"}", NULL, 200, NULL);
    (void)snprintf(body, sizeof body, "{\"userId\":\"openapi-%d\",\"side\":\"SELL\",\"quantity\":1,\"price\":1}",
                   (int)getpid());
    struct api_answer *answer = openapi_call("POST /api/orders", "/api/orders", body, "", 201, NULL);
    (void)snprintf(path, sizeof path, "/api/orders/%s", api_text(answer, "orderId"));
    api_free(&answer);
    openapi_expect("DELETE /api/personas/{userId}", one, NULL, NULL, 204, NULL);
    openapi_expect("GET /api/orders/{orderId}", path, NULL, NULL, 200, NULL); /* of a removed persona */
    (void)snprintf(path, sizeof path, "%s/restore", one);
    openapi_expect("POST /api/personas/{userId}/restore", path, NULL, NULL, 200, NULL);
}
END_TEST

START_TEST(avatars_answer_as_documented)
{
    static const char name[] = "PUT /api/personas/{userId}/avatar", path[] = "/api/personas/leeuwenhoek/avatar";
    struct picture picture = pictures_png(&(struct png_spec){60, 40, PNG_RGB, 8, false, false});
    struct operation operation = openapi_operation(name);
    struct api_answer *answer =
        api_call_bytes(OPENAPI_PORT, "PUT", path, picture.bytes, picture.size, "Content-Type: image/png\r\n");
    openapi_hold(&operation, answer, 200, NULL);
    api_free(&answer);
    free(picture.bytes);
    openapi_expect(name, path, "\xff\xd8\xff\xe0 and no more of it", NULL, 422, "AVATAR_UNDECODABLE");
    openapi_expect("GET /api/personas/{userId}", "/api/personas/leeuwenhoek", NULL, NULL, 200, NULL);
}
END_TEST

START_TEST(the_last_persona_stays)
{
    struct api_answer *all = openapi_call("GET /api/personas", "/api/personas", NULL, NULL, 200, NULL);
    json_t *items = api_at(all, "items");
    char path[128];
    for (size_t i = 0; i < json_array_size(items); i++) {
        bool last = i + 1 == json_array_size(items);
        (void)snprintf(path, sizeof path, "/api/personas/%s",
                       json_string_value(json_object_get(json_array_get(items, i), "userId")));
        openapi_expect("DELETE /api/personas/{userId}", path, NULL, NULL, last ? 409 : 204,
                       last ? "PERSONA_LAST" : NULL);
    }
    for (size_t i = 0; i + 1 < json_array_size(items); i++) {
        (void)snprintf(path, sizeof path, "/api/personas/%s/restore",
                       json_string_value(json_object_get(json_array_get(items, i), "userId")));
        openapi_expect("POST /api/personas/{userId}/restore", path, NULL, NULL, 200, NULL);
    }
    api_free(&all);
}
END_TEST

/* --- operations --- */

/* Effect: makes a dead letter; writes "/api/dlq/<id>". */
static void make_dead_letter(char *path, size_t size)
{
    struct api_answer *answer =
        api_call(OPENAPI_PORT, "POST", "/api/orders", "{" ORDER ",\"simulationSeed\":\"poison-balance\"}", NULL);
    char order[64];
    (void)snprintf(order, sizeof order, "%s", api_text(answer, "orderId"));
    api_free(&answer);
    answer = api_wait(OPENAPI_PORT, "/api/dlq", "items.0.orderId", order);
    (void)snprintf(path, size, "/api/dlq/%s", api_text(answer, "items.0.dlqId"));
    ck_assert_msg(strcmp(api_text(answer, "items.0.orderId"), order) == 0, "%s is no dead letter: %s", order,
                  answer->raw);
    api_free(&answer);
}

START_TEST(dead_letters_answer_as_documented)
{
    char path[128], redrive[160];
    make_dead_letter(path, sizeof path);
    (void)snprintf(redrive, sizeof redrive, "%s/redrive", path);
    openapi_expect("GET /api/dlq", "/api/dlq", NULL, NULL, 200, NULL);
    openapi_expect("GET /api/events", "/api/events?stream=balances&type=DeadLettered", NULL, NULL, 200, NULL);
    openapi_expect("POST /api/dlq/{dlqId}/redrive", redrive, NULL, NULL, 202, NULL);
    openapi_expect("POST /api/dlq/{dlqId}/redrive", redrive, NULL, NULL, 202, NULL);
    openapi_expect("DELETE /api/dlq/{dlqId}", path, NULL, NULL, 409, "CONFLICT");
    make_dead_letter(path, sizeof path);
    (void)snprintf(redrive, sizeof redrive, "%s/redrive", path);
    openapi_expect("DELETE /api/dlq/{dlqId}", path, NULL, NULL, 204, NULL);
    openapi_expect("POST /api/dlq/{dlqId}/redrive", redrive, NULL, NULL, 409, "CONFLICT");
    openapi_expect("GET /api/events", "/api/events?stream=balances&limit=1000", NULL, NULL, 200, NULL);
}
END_TEST

START_TEST(repairs_answer_as_documented)
{
    openapi_expect("POST /api/balances/{userId}/rebuild", "/api/balances/clusius/rebuild", NULL, NULL, 200, NULL);
    openapi_expect("POST /api/replay/verify", "/api/replay/verify", NULL, NULL, 200, NULL);
    openapi_expect("POST /api/replay/verify", "/api/replay/verify", "{\"fromSeq\":2,\"toSeq\":1}", NULL, 400,
                   "VALIDATION");
}
END_TEST

/* --- streams --- */

static void raw(const char *operation_name, const char *request, int status, const char *code)
{
    struct operation operation = openapi_operation(operation_name);
    struct api_answer *answer = api_raw_for(OPENAPI_PORT, request, strlen(request), 1);
    openapi_hold(&operation, answer, status, code);
    api_free(&answer);
}

#define UPGRADE "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

START_TEST(streams_begin_as_documented)
{
    raw("GET /api/stream", "GET /api/stream?channels=orders HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, NULL);
    raw("GET /ws", "GET /ws HTTP/1.1\r\n" UPGRADE KEY "Sec-WebSocket-Version: 13\r\n\r\n", 101, NULL);
    raw("GET /ws", "GET /ws HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n", 400, "BAD_REQUEST");
    raw("GET /ws", "GET /ws HTTP/1.1\r\n" UPGRADE KEY "Sec-WebSocket-Version: 13\r\nOrigin: http://y\r\n\r\n", 403,
        "FORBIDDEN");
    raw("GET /ws", "GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n", 426, "UPGRADE_REQUIRED");
}
END_TEST

/* --- what any request may be answered --- */

START_TEST(what_is_no_http_is_refused_as_documented)
{
    struct operation operation = openapi_operation("GET /api/config");
    char large[20100] = "GET /api/config HTTP/1.1\r\nHost: localhost\r\nX-Large: ";
    memset(large + strlen(large), 'x', 20000);
    raw(operation.name, "GET /api/config HTTP/1.1\r\nHost localhost\r\n\r\n", 400, "BAD_REQUEST");
    raw(operation.name, large, 431, "HEADERS_TOO_LARGE");
    raw(operation.name, "GET /api/config HTTP/2.7\r\nHost: localhost\r\n\r\n", 505, "VERSION_NOT_SUPPORTED");
    raw(operation.name, "GET /api/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n", 413,
        "TOO_LARGE");
    struct api_answer *answer = api_raw_for(OPENAPI_PORT, "GET /", 5, 20); /* the head's 10 s pass */
    openapi_hold(&operation, answer, 408, "REQUEST_TIMEOUT");
    api_free(&answer);
}
END_TEST

START_TEST(pages_of_others_change_nothing)
{
    struct operation operation;
    char path[256];
    for (size_t at = 0; openapi_next(&at, &operation);) {
        if (strcmp(operation.verb, "GET") == 0)
            continue;
        openapi_path(&operation, true, path, sizeof path);
        char *body = openapi_body_example(&operation);
        openapi_expect(operation.name, path, body, OPENAPI_ADMIN "Origin: http://elsewhere.example\r\n", 403,
                       "FORBIDDEN");
        free(body);
    }
}
END_TEST

/* Effect: the rate's answer of one operation: it comes in the middle of so many others that their rate is passed; all
 * are asked of things that are not there, without the token, for some are carried out. */
static void pass_the_rate(const struct operation *operation)
{
    enum { BEFORE = 6000, TIMES = 20, BETWEEN = 20, ROUNDS = 40 };
    static const char filler[] = "GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char last[] = "GET /api/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char path[256], request[512];
    openapi_path(operation, false, path, sizeof path);
    int size = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", operation->verb, path);
    size_t capacity = (BEFORE + TIMES * BETWEEN) * sizeof filler + TIMES * sizeof request + sizeof last, used = 0;
    char *requests = tb_alloc_zero(capacity, 1);
    for (int i = 0; i < BEFORE + TIMES * BETWEEN; i++) {
        memcpy(requests + used, filler, sizeof filler - 1);
        used += sizeof filler - 1;
        if (i >= BEFORE && (i - BEFORE) % BETWEEN == 0) {
            memcpy(requests + used, request, (size_t)size);
            used += (size_t)size;
        }
    }
    memcpy(requests + used, last, sizeof last - 1);
    used += sizeof last - 1;
    bool limited = false;
    for (int round = 0; round < ROUNDS && !limited; round++) {
        struct api_answer *all = api_raw_for(OPENAPI_PORT, requests, used, 3);
        char instance[300];
        (void)snprintf(instance, sizeof instance, "\"instance\":\"%s\",\"code\":\"RATE_LIMITED\"", path);
        char *mine = strstr(all->raw, instance);
        while (mine != NULL && mine > all->raw && strncmp(mine, "HTTP/1.1 429", 12) != 0)
            mine--;
        if (mine != NULL) {
            struct api_answer rest = {.raw = mine};
            struct api_answer *one = openapi_one_of(&rest, 429);
            openapi_hold(operation, one, 429, "RATE_LIMITED");
            api_free(&one);
            limited = true;
        }
        api_free(&all);
    }
    free(requests);
    ck_assert_msg(limited, "%s was never answered 429", operation->name);
}

START_TEST(too_many_requests_are_429)
{
    struct operation operation;
    for (size_t at = 0; openapi_next(&at, &operation);) {
        if (openapi_is_limited(&operation))
            pass_the_rate(&operation);
    }
    /* The bucket fills again for whoever comes next. */
    for (int tries = 0; tries < 200; tries++) {
        struct api_answer *answer = api_call(OPENAPI_PORT, "GET", "/api/config", NULL, NULL);
        const char *remaining = api_header(answer, "RateLimit-Remaining");
        bool full = remaining != NULL && strtol(remaining, NULL, 10) > 1000;
        api_free(&answer);
        if (full)
            return;
        (void)poll(NULL, 0, 100);
    }
    ck_abort_msg("the rate does not come back");
}
END_TEST

/* --- nothing is left out --- */

static const struct {
    const char *key; /* "*" at its beginning: of any operation */
    const char *reason;
} unprovoked[] = {
    {"* 503 REGION_UNAVAILABLE", "there is one region, and it is this one"},
    {"default INTERNAL", "there is no known way to it, or it would be repaired"},
};
static bool used[TB_ARRAY_SIZE(unprovoked)];

static bool is_excused(const char *key)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(unprovoked); i++) {
        const char *wanted = unprovoked[i].key;
        size_t length = strlen(key), tail = strlen(wanted) - 1;
        bool same =
            wanted[0] == '*' ? length > tail && strcmp(key + length - tail, wanted + 1) == 0 : strcmp(key, wanted) == 0;
        if (same) {
            used[i] = true;
            return true;
        }
    }
    return false;
}

static int missing;

static void want(const char *key)
{
    bool seen = json_object_get(openapi.seen, key) != NULL, excused = is_excused(key);
    if (seen == excused) {
        (void)fprintf(stderr, "%s: %s\n", key, seen ? "is listed as not to be had, and was had" : "was never seen");
        missing++;
    }
}

static void want_response(const char *name, const char *status, json_t *response)
{
    char key[256];
    const char *code;
    json_t *example;
    json_t *problems = json_object_get(json_object_get(response, "content"), "application/problem+json");
    json_object_foreach(json_object_get(problems, "examples"), code, example)
    {
        if (strcmp(status, "default") == 0)
            (void)snprintf(key, sizeof key, "default %s", code);
        else
            (void)snprintf(key, sizeof key, "%s %s %s", name, status, code);
        want(key);
    }
    (void)snprintf(key, sizeof key, "%s %s ", name, status);
    if (problems == NULL)
        want(key);
}

START_TEST(every_documented_answer_was_seen)
{
    struct operation operation;
    const char *status;
    json_t *response;
    missing = 0;
    for (size_t at = 0; openapi_next(&at, &operation);) {
        json_object_foreach(json_object_get(operation.json, "responses"), status, response)
            want_response(operation.name, status, schema_resolve(openapi.document, response));
    }
    for (size_t i = 0; i < TB_ARRAY_SIZE(unprovoked); i++)
        ck_assert_msg(used[i], "%s is not documented any more", unprovoked[i].key);
    ck_assert_int_eq(missing, 0);
}
END_TEST

/* The same of operations whose every answer comes without an outage or a crowd: GETs, but for 429, 503 and default. */
START_TEST(every_documented_answer_to_reads_was_seen)
{
    static const char *const names[] = {"GET /api/market", "GET /api/config", "GET /api/status",
                                        "GET /api/orders/{orderId}", "GET /api/portfolio/{userId}"};
    missing = 0;
    for (size_t i = 0; i < TB_ARRAY_SIZE(names); i++) {
        struct operation operation = openapi_operation(names[i]);
        const char *status;
        json_t *response;
        json_object_foreach(json_object_get(operation.json, "responses"), status, response)
        {
            if (strcmp(status, "429") != 0 && strcmp(status, "503") != 0 && strcmp(status, "default") != 0)
                want_response(operation.name, status, schema_resolve(openapi.document, response));
        }
    }
    ck_assert_int_eq(missing, 0);
}
END_TEST

TCase *openapi_answers(void)
{
    TCase *part = tcase_create("answers");
    tcase_set_timeout(part, 120);
    tcase_add_test(part, orders_answer_as_documented);
    tcase_add_test(part, what_is_not_there_is_404);
    tcase_add_test(part, without_the_token_it_is_401);
    tcase_add_test(part, bodies_of_another_kind_are_413_415_and_malformed);
    tcase_add_test(part, personas_answer_as_documented);
    tcase_add_test(part, avatars_answer_as_documented);
    tcase_add_test(part, dead_letters_answer_as_documented);
    tcase_add_test(part, what_is_there_reads_as_documented);
    tcase_add_test(part, a_walk_over_pages_reads_as_documented);
    tcase_add_test(part, repairs_answer_as_documented);
    tcase_add_test(part, streams_begin_as_documented);
    tcase_add_test(part, what_is_no_http_is_refused_as_documented);
    tcase_add_test(part, pages_of_others_change_nothing);
    tcase_add_test(part, too_many_requests_are_429);
    tcase_add_test(part, the_last_persona_stays);
    return part;
}

TCase *openapi_seen(void)
{
    TCase *part = tcase_create("seen");
    tcase_add_test(part, every_documented_answer_was_seen);
    return part;
}

TCase *openapi_mutant_parts(void)
{
    TCase *part = tcase_create("mutant");
    tcase_add_test(part, orders_answer_as_documented);
    tcase_add_test(part, what_is_not_there_is_404);
    tcase_add_test(part, without_the_token_it_is_401);
    tcase_add_test(part, what_is_there_reads_as_documented);
    tcase_add_test(part, pages_of_others_change_nothing);
    tcase_add_test(part, every_documented_answer_to_reads_was_seen);
    return part;
}
