/* tulip-breakable, as a container starts it, around a shell that notes its process id and sleeps. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "clock.h"

enum { SOON_MS = 20000, PATH = 256 };

static char place[64];
static pid_t breakable;
static const char sleeper[] = "echo $$ >>\"$TB_FAULTS_DIR/pids\"; exec sleep 600";

static void path_of(const char *name, char path[PATH])
{
    snprintf(path, PATH, "%s/%s", place, name);
}

static void set_up(void)
{
    char path[PATH];
    tb_copy_text(place, sizeof place, "/tmp/tulip-breakable-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place));
    path_of("faults", path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    breakable = 0;
}

/* Effect: whoever is left of a case ends; what they run under was told to end first, or it would start anew. */
static void tear_down(void)
{
    char line[PATH + 16];
    if (breakable > 0) {
        kill(breakable, SIGTERM);
        waitpid(breakable, NULL, 0);
    }
    snprintf(line, sizeof line, "rm -r %s", place);
    ck_assert_int_eq(system(line), 0);
}

/* Effect: a record of simfill's second instance, from `ago_ms` ago until `ms` from now. */
static void put(const char *id, const char *kind, const char *target, long ago_ms, long ms)
{
    char path[PATH], aside[PATH];
    int64_t now_us = clock_now_us();
    path_of(id, aside);
    snprintf(path, sizeof path, "%s/faults/%s", place, id);
    FILE *file = fopen(aside, "we");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "%s %s - - - - %lld %lld -\n", kind, target, (long long)(now_us - ago_ms * 1000),
            (long long)(now_us + ms * 1000));
    fclose(file);
    ck_assert_int_eq(rename(aside, path), 0);
}

static void take_away(const char *id)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/faults/%s", place, id);
    ck_assert_int_eq(unlink(path), 0);
}

static void start(const char *enabled, const char *script)
{
    char program[PATH];
    snprintf(program, sizeof program, "%s/bin/tulip-breakable", getenv("TB_BUILD_DIR"));
    fflush(NULL);
    breakable = fork();
    ck_assert_int_ge(breakable, 0);
    if (breakable == 0) {
        (void)setpgid(0, 0);
        setenv("TB_ENABLE_FAULTS", enabled, 1);
        setenv("TB_FAULTS_DIR", place, 1);
        setenv("TB_INSTANCE", "2", 1);
        setenv("TB_AZ", "nl-1b", 1);
        execl(program, program, "simfill", "sh", "-c", script, (char *)NULL);
        _exit(99);
    }
}

/* Return: the process id that the shell noted at its Nth start (from 1); 0 when there was none yet. */
static pid_t noted(int n)
{
    char path[PATH];
    int pid = 0, found = 0;
    path_of("pids", path);
    FILE *file = fopen(path, "re");
    while (file != NULL && found < n && fscanf(file, "%d", &pid) == 1)
        found++;
    if (file != NULL)
        fclose(file);
    return found == n ? pid : 0;
}

/* Return: the letter of a process's state ('S', 'T', …), 0 when it is gone. */
static char state_of(pid_t pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state;
}

static bool soon(bool (*holds)(int), int arg)
{
    for (int64_t end_us = clock_monotonic_us() + SOON_MS * 1000LL; clock_monotonic_us() < end_us;) {
        if (holds(arg))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    return false;
}

static bool was_started(int n)
{
    return noted(n) > 0;
}

static bool is_gone(int pid)
{
    return state_of(pid) == 0;
}

static bool is_stopped(int pid)
{
    return state_of(pid) == 'T';
}

static bool sleeps(int pid)
{
    return state_of(pid) == 'S';
}

static bool has_become_it(int pid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fscanf(file, "%31s", name) != 1)
        name[0] = '\0';
    if (file != NULL)
        fclose(file);
    return strcmp(name, "tulip-breakable") == 0;
}

