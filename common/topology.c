#include "topology.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base.h"
#include "links.h"

enum {
    NAME_MAX_LENGTH = 64,
    LINE_MAX_LENGTH = 190,
    INSTANCES = 2,
    HOST_MAX_LENGTH = 128,
    INSTANCE_MAX_LENGTH = 32,
    PORT_MAX = 65535
};

#define LISTEN_DEFAULT "0.0.0.0"
#define LISTEN_AT_HOST "host" /* each instance at the address it is listed with */

/* What is known of one link; texts are made at the first question. */
struct entry {
    char name[NAME_MAX_LENGTH];
    char *bind;
    char *connect;
    UT_hash_handle hh;
};

/* One line of [tcp]. */
struct instance {
    const char *role;
    char name[NAME_MAX_LENGTH]; /* "sequencer-1" */
    char host[HOST_MAX_LENGTH];
    int port; /* its first one */
};

struct topology {
    char *run_dir;
    char self[NAME_MAX_LENGTH]; /* as in [tcp]: "sequencer-1" */
    struct entry *entries;
    bool tcp; /* there is a section [tcp] */
    char listen[HOST_MAX_LENGTH];
    struct instance instances[TOPOLOGY_INSTANCES_MAX];
    size_t instance_count;
};

static struct entry *find_or_add(struct topology *topology, const char *name)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(topology->entries, name, entry);
    if (entry == NULL) {
        entry = tb_alloc_zero(1, sizeof *entry);
        tb_copy_text(entry->name, sizeof entry->name, name);
        HASH_ADD_STR(topology->entries, name, entry);
    }
    return entry;
}

int topology_next(const char **list, char endpoint[static TOPOLOGY_ENDPOINT_MAX], struct err *err)
{
    const char *from = *list + strspn(*list, " \t,");
    if (*from == '\0')
        return 0;
    size_t length = strcspn(from, ",");
    *list = from + length;
    while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == '\t'))
        length--;
    if (length >= TOPOLOGY_ENDPOINT_MAX)
        return err_set(err, "endpoint longer than %d characters: %.80s…", TOPOLOGY_ENDPOINT_MAX - 1, from);
    for (size_t i = 0; i < length; i++)
        endpoint[i] = from[i];
    endpoint[length] = '\0';
    if (strncmp(endpoint, "ipc://", 6) != 0 && strncmp(endpoint, "tcp://", 6) != 0)
        return err_set(err, "endpoint %s is neither tcp://… nor ipc://…", endpoint);
    if (endpoint[0] == 'i' && strlen(endpoint + 6) > TOPOLOGY_IPC_PATH_MAX)
        return err_set(err, "socket path %s is %zu bytes long, the system takes %d: choose a shorter run directory",
                       endpoint + 6, strlen(endpoint + 6), TOPOLOGY_IPC_PATH_MAX);
    return 1;
}

/* Effect: appends the checked endpoints of list to *to. */
static int append_list(char **to, const char *list, struct err *err)
{
    char endpoint[TOPOLOGY_ENDPOINT_MAX];
    int more;
    while ((more = topology_next(&list, endpoint, err)) == 1) {
        size_t before = *to == NULL ? 0 : strlen(*to);
        size_t size = before + strlen(endpoint) + 2;
        if (size > TOPOLOGY_LIST_MAX)
            return err_set(err, "more than %d characters of endpoints", TOPOLOGY_LIST_MAX);
        *to = tb_realloc(*to, size, 1);
        snprintf(*to + before, size - before, "%s%s", before > 0 ? "," : "", endpoint);
    }
    return more;
}

/* What the INI reader carries through its callbacks. */
struct reading {
    struct topology *topology;
    FILE *file;
    int line;
    struct err *err;
    bool failed;
};

/* The INI reader cuts lines at its own limit without a word; this says so. */
static char *read_line(char *to, int size, void *stream)
{
    struct reading *reading = stream;
    if (fgets(to, size, reading->file) == NULL)
        return NULL;
    reading->line++;
    if (strlen(to) > LINE_MAX_LENGTH && !reading->failed) {
        err_set(reading->err, "line %d is longer than %d characters: go on in an indented line", reading->line,
                LINE_MAX_LENGTH);
        reading->failed = true;
    }
    return to;
}

/* ---- [tcp] ---- */

static int wrong_tcp(struct reading *reading, const char *key, const char *reason, const char *value)
{
    if (!reading->failed)
        err_set(reading->err, "line %d: [tcp] %s %s, not \"%.80s\"", reading->line, key, reason, value);
    reading->failed = true;
    return 0;
}

