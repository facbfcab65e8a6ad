/* 503 of every operation that documents it, for its two reasons: the store is gone (PostgreSQL is stopped, its backends
 * are killed, the gateway starts without it), and too much is under way (the actors stand still while requests come).
 * Whatever is stopped goes on again, whether the test passes or not. */
#include "openapi.h"
#include "pictures.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"

enum { ACTORS_MAX = 16, ASKED_MAX = 64, BACK_S = 120, ANSWER_S = 90, CROWD_MAX = 4400 };
#define SECOND_US 1000000LL

static pid_t stopped[ACTORS_MAX];
static size_t stopped_count;

static void stop_process(pid_t pid)
{
    ck_assert_uint_lt(stopped_count, ACTORS_MAX);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    stopped[stopped_count++] = pid;
}

/* Effect: what was stopped goes on. Also when a test has failed: it is every test's tear-down. */
static void go_on(void)
{
    while (stopped_count > 0)
        (void)kill(stopped[--stopped_count], SIGCONT);
}

/* Effect: waits until everything is as before: every actor ready, an order settled. */
static void wait_until_well(void)
{
    for (int64_t deadline = clock_monotonic_us() + BACK_S * SECOND_US;; (void)poll(NULL, 0, 200)) {
        ck_assert_msg(clock_monotonic_us() < deadline, "the system did not come back within %d s", BACK_S);
        struct api_answer *answer = api_call(OPENAPI_PORT, "GET", "/health/ready", NULL, NULL);
        bool ready = answer->status == 200;
        api_free(&answer);
        if (!ready)
            continue;
        answer = api_call(OPENAPI_PORT, "POST", "/api/orders",
                          "{\"userId\":\"clusius\",\"side\":\"SELL\",\"quantity\":1,\"price\":\"2.00\"}",
                          "Prefer: wait=10\r\n");
        ready = strcmp(api_text(answer, "status"), "ACCEPTED") == 0;
        api_free(&answer);
        if (ready)
            return;
    }
}

/* --- asking every operation at once --- */

struct asked {
    pthread_t thread;
    struct operation operation;
    char path[256];
    char *body;
    struct api_answer *answer;
};
static struct asked asked[ASKED_MAX];
static size_t asked_count;

static const char handshake[] = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static void *ask(void *arg)
{
    struct asked *one = arg;
    char request[4096];
    if (strcmp(one->operation.path, "/ws") == 0) {
        one->answer = api_raw_for(OPENAPI_PORT, handshake, sizeof handshake - 1, 5);
        return NULL;
    }
    int size =
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" OPENAPI_ADMIN,
                 one->operation.verb, one->path);
    if (openapi_takes_picture(&one->operation)) {
        struct picture picture = pictures_png(&(struct png_spec){2, 2, PNG_RGB, 8, false, false});
        size += snprintf(request + size, sizeof request - (size_t)size,
                         "Content-Type: image/png\r\nContent-Length: %zu\r\n\r\n", picture.size);
        tb_assert((size_t)size + picture.size <= sizeof request);
        memcpy(request + size, picture.bytes, picture.size);
        size += (int)picture.size;
        free(picture.bytes);
    } else if (one->body != NULL)
        size +=
            snprintf(request + size, sizeof request - (size_t)size,
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(one->body), one->body);
    else
        size += snprintf(request + size, sizeof request - (size_t)size, "\r\n");
    one->answer = api_raw_for(OPENAPI_PORT, request, (size_t)size, ANSWER_S);
    return NULL;
}

/* Effect: asks every operation that documents this 503, all at the same time, and holds the answers. */
static void ask_all(const char *code)
{
    struct operation operation;
    asked_count = 0;
    for (size_t at = 0; openapi_next(&at, &operation);) {
        json_t *response = openapi_response(&operation, "503");
        if (response == NULL || !openapi_has_code(response, code))
            continue;
        ck_assert_uint_lt(asked_count, ASKED_MAX);
        struct asked *one = &asked[asked_count++];
        *one = (struct asked){.operation = operation};
        openapi_path(&operation, true, one->path, sizeof one->path);
        const char *parameters = strcmp(operation.path, "/api/orders/by-key") == 0 ? "?clientId=a&idempotencyKey=b"
                                 : strcmp(operation.path, "/api/events") == 0      ? "?stream=orders"
                                                                                   : "";
        (void)snprintf(one->path + strlen(one->path), sizeof one->path - strlen(one->path), "%s", parameters);
        one->body = openapi_body_example(&operation);
    }
    for (size_t i = 0; i < asked_count; i++)
        ck_assert_int_eq(pthread_create(&asked[i].thread, NULL, ask, &asked[i]), 0);
    for (size_t i = 0; i < asked_count; i++)
        (void)pthread_join(asked[i].thread, NULL);
}

