#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "log.h"
#include "money.h"

#ifndef TB_BUILD_COMMIT
#define TB_BUILD_COMMIT "unknown"
#endif
#ifndef TB_BUILD_TIME
#define TB_BUILD_TIME "unknown"
#endif

enum { CONFIG_NAME_MAX = 64, CONFIG_LINE_MAX = 190 /* inih's own buffer holds 200 */ };

const struct config_key config_common_keys[] = {
    {"region", CONFIG_TEXT, "nl-1", 0, 0, "Region this process belongs to: 1 to 16 of a-z, 0-9 and -."},
    {"az", CONFIG_TEXT, "az-1", 0, 0, "Availability zone it runs in."},
    {"instance", CONFIG_TEXT, "1", 0, 0, "Tells processes of one actor apart."},
    {"run_dir", CONFIG_TEXT, ".tulip/run", 0, 0, "Directory of the sockets between actors."},
    {"topology", CONFIG_TEXT, "", 0, 0,
     "File saying where instances and links are (docs/BUS.md); empty: all under run_dir."},
    {"curve_dir", CONFIG_TEXT, "", 0, 0, "Directory of the CURVE keys that TCP links need (docs/SECURITY.md)."},
    {"bus_plaintext", CONFIG_BOOLEAN, "false", 0, 0,
     "Whether TCP links may go without CURVE: everyone can read and forge."},
    {"database_url", CONFIG_SECRET, "", 0, 0, "PostgreSQL connection string or URL."},
    {"database_password_file", CONFIG_TEXT, "", 0, 0,
     "File with the role's password, or a directory with a file named after each role; empty: none, or the URL's."},
    {"log_level", CONFIG_TEXT, "info", 0, 0, "Least level that is logged: debug, info, warning or error."},
    {"health_file", CONFIG_TEXT, "", 0, 0,
     "File that tells the state with every heartbeat, for tulip-health; empty: none."},
    {"env", CONFIG_TEXT, "local", 0, 0, "Name of the environment, shown by /api/config."},
    {"restarts", CONFIG_INTEGER, "0", 0, 1000000000, "How often the supervisor has restarted this process."},
    {"enable_faults", CONFIG_BOOLEAN, "false", 0, 0, "Whether faults may be injected while it runs (./tulip fault)."},
    {"faults_dir", CONFIG_TEXT, "", 0, 0,
     "Where the records of faults are, in a directory `faults` and, when over, `faults-ended`; empty: in run_dir."},
    {"build_commit", CONFIG_TEXT, TB_BUILD_COMMIT, 0, 0, "Commit this was built from, shown by /api/config."},
    {"build_time", CONFIG_TEXT, TB_BUILD_TIME, 0, 0, "Time of the build, shown by /api/config."},
    {0},
};

/* Sections that a file shared by all actors may have. */
static const char *const config_actors[] = {"gateway", "sequencer", "simfill",   "matcher",
                                            "balance", "persona",   "reconciler"};

enum config_source { SOURCE_DEFAULT, SOURCE_FILE_ALL, SOURCE_FILE_ACTOR, SOURCE_ENVIRONMENT, SOURCE_FLAG };

struct config_value {
    const struct config_key *key;
    bool common;
    char *text;
    int64_t integer; /* also booleans (0, 1) and money (cents) */
    enum config_source source;
};

struct config {
    const char *actor;
    struct config_value *values;
    size_t count;
    char *file; /* path, NULL = none */
    bool answered;
};

static struct config_value *config_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->values[i].key->name, name) == 0)
            return &config->values[i];
    return NULL;
}

/* ---- checking a value ---- */

static bool config_is_word(const char *text, size_t max, const char *extra)
{
    size_t length = strlen(text);
    if (length == 0 || length > max)
        return false;
    for (const char *c = text; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && !strchr(extra, *c))
            return false;
    return true;
}

