/* The sandbox itself: each forbidden thing, tried in a child, ends it at once; what decoding needs goes on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "child.h"
#include "persona/avatar/sandbox.h"

static long try_open(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static long try_write_file(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/tmp/tulip-escaped", O_WRONLY | O_CREAT, 0600);
}

static long try_socket(void)
{
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long try_fork(void)
{
    return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static long try_exec(void)
{
    char *const argv[] = {"sh", NULL};
    return syscall(SYS_execve, "/bin/sh", argv, argv + 1);
}

static long try_kill(void)
{
    return syscall(SYS_kill, syscall(SYS_getppid), 0);
}

static long try_ptrace(void)
{
    return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}

static long try_code(void)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_map_file(void)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}

static long try_protect(void)
{
    return syscall(SYS_mprotect, NULL, 4096, PROT_EXEC);
}

static long try_other_descriptor(void)
{
    char byte = 0;
    return syscall(SYS_read, 1, &byte, 1);
}

static long try_standard_error(void)
{
    return syscall(SYS_write, 2, "escaped", 7);
}

static long try_limits(void)
{
    return syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, NULL);
}

static long try_io_uring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL);
}

static const struct {
    const char *name;
    long (*attempt)(void);
} attempts[] = {{"open", try_open},
                {"create", try_write_file},
                {"socket", try_socket},
                {"fork", try_fork},
                {"exec", try_exec},
                {"kill", try_kill},
                {"ptrace", try_ptrace},
                {"map code", try_code},
                {"map a file", try_map_file},
                {"mprotect", try_protect},
                {"read elsewhere", try_other_descriptor},
                {"stderr", try_standard_error},
                {"limits", try_limits},
                {"io_uring", try_io_uring}};

static int attempt_inside(void *arg)
{
    struct err err = {0};
    if (sandbox_enter(&err) < 0)
        return 100;
    (void)attempts[*(int *)arg].attempt();
    (void)syscall(SYS_exit_group, 0);
    return 0;
}

START_TEST(a_forbidden_system_call_is_the_end)
{
    struct child_result result;
    int which = _i;
    child_run(attempt_inside, &which, &result);
    ck_assert_msg(result.signal == SIGSYS, "%s: exit code %d, signal %d", attempts[_i].name, result.exit_code,
                  result.signal);
}
END_TEST

/* The same without the sandbox does not end it, so the test above can fail. */
static int attempt_outside(void *arg)
{
    (void)arg;
    return try_open() >= 0 && try_other_descriptor() >= -1 ? 7 : 8;
}

START_TEST(outside_it_is_not)
{
    struct child_result result;
    child_run(attempt_outside, NULL, &result);
    ck_assert_int_eq(result.signal, 0);
    ck_assert_int_eq(result.exit_code, 7);
}
END_TEST

static int work_inside(void *arg)
{
    (void)arg;
    struct err err = {0};
    if (sandbox_enter(&err) < 0)
        return 100;
    for (size_t size = 1; size <= 64 << 20; size *= 4) {
        char *memory = malloc(size);
        if (memory == NULL)
            (void)syscall(SYS_exit_group, 101);
        memset(memory, 1, size);
        memory = realloc(memory, 2 * size);
        free(memory);
    }
    tb_assert(write(STDOUT_FILENO, "done", 4) >= 0);
    (void)syscall(SYS_exit_group, 5);
    return 0;
}

START_TEST(memory_and_output_are_there)
{
    struct child_result result;
    child_run(work_inside, NULL, &result);
    ck_assert_int_eq(result.exit_code, 5);
    ck_assert_str_eq(result.output, "done");
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__)
static int hoard_inside(void *arg)
{
    (void)arg;
    struct err err = {0};
    if (sandbox_enter(&err) < 0)
        return 100;
    for (int i = 0; i < 64; i++) {
        char *memory = malloc(16 << 20);
        if (memory == NULL)
            (void)syscall(SYS_exit_group, i < 20 ? 6 : 102);
        memset(memory, 1, 16 << 20);
    }
    (void)syscall(SYS_exit_group, 103);
    return 0;
}

START_TEST(memory_has_an_end)
{
    struct child_result result;
    child_run(hoard_inside, NULL, &result);
    ck_assert_int_eq(result.exit_code, 6);
}
END_TEST

static int spin_inside(void *arg)
{
    (void)arg;
    struct err err = {0};
    if (sandbox_enter(&err) < 0)
        return 100;
    for (volatile unsigned i = 0;; i++)
        ;
}

START_TEST(time_has_an_end)
{
    struct child_result result;
    child_run(spin_inside, NULL, &result);
    ck_assert_int_eq(result.signal, SIGXCPU);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("avatar_sandbox");
    TCase *cases = tcase_create("avatar_sandbox");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, a_forbidden_system_call_is_the_end, 0, (int)TB_ARRAY_SIZE(attempts));
    tcase_add_test(cases, outside_it_is_not);
    tcase_add_test(cases, memory_and_output_are_there);
#if !defined(__SANITIZE_ADDRESS__)
    tcase_add_test(cases, memory_has_an_end);
    tcase_add_test(cases, time_has_an_end);
#endif
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