static bool is_made_of(const char *text, size_t length, const char *letters)
{
    return length > 0 && strspn(text, letters) >= length;
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Effect: reads HOST[:PORT]. Return: what is wrong with it, NULL = nothing. */
static const char *read_host(const char *text, struct instance *instance)
{
    size_t length = strcspn(text, ":");
    if (!is_made_of(text, length, LOWER UPPER DIGITS ".-_") || length >= sizeof instance->host)
        return "must be HOST or HOST:PORT, the host a name or an IPv4 address";
    snprintf(instance->host, sizeof instance->host, "%.*s", (int)length, text);
    instance->port = TOPOLOGY_PORT_DEFAULT;
    if (text[length] == '\0')
        return NULL;
    const char *digits = text + length + 1;
    long port = strlen(digits) <= 5 && is_made_of(digits, strlen(digits), DIGITS) ? strtol(digits, NULL, 10) : 0;
    if (port < 1 || port > PORT_MAX - LINKS_PORTS + 1)
        return "must have a port from 1 to 65526 (ten are taken from it on)";
    instance->port = (int)port;
    return NULL;
}

/* Return: the instance whose ports this one would share, NULL = none. */
static const struct instance *find_overlap(const struct topology *topology, const struct instance *instance)
{
    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct instance *other = &topology->instances[i];
        if (strcmp(other->host, instance->host) == 0 && abs(other->port - instance->port) < LINKS_PORTS)
            return other;
    }
    return NULL;
}

static const struct instance *find_instance(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->instance_count; i++)
        if (strcmp(topology->instances[i].name, name) == 0)
            return &topology->instances[i];
    return NULL;
}

static bool is_address(const char *text)
{
    struct in_addr address;
    return inet_pton(AF_INET, text, &address) == 1;
}

static int on_listen(struct reading *reading, const char *value)
{
    struct topology *topology = reading->topology;
    if (topology->listen[0] != '\0')
        return wrong_tcp(reading, "listen", "may be given once", value);
    if (strcmp(value, LISTEN_AT_HOST) != 0 && !is_address(value))
        return wrong_tcp(reading, "listen", "must be an IPv4 address (0.0.0.0 for all) or \"host\"", value);
    tb_copy_text(topology->listen, sizeof topology->listen, value);
    return 1;
}

static int on_tcp(struct reading *reading, const char *name, const char *value)
{
    struct topology *topology = reading->topology;
    struct instance instance = {.role = links_role_of(name, '-')};
    topology->tcp = true;
    if (strcmp(name, "listen") == 0)
        return on_listen(reading, value);
    const char *number = instance.role != NULL ? name + strlen(instance.role) + 1 : "";
    if (!is_made_of(number, strlen(number), LOWER DIGITS "-_") || strlen(number) > INSTANCE_MAX_LENGTH ||
        strcmp(instance.role, "operator") == 0)
        return wrong_tcp(reading, "has keys \"listen\" and <actor>-<instance>", "as in sequencer-1", name);
    tb_copy_text(instance.name, sizeof instance.name, name);
    if (find_instance(topology, name) != NULL)
        return wrong_tcp(reading, name, "may be given once", value);
    const char *reason = read_host(value, &instance);
    if (reason != NULL)
        return wrong_tcp(reading, name, reason, value);
    const struct instance *other = find_overlap(topology, &instance);
    if (other != NULL) {
        char why[160];
        snprintf(why, sizeof why, "must be at least %d ports away from %s on the same host", LINKS_PORTS, other->name);
        return wrong_tcp(reading, name, why, value);
    }
    if (topology->instance_count == TOPOLOGY_INSTANCES_MAX)
        return wrong_tcp(reading, name, "is one instance more than 64", value);
    topology->instances[topology->instance_count++] = instance;
    return 1;
}

