/* Parameters and bodies: whatever the document forbids is refused by the gateway with the field's name, and what the
 * document allows is not. So a limit that is changed in one place only is noticed, whichever place that is. */
#include "openapi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

enum { VALUES_MAX = 48 };

/* Return: whether the answer is a 400 that names the field; a persona that is not there is no matter of form. */
static bool refuses(const struct api_answer *answer, const char *field)
{
    json_t *errors = api_at(answer, "errors"), *error;
    size_t i;
    json_array_foreach(errors, i, error)
    {
        const char *code = json_string_value(json_object_get(error, "code"));
        if (strcmp(json_string_value(json_object_get(error, "field")), field) == 0 && strcmp(code, "UNKNOWN_USER") != 0)
            return answer->status == 400;
    }
    return false;
}

/* Effect: holds an answer to a request with one odd field against the document. */
static void judge(const struct operation *operation, const struct api_answer *answer, const char *field, bool allowed,
                  const char *value)
{
    const char *code = answer->status >= 400 ? api_text(answer, "code") : NULL;
    ck_assert_msg(answer->status < 500, "%s: %s = %.300s: %s", operation->name, field, value, answer->raw);
    ck_assert_msg(refuses(answer, field) == !allowed, "%s: %s = %.300s is %s by the document, but got %.1000s",
                  operation->name, field, value, allowed ? "allowed" : "forbidden", answer->raw);
    openapi_hold(operation, answer, answer->status, code);
}

/* --- query parameters --- */

static void add_encoded(char *path, size_t size, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t used = strlen(path);
    for (; *value != '\0'; value++) {
        tb_assert(used + 4 < size);
        if (strchr(plain, *value) != NULL)
            path[used++] = *value;
        else
            used += (size_t)snprintf(path + used, size - used, "%%%02X", (unsigned)(unsigned char)*value);
    }
    path[used] = '\0';
}

/* Effect: writes the path with every required parameter but `except`, as in its example, and then name=value. */
static void write_path(const struct operation *operation, const char *except, const char *value, char *path,
                       size_t size)
{
    json_t *parameter;
    size_t i;
    openapi_path(operation, true, path, size);
    (void)snprintf(path + strlen(path), size - strlen(path), "?");
    json_array_foreach(json_object_get(operation->json, "parameters"), i, parameter)
    {
        parameter = schema_resolve(openapi.document, parameter);
        const char *name = json_string_value(json_object_get(parameter, "name"));
        if (strcmp(name, except) == 0 || !json_is_true(json_object_get(parameter, "required")) ||
            strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0)
            continue;
        const char *example = json_string_value(json_object_get(parameter, "example"));
        ck_assert_msg(example != NULL, "%s: %s is required and has no example", operation->name, name);
        (void)snprintf(path + strlen(path), size - strlen(path), "%s=%s&", name, example);
    }
    if (value != NULL) {
        (void)snprintf(path + strlen(path), size - strlen(path), "%s=", except);
        add_encoded(path, size, value);
    }
}

static void try_parameter(const struct operation *operation, const char *name, const char *value, bool allowed)
{
    char path[2048];
    write_path(operation, name, value, path, sizeof path);
    /* An event stream would not end; for its parameters HEAD is as good. */
    json_t *content = json_object_get(openapi_response(operation, "200"), "content");
    bool is_stream = json_object_get(content, "text/event-stream") != NULL;
    struct api_answer *answer =
        api_call(OPENAPI_PORT, is_stream && allowed ? "HEAD" : "GET", path, NULL, OPENAPI_ADMIN);
    if (is_stream && allowed)
        ck_assert_msg(answer->status == 200, "%s: %s", path, answer->raw);
    else
        judge(operation, answer, name, allowed, value == NULL ? "(nothing)" : value);
    api_free(&answer);
}

