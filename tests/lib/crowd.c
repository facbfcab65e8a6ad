#include "crowd.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "base.h"
#include "clock.h"

enum { PERSONAS = 3, INSIST_MS = 60000, SETTLE_TRIES = 600 };

static const char *const personas[PERSONAS] = {"clusius", "oosterwijck", "leeuwenhoek"};

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
    struct crowd *crowd;
    pthread_t thread;
    char id[48];
    unsigned random;
    struct crowd_figures figures;
    long delta_cents[PERSONAS];
};

struct crowd {
    int port, count;
    long pace_ms;
    bool stopped;
    atomic_bool stop;
    atomic_long acknowledged;
    long before_cents[PERSONAS];
    struct crowd_figures figures;
    struct client clients[CROWD_MAX];
};

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static long now_ms(void)
{
    return (long)(clock_monotonic_us() / 1000);
}

/* Effect: notes a try that had no success. */
static void count_retry(struct crowd_figures *figures, int status, long *refused_since_ms)
{
    figures->retries++;
    figures->refused += status == 503;
    figures->cut += status == 0;
    if (status != 503)
        *refused_since_ms = 0;
    else if (*refused_since_ms == 0)
        *refused_since_ms = now_ms();
    if (*refused_since_ms != 0 && now_ms() - *refused_since_ms > figures->refused_ms)
        figures->refused_ms = now_ms() - *refused_since_ms;
}

/* Effect: sends until it is answered with success, at most INSIST_MS. Gives the answer, or NULL. */
static struct api_answer *insist(int port, struct crowd_figures *figures, const char *method, const char *path,
                                 const char *body, const char *headers)
{
    long begun_ms = now_ms(), refused_since_ms = 0;
    while (now_ms() - begun_ms < INSIST_MS) {
        struct api_answer *answer = api_call(port, method, path, body, headers);
        if (answer->status == 200 || answer->status == 201) {
            if (now_ms() - begun_ms > figures->worst_ms)
                figures->worst_ms = now_ms() - begun_ms;
            return answer;
        }
        if (answer->status != 0 && answer->status != 503) {
            fprintf(stderr, "%s %s: %s\n", method, path, answer->raw);
            abort(); /* neither success nor a reason to retry: exactly what must never be seen */
        }
        count_retry(figures, answer->status, &refused_since_ms);
        api_free(&answer);
        pause_ms(50);
    }
    return NULL;
}

static void one_order(struct client *client)
{
    struct crowd *crowd = client->crowd;
    const struct flavour *flavour = &flavours[rand_r(&client->random) % (int)TB_ARRAY_SIZE(flavours)];
    int persona = rand_r(&client->random) % PERSONAS;
    bool buy = rand_r(&client->random) % 2;
    int quantity = 3 + rand_r(&client->random) % 20;
    int price_cents = 1 + rand_r(&client->random) % 20000;
    char body[400], header[128], seed[64] = "";
    if (flavour->seed)
        snprintf(seed, sizeof seed, ",\"simulationSeed\":\"%s\"", flavour->seed);
    snprintf(body, sizeof body,
             "{\"userId\":\"%s\",\"side\":\"%s\",\"quantity\":%d,\"price\":\"%d.%02d\",\"clientId\":\"%s\"%s}",
             personas[persona], buy ? "BUY" : "SELL", quantity, price_cents / 100, price_cents % 100, client->id, seed);
    snprintf(header, sizeof header, "Idempotency-Key: k-%s-%ld\r\n", client->id, client->figures.orders++);
    struct api_answer *answer = insist(crowd->port, &client->figures, "POST", "/api/orders", body, header);
    if (!answer) {
        client->figures.unanswered++;
        return;
    }
    client->figures.acknowledged++;
    atomic_fetch_add(&crowd->acknowledged, 1);
    if (flavour->fills)
        client->delta_cents[persona] += (buy ? -1L : 1L) * quantity * price_cents;
    char path[128];
    snprintf(path, sizeof path, "/api/orders/%s/cancel", api_text(answer, "orderId"));
    api_free(&answer);
    if (flavour->cancel) {
        answer = insist(crowd->port, &client->figures, "POST", path, NULL, NULL);
        client->figures.unanswered += answer == NULL;
        api_free(&answer);
    }
}

static void *client_run(void *arg)
{
    struct client *client = arg;
    while (!atomic_load(&client->crowd->stop)) {
        one_order(client);
        pause_ms(client->crowd->pace_ms);
    }
    return NULL;
}

/* ---- what there is ---- */

static long cents_of(const char *text)
{
    long whole, part;
    ck_assert_msg(sscanf(text, "%ld.%2ld", &whole, &part) == 2, "no money: %s", text);
    return whole * 100 + (text[0] == '-' ? -part : part);
}

/* Return: a persona's balance once nothing of it is under way any more. */
static long settled_cents(int port, int persona)
{
    char path[64];
    snprintf(path, sizeof path, "/api/balances/%s", personas[persona]);
    struct api_answer *answer = api_wait(port, path, "pendingDelta", "0.00");
    ck_assert_str_eq(api_text(answer, "pendingDelta"), "0.00");
    long cents = cents_of(api_text(answer, "currentBalance"));
    api_free(&answer);
    return cents;
}

