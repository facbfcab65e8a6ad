#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"

enum { PATH_LENGTH = 512 };

/* Effect: the file meant by path: itself, or the user's in it. Return: its descriptor, or -1 with err. */
static int open_file(const char *path, const char *user, char file[static PATH_LENGTH], struct err *err)
{
    struct stat status;
    bool fits = tb_copy_text(file, PATH_LENGTH, path);
    if (fits && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        if (user[0] == '\0' || strchr(user, '/') != NULL || user[0] == '.')
            return err_set(err, "password file %.200s is a directory, and \"%.60s\" is no file in it", path, user);
        fits = snprintf(file, PATH_LENGTH, "%s/%s", path, user) < PATH_LENGTH;
    }
    if (!fits)
        return err_set(err, "password file %.80s…: the path is too long", path);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : err_set(err, "password file %.300s: %s", file, strerror(errno));
}

static int check_file(int fd, const char *file, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return err_set(err, "password file %.300s: %s", file, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_set(err, "password file %.300s is no ordinary file", file);
    return 0;
}

static int read_text(int fd, const char *file, char *text, struct err *err)
{
    size_t used = 0;
    ssize_t got;
    while ((got = read(fd, text + used, SECRET_MAX - used)) > 0 && used + (size_t)got < SECRET_MAX)
        used += (size_t)got;
    if (got < 0)
        return err_set(err, "password file %.300s: %s", file, strerror(errno));
    if (got > 0)
        return err_set(err, "password file %.300s is longer than %d bytes", file, SECRET_MAX - 2);
    if (used > 0 && text[used - 1] == '\n')
        used--;
    text[used] = '\0';
    if (used == 0)
        return err_set(err, "password file %.300s is empty", file);
    if (strlen(text) != used || strpbrk(text, "\r\n") != NULL)
        return err_set(err, "password file %.300s has more than one line, or bytes that no password has", file);
    return 0;
}

int secret_read(const char *path, const char *user, char *text, struct err *err)
{
    char file[PATH_LENGTH];
    text[0] = '\0';
    if (path == NULL || path[0] == '\0')
        return 0;
    int fd = open_file(path, user, file, err);
    if (fd < 0)
        return -1;
    int result = check_file(fd, file, err) < 0 ? -1 : read_text(fd, file, text, err);
    close(fd);
    if (result < 0)
        explicit_bzero(text, SECRET_MAX);
    return result;
}