/* Effect: asks with whole numbers in and beside the bounds. */
static void try_numbers(const struct operation *operation, const char *name, json_t *schema)
{
    int64_t minimum = json_integer_value(json_object_get(schema, "minimum"));
    int64_t maximum = json_integer_value(json_object_get(schema, "maximum"));
    static const char *const never[] = {"", "abc", "1.5", "1e1", "+1", "99999999999999999999"};
    char value[32];
    ck_assert_msg(json_object_get(schema, "maximum") != NULL, "%s: %s has no maximum", operation->name, name);
    for (size_t i = 0; i < TB_ARRAY_SIZE(never); i++)
        try_parameter(operation, name, never[i], false);
    for (int step = -1; step <= 1; step++) {
        (void)snprintf(value, sizeof value, "%" PRId64, minimum + step);
        try_parameter(operation, name, value, minimum + step >= minimum && minimum + step <= maximum);
        (void)snprintf(value, sizeof value, "%" PRId64, maximum + step);
        try_parameter(operation, name, value, maximum + step >= minimum && maximum + step <= maximum);
    }
}

/* Effect: asks with texts of every kind; the schema says which are allowed. */
static void try_texts(const struct operation *operation, const char *name, json_t *schema)
{
    static const char *const values[] = {
        "nonsense",   "BUY",           "PENDING",    "orders", "orders,nonsense",
        "ops,book",   "csv",           "t\u00fclip", "1m",     "2026-11-22T09:21:16.123Z",
        "2026-11-22", "PersonaCreated"};
    char text[600];
    for (size_t i = 0; i < TB_ARRAY_SIZE(values); i++) {
        struct err err = {0};
        json_t *value = json_string(values[i]);
        try_parameter(operation, name, values[i], schema_check(openapi.document, schema, value, &err) == 0);
        json_decref(value);
    }
    json_int_t longest = json_integer_value(json_object_get(schema, "maxLength"));
    bool is_free = json_object_get(schema, "pattern") == NULL && longest > 0;
    for (json_int_t length = longest; is_free && length <= longest + 1; length++) {
        memset(text, 'a', sizeof text);
        text[length] = '\0';
        try_parameter(operation, name, text, length == longest);
    }
}

static void try_cursor(const struct operation *operation)
{
    char path[1024];
    write_path(operation, "cursor", "bm9uc2Vuc2U", path, sizeof path);
    openapi_expect(operation->name, path, NULL, NULL, 400, "BAD_CURSOR");
}

START_TEST(a_query_parameter_is_refused_exactly_when_the_document_forbids_it)
{
    struct operation operation;
    size_t tried = 0, i;
    json_t *parameter;
    for (size_t at = 0; openapi_next(&at, &operation);) {
        json_array_foreach(json_object_get(operation.json, "parameters"), i, parameter)
        {
            parameter = schema_resolve(openapi.document, parameter);
            const char *name = json_string_value(json_object_get(parameter, "name"));
            json_t *schema = schema_resolve(openapi.document, json_object_get(parameter, "schema"));
            if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0)
                continue;
            tried++;
            if (json_is_true(json_object_get(parameter, "required")))
                try_parameter(&operation, name, NULL, false);
            if (strcmp(name, "cursor") == 0)
                try_cursor(&operation);
            else if (strcmp(json_string_value(json_object_get(schema, "type")), "integer") == 0)
                try_numbers(&operation, name, schema);
            else if (strcmp(name, "lastEventId") != 0) /* any text: what is no cursor is answered by a reset */
                try_texts(&operation, name, schema);
        }
    }
    ck_assert_uint_gt(tried, 30);
}
END_TEST

/* --- bodies --- */

