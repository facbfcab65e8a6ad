#include "testdb_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"

struct testdb_guard {
    int socket; /* the test's end */
    char directory[64];
};

/* What the guard process knows. */
struct guarded {
    const char *directory;
    const struct passwd *user; /* whom the server runs as; NULL = ourselves */
    pid_t server;
};

const char *testdb_guard_bindir(void)
{
    static char directory[256];
    const char *given = getenv("TB_PG_BINDIR");
    if (given != NULL && given[0] != '\0')
        return given;
    if (directory[0] != '\0')
        return directory;
    glob_t found;
    if (glob("/usr/lib/postgresql/1[5-9]/bin", 0, NULL, &found) == 0) {
        tb_copy_text(directory, sizeof directory, found.gl_pathv[found.gl_pathc - 1]);
        globfree(&found);
    } else {
        tb_copy_text(directory, sizeof directory, "/usr/bin");
    }
    return directory;
}

const char *testdb_guard_directory(const struct testdb_guard *guard)
{
    return guard->directory;
}

/* In a child: becomes the server's user, sends output to the log, runs the program. Never comes back. */
_Noreturn static void become(const struct guarded *guarded, char *const arguments[])
{
    char log[128];
    snprintf(log, sizeof log, "%s/log", guarded->directory);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(101);
    if (guarded->user != NULL && (initgroups(guarded->user->pw_name, guarded->user->pw_gid) < 0 ||
                                  setresgid(guarded->user->pw_gid, guarded->user->pw_gid, guarded->user->pw_gid) < 0 ||
                                  setresuid(guarded->user->pw_uid, guarded->user->pw_uid, guarded->user->pw_uid) < 0))
        _exit(102);
    if (chdir("/") < 0)
        _exit(103);
    close_range(3, ~0U, 0); /* above all the guard's sockets and the test's own files */
    unsetenv("LD_PRELOAD");
    execv(arguments[0], arguments);
    _exit(104);
}

static pid_t spawn(const struct guarded *guarded, char *const arguments[])
{
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
        become(guarded, arguments);
    }
    return child;
}

static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_initdb(const struct guarded *guarded)
{
    char program[300], data[128];
    snprintf(program, sizeof program, "%s/initdb", testdb_guard_bindir());
    snprintf(data, sizeof data, "%s/data", guarded->directory);
    char *arguments[] = {program, "-D",        data, "-U",   "postgres",   "-A",
                         "trust", "--no-sync", "-E", "UTF8", "--locale=C", NULL};
    return wait_for(spawn(guarded, arguments));
}

/* As ourselves, so that a directory only we may enter will do; the files stay the server's user's. */
static int copy_cluster(const struct guarded *guarded, const char *cluster)
{
    char data[128];
    snprintf(data, sizeof data, "%s/data", guarded->directory);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/cp", "cp", "-a", "--", cluster, data, (char *)NULL);
        _exit(104);
    }
    return wait_for(child);
}

static void start_server(struct guarded *guarded)
{
    char program[300], data[128];
    snprintf(program, sizeof program, "%s/postgres", testdb_guard_bindir());
    snprintf(data, sizeof data, "%s/data", guarded->directory);
    char *arguments[] = {program,
                         "-D",
                         data,
                         "-k",
                         (char *)(uintptr_t)guarded->directory,
                         "-h",
                         "",
                         "-p",
                         "5432",
                         "-c",
                         "shared_buffers=32MB",
                         "-c",
                         "max_connections=60",
                         "-c",
                         "max_wal_size=256MB",
                         "-c",
                         "recovery_init_sync_method=syncfs",
                         "-c",
                         "log_min_messages=warning",
                         "-c",
                         "timezone=UTC",
                         NULL};
    guarded->server = spawn(guarded, arguments);
}

static void stop_server(struct guarded *guarded, int signal)
{
    if (guarded->server <= 0)
        return;
    kill(guarded->server, signal);
    wait_for(guarded->server);
    guarded->server = 0;
}

static void delete_directory(const char *directory)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", "--", directory, (char *)NULL);
        _exit(104);
    }
    wait_for(child);
}

/* The guard's life: one byte in, carried out, the same byte back; the end of the socket ends everything. */
_Noreturn static void guard_main(struct guarded *guarded, int socket)
{
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) { /* a test runner waits for whoever holds its pipes */
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
    }
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        char command = 0;
        ssize_t got = read(socket, &command, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || command == GUARD_STOP)
            break;
        if (command == GUARD_CRASH || command == GUARD_HALT)
            stop_server(guarded, command == GUARD_HALT ? SIGINT : SIGQUIT);
        else if (command == GUARD_START && guarded->server == 0)
            start_server(guarded);
        if (write(socket, &command, 1) != 1)
            break;
    }
    stop_server(guarded, SIGQUIT);
    delete_directory(guarded->directory);
    if (write(socket, "q", 1) != 1)
        _exit(1);
    _exit(0);
}

/* Twice forked, so that it belongs to nobody who might kill it. */
static int launch_guard(struct guarded *guarded, int ours, int its)
{
    pid_t middle = fork();
    if (middle == 0) {
        setsid();
        close(ours);
        pid_t guard = fork();
        if (guard == 0)
            guard_main(guarded, its);
        _exit(guard < 0 ? 1 : 0);
    }
    return middle < 0 ? -1 : wait_for(middle);
}

struct testdb_guard *testdb_guard_start(const char *cluster)
{
    struct testdb_guard *guard = tb_alloc_zero(1, sizeof *guard);
    tb_copy_text(guard->directory, sizeof guard->directory, "/tmp/tb-testdb-XXXXXX");
    if (mkdtemp(guard->directory) == NULL)
        goto fail;
    struct guarded guarded = {.directory = guard->directory, .user = geteuid() == 0 ? getpwnam("postgres") : NULL};
    if (chmod(guard->directory, 0755) < 0 ||
        (guarded.user != NULL && chown(guard->directory, guarded.user->pw_uid, guarded.user->pw_gid) < 0))
        goto fail;
    int ends[2];
    int made = cluster != NULL ? copy_cluster(&guarded, cluster) : run_initdb(&guarded);
    if (made != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        testdb_guard_show_log(guard);
        delete_directory(guard->directory);
        goto fail;
    }
    guard->socket = ends[0];
    int launched = launch_guard(&guarded, ends[0], ends[1]);
    close(ends[1]);
    if (launched != 0)
        goto fail;
    testdb_guard_command(guard, GUARD_START);
    return guard;
fail:
    free(guard);
    return NULL;
}

void testdb_guard_command(struct testdb_guard *guard, enum guard_command command)
{
    char byte = (char)command;
    if (write(guard->socket, &byte, 1) != 1)
        fprintf(stderr, "testdb: the guard is gone\n");
    else if (read(guard->socket, &byte, 1) != 1)
        fprintf(stderr, "testdb: the guard does not answer\n");
}

void testdb_guard_stop(struct testdb_guard **guard)
{
    if (*guard == NULL)
        return;
    testdb_guard_command(*guard, GUARD_STOP);
    close((*guard)->socket);
    free(*guard);
    *guard = NULL;
}

void testdb_guard_show_log(const struct testdb_guard *guard)
{
    char path[128];
    snprintf(path, sizeof path, "%s/log", guard->directory);
    FILE *log = fopen(path, "r");
    if (log == NULL)
        return;
    if (fseek(log, -4000, SEEK_END) != 0)
        rewind(log);
    char line[512];
    while (fgets(line, sizeof line, log) != NULL)
        fprintf(stderr, "postgres: %s", line);
    fclose(log);
}
