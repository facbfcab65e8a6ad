/* static_files: GET / and the page's assets. */
#include "static_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
static int open_beneath(const char *directory, const char *path, off_t *size)
{
    int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    (void)close(root);
    struct stat info;
    if (fd >= 0 && (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX)) {
        (void)close(fd);
        return -1;
    }
    if (fd >= 0)
        *size = info.st_size;
    return fd;
}

static bool send_file(const char *directory, const char *path, struct http_request *request)
{
    off_t size = 0;
    int fd = open_beneath(directory, path, &size);
    if (fd < 0)
        return false;
    char *bytes = tb_alloc_zero((size_t)size + 1, 1);
    ssize_t done = 0, got;
    while (done < size && (got = read(fd, bytes + done, (size_t)(size - done))) > 0)
        done += got;
    (void)close(fd);
    /* Names of built assets carry a hash of their content. */
    http_add_header(request, "Cache-Control",
                    strncmp(path, "assets/", 7) == 0 ? "public, max-age=31536000, immutable" : "no-cache");
    http_respond(request, 200, content_type(path), bytes, (size_t)done);
    free(bytes);
    return true;
}

static void send_front_page(struct http_request *request)
{
    static const char page[] =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>TulipBroker</title></head><body>\n"
        "<h1>TulipBroker</h1>\n<p>This is the HTTP API of an order backend with one market. No page is installed "
        "here.</p>\n"
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
    if (is_root)
        send_front_page(request);
    else
        problem_respond(request, PROBLEM_NOT_FOUND, NULL);
}