static int refuse(struct reading *reading, const char *what, const char *name)
{
    if (!reading->failed)
        err_set(reading->err, "line %d: unknown %s \"%s\"", reading->line, what, name);
    reading->failed = true;
    return 0;
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    const char *link = NULL;
    if (reading->failed)
        return 0;
    if (strcmp(section, "tcp") == 0)
        return on_tcp(reading, name, value);
    if (strcmp(section, TOPOLOGY_TELEMETRY) == 0)
        link = TOPOLOGY_TELEMETRY;
    else if (strncmp(section, "link.", 5) == 0 && section[5] != '\0' && strlen(section + 5) < NAME_MAX_LENGTH)
        link = section + 5;
    if (link == NULL)
        return refuse(reading, "section", section);
    bool binds = strcmp(name, "bind") == 0;
    if (!binds && strcmp(name, "connect") != 0)
        return refuse(reading, "key", name);
    if (binds && strcmp(link, TOPOLOGY_TELEMETRY) == 0)
        return refuse(reading, "key", name);
    struct entry *entry = find_or_add(reading->topology, link);
    char context[32];
    snprintf(context, sizeof context, "line %d", reading->line);
    if (append_list(binds ? &entry->bind : &entry->connect, value, reading->err) < 0) {
        err_wrap(reading->err, context);
        reading->failed = true;
        return 0;
    }
    return 1;
}

static int read_file(struct topology *topology, const char *path, struct err *err)
{
    struct reading reading = {.topology = topology, .err = err, .file = fopen(path, "re")};
    if (reading.file == NULL)
        return err_set(err, "topology file %s: %s", path, strerror(errno));
    int line = ini_parse_stream(read_line, &reading, on_value, &reading);
    fclose(reading.file);
    if (!reading.failed && line != 0)
        err_set(err, "line %d is neither [section] nor key = value", line);
    if (reading.failed || line != 0) {
        char context[300];
        snprintf(context, sizeof context, "topology file %.250s", path);
        return err_wrap(err, context);
    }
    return 0;
}

struct topology *topology_load(const char *run_dir, const char *file, const char *self, struct err *err)
{
    tb_assert(run_dir != NULL && self != NULL);
    struct topology *topology = tb_alloc_zero(1, sizeof *topology);
    topology->run_dir = tb_strdup(run_dir);
    tb_copy_text(topology->self, sizeof topology->self, self);
    char *slash = strchr(topology->self, '/');
    if (slash != NULL)
        *slash = '-';
    if (file != NULL && file[0] != '\0' && read_file(topology, file, err) < 0)
        topology_free(&topology);
    return topology;
}

void topology_free(struct topology **topology)
{
    if (*topology == NULL)
        return;
    struct entry *entry, *next;
    HASH_ITER(hh, (*topology)->entries, entry, next)
    {
        HASH_DEL((*topology)->entries, entry);
        free(entry->bind);
        free(entry->connect);
        free(entry);
    }
    free((*topology)->run_dir);
    free(*topology);
    *topology = NULL;
}

/* ---- endpoints ---- */

static int unknown_link(const char *link, struct err *err)
{
    return err_set(err, "link %s has no TCP port: it is not in the register of links", link);
}

static int ipc_endpoint(const struct topology *topology, const char *link, char **to, struct err *err)
{
    char endpoint[TOPOLOGY_ENDPOINT_MAX];
    int length = snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", topology->run_dir, link);
    if (length >= (int)sizeof endpoint)
        return err_set(err,
                       "socket path %.80s…/%s is %d bytes long, the system takes %d: choose a shorter run directory",
                       topology->run_dir, link, length - 6, TOPOLOGY_IPC_PATH_MAX);
    return append_list(to, endpoint, err);
}

static int append_tcp(const struct links_row *row, const struct instance *instance, const char *host, char **to,
                      struct err *err)
{
    char endpoint[TOPOLOGY_ENDPOINT_MAX];
    snprintf(endpoint, sizeof endpoint, "tcp://%s:%d", host, instance->port + row->port_offset);
    return append_list(to, endpoint, err);
}

/* Return: the address that self binds at, NULL with err when its host is a name and [tcp] says to bind there. */
static const char *listen_of(const struct topology *topology, const struct instance *self, struct err *err)
{
    if (strcmp(topology->listen, LISTEN_AT_HOST) != 0)
        return topology->listen[0] != '\0' ? topology->listen : LISTEN_DEFAULT;
    if (is_address(self->host))
        return self->host;
    err_set(err, "topology: [tcp] listen = host needs an IPv4 address at %s, not \"%s\"", self->name, self->host);
    return NULL;
}

static int tcp_bind(const struct topology *topology, const char *link, char **to, struct err *err)
{
    const struct links_row *row = links_find(link);
    const struct instance *self = find_instance(topology, topology->self);
    if (row == NULL)
        return unknown_link(link, err);
    if (self == NULL)
        return err_set(err, "topology: [tcp] does not list %s, so link %s cannot be bound: add %s = HOST:PORT",
                       topology->self, link, topology->self);
    if (!links_may_serve(row, self->role))
        return err_set(err, "topology: link %s is not served by a %s", link, self->role);
    const char *address = listen_of(topology, self, err);
    return address == NULL ? -1 : append_tcp(row, self, address, to, err);
}