static const char *config_check_text(const char *name, const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return "control characters are not allowed";
    enum log_level level;
    if (strcmp(name, "region") == 0 &&
        (!config_is_word(text, 16, "-") || text[0] == '-' || text[strlen(text) - 1] == '-'))
        return "must be 1 to 16 of a-z, 0-9 and inner -";
    if (strcmp(name, "instance") == 0 && !config_is_word(text, 32, "-_")) /* part of socket names */
        return "must be 1 to 32 of a-z, 0-9, - and _";
    if (strcmp(name, "az") == 0 && !config_is_word(text, 32, "-"))
        return "must be 1 to 32 of a-z, 0-9 and -";
    if (strcmp(name, "log_level") == 0 && !log_level_parse(text, &level))
        return "must be debug, info, warning or error";
    return NULL;
}

static const char *config_check_integer(const struct config_key *key, const char *text, int64_t *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (!*digits || digits[strspn(digits, "0123456789")])
        return "must be a whole number";
    errno = 0;
    long long parsed = strtoll(text, NULL, 10);
    bool bounded = key->minimum != 0 || key->maximum != 0;
    if (errno == ERANGE || (bounded && (parsed < key->minimum || parsed > key->maximum)))
        return "is out of range";
    *value = parsed;
    return NULL;
}

static const char *config_check_boolean(const char *text, int64_t *value)
{
    static const char *const words[][2] = {{"false", "true"}, {"0", "1"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(words); i++)
        for (int on = 0; on < 2; on++)
            if (strcmp(text, words[i][on]) == 0) {
                *value = on;
                return NULL;
            }
    return "must be true or false";
}

static const char *config_check_money(const char *text, int64_t *value)
{
    struct money amount;
    if (money_parse_price(text, strlen(text), &amount) != MONEY_OK)
        return "must be an amount like 10000.00";
    *value = amount.cents;
    return NULL;
}

/* Return: what is wrong with text as a value of key, NULL when nothing; then *integer holds it where it is a number. */
static const char *config_check(const struct config_key *key, const char *text, int64_t *integer)
{
    bool textual = key->kind == CONFIG_TEXT || key->kind == CONFIG_SECRET;
    if (!textual && !*text && !*key->fallback) { /* a number that may be unset */
        *integer = 0;
        return NULL;
    }
    switch (key->kind) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        return config_check_text(key->name, text);
    case CONFIG_INTEGER:
        return config_check_integer(key, text, integer);
    case CONFIG_BOOLEAN:
        return config_check_boolean(text, integer);
    case CONFIG_MONEY:
        return config_check_money(text, integer);
    }
    return "has no kind";
}

/* ---- the sources ---- */

/* Effect: writes where a value came from, as a user would say it. */
static void config_source_text(const struct config *config, const struct config_value *value, char *text, size_t size)
{
    const char *name = value->key->name;
    char spelled[CONFIG_NAME_MAX];
    tb_copy_text(spelled, sizeof spelled, name);
    for (char *c = spelled; *c; c++)
        *c = value->source == SOURCE_FLAG ? (*c == '_' ? '-' : *c) : (char)toupper((unsigned char)*c);
    switch (value->source) {
    case SOURCE_DEFAULT:
        tb_copy_text(text, size, "default");
        break;
    case SOURCE_FILE_ALL:
        snprintf(text, size, "file %s [tulip]", config->file);
        break;
    case SOURCE_FILE_ACTOR:
        snprintf(text, size, "file %s [%s]", config->file, config->actor);
        break;
    case SOURCE_ENVIRONMENT:
        snprintf(text, size, "environment TB_%s", spelled);
        break;
    case SOURCE_FLAG:
        snprintf(text, size, "flag --%s", spelled);
        break;
    }
}

/* Effect: sets a value unless a stronger source did. Return: 0, or -1 with err naming source, key and reason. */
static int config_set(struct config *config, struct config_value *value, const char *text, enum config_source source,
                      struct err *err)
{
    if (source < value->source)
        return 0;
    const char *reason = config_check(value->key, text, &value->integer);
    value->source = source;
    if (reason) {
        char from[ERR_TEXT_MAX / 2];
        config_source_text(config, value, from, sizeof from);
        if (value->key->kind == CONFIG_SECRET)
            return err_set(err, "%s: %s %s", from, value->key->name, reason);
        if (value->key->kind == CONFIG_INTEGER && (value->key->minimum != 0 || value->key->maximum != 0))
            return err_set(err, "%s: %s %s (%" PRId64 " to %" PRId64 "), not '%.80s'", from, value->key->name, reason,
                           value->key->minimum, value->key->maximum, text);
        return err_set(err, "%s: %s %s, not '%.80s'", from, value->key->name, reason, text);
    }
    free(value->text);
    value->text = tb_strdup(text);
    return 0;
}

