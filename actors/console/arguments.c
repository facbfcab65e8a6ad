#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "ids.h"

enum { INTERVAL_MIN_MS = 200, INTERVAL_MAX_MS = 3600000, NUMBER_LENGTH_MAX = 18 };

static const char usage[] =
    "usage: tb-console top [--once] [--json] [--interval SECONDS]\n"
    "       tb-console tap STREAM|LINK [--user ID] [--order ID] [--type T] [--json] [--from SEQ] [--limit N]\n"
    "  STREAM  orders, executions, balances, ops, telemetry\n"
    "  LINK    orders-feed, executions-feed, balances-feed, ops-feed, ops-feed-reconciler, telemetry-ACTOR-INSTANCE\n"
    "\n"
    "where the actors are (else from TB_RUN_DIR, TB_TOPOLOGY, TB_REGION, TB_DATABASE_URL; keys from TB_CURVE_DIR):\n"
    "  --run-dir DIR  --topology FILE  --region REGION  --database-url URL  --database-user ROLE\n"
    "  --expect \"ACTOR/INSTANCE ...\"  rows for these even when they are never heard of\n"
    "  --local  the actors are processes of this machine\n"
    "  --check  only say whether the words make sense\n"
    "  --feed FD  read what the gateway says from this descriptor instead of the bus (see board_feed.h)\n";

enum option_code {
    OPTION_RUN_DIR = 256,
    OPTION_TOPOLOGY,
    OPTION_REGION,
    OPTION_URL,
    OPTION_DATABASE_USER,
    OPTION_JSON,
    OPTION_ONCE,
    OPTION_LOCAL,
    OPTION_EXPECT,
    OPTION_FEED,
    OPTION_INTERVAL,
    OPTION_USER,
    OPTION_ORDER,
    OPTION_TYPE,
    OPTION_FROM,
    OPTION_LIMIT,
    OPTION_CHECK,
    OPTION_HELP,
};

static const struct option options[] = {
    {"run-dir", required_argument, NULL, OPTION_RUN_DIR},
    {"topology", required_argument, NULL, OPTION_TOPOLOGY},
    {"region", required_argument, NULL, OPTION_REGION},
    {"database-url", required_argument, NULL, OPTION_URL},
    {"database-user", required_argument, NULL, OPTION_DATABASE_USER},
    {"json", no_argument, NULL, OPTION_JSON},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"local", no_argument, NULL, OPTION_LOCAL},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"feed", required_argument, NULL, OPTION_FEED},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"user", required_argument, NULL, OPTION_USER},
    {"order", required_argument, NULL, OPTION_ORDER},
    {"type", required_argument, NULL, OPTION_TYPE},
    {"from", required_argument, NULL, OPTION_FROM},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static enum arguments_outcome wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
static enum arguments_outcome wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("tulip: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    return ARGUMENTS_WRONG;
}

/* Effect: reads digits alone. Return: false when it is no number from 1 on. */
static bool read_number(const char *text, uint64_t *value)
{
    size_t length = strlen(text);
    if (length == 0 || length > NUMBER_LENGTH_MAX || strspn(text, "0123456789") != length)
        return false;
    *value = strtoull(text, NULL, 10);
    return *value > 0;
}

/* Effect: reads seconds with decimals. */
static bool read_interval(const char *text, int64_t *us)
{
    char *end = NULL;
    errno = 0;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(seconds * 1000 >= INTERVAL_MIN_MS) ||
        !(seconds * 1000 <= INTERVAL_MAX_MS))
        return false;
    *us = (int64_t)(seconds * 1e6);
    return true;
}

/* "nl-1.1842" or 1842. */
static bool read_order(const char *region, const char *text, uint64_t *seq)
{
    return read_number(text, seq) || ids_parse(region, text, seq);
}

/* The texts of options that are only checked when all of them are known. */
struct raw {
    const char *order, *from, *limit, *interval, *feed;
};

