/* tb-bench-naive: what TulipBroker is compared with. The obvious service: each order in one transaction that inserts
 * the same rows (order, two executions, outbox, two ledger legs) and updates the same two balances, of which '@market'
 * is hot. Tuned as far as its idea allows: a pool of connections, each with a thread of its own, prepared statements
 * sent as one pipeline (one round trip and one commit an order), the hot row touched last, planner pinned as for our
 * actors. It has no HTTP to serve, which is in its favour. Needs a database with the schema of sql/0001_streams. Prints
 * "name value" lines like tb-bench. */
#include <getopt.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "ids.h"
#include "latency.h"

enum { NAIVE_THREADS_MAX = 256, NAIVE_STATEMENTS = 4 };

static const char *const naive_users[] = {"clusius", "oosterwijck", "leeuwenhoek"};

static const char *const naive_names[NAIVE_STATEMENTS] = {"order", "executions", "outbox", "money"};

/* Sequences instead of gapless heads, and accounts to move money between. Run once, by the first connection. */
static const char naive_setup[] =
    "SELECT region_create('nl-1');"
    "CREATE SEQUENCE IF NOT EXISTS naive_orders; CREATE SEQUENCE IF NOT EXISTS naive_executions;"
    "CREATE SEQUENCE IF NOT EXISTS naive_outbox; CREATE SEQUENCE IF NOT EXISTS naive_balances;"
    "INSERT INTO balances (region, account, updated_at) SELECT 'nl-1', a, now()"
    "  FROM unnest(ARRAY['@market', 'clusius', 'oosterwijck', 'leeuwenhoek']) a ON CONFLICT DO NOTHING";

static const char *const naive_statements[NAIVE_STATEMENTS] = {
    "INSERT INTO orders (region, seq, kind, side, time_in_force, quantity, price_cents, created_at, trace_id, user_id, "
    "client_id,"
    " idempotency_key) VALUES ('nl-1', nextval('naive_orders'), 1, $1::smallint, 1, $2::int, $3::bigint, now(), "
    "$4::uuid, $5::text, $6::text, $7::text)",

    "INSERT INTO executions (region, seq, order_seq, type, side, leg, quantity, price_cents, notional_cents, "
    "created_at, user_id, az)"
    " SELECT 'nl-1', nextval('naive_executions'), currval('naive_orders'), t.type, $1::smallint, t.leg, $2::int, "
    "$3::bigint,"
    " $2::int * $3::bigint, now(), $4::text, 'az-1' FROM (VALUES (1::smallint, 1), (2::smallint, 0)) t(type, leg)",

    "INSERT INTO outbox (region, seq, order_seq, delta_cents, price_cents, quantity, side, created_at, "
    "order_created_at, trace_id, user_id)"
    " VALUES ('nl-1', nextval('naive_outbox'), currval('naive_orders'), $1::bigint, $2::bigint, $3::int, $4::smallint, "
    "now(), now(), $5::uuid, $6::text)",

    "WITH persona AS (UPDATE balances SET balance_cents = balance_cents + $1::bigint, version = version + 1,"
    "  last_order_seq = currval('naive_orders'), updated_at = now() WHERE region = 'nl-1' AND account = $6::text"
    "  RETURNING balance_cents, version, account, $1::bigint AS delta, nextval('naive_balances') AS seq),"
    " market AS (UPDATE balances b SET balance_cents = b.balance_cents - $1::bigint, version = b.version + 1, "
    "updated_at = now()"
    "  FROM persona p WHERE b.region = 'nl-1' AND b.account = '@market' RETURNING b.balance_cents, b.version, "
    "b.account, -p.delta, p.seq)"
    " INSERT INTO ledger (region, seq, order_seq, delta_cents, resulting_cents, price_cents, version, created_at, "
    "quantity, reason, side,"
    "  account, owner, trace_id)"
    " SELECT 'nl-1', l.seq, currval('naive_orders'), l.delta, l.balance_cents, $2::bigint, l.version, now(), $3::int, "
    "2, $4::smallint, l.account,"
    "  $6::text, $5::uuid FROM (SELECT * FROM persona UNION ALL SELECT * FROM market) l",
};

struct naive_options {
    const char *database;
    size_t threads;
    double seconds, warmup_seconds;
};