static void hold_all(const char *code)
{
    for (size_t i = 0; i < asked_count; i++) {
        if (asked[i].answer->status != 503)
            printf("%s %s: %d instead of 503 %s\n", asked[i].operation.verb, asked[i].path, asked[i].answer->status,
                   code);
    }
    for (size_t i = 0; i < asked_count; i++) {
        openapi_hold(&asked[i].operation, asked[i].answer, 503, code);
        ck_assert_msg(json_is_true(api_at(asked[i].answer, "retryable")), "%s", asked[i].answer->raw);
        api_free(&asked[i].answer);
        free(asked[i].body);
    }
    ck_assert_uint_gt(asked_count, 0);
    printf("%zu operations answered 503 %s\n", asked_count, code);
}

/* --- the store is gone --- */

static pid_t postmaster(void)
{
    char path[128];
    long pid = 0;
    (void)snprintf(path, sizeof path, "%s/postgres/postmaster.pid", openapi.cluster.data);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL && fscanf(file, "%ld", &pid) == 1 && pid > 1, "%s does not say who PostgreSQL is", path);
    (void)fclose(file);
    return (pid_t)pid;
}

/* Effect: kills every process that this one has started. */
static void kill_children_of(pid_t parent)
{
    DIR *processes = opendir("/proc");
    ck_assert_ptr_nonnull(processes);
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        char path[300], line[512] = "";
        long pid = strtol(entry->d_name, NULL, 10), ppid = 0;
        if (pid <= 1)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        const char *after = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
        if (after != NULL && sscanf(after + 1, " %*c %ld", &ppid) == 1 && ppid == parent)
            (void)kill((pid_t)pid, SIGKILL);
        (void)fclose(file);
    }
    (void)closedir(processes);
}

START_TEST(without_its_store_everything_is_503)
{
    pid_t server = postmaster();
    stop_process(server); /* it stays stopped: nobody can connect anew */
    kill_children_of(server);
    ck_assert_msg(cluster_tulip(&openapi.cluster, "kill gateway") == 0, "%s", cluster_output());
    struct api_answer *answer = NULL;
    for (int64_t deadline = clock_monotonic_us() + BACK_S * SECOND_US;; (void)poll(NULL, 0, 50)) {
        api_free(&answer);
        answer = api_call(OPENAPI_PORT, "GET", "/health/ready", NULL, NULL);
        if (answer->status == 503)
            break;
        ck_assert_msg(clock_monotonic_us() < deadline, "the gateway did not come back: %s", answer->raw);
    }
    struct operation ready = openapi_operation("GET /health/ready");
    openapi_hold(&ready, answer, 503, NULL);
    api_free(&answer);
    ask_all("STORE_UNAVAILABLE");
    go_on();
    hold_all("STORE_UNAVAILABLE");
    wait_until_well();
}
END_TEST

/* --- too much is under way --- */

static int crowd[CROWD_MAX];
static size_t crowd_count;

/* Effect: `connections` more, each from one of several addresses of ours (each has its rate), sending `times` the
 * request, and reading nothing. */
static void come(size_t connections, const char *request, size_t times)
{
    size_t length = strlen(request);
    char *all = tb_alloc_zero(times, length + 1);
    for (size_t i = 0; i < times; i++)
        memcpy(all + i * length, request, length);
    for (size_t i = 0; i < connections; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000014u + (uint32_t)(i % 8))},
                           to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)OPENAPI_PORT)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_msg(fd >= 0 && crowd_count < CROWD_MAX, "socket: %s", strerror(errno));
        crowd[crowd_count++] = fd;
        ck_assert_msg(bind(fd, (struct sockaddr *)&from, sizeof from) == 0, "bind: %s", strerror(errno));
        ck_assert_msg(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect: %s", strerror(errno));
        (void)send(fd, all, times * length, MSG_NOSIGNAL);
    }
    free(all);
}