static bool take_option(struct arguments *arguments, struct raw *raw, int code, const char *value)
{
    switch ((enum option_code)code) {
    case OPTION_RUN_DIR:
        arguments->run_dir = value;
        return true;
    case OPTION_TOPOLOGY:
        arguments->topology = value;
        return true;
    case OPTION_REGION:
        arguments->region = value;
        return true;
    case OPTION_URL:
        arguments->database_url = value;
        return true;
    case OPTION_DATABASE_USER:
        arguments->database_user = value;
        return true;
    case OPTION_JSON:
        return arguments->json = true;
    case OPTION_ONCE:
        return arguments->once = true;
    case OPTION_LOCAL:
        return arguments->local = true;
    case OPTION_EXPECT:
        arguments->expect = value;
        return true;
    case OPTION_FEED:
        raw->feed = value;
        return true;
    case OPTION_INTERVAL:
        raw->interval = value;
        return true;
    case OPTION_USER:
        arguments->filter.user_id = value;
        return true;
    case OPTION_ORDER:
        raw->order = value;
        return true;
    case OPTION_TYPE:
        arguments->filter.type = value;
        return true;
    case OPTION_FROM:
        raw->from = value;
        return true;
    case OPTION_LIMIT:
        raw->limit = value;
        return true;
    case OPTION_CHECK:
        return arguments->check = true;
    case OPTION_HELP:
        break;
    }
    return false;
}

static enum arguments_outcome check_top(struct arguments *arguments, const struct raw *raw)
{
    if (arguments->filter.user_id || arguments->filter.type || raw->order || raw->from || raw->limit)
        return wrong("--user, --order, --type, --from and --limit belong to tap");
    if (raw->interval && !read_interval(raw->interval, &arguments->interval_us))
        return wrong("--interval is 0.2 to 3600 seconds, not '%s'", raw->interval);
    uint64_t fd = 0;
    if (raw->feed && (!read_number(raw->feed, &fd) || fd > 1000))
        return wrong("--feed is the number of a descriptor, not '%s'", raw->feed);
    if (raw->feed)
        arguments->feed_fd = (int)fd;
    return ARGUMENTS_OK;
}

