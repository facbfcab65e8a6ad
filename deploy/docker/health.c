/* tulip-health: what a container's HEALTHCHECK runs. Asks one thing, within two seconds, and says in a line what is
 * wrong.
 *
 *   tulip-health /run/tulip/health          an actor's health_file: is it fresh, and is the state READY or STANDBY?
 *   tulip-health http://127.0.0.1:8404/up   does this answer 200? (numeric addresses; no TLS)
 *
 * Exit: 0 healthy, 1 not, 2 wrong usage. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_HEALTHY = 0, EXIT_UNHEALTHY = 1, EXIT_WRONG_USAGE = 2, FRESH_SECONDS = 5, TIMEOUT_SECONDS = 2 };

/* Return: how many bytes came, up to size - 1; text ends with 0. */
static size_t read_text(int fd, char *text, size_t size)
{
    size_t length = 0;
    while (length < size - 1) {
        ssize_t some = read(fd, text + length, size - 1 - length);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            break;
        length += (size_t)some;
    }
    text[length] = '\0';
    return length;
}

static int check_file(const char *path)
{
    char text[64];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        printf("%s: %s\n", path, strerror(errno));
        return EXIT_UNHEALTHY;
    }
    (void)read_text(fd, text, sizeof text);
    (void)close(fd);
    text[strcspn(text, " \n")] = '\0';
    long long age = (long long)time(NULL) - (long long)status.st_mtime;
    printf("%s, %lld s ago\n", text[0] != '\0' ? text : "nothing was written", age);
    if (age > FRESH_SECONDS)
        return EXIT_UNHEALTHY;
    return strcmp(text, "READY") == 0 || strcmp(text, "STANDBY") == 0 ? EXIT_HEALTHY : EXIT_UNHEALTHY;
}

/* Return: a socket connected to host and port, or -1 with errno or a word on stdout. */
static int connect_to(const char *host, const char *port)
{
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *info = NULL;
    if (getaddrinfo(host, port, &hints, &info) != 0) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0 ||
                    connect(fd, info->ai_addr, info->ai_addrlen) < 0)) {
        int reason = errno;
        (void)close(fd);
        errno = reason;
        fd = -1;
    }
    freeaddrinfo(info);
    return fd;
}

static int check_http(const char *host, const char *port, const char *path)
{
    char text[512];
    int fd = connect_to(host, port);
    if (fd < 0) {
        printf("%s port %s: %s\n", host, port, strerror(errno));
        return EXIT_UNHEALTHY;
    }
    int length = snprintf(text, sizeof text, "GET /%s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    ssize_t sent = write(fd, text, (size_t)length);
    size_t got = sent == length ? read_text(fd, text, sizeof text) : 0;
    (void)close(fd);
    text[strcspn(text, "\r\n")] = '\0';
    printf("%s\n", got > 0 ? text : "no answer");
    return strncmp(text, "HTTP/1.", 7) == 0 && strncmp(text + 8, " 200", 4) == 0 ? EXIT_HEALTHY : EXIT_UNHEALTHY;
}

int main(int argc, char **argv)
{
    char host[64], port[8], path[256] = "";
    if (argc == 2 && sscanf(argv[1], "http://%63[0-9.]:%7[0-9]/%255s", host, port, path) >= 2)
        return check_http(host, port, path);
    if (argc == 2 && argv[1][0] == '/')
        return check_file(argv[1]);
    fprintf(stderr, "usage: tulip-health /FILE | http://ADDRESS:PORT/PATH\n");
    return EXIT_WRONG_USAGE;
}