static void leave(void)
{
    while (crowd_count > 0)
        (void)close(crowd[--crowd_count]);
}

/* Effect: these actors stand still; NULL: every one but the gateway. */
static void stop_actors(const char *which)
{
    struct api_answer *answer = api_call(OPENAPI_PORT, "GET", "/health/ready", NULL, NULL);
    json_t *actors = json_incref(api_at(answer, "actors"));
    api_free(&answer);
    for (size_t i = 0; i < json_array_size(actors); i++) {
        json_t *actor = json_array_get(actors, i);
        const char *name = json_string_value(json_object_get(actor, "name"));
        pid_t pid = (pid_t)json_integer_value(json_object_get(actor, "pid"));
        if (name != NULL && pid > 1 && (which != NULL ? strcmp(name, which) == 0 : strcmp(name, "gateway") != 0))
            stop_process(pid);
    }
    json_decref(actors);
    ck_assert_uint_ge(stopped_count, which != NULL ? 1 : 4);
}

#define REBUILD "POST /api/balances/clusius/rebuild HTTP/1.1\r\nHost: localhost\r\n" OPENAPI_ADMIN "\r\n"
#define CANCEL  "POST /api/orders/nl-1.1/cancel HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define SEARCH  "GET /api/logs?orderId=nl-1.999999999 HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define STREAM  "GET /api/stream?channels=ops HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* Effect: one operation's 503 BACKPRESSURE, after a crowd has come; again and again until it is seen, for what waits is
 * answered after its seconds, and makes room. existing: of something that is there; what would change it is asked of
 * something that is not, for it may be carried out later. */
static void want_busy(const char *name, bool existing, size_t connections, const char *request, size_t times)
{
    struct operation operation = openapi_operation(name);
    struct asked one = {.operation = operation, .body = openapi_body_example(&operation)};
    bool busy = false;
    openapi_path(&operation, existing, one.path, sizeof one.path);
    for (int64_t deadline = clock_monotonic_us() + BACK_S * SECOND_US; !busy;) {
        ck_assert_msg(clock_monotonic_us() < deadline, "%s was never answered 503 BACKPRESSURE", name);
        come(connections, request, times);
        /* What it sent is read within a turn or two of the gateway's loop; who comes last may be read first. */
        for (int turns = 0; turns < 5; turns++) {
            struct api_answer *answer = api_call(OPENAPI_PORT, "GET", "/health/live", NULL, NULL);
            api_free(&answer);
        }
        (void)ask(&one);
        busy = strcmp(api_text(one.answer, "code"), "BACKPRESSURE") == 0;
        if (busy)
            openapi_hold(&operation, one.answer, 503, "BACKPRESSURE");
        api_free(&one.answer);
        leave();
    }
    free(one.body);
}

START_TEST(what_comes_when_too_much_is_under_way_is_503)
{
    static const char *const commands[] = {"POST /api/personas",
                                           "PUT /api/personas/{userId}",
                                           "PUT /api/personas/{userId}/avatar",
                                           "DELETE /api/personas/{userId}",
                                           "POST /api/dlq/{dlqId}/redrive",
                                           "DELETE /api/dlq/{dlqId}",
                                           "GET /api/invariants",
                                           "POST /api/replay/verify",
                                           "POST /api/personas/{userId}/restore"};
    static const char *const cancels[] = {"POST /api/orders/{orderId}/cancel", "DELETE /api/orders/{orderId}",
                                          "POST /api/orders/cancel-all"};
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_msg(limit.rlim_cur > CROWD_MAX + 100, "this test needs %d descriptors, the system gives %lu", CROWD_MAX,
                  (unsigned long)limit.rlim_cur);
    static const char body[] = "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"}";
    char order[512];
    (void)snprintf(order, sizeof order,
                   "POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   sizeof body - 1, body);
    stop_actors(NULL);
    want_busy("POST /api/orders", true, 136, order, 32);
    for (size_t i = 0; i < TB_ARRAY_SIZE(cancels); i++)
        want_busy(cancels[i], i == 2, 34, CANCEL, 32);
    want_busy("POST /api/balances/{userId}/rebuild", true, 17, REBUILD, 32);
    for (size_t i = 0; i < TB_ARRAY_SIZE(commands); i++)
        want_busy(commands[i], false, 17, REBUILD, 32);
    go_on();
    want_busy("GET /api/stream", true, 4096, STREAM, 1);
    want_busy("GET /ws", true, 4096, STREAM, 1);
    wait_until_well();
}
END_TEST

