#include "child.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"

static _Noreturn void child_body(int (*body)(void *arg), void *arg, int output)
{
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    int code = body(arg);
    fflush(NULL);
    _exit(code);
}

void child_run(int (*body)(void *arg), void *arg, struct child_result *result)
{
    int ends[2];
    fflush(NULL);
    tb_assert(pipe(ends) == 0);
    pid_t pid = fork();
    tb_assert(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child_body(body, arg, ends[1]);
    }
    close(ends[1]);
    result->length = 0;
    for (;;) {
        ssize_t got = read(ends[0], result->output + result->length, (size_t)(CHILD_OUTPUT_MAX - result->length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        result->length += (int)got;
    }
    close(ends[0]);
    result->output[result->length] = '\0';
    int status;
    while (waitpid(pid, &status, 0) < 0)
        tb_assert(errno == EINTR);
    result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
