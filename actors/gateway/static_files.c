/* static_files: GET / and the page's assets. */
#include "static_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "problem.h"
#include "query.h"

enum { FILE_BYTES_MAX = 16 << 20, PATH_BYTES_MAX = 512 };

static const char *content_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".json", "application/json"},
                 {".map", "application/json"},
                 {".webmanifest", "application/manifest+json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".jpg", "image/jpeg"},
                 {".ico", "image/x-icon"},
                 {".woff2", "font/woff2"},
                 {".txt", "text/plain; charset=utf-8"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < TB_ARRAY_SIZE(types); i++) {
        if (strcmp(types[i].ending, dot) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* Return: a descriptor of the regular file beneath directory, or -1. */
static int open_beneath(const char *directory, const char *path, struct stat *info)
{
    int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    (void)close(root);
    if (fd >= 0 && (fstat(fd, info) < 0 || !S_ISREG(info->st_mode) || info->st_size > FILE_BYTES_MAX)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Return: whether the client takes that content coding: named, and not with a weight of zero. */
static bool accepts_coding(const struct http_request *request, const char *coding)
{
    const char *at = http_header(request, "Accept-Encoding");
    size_t length = strlen(coding);
    while (at != NULL && *at != '\0') {
        at += strspn(at, " \t,");
        size_t member = strcspn(at, ",");
        if (strncasecmp(at, coding, length) == 0 && (member == length || strchr(" \t;", at[length]) != NULL)) {
            const char *weight = memchr(at, '=', member);
            return weight == NULL || strspn(weight + 1, "0.") < (size_t)(at + member - weight - 1);
        }
        at += member;
    }
    return false;
}

/* Effect: opens what was compressed beside the file when it was built, if the client takes it. Return: as open_beneath,
 * with *coding set. */
static int open_compressed(const char *directory, const char *path, const struct http_request *request,
                           struct stat *info, const char **coding)
{
    static const struct {
        const char *coding, *ending;
    } kinds[] = {{"br", ".br"}, {"gzip", ".gz"}};
    char compressed[PATH_BYTES_MAX + 4];
    for (size_t i = 0; i < TB_ARRAY_SIZE(kinds); i++) {
        if (!accepts_coding(request, kinds[i].coding))
            continue;
        (void)snprintf(compressed, sizeof compressed, "%s%s", path, kinds[i].ending);
        int fd = open_beneath(directory, compressed, info);
        if (fd >= 0) {
            *coding = kinds[i].coding;
            return fd;
        }
    }
    return -1;
}

/* Whether the client has this very content already. */
static bool is_known(const struct http_request *request, const char *etag)
{
    const char *known = http_header(request, "If-None-Match");
    return known != NULL && strstr(known, etag) != NULL;
}

bool static_files_send(const char *directory, const char *path, const char *cache, struct http_request *request)
{
    struct stat info, compressed_info;
    const char *coding = NULL;
    int fd = open_beneath(directory, path, &info);
    if (fd < 0)
        return false;
    int compressed = open_compressed(directory, path, request, &compressed_info, &coding);
    if (compressed >= 0) {
        (void)close(fd);
        fd = compressed;
        info = compressed_info;
    }
    char etag[80];
    (void)snprintf(etag, sizeof etag, "\"%llx-%lx-%llx%s%s\"", (unsigned long long)info.st_mtim.tv_sec,
                   (unsigned long)info.st_mtim.tv_nsec, (unsigned long long)info.st_size, coding == NULL ? "" : "-",
                   coding == NULL ? "" : coding);
    http_add_header(request, "ETag", etag);
    http_add_header(request, "Vary", "Accept-Encoding");
    http_add_header(request, "Cache-Control", cache);
    if (is_known(request, etag)) {
        (void)close(fd);
        http_respond(request, 304, NULL, NULL, 0);
        return true;
    }
    if (coding != NULL)
        http_add_header(request, "Content-Encoding", coding);
    char *bytes = tb_alloc_zero((size_t)info.st_size + 1, 1);
    ssize_t done = 0, got;
    while (done < info.st_size && (got = read(fd, bytes + done, (size_t)(info.st_size - done))) > 0)
        done += got;
    (void)close(fd);
    http_respond(request, 200, content_type(path), bytes, (size_t)done);
    free(bytes);
    return true;
}

static bool send_file(const char *directory, const char *path, struct http_request *request)
{
    /* Names of built assets carry a hash of their content. */
    const char *cache = strncmp(path, "assets/", 7) == 0 ? "public, max-age=31536000, immutable" : "no-cache";
    return static_files_send(directory, path, cache, request);
}

/* Return: whether a browser asks for a screen of the page (/orders, /settings/users): the page itself finds out which.
 * What is data or a file is not there when it is not there, and a client that asks for no page gets no page. */
static bool is_screen(const struct http_request *request, const char *path)
{
    static const char *const elsewhere[] = {"api",      "health",  "metrics", "ws",
                                            "problems", "uploads", "assets",  "avatars"};
    const char *accept = http_header(request, "Accept");
    size_t first = strcspn(path, "/");
    for (size_t i = 0; i < TB_ARRAY_SIZE(elsewhere); i++) {
        if (strlen(elsewhere[i]) == first && strncmp(path, elsewhere[i], first) == 0)
            return false;
    }
    return first > 0 && strchr(path, '.') == NULL && accept != NULL && strstr(accept, "text/html") != NULL;
}

static void send_front_page(struct http_request *request)
{
    static const char page[] =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>TulipBroker</title></head><body>\n"
        "<h1>TulipBroker</h1>\n<p>This is the HTTP API of an order backend with one market. The page was not built "
        "here; ./tulip up says why.</p>\n"
        "<ul><li><a href=\"/health/ready\">/health/ready</a></li><li><a href=\"/api/config\">/api/config</a></li>"
        "<li><a href=\"/api/orders\">/api/orders</a></li></ul>\n</body></html>\n";
    http_respond(request, 200, "text/html; charset=utf-8", page, sizeof page - 1);
}

void static_files_respond(const char *directory, struct http_request *request)
{
    char path[PATH_BYTES_MAX];
    bool is_root = strcmp(request->path, "/") == 0;
    bool decodes = query_decode(request->path + 1, strlen(request->path + 1), false, path, sizeof path) >= 0;
    if (*directory != '\0' && decodes && send_file(directory, is_root ? "index.html" : path, request))
        return;
    if (*directory != '\0' && decodes && is_screen(request, path) && send_file(directory, "index.html", request))
        return;
    if (is_root)
        send_front_page(request);
    else
        problem_respond(request, PROBLEM_NOT_FOUND, NULL);
}
