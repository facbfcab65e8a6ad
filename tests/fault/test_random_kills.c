/* The promise itself: every actor is killed with SIGKILL at random moments under load while all clients retry with
 * their keys. Afterwards no acknowledged order is lost or doubled, every one is final, each balance is right to the
 * cent, and the audit holds. TB_TEST_FAULT_SECONDS (30) and TB_TEST_FAULT_SEED (the time) size and steer it; the seed
 * is printed. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "cluster.h"

enum { CLIENTS = 8, PERSONAS = 3, PACE_MS = 4 };

static const char *const personas[PERSONAS] = {"clusius", "oosterwijck", "leeuwenhoek"};
static const char *const actors[] = {"sequencer", "simfill", "balance", "gateway", "persona", "reconciler"};

/* What an order does to its persona's cash is known beforehand: the fill is a function of its seed. */
struct flavour {
    const char *seed;
    bool fills;
    bool cancel; /* the client cancels it, and goes on until that is done */
};
static const struct flavour flavours[] = {
    {NULL, true, false},       {NULL, true, false},      {NULL, true, false},    {"partial:3", true, false},
    {"slow:700", true, false}, {"cancel", false, false}, {"dup:3", true, false}, {"hang", false, true},
};

struct client {
    pthread_t thread;
    int number;
    unsigned random;
    long orders, retries, unanswered;
    long delta_cents[PERSONAS];
};

static struct cluster cluster;
static atomic_bool stop;
static atomic_long acknowledged;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Effect: sends until it is answered with success, at most 60 s. Gives the answer, or NULL. */
static struct api_answer *insist(struct client *client, const char *method, const char *path, const char *body,
                                 const char *headers)
{
    for (time_t give_up = time(NULL) + 60; time(NULL) < give_up; client->retries++) {
        struct api_answer *answer = api_call(cluster.port, method, path, body, headers);
        if (answer->status == 200 || answer->status == 201)
            return answer;
        if (answer->status != 0 && answer->status != 503) {
            fprintf(stderr, "%s %s: %s\n", method, path, answer->raw);
            abort(); /* neither success nor a reason to retry: exactly what must never be seen */
        }
        api_free(&answer);
        pause_ms(50);
    }
    return NULL;
}

static void one_order(struct client *client)
{
    const struct flavour *flavour = &flavours[rand_r(&client->random) % (int)(sizeof flavours / sizeof flavours[0])];
    int persona = rand_r(&client->random) % PERSONAS;
    bool buy = rand_r(&client->random) % 2;
    int quantity = 3 + rand_r(&client->random) % 20;
    int price_cents = 1 + rand_r(&client->random) % 20000;
    char body[400], header[96], seed[64] = "";
    if (flavour->seed)
        snprintf(seed, sizeof seed, ",\"simulationSeed\":\"%s\"", flavour->seed);
    snprintf(body, sizeof body,
             "{\"userId\":\"%s\",\"side\":\"%s\",\"quantity\":%d,\"price\":\"%d.%02d\",\"clientId\":\"c%d\"%s}",
             personas[persona], buy ? "BUY" : "SELL", quantity, price_cents / 100, price_cents % 100, client->number,
             seed);
    snprintf(header, sizeof header, "Idempotency-Key: k-%d-%ld\r\n", client->number, client->orders++);
    struct api_answer *answer = insist(client, "POST", "/api/orders", body, header);
    if (!answer) {
        client->unanswered++;
        return;
    }
    atomic_fetch_add(&acknowledged, 1);
    if (flavour->fills)
        client->delta_cents[persona] += (buy ? -1L : 1L) * quantity * price_cents;
    char path[128];
    snprintf(path, sizeof path, "/api/orders/%s/cancel", api_text(answer, "orderId"));
    api_free(&answer);
    if (flavour->cancel) {
        answer = insist(client, "POST", path, NULL, NULL);
        client->unanswered += answer == NULL;
        api_free(&answer);
    }
}

static void *client_run(void *arg)
{
    struct client *client = arg;
    while (!atomic_load(&stop)) {
        one_order(client);
        pause_ms(PACE_MS);
    }
    return NULL;
}

/* Return: the process that is this actor right now, as the gateway sees it; 0 when it does not. */
static pid_t pid_of(const char *actor)
{
    struct api_answer *answer = api_call(cluster.port, "GET", "/health/ready", NULL, NULL);
    json_t *actors_seen = api_at(answer, "actors");
    pid_t pid = 0;
    for (size_t i = 0; i < json_array_size(actors_seen) && pid == 0; i++) {
        json_t *seen = json_array_get(actors_seen, i);
        const char *name = json_string_value(json_object_get(seen, "name"));
        if (name && strcmp(name, actor) == 0)
            pid = (pid_t)json_integer_value(json_object_get(seen, "pid"));
    }
    api_free(&answer);
    return pid;
}