/* telemetry-<instance> names one instance; every other link is that of all who serve it. */
static bool serves(const struct instance *instance, const struct links_row *row, const char *link)
{
    if (!links_may_serve(row, instance->role))
        return false;
    return strncmp(link, TOPOLOGY_TELEMETRY "-", 10) != 0 || strcmp(link + 10, instance->name) == 0;
}

static int tcp_connect(const struct topology *topology, const char *link, char **to, struct err *err)
{
    const struct links_row *row = links_find(link);
    if (row == NULL)
        return unknown_link(link, err);
    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct instance *instance = &topology->instances[i];
        if (serves(instance, row, link) && append_tcp(row, instance, instance->host, to, err) < 0)
            return -1;
    }
    if (*to == NULL)
        return err_set(err, "topology: [tcp] lists no %s, so link %s leads nowhere: add %s-1 = HOST:PORT",
                       row->servers[0], link, row->servers[0]);
    return 0;
}

const char *topology_bind(struct topology *topology, const char *link, struct err *err)
{
    tb_assert(strlen(link) < NAME_MAX_LENGTH);
    struct entry *entry = find_or_add(topology, link);
    if (entry->bind != NULL)
        return entry->bind;
    int made =
        topology->tcp ? tcp_bind(topology, link, &entry->bind, err) : ipc_endpoint(topology, link, &entry->bind, err);
    return made < 0 ? NULL : entry->bind;
}

/* Effect: appends where the heartbeats of this instance are. */
static int append_telemetry(struct topology *topology, const char *instance, char **to, struct err *err)
{
    char name[NAME_MAX_LENGTH + 16];
    snprintf(name, sizeof name, TOPOLOGY_TELEMETRY "-%s", instance);
    const char *endpoints = topology_connect(topology, name, err);
    return endpoints == NULL ? -1 : append_list(to, endpoints, err);
}

static int all_telemetry(struct topology *topology, char **to, struct err *err)
{
    static const char *const actors[] = {"gateway", "sequencer", "simfill", "balance", "persona", "reconciler"};
    char instance[NAME_MAX_LENGTH];
    for (size_t i = 0; i < topology->instance_count; i++)
        if (append_telemetry(topology, topology->instances[i].name, to, err) < 0)
            return -1;
    for (size_t i = 0; i < TB_ARRAY_SIZE(actors) && !topology->tcp; i++) {
        for (int number = 1; number <= INSTANCES; number++) {
            snprintf(instance, sizeof instance, "%s-%d", actors[i], number);
            if (append_telemetry(topology, instance, to, err) < 0)
                return -1;
        }
    }
    return *to != NULL ? 0
                       : err_set(err, "topology: [tcp] lists no instance: add gateway-1 = HOST:PORT and the others");
}

const char *topology_connect(struct topology *topology, const char *link, struct err *err)
{
    tb_assert(strlen(link) < NAME_MAX_LENGTH);
    struct entry *entry = find_or_add(topology, link);
    if (entry->connect != NULL)
        return entry->connect;
    char *list = NULL;
    int made = strcmp(link, TOPOLOGY_TELEMETRY) == 0 ? all_telemetry(topology, &list, err)
               : topology->tcp                       ? tcp_connect(topology, link, &list, err)
                                                     : ipc_endpoint(topology, link, &list, err);
    if (made < 0)
        free(list);
    else
        entry->connect = list;
    return entry->connect;
}

/* Return: the role of the instance at tcp://host:port, NULL = none has that port. */
static const char *role_at(const struct topology *topology, const char *endpoint)
{
    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct instance *instance = &topology->instances[i];
        for (int offset = 0; offset < LINKS_PORTS; offset++) {
            char its[TOPOLOGY_ENDPOINT_MAX];
            snprintf(its, sizeof its, "tcp://%s:%d", instance->host, instance->port + offset);
            if (strcmp(its, endpoint) == 0)
                return instance->role;
        }
    }
    return NULL;
}

const char *topology_server_role(const struct topology *topology, const char *link, const char *endpoint)
{
    const char *role = role_at(topology, endpoint);
    const struct links_row *row = links_find(link);
    if (role != NULL || row == NULL)
        return role;
    return row->servers[1] == NULL ? row->servers[0] : NULL;
}
