#include "actor_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "codec.h"
#include "ids.h"

enum { PROGRAM_MAX = 512, SETTINGS_MAX = 64, SLICE_US = 5000 };

struct rig_actor {
    struct rig *rig;
    struct rig_actor *next;
    char name[32];
    char instance[16];
    pid_t pid; /* 0 = ended and waited for */
    int exit_code;
    struct bus_link *telemetry;
    Tb__Heartbeat *heartbeat;
};

struct waiting {
    struct rig_message message;
    struct waiting *next;
};

struct rig_link {
    struct rig *rig;
    struct rig_link *next;
    struct bus *bus;
    struct bus_link *link;
    struct waiting *first, **last; /* not received yet */
    size_t count;
};

/* Peers of several names, each with a bus of its own, for a bus says who sends. */
struct peer_bus {
    struct peer_bus *next;
    char sender[48];
    struct bus *bus;
};

struct rig {
    struct rig *next; /* of all that live */
    char run_dir[64];
    const char *database_url;
    struct loop *loop;
    struct loop_timer *tick;
    struct peer_bus *buses;
    struct rig_actor *actors;
    struct rig_link *links;
    struct arena arena; /* of every message that came */
};

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "actor_rig: %s: %s\n", what, why);
    exit(99);
}

static struct rig *rigs;

static void on_tick(void *arg)
{
    struct rig *rig = arg;
    loop_stop(rig->loop);
}

static void delete_run_dir(const struct rig *rig)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", "--", rig->run_dir, (char *)NULL);
        _exit(104);
    }
    waitpid(child, NULL, 0);
}

/* A test that fails leaves its rig: the actors die with us, the directory would stay. */
static void delete_rest(void)
{
    for (struct rig *rig = rigs; rig != NULL; rig = rig->next)
        delete_run_dir(rig);
}

struct rig *rig_new(const char *database_url)
{
    static bool registered;
    if (!registered)
        atexit(delete_rest);
    registered = true;
    struct rig *rig = tb_alloc_zero(1, sizeof *rig);
    tb_copy_text(rig->run_dir, sizeof rig->run_dir, "/tmp/tb-rig-XXXXXX");
    if (mkdtemp(rig->run_dir) == NULL)
        die("mkdtemp", strerror(errno));
    rig->database_url = database_url;
    rig->loop = loop_new();
    rig->tick = loop_timer_new(rig->loop, on_tick, rig);
    arena_init(&rig->arena, (size_t)1 << 30);
    rig->next = rigs;
    rigs = rig;
    return rig;
}

const char *rig_run_dir(const struct rig *rig)
{
    return rig->run_dir;
}

struct loop *rig_loop(struct rig *rig)
{
    return rig->loop;
}

void rig_free(struct rig **rig)
{
    if (*rig == NULL)
        return;
    struct rig *r = *rig;
    while (r->links != NULL) {
        struct rig_link *link = r->links;
        rig_close(&link);
    }
    while (r->actors != NULL) {
        struct rig_actor *actor = r->actors;
        r->actors = actor->next;
        if (actor->pid > 0)
            rig_kill(actor, SIGKILL);
        bus_close(&actor->telemetry);
        if (actor->heartbeat != NULL)
            tb__heartbeat__free_unpacked(actor->heartbeat, NULL);
        free(actor);
    }
    while (r->buses != NULL) {
        struct peer_bus *bus = r->buses;
        r->buses = bus->next;
        bus_free(&bus->bus);
        free(bus);
    }
    loop_timer_free(&r->tick);
    loop_free(&r->loop);
    arena_release(&r->arena);
    delete_run_dir(r);
    struct rig **at = &rigs;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    free(r);
    *rig = NULL;
}

bool rig_wait(struct rig *rig, bool (*done)(void *arg), void *arg, int deadline_ms)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)deadline_ms * 1000;
    while (!done(arg)) {
        if (clock_monotonic_us() > deadline)
            return false;
        loop_timer_set(rig->tick, SLICE_US, 0); /* an upper bound: whatever comes is looked at within one slice */
        loop_run(rig->loop);
    }
    return true;
}

