#include "cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api.h"
#include "base.h"

static char output[65536];

static int run(const char *command)
{
    FILE *pipe = popen(command, "r");
    tb_assert(pipe);
    size_t used = 0, got;
    char sink[4096];
    while ((got = fread(sink, 1, sizeof sink, pipe)) > 0) {
        size_t take = got < sizeof output - 1 - used ? got : sizeof output - 1 - used;
        memcpy(output + used, sink, take);
        used += take;
    }
    output[used] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Return: a port nobody listens on right now, and that no client is given as its own meanwhile (those are from 32768
 * on): tests that run side by side open thousands of connections. */
static int free_port(void)
{
    enum { FIRST = 20000, COUNT = 10000 };
    for (int i = 0; i < COUNT; i++) {
        int port = FIRST + (getpid() * 37 + i) % COUNT;
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        tb_assert(fd >= 0);
        bool is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
        if (is_free)
            return port;
    }
    fprintf(stderr, "cluster: every port is taken\n");
    abort();
}

int cluster_tulip(const struct cluster *cluster, const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "./tulip --data %s %s 2>&1", cluster->data, command);
    return run(line);
}

const char *cluster_output(void)
{
    return output;
}

void cluster_start(struct cluster *cluster, const char *settings)
{
    cluster_start_with(cluster, settings, "");
}

void cluster_start_with(struct cluster *cluster, const char *settings, const char *options)
{
    const char *running = getenv("TB_TEST_PORT"), *data = getenv("TB_TEST_DATA");
    cluster->borrowed = running && data;
    if (cluster->borrowed) {
        cluster->port = (int)strtol(running, NULL, 10);
        tb_assert(tb_copy_text(cluster->data, sizeof cluster->data, data));
        return;
    }
    tb_assert(tb_copy_text(cluster->data, sizeof cluster->data, "/tmp/tulip-test-XXXXXX"));
    tb_assert(mkdtemp(cluster->data));
    cluster->port = free_port();
    char line[1024];
    snprintf(line, sizeof line, "%s ./tulip up --detach --data %s --port %d %s 2>&1", settings, cluster->data,
             cluster->port, options);
    int code = run(line);
    if (code != 0) {
        fprintf(stderr, "cluster: `%s` ended with %d:\n%s\n", line, code, output);
        cluster_tulip(cluster, "down");
        abort();
    }
}

bool cluster_seen(const struct cluster *cluster, const char *actor, const char *state, struct cluster_actor *seen)
{
    struct api_answer *answer = api_call(cluster->port, "GET", "/health/ready", NULL, NULL);
    json_t *actors = api_at(answer, "actors");
    *seen = (struct cluster_actor){0};
    for (size_t i = 0; i < json_array_size(actors) && seen->pid == 0; i++) {
        json_t *item = json_array_get(actors, i);
        const char *name, *instance, *az, *is;
        int pid;
        if (json_unpack(item, "{s:s, s:s, s:s, s:s, s:i}", "name", &name, "instance", &instance, "az", &az, "state",
                        &is, "pid", &pid) == 0 &&
            strcmp(name, actor) == 0 && (state == NULL || strcmp(is, state) == 0) &&
            tb_copy_text(seen->instance, sizeof seen->instance, instance) &&
            tb_copy_text(seen->az, sizeof seen->az, az))
            seen->pid = (pid_t)pid;
    }
    api_free(&answer);
    return seen->pid > 1;
}

int cluster_stop(struct cluster *cluster)
{
    int verdict = cluster_tulip(cluster, "audit");
    if (verdict != 0)
        fprintf(stderr, "cluster: the audit ended with %d:\n%s\n", verdict, output);
    if (cluster->borrowed)
        return verdict;
    if (cluster_tulip(cluster, "down") != 0)
        fprintf(stderr, "cluster: down failed:\n%s\n", output);
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", cluster->data);
    if (run(line) != 0)
        fprintf(stderr, "cluster: %s stays behind: %s\n", cluster->data, output);
    return verdict;
}
