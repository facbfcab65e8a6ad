#include "testdb_cache.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "ids.h"
#include "testdb_guard.h"

struct testdb_cache {
    int lock;
    char build[512], path[600];
};

static uint64_t hash_file(uint64_t hash, const char *path)
{
    char bytes[8192];
    size_t got;
    FILE *file = fopen(path, "r");
    hash = ids_hash(hash, path, strlen(path) + 1);
    while (file != NULL && (got = fread(bytes, 1, sizeof bytes, file)) > 0)
        hash = ids_hash(hash, bytes, got);
    if (file != NULL)
        fclose(file);
    return hash;
}

static uint64_t hash_sources(const char *source, const char *recipe)
{
    static const char *const patterns[] = {"sql/*.sql", "sql/[0-9]*_*/up.sql"};
    uint64_t hash = ids_hash(IDS_HASH_START, recipe, strlen(recipe) + 1);
    hash = ids_hash(hash, testdb_guard_bindir(), strlen(testdb_guard_bindir()) + 1);
    for (size_t i = 0; i < TB_ARRAY_SIZE(patterns); i++) {
        char pattern[1024];
        glob_t found;
        snprintf(pattern, sizeof pattern, "%s/%s", source, patterns[i]);
        if (glob(pattern, 0, NULL, &found) != 0)
            continue;
        for (size_t file = 0; file < found.gl_pathc; file++)
            hash = hash_file(hash, found.gl_pathv[file]);
        globfree(&found);
    }
    return hash;
}

struct testdb_cache *testdb_cache_open(const char *source, const char *recipe)
{
    const char *build = getenv("TB_BUILD_DIR");
    char lock[600];
    if (build == NULL || strlen(build) >= sizeof((struct testdb_cache *)0)->build)
        return NULL;
    snprintf(lock, sizeof lock, "%s/testdb.lock", build);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct testdb_cache *cache = tb_alloc_zero(1, sizeof *cache);
    cache->lock = fd;
    tb_copy_text(cache->build, sizeof cache->build, build);
    snprintf(cache->path, sizeof cache->path, "%s/testdb-%016llx", build,
             (unsigned long long)hash_sources(source, recipe));
    return cache;
}

bool testdb_cache_has(const struct testdb_cache *cache)
{
    return access(cache->path, F_OK) == 0;
}

const char *testdb_cache_path(const struct testdb_cache *cache)
{
    return cache->path;
}

void testdb_cache_put(struct testdb_cache *cache, const char *data)
{
    char command[4096];
    snprintf(command, sizeof command, "rm -rf -- '%s'/testdb-* && cp -a -- '%s' '%s.new' && mv -- '%s.new' '%s'",
             cache->build, data, cache->path, cache->path, cache->path);
    if (system(command) != 0) /* NOLINT: a test's own fixed command */
        fprintf(stderr, "testdb: no cluster is kept in %s\n", cache->path);
}

void testdb_cache_close(struct testdb_cache **cache)
{
    if (*cache == NULL)
        return;
    close((*cache)->lock);
    free(*cache);
    *cache = NULL;
}
