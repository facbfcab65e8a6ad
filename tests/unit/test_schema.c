#include "schema.h"

#include <string.h>

#include "base.h"
#include "check_main.h"

/* What the schemas below may refer to. */
static const char components[] =
    "{\"a/b~c\":{\"type\":\"null\"},\"Money\":{\"type\":\"string\",\"pattern\":\"^[0-9]+\\\\.[0-9]{2}$\"},"
    "\"Again\":{\"$ref\":\"#/Money\"},\"Round\":{\"$ref\":\"#/Round\"},"
    "\"Base\":{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"integer\"}}},"
    "\"Tree\":{\"type\":\"object\",\"properties\":{\"left\":{\"$ref\":\"#/Tree\"},\"leaf\":{\"type\":\"integer\"}}}}";

static const struct {
    const char *schema, *value;
    const char *fault; /* part of what is said; NULL: it fits */
} some[] = {
    {"{\"type\":\"string\"}", "\"a\"", NULL},
    {"{\"type\":\"string\"}", "1", "(root): 1 is of another type"},
    {"{\"type\":\"integer\"}", "1", NULL},
    {"{\"type\":\"integer\"}", "1.0", "another type"},
    {"{\"type\":\"number\"}", "1.5", NULL},
    {"{\"type\":\"number\"}", "1", NULL},
    {"{\"type\":\"boolean\"}", "false", NULL},
    {"{\"type\":\"boolean\"}", "null", "another type"},
    {"{\"type\":[\"string\",\"null\"]}", "null", NULL},
    {"{\"type\":[\"string\",\"null\"]}", "true", "another type"},
    {"{\"type\":\"thing\"}", "1", "another type"},
    {"{\"enum\":[\"BUY\",\"SELL\"]}", "\"SELL\"", NULL},
    {"{\"enum\":[\"BUY\",\"SELL\"]}", "\"sell\"", "none of the values"},
    {"{\"const\":\"fl\"}", "\"fl\"", NULL},
    {"{\"const\":\"fl\"}", "\"eur\"", "not the one value"},
    {"{\"type\":\"integer\",\"minimum\":1,\"maximum\":200}", "1", NULL},
    {"{\"type\":\"integer\",\"minimum\":1,\"maximum\":200}", "200", NULL},
    {"{\"type\":\"integer\",\"minimum\":1,\"maximum\":200}", "0", "below the minimum"},
    {"{\"type\":\"integer\",\"minimum\":1,\"maximum\":200}", "201", "above the maximum"},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"t\u00fcl\"", NULL},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"t\"", "too short or too long"},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"tuli\"", "too short or too long"},
    {"{\"$ref\":\"#/Money\"}", "\"12.00\"", NULL},
    {"{\"$ref\":\"#/Money\"}", "\"12.0\"", "does not match"},
    {"{\"$ref\":\"#/Again\"}", "\"12.0\"", "does not match"},
    {"{\"$ref\":\"#/a~1b~0c\"}", "null", NULL},
    {"{\"$ref\":\"#/Nowhere\"}", "1", "has no schema"},
    {"{\"$ref\":\"#/Round\"}", "1", "has no schema"},
    {"{\"$ref\":\"elsewhere.json\"}", "1", "has no schema"},
    {"{\"$ref\":\"#/Base\"}", "{\"id\":1}", NULL},
    {"{\"$ref\":\"#/Base\"}", "{}", "lacks id"},
    {"{\"$ref\":\"#/Base\"}", "{\"id\":\"1\"}", "id: \"1\" is of another type"},
    {"{\"$ref\":\"#/Base\"}", "{\"id\":1,\"more\":2}", "does not name: more"},
    {"{\"type\":\"object\"}", "{\"more\":2}", "does not name: more"},
    {"{\"type\":\"object\",\"additionalProperties\":true}", "{\"more\":2}", NULL},
    {"{\"type\":\"object\",\"additionalProperties\":false}", "{\"more\":2}", "does not name: more"},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{\"more\":2}", NULL},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{\"more\":\"2\"}", "more: \"2\" is of"},
    {"{\"allOf\":[{\"$ref\":\"#/Base\"},{\"properties\":{\"more\":{\"type\":\"integer\"}}}]}", "{\"id\":1,\"more\":2}",
     NULL},
    {"{\"allOf\":[{\"$ref\":\"#/Base\"},{\"properties\":{\"more\":{\"type\":\"integer\"}}}]}", "{\"id\":1,\"most\":2}",
     "does not name: most"},
    {"{\"allOf\":[{\"$ref\":\"#/Base\"},{\"properties\":{\"more\":{\"type\":\"integer\"}}}]}",
     "{\"id\":1,\"more\":\"\"}", "more: \"\" is of another type"},
    {"{\"anyOf\":[{\"$ref\":\"#/Money\"},{\"type\":\"null\"}]}", "null", NULL},
    {"{\"anyOf\":[{\"$ref\":\"#/Money\"},{\"type\":\"null\"}]}", "1", "none of the alternatives"},
    {"{\"anyOf\":[{\"$ref\":\"#/Base\"},{\"type\":\"null\"}]}", "{\"id\":1,\"more\":2}", "does not name: more"},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "1", NULL},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", "1", "exactly one"},
    {"{\"type\":\"array\",\"items\":{\"$ref\":\"#/Base\"},\"minItems\":1,\"maxItems\":2}", "[{\"id\":1}]", NULL},
    {"{\"type\":\"array\",\"items\":{\"$ref\":\"#/Base\"},\"minItems\":1,\"maxItems\":2}", "[]", "too few or too many"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":2}", "[1,2,3]", "too few or too many"},
    {"{\"type\":\"array\",\"items\":{\"$ref\":\"#/Base\"}}", "[{\"id\":1},{\"id\":true}]", "1.id: true is of"},
    {"{\"$ref\":\"#/Tree\"}", "{\"left\":{\"left\":{\"leaf\":1}}}", NULL},
    {"{\"$ref\":\"#/Tree\"}", "{\"left\":{\"left\":{\"leaf\":\"\"}}}", "left.left.leaf: \"\" is of"},
};

