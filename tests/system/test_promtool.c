/* What Prometheus' own promtool says of us: of /metrics while orders flow, and of the alerts on made-up series. Without
 * promtool it is skipped (exit 77), and says so. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "cluster.h"

enum { EXIT_SKIPPED = 77, LOADERS = 4, LOOKS = 5 };

static struct cluster cluster;
static const char *program; /* promtool's command */
static atomic_bool loading;

static const char *source_dir(void)
{
    const char *source = getenv("TB_SOURCE_DIR");
    return source != NULL ? source : ".";
}

/* Return: the command that runs promtool, NULL when it is not there: "./tulip test" fetches it. */
static const char *promtool(void)
{
    static char fetched[512];
    snprintf(fetched, sizeof fetched, "%s/build/tools/promtool", source_dir());
    if (access(fetched, X_OK) == 0)
        return fetched;
    return system("command -v promtool >/dev/null") == 0 ? "promtool" : NULL; /* NOLINT: a look into the PATH */
}

static void *load(void *arg)
{
    const char *name = arg;
    for (int i = 0; atomic_load(&loading); i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\",\"clientId\":\"promtool\","
                 "\"idempotencyKey\":\"promtool-%s-%d\"}",
                 name, i);
        struct api_answer *answer = api_call(cluster.port, "POST", "/api/orders", body, NULL);
        api_free(&answer);
    }
    return NULL;
}

/* Return: promtool's exit status on this text. */
static int promtool_judges(const char *text)
{
    char command[600];
    snprintf(command, sizeof command, "%s check metrics", program);
    FILE *pipe = popen(command, "w"); /* NOLINT(cert-env33-c): the tool it is about */
    ck_assert_ptr_nonnull(pipe);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), pipe), strlen(text));
    return pclose(pipe);
}

START_TEST(promtool_finds_what_is_wrong)
{
    /* A counter without its suffix, a line that is none. */
    ck_assert_int_ne(promtool_judges("# HELP tb_x X.\n# TYPE tb_x counter\ntb_x 1\n"), 0);
    ck_assert_int_ne(promtool_judges("tb_y{link=\"a\" 1\n"), 0);
}
END_TEST

START_TEST(metrics_under_load_leave_promtool_nothing_to_say)
{
    static char names[LOADERS][4] = {"a", "b", "c", "d"};
    pthread_t threads[LOADERS];
    atomic_store(&loading, true);
    for (size_t i = 0; i < LOADERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, load, names[i]), 0);
    for (int i = 0; i < LOOKS; i++) {
        struct api_answer *answer = api_call(cluster.port, "GET", "/metrics", NULL, NULL);
        ck_assert_int_eq(answer->status, 200);
        ck_assert_msg(promtool_judges(answer->body) == 0, "promtool has findings, above");
        api_free(&answer);
    }
    atomic_store(&loading, false);
    for (size_t i = 0; i < LOADERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

START_TEST(each_alert_fires_on_what_it_is_for_and_on_nothing_else)
{
    char command[600];
    snprintf(command, sizeof command, "%s test rules %s/tests/system/alerts_test.yml", program, source_dir());
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): the tool it is about */
}
END_TEST

int main(void)
{
    program = promtool();
    if (program == NULL) {
        printf("SKIPPED: /metrics and the alerts with promtool (it is not there; ./tulip test fetches it)\n");
        return EXIT_SKIPPED;
    }
    cluster_start(&cluster, "TB_SIMFILL_DELAY_MS=5");
    Suite *suite = suite_create("promtool");
    TCase *cases = tcase_create("promtool");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, promtool_finds_what_is_wrong);
    tcase_add_test(cases, metrics_under_load_leave_promtool_nothing_to_say);
    tcase_add_test(cases, each_alert_fires_on_what_it_is_for_and_on_nothing_else);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    int audit = cluster_stop(&cluster);
    return failed == 0 && audit == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