/* Gives values to try for a field, by reference: some of each type, and texts and numbers beside its bounds. */
static size_t make_values(json_t *schema, json_t *values[VALUES_MAX])
{
    static const char *const texts[] = {"", "!", "@x", "t\u00fclip", "nonsense", "BUY", "IOC", "124.2", "1e2", "-1.00"};
    char text[600];
    size_t count = 0;
    for (size_t i = 0; i < TB_ARRAY_SIZE(texts); i++)
        values[count++] = json_string(texts[i]);
    values[count++] = json_true();
    values[count++] = json_null();
    values[count++] = json_object();
    values[count++] = json_array();
    values[count++] = json_real(1.5);
    values[count++] = json_real(1.125);
    values[count++] = json_integer(-1);
    values[count++] = json_integer(0);
    values[count++] = json_integer(1);
    json_t *maximum = json_object_get(schema, "maximum"), *longest = json_object_get(schema, "maxLength");
    for (int step = 0; maximum != NULL && step <= 1; step++)
        values[count++] = json_integer(json_integer_value(maximum) + step);
    for (int step = 0; longest != NULL && step <= 1; step++) {
        memset(text, 'a', sizeof text);
        values[count++] = json_stringn(text, (size_t)json_integer_value(longest) + (size_t)step);
    }
    tb_assert(count <= VALUES_MAX);
    return count;
}

/* Effect: sends the documented body with this field as value, or without it (NULL). */
static void try_field(const struct operation *operation, const char *field, json_t *value, bool allowed)
{
    char *example = openapi_body_example(operation), path[256];
    json_t *body = json_loads(example, 0, NULL);
    json_object_del(body, field);
    json_object_del(body, "idempotencyKey"); /* so that no order is the one before */
    if (value != NULL)
        json_object_set(body, field, value);
    char *text = json_dumps(body, JSON_COMPACT), *said = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    openapi_path(operation, true, path, sizeof path);
    struct api_answer *answer = api_call(OPENAPI_PORT, operation->verb, path, text, OPENAPI_ADMIN);
    judge(operation, answer, field, allowed, said == NULL ? "(nothing)" : said);
    api_free(&answer);
    json_decref(body);
    free(text), free(said), free(example);
}

static bool is_required(json_t *schema, const char *name)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, one)
    {
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

START_TEST(a_field_is_refused_exactly_when_the_document_forbids_it)
{
    struct operation operation;
    size_t tried = 0;
    for (size_t at = 0; openapi_next(&at, &operation);) {
        json_t *schema = openapi_body_schema(&operation), *property;
        const char *name;
        json_object_foreach(json_object_get(schema, "properties"), name, property)
        {
            json_t *values[VALUES_MAX];
            property = schema_resolve(openapi.document, property);
            size_t count = make_values(property, values);
            if (is_required(schema, name))
                try_field(&operation, name, NULL, false);
            for (size_t i = 0; i < count; i++, tried++) {
                struct err err = {0};
                /* A number with decimals is judged by its source text, which JSON Schema cannot see. */
                bool fits = schema_check(openapi.document, property, values[i], &err) == 0;
                bool sees = !json_is_real(values[i]) || json_real_value(values[i]) == 1.5 || !fits;
                if (sees)
                    try_field(&operation, name, values[i], fits);
                json_decref(values[i]);
            }
        }
    }
    ck_assert_uint_gt(tried, 200);
}
END_TEST

START_TEST(a_key_in_the_header_has_the_bounds_of_the_key_in_the_body)
{
    static const char body[] = "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"}";
    char header[400] = "Idempotency-Key: ";
    size_t at = strlen(header);
    memset(header + at, 'k', 256);
    (void)snprintf(header + at + 255, 4, "\r\n");
    (void)snprintf(header + at, 12, "%010d", (int)getpid());
    header[at + 10] = 'k';
    openapi_expect("POST /api/orders", "/api/orders", body, header, 201, NULL);
    header[at + 255] = 'k';
    (void)snprintf(header + at + 256, 4, "\r\n");
    openapi_expect("POST /api/orders", "/api/orders", body, header, 400, "VALIDATION");
}
END_TEST

TCase *openapi_bounds(void)
{
    TCase *part = tcase_create("bounds");
    tcase_set_timeout(part, 300);
    tcase_add_test(part, a_query_parameter_is_refused_exactly_when_the_document_forbids_it);
    tcase_add_test(part, a_field_is_refused_exactly_when_the_document_forbids_it);
    tcase_add_test(part, a_key_in_the_header_has_the_bounds_of_the_key_in_the_body);
    return part;
}
