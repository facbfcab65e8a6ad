#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base.h"
#include "links.h"
#include "log.h"

enum { PATH_MAX_LENGTH = 512, ROLES_MAX = 16, LINE_MAX_LENGTH = 128 };

/* One role's public file as it was last read. */
struct public_file {
    char path[PATH_MAX_LENGTH];
    struct stat seen; /* zero = it is not there */
    char keys[KEYS_PER_ROLE_MAX][KEYS_TEXT];
    int count;
};

struct keys {
    const char *role;
    char secret[KEYS_TEXT];
    struct public_file files[ROLES_MAX];
    uint64_t generation;
};

bool keys_is_key(const char *text)
{
    return strlen(text) == KEYS_LENGTH &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#") ==
               KEYS_LENGTH;
}

bool keys_secret_path(const char *dir, const char *role, char *path, size_t size)
{
    int length = snprintf(path, size, "%s/%s/secret.key", dir, role);
    return length >= 0 && (size_t)length < size;
}

bool keys_public_path(const char *dir, const char *role, char *path, size_t size)
{
    int length = snprintf(path, size, "%s/public/%s.pub", dir, role);
    return length >= 0 && (size_t)length < size;
}

/* What a line holds is never shown: it may be a secret key in the wrong place. */
static int read_lines(FILE *file, const char *path, char keys[KEYS_PER_ROLE_MAX][KEYS_TEXT], struct err *err)
{
    char line[LINE_MAX_LENGTH];
    int count = 0, number = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0')
            continue;
        bool is_key = keys_is_key(line);
        if (is_key && count < KEYS_PER_ROLE_MAX)
            memcpy(keys[count], line, KEYS_TEXT);
        explicit_bzero(line, sizeof line);
        if (!is_key)
            return err_set(err, "key file %s line %d is no key of 40 Z85 characters", path, number);
        if (++count > KEYS_PER_ROLE_MAX)
            return err_set(err, "key file %s has more than %d keys", path, KEYS_PER_ROLE_MAX);
    }
    return count > 0 ? count : err_set(err, "key file %s has no key", path);
}

int keys_read(const char *path, char keys[KEYS_PER_ROLE_MAX][KEYS_TEXT], struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_set(err, "key file %s: %s", path, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0); /* no copy of a secret stays in a buffer */
    int count = read_lines(file, path, keys, err);
    fclose(file);
    return count;
}

/* Return: 0, or -1 with err when others than the owner may read or write the file. */
static int check_private(const char *path, struct err *err)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return err_set(err, "key file %s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_set(err, "key file %s is no ordinary file", path);
    if ((status.st_mode & 077) != 0)
        return err_set(err, "key file %s may be used by others than its owner (mode %03o): chmod 600", path,
                       (unsigned)(status.st_mode & 0777));
    return 0;
}

static int read_secret(struct keys *keys, const char *dir, struct err *err)
{
    char path[PATH_MAX_LENGTH], found[KEYS_PER_ROLE_MAX][KEYS_TEXT];
    if (!keys_secret_path(dir, keys->role, path, sizeof path))
        return err_set(err, "curve_dir is too long");
    if (check_private(path, err) < 0)
        return -1;
    int count = keys_read(path, found, err);
    if (count > 1)
        count = err_set(err, "key file %s has more than one key", path);
    if (count == 1)
        memcpy(keys->secret, found[0], KEYS_TEXT);
    explicit_bzero(found, sizeof found);
    return count == 1 ? 0 : -1;
}

struct keys *keys_open(const char *dir, const char *role, struct err *err)
{
    struct keys *keys = tb_alloc_zero(1, sizeof *keys);
    for (size_t i = 0; links_roles[i] != NULL; i++) {
        tb_assert(i < ROLES_MAX);
        if (strcmp(links_roles[i], role) == 0)
            keys->role = links_roles[i];
        if (!keys_public_path(dir, links_roles[i], keys->files[i].path, sizeof keys->files[i].path)) {
            err_set(err, "curve_dir is too long");
            keys_free(&keys);
            return NULL;
        }
    }
    if (keys->role == NULL)
        err_set(err, "%s is no role that has keys", role);
    if (keys->role == NULL || read_secret(keys, dir, err) < 0)
        keys_free(&keys);
    return keys;
}

void keys_free(struct keys **keys)
{
    if (*keys == NULL)
        return;
    explicit_bzero((*keys)->secret, sizeof(*keys)->secret);
    free(*keys);
    *keys = NULL;
}

const char *keys_role(const struct keys *keys)
{
    return keys->role;
}

const char *keys_secret(const struct keys *keys)
{
    return keys->secret;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A file that is gone lets nobody in; one that is damaged changes nothing, and is told of once. */
static void refresh(struct keys *keys, struct public_file *file)
{
    struct stat now = {0};
    if (stat(file->path, &now) < 0)
        now = (struct stat){0};
    if (is_same_file(&now, &file->seen))
        return;
    file->seen = now;
    char found[KEYS_PER_ROLE_MAX][KEYS_TEXT];
    struct err err = {0};
    int count = now.st_ino == 0 ? 0 : keys_read(file->path, found, &err);
    if (count < 0) {
        log_error("%s; the keys it had before stay in force", err.text);
        return;
    }
    if (count > 0)
        memcpy(file->keys, found, sizeof found[0] * (size_t)count);
    file->count = count;
    keys->generation++;
}

const char *keys_role_of(struct keys *keys, const char *public_key)
{
    for (size_t i = 0; links_roles[i] != NULL; i++) {
        struct public_file *file = &keys->files[i];
        refresh(keys, file);
        for (int k = 0; k < file->count; k++)
            if (strcmp(file->keys[k], public_key) == 0)
                return links_roles[i];
    }
    return NULL;
}

const char *keys_public(struct keys *keys, const char *role, struct err *err)
{
    for (size_t i = 0; links_roles[i] != NULL; i++) {
        if (strcmp(links_roles[i], role) != 0)
            continue;
        refresh(keys, &keys->files[i]);
        if (keys->files[i].count > 0)
            return keys->files[i].keys[0];
        err_set(err, "no public key of %s in %s", role, keys->files[i].path);
        return NULL;
    }
    err_set(err, "%s is no role that has keys", role);
    return NULL;
}

uint64_t keys_generation(struct keys *keys)
{
    for (size_t i = 0; links_roles[i] != NULL; i++)
        refresh(keys, &keys->files[i]);
    return keys->generation;
}
