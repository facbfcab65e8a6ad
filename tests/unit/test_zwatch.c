/* zwatch: nothing may stall although ZMQ_FD is edge-triggered and a send may swallow the edge of a message that came;
 * bursts are bounded and fair; sockets may come and go while messages are handled. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "loop.h"
#include "zwatch.h"

#if defined(__SANITIZE_ADDRESS__)
enum { ROUND_TRIPS = 60000 };
#else
enum { ROUND_TRIPS = 170000 };
#endif
enum { WINDOW_MAX = 200, STALL_SECONDS = 50, SEND_US = 200 };

static void *context;
static struct loop *loop;

/* One end of a PAIR socket that is watched. */
struct end {
    void *socket;
    struct zwatch_socket *watched;
    size_t taken;
};

static void setup(void)
{
    context = zmq_ctx_new();
    loop = loop_new();
}

static void teardown(void)
{
    loop_free(&loop);
    zmq_ctx_term(context);
}

static void *open_socket(const char *endpoint, int binds)
{
    int linger = 0, high_water = 100000;
    void *socket = zmq_socket(context, ZMQ_PAIR);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water, sizeof high_water);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
    ck_assert_int_eq(binds ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint), 0);
    return socket;
}

static bool pending(void *arg)
{
    int events = 0;
    size_t size = sizeof events;
    zmq_getsockopt(((struct end *)arg)->socket, ZMQ_EVENTS, &events, &size);
    return (events & ZMQ_POLLIN) != 0;
}

static int fd_of(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    return fd;
}

static void on_alarm(int signal)
{
    static const char text[] = "test_zwatch: the loop stalled with messages under way\n";
    (void)signal;
    if (write(2, text, sizeof text - 1) < 0)
        _exit(2);
    _exit(1);
}

/* ---- the million: three sizes of bursts, together a million both ways (less under the sanitizers) ---- */

static struct {
    struct end end;
    unsigned seed;
    int sent, back;
    bool send_at_turn_end;
    bool by_timer; /* only a timer sends */
} pump;

static void *echo(void *socket)
{
    for (int i = 0; i < ROUND_TRIPS; i++) {
        int number = 0;
        if (zmq_recv(socket, &number, sizeof number, 0) != sizeof number ||
            zmq_send(socket, &number, sizeof number, 0) < 0)
            return "broken";
    }
    return NULL;
}

/* Keeps a random number of messages under way, at least one. */
static void send_some(void)
{
    int window = 1 + rand_r(&pump.seed) % WINDOW_MAX;
    while (pump.sent < ROUND_TRIPS && pump.sent - pump.back < window)
        if (zmq_send(pump.end.socket, &pump.sent, sizeof pump.sent, ZMQ_DONTWAIT) >= 0)
            pump.sent++;
    zwatch_touch(pump.end.watched);
}

static bool take_echo(void *arg)
{
    int number = -1;
    if (zmq_recv(((struct end *)arg)->socket, &number, sizeof number, ZMQ_DONTWAIT) < 0)
        return false;
    ck_assert_int_eq(number, pump.back);
    pump.back++;
    if (pump.back == ROUND_TRIPS)
        loop_stop(loop);
    else if (pump.by_timer)
        return true;
    else if (rand_r(&pump.seed) % 2 == 0)
        send_some();
    else
        pump.send_at_turn_end = true;
    return true;
}

/* Sends after the burst, from a prepare of somebody else: its edge is swallowed right before the sleep. */
static void on_turn_end(void *arg)
{
    (void)arg;
    if (pump.send_at_turn_end)
        send_some();
    pump.send_at_turn_end = false;
}

/* In a turn in which nothing was taken, while answers come: what it sends swallows the edge of one that just came. */
static void on_send_timer(void *arg)
{
    (void)arg;
    send_some();
}

static void run_pump(size_t burst, bool by_timer)
{
    pthread_t thread;
    void *broken = NULL;
    pump.seed = 20261122u + (unsigned)burst;
    pump.sent = pump.back = 0;
    pump.send_at_turn_end = !by_timer;
    pump.by_timer = by_timer;
    void *other = open_socket("inproc://million", 1);
    pump.end.socket = open_socket("inproc://million", 0);
    signal(SIGALRM, on_alarm);
    alarm(STALL_SECONDS);
    ck_assert_int_eq(pthread_create(&thread, NULL, echo, other), 0);
    struct zwatch *watch = zwatch_new(loop, burst, NULL, NULL);
    struct loop_prepare *prepare = loop_prepare_new(loop, on_turn_end, NULL);
    struct loop_timer *timer = loop_timer_new(loop, on_send_timer, NULL);
    if (by_timer)
        loop_timer_set(timer, 0, SEND_US);
    pump.end.watched = zwatch_add(watch, fd_of(pump.end.socket), pending, take_echo, &pump.end);
    loop_run(loop);
    alarm(0);
    ck_assert_int_eq(pump.back, ROUND_TRIPS);
    pthread_join(thread, &broken);
    ck_assert_ptr_null(broken);
    zwatch_remove(&pump.end.watched);
    zwatch_free(&watch);
    loop_prepare_free(&prepare);
    loop_timer_free(&timer);
    zmq_close(pump.end.socket);
    zmq_close(other);
}

