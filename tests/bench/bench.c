/* tb-bench: the load generator behind ./tulip bench. Prints one "name value" pair a line; its exit code says whether
 * every order got its answer. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "load.h"
#include "settle.h"

enum { SETTLE_PATIENCE_US = 120000000, CALL_TIMEOUT_MS = 10000 };

struct bench_options {
    struct load_options load;
    double seconds, warmup_seconds;
    bool settled;
};

static _Noreturn void bench_usage(int code)
{
    fprintf(code == 0 ? stdout : stderr, "usage: tb-bench [--host 127.0.0.1] [--port 8080] [--connections 64] "
                                         "[--seconds 10] [--warmup 1] [--rate 0] [--settled]\n"
                                         "  posts orders to a running TulipBroker and prints its figures; --rate R: R "
                                         "orders a second (open loop), 0: as fast as the\n"
                                         "  answers come; --settled: then waits until the ledger holds all of them\n");
    exit(code);
}

/* Return: the argument as a number in minimum … maximum; anything else is wrong usage. */
static double bench_number(const char *name, double minimum, double maximum)
{
    char *end;
    double value = strtod(optarg, &end);
    if (*optarg && !*end && value >= minimum && value <= maximum)
        return value;
    fprintf(stderr, "tb-bench: --%s must be a number from %g to %g, not '%s'\n", name, minimum, maximum, optarg);
    exit(2);
}

static void bench_read_options(int argc, char **argv, struct bench_options *options)
{
    enum { HOST = 1, PORT, CONNECTIONS, SECONDS, WARMUP, RATE, SETTLED, HELP };
    static const struct option flags[] = {
        {"host", required_argument, NULL, HOST},
        {"port", required_argument, NULL, PORT},
        {"connections", required_argument, NULL, CONNECTIONS},
        {"seconds", required_argument, NULL, SECONDS},
        {"warmup", required_argument, NULL, WARMUP},
        {"rate", required_argument, NULL, RATE},
        {"settled", no_argument, NULL, SETTLED},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        switch (flag) {
        case HOST:
            options->load.host = optarg;
            break;
        case PORT:
            options->load.port = (int)bench_number("port", 1, 65535);
            break;
        case CONNECTIONS:
            options->load.connections = (size_t)bench_number("connections", 1, 10000);
            break;
        case SECONDS:
            options->seconds = bench_number("seconds", 0.1, 86400);
            break;
        case WARMUP:
            options->warmup_seconds = bench_number("warmup", 0, 3600);
            break;
        case RATE:
            options->load.rate = bench_number("rate", 0, 1000000);
            break;
        case SETTLED:
            options->settled = true;
            break;
        default:
            bench_usage(flag == HELP ? 0 : 2);
        }
    }
    if (optind < argc)
        bench_usage(2);
}

static void bench_print(const struct bench_options *options, struct load_result *result)
{
    printf("connections %zu\n", options->load.connections);
    printf("rate_offered %.0f\n", options->load.rate);
    printf("seconds %.1f\n", (double)result->measured_us / 1e6);
    printf("orders_sent %" PRIu64 "\n", result->sent);
    printf("orders_acknowledged %" PRIu64 "\n", result->acknowledged);
    printf("orders_per_second %.1f\n", (double)result->acknowledged_measured * 1e6 / (double)result->measured_us);
    latency_print(&result->latency, "acknowledge");
    printf("retried %" PRIu64 "\n", result->retried);
    printf("refused %" PRIu64 "\n", result->refused);
    printf("unresolved %" PRIu64 "\n", result->unresolved);
    printf("broken %" PRIu64 "\n", result->broken);
    for (int status = 0; status < LOAD_STATUS_MAX; status++)
        if (result->by_status[status] > 0)
            printf("status_%d %" PRIu64 "\n", status, result->by_status[status]);
}

/* Effect: the run itself, from the personas to the last figure. Return: 0, or -1 with err. */
static int bench_run(struct bench_options *options, struct http_client *client, struct load_result *result,
                     struct err *err)
{
    char **users;
    uint64_t before = 0;
    if (settle_users(client, &users, &options->load.user_count, err) < 0)
        return -1;
    options->load.users = (const char *const *)users;
    int outcome = options->settled ? settle_entries(client, users, options->load.user_count, &before, err) : 0;
    if (outcome == 0)
        outcome = load_run(&options->load, result, err);
    if (outcome == 0)
        bench_print(options, result);
    if (outcome == 0 && options->settled) {
        outcome = settle_wait(client, users, options->load.user_count, before + result->acknowledged,
                              SETTLE_PATIENCE_US, err);
        double seconds = (double)(clock_monotonic_us() - result->started_us) / 1e6;
        if (outcome == 0)
            printf("settled_seconds %.2f\nsettled_per_second %.1f\n", seconds, (double)result->acknowledged / seconds);
    }
    settle_free_users(&users, options->load.user_count);
    return outcome;
}

int main(int argc, char **argv)
{
    struct bench_options options = {
        .load = {.host = "127.0.0.1", .port = 8080, .connections = 64}, .seconds = 10, .warmup_seconds = 1};
    static struct load_result result;
    struct err err = {0};
    bench_read_options(argc, argv, &options);
    options.load.measure_us = (int64_t)(options.seconds * 1e6);
    options.load.warmup_us = (int64_t)(options.warmup_seconds * 1e6);

    struct http_client *client = http_client_new(options.load.host, options.load.port, CALL_TIMEOUT_MS);
    int outcome = bench_run(&options, client, &result, &err);
    http_client_free(&client);
    latency_release(&result.latency);
    if (outcome < 0)
        fprintf(stderr, "tb-bench: %s\n", err.text);
    return outcome == 0 && result.refused == 0 && result.unresolved == 0 && result.acknowledged > 0 ? 0 : 1;
}
