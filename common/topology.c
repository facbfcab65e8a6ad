#include "topology.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base.h"

enum { NAME_MAX_LENGTH = 64, LINE_MAX_LENGTH = 190, INSTANCES = 2 };

/* What is known of one link; texts are made at the first question. */
struct entry {
    char name[NAME_MAX_LENGTH];
    char *bind;
    char *connect;
    UT_hash_handle hh;
};

struct topology {
    char *run_dir;
    struct entry *entries;
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

struct topology *topology_load(const char *run_dir, const char *file, struct err *err)
{
    tb_assert(run_dir != NULL);
    struct topology *topology = tb_alloc_zero(1, sizeof *topology);
    topology->run_dir = tb_strdup(run_dir);
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

static int default_endpoint(struct topology *topology, const char *link, char **to, struct err *err)
{
    char endpoint[TOPOLOGY_ENDPOINT_MAX];
    int length = snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", topology->run_dir, link);
    if (length >= (int)sizeof endpoint)
        return err_set(err,
                       "socket path %.80s…/%s is %d bytes long, the system takes %d: choose a shorter run directory",
                       topology->run_dir, link, length - 6, TOPOLOGY_IPC_PATH_MAX);
    return append_list(to, endpoint, err);
}

const char *topology_bind(struct topology *topology, const char *link, struct err *err)
{
    tb_assert(strlen(link) < NAME_MAX_LENGTH);
    struct entry *entry = find_or_add(topology, link);
    if (entry->bind == NULL && default_endpoint(topology, link, &entry->bind, err) < 0)
        return NULL;
    return entry->bind;
}

static int default_telemetry(struct topology *topology, char **to, struct err *err)
{
    static const char *const actors[] = {"gateway", "sequencer", "simfill", "balance", "persona", "reconciler"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(actors); i++) {
        for (int instance = 1; instance <= INSTANCES; instance++) {
            char name[NAME_MAX_LENGTH];
            snprintf(name, sizeof name, "telemetry-%s-%d", actors[i], instance);
            const char *endpoints = topology_connect(topology, name, err);
            if (endpoints == NULL || append_list(to, endpoints, err) < 0)
                return -1;
        }
    }
    return 0;
}

const char *topology_connect(struct topology *topology, const char *link, struct err *err)
{
    tb_assert(strlen(link) < NAME_MAX_LENGTH);
    struct entry *entry = find_or_add(topology, link);
    if (entry->connect != NULL)
        return entry->connect;
    int made = strcmp(link, TOPOLOGY_TELEMETRY) == 0 ? default_telemetry(topology, &entry->connect, err)
                                                     : default_endpoint(topology, link, &entry->connect, err);
    if (made < 0) {
        free(entry->connect);
        entry->connect = NULL;
    }
    return entry->connect;
}
