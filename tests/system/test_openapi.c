/* docs/openapi.json against the running gateway. An instance that runs already (TB_TEST_PORT, TB_TEST_DATA) must have
 * been started with SETTINGS. */
#include "openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

#define SETTINGS "TB_SIMFILL_DELAY_MS=5 TB_ADMIN_TOKEN=" OPENAPI_TOKEN " TB_RATE_LIMIT=2000 TB_RATE_LIMIT_LOOPBACK=true"

struct openapi openapi;

/* --- the document --- */

bool openapi_next(size_t *at, struct operation *operation)
{
    size_t place = 0;
    const char *path, *verb;
    json_t *verbs, *json;
    json_object_foreach(json_object_get(openapi.document, "paths"), path, verbs)
    {
        json_object_foreach(verbs, verb, json)
        {
            if (place++ < *at)
                continue;
            *at = place;
            *operation = (struct operation){.path = path, .json = json};
            for (size_t i = 0; verb[i] != '\0' && i + 1 < sizeof operation->verb; i++)
                operation->verb[i] = (char)toupper((unsigned char)verb[i]);
            (void)snprintf(operation->name, sizeof operation->name, "%s %s", operation->verb, path);
            return true;
        }
    }
    return false;
}

struct operation openapi_operation(const char *name)
{
    struct operation operation;
    for (size_t at = 0; openapi_next(&at, &operation);) {
        if (strcmp(operation.name, name) == 0)
            return operation;
    }
    ck_abort_msg("%s is not in the document", name);
    return operation;
}

json_t *openapi_response(const struct operation *operation, const char *status)
{
    json_t *response = json_object_get(json_object_get(operation->json, "responses"), status);
    return response == NULL ? NULL : schema_resolve(openapi.document, response);
}

static json_t *media(json_t *holder, const char *type)
{
    return json_object_get(json_object_get(holder, "content"), type);
}

bool openapi_has_code(json_t *response, const char *code)
{
    return json_object_get(json_object_get(media(response, "application/problem+json"), "examples"), code) != NULL;
}

json_t *openapi_body_schema(const struct operation *operation)
{
    json_t *body = media(json_object_get(operation->json, "requestBody"), "application/json");
    return body == NULL ? NULL : schema_resolve(openapi.document, json_object_get(body, "schema"));
}

bool openapi_takes_picture(const struct operation *operation)
{
    return media(json_object_get(operation->json, "requestBody"), "image/png") != NULL;
}

char *openapi_body_example(const struct operation *operation)
{
    json_t *body = media(json_object_get(operation->json, "requestBody"), "application/json");
    return body == NULL ? NULL : json_dumps(json_object_get(body, "example"), JSON_COMPACT);
}

void openapi_path(const struct operation *operation, bool existing, char *path, size_t size)
{
    static const struct {
        const char *param, *existing, *absent;
    } values[] = {{"{userId}", "clusius", "nobody-here"},
                  {"{orderId}", NULL, "nl-1.999999999"},
                  {"{dlqId}", NULL, "nl-1.999999999"},
                  {"{traceId}", NULL, "0123456789abcdef0123456789abcdef"}};
    const char *from = operation->path;
    size_t used = 0;
    while (*from != '\0') {
        tb_assert(used + 1 < size);
        size_t i = 0;
        while (i < TB_ARRAY_SIZE(values) && strncmp(from, values[i].param, strlen(values[i].param)) != 0)
            i++;
        ck_assert_msg(i < TB_ARRAY_SIZE(values) || *from != '{', "%s: nothing to put into it", operation->name);
        if (i == TB_ARRAY_SIZE(values)) {
            path[used++] = *from++;
            continue;
        }
        const char *value = !existing                                   ? values[i].absent
                            : values[i].existing != NULL                ? values[i].existing
                            : strcmp(values[i].param, "{traceId}") == 0 ? openapi.trace
                                                                        : openapi.order;
        used += (size_t)snprintf(path + used, size - used, "%s", value);
        from += strlen(values[i].param);
    }
    path[used] = '\0';
}