static void config_add_keys(struct config *config, const struct config_key *keys, bool common)
{
    for (; keys && keys->name; keys++) {
        tb_assert(strlen(keys->name) < CONFIG_NAME_MAX - 4);
        tb_assert(config_find(config, keys->name) == NULL);
        config->values = tb_realloc(config->values, config->count + 1, sizeof *config->values);
        struct config_value *value = &config->values[config->count++];
        *value = (struct config_value){.key = keys, .common = common, .text = tb_strdup(keys->fallback)};
        bool unset = keys->fallback[0] == '\0';
        tb_assert(unset || config_check(keys, keys->fallback, &value->integer) == NULL);
    }
}

struct config_file_reader {
    struct config *config;
    FILE *file;
    struct err *err;
    int line;
    bool failed;
    bool *seen; /* per value: given in the section being read */
    char section[CONFIG_NAME_MAX];
};

/* Reads one line for inih, whose own reader would quietly split a long one in two. */
static char *config_file_line(char *buffer, int size, void *stream)
{
    struct config_file_reader *reader = stream;
    if (reader->failed || !fgets(buffer, size, reader->file))
        return NULL;
    reader->line++;
    if (strlen(buffer) > CONFIG_LINE_MAX) {
        reader->failed = true;
        err_set(reader->err, "file %s line %d: longer than %d characters", reader->config->file, reader->line,
                CONFIG_LINE_MAX);
        return NULL;
    }
    return buffer;
}

static int config_file_wrong(struct config_file_reader *reader, const char *what, const char *which)
{
    reader->failed = true;
    err_set(reader->err, "file %s line %d: %s '%.80s'", reader->config->file, reader->line, what, which);
    return 0;
}

static bool config_known_section(const struct config *config, const char *section)
{
    if (strcmp(section, "tulip") == 0 || strcmp(section, config->actor) == 0)
        return true;
    for (size_t i = 0; i < TB_ARRAY_SIZE(config_actors); i++)
        if (strcmp(section, config_actors[i]) == 0)
            return true;
    return false;
}

/* inih's callback, once per key. Return: 0 = stop here. */
static int config_file_key(void *user, const char *section, const char *name, const char *text)
{
    struct config_file_reader *reader = user;
    struct config *config = reader->config;
    if (reader->failed)
        return 0;
    if (strcmp(section, reader->section) != 0) {
        tb_copy_text(reader->section, sizeof reader->section, section);
        memset(reader->seen, 0, config->count * sizeof *reader->seen);
    }
    if (!*section)
        return config_file_wrong(reader, "no section above the key", name);
    if (!config_known_section(config, section))
        return config_file_wrong(reader, "unknown section", section);
    bool for_all = strcmp(section, "tulip") == 0;
    if (!for_all && strcmp(section, config->actor) != 0)
        return 1; /* another actor's; it checks them itself */
    struct config_value *value = config_find(config, name);
    if (!value)
        return config_file_wrong(reader, "unknown key", name);
    if (for_all && !value->common)
        return config_file_wrong(reader, "only the actor's own section may have the key", name);
    bool *seen = &reader->seen[value - config->values];
    if (*seen)
        return config_file_wrong(reader, "given twice:", name);
    *seen = true;
    reader->failed = config_set(config, value, text, for_all ? SOURCE_FILE_ALL : SOURCE_FILE_ACTOR, reader->err) < 0;
    return !reader->failed;
}

static int config_read_file(struct config *config, struct err *err)
{
    FILE *file = fopen(config->file, "re");
    if (!file)
        return err_set(err, "file %s: %s", config->file, strerror(errno));
    struct config_file_reader reader = {.config = config, .file = file, .err = err};
    reader.seen = tb_alloc_zero(config->count, sizeof *reader.seen);
    int line = ini_parse_stream(config_file_line, &reader, config_file_key, &reader);
    int result = reader.failed ? -1 : 0;
    if (result == 0 && ferror(file))
        result = err_set(err, "file %s: %s", config->file, strerror(EIO));
    else if (line != 0 && (!reader.failed || line < reader.line)) /* inih goes on after a bad line: name the first */
        result = err_set(err, "file %s line %d: neither [section] nor key = value", config->file, line);
    free(reader.seen);
    fclose(file);
    return result;
}

