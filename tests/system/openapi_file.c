/* The document by itself: every schema is one we check, every example fits, every problem code of the code is there. */
#include "openapi.h"

#include <string.h>

#include "base.h"
#include "problem.h"

static void look(json_t *schema, const char *where)
{
    struct err err = {0};
    if (schema_vocabulary(openapi.document, schema, &err) < 0)
        ck_abort_msg("%s: %s", where, err.text);
}

static void fits(json_t *schema, json_t *example, const char *where)
{
    struct err err = {0};
    if (schema_check(openapi.document, schema, example, &err) < 0)
        ck_abort_msg("the example of %s: %s", where, err.text);
}

/* Effect: holds what a response or a body contains: its schema, its example or examples. */
static void hold_content(json_t *holder, const char *where)
{
    const char *type, *name;
    json_t *media, *example;
    json_object_foreach(json_object_get(holder, "content"), type, media)
    {
        json_t *schema = json_object_get(media, "schema"), *one = json_object_get(media, "example");
        json_t *several = json_object_get(media, "examples");
        look(schema, where);
        ck_assert_msg(one != NULL || json_object_size(several) > 0, "%s has no example of %s", where, type);
        if (one != NULL)
            fits(schema, one, where);
        json_object_foreach(several, name, example)
            fits(schema, json_object_get(schema_resolve(openapi.document, example), "value"), where);
    }
}

START_TEST(every_schema_says_only_what_is_checked)
{
    static const char *const kinds[] = {"schemas", "parameters", "headers"};
    json_t *components = json_object_get(openapi.document, "components"), *component;
    const char *name;
    ck_assert_str_eq(json_string_value(json_object_get(openapi.document, "openapi")), "3.1.0");
    for (size_t i = 0; i < TB_ARRAY_SIZE(kinds); i++) {
        json_object_foreach(json_object_get(components, kinds[i]), name, component)
            look(i == 0 ? component : json_object_get(component, "schema"), name);
    }
}
END_TEST

START_TEST(every_operation_is_whole_and_its_examples_fit)
{
    struct operation operation;
    size_t count = 0;
    for (size_t at = 0; openapi_next(&at, &operation); count++) {
        const char *status;
        json_t *response, *parameter;
        size_t i;
        hold_content(json_object_get(operation.json, "requestBody"), operation.name);
        json_object_foreach(json_object_get(operation.json, "responses"), status, response)
        {
            response = schema_resolve(openapi.document, response);
            ck_assert_msg(json_is_object(response), "%s %s points nowhere", operation.name, status);
            hold_content(response, operation.name);
        }
        ck_assert_msg(openapi_response(&operation, "default") != NULL, "%s has no default", operation.name);
        json_array_foreach(json_object_get(operation.json, "parameters"), i, parameter)
        {
            parameter = schema_resolve(openapi.document, parameter);
            ck_assert_msg(json_is_object(parameter), "%s: a parameter points nowhere", operation.name);
            look(json_object_get(parameter, "schema"), operation.name);
        }
    }
    ck_assert_uint_gt(count, 30);
}
END_TEST

START_TEST(the_problem_codes_are_those_of_the_code)
{
    json_t *components = json_object_get(openapi.document, "components");
    json_t *examples = json_object_get(components, "examples");
    json_t *codes = json_object_get(json_object_get(json_object_get(components, "schemas"), "ProblemCode"), "enum");
    ck_assert_uint_eq(json_array_size(codes), PROBLEM_CODES_END - 1);
    for (int code = 1; code < PROBLEM_CODES_END; code++) {
        const char *text = problem_code_text((enum problem_code)code);
        json_t *value = json_object_get(json_object_get(examples, text), "value");
        ck_assert_msg(value != NULL, "%s has no example", text);
        ck_assert_str_eq(json_string_value(json_object_get(value, "code")), text);
        ck_assert_int_eq(json_integer_value(json_object_get(value, "status")), problem_status((enum problem_code)code));
        ck_assert_str_eq(json_string_value(json_array_get(codes, (size_t)code - 1)), text);
    }
}
END_TEST

TCase *openapi_file(void)
{
    TCase *part = tcase_create("file");
    tcase_add_test(part, every_schema_says_only_what_is_checked);
    tcase_add_test(part, every_operation_is_whole_and_its_examples_fit);
    tcase_add_test(part, the_problem_codes_are_those_of_the_code);
    return part;
}
