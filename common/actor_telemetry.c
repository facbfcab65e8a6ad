/* Heartbeats: who we are, how we are, and every metric, four times a second and at each change of state. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor_internal.h"
#include "base.h"
#include "clock.h"
#include "log.h"
#include "telemetry.pb-c.h"

enum { HEARTBEAT_US = 250000, HEARTBEAT_ARENA_BYTES = 8 * 1024 * 1024 };

/* Of each link: what its counters are called, and where they are in struct bus_counts. */
static const struct {
    const char *name, *help;
    size_t offset;
} link_counters[] = {
    {"tb_bus_received_total", "Messages taken from a link", offsetof(struct bus_counts, received)},
    {"tb_bus_sent_total", "Messages given to a link", offsetof(struct bus_counts, sent)},
    {"tb_bus_dropped_total", "Messages a link did not take: no peer, or its mark is reached",
     offsetof(struct bus_counts, dropped)},
    {"tb_bus_malformed_total", "Frames that are no message of ours", offsetof(struct bus_counts, malformed)},
    {"tb_bus_forbidden_total", "Messages whose sender is not who their connection belongs to",
     offsetof(struct bus_counts, forbidden)},
    {"tb_bus_connects_total", "Connections made that shook hands", offsetof(struct bus_counts, connects)},
    {"tb_bus_disconnects_total", "Connections lost after that", offsetof(struct bus_counts, disconnects)},
    {"tb_bus_handshake_failures_total", "Connections that ended before they shook hands",
     offsetof(struct bus_counts, handshake_failures)},
    {"tb_bus_refused_total", "Connections turned away: a stranger's key, or a role with no business on the link",
     offsetof(struct bus_counts, refused)},
    {"tb_bus_retries_total", "Attempts to connect after the first", offsetof(struct bus_counts, retries)},
    {"tb_bus_accept_failures_total", "Connections the system could not give us",
     offsetof(struct bus_counts, accept_failures)},
};
enum {
    LINK_REFUSED = TB_ARRAY_SIZE(link_counters), /* and these behind them */
    LINK_CONNECTIONS,
    LINK_BURST,
    LINK_METRICS,
};

static size_t add_link_metric(struct actor *actor, const char *labels, const char *name, const char *help,
                              enum metric_kind kind)
{
    struct metric_spec spec = {name, labels, help, kind};
    return metrics_add(actor->metrics, &spec);
}

static void add_link_metrics(struct actor *actor, struct open_link *link, const char *name)
{
    char labels[96];
    snprintf(labels, sizeof labels, "link=\"%s\"", name);
    for (size_t i = 0; i < TB_ARRAY_SIZE(link_counters); i++) {
        size_t number = add_link_metric(actor, labels, link_counters[i].name, link_counters[i].help, METRIC_COUNTER);
        if (i == 0)
            link->metric = number;
    }
    add_link_metric(actor, labels, "tb_messages_refused_total", "Messages of a type or sender their link does not take",
                    METRIC_COUNTER);
    add_link_metric(actor, labels, "tb_bus_connections", "Connections a link has now", METRIC_GAUGE);
    size_t last =
        add_link_metric(actor, labels, "tb_bus_burst",
                        "Most messages found waiting on a link at once since the last heartbeat", METRIC_GAUGE);
    tb_assert(last == link->metric + LINK_METRICS - 1);
}

static void add_metrics(struct actor *actor)
{
    static const struct metric_spec calls = {"tb_store_calls", "", "Store calls under way", METRIC_GAUGE};
    static const struct metric_spec seconds = {"tb_store_seconds", "", "Time of one store call, its commit included",
                                               METRIC_HISTOGRAM};
    static const struct metric_spec connected = {"tb_store_connected", "", "Whether the store is connected",
                                                 METRIC_GAUGE};
    static const struct metric_spec peak = {"tb_step_arena_peak_bytes", "", "Most memory one step took", METRIC_GAUGE};
    static const struct metric_spec resident = {"tb_resident_bytes", "", "Resident memory of the process",
                                                METRIC_GAUGE};
    actor->numbers = (struct actor_metric_numbers){
        .store_calls = metrics_add(actor->metrics, &calls),
        .store_seconds = metrics_add(actor->metrics, &seconds),
        .store_connected = metrics_add(actor->metrics, &connected),
        .arena_peak = metrics_add(actor->metrics, &peak),
        .resident = metrics_add(actor->metrics, &resident),
    };
    for (size_t i = 0; i < actor->spec->link_count; i++)
        add_link_metrics(actor, &actor->links[i], actor->spec->links[i].bus.name);
    add_link_metrics(actor, &actor->telemetry, "heartbeats");
}

static uint64_t count_at(const struct bus_counts *counts, size_t offset)
{
    uint64_t value;
    memcpy(&value, (const char *)counts + offset, sizeof value);
    return value;
}

