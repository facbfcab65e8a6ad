#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "child.h"
#include "config.h"

static const struct config_key keys[] = {
    {"port", CONFIG_INTEGER, "8080", 1, 65535, "TCP port."},
    {"any_number", CONFIG_INTEGER, "", 0, 0, "Any number."},
    {"strict", CONFIG_BOOLEAN, "false", 0, 0, "Be strict."},
    {"opening_balance", CONFIG_MONEY, "10000.00", 0, 0, "Opening balance."},
    {"admin_token", CONFIG_SECRET, "", 0, 0, "Token."},
    {"ui_dir", CONFIG_TEXT, "ui/dist", 0, 0, "Directory of the page."},
    {0},
};

static char file_path[64];
static struct err err;
static struct child_result result;

static void set_up(void)
{
    tb_copy_text(file_path, sizeof file_path, "/tmp/tulip-test-config-XXXXXX");
    int fd = mkstemp(file_path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    static const char *const names[] = {"TB_REGION",      "TB_PORT",         "TB_STRICT",   "TB_UI_DIR",
                                        "TB_ADMIN_TOKEN", "TB_LOG_LEVEL",    "TB_INSTANCE", "TB_AZ",
                                        "TB_RUN_DIR",     "TB_DATABASE_URL", "TB_ENV",      "TB_RESTARTS"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(names); i++)
        unsetenv(names[i]);
    err = (struct err){0};
}

static void tear_down(void)
{
    unlink(file_path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Gives the config made from flags (split at spaces, "" = none) and, with a file text, from --config. */
static struct config *load(const char *file_text, const char *flags)
{
    char copy[1024];
    char *argv[20] = {copy};
    int argc = 1;
    ck_assert(tb_copy_text(copy, sizeof copy, flags));
    char *rest = copy;
    for (char *word; (word = strsep(&rest, " ")) != NULL && argc < 16;)
        if (*word)
            argv[argc++] = word;
    if (file_text) {
        write_file(file_text);
        argv[argc++] = "--config";
        argv[argc++] = file_path;
    }
    return config_load("gateway", keys, argc, argv, &err);
}

START_TEST(defaults_hold_without_any_source)
{
    struct config *config = load(NULL, "");
    ck_assert_msg(config != NULL, "%s", err.text);
    ck_assert_str_eq(config_text(config, "region"), "nl-1");
    ck_assert_str_eq(config_text(config, "az"), "az-1");
    ck_assert_str_eq(config_text(config, "instance"), "1");
    ck_assert_str_eq(config_text(config, "log_level"), "info");
    ck_assert_str_eq(config_text(config, "env"), "local");
    ck_assert_int_eq(config_integer(config, "restarts"), 0);
    ck_assert_int_eq(config_integer(config, "port"), 8080);
    ck_assert_int_eq(config_integer(config, "any_number"), 0);
    ck_assert_int_eq(config_boolean(config, "strict"), false);
    ck_assert_int_eq(config_money_cents(config, "opening_balance"), 1000000);
    ck_assert_str_eq(config_text(config, "admin_token"), "");
    ck_assert(!config_answered(config));
    config_free(&config);
    ck_assert_ptr_null(config);
}
END_TEST

START_TEST(the_later_source_wins)
{
    const char *all = "[tulip]\nregion = be-1\n";
    const char *both = "[gateway]\nregion = de-1\n[tulip]\nregion = be-1\n";
    static const struct {
        int file; /* 0 none, 1 all, 2 both */
        const char *environment, *flags, *region;
    } table[] = {
        {0, NULL, "", "nl-1"},
        {1, NULL, "", "be-1"},
        {2, NULL, "", "de-1"}, /* the actor's own section, wherever it stands */
        {2, "fr-1", "", "fr-1"},
        {2, "fr-1", "--region uk-1", "uk-1"},
        {2, "fr-1", "--region=uk-1", "uk-1"},
        {0, "fr-1", "", "fr-1"},
        {0, "", "", "nl-1"}, /* empty is unset */
        {1, NULL, "--region uk-1 --region us-1", "us-1"},
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++) {
        unsetenv("TB_REGION");
        if (table[i].environment)
            setenv("TB_REGION", table[i].environment, 1);
        struct config *config = load(table[i].file == 0 ? NULL : table[i].file == 1 ? all : both, table[i].flags);
        ck_assert_msg(config != NULL, "%zu: %s", i, err.text);
        ck_assert_str_eq(config_text(config, "region"), table[i].region);
        config_free(&config);
    }
}
END_TEST

START_TEST(flags_have_three_spellings)
{
    static const struct {
        const char *flags;
        bool strict;
        int64_t port;
    } table[] = {{"--strict --port 80", true, 80},      {"--port=80 --strict", true, 80},
                 {"--strict=false --port 1", false, 1}, {"--strict yes --port=65535", true, 65535},
                 {"--strict off", false, 8080},         {"--strict=1", true, 8080}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++) {
        struct config *config = load(NULL, table[i].flags);
        ck_assert_msg(config != NULL, "%s: %s", table[i].flags, err.text);
        ck_assert_int_eq(config_boolean(config, "strict"), table[i].strict);
        ck_assert_int_eq(config_integer(config, "port"), table[i].port);
        config_free(&config);
    }
}
END_TEST

START_TEST(foreign_keys_are_left_to_their_actors)
{
    setenv("TB_SIMFILL_DELAY_MS", "nonsense", 1);
    struct config *config = load("; shared file\n[tulip]\nenv = staging ; a remark\n[simfill]\nsimfill_delay_ms = "
                                 "0\n[gateway]\nui_dir=/srv/ui\n",
                                 "");
    unsetenv("TB_SIMFILL_DELAY_MS");
    ck_assert_msg(config != NULL, "%s", err.text);
    ck_assert_str_eq(config_text(config, "env"), "staging");
    ck_assert_str_eq(config_text(config, "ui_dir"), "/srv/ui");
    config_free(&config);
}
END_TEST

/* What is wrong is named: source, key and reason all occur in the error. */
static const struct {
    const char *file, *environment, *flags;
    const char *words[3];
} wrong[] = {
    {NULL, NULL, "--prot 80", {"unknown flag --prot", "--help", ""}},
    {NULL, NULL, "--simfill-delay-ms 0", {"unknown flag --simfill-delay-ms", "", ""}},
    {NULL, NULL, "--ui_dir x", {"unknown flag --ui_dir", "", ""}},
    {NULL, NULL, "port", {"unexpected argument 'port'", "", ""}},
    {NULL, NULL, "--", {"unexpected argument", "", ""}},
    {NULL, NULL, "--port", {"--port", "needs a value", ""}},
    {NULL, NULL, "--port --strict", {"--port", "needs a value", ""}},
    {NULL, NULL, "--port 0", {"flag --port", "1 to 65535", "'0'"}},
    {NULL, NULL, "--port 65536", {"flag --port", "out of range", "'65536'"}},
    {NULL, NULL, "--port 99999999999999999999", {"flag --port", "out of range", ""}},
    {NULL, NULL, "--any-number 99999999999999999999", {"flag --any-number", "out of range", ""}},
    {NULL, NULL, "--port 80x", {"flag --port", "whole number", "'80x'"}},
    {NULL, NULL, "--port=", {"flag --port", "whole number", ""}},
    {NULL, NULL, "--port +80", {"flag --port", "whole number", ""}},
    {NULL, NULL, "--port 8.0", {"flag --port", "whole number", ""}},
    {NULL, NULL, "--strict=perhaps", {"flag --strict", "true or false", "'perhaps'"}},
    {NULL, NULL, "--opening-balance 1e3", {"flag --opening-balance", "opening_balance", "amount"}},
    {NULL, NULL, "--opening-balance 1.234", {"flag --opening-balance", "opening_balance", "amount"}},
    {NULL, NULL, "--log-level loud", {"flag --log-level", "debug, info", "'loud'"}},
    {NULL, NULL, "--region -nl", {"flag --region", "region", "'-nl'"}},
    {NULL, NULL, "--region nl-", {"flag --region", "region", "'nl-'"}},
    {NULL, NULL, "--region abcdefghijklmnopq", {"flag --region", "1 to 16", ""}},
    {NULL, NULL, "--region=", {"flag --region", "1 to 16", ""}},
    {NULL, NULL, "--instance ../x", {"flag --instance", "'../x'", ""}},
    {NULL, NULL, "--help=yes", {"--help", "takes no value", ""}},
    {NULL, NULL, "--config", {"--config", "needs a file", ""}},
    {NULL, NULL, "--config /nonexistent/tulip.ini", {"/nonexistent/tulip.ini", "No such file", ""}},
    {NULL, "NL", "", {"environment TB_REGION", "region", "'NL'"}},
    {NULL, "a\nb", "", {"environment TB_REGION", "control characters", ""}},
    {"[tulip]\nregoin = nl-1\n", NULL, "", {"line 2", "unknown key", "'regoin'"}},
    {"[gateway]\nprot = 80\n", NULL, "", {"line 2", "unknown key", "'prot'"}},
    {"[gatway]\nport = 80\n", NULL, "", {"line 2", "unknown section", "'gatway'"}},
    {"[tulip]\nport = 80\n", NULL, "", {"line 2", "section", "'port'"}},
    {"region = nl-1\n", NULL, "", {"line 1", "no section", "'region'"}},
    {"[gateway]\nport = 80\nport = 81\n", NULL, "", {"line 3", "twice", "'port'"}},
    {"[gateway]\nport = 80\n  81\n", NULL, "", {"line 3", "twice", "'port'"}}, /* a continuation line */
    {"[gateway]\nport = eighty\n", NULL, "", {"[gateway]", "port must be a whole number", "'eighty'"}},
    {"[tulip]\nregion = NL\n", NULL, "", {"[tulip]", "region", "'NL'"}},
    {"[gateway\nport = 80\n", NULL, "", {"line 1", "neither", ""}},
    {"[gateway]\nport\n", NULL, "", {"line 2", "neither", ""}},
};

START_TEST(an_error_names_source_key_and_reason)
{
    if (wrong[_i].environment)
        setenv("TB_REGION", wrong[_i].environment, 1);
    struct config *config = load(wrong[_i].file, wrong[_i].flags);
    ck_assert_msg(config == NULL, "%d was accepted", _i);
    for (size_t i = 0; i < TB_ARRAY_SIZE(wrong[_i].words); i++)
        ck_assert_msg(strstr(err.text, wrong[_i].words[i]) != NULL, "%d: no '%s' in: %s", _i, wrong[_i].words[i],
                      err.text);
    if (wrong[_i].file)
        ck_assert_ptr_nonnull(strstr(err.text, file_path));
}
END_TEST

START_TEST(a_long_line_is_an_error_not_two_lines)
{
    char text[600] = "[gateway]\nui_dir = ";
    memset(text + strlen(text), 'x', 185);
    ck_assert_ptr_null(load(text, ""));
    ck_assert_ptr_nonnull(strstr(err.text, "line 2"));
    ck_assert_ptr_nonnull(strstr(err.text, "190"));
    memset(text, 0, sizeof text);
    tb_copy_text(text, sizeof text, "[gateway]\nui_dir = ");
    memset(text + strlen(text), 'x', 170);
    struct config *config = load(text, "");
    ck_assert_msg(config != NULL, "%s", err.text);
    ck_assert_uint_eq(strlen(config_text(config, "ui_dir")), 170);
    config_free(&config);
}
END_TEST

START_TEST(a_bad_secret_is_not_repeated)
{
    setenv("TB_ADMIN_TOKEN", "hunter\n2", 1);
    ck_assert_ptr_null(load(NULL, ""));
    ck_assert_ptr_nonnull(strstr(err.text, "TB_ADMIN_TOKEN"));
    ck_assert_ptr_null(strstr(err.text, "hunter"));
}
END_TEST

/* Loads with flags in a process of its own, for the answer goes to standard output. */
static int loads(void *arg)
{
    struct config *config = load("[tulip]\nenv = staging\n[gateway]\nui_dir = /srv/ui\n", arg);
    if (!config) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    int code = config_answered(config) ? 0 : 1;
    config_free(&config);
    return code;
}

static bool line_has(const char *key, const char *value, const char *source)
{
    char copy[CHILD_OUTPUT_MAX + 1];
    memcpy(copy, result.output, sizeof copy);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ' ')
            return strstr(line, value) && strstr(line, source);
    return false;
}

START_TEST(print_config_names_each_source_and_hides_secrets)
{
    setenv("TB_AZ", "az-2", 1);
    setenv("TB_ADMIN_TOKEN", "hunter2", 1);
    child_run(loads, "--port 99 --print-config", &result);
    ck_assert_int_eq(result.exit_code, 0);
    ck_assert(line_has("region", "nl-1", "; default"));
    ck_assert(line_has("env", "staging", "[tulip]"));
    ck_assert(line_has("ui_dir", "/srv/ui", "[gateway]"));
    ck_assert(line_has("az", "az-2", "environment TB_AZ"));
    ck_assert(line_has("port", "99", "flag --port"));
    ck_assert(line_has("admin_token", "***", "environment TB_ADMIN_TOKEN"));
    ck_assert_ptr_null(strstr(result.output, "hunter2"));
}
END_TEST

START_TEST(what_is_printed_loads_again)
{
    child_run(loads, "--port 99 --print-config", &result);
    ck_assert_int_eq(result.exit_code, 0);
    char printed[CHILD_OUTPUT_MAX + 1];
    memcpy(printed, result.output, sizeof printed);
    struct config *config = load(printed, "");
    ck_assert_msg(config != NULL, "%s", err.text);
    ck_assert_int_eq(config_integer(config, "port"), 99);
    ck_assert_str_eq(config_text(config, "env"), "staging");
    ck_assert_str_eq(config_text(config, "database_url"), "");
    config_free(&config);
}
END_TEST

START_TEST(questions_are_answered_even_when_settings_are_bad)
{
    setenv("TB_REGION", "NOT VALID", 1);
    child_run(loads, "--help", &result);
    ck_assert_int_eq(result.exit_code, 0);
    ck_assert_ptr_nonnull(strstr(result.output, "--opening-balance"));
    ck_assert_ptr_nonnull(strstr(result.output, "--log-level"));
    child_run(loads, "--version", &result);
    ck_assert_int_eq(result.exit_code, 0);
    ck_assert_ptr_nonnull(strstr(result.output, "tb-gateway " TB_VERSION));
    child_run(loads, "--list-keys", &result);
    ck_assert_int_eq(result.exit_code, 0);
    ck_assert_int_eq(strncmp(result.output, "region\n", 7), 0);
    ck_assert_ptr_nonnull(strstr(result.output, "\nadmin_token\n"));
    child_run(loads, "--print-config", &result); /* this one shows values, so they must be good */
    ck_assert_int_eq(result.exit_code, 2);
}
END_TEST

static int asks_for(void *arg)
{
    struct config *config = load(NULL, "");
    if (strcmp(arg, "undeclared") == 0)
        (void)config_text(config, "no_such_key");
    else
        (void)config_integer(config, "region");
    return 0;
}

START_TEST(a_key_that_is_not_declared_so_aborts)
{
    child_run(asks_for, "undeclared", &result);
    ck_assert_int_eq(result.signal, SIGABRT);
    child_run(asks_for, "other kind", &result);
    ck_assert_int_eq(result.signal, SIGABRT);
}
END_TEST

CHECK_MAIN("config", tcase_add_checked_fixture(cases, set_up, tear_down);
           tcase_add_test(cases, defaults_hold_without_any_source); tcase_add_test(cases, the_later_source_wins);
           tcase_add_test(cases, flags_have_three_spellings);
           tcase_add_test(cases, foreign_keys_are_left_to_their_actors);
           tcase_add_loop_test(cases, an_error_names_source_key_and_reason, 0, (int)TB_ARRAY_SIZE(wrong));
           tcase_add_test(cases, a_long_line_is_an_error_not_two_lines);
           tcase_add_test(cases, a_bad_secret_is_not_repeated);
           tcase_add_test(cases, print_config_names_each_source_and_hides_secrets);
           tcase_add_test(cases, what_is_printed_loads_again);
           tcase_add_test(cases, questions_are_answered_even_when_settings_are_bad);
           tcase_add_test(cases, a_key_that_is_not_declared_so_aborts);)
