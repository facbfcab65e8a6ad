#include "avatar_files.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "problem.h"
#include "query.h"
#include "seed_avatars.h"
#include "static_files.h"

#define UPLOADS "/uploads/avatars/"
#define SEEDS   "/avatars/seed/"
enum { NAME_BYTES_MAX = 128, PATH_BYTES_MAX = 4096 };

/* Return: whether name is one plain file name. */
static bool is_plain(const char *name)
{
    return *name != '\0' && *name != '.' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.@")] == '\0';
}

static bool send_seed(const char *name, struct http_request *request)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(seed_avatars); i++) {
        if (strcmp(seed_avatars[i].name, name) != 0)
            continue;
        http_add_header(request, "Cache-Control", "public, max-age=3600");
        http_respond(request, 200, "image/png", (const char *)seed_avatars[i].bytes, seed_avatars[i].size);
        return true;
    }
    return false;
}

static bool send_upload(const char *uploads_dir, const char *name, struct http_request *request)
{
    char directory[PATH_BYTES_MAX];
    int length = snprintf(directory, sizeof directory, "%s/avatars", uploads_dir);
    /* The name carries a hash of the content. */
    return *uploads_dir != '\0' && length > 0 && (size_t)length < sizeof directory &&
           static_files_send(directory, name, "public, max-age=31536000, immutable", request);
}

bool avatar_files_respond(const char *uploads_dir, struct http_request *request)
{
    bool is_upload = strncmp(request->path, UPLOADS, sizeof UPLOADS - 1) == 0;
    bool is_seed = strncmp(request->path, SEEDS, sizeof SEEDS - 1) == 0;
    if (!is_upload && !is_seed)
        return false;
    const char *encoded = request->path + (is_upload ? sizeof UPLOADS : sizeof SEEDS) - 1;
    char name[NAME_BYTES_MAX];
    bool good = query_decode(encoded, strlen(encoded), false, name, sizeof name) >= 0 && is_plain(name);
    if (!good || !(is_upload ? send_upload(uploads_dir, name, request) : send_seed(name, request)))
        problem_respond(request, PROBLEM_NOT_FOUND, "There is no such picture.");
    return true;
}
