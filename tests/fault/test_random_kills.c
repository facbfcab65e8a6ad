/* The promise itself: every actor is killed with SIGKILL at random moments under load while all clients retry with
 * their keys. Afterwards no acknowledged order is lost or doubled, every one is final, each balance is right to the
 * cent, and the audit holds. TB_TEST_FAULT_SECONDS (30) and TB_TEST_FAULT_SEED (the time) size and steer it; the seed
 * is printed. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base.h"
#include "cluster.h"
#include "crowd.h"

enum { CLIENTS = 8, PACE_MS = 4 };

static const char *const actors[] = {"sequencer", "simfill", "balance", "gateway", "persona", "reconciler"};
static struct cluster cluster;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Effect: kills for so many seconds; longer, up to ten times, until enough orders were taken and actors killed for the
 * result to mean something: a busy machine needs longer for that. Return: how many were killed. */
static int kill_at_random(const struct crowd *crowd, unsigned *random, long seconds)
{
    int total = 0;
    time_t end = time(NULL) + seconds, latest = end + 9 * seconds;
    while (time(NULL) < end ||
           ((total <= seconds / 3 || crowd_acknowledged(crowd) <= seconds * 5) && time(NULL) < latest)) {
        struct cluster_actor victim;
        pause_ms(200 + rand_r(random) % 800);
        total += cluster_seen(&cluster, actors[rand_r(random) % (int)TB_ARRAY_SIZE(actors)], NULL, &victim) &&
                 kill(victim.pid, SIGKILL) == 0;
    }
    return total;
}

static long setting(const char *name, long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : fallback;
}

START_TEST(nothing_is_lost_or_doubled)
{
    unsigned random = (unsigned)setting("TB_TEST_FAULT_SEED", (long)time(NULL));
    long seconds = setting("TB_TEST_FAULT_SECONDS", 30);
    printf("seed %u, %ld s\n", random, seconds);
    struct crowd *crowd = crowd_start(cluster.port, "kills", CLIENTS, PACE_MS, random);
    int total = kill_at_random(crowd, &random, seconds);
    struct crowd_figures figures = crowd_stop(crowd);
    printf("%d kills\n", total);
    ck_assert_int_gt(total, (int)seconds / 3);
    ck_assert_int_gt(figures.orders, seconds * 5);
    crowd_check(&crowd);
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
