/* topology: defaults, the file, and a clear sentence for everything that is wrong with it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "links.h"
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
    struct topology *topology = topology_load("/tmp/run", NULL, "sequencer/1", &err);
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
    struct topology *topology = topology_load("/tmp/run", file, "sequencer/1", &err);
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
    struct topology *topology = topology_load("/r", "", "sequencer/1", &err);
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
    struct topology *topology = topology_load("/r", file, "sequencer/1", &err);
    ck_assert_msg(topology != NULL, "%s", err.text);
    ck_assert_str_eq(topology_connect(topology, "telemetry", &err), "tcp://a:1,tcp://b:2,tcp://c:3");
    topology_free(&topology);
}
END_TEST

#define CLUSTER                                                                                                        \
    "[tcp]\nsequencer-1 = sequencer-1\nsequencer-2 = sequencer-2:7100\nsimfill-1 = 10.0.0.7:9000\n"                    \
    "matcher-1 = 10.0.0.8\ngateway-blue = edge.example.org\n"

START_TEST(tcp_makes_every_endpoint_of_the_list_of_instances)
{
    struct err err = {0};
    write_file(CLUSTER);
    struct topology *topology = topology_load("/r", file, "sequencer/2", &err);
    ck_assert_msg(topology != NULL, "%s", err.text);
    ck_assert_str_eq(topology_bind(topology, "orders-command", &err), "tcp://0.0.0.0:7101");
    ck_assert_str_eq(topology_bind(topology, "orders-stage", &err), "tcp://0.0.0.0:7102");
    ck_assert_str_eq(topology_bind(topology, "telemetry-sequencer-2", &err), "tcp://0.0.0.0:7100");
    ck_assert_str_eq(topology_connect(topology, "orders-feed", &err), "tcp://sequencer-1:7003,tcp://sequencer-2:7103");
    ck_assert_str_eq(topology_connect(topology, "executions-feed", &err), "tcp://10.0.0.7:9001,tcp://10.0.0.8:7001");
    ck_assert_str_eq(topology_connect(topology, "telemetry", &err),
                     "tcp://sequencer-1:7000,tcp://sequencer-2:7100,tcp://10.0.0.7:9000,tcp://10.0.0.8:7000,"
                     "tcp://edge.example.org:7000");
    topology_free(&topology);
}
END_TEST

START_TEST(an_endpoint_tells_who_serves_it)
{
    struct err err = {0};
    write_file(CLUSTER "[link.orders-stage]\nconnect = tcp://elsewhere:1\n");
    struct topology *topology = topology_load("/r", file, "simfill/1", &err);
    ck_assert_str_eq(topology_server_role(topology, "executions-feed", "tcp://10.0.0.7:9001"), "simfill");
    ck_assert_str_eq(topology_server_role(topology, "executions-feed", "tcp://10.0.0.8:7001"), "matcher");
    ck_assert_str_eq(topology_server_role(topology, "telemetry", "tcp://edge.example.org:7000"), "gateway");
    ck_assert_str_eq(topology_server_role(topology, "orders-stage", "tcp://elsewhere:1"), "sequencer");
    ck_assert_ptr_null(topology_server_role(topology, "executions-feed", "tcp://elsewhere:1"));
    ck_assert_ptr_null(topology_server_role(topology, "telemetry", "tcp://elsewhere:1"));
    topology_free(&topology);
}
END_TEST

START_TEST(a_single_link_may_be_elsewhere_than_the_rest)
{
    struct err err = {0};
    write_file(CLUSTER "[link.orders-feed]\nbind = tcp://10.0.0.1:99\nconnect = tcp://one:99\n");
    struct topology *topology = topology_load("/r", file, "sequencer/1", &err);
    ck_assert_str_eq(topology_bind(topology, "orders-feed", &err), "tcp://10.0.0.1:99");
    ck_assert_str_eq(topology_connect(topology, "orders-feed", &err), "tcp://one:99");
    ck_assert_str_eq(topology_bind(topology, "orders-stage", &err), "tcp://0.0.0.0:7002");
    topology_free(&topology);
}
END_TEST

START_TEST(servers_bind_where_listen_says)
{
    struct err err = {0};
    write_file("[tcp]\nlisten = host\nsequencer-1 = 127.0.3.1\nsequencer-2 = two\n");
    struct topology *topology = topology_load("/r", file, "sequencer/1", &err);
    ck_assert_str_eq(topology_bind(topology, "orders-command", &err), "tcp://127.0.3.1:7001");
    topology_free(&topology);
    topology = topology_load("/r", file, "sequencer/2", &err);
    ck_assert_ptr_null(topology_bind(topology, "orders-command", &err));
    ck_assert_msg(strstr(err.text, "listen = host needs an IPv4 address at sequencer-2, not \"two\"") != NULL, "%s",
                  err.text);
    topology_free(&topology);
    teardown();
    write_file("[tcp]\nsequencer-1 = one\nlisten = 10.1.2.3\n");
    topology = topology_load("/r", file, "sequencer/1", &err);
    ck_assert_str_eq(topology_bind(topology, "orders-command", &err), "tcp://10.1.2.3:7001");
    topology_free(&topology);
}
END_TEST

START_TEST(who_is_not_listed_is_told_what_to_add)
{
    struct err err = {0};
    write_file(CLUSTER);
    struct topology *topology = topology_load("/r", file, "balance/1", &err);
    ck_assert_ptr_null(topology_bind(topology, "balance-command", &err));
    ck_assert_msg(strstr(err.text, "does not list balance-1") != NULL && strstr(err.text, "HOST:PORT") != NULL, "%s",
                  err.text);
    ck_assert_ptr_null(topology_connect(topology, "ops-feed", &err));
    ck_assert_msg(strstr(err.text, "lists no persona, so link ops-feed") != NULL, "%s", err.text);
    ck_assert_ptr_null(topology_connect(topology, "gossip", &err));
    ck_assert_msg(strstr(err.text, "link gossip has no TCP port") != NULL, "%s", err.text);
    topology_free(&topology);
    topology = topology_load("/r", file, "simfill/1", &err);
    ck_assert_ptr_null(topology_bind(topology, "orders-command", &err));
    ck_assert_msg(strstr(err.text, "orders-command is not served by a simfill") != NULL, "%s", err.text);
    topology_free(&topology);
}
END_TEST

START_TEST(a_port_belongs_to_one_link_of_its_actor)
{
    for (size_t role = 0; links_roles[role] != NULL; role++) {
        bool taken[LINKS_PORTS] = {false};
        static const char *const names[] = {"orders-command",     "orders-stage",       "orders-feed",
                                            "executions-feed",    "outbox-stage",       "balance-command",
                                            "balances-feed",      "persona-command",    "ops-feed",
                                            "reconciler-command", "ops-feed-reconciler"};
        for (size_t i = 0; i < TB_ARRAY_SIZE(names); i++) {
            const struct links_row *row = links_find(names[i]);
            ck_assert_ptr_nonnull(row);
            if (!links_may_serve(row, links_roles[role]))
                continue;
            ck_assert_msg(row->port_offset > 0 && row->port_offset < LINKS_PORTS && !taken[row->port_offset], "%s",
                          names[i]);
            taken[row->port_offset] = true;
        }
    }
    ck_assert_int_eq(links_find("telemetry-balance-2")->port_offset, 0);
    ck_assert_ptr_null(links_find("telemetry-balance-"));
    ck_assert_ptr_null(links_find("telemetry-nobody-1"));
}
END_TEST

static const struct {
    const char *text, *says;
} wrong[] = {
    {"[tcp]\nsequencer-1 = one two\n", "line 2: [tcp] sequencer-1 must be HOST or HOST:PORT"},
    {"[tcp]\nsequencer-1 = :7000\n", "line 2: [tcp] sequencer-1 must be HOST or HOST:PORT"},
    {"[tcp]\nsequencer-1 = tcp://one:7000\n", "not \"tcp://one:7000\""},
    {"[tcp]\nsequencer-1 = one:0\n", "line 2: [tcp] sequencer-1 must have a port from 1 to 65526"},
    {"[tcp]\nsequencer-1 = one:65527\n", "must have a port from 1 to 65526"},
    {"[tcp]\nsequencer-1 = one:7e3\n", "must have a port from 1 to 65526"},
    {"[tcp]\nsequencer-1 = one:\n", "must have a port from 1 to 65526"},
    {"[tcp]\nsequencer-1 = one\nsequencer-1 = two\n", "line 3: [tcp] sequencer-1 may be given once, not \"two\""},
    {"[tcp]\nsequencer-1 = one\nsimfill-1 = one:7009\n",
     "line 3: [tcp] simfill-1 must be at least 10 ports away from sequencer-1"},
    {"[tcp]\nsequencer = one\n", "line 2: [tcp] has keys \"listen\" and <actor>-<instance>"},
    {"[tcp]\nsequenzer-1 = one\n", "as in sequencer-1, not \"sequenzer-1\""},
    {"[tcp]\nsequencer-A = one\n", "as in sequencer-1, not \"sequencer-A\""},
    {"[tcp]\noperator-1 = one\n", "as in sequencer-1, not \"operator-1\""},
    {"[tcp]\nlisten = eth0\n", "line 2: [tcp] listen must be an IPv4 address"},
    {"[tcp]\nlisten = 0.0.0.0\nlisten = 1.2.3.4\n", "line 3: [tcp] listen may be given once"},
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
    ck_assert_ptr_null(topology_load("/r", file, "sequencer/1", &err));
    ck_assert_msg(strstr(err.text, wrong[_i].says) != NULL, "%s", err.text);
    ck_assert_msg(strstr(err.text, file) != NULL, "%s", err.text);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
    struct err err = {0};
    ck_assert_ptr_null(topology_load("/r", "/nowhere/topology.ini", "sequencer/1", &err));
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
    struct topology *topology = topology_load(run_dir, NULL, "sequencer/1", &err);
    ck_assert_ptr_nonnull(topology_bind(topology, "orders-feed", &err));
    ck_assert_ptr_null(topology_bind(topology, "orders-stage", &err));
    ck_assert_msg(strstr(err.text, "108 bytes") != NULL && strstr(err.text, "shorter run directory") != NULL, "%s",
                  err.text);
    ck_assert_ptr_null(topology_connect(topology, "telemetry", &err));
    ck_assert_ptr_null(topology_connect(topology, "telemetry", &err)); /* and again */
    topology_free(&topology);
    memset(run_dir + 1, 'd', sizeof run_dir - 2);
    run_dir[sizeof run_dir - 1] = '\0';
    topology = topology_load(run_dir, NULL, "sequencer/1", &err);
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
    tcase_add_test(tcase, tcp_makes_every_endpoint_of_the_list_of_instances);
    tcase_add_test(tcase, an_endpoint_tells_who_serves_it);
    tcase_add_test(tcase, a_single_link_may_be_elsewhere_than_the_rest);
    tcase_add_test(tcase, servers_bind_where_listen_says);
    tcase_add_test(tcase, who_is_not_listed_is_told_what_to_add);
    tcase_add_test(tcase, a_port_belongs_to_one_link_of_its_actor);
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
