/* tulip-breakable: what a container's process runs under where faults may be injected (docs/FAULTS.md).
 *
 *   tulip-breakable NAME COMMAND [ARGUMENT…]        tulip-breakable sequencer tb-sequencer
 *
 * Looks at the records in TB_FAULTS_DIR/faults (common/inject_record.h) ten times a second and makes of COMMAND what
 * those say that mean NAME, TB_INSTANCE or TB_AZ: kill (SIGKILL once), stop and az (SIGKILL, and not started again
 * before the end), pause (SIGSTOP, and SIGCONT at the end). Nothing about a fault is kept anywhere but in its record:
 * it ends by its time or with its record, whoever began it, and when we die the container does, whose next start reads
 * the records anew.
 *
 * COMMAND's end is ours, with its status, unless a fault holds it down. Signals are passed on to it; one that asks for
 * the end also ends what faults do. Unless TB_ENABLE_FAULTS is on, this becomes COMMAND at once, and is gone. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "inject_record.h"
#include "log.h"

enum { EXIT_WRONG_USAGE = 2, EXIT_NO_COMMAND = 127, EXIT_BY_SIGNAL = 128, PATH_BYTES = 4096, NS_PER_US = 1000 };

static const int passed_on[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

static struct {
    struct inject_who who;
    char directory[PATH_BYTES];
    char **command;
    sigset_t before; /* the signals blocked when we were started: COMMAND's */
    pid_t pid;       /* 0: there is none */
    int64_t started_us;
    bool felled;   /* a fault killed it and holds it down: its end is not ours */
    bool paused;   /* SIGSTOP was sent */
    bool stopping; /* someone asked for the end */
} subject;

/* What the records want just now. */
struct wanted {
    bool down, paused, killed;
};

static bool is_enabled(void)
{
    static const char *const words[] = {"1", "true", "yes", "on"};
    const char *given = getenv("TB_ENABLE_FAULTS");
    for (size_t i = 0; given != NULL && i < TB_ARRAY_SIZE(words); i++)
        if (strcmp(given, words[i]) == 0)
            return true;
    return false;
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

_Noreturn static void become(char **command)
{
    execvp(command[0], command);
    fprintf(stderr, "tulip-breakable: %s: %s\n", command[0], strerror(errno));
    _exit(EXIT_NO_COMMAND);
}

/* A kill strikes who was there when it was asked for, and so once. */
static struct wanted look(int64_t now_us)
{
    struct inject_record records[INJECT_RULES_MAX];
    struct wanted wanted = {0};
    size_t count = inject_read(subject.directory, records, INJECT_RULES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct inject_record *record = &records[i];
        if (!inject_is_in_force(record, now_us) || !inject_is_for(record, &subject.who))
            continue;
        wanted.down = wanted.down || record->what == INJECT_STOP || record->what == INJECT_AZ;
        wanted.paused = wanted.paused || record->what == INJECT_PAUSE;
        wanted.killed = wanted.killed || (record->what == INJECT_KILL && record->from_us > subject.started_us);
    }
    return wanted;
}

static void start(int64_t now_us)
{
    subject.felled = subject.paused = false;
    subject.started_us = now_us;
    subject.pid = fork();
    if (subject.pid == 0) {
        (void)sigprocmask(SIG_SETMASK, &subject.before, NULL);
        become(subject.command);
    }
    if (subject.pid < 0) {
        log_error("%s cannot be started: %s", subject.command[0], strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void fell(void)
{
    if (!subject.felled)
        log_warning("fault: killed, and held down");
    subject.felled = true;
    (void)kill(subject.pid, SIGKILL);
}

static void set_paused(bool paused)
{
    if (subject.paused == paused)
        return;
    log_warning(paused ? "fault: stopped (SIGSTOP)" : "fault: goes on (SIGCONT)");
    subject.paused = paused;
    (void)kill(subject.pid, paused ? SIGSTOP : SIGCONT);
}

/* Effect: what is true becomes what the records say. */
static void tick(void)
{
    int64_t now_us = clock_now_us();
    struct wanted wanted = look(now_us);
    if (subject.pid == 0) {
        if (!wanted.down)
            start(now_us);
    } else if (wanted.down) {
        fell();
    } else if (wanted.killed) {
        log_warning("fault: killed");
        (void)kill(subject.pid, SIGKILL);
    } else {
        set_paused(wanted.paused);
    }
}

/* Effect: takes notice of COMMAND's end; it is ours, too, unless a fault is why. */
static void reap(void)
{
    int status;
    if (subject.pid == 0 || waitpid(subject.pid, &status, WNOHANG) != subject.pid)
        return;
    subject.pid = 0;
    if (subject.felled && !subject.stopping)
        return;
    exit(WIFSIGNALED(status) ? EXIT_BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status));
}

/* A process that is stopped takes no signal but these two before it goes on. */
static void pass_on(int signal_number)
{
    bool asks_for_the_end = signal_number == SIGTERM || signal_number == SIGINT || signal_number == SIGQUIT;
    if (asks_for_the_end && subject.pid == 0)
        exit(EXIT_BY_SIGNAL + signal_number);
    if (subject.pid != 0)
        (void)kill(subject.pid, signal_number);
    if (asks_for_the_end) {
        subject.stopping = true;
        set_paused(false);
    }
}

_Noreturn static void watch(const sigset_t *signals)
{
    const struct timespec pause = {.tv_nsec = (long)INJECT_LOOK_US * NS_PER_US};
    for (;;) {
        reap();
        if (!subject.stopping)
            tick();
        int signal_number = sigtimedwait(signals, NULL, &pause);
        if (signal_number > 0 && signal_number != SIGCHLD)
            pass_on(signal_number);
    }
}

int main(int argc, char **argv)
{
    sigset_t signals;
    if (argc < 3) {
        fprintf(stderr, "usage: tulip-breakable NAME COMMAND [ARGUMENT...]\n");
        return EXIT_WRONG_USAGE;
    }
    if (!is_enabled())
        become(argv + 2);
    subject.command = argv + 2;
    subject.who = (struct inject_who){.actor = argv[1], .instance = setting("TB_INSTANCE"), .az = setting("TB_AZ")};
    int length = snprintf(subject.directory, sizeof subject.directory, "%s/faults", setting("TB_FAULTS_DIR"));
    if (length <= 0 || length >= (int)sizeof subject.directory || *setting("TB_FAULTS_DIR") != '/') {
        fprintf(stderr, "tulip-breakable: TB_FAULTS_DIR is no absolute path\n");
        return EXIT_WRONG_USAGE;
    }
    log_init(argv[1], subject.who.instance, setting("TB_REGION"), LOG_INFO);
    sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    for (size_t i = 0; i < TB_ARRAY_SIZE(passed_on); i++)
        (void)sigaddset(&signals, passed_on[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, &subject.before);
    watch(&signals);
}
