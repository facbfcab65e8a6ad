#include "cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Return: a port nobody listens on right now. */
static int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    tb_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    tb_assert(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

int cluster_tulip(const struct cluster *cluster, const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "./tulip %s --data %s 2>&1", command, cluster->data);
    return run(line);
}

const char *cluster_output(void)
{
    return output;
}

void cluster_start(struct cluster *cluster, const char *settings)
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
    snprintf(line, sizeof line, "%s ./tulip up --detach --data %s --port %d 2>&1", settings, cluster->data,
             cluster->port);
    int code = run(line);
    if (code != 0) {
        fprintf(stderr, "cluster: `%s` ended with %d:\n%s\n", line, code, output);
        cluster_tulip(cluster, "down");
        abort();
    }
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
