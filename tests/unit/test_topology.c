/* topology: defaults, the file, and a clear sentence for everything that is wrong with it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "topology.h"

static char file[64];

static void write_file(const char *text)
{
    tb_copy_text(file, sizeof file, "/tmp/tb-topology-XXXXXX");
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void teardown(void)
{
    if (file[0] != '\0')
        unlink(file);
    file[0] = '\0';
}

START_TEST(both_ends_are_under_the_run_directory_by_default)
{
    struct err err = {0};
    struct topology *topology = topology_load("/tmp/run", NULL, &err);
    ck_assert_str_eq(topology_bind(topology, "orders-feed", &err), "ipc:///tmp/run/orders-feed");
    ck_assert_str_eq(topology_connect(topology, "orders-feed", &err), "ipc:///tmp/run/orders-feed");
    topology_free(&topology);
    ck_assert_ptr_null(topology);
}
END_TEST

START_TEST(the_file_overrides_one_end_or_both)
{
    struct err err = {0};
    write_file(
        "; a comment\n[link.orders-feed]\nbind = tcp://0.0.0.0:7003\nconnect = tcp://one:7003 ,  tcp://two:7003\n"
        "[link.orders-stage]\nconnect = ipc:///srv/stage\n");
    struct topology *topology = topology_load("/tmp/run", file, &err);
    ck_assert_msg(topology != NULL, "%s", err.text);
    ck_assert_str_eq(topology_bind(topology, "orders-feed", &err), "tcp://0.0.0.0:7003");
    ck_assert_str_eq(topology_connect(topology, "orders-feed", &err), "tcp://one:7003,tcp://two:7003");
    ck_assert_str_eq(topology_bind(topology, "orders-stage", &err), "ipc:///tmp/run/orders-stage");
    ck_assert_str_eq(topology_connect(topology, "orders-stage", &err), "ipc:///srv/stage");
    topology_free(&topology);
}
END_TEST

START_TEST(telemetry_is_everybodys_by_default)
{
    struct err err = {0};
    struct topology *topology = topology_load("/r", "", &err);
    const char *list = topology_connect(topology, "telemetry", &err);
    ck_assert_msg(strncmp(list, "ipc:///r/telemetry-gateway-1,ipc:///r/telemetry-gateway-2,", 57) == 0, "%s", list);
    int count = 0;
    char endpoint[TOPOLOGY_ENDPOINT_MAX];
    while (topology_next(&list, endpoint, &err) == 1)
        count++;
    ck_assert_int_eq(count, 12);
    topology_free(&topology);
}
END_TEST

START_TEST(telemetry_may_be_listed_over_several_lines)
{
    struct err err = {0};
    write_file("[telemetry]\nconnect = tcp://a:1, tcp://b:2,\n    tcp://c:3\n");
    struct topology *topology = topology_load("/r", file, &err);
    ck_assert_msg(topology != NULL, "%s", err.text);
    ck_assert_str_eq(topology_connect(topology, "telemetry", &err), "tcp://a:1,tcp://b:2,tcp://c:3");
    topology_free(&topology);
}
END_TEST

static const struct {
    const char *text, *says;
} wrong[] = {
    {"[links.orders]\nbind = tcp://a:1\n", "line 2: unknown section \"links.orders\""},
    {"[link.orders]\nlisten = tcp://a:1\n", "line 2: unknown key \"listen\""},
    {"[telemetry]\nbind = tcp://a:1\n", "line 2: unknown key \"bind\""},
    {"\n\nno section\n", "line 3 is neither"},
    {"[link.x]\nbind = udp://a:1\n", "endpoint udp://a:1 is neither tcp"},
    {"[link.x]\nconnect = "
     "tcp://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1\n",
     "line 2 is longer than 190 characters"},
};

START_TEST(a_wrong_file_is_refused_with_its_place)
{
    struct err err = {0};
    write_file(wrong[_i].text);
    ck_assert_ptr_null(topology_load("/r", file, &err));
    ck_assert_msg(strstr(err.text, wrong[_i].says) != NULL, "%s", err.text);
    ck_assert_msg(strstr(err.text, file) != NULL, "%s", err.text);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
    struct err err = {0};
    ck_assert_ptr_null(topology_load("/r", "/nowhere/topology.ini", &err));
    ck_assert_str_eq(err.text, "topology file /nowhere/topology.ini: No such file or directory");
}
END_TEST

START_TEST(socket_paths_may_be_as_long_as_the_system_takes_and_no_longer)
{
    struct err err = {0};
    char run_dir[400] = "/";
    size_t fits = TOPOLOGY_IPC_PATH_MAX - strlen("/orders-feed");
    memset(run_dir + 1, 'd', fits - 1);
    run_dir[fits] = '\0';
    struct topology *topology = topology_load(run_dir, NULL, &err);
    ck_assert_ptr_nonnull(topology_bind(topology, "orders-feed", &err));
    ck_assert_ptr_null(topology_bind(topology, "orders-stage", &err));
    ck_assert_msg(strstr(err.text, "108 bytes") != NULL && strstr(err.text, "shorter run directory") != NULL, "%s",
                  err.text);
    ck_assert_ptr_null(topology_connect(topology, "telemetry", &err));
    ck_assert_ptr_null(topology_connect(topology, "telemetry", &err)); /* and again */
    topology_free(&topology);
    memset(run_dir + 1, 'd', sizeof run_dir - 2);
    run_dir[sizeof run_dir - 1] = '\0';
    topology = topology_load(run_dir, NULL, &err);
    ck_assert_ptr_null(topology_bind(topology, "orders-feed", &err));
    ck_assert_msg(strstr(err.text, "shorter run directory") != NULL, "%s", err.text);
    topology_free(&topology);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology");
    TCase *tcase = tcase_create("topology");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, both_ends_are_under_the_run_directory_by_default);
    tcase_add_test(tcase, the_file_overrides_one_end_or_both);
    tcase_add_test(tcase, telemetry_is_everybodys_by_default);
    tcase_add_test(tcase, telemetry_may_be_listed_over_several_lines);
    tcase_add_loop_test(tcase, a_wrong_file_is_refused_with_its_place, 0, (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tcase, a_file_that_is_not_there_is_named);
    tcase_add_test(tcase, socket_paths_may_be_as_long_as_the_system_takes_and_no_longer);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
