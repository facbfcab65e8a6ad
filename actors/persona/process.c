#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"

struct process {
    struct loop *loop;
    process_handler *handler;
    void *arg;
    pid_t pid; /* 0 once it is reaped */
    int pid_fd, output_fd;
    struct loop_io *pid_io, *output_io;
    struct loop_timer *deadline;
    uint8_t *output;
    size_t output_max;
    struct process_end end;
};

/* Return: a descriptor from which the program reads input; -1 with errno. */
static int make_input(const struct process_spec *spec)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < spec->input_size) {
        ssize_t size = write(fd, (const uint8_t *)spec->input + done, spec->input_size - done);
        if (size <= 0) {
            (void)close(fd);
            return -1;
        }
        done += (size_t)size;
    }
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Effect: starts the program with these as standard input and output. Return: 0, or an errno. */
static int spawn(const struct process_spec *spec, int input, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char *const environment[] = {NULL};
    union { /* posix_spawn takes char *const *, but changes nothing */
        const char *const *in;
        char *const *out;
    } argv = {.in = spec->argv};
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    int result = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (result == 0)
        result = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (result == 0)
        result = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (result == 0)
        result = posix_spawnattr_setsigmask(&attributes, &none);
    if (result == 0)
        result = posix_spawnattr_setsigdefault(&attributes, &all);
    if (result == 0)
        result = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (result == 0)
        result = posix_spawn(pid, spec->argv[0], &actions, &attributes, argv.out, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return result;
}

static void kill_it(struct process *process)
{
    if (process->pid > 0)
        (void)kill(process->pid, SIGKILL); /* not reaped yet, so the number is still its own */
}

/* Effect: it is over when it has ended and its output has. */
static void finish_if_over(struct process *process)
{
    if (process->pid > 0 || process->output_io != NULL)
        return;
    loop_timer_clear(process->deadline);
    process->end.output = process->output;
    process->handler(process->arg, &process->end); /* may free it */
}

static void on_output(void *arg, int fd, int events)
{
    struct process *process = arg;
    (void)events;
    /* One byte beyond the limit tells that there is more. */
    ssize_t size =
        read(fd, process->output + process->end.output_size, process->output_max + 1 - process->end.output_size);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (size > 0)
        process->end.output_size += (size_t)size;
    if (size > 0 && process->end.output_size <= process->output_max)
        return;
    if (size > 0) {
        process->end.flooded = true;
        process->end.output_size = process->output_max;
        kill_it(process);
    }
    loop_io_free(&process->output_io);
    finish_if_over(process);
}

static void reap(struct process *process, int options)
{
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)process->pid_fd, &info, WEXITED | options) < 0 || info.si_pid == 0)
        return;
    process->pid = 0;
    bool exited = info.si_code == CLD_EXITED;
    process->end.exit_code = exited ? info.si_status : -1;
    process->end.signal = exited ? 0 : info.si_status;
}

static void on_exit_of(void *arg, int fd, int events)
{
    struct process *process = arg;
    (void)fd;
    (void)events;
    reap(process, WNOHANG);
    if (process->pid > 0)
        return;
    loop_io_free(&process->pid_io);
    finish_if_over(process);
}

static void on_deadline(void *arg)
{
    struct process *process = arg;
    process->end.timed_out = process->pid > 0;
    kill_it(process);
}

static struct process *watch(struct loop *loop, const struct process_spec *spec, pid_t pid, int pid_fd, int output_fd)
{
    struct process *process = tb_alloc_zero(1, sizeof *process);
    *process = (struct process){
        .loop = loop, .pid = pid, .pid_fd = pid_fd, .output_fd = output_fd, .output_max = spec->output_max};
    process->output = tb_alloc_zero(spec->output_max + 1, 1);
    process->pid_io = loop_io_new(loop, pid_fd, LOOP_READ, on_exit_of, process);
    process->output_io = loop_io_new(loop, output_fd, LOOP_READ, on_output, process);
    process->deadline = loop_timer_new(loop, on_deadline, process);
    loop_timer_set(process->deadline, spec->deadline_us, 0);
    return process;
}

struct process *process_start(struct loop *loop, const struct process_spec *spec, process_handler *handler, void *arg,
                              struct err *err)
{
    int pipe_fds[2] = {-1, -1}, pid_fd = -1;
    pid_t pid = 0;
    int input = make_input(spec);
    int result = input < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0 ? errno : 0;
    if (result == 0 && fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) < 0)
        result = errno;
    if (result == 0)
        result = spawn(spec, input, pipe_fds[1], &pid);
    if (result == 0 && (pid_fd = pidfd_open(pid, 0)) < 0) {
        result = errno;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (input >= 0)
        (void)close(input);
    if (pipe_fds[1] >= 0)
        (void)close(pipe_fds[1]);
    if (result != 0) {
        if (pipe_fds[0] >= 0)
            (void)close(pipe_fds[0]);
        (void)err_set(err, "%s: %s", spec->argv[0], strerror(result));
        return NULL;
    }
    struct process *process = watch(loop, spec, pid, pid_fd, pipe_fds[0]);
    process->handler = handler;
    process->arg = arg;
    return process;
}

void process_free(struct process **process)
{
    struct process *p = *process;
    if (p == NULL)
        return;
    *process = NULL;
    kill_it(p);
    if (p->pid > 0)
        reap(p, 0);
    loop_io_free(&p->pid_io);
    loop_io_free(&p->output_io);
    loop_timer_free(&p->deadline);
    (void)close(p->pid_fd);
    (void)close(p->output_fd);
    free(p->output);
    free(p);
}