static void count_link(struct actor *actor, struct open_link *link)
{
    if (link->link == NULL) {
        metrics_gauge(actor->metrics, link->metric + LINK_CONNECTIONS, 0);
        return;
    }
    struct bus_counts now = bus_link_counts(link->link);
    for (size_t i = 0; i < TB_ARRAY_SIZE(link_counters); i++) {
        size_t offset = link_counters[i].offset;
        metrics_count(actor->metrics, link->metric + i,
                      (int64_t)(count_at(&now, offset) - count_at(&link->counted, offset)));
    }
    metrics_count(actor->metrics, link->metric + LINK_REFUSED, (int64_t)link->refused);
    metrics_gauge(actor->metrics, link->metric + LINK_CONNECTIONS, (double)now.connects - (double)now.disconnects);
    metrics_gauge(actor->metrics, link->metric + LINK_BURST, (double)bus_link_take_peak(link->link));
    link->refused = 0;
    link->counted = now;
}

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long total = 0, resident = 0;
    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &total, &resident) != 2) /* NOLINT: the kernel's own numbers */
            resident = 0;
        fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void read_metrics(struct actor *actor)
{
    for (size_t i = 0; i < actor->spec->link_count; i++)
        count_link(actor, &actor->links[i]);
    count_link(actor, &actor->telemetry);
    metrics_gauge(actor->metrics, actor->numbers.store_calls, (double)actor->calls.count);
    metrics_gauge(actor->metrics, actor->numbers.arena_peak, (double)actor->arena_peak_bytes);
    metrics_gauge(actor->metrics, actor->numbers.resident, resident_bytes());
}

/* Effect: the state into health_file, in place and in one write: whoever reads it never finds half of it. */
static void write_health(struct actor *actor)
{
    enum { LINE_BYTES = 16 };
    char line[LINE_BYTES + 1];
    if (actor->health_fd < 0)
        return;
    (void)snprintf(line, sizeof line, "%-15s\n", lifecycle_name(actor->lifecycle));
    if (pwrite(actor->health_fd, line, LINE_BYTES, 0) == LINE_BYTES || actor->health_failed)
        return;
    actor->health_failed = true; /* said once; the file grows old, and that is what it is asked for */
    log_warning("health_file %s: %s", config_text(actor->config, "health_file"), strerror(errno));
}

void telemetry_send(struct actor *actor)
{
    if (actor->telemetry.link == NULL)
        return;
    write_health(actor);
    read_metrics(actor);
    arena_reset(&actor->heartbeat_arena);
    Tb__Heartbeat heartbeat = TB__HEARTBEAT__INIT;
    /* protobuf-c's structs are not const; packing only reads. */
    heartbeat.actor = (char *)(uintptr_t)actor->spec->name;
    heartbeat.instance = (char *)(uintptr_t)config_text(actor->config, "instance");
    heartbeat.region = (char *)(uintptr_t)config_text(actor->config, "region");
    heartbeat.az = (char *)(uintptr_t)config_text(actor->config, "az");
    heartbeat.state = (char *)(uintptr_t)lifecycle_name(actor->lifecycle);
    heartbeat.pid = (uint32_t)getpid();
    heartbeat.restarts = (uint32_t)config_integer(actor->config, "restarts");
    heartbeat.lag = actor->lag;
    heartbeat.sent_at_us = clock_now_us();
    heartbeat.started_at_us = actor->started_at_us;
    heartbeat.leader = actor->spec->leads == NULL || actor->leading;
    heartbeat.metrics = metrics_messages(actor->metrics, &actor->heartbeat_arena, &heartbeat.n_metrics);
    bus_send(actor->telemetry.link, NULL, TB__MESSAGE_TYPE__HEARTBEAT, &heartbeat.base, TB__STREAM__STREAM_UNSPECIFIED,
             0);
}

static void on_heartbeat(void *arg)
{
    telemetry_send(arg);
}

static int open_health(struct actor *actor, struct err *err)
{
    const char *path = config_text(actor->config, "health_file");
    actor->health_fd = -1;
    if (path[0] == '\0')
        return 0;
    actor->health_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return actor->health_fd < 0 ? err_set(err, "health_file %s: %s", path, strerror(errno)) : 0;
}

int telemetry_init(struct actor *actor, struct err *err)
{
    char name[64];
    if (open_health(actor, err) < 0)
        return -1;
    snprintf(name, sizeof name, "telemetry-%s-%s", actor->spec->name, config_text(actor->config, "instance"));
    struct bus_link_spec spec = {.name = name, .kind = BUS_PUB, .binds = true};
    actor->started_at_us = clock_now_us();
    arena_init(&actor->heartbeat_arena, HEARTBEAT_ARENA_BYTES);
    add_metrics(actor);
    actor->telemetry.link = bus_open(actor->bus, &spec, NULL, NULL, err);
    if (actor->telemetry.link == NULL)
        return -1;
    actor->heartbeat_timer = loop_timer_new(actor->loop, on_heartbeat, actor);
    loop_timer_set(actor->heartbeat_timer, HEARTBEAT_US, HEARTBEAT_US);
    return 0;
}

void telemetry_release(struct actor *actor)
{
    loop_timer_free(&actor->heartbeat_timer);
    if (actor->health_fd >= 0)
        (void)close(actor->health_fd);
    arena_release(&actor->heartbeat_arena);
}