START_TEST(a_million_messages_both_ways_do_not_stall_without_any_timer)
{
    static const size_t bursts[] = {1, 3, 256};
    run_pump(bursts[_i], false);
}
END_TEST

START_TEST(sends_from_turns_of_their_own_swallow_no_answer)
{
    run_pump(256, true);
}
END_TEST

/* ---- fairness, flush, coming and going ---- */

enum { PAIRS = 3, EACH = 100, BURST = 10 };

static struct {
    struct end ends[PAIRS];
    void *others[PAIRS];
    struct zwatch *watch;
    size_t in_burst, most_in_burst, flushes, total;
    size_t behind; /* how far one socket was ahead of another, at most */
    bool removes_itself;
} many;

static bool take_one(void *arg)
{
    struct end *end = arg;
    char byte;
    if (zmq_recv(end->socket, &byte, 1, ZMQ_DONTWAIT) < 0)
        return false;
    end->taken++;
    many.in_burst++;
    if (many.in_burst > many.most_in_burst)
        many.most_in_burst = many.in_burst;
    for (size_t i = 0; i < PAIRS; i++)
        if (many.ends[i].watched != NULL && end->taken > many.ends[i].taken &&
            end->taken - many.ends[i].taken > many.behind)
            many.behind = end->taken - many.ends[i].taken;
    if (many.removes_itself && end == &many.ends[0])
        zwatch_remove(&end->watched);
    if (++many.total == (many.removes_itself ? 1 + (PAIRS - 1) * EACH : PAIRS * EACH))
        loop_stop(loop);
    return true;
}

static void on_flush(void *arg)
{
    (void)arg;
    ck_assert_uint_gt(many.in_burst, 0);
    many.in_burst = 0;
    many.flushes++;
}

static void run_many(void)
{
    many.watch = zwatch_new(loop, BURST, on_flush, NULL);
    for (int i = 0; i < PAIRS; i++) {
        char endpoint[32];
        snprintf(endpoint, sizeof endpoint, "inproc://pair-%d", i);
        many.others[i] = open_socket(endpoint, 1);
        many.ends[i].socket = open_socket(endpoint, 0);
        many.ends[i].watched = zwatch_add(many.watch, fd_of(many.ends[i].socket), pending, take_one, &many.ends[i]);
        for (int k = 0; k < EACH; k++)
            ck_assert_int_eq(zmq_send(many.others[i], "x", 1, 0), 1);
    }
    signal(SIGALRM, on_alarm);
    alarm(STALL_SECONDS);
    loop_run(loop);
    alarm(0);
    for (int i = 0; i < PAIRS; i++) {
        zwatch_remove(&many.ends[i].watched);
        zmq_close(many.ends[i].socket);
        zmq_close(many.others[i]);
    }
    zwatch_free(&many.watch);
}

START_TEST(a_turn_takes_no_more_than_its_burst_and_flushes_once)
{
    run_many();
    ck_assert_uint_eq(many.most_in_burst, BURST);
    ck_assert_uint_eq(many.flushes, PAIRS * EACH / BURST);
}
END_TEST

START_TEST(sockets_take_turns)
{
    run_many();
    ck_assert_uint_le(many.behind, 1);
}
END_TEST

START_TEST(a_socket_may_remove_itself_while_it_is_served)
{
    many.removes_itself = true;
    run_many();
    ck_assert_uint_eq(many.ends[0].taken, 1);
    ck_assert_uint_eq(many.ends[1].taken, EACH);
}
END_TEST

static void reset_many(void)
{
    setup();
    many = (__typeof__(many)){0};
}

int main(void)
{
    Suite *suite = suite_create("zwatch");
    TCase *million = tcase_create("million");
    tcase_add_checked_fixture(million, setup, teardown);
    tcase_set_timeout(million, 60);
    tcase_add_loop_test(million, a_million_messages_both_ways_do_not_stall_without_any_timer, 0, 3);
    tcase_add_test(million, sends_from_turns_of_their_own_swallow_no_answer);
    suite_add_tcase(suite, million);
    TCase *bursts = tcase_create("bursts");
    tcase_add_checked_fixture(bursts, reset_many, teardown);
    tcase_add_test(bursts, a_turn_takes_no_more_than_its_burst_and_flushes_once);
    tcase_add_test(bursts, sockets_take_turns);
    tcase_add_test(bursts, a_socket_may_remove_itself_while_it_is_served);
    suite_add_tcase(suite, bursts);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