/* The stream that a feed carries; NULL when it is no name we can listen to. */
static const char *stream_of(const char *what)
{
    static const char *const names[][2] = {{"orders", "orders"},
                                           {"orders-feed", "orders"},
                                           {"executions", "executions"},
                                           {"executions-feed", "executions"},
                                           {"balances", "balances"},
                                           {"balances-feed", "balances"},
                                           {"ops", "ops"},
                                           {"ops-feed", "ops"},
                                           {"ops-feed-reconciler", "ops"},
                                           {"telemetry", "telemetry"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(names); i++)
        if (strcmp(names[i][0], what) == 0)
            return names[i][1];
    return strncmp(what, "telemetry-", 10) == 0 && strlen(what) < 60 ? "telemetry" : NULL;
}

static enum arguments_outcome check_what(const char *what)
{
    size_t length = strlen(what);
    if (strcmp(what, "outbox") == 0 || (length > 6 && strcmp(what + length - 6, "-stage") == 0))
        return wrong("%s is handed from one actor to the next: who taps it takes messages away from it. "
                     "Tap executions or balances instead",
                     what);
    if (length > 8 && strcmp(what + length - 8, "-command") == 0)
        return wrong("%s carries questions and answers between two actors; there is nothing to listen to", what);
    if (stream_of(what) == NULL)
        return wrong("there is no stream or link '%.60s' (there are: orders executions balances ops telemetry, "
                     "orders-feed executions-feed balances-feed ops-feed ops-feed-reconciler telemetry-ACTOR-INSTANCE)",
                     what);
    return ARGUMENTS_OK;
}

static enum arguments_outcome check_tap(struct arguments *arguments, const struct raw *raw)
{
    if (raw->interval || raw->feed || arguments->once || arguments->expect)
        return wrong("--interval, --once, --expect and --feed belong to top");
    if (arguments->what == NULL)
        return wrong("tap what? orders, executions, balances, ops or telemetry");
    if (check_what(arguments->what) != ARGUMENTS_OK)
        return ARGUMENTS_WRONG;
    const char *stream = stream_of(arguments->what);
    bool telemetry = strcmp(stream, "telemetry") == 0;
    if (telemetry && (arguments->filter.user_id || arguments->filter.type || raw->order || raw->from))
        return wrong("telemetry has no users, orders, types or history: --json and --limit go with it");
    if (raw->order && strcmp(stream, "ops") == 0)
        return wrong("no event of ops is about an order: --order does not go with it");
    if (raw->order && !read_order(arguments->region, raw->order, &arguments->filter.order_seq))
        return wrong("--order is an order's id like %s.1842, or its number, not '%.60s'", arguments->region,
                     raw->order);
    if (raw->from && !read_number(raw->from, &arguments->from_seq))
        return wrong("--from is a sequence from 1 on, not '%.60s'", raw->from);
    if (raw->from && strchr(arguments->what, '-') != NULL)
        return wrong("--from reads a stream's history: name the stream (%s), not a link", stream);
    if (raw->from && arguments->database_url[0] == '\0')
        return wrong("--from reads the database, and it is not known where that is (--database-url)");
    if (raw->limit && !read_number(raw->limit, &arguments->limit))
        return wrong("--limit is a number from 1 on, not '%.60s'", raw->limit);
    if (arguments->filter.type && !record_type_exists(stream, arguments->filter.type)) {
        struct text names = {0};
        record_types_write(stream, &names);
        wrong("%s has no events of type '%.60s' (there are: %s)", stream, arguments->filter.type, names.bytes);
        text_release(&names);
        return ARGUMENTS_WRONG;
    }
    return ARGUMENTS_OK;
}

static const char *setting(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : fallback;
}

enum arguments_outcome arguments_read(struct arguments *arguments, int argc, char **argv)
{
    struct raw raw = {0};
    *arguments = (struct arguments){.run_dir = setting("TB_RUN_DIR", ""),
                                    .topology = setting("TB_TOPOLOGY", ""),
                                    .region = setting("TB_REGION", "nl-1"),
                                    .curve_dir = setting("TB_CURVE_DIR", ""),
                                    .plaintext = strcmp(setting("TB_BUS_PLAINTEXT", "false"), "true") == 0,
                                    .database_url = setting("TB_DATABASE_URL", ""),
                                    .database_user = "tb_audit",
                                    .feed_fd = -1,
                                    .interval_us = 1000000};
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (code == 'h' || code == OPTION_HELP) {
            fputs(usage, stdout);
            return ARGUMENTS_HELP;
        }
        if (code == ':')
            return wrong("%s needs a value", argv[optind - 1]);
        if (code == '?' || !take_option(arguments, &raw, code, optarg))
            return wrong("unknown option %.80s", argv[optind - 1]);
    }
    const char *command = optind < argc ? argv[optind] : "";
    arguments->what = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (optind + 2 < argc)
        return wrong("%.80s is one argument too many", argv[optind + 2]);
    arguments->command = strcmp(command, "top") == 0 ? COMMAND_TOP : COMMAND_TAP;
    if (arguments->command == COMMAND_TAP && strcmp(command, "tap") != 0)
        return wrong("which command? top or tap (--help)");
    if (arguments->command == COMMAND_TOP && arguments->what != NULL)
        return wrong("top does not take '%.80s'", arguments->what);
    enum arguments_outcome outcome =
        arguments->command == COMMAND_TOP ? check_top(arguments, &raw) : check_tap(arguments, &raw);
    if (outcome == ARGUMENTS_OK && arguments->run_dir[0] == '\0' && arguments->topology[0] == '\0' &&
        arguments->feed_fd < 0)
        return wrong("where are the actors? --run-dir or --topology (TB_RUN_DIR, TB_TOPOLOGY)");
    return outcome == ARGUMENTS_OK && arguments->check ? ARGUMENTS_HELP : outcome;
}