static struct bus *bus_of(struct rig *rig, const char *sender)
{
    for (struct peer_bus *bus = rig->buses; bus != NULL; bus = bus->next)
        if (strcmp(bus->sender, sender) == 0)
            return bus->bus;
    struct peer_bus *bus = tb_alloc_zero(1, sizeof *bus);
    struct bus_options options = {.run_dir = rig->run_dir, .region = "nl-1", .sender = sender};
    struct err err = {0};
    ids_random(&options.boot_id, sizeof options.boot_id);
    tb_copy_text(bus->sender, sizeof bus->sender, sender);
    bus->bus = bus_new(rig->loop, &options, &err);
    if (bus->bus == NULL)
        die("bus", err.text);
    bus->next = rig->buses;
    rig->buses = bus;
    return bus->bus;
}

/* ---- actors ---- */

static void on_heartbeat(void *arg, const struct bus_message *message)
{
    struct rig_actor *actor = arg;
    const Tb__Heartbeat *heartbeat = (const Tb__Heartbeat *)message->payload;
    if (message->envelope->type != TB__MESSAGE_TYPE__HEARTBEAT || heartbeat->pid != (uint32_t)actor->pid)
        return; /* of the one before it */
    size_t size = tb__heartbeat__get_packed_size(heartbeat);
    uint8_t *bytes = tb_alloc_zero(1, size);
    tb__heartbeat__pack(heartbeat, bytes);
    if (actor->heartbeat != NULL)
        tb__heartbeat__free_unpacked(actor->heartbeat, NULL);
    actor->heartbeat = tb__heartbeat__unpack(NULL, size, bytes);
    free(bytes);
}

static void add_setting(char **settings, size_t *count, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    tb_assert(*count < SETTINGS_MAX);
    settings[*count] = tb_alloc_zero(1, size);
    snprintf(settings[(*count)++], size, "%s=%s", name, value);
}

/* What an actor gets to see: PATH and sanitizer options of ours, its own settings, and nothing else. Later entries win
 * nothing: getenv finds the first, so the test's come first. */