struct naive_worker {
    const struct naive_options *options;
    pthread_t thread;
    size_t index;
    PGconn *connection;
    int64_t measure_from_us, end_us;
    uint64_t committed; /* in the measured time */
    struct latency latency;
};

static atomic_bool naive_failed;

static _Noreturn void naive_die(PGconn *connection, const char *what)
{
    fprintf(stderr, "tb-bench-naive: %s: %s", what, PQerrorMessage(connection));
    exit(1);
}

static void naive_expect(PGconn *connection, PGresult *result, const char *what)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        naive_die(connection, what);
    PQclear(result);
}

/* The comparison means nothing when commits are not durable. */
static void naive_check_durability(PGconn *connection)
{
    static const char *const settings[] = {"fsync", "full_page_writes", "synchronous_commit"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(settings); i++) {
        char query[64];
        snprintf(query, sizeof query, "SHOW %s", settings[i]);
        PGresult *result = PQexec(connection, query);
        if (PQntuples(result) != 1 || strcmp(PQgetvalue(result, 0, 0), "on") != 0) {
            fprintf(stderr, "tb-bench-naive: the database has %s off\n", settings[i]);
            exit(1);
        }
        PQclear(result);
    }
}

static PGconn *naive_connect(const struct naive_options *options)
{
    const char *const names[] = {"dbname", "options", "application_name", NULL};
    const char *const values[] = {
        options->database,
        "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off "
        "-c client_min_messages=warning",
        "tb-bench-naive", NULL};
    PGconn *connection = PQconnectdbParams(names, values, 1); /* dbname may be a whole URL */
    if (PQstatus(connection) != CONNECTION_OK)
        naive_die(connection, "connect");
    return connection;
}

static void naive_prepare(PGconn *connection)
{
    for (int i = 0; i < NAIVE_STATEMENTS; i++) {
        naive_expect(connection, PQprepare(connection, naive_names[i], naive_statements[i], 0, NULL), "prepare");
    }
    if (!PQenterPipelineMode(connection))
        naive_die(connection, "pipeline");
}

/* Effect: one order, begun and committed. Return: false when the database did not take it. */
static bool naive_order(PGconn *connection, const char *key, uint64_t number)
{
    char quantity[16], price[24], delta[24], trace[33];
    uint8_t random[16];
    int side = number % 2 == 0 ? 1 : 2;
    int64_t units = (int64_t)(number % 100) + 1, cents = (int64_t)(number % 37) * 100 + 10000 + (int64_t)(number % 100);
    ids_random(random, sizeof random);
    ids_hex(random, sizeof random, trace);
    snprintf(quantity, sizeof quantity, "%" PRId64, units);
    snprintf(price, sizeof price, "%" PRId64, cents);
    snprintf(delta, sizeof delta, "%" PRId64, (side == 1 ? -1 : 1) * units * cents);
    const char *side_text = side == 1 ? "1" : "2", *user = naive_users[number % TB_ARRAY_SIZE(naive_users)];

    const char *const order[] = {side_text, quantity, price, trace, user, "bench", key};
    const char *const executions[] = {side_text, quantity, price, user};
    const char *const outbox[] = {delta, price, quantity, side_text, trace, user};
    const char *const *const values[NAIVE_STATEMENTS] = {order, executions, outbox, outbox};
    static const int counts[NAIVE_STATEMENTS] = {7, 4, 6, 6};
    for (int i = 0; i < NAIVE_STATEMENTS; i++)
        if (!PQsendQueryPrepared(connection, naive_names[i], counts[i], values[i], NULL, NULL, 0))
            return false;
    if (!PQpipelineSync(connection)) /* without BEGIN, what stands before the sync is one transaction */
        return false;
    bool committed = true;
    for (bool synced = false; !synced;) {
        PGresult *result = PQgetResult(connection);
        if (!result) {
            if (PQstatus(connection) != CONNECTION_OK)
                return false;
            continue; /* between two statements */
        }
        ExecStatusType status = PQresultStatus(result);
        synced = status == PGRES_PIPELINE_SYNC;
        bool whole = status == PGRES_COMMAND_OK && strcmp(PQcmdTuples(result), "0") != 0;
        committed = committed && (synced || whole);
        PQclear(result);
    }
    return committed;
}