static json_t *load(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_msg(value != NULL, "%s", text);
    return value;
}

START_TEST(a_value_fits_its_schema_or_the_fault_is_named)
{
    json_t *document = load(components), *schema = load(some[_i].schema), *value = load(some[_i].value);
    struct err err = {0};
    int verdict = schema_check(document, schema, value, &err);
    if (some[_i].fault == NULL)
        ck_assert_msg(verdict == 0, "%s: %s", some[_i].schema, err.text);
    else
        ck_assert_msg(verdict < 0 && strstr(err.text, some[_i].fault) != NULL, "%s, %s: %s", some[_i].schema,
                      some[_i].value, verdict < 0 ? err.text : "fits");
    json_decref(document), json_decref(schema), json_decref(value);
}
END_TEST

START_TEST(what_is_no_json_fits_nothing)
{
    json_t *document = load(components);
    struct err err = {0};
    ck_assert_int_lt(schema_check(document, document, NULL, &err), 0);
    json_decref(document);
}
END_TEST

static const struct {
    const char *schema;
    const char *fault;
} vocabularies[] = {
    {"{\"type\":\"object\",\"properties\":{\"if\":{\"type\":\"string\",\"format\":\"date\",\"description\":\"\"}}}",
     NULL},
    {"{\"anyOf\":[{\"$ref\":\"#/Money\"}],\"additionalProperties\":false}", NULL},
    {"{\"type\":\"string\",\"pattern\":\"^a\\\\.b$\"}", NULL},
    {"{\"if\":{}}", "nothing checks: if"},
    {"{\"type\":\"array\",\"items\":{\"uniqueItems\":true}}", "items: has a keyword that nothing checks: uniqueItems"},
    {"{\"properties\":{\"a\":{\"allOf\":[{\"not\":{}}]}}}",
     "properties.a.allOf: has a keyword that nothing checks: not"},
    {"{\"additionalProperties\":{\"nullable\":true}}", "nullable"},
    {"{\"type\":\"string\",\"pattern\":\"(\"}", "no POSIX one"},
    {"{\"type\":\"string\",\"pattern\":\"^\\\\d+$\"}", "no POSIX one"},
    {"{\"$ref\":\"#/Nowhere\"}", "points nowhere"},
    {"{\"items\":[]}", "is no schema"},
};

START_TEST(a_keyword_that_nothing_checks_is_named)
{
    json_t *document = load(components), *schema = load(vocabularies[_i].schema);
    struct err err = {0};
    int verdict = schema_vocabulary(document, schema, &err);
    if (vocabularies[_i].fault == NULL)
        ck_assert_msg(verdict == 0, "%s: %s", vocabularies[_i].schema, err.text);
    else
        ck_assert_msg(verdict < 0 && strstr(err.text, vocabularies[_i].fault) != NULL, "%s: %s",
                      vocabularies[_i].schema, verdict < 0 ? err.text : "is taken");
    json_decref(document), json_decref(schema);
}
END_TEST

CHECK_MAIN("schema", tcase_add_loop_test(cases, a_value_fits_its_schema_or_the_fault_is_named, 0, TB_ARRAY_SIZE(some));
           tcase_add_test(cases, what_is_no_json_fits_nothing);
           tcase_add_loop_test(cases, a_keyword_that_nothing_checks_is_named, 0, TB_ARRAY_SIZE(vocabularies));)