static int config_read_environment(struct config *config, struct err *err)
{
    for (size_t i = 0; i < config->count; i++) {
        char name[CONFIG_NAME_MAX] = "TB_";
        tb_copy_text(name + 3, sizeof name - 3, config->values[i].key->name);
        for (char *c = name; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        const char *text = getenv(name);
        if (text && *text && config_set(config, &config->values[i], text, SOURCE_ENVIRONMENT, err) < 0)
            return -1;
    }
    return 0;
}

/* One argument taken apart: --name, --name=value, --name value. */
struct config_flag {
    char name[CONFIG_NAME_MAX]; /* with underscores */
    const char *value;          /* NULL = none given */
    int next;                   /* index of the argument after it */
};

static int config_split_flag(int argc, char **argv, int at, struct config_flag *flag, struct err *err)
{
    const char *argument = argv[at];
    if (strncmp(argument, "--", 2) != 0 || !argument[2])
        return err_set(err, "unexpected argument '%.80s' (flags look like --name value)", argument);
    const char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument - 2) : strlen(argument + 2);
    if (length >= sizeof flag->name)
        return err_set(err, "unknown flag %.80s", argument);
    memcpy(flag->name, argument + 2, length);
    flag->name[length] = '\0';
    for (char *c = flag->name; *c; c++) {
        if (*c == '_')
            return err_set(err, "unknown flag %.80s (words are joined by -)", argument);
        if (*c == '-')
            *c = '_';
    }
    flag->next = at + 1;
    flag->value = equals ? equals + 1 : NULL;
    if (!equals && at + 1 < argc && strncmp(argv[at + 1], "--", 2) != 0) {
        flag->value = argv[at + 1];
        flag->next = at + 2;
    }
    return 0;
}

struct config_questions {
    bool help, version, print, list;
};

/* Return: the question a flag asks, NULL when it is none. */
static bool *config_question(struct config_questions *questions, const char *name)
{
    return strcmp(name, "help") == 0           ? &questions->help
           : strcmp(name, "version") == 0      ? &questions->version
           : strcmp(name, "print_config") == 0 ? &questions->print
           : strcmp(name, "list_keys") == 0    ? &questions->list
                                               : NULL;
}

static int config_read_flag(struct config *config, const struct config_flag *flag, struct config_questions *questions,
                            struct err *err)
{
    bool *question = config_question(questions, flag->name);
    if (question) {
        *question = true;
        return flag->value ? err_set(err, "flag --%s takes no value", flag->name) : 0;
    }
    if (strcmp(flag->name, "config") == 0) {
        if (!flag->value || !*flag->value)
            return err_set(err, "flag --config needs a file");
        free(config->file);
        config->file = tb_strdup(flag->value);
        return 0;
    }
    struct config_value *value = config_find(config, flag->name);
    if (!value) {
        char dashed[CONFIG_NAME_MAX];
        tb_copy_text(dashed, sizeof dashed, flag->name);
        for (char *c = dashed; *c; c++)
            *c = *c == '_' ? '-' : *c;
        return err_set(err, "unknown flag --%s (see --help)", dashed);
    }
    const char *text = flag->value;
    if (!text && value->key->kind == CONFIG_BOOLEAN)
        text = "true";
    if (!text)
        return err_set(err, "flag --%s needs a value", flag->name);
    return config_set(config, value, text, SOURCE_FLAG, err);
}

static int config_read_flags(struct config *config, int argc, char **argv, struct config_questions *questions,
                             struct err *err)
{
    for (int at = 1; at < argc;) {
        struct config_flag flag;
        if (config_split_flag(argc, argv, at, &flag, err) < 0 || config_read_flag(config, &flag, questions, err) < 0)
            return -1;
        at = flag.next;
    }
    return 0;
}

/* ---- answers ---- */

static const char *config_kind_text(const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_TEXT:
        return "TEXT";
    case CONFIG_INTEGER:
        return "NUMBER";
    case CONFIG_BOOLEAN:
        return "true|false";
    case CONFIG_MONEY:
        return "AMOUNT";
    case CONFIG_SECRET:
        return "SECRET";
    }
    return "";
}

