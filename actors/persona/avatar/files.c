#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "ids.h"

enum { HASH_DIGITS = 16, FILE_MODE = 0644, DIRECTORY_MODE = 0755 };
#define ENDING     ".png"
#define UNFINISHED ".new-"

bool files_name_valid(const char *text)
{
    size_t length = strlen(text), tail = 1 + HASH_DIGITS + sizeof ENDING - 1;
    if (length <= tail || length >= AVATAR_NAME_MAX || strcmp(text + length - (sizeof ENDING - 1), ENDING) != 0)
        return false;
    const char *hash = text + length - tail + 1;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length - (sizeof ENDING - 1) && text[0] != '-' &&
           hash[-1] == '-' && strspn(hash, "0123456789abcdef") == HASH_DIGITS;
}

/* Return: a descriptor of the directory, locked; -1 with errno (EWOULDBLOCK: somebody else has the lock). */
static int open_locked(const char *directory, int lock)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, lock) < 0) {
        int kept = errno;
        (void)close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

/* Effect: makes the directory and the one above it; those above must be there. */
static int make_directory(const char *directory, struct err *err)
{
    char parent[4096];
    if (!tb_copy_text(parent, sizeof parent, directory))
        return err_set(err, "%s: the path is too long", directory);
    char *slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        if (mkdir(parent, DIRECTORY_MODE) < 0 && errno != EEXIST)
            return err_set(err, "%s: %s", parent, strerror(errno));
    }
    if (mkdir(directory, DIRECTORY_MODE) < 0 && errno != EEXIST)
        return err_set(err, "%s: %s", directory, strerror(errno));
    return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

/* Effect: the bytes, durable, under a name that nobody looks for. */
static int write_unfinished(int directory, const char *name, const uint8_t *bytes, size_t size)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0)
        return -1;
    int result = write_all(fd, bytes, size);
    if (result == 0)
        result = fchmod(fd, FILE_MODE); /* whatever the umask: another user may serve it */
    if (result == 0)
        result = fsync(fd);
    int kept = errno;
    if (close(fd) < 0 && result == 0) {
        kept = errno;
        result = -1;
    }
    errno = kept;
    return result;
}

int files_store(const char *directory, const char *user_id, const uint8_t *bytes, size_t size,
                char name[AVATAR_NAME_MAX], struct err *err)
{
    char unfinished[64];
    int length =
        snprintf(name, AVATAR_NAME_MAX, "%s-%016" PRIx64 ENDING, user_id, ids_hash(IDS_HASH_START, bytes, size));
    (void)snprintf(unfinished, sizeof unfinished, UNFINISHED "%ld-%lld", (long)getpid(), (long long)clock_now_us());
    if (length >= AVATAR_NAME_MAX || !files_name_valid(name))
        return err_set(err, "%.64s is no name for a file", user_id);
    if (make_directory(directory, err) < 0)
        return -1;
    int fd = open_locked(directory, LOCK_SH);
    if (fd < 0)
        return err_set(err, "%s: %s", directory, strerror(errno));
    int result = write_unfinished(fd, unfinished, bytes, size);
    if (result == 0)
        result = renameat(fd, unfinished, fd, name);
    if (result == 0)
        result = fsync(fd);
    if (result < 0) {
        (void)err_set(err, "%s/%s: %s", directory, name, strerror(errno));
        (void)unlinkat(fd, unfinished, 0);
    }
    (void)close(fd);
    return result;
}

/* Return: whether a file was last written at least age_s ago. */
static bool is_old(int directory, const char *name, int64_t age_s)
{
    struct stat info;
    return fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           clock_now_us() / 1000000 - info.st_mtim.tv_sec >= age_s;
}

/* Effect: keeps the names in order, the first AVATAR_LIST_MAX of them. Return: how many there are now. */
static int insert(char names[AVATAR_LIST_MAX][AVATAR_NAME_MAX], int count, const char *name)
{
    int at = count;
    while (at > 0 && strcmp(names[at - 1], name) > 0)
        at--;
    if (at == AVATAR_LIST_MAX)
        return count;
    if (count < AVATAR_LIST_MAX)
        count++;
    memmove(names[at + 1], names[at], (size_t)(count - at - 1) * AVATAR_NAME_MAX);
    (void)tb_copy_text(names[at], AVATAR_NAME_MAX, name);
    return count;
}

int files_list(const char *directory, const char *after, int64_t age_s, char names[AVATAR_LIST_MAX][AVATAR_NAME_MAX],
               struct err *err)
{
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return errno == ENOENT ? 0 : err_set(err, "%s: %s", directory, strerror(errno));
    int count = 0, fd = dirfd(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *name = entry->d_name;
        if (strncmp(name, UNFINISHED, sizeof UNFINISHED - 1) == 0 && is_old(fd, name, age_s))
            (void)unlinkat(fd, name, 0);
        if (files_name_valid(name) && strcmp(name, after) > 0 && is_old(fd, name, age_s))
            count = insert(names, count, name);
    }
    (void)closedir(entries);
    return count;
}

int files_remove(const char *directory, const char *name, int64_t age_s, struct err *err)
{
    if (!files_name_valid(name))
        return err_set(err, "%.64s is no avatar's name", name);
    int fd = open_locked(directory, LOCK_EX | LOCK_NB);
    if (fd < 0)
        return errno == EWOULDBLOCK ? 0 : err_set(err, "%s: %s", directory, strerror(errno));
    int result = is_old(fd, name, age_s) && unlinkat(fd, name, 0) == 0;
    (void)close(fd);
    return result;
}