bool openapi_is_limited(const struct operation *operation)
{
    return strncmp(operation->path, "/health/", 8) != 0 && strcmp(operation->path, "/metrics") != 0;
}

struct api_answer *openapi_one_of(const struct api_answer *all, int status)
{
    char wanted[24];
    (void)snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", status);
    const char *begin = strstr(all->raw, wanted);
    if (begin == NULL)
        return NULL;
    const char *end = strstr(begin + 1, "HTTP/1.1 ");
    struct api_answer *one = tb_alloc_zero(1, sizeof *one);
    one->raw_size = end == NULL ? strlen(begin) : (size_t)(end - begin);
    one->raw = tb_alloc_zero(one->raw_size + 1, 1);
    memcpy(one->raw, begin, one->raw_size);
    one->status = status;
    const char *blank = strstr(one->raw, "\r\n\r\n");
    one->body = blank == NULL ? "" : blank + 4;
    one->json = json_loads(one->body, JSON_REJECT_DUPLICATES, NULL);
    return one;
}

/* --- answers --- */

/* The rate is told in every answer that came past its check, and only there: not for what is no HTTP, nor for pages of
 * other origins. */
static void hold_rate(const struct operation *operation, json_t *response, const struct api_answer *answer,
                      bool is_common)
{
    static const char *const names[] = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"};
    bool is_page = answer->status == 403 && strcmp(operation->verb, "GET") != 0;
    bool counts = (openapi_is_limited(operation) || answer->status == 405) && !is_page && answer->status != 413 &&
                  (!is_common || answer->status == 405);
    for (size_t i = 0; i < TB_ARRAY_SIZE(names); i++) {
        bool told = api_header(answer, names[i]) != NULL;
        ck_assert_msg(told == counts, "%s: %s is %s", operation->name, names[i], told ? "there" : "missing");
        ck_assert_msg(!told || json_object_get(json_object_get(response, "headers"), names[i]) != NULL,
                      "%s: %s is not documented", operation->name, names[i]);
    }
}

static void hold_headers(const struct operation *operation, json_t *response, const struct api_answer *answer)
{
    const char *name;
    json_t *header;
    json_object_foreach(json_object_get(response, "headers"), name, header)
    {
        struct err err = {0};
        header = schema_resolve(openapi.document, header);
        const char *text = api_header(answer, name);
        ck_assert_msg(text != NULL || !json_is_true(json_object_get(header, "required")), "%s lacks %s: %s",
                      operation->name, name, answer->raw);
        json_t *value = text == NULL ? NULL : json_string(text);
        if (value != NULL && schema_check(openapi.document, json_object_get(header, "schema"), value, &err) < 0)
            ck_abort_msg("%s, header %s: %s", operation->name, name, err.text);
        json_decref(value);
    }
}

static void hold_body(const struct operation *operation, json_t *response, const struct api_answer *answer)
{
    json_t *content = json_object_get(response, "content");
    const char *header = api_header(answer, "Content-Type");
    char type[64] = "";
    if (content == NULL) {
        ck_assert_msg(header == NULL, "%s has a body that is not documented: %s", operation->name, answer->raw);
        return;
    }
    ck_assert_msg(header != NULL, "%s has no Content-Type: %s", operation->name, answer->raw);
    (void)snprintf(type, sizeof type, "%.*s", (int)strcspn(header, ";"), header);
    json_t *schema = json_object_get(json_object_get(content, type), "schema");
    ck_assert_msg(schema != NULL, "%s answers %s, which is not documented for it", operation->name, type);
    struct err err = {0};
    bool is_json = strstr(type, "json") != NULL;
    json_t *text = is_json ? NULL : json_string(answer->body);
    if (schema_check(openapi.document, schema, is_json ? answer->json : text, &err) < 0)
        ck_abort_msg("%s: %s\n%.2000s", operation->name, err.text, answer->raw);
    json_decref(text);
}