/* Effect: kills for so many seconds; longer, up to ten times, until enough orders were taken and actors killed for the
 * result to mean something: a busy machine needs longer for that. Return: how many were killed. */
static int kill_at_random(unsigned *random, long seconds)
{
    int total = 0;
    time_t end = time(NULL) + seconds, latest = end + 9 * seconds;
    while (time(NULL) < end ||
           ((total <= seconds / 3 || atomic_load(&acknowledged) <= seconds * 5) && time(NULL) < latest)) {
        pause_ms(200 + rand_r(random) % 800);
        pid_t pid = pid_of(actors[rand_r(random) % (int)(sizeof actors / sizeof actors[0])]);
        total += pid > 1 && kill(pid, SIGKILL) == 0;
    }
    return total;
}

/* Return: how many orders there are in all, walking every page; *open counts those that are not final. */
static long count_orders(long *open)
{
    char path[512] = "/api/orders?limit=200";
    struct client walker = {0};
    long count = 0;
    *open = 0;
    for (;;) {
        struct api_answer *answer = insist(&walker, "GET", path, NULL, NULL);
        ck_assert_msg(answer != NULL, "%s is not answered", path);
        json_t *items = api_at(answer, "items");
        for (size_t i = 0; i < json_array_size(items); i++) {
            count++;
            *open += strcmp(json_string_value(json_object_get(json_array_get(items, i), "status")), "PENDING") == 0;
        }
        json_t *next = api_at(answer, "nextCursor");
        if (json_is_string(next))
            snprintf(path, sizeof path, "/api/orders?limit=200&cursor=%s", json_string_value(next));
        bool more = json_is_string(next);
        api_free(&answer);
        if (!more)
            return count;
    }
}

static long setting(const char *name, long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : fallback;
}

static void check_balances(const struct client clients[])
{
    for (int p = 0; p < PERSONAS; p++) {
        long cents = 1000000;
        for (int c = 0; c < CLIENTS; c++)
            cents += clients[c].delta_cents[p];
        long whole = labs(cents) / 100, part = labs(cents) % 100;
        char expected[64], path[64];
        snprintf(expected, sizeof expected, "%s%ld.%02ld", cents < 0 ? "-" : "", whole, part);
        snprintf(path, sizeof path, "/api/balances/%s", personas[p]);
        struct api_answer *answer = api_wait(cluster.port, path, "currentBalance", expected);
        ck_assert_str_eq(api_text(answer, "currentBalance"), expected);
        ck_assert_str_eq(api_text(answer, "pendingDelta"), "0.00");
        api_free(&answer);
    }
}

START_TEST(nothing_is_lost_or_doubled)
{
    unsigned random = (unsigned)setting("TB_TEST_FAULT_SEED", (long)time(NULL));
    long seconds = setting("TB_TEST_FAULT_SECONDS", 30);
    printf("seed %u, %ld s\n", random, seconds);
    struct client clients[CLIENTS] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].number = i;
        clients[i].random = random + (unsigned)i * 7919U;
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, client_run, &clients[i]), 0);
    }
    int total = kill_at_random(&random, seconds);
    atomic_store(&stop, true);
    long keys = 0, retries = 0, unanswered = 0;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        keys += clients[i].orders;
        retries += clients[i].retries;
        unanswered += clients[i].unanswered;
    }
    printf("%ld orders, %ld acknowledged, %ld retries, %d kills\n", keys, atomic_load(&acknowledged), retries, total);
    ck_assert_int_gt(total, (int)seconds / 3);
    ck_assert_int_gt(keys, seconds * 5);
    ck_assert_int_eq(unanswered, 0);
    ck_assert_int_eq(atomic_load(&acknowledged), keys);
    long open = 1, count = 0;
    for (int tries = 0; tries < 600 && open > 0; tries++, pause_ms(100))
        count = count_orders(&open);
    ck_assert_int_eq(open, 0);
    ck_assert_int_eq(count, keys);
    check_balances(clients);
}
END_TEST

int main(void)
{
    cluster_start(&cluster, "TB_SIMFILL_DELAY_MS=50");
    Suite *suite = suite_create("random kills");
    TCase *part = tcase_create("fault");
    tcase_set_timeout(part, 900);
    tcase_add_test(part, nothing_is_lost_or_doubled);
    suite_add_tcase(suite, part);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    int audit = cluster_stop(&cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