static void *naive_work(void *arg)
{
    struct naive_worker *worker = arg;
    uint8_t random[8];
    char run[17];
    ids_random(random, sizeof random);
    ids_hex(random, sizeof random, run);
    int64_t begun_us = clock_monotonic_us();
    for (uint64_t n = worker->index; begun_us < worker->end_us && !atomic_load(&naive_failed);
         n += worker->options->threads) {
        char key[64];
        snprintf(key, sizeof key, "naive-%s-%" PRIu64, run, n);
        if (!naive_order(worker->connection, key, n)) {
            fprintf(stderr, "tb-bench-naive: an order failed: %s", PQerrorMessage(worker->connection));
            atomic_store(&naive_failed, true);
            break;
        }
        int64_t ended_us = clock_monotonic_us();
        if (ended_us >= worker->measure_from_us && ended_us < worker->end_us)
            worker->committed++;
        if (begun_us >= worker->measure_from_us)
            latency_add(&worker->latency, ended_us - begun_us);
        begun_us = ended_us;
    }
    return NULL;
}

static double naive_number(const char *name, double minimum, double maximum)
{
    char *end;
    double value = strtod(optarg, &end);
    if (*optarg && !*end && value >= minimum && value <= maximum)
        return value;
    fprintf(stderr, "tb-bench-naive: --%s must be a number from %g to %g, not '%s'\n", name, minimum, maximum, optarg);
    exit(2);
}

static void naive_read_options(int argc, char **argv, struct naive_options *options)
{
    enum { DATABASE = 1, THREADS, SECONDS, WARMUP };
    static const struct option flags[] = {{"database", required_argument, NULL, DATABASE},
                                          {"threads", required_argument, NULL, THREADS},
                                          {"seconds", required_argument, NULL, SECONDS},
                                          {"warmup", required_argument, NULL, WARMUP},
                                          {0}};
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (flag == DATABASE)
            options->database = optarg;
        else if (flag == THREADS)
            options->threads = (size_t)naive_number("threads", 1, NAIVE_THREADS_MAX);
        else if (flag == SECONDS)
            options->seconds = naive_number("seconds", 0.1, 86400);
        else if (flag == WARMUP)
            options->warmup_seconds = naive_number("warmup", 0, 3600);
        else
            options->database = NULL;
    }
    if (options->database && optind == argc)
        return;
    fprintf(stderr, "usage: tb-bench-naive --database URL [--threads 16] [--seconds 10] [--warmup 1]\n"
                    "  a scratch database with sql/0001_streams in it\n");
    exit(2);
}

int main(int argc, char **argv)
{
    struct naive_options options = {.threads = 16, .seconds = 10, .warmup_seconds = 1};
    naive_read_options(argc, argv, &options);
    static struct naive_worker workers[NAIVE_THREADS_MAX];
    for (size_t i = 0; i < options.threads; i++) {
        workers[i] = (struct naive_worker){.options = &options, .index = i, .connection = naive_connect(&options)};
        if (i == 0) {
            naive_check_durability(workers[0].connection);
            naive_expect(workers[0].connection, PQexec(workers[0].connection, naive_setup), "set up");
        }
        naive_prepare(workers[i].connection);
    }
    int64_t start_us = clock_monotonic_us();
    for (size_t i = 0; i < options.threads; i++) {
        workers[i].measure_from_us = start_us + (int64_t)(options.warmup_seconds * 1e6);
        workers[i].end_us = workers[i].measure_from_us + (int64_t)(options.seconds * 1e6);
        tb_assert(pthread_create(&workers[i].thread, NULL, naive_work, &workers[i]) == 0);
    }
    struct latency latency = {0};
    uint64_t committed = 0;
    for (size_t i = 0; i < options.threads; i++) {
        pthread_join(workers[i].thread, NULL);
        committed += workers[i].committed;
        latency_merge(&latency, &workers[i].latency);
        latency_release(&workers[i].latency);
        PQfinish(workers[i].connection);
    }
    printf("threads %zu\norders_committed %" PRIu64 "\norders_per_second %.1f\n", options.threads, committed,
           (double)committed / options.seconds);
    latency_print(&latency, "commit");
    latency_release(&latency);
    return atomic_load(&naive_failed) ? 1 : 0;
}