/* Return: how many orders a client has, walking every page; adds those that are not final to *open. */
static long count_orders(const struct client *client, long *open)
{
    int port = client->crowd->port;
    char path[640];
    struct crowd_figures unused = {0};
    long count = 0;
    snprintf(path, sizeof path, "/api/orders?limit=200&clientId=%s", client->id);
    for (;;) {
        struct api_answer *answer = insist(port, &unused, "GET", path, NULL, NULL);
        ck_assert_msg(answer != NULL, "%s is not answered", path);
        json_t *items = api_at(answer, "items");
        for (size_t i = 0; i < json_array_size(items); i++) {
            count++;
            *open += strcmp(json_string_value(json_object_get(json_array_get(items, i), "status")), "PENDING") == 0;
        }
        json_t *next = api_at(answer, "nextCursor");
        bool more = json_is_string(next);
        if (more)
            snprintf(path, sizeof path, "/api/orders?limit=200&clientId=%s&cursor=%s", client->id,
                     json_string_value(next));
        api_free(&answer);
        if (!more)
            return count;
    }
}

/* ---- the crowd ---- */

struct crowd *crowd_start(int port, const char *name, int clients, long pace_ms, unsigned seed)
{
    struct crowd *crowd = tb_alloc_zero(1, sizeof *crowd);
    tb_assert(clients > 0 && clients <= CROWD_MAX);
    crowd->port = port;
    crowd->count = clients;
    crowd->pace_ms = pace_ms;
    for (int p = 0; p < PERSONAS; p++)
        crowd->before_cents[p] = settled_cents(port, p);
    for (int i = 0; i < clients; i++) {
        struct client *client = &crowd->clients[i];
        client->crowd = crowd;
        client->random = seed + (unsigned)i * 7919U;
        snprintf(client->id, sizeof client->id, "%s-%d", name, i);
        ck_assert_int_eq(pthread_create(&client->thread, NULL, client_run, client), 0);
    }
    return crowd;
}

long crowd_acknowledged(const struct crowd *crowd)
{
    return atomic_load(&crowd->acknowledged);
}

void crowd_wait(const struct crowd *crowd, long more)
{
    long wanted = crowd_acknowledged(crowd) + more, begun_ms = now_ms();
    while (crowd_acknowledged(crowd) < wanted && now_ms() - begun_ms < INSIST_MS)
        pause_ms(10);
    ck_assert_msg(crowd_acknowledged(crowd) >= wanted, "only %ld of %ld more orders were taken within %d s",
                  crowd_acknowledged(crowd) - wanted + more, more, INSIST_MS / 1000);
}

struct crowd_figures crowd_stop(struct crowd *crowd)
{
    struct crowd_figures *sum = &crowd->figures;
    if (crowd->stopped)
        return *sum;
    crowd->stopped = true;
    atomic_store(&crowd->stop, true);
    for (int i = 0; i < crowd->count; i++) {
        const struct crowd_figures *figures = &crowd->clients[i].figures;
        pthread_join(crowd->clients[i].thread, NULL);
        sum->orders += figures->orders;
        sum->acknowledged += figures->acknowledged;
        sum->retries += figures->retries;
        sum->refused += figures->refused;
        sum->cut += figures->cut;
        sum->unanswered += figures->unanswered;
        if (figures->worst_ms > sum->worst_ms)
            sum->worst_ms = figures->worst_ms;
        if (figures->refused_ms > sum->refused_ms)
            sum->refused_ms = figures->refused_ms;
    }
    printf("%s…: %ld orders, %ld acknowledged; sent again %ld (503 %ld, no answer %ld); slowest %ld ms, longest with "
           "503 %ld ms\n",
           crowd->clients[0].id, sum->orders, sum->acknowledged, sum->retries, sum->refused, sum->cut, sum->worst_ms,
           sum->refused_ms);
    return *sum;
}

static void check_balances(const struct crowd *crowd)
{
    for (int p = 0; p < PERSONAS; p++) {
        long cents = crowd->before_cents[p];
        for (int i = 0; i < crowd->count; i++)
            cents += crowd->clients[i].delta_cents[p];
        char expected[64], path[64];
        snprintf(expected, sizeof expected, "%s%ld.%02ld", cents < 0 ? "-" : "", labs(cents) / 100, labs(cents) % 100);
        snprintf(path, sizeof path, "/api/balances/%s", personas[p]);
        struct api_answer *answer = api_wait(crowd->port, path, "currentBalance", expected);
        ck_assert_str_eq(api_text(answer, "currentBalance"), expected);
        ck_assert_str_eq(api_text(answer, "pendingDelta"), "0.00");
        api_free(&answer);
    }
}

void crowd_check(struct crowd **crowd)
{
    const struct crowd *c = *crowd;
    ck_assert_int_eq(c->figures.unanswered, 0);
    ck_assert_int_eq(c->figures.acknowledged, c->figures.orders);
    long open = 1, count = 0;
    for (int tries = 0; tries < SETTLE_TRIES && open > 0; tries++, pause_ms(open > 0 ? 100 : 0)) {
        open = count = 0;
        for (int i = 0; i < c->count; i++)
            count += count_orders(&c->clients[i], &open);
    }
    ck_assert_int_eq(open, 0);
    ck_assert_int_eq(count, c->figures.orders);
    check_balances(c);
    free(*crowd);
    *crowd = NULL;
}