void openapi_hold(const struct operation *operation, const struct api_answer *answer, int status, const char *code)
{
    char text[16], key[256];
    (void)snprintf(text, sizeof text, "%d", answer->status);
    ck_assert_msg(answer->status == status, "%s: expected %d %s, got %.2000s", operation->name, status,
                  code == NULL ? "" : code, answer->raw);
    json_t *response = openapi_response(operation, text);
    bool is_common = code != NULL && (response == NULL || !openapi_has_code(response, code));
    if (is_common)
        response = openapi_response(operation, "default");
    ck_assert_msg(response != NULL, "%s: %s is not documented", operation->name, text);
    hold_headers(operation, response, answer);
    hold_rate(operation, response, answer, is_common);
    hold_body(operation, response, answer);
    if (code != NULL) {
        ck_assert_msg(strcmp(api_text(answer, "code"), code) == 0 && api_int(answer, "status") == status,
                      "%s: expected %s, got %s", operation->name, code, answer->body);
        ck_assert_msg(openapi_has_code(response, code), "%s: %s %s is not documented", operation->name, text, code);
    }
    if (is_common)
        (void)snprintf(key, sizeof key, "default %s", code);
    else
        (void)snprintf(key, sizeof key, "%s %s %s", operation->name, text, code == NULL ? "" : code);
    json_object_set_new(openapi.seen, key, json_true());
}

struct api_answer *openapi_call(const char *name, const char *path, const char *body, const char *headers, int status,
                                const char *code)
{
    struct operation operation = openapi_operation(name);
    struct api_answer *answer =
        api_call(OPENAPI_PORT, operation.verb, path, body, headers == NULL ? OPENAPI_ADMIN : headers);
    openapi_hold(&operation, answer, status, code);
    return answer;
}

void openapi_expect(const char *operation, const char *path, const char *body, const char *headers, int status,
                    const char *code)
{
    struct api_answer *answer = openapi_call(operation, path, body, headers, status, code);
    api_free(&answer);
}

/* --- the whole --- */

static void make_order(void)
{
    struct api_answer *answer = api_call(
        OPENAPI_PORT, "POST", "/api/orders",
        "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":10,\"price\":\"124.20\"}", "Prefer: wait=10\r\n");
    if (strcmp(api_text(answer, "status"), "ACCEPTED") != 0) {
        (void)fprintf(stderr, "an order is not filled: %s\n", answer->raw);
        abort();
    }
    (void)snprintf(openapi.order, sizeof openapi.order, "%s", api_text(answer, "orderId"));
    (void)snprintf(openapi.trace, sizeof openapi.trace, "%s", api_text(answer, "traceId"));
    api_free(&answer);
}

static void add_parts(Suite *suite)
{
    suite_add_tcase(suite, openapi_served());
    suite_add_tcase(suite, openapi_bounds());
    suite_add_tcase(suite, openapi_answers());
    suite_add_tcase(suite, openapi_outage());
    suite_add_tcase(suite, openapi_seen());
    suite_add_tcase(suite, openapi_mutants());
}

int main(void)
{
    json_error_t error;
    openapi.document = json_load_file("docs/openapi.json", JSON_REJECT_DUPLICATES, &error);
    if (openapi.document == NULL) {
        (void)fprintf(stderr, "docs/openapi.json:%d: %s\n", error.line, error.text);
        return EXIT_FAILURE;
    }
    openapi.seen = json_object();
    cluster_start(&openapi.cluster, SETTINGS);
    make_order();
    bool is_mutant = openapi_become_mutant(getenv("TB_OPENAPI_MUTANT"));
    Suite *suite = suite_create("openapi");
    suite_add_tcase(suite, openapi_file());
    suite_add_tcase(suite, openapi_routes());
    if (is_mutant)
        suite_add_tcase(suite, openapi_mutant_parts());
    else
        add_parts(suite);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    json_decref(openapi.seen);
    json_decref(openapi.document);
    int audit = is_mutant ? 0 : cluster_stop(&openapi.cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
