#include "api.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

static int dial(int port, int timeout_s)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct timeval timeout = {.tv_sec = timeout_s};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void parse(struct api_answer *answer)
{
    answer->body = "";
    if (sscanf(answer->raw, "HTTP/1.1 %d", &answer->status) != 1)
        answer->status = 0;
    char *blank = strstr(answer->raw, "\r\n\r\n");
    if (blank)
        answer->body = blank + 4;
    answer->json = json_loads(answer->body, JSON_REJECT_DUPLICATES, NULL);
}

struct api_answer *api_raw_for(int port, const void *bytes, size_t size, int timeout_s)
{
    struct api_answer *answer = tb_alloc_zero(1, sizeof *answer);
    size_t capacity = 65536;
    answer->raw = tb_alloc_zero(1, capacity);
    int fd = dial(port, timeout_s);
    if (fd >= 0) {
        const char *at = bytes;
        size_t left = size;
        while (left > 0) {
            ssize_t sent = send(fd, at, left, MSG_NOSIGNAL);
            if (sent <= 0)
                break; /* the server may refuse before it has read everything: its answer still counts */
            at += sent;
            left -= (size_t)sent;
        }
        for (;;) {
            if (answer->raw_size + 1 >= capacity) {
                capacity *= 2;
                answer->raw = tb_realloc(answer->raw, capacity, 1);
            }
            ssize_t got = recv(fd, answer->raw + answer->raw_size, capacity - answer->raw_size - 1, 0);
            if (got <= 0)
                break;
            answer->raw_size += (size_t)got;
        }
        answer->raw[answer->raw_size] = 0;
        close(fd);
    }
    parse(answer);
    return answer;
}

struct api_answer *api_raw(int port, const void *bytes, size_t size)
{
    return api_raw_for(port, bytes, size, 3);
}

struct api_answer *api_call(int port, const char *method, const char *path, const char *body, const char *headers)
{
    size_t length = body ? strlen(body) : 0;
    const char *type =
        body && !(headers && strcasestr(headers, "content-type:")) ? "Content-Type: application/json\r\n" : "";
    size_t size = length + strlen(path) + (headers ? strlen(headers) : 0) + 512;
    char *request = tb_alloc_zero(1, size);
    int used;
    if (body)
        used =
            snprintf(request, size,
                     "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s%sContent-Length: %zu\r\n\r\n%s",
                     method, path, port, type, headers ? headers : "", length, body);
    else
        used = snprintf(request, size, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s\r\n", method,
                        path, port, headers ? headers : "");
    struct api_answer *answer = api_raw_for(port, request, (size_t)used, 15);
    free(request);
    return answer;
}

struct api_answer *api_call_bytes(int port, const char *method, const char *path, const void *body, size_t size,
                                  const char *headers)
{
    char head[1024];
    int used = snprintf(head, sizeof head,
                        "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
                        method, path, port, headers ? headers : "", size);
    tb_assert(used > 0 && (size_t)used < sizeof head);
    char *request = tb_alloc_zero((size_t)used + size, 1);
    memcpy(request, head, (size_t)used);
    if (size > 0)
        memcpy(request + used, body, size);
    struct api_answer *answer = api_raw_for(port, request, (size_t)used + size, 20);
    free(request);
    return answer;
}

void api_free(struct api_answer **answer)
{
    if (!*answer)
        return;
    json_decref((*answer)->json);
    free((*answer)->raw);
    free(*answer);
    *answer = NULL;
}

const char *api_header(const struct api_answer *answer, const char *name)
{
    static _Thread_local char value[1024];
    size_t length = strlen(name);
    for (const char *line = strstr(answer->raw, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, length) != 0 || at[length] != ':')
            continue;
        at += length + 1;
        at += strspn(at, " ");
        size_t size = strcspn(at, "\r");
        if (size >= sizeof value)
            size = sizeof value - 1;
        memcpy(value, at, size);
        value[size] = 0;
        return value;
    }
    return NULL;
}

json_t *api_at(const struct api_answer *answer, const char *path)
{
    json_t *at = answer->json;
    char copy[256];
    if (!tb_copy_text(copy, sizeof copy, path))
        return NULL;
    char *rest = NULL;
    for (char *word = strtok_r(copy, ".", &rest); word && at; word = strtok_r(NULL, ".", &rest))
        at = json_is_array(at) ? json_array_get(at, strtoul(word, NULL, 10)) : json_object_get(at, word);
    return at;
}

const char *api_text(const struct api_answer *answer, const char *path)
{
    const char *text = json_string_value(api_at(answer, path));
    return text ? text : "";
}

long api_int(const struct api_answer *answer, const char *path)
{
    json_t *value = api_at(answer, path);
    return json_is_integer(value) ? (long)json_integer_value(value) : -1;
}

static bool one_of(const char *text, const char *words)
{
    size_t length = strlen(text);
    for (const char *at = words; length > 0 && *at;) {
        size_t size = strcspn(at, "|");
        if (size == length && memcmp(at, text, size) == 0)
            return true;
        at += size + (at[size] == '|');
    }
    return false;
}

struct api_answer *api_wait(int port, const char *path, const char *json_path, const char *wanted)
{
    for (int tries = 0;; tries++) {
        struct api_answer *answer = api_call(port, "GET", path, NULL, NULL);
        if (one_of(api_text(answer, json_path), wanted) || tries == 1200)
            return answer;
        api_free(&answer);
        nanosleep(&(struct timespec){.tv_nsec = 25000000}, NULL); /* polling pace of a condition with a deadline */
    }
}