static void make_settings(const struct rig_actor *actor, const char *const *given, char **settings)
{
    static const char *const kept[] = {"PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    size_t count = 0;
    for (; given != NULL && *given != NULL; given++) {
        tb_assert(count < SETTINGS_MAX);
        settings[count++] = tb_strdup(*given);
    }
    for (size_t i = 0; i < TB_ARRAY_SIZE(kept); i++)
        if (getenv(kept[i]) != NULL)
            add_setting(settings, &count, kept[i], getenv(kept[i]));
    add_setting(settings, &count, "TB_RUN_DIR", actor->rig->run_dir);
    add_setting(settings, &count, "TB_DATABASE_URL", actor->rig->database_url != NULL ? actor->rig->database_url : "");
    add_setting(settings, &count, "TB_INSTANCE", actor->instance);
}

static void log_path(const struct rig_actor *actor, char *path, size_t size)
{
    snprintf(path, size, "%s/%s-%s.log", actor->rig->run_dir, actor->name, actor->instance);
}

_Noreturn static void become(const char *program, char *const *settings, int log, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(105); /* the test died meanwhile */
    char *arguments[] = {(char *)(uintptr_t)program, NULL};
    if (dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(106);
    execve(program, arguments, settings);
    _exit(127);
}

struct rig_actor *rig_start_program(struct rig *rig, const char *program, const char *name, const char *instance,
                                    const char *const *settings)
{
    struct rig_actor *actor = tb_alloc_zero(1, sizeof *actor);
    actor->rig = rig;
    tb_copy_text(actor->name, sizeof actor->name, name);
    tb_copy_text(actor->instance, sizeof actor->instance, instance);
    char telemetry[64], path[128];
    snprintf(telemetry, sizeof telemetry, "telemetry-%s-%s", name, instance);
    struct bus_link_spec spec = {.name = telemetry, .kind = BUS_SUB};
    struct err err = {0};
    actor->telemetry = bus_open(bus_of(rig, "rig/1"), &spec, on_heartbeat, actor, &err);
    if (actor->telemetry == NULL)
        die("telemetry", err.text);
    if (access(program, X_OK) < 0)
        die(program, strerror(errno));
    char *environment[SETTINGS_MAX + 1] = {NULL};
    make_settings(actor, settings, environment);
    log_path(actor, path, sizeof path);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    pid_t parent = getpid();
    actor->pid = fork();
    if (actor->pid == 0)
        become(program, environment, log, parent);
    close(log);
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
    if (actor->pid < 0)
        die("fork", strerror(errno));
    actor->next = rig->actors;
    rig->actors = actor;
    return actor;
}

struct rig_actor *rig_start(struct rig *rig, const char *actor, const char *instance, const char *const *settings)
{
    const char *build = getenv("TB_BUILD_DIR");
    char program[PROGRAM_MAX];
    if (build == NULL)
        die("TB_BUILD_DIR", "is not set (ctest sets it)");
    snprintf(program, sizeof program, "%s/bin/tb-%s", build, actor);
    return rig_start_program(rig, program, actor, instance, settings);
}

/* Effect: notes the actor's end, if it has ended. */
static void look(struct rig_actor *actor, int options)
{
    int status = 0;
    if (actor->pid <= 0 || waitpid(actor->pid, &status, options) != actor->pid)
        return;
    actor->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    actor->pid = 0;
}

struct state_wait {
    struct rig_actor *actor;
    const char *state;
};

static bool has_state(void *arg)
{
    struct state_wait *wait = arg;
    look(wait->actor, WNOHANG);
    return wait->actor->pid == 0 ||
           (wait->actor->heartbeat != NULL && strcmp(wait->actor->heartbeat->state, wait->state) == 0);
}

static void show_log(const struct rig_actor *actor)
{
    char path[128], line[1024];
    log_path(actor, path, sizeof path);
    FILE *log = fopen(path, "r");
    if (log == NULL)
        return;
    while (fgets(line, sizeof line, log) != NULL)
        fprintf(stderr, "%s", line);
    fclose(log);
}

bool rig_wait_state(struct rig_actor *actor, const char *state, int deadline_ms)
{
    struct state_wait wait = {actor, state};
    bool came = rig_wait(actor->rig, has_state, &wait, deadline_ms) && actor->pid > 0;
    if (!came) {
        fprintf(stderr, "actor_rig: %s/%s is not %s but %s; its log:\n", actor->name, actor->instance, state,
                actor->pid == 0            ? "dead"
                : actor->heartbeat != NULL ? actor->heartbeat->state
                                           : "silent");
        show_log(actor);
    }
    return came;
}

const Tb__Heartbeat *rig_heartbeat(const struct rig_actor *actor)
{
    return actor->heartbeat;
}

double rig_metric(const struct rig_actor *actor, const char *name, const char *labels)
{
    double sum = 0;
    for (size_t i = 0; actor->heartbeat != NULL && i < actor->heartbeat->n_metrics; i++) {
        const Tb__Metric *metric = actor->heartbeat->metrics[i];
        if (strcmp(metric->name, name) == 0 && (labels == NULL || strstr(metric->labels, labels) != NULL))
            sum += metric->value;
    }
    return sum;
}

pid_t rig_pid(const struct rig_actor *actor)
{
    return actor->pid;
}

void rig_kill(struct rig_actor *actor, int signal)
{
    if (actor->pid <= 0)
        return;
    kill(actor->pid, signal);
    if (signal == SIGKILL)
        look(actor, 0);
}

static bool has_ended(void *arg)
{
    struct rig_actor *actor = arg;
    look(actor, WNOHANG);
    return actor->pid == 0;
}

int rig_wait_exit(struct rig_actor *actor, int deadline_ms)
{
    return rig_wait(actor->rig, has_ended, actor, deadline_ms) ? actor->exit_code : -1;
}

bool rig_log_has(const struct rig_actor *actor, const char *text)
{
    char path[128], line[4096];
    bool has = false;
    log_path(actor, path, sizeof path);
    FILE *log = fopen(path, "r");
    while (log != NULL && !has && fgets(line, sizeof line, log) != NULL)
        has = strstr(line, text) != NULL;
    if (log != NULL)
        fclose(log);
    return has;
}

/* ---- peers ---- */

static void *take_memory(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void leave_memory(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

static void on_message(void *arg, const struct bus_message *message)
{
    struct rig_link *link = arg;
    struct arena *arena = &link->rig->arena;
    ProtobufCAllocator allocator = {take_memory, leave_memory, arena};
    size_t size = protobuf_c_message_get_packed_size(message->payload);
    uint8_t *bytes = arena_alloc(arena, size + 1);
    protobuf_c_message_pack(message->payload, bytes);
    struct waiting *waiting = arena_alloc(arena, sizeof *waiting);
    waiting->message = (struct rig_message){
        .from = *message->from,
        .type = message->envelope->type,
        .stream = message->envelope->stream,
        .first_seq = message->envelope->first_seq,
        .payload = protobuf_c_message_unpack(message->payload->descriptor, &allocator, size, bytes),
    };
    *link->last = waiting;
    link->last = &waiting->next;
    link->count++;
}

struct rig_link *rig_open(struct rig *rig, const char *sender, const char *name, enum bus_kind kind, bool binds)
{
    struct rig_link *link = tb_alloc_zero(1, sizeof *link);
    bool receives = kind != BUS_PUB && kind != BUS_PUSH;
    struct bus_link_spec spec = {.name = name, .kind = kind, .binds = binds, .high_water = 100000};
    struct err err = {0};
    link->rig = rig;
    link->last = &link->first;
    link->link = bus_open(bus_of(rig, sender), &spec, receives ? on_message : NULL, link, &err);
    if (link->link == NULL)
        die("open", err.text);
    link->next = rig->links;
    rig->links = link;
    return link;
}

void rig_close(struct rig_link **link)
{
    if (*link == NULL)
        return;
    struct rig_link **at = &(*link)->rig->links;
    while (*at != *link)
        at = &(*at)->next;
    *at = (*link)->next;
    bus_close(&(*link)->link);
    free(*link);
    *link = NULL;
}

struct send_try {
    struct rig_link *link;
    const struct peer *to;
    Tb__MessageType type;
    const ProtobufCMessage *message;
    Tb__Stream stream;
    uint64_t first_seq;
};

static bool try_send(void *arg)
{
    struct send_try *send = arg;
    return bus_send(send->link->link, send->to, send->type, send->message, send->stream, send->first_seq);
}

bool rig_send(struct rig_link *link, const struct peer *to, Tb__MessageType type, const ProtobufCMessage *message,
              Tb__Stream stream, uint64_t first_seq, int deadline_ms)
{
    struct send_try send = {link, to, type, message, stream, first_seq};
    return rig_wait(link->rig, try_send, &send, deadline_ms);
}

struct receive_try {
    struct rig_link *link;
    Tb__MessageType type;
    const struct rig_message *found;
};

static bool try_receive(void *arg)
{
    struct receive_try *receive = arg;
    struct rig_link *link = receive->link;
    while (link->first != NULL && receive->found == NULL) {
        struct waiting *waiting = link->first;
        link->first = waiting->next;
        link->count--;
        if (link->first == NULL)
            link->last = &link->first;
        if (receive->type == 0 || waiting->message.type == receive->type)
            receive->found = &waiting->message;
    }
    return receive->found != NULL;
}

const struct rig_message *rig_receive(struct rig_link *link, Tb__MessageType type, int deadline_ms)
{
    struct receive_try receive = {link, type, NULL};
    rig_wait(link->rig, try_receive, &receive, deadline_ms);
    return receive.found;
}

size_t rig_waiting(const struct rig_link *link)
{
    return link->count;
}