static void config_help(const struct config *config)
{
    printf("usage: tb-%s [--config FILE] [--KEY VALUE]… | --help | --version | --print-config | --list-keys\n\n"
           "A key is set by file ([tulip] or [%s]), environment (TB_KEY) or flag; the later wins.\n\n",
           config->actor, config->actor);
    for (size_t i = 0; i < config->count; i++) {
        const struct config_key *key = config->values[i].key;
        char spelled[CONFIG_NAME_MAX];
        tb_copy_text(spelled, sizeof spelled, key->name);
        for (char *c = spelled; *c; c++)
            *c = *c == '_' ? '-' : *c;
        printf("  --%-24s %-10s %s [%s]\n", spelled, config_kind_text(key), key->help, key->fallback);
    }
}

static int config_answer(struct config *config, const struct config_questions *questions)
{
    if (questions->help)
        config_help(config);
    else if (questions->version)
        printf("tb-%s %s (commit %s, built %s)\n", config->actor, TB_VERSION, TB_BUILD_COMMIT, TB_BUILD_TIME);
    else if (questions->list)
        for (size_t i = 0; i < config->count; i++)
            printf("%s\n", config->values[i].key->name);
    else if (!questions->print)
        return 0;
    else if (config_print(config, stdout) < 0)
        return -1;
    config->answered = true;
    return fflush(stdout) == 0 ? 0 : -1;
}

int config_print(const struct config *config, FILE *out)
{
    if (fprintf(out, "[%s]\n", config->actor) < 0)
        return -1;
    for (size_t i = 0; i < config->count; i++) {
        const struct config_value *value = &config->values[i];
        char from[ERR_TEXT_MAX];
        config_source_text(config, value, from, sizeof from);
        bool hide = value->key->kind == CONFIG_SECRET && value->text[0];
        if (fprintf(out, "%-24s = %-24s ; %s\n", value->key->name, hide ? "***" : value->text, from) < 0)
            return -1;
    }
    return 0;
}

bool config_answered(const struct config *config)
{
    return config->answered;
}

/* ---- load and look up ---- */

struct config *config_load(const char *actor, const struct config_key *keys, int argc, char **argv, struct err *err)
{
    struct config *config = tb_alloc_zero(1, sizeof *config);
    struct config_questions questions = {0};
    config->actor = actor;
    config_add_keys(config, config_common_keys, true);
    config_add_keys(config, keys, false);

    /* Flags first, for they name the file; being the strongest source they stay what they are. */
    if (config_read_flags(config, argc, argv, &questions, err) < 0)
        goto failed;
    bool asks_only = questions.help || questions.version || questions.list;
    if (!asks_only && config->file && config_read_file(config, err) < 0)
        goto failed;
    if (!asks_only && config_read_environment(config, err) < 0)
        goto failed;
    if (config_answer(config, &questions) < 0) {
        err_set(err, "cannot write to standard output");
        goto failed;
    }
    return config;

failed:
    config_free(&config);
    return NULL;
}

void config_free(struct config **config)
{
    if (!*config)
        return;
    for (size_t i = 0; i < (*config)->count; i++)
        free((*config)->values[i].text);
    free((*config)->values);
    free((*config)->file);
    free(*config);
    *config = NULL;
}

static const struct config_value *config_get(const struct config *config, const char *key, enum config_kind kind)
{
    const struct config_value *value = config_find(config, key);
    tb_assert(value != NULL && "config key is not declared");
    bool same = value->key->kind == kind || (kind == CONFIG_TEXT && value->key->kind == CONFIG_SECRET);
    tb_assert(same && "config key is of another kind");
    return value;
}

const char *config_text(const struct config *config, const char *key)
{
    return config_get(config, key, CONFIG_TEXT)->text;
}

int64_t config_integer(const struct config *config, const char *key)
{
    return config_get(config, key, CONFIG_INTEGER)->integer;
}

bool config_boolean(const struct config *config, const char *key)
{
    return config_get(config, key, CONFIG_BOOLEAN)->integer != 0;
}

int64_t config_money_cents(const struct config *config, const char *key)
{
    return config_get(config, key, CONFIG_MONEY)->integer;
}