/* Effect: waits until a GET of path says so at json_path, in a documented shape. */
static void comes_to_say(const char *name, const char *path, const char *json_path, const char *wanted)
{
    struct operation operation = openapi_operation(name);
    for (int64_t deadline = clock_monotonic_us() + BACK_S * SECOND_US;; (void)poll(NULL, 0, 100)) {
        struct api_answer *answer = api_call(OPENAPI_PORT, "GET", path, NULL, NULL);
        openapi_hold(&operation, answer, 200, NULL);
        bool said = strcmp(api_text(answer, json_path), wanted) == 0;
        ck_assert_msg(said || clock_monotonic_us() < deadline, "%s: %s never became %s: %s", path, json_path, wanted,
                      answer->body);
        api_free(&answer);
        if (said)
            return;
    }
}

START_TEST(while_nobody_fills_orders_are_taken_and_read_as_queued)
{
    static const char body[] = "{\"userId\":\"clusius\",\"side\":\"SELL\",\"quantity\":1,\"price\":\"2.00\"}";
    char path[128];
    stop_actors("simfill");
    struct api_answer *answer = api_call(OPENAPI_PORT, "POST", "/api/orders", body, NULL);
    ck_assert_int_eq(answer->status, 201);
    (void)snprintf(path, sizeof path, "/api/orders/%s", api_text(answer, "orderId"));
    api_free(&answer);
    comes_to_say("GET /api/orders/{orderId}", path, "pendingReason", "QUEUED");
    comes_to_say("GET /api/orders/{orderId}", path, "statusLabel", "Queued → retrying");
    comes_to_say("GET /api/orders", "/api/orders?limit=1", "items.0.pendingReason", "QUEUED");
    answer = api_call(OPENAPI_PORT, "POST", "/api/orders", body, "Prefer: wait=1\r\n");
    ck_assert_str_eq(api_text(answer, "pendingReason"), "QUEUED");
    api_free(&answer);
    answer = api_call(OPENAPI_PORT, "POST", "/api/orders", body, NULL);
    ck_assert_str_eq(api_text(answer, "pendingReason"), "QUEUED");
    api_free(&answer);
    go_on();
    comes_to_say("GET /api/orders/{orderId}", path, "status", "ACCEPTED");
    wait_until_well();
}
END_TEST

START_TEST(more_searches_at_a_time_than_there_may_be_are_503)
{
    enum { SEARCHES = 30 };
    struct operation operation = openapi_operation("GET /api/logs");
    char requests[SEARCHES * sizeof SEARCH] = "";
    for (int i = 0; i < SEARCHES; i++)
        memcpy(requests + (size_t)i * (sizeof SEARCH - 1), SEARCH, sizeof SEARCH);
    struct api_answer *all = api_raw_for(OPENAPI_PORT, requests, strlen(requests), 3);
    struct api_answer *one = openapi_one_of(all, 503);
    ck_assert_msg(one != NULL, "none of %d searches at once was refused", SEARCHES);
    openapi_hold(&operation, one, 503, "BACKPRESSURE");
    api_free(&one);
    api_free(&all);
}
END_TEST

static void tear_down(void)
{
    go_on();
    leave();
}

TCase *openapi_outage(void)
{
    TCase *part = tcase_create("outage");
    tcase_set_timeout(part, 600);
    tcase_add_checked_fixture(part, NULL, tear_down);
    tcase_add_test(part, while_nobody_fills_orders_are_taken_and_read_as_queued);
    tcase_add_test(part, more_searches_at_a_time_than_there_may_be_are_503);
    tcase_add_test(part, what_comes_when_too_much_is_under_way_is_503);
    tcase_add_test(part, without_its_store_everything_is_503);
    return part;
}
