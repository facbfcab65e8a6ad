/* tulip-audit: the oracle. Reads only the database and says of each invariant whether it holds.
 *
 *   tulip-audit --database-url URL --region nl-1 [--json] [--user ROLE] [--patience-ms 15000]
 *
 * Exit: 0 all hold, 1 some are broken, 2 it could not check. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "reconciler/audit.h"

enum { EXIT_HOLD = 0, EXIT_BROKEN = 1, EXIT_UNCHECKED = 2, PATIENCE_MS = 15000, PATIENCE_MAX_MS = 3600000 };

static const char *const meanings[AUDIT_CHECKS] = {
    "one ORDER_FILL entry per ACCEPTED order and none else",
    "balance = sum of the ledger",
    "fills never exceed the order, and cash follows the fills",
    "every stream's sequence is dense",
    "the order of every trade exists",
    "(client, key) is unique",
    "replay gives what is stored",
    "nothing waits in the outbox longer than 30 s",
    "regions are equal after a partition",
    "all deltas add up to zero",
};

struct arguments {
    struct audit_options options;
    bool json, help;
};

static const char usage_text[] = "usage: tulip-audit --database-url URL --region REGION [--json] [--user ROLE]\n"
                                 "                   [--patience-ms 15000]   how long to wait for the database\n"
                                 "exit: 0 all invariants hold, 1 some are broken, 2 it could not check\n";

/* Return: whether text is a number of milliseconds, 1 to an hour. */
static bool parse_patience(const char *text, int *patience_ms)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > PATIENCE_MAX_MS)
        return false;
    *patience_ms = (int)value;
    return true;
}

/* Effect: reads the arguments. Return: false with a complaint on stderr. */
static bool parse(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(flag, "--json") == 0) {
            arguments->json = true;
            continue;
        }
        if (strcmp(flag, "--help") == 0) {
            arguments->help = true;
            continue;
        }
        if (value && strcmp(flag, "--database-url") == 0) {
            arguments->options.database_url = value;
        } else if (value && strcmp(flag, "--region") == 0) {
            arguments->options.region = value;
        } else if (value && strcmp(flag, "--user") == 0) {
            arguments->options.user = value;
        } else if (value && strcmp(flag, "--patience-ms") == 0) {
            if (!parse_patience(value, &arguments->options.patience_ms)) {
                fprintf(stderr, "tulip-audit: --patience-ms is 1 to %d, not '%s'\n", PATIENCE_MAX_MS, value);
                return false;
            }
        } else {
            fprintf(stderr, "tulip-audit: %s is no flag of ours, or lacks its value\n%s", flag, usage_text);
            return false;
        }
        i++;
    }
    if (!arguments->help && (arguments->options.database_url == NULL || arguments->options.region == NULL)) {
        fprintf(stderr, "tulip-audit: --database-url and --region are needed\n%s", usage_text);
        return false;
    }
    return true;
}

static void print_text(const struct audit_result *result, const char *region)
{
    printf("audit of region %s\n", region);
    for (size_t i = 0; i < AUDIT_CHECKS; i++) {
        const struct audit_check *check = &result->checks[i];
        printf("%-4s %-6s %8" PRIu64 "  %s\n", check->id, check->ok ? "ok" : "BROKEN", check->count, meanings[i]);
        if (!check->ok || strcmp(check->id, "I9") == 0)
            printf("     %s\n", check->sample);
    }
    const struct audit_open *open = &result->open;
    printf("replayed %" PRIu64 " orders: stored %016" PRIx64 ", replayed %016" PRIx64 "\n", result->replayed,
           result->live_hash, result->replay_hash);
    printf("orders %" PRIu64 ", open %" PRIu64 " (parked %" PRIu64 "); adjustments waiting %" PRIu64
           ", retrying %" PRIu64 ", dead %" PRIu64 "\n",
           open->orders, open->orders_open, open->parked, open->adjustments_waiting, open->retrying, open->dead);
    printf("%s\n", result->ok ? "all invariants hold" : "BROKEN");
}

static void print_json(const struct audit_result *result, const char *region)
{
    printf("{\"ok\":%s,\"region\":\"%s\",\"checks\":[", result->ok ? "true" : "false", region);
    for (size_t i = 0; i < AUDIT_CHECKS; i++)
        printf("%s{\"id\":\"%s\",\"ok\":%s,\"count\":%" PRIu64 ",\"sample\":%s}", i ? "," : "", result->checks[i].id,
               result->checks[i].ok ? "true" : "false", result->checks[i].count, result->checks[i].sample);
    const struct audit_open *open = &result->open;
    printf("],\"replayed\":%" PRIu64 ",\"liveHash\":\"%016" PRIx64 "\",\"replayHash\":\"%016" PRIx64
           "\",\"firstDivergence\":%" PRIu64,
           result->replayed, result->live_hash, result->replay_hash, result->first_divergence);
    printf(",\"orders\":%" PRIu64 ",\"ordersOpen\":%" PRIu64 ",\"parked\":%" PRIu64 ",\"adjustmentsWaiting\":%" PRIu64
           ",\"retrying\":%" PRIu64 ",\"dead\":%" PRIu64 "}\n",
           open->orders, open->orders_open, open->parked, open->adjustments_waiting, open->retrying, open->dead);
}

/* Return: whether text may be a region (sql/0001_streams: region_create), so that it can stand in JSON as it is. */
static bool is_region(const char *text)
{
    return text[0] != 0 && strlen(text) <= 16 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.options = {.user = "tb_audit", .patience_ms = PATIENCE_MS}};
    struct err err = {{0}};
    if (!parse(argc, argv, &arguments))
        return EXIT_UNCHECKED;
    if (arguments.help) {
        fputs(usage_text, stdout);
        return EXIT_HOLD;
    }
    if (!is_region(arguments.options.region)) {
        fprintf(stderr, "tulip-audit: %s is no region's name\n", arguments.options.region);
        return EXIT_UNCHECKED;
    }
    struct audit_result *result = tb_alloc_zero(1, sizeof *result);
    int status = audit_run(&arguments.options, result, &err);
    if (status < 0)
        fprintf(stderr, "tulip-audit: could not check: %s\n", err.text);
    else if (arguments.json)
        print_json(result, arguments.options.region);
    else
        print_text(result, arguments.options.region);
    int exit_code = status < 0 ? EXIT_UNCHECKED : result->ok ? EXIT_HOLD : EXIT_BROKEN;
    free(result);
    return exit_code;
}
