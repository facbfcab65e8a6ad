/* tb-sim: runs seeds and says which fail.
 *
 *   tb-sim --seeds 300 --first 1            run seeds 1 … 300
 *   tb-sim --seed 17 --trace                replay one seed, with every event
 *   tb-sim --seeds 60 --bug no-fence        seed a bug: exits 0 when some seed finds it, 1 when none does */
#include "sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

struct plan {
    uint64_t first, seeds;
    unsigned orders;
    int64_t trouble_us;
    enum sim_bug bug;
    bool trace, twice;
};

static char running[160]; /* printed when a core's assertion ends the process */

static bool hunting; /* a seeded bug: a core that notices it by an assertion has found it */

static void on_abort(int number)
{
    (void)number;
    ssize_t written = write(STDERR_FILENO, running, strlen(running));
    (void)written;
    if (hunting)
        _exit(EXIT_SUCCESS);
}

static int usage(const char *complaint, const char *word)
{
    fprintf(stderr,
            "tb-sim: %s %s\nusage: tb-sim [--seeds N] [--first S] [--seed S] [--orders N] [--seconds N] [--bug NAME] "
            "[--once] [--trace]\n",
            complaint, word);
    fprintf(stderr, "bugs:");
    for (int bug = 1; bug < SIM_BUG_COUNT; bug++)
        fprintf(stderr, " %s", sim_bug_name((enum sim_bug)bug));
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

static bool parse_bug(const char *name, enum sim_bug *bug)
{
    for (int i = 0; i < SIM_BUG_COUNT; i++)
        if (strcmp(sim_bug_name((enum sim_bug)i), name) == 0) {
            *bug = (enum sim_bug)i;
            return true;
        }
    return false;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text != 0 && *end == 0 && *text != '-';
}

/* Effect: reads the arguments. Return: 0, or the exit code. */
static int parse(int argc, char **argv, struct plan *plan)
{
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i];
        if (strcmp(flag, "--trace") == 0) {
            plan->trace = true;
            continue;
        }
        if (strcmp(flag, "--once") == 0) {
            plan->twice = false;
            continue;
        }
        if (i + 1 == argc)
            return usage("no value for, or no such flag:", flag);
        const char *value = argv[++i];
        uint64_t number = 0;
        if (strcmp(flag, "--bug") == 0) {
            if (!parse_bug(value, &plan->bug))
                return usage("no such bug:", value);
            continue;
        }
        if (!parse_number(value, &number))
            return usage("not a number:", value);
        if (strcmp(flag, "--seeds") == 0)
            plan->seeds = number;
        else if (strcmp(flag, "--first") == 0)
            plan->first = number;
        else if (strcmp(flag, "--orders") == 0 && number < 0xfffff)
            plan->orders = (unsigned)number;
        else if (strcmp(flag, "--seconds") == 0 && number < 1000000)
            plan->trouble_us = (int64_t)number * 1000000;
        else if (strcmp(flag, "--seed") == 0) {
            plan->first = number;
            plan->seeds = 1;
        } else
            return usage("no such flag:", flag);
    }
    return 0;
}

struct totals {
    struct sim_counts counts;
    uint64_t failed;
};

static void add_counts(struct sim_counts *sum, struct sim_counts more)
{
    sum->events += more.events;
    sum->messages += more.messages;
    sum->lost += more.lost;
    sum->repeated += more.repeated;
    sum->calls += more.calls;
    sum->crashes += more.crashes;
    sum->broken += more.broken;
    sum->stolen += more.stolen;
    sum->late += more.late;
    sum->refused += more.refused;
    sum->orders += more.orders;
    sum->cancels += more.cancels;
    sum->dead_letters += more.dead_letters;
}

/* Effect: runs one seed. Return: its trace hash; *ok = nothing was wrong. */
static uint64_t run_seed(const struct plan *plan, uint64_t seed, bool trace, bool *ok, struct totals *totals)
{
    struct sim_options options = {
        .seed = seed, .orders = plan->orders, .trouble_us = plan->trouble_us, .bug = plan->bug, .trace = trace};
    struct sim *sim = sim_new(&options);
    *ok = sim_run(sim);
    uint64_t hash = sim_trace_hash(sim);
    if (totals) {
        add_counts(&totals->counts, sim_counts(sim));
        if (!*ok)
            printf("seed %" PRIu64 ": %s\n", seed, sim_failure(sim));
        if (!*ok && plan->bug == SIM_BUG_NONE)
            printf("  replay: tb-sim --seed %" PRIu64 " --orders %u --seconds %" PRId64 " --once --trace\n", seed,
                   plan->orders, plan->trouble_us / 1000000);
    }
    sim_free(&sim);
    return hash;
}

static void run_all(const struct plan *plan, struct totals *totals)
{
    for (uint64_t seed = plan->first; seed < plan->first + plan->seeds; seed++) {
        bool ok, ok_again;
        snprintf(running, sizeof running,
                 "\naborted in seed %" PRIu64 "; replay: tb-sim --seed %" PRIu64 " --orders %u --once --trace\n", seed,
                 seed, plan->orders);
        uint64_t hash = run_seed(plan, seed, plan->trace, &ok, totals);
        totals->failed += !ok;
        if (plan->bug != SIM_BUG_NONE && !ok)
            return; /* found */
        if (plan->twice && seed % 16 == plan->first % 16 && run_seed(plan, seed, false, &ok_again, NULL) != hash) {
            printf("seed %" PRIu64 " does not repeat itself\n", seed);
            totals->failed++;
        }
    }
}

int main(int argc, char **argv)
{
    struct plan plan = {.first = 1, .seeds = 100, .orders = 120, .twice = true};
    int code = parse(argc, argv, &plan);
    if (code != 0)
        return code;
    setvbuf(stdout, NULL, _IOLBF, 0);
    hunting = plan.bug != SIM_BUG_NONE;
    signal(SIGABRT, on_abort);
    struct totals totals = {.failed = 0};
    run_all(&plan, &totals);
    const struct sim_counts *c = &totals.counts;
    printf("%" PRIu64 " seeds: %" PRIu64 " orders, %" PRIu64 " cancels, %" PRIu64 " dead letters; %" PRIu64
           " events, %" PRIu64 " messages (%" PRIu64 " lost, %" PRIu64 " repeated), %" PRIu64 " store calls (%" PRIu64
           " refused, %" PRIu64 " in doubt), %" PRIu64 " processes ended, %" PRIu64 " connections broken, %" PRIu64
           " locks stolen\n",
           plan.seeds, c->orders, c->cancels, c->dead_letters, c->events, c->messages, c->lost, c->repeated, c->calls,
           c->refused, c->late, c->crashes, c->broken, c->stolen);
    if (plan.bug == SIM_BUG_NONE) {
        printf("%" PRIu64 " failed\n", totals.failed);
        return totals.failed ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    printf("%s: %s\n", sim_bug_name(plan.bug), totals.failed ? "found" : "NOT FOUND by any seed");
    return totals.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