static bool has_ended(int pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Return: how it ended, as a shell would say it. */
static int end_of_it(void)
{
    int status;
    ck_assert(soon(has_ended, breakable));
    ck_assert_int_eq(waitpid(breakable, &status, 0), breakable);
    breakable = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

START_TEST(where_faults_are_off_it_is_the_command)
{
    put("a", "stop", "simfill", 0, 60000);
    start("false", sleeper);
    ck_assert(soon(was_started, 1));
    ck_assert_int_eq(noted(1), breakable);
}
END_TEST

START_TEST(a_stop_holds_down_until_its_record_goes)
{
    start("1", sleeper);
    ck_assert(soon(was_started, 1));
    put("a", "stop", "simfill/2", 0, 60000);
    ck_assert(soon(is_gone, noted(1)));
    put("b", "az", "az:nl-1b", 0, 60000);
    take_away("a");
    ck_assert(!has_ended(breakable));
    ck_assert_int_eq(noted(2), 0);
    take_away("b");
    ck_assert(soon(was_started, 2));
}
END_TEST

START_TEST(a_stop_ends_by_itself_although_its_record_stays)
{
    int64_t until_us = clock_now_us() + 500000;
    put("a", "stop", "simfill", 0, 500);
    start("on", sleeper);
    ck_assert(soon(was_started, 1));
    ck_assert_int_ge(clock_now_us(), until_us);
}
END_TEST

START_TEST(a_pause_stops_and_goes_on)
{
    start("true", sleeper);
    ck_assert(soon(was_started, 1));
    put("a", "pause", "az:nl-1b", 0, 60000);
    ck_assert(soon(is_stopped, noted(1)));
    take_away("a");
    ck_assert(soon(sleeps, noted(1)));
}
END_TEST

START_TEST(a_kill_is_its_own_end)
{
    start("yes", sleeper);
    ck_assert(soon(was_started, 1));
    put("a", "kill", "simfill", 0, 60000);
    ck_assert_int_eq(end_of_it(), 128 + SIGKILL);
}
END_TEST

START_TEST(who_came_after_a_kill_and_who_is_not_meant_are_spared)
{
    put("a", "kill", "simfill", 1000, 60000);
    put("b", "stop", "simfill/1", 1000, 60000);
    put("c", "az", "az:nl-1a", 1000, 60000);
    put("d", "pause", "simfill", 1000, 60000); /* shows that they were looked at */
    start("1", sleeper);
    ck_assert(soon(was_started, 1));
    ck_assert(soon(is_stopped, noted(1)));
    ck_assert_int_eq(noted(2), 0);
}
END_TEST

START_TEST(asked_for_its_end_it_ends_whatever_is_broken)
{
    put("a", "stop", "simfill", 0, 60000);
    start("1", sleeper);
    ck_assert(soon(has_become_it, breakable)); /* until then Check would handle the signal, and end our group */
    ck_assert_int_eq(kill(breakable, SIGTERM), 0);
    ck_assert_int_eq(end_of_it(), 128 + SIGTERM);
    ck_assert_int_eq(noted(1), 0);
    take_away("a");
    start("1", sleeper);
    ck_assert(soon(was_started, 1));
    put("b", "pause", "simfill", 0, 60000);
    ck_assert(soon(is_stopped, noted(1)));
    ck_assert_int_eq(kill(breakable, SIGTERM), 0);
    ck_assert_int_eq(end_of_it(), 128 + SIGTERM);
    ck_assert(is_gone(noted(1)));
}
END_TEST

START_TEST(the_commands_own_end_is_its_end)
{
    start("1", "exit 7");
    ck_assert_int_eq(end_of_it(), 7);
}
END_TEST

CHECK_MAIN("breakable", tcase_add_checked_fixture(cases, set_up, tear_down);
           tcase_add_test(cases, where_faults_are_off_it_is_the_command);
           tcase_add_test(cases, a_stop_holds_down_until_its_record_goes);
           tcase_add_test(cases, a_stop_ends_by_itself_although_its_record_stays);
           tcase_add_test(cases, a_pause_stops_and_goes_on); tcase_add_test(cases, a_kill_is_its_own_end);
           tcase_add_test(cases, who_came_after_a_kill_and_who_is_not_meant_are_spared);
           tcase_add_test(cases, asked_for_its_end_it_ends_whatever_is_broken);
           tcase_add_test(cases, the_commands_own_end_is_its_end);)
