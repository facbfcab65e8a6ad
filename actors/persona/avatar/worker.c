/* tb-avatar-worker: one piece of work on one avatar, then it ends. The persona actor starts it (studio.c); by hand it
 * is good for looking at what becomes of a picture:
 *
 *   tb-avatar-worker decode <picture.jpg | cat >avatar.rgba  in the sandbox, which writes no file; exit code: enum
 * avatar_status tb-avatar-worker store DIRECTORY USER_ID <avatar.rgba    prints "<name> <bytes>" tb-avatar-worker list
 * DIRECTORY AGE_S AFTER              prints names, a line each tb-avatar-worker remove DIRECTORY AGE_S <names prints
 * how many are gone
 *
 * All but decode print one line of reason on failure. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "decode.h"
#include "files.h"
#include "png_picture.h"
#include "sandbox.h"

/* Effect: reads standard input to its end. Return: how many bytes; -1 when there are more than size, or none could be
 * read. */
static ssize_t read_all(uint8_t *bytes, size_t size)
{
    size_t length = 0;
    uint8_t beyond;
    for (;;) {
        bool full = length == size;
        ssize_t got = read(STDIN_FILENO, full ? &beyond : bytes + length, full ? 1 : size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (full && got > 0))
            return -1;
        if (got == 0)
            return (ssize_t)length;
        length += (size_t)got;
    }
}

static int write_all(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

static int print(const char *text)
{
    return write_all((const uint8_t *)text, strlen(text)) == 0 ? EXIT_SUCCESS : AVATAR_EXIT_FAILED;
}

/* Effect: ends at once: libraries' exit handlers want more than the sandbox allows. */
_Noreturn static void end(int status)
{
    (void)syscall(SYS_exit_group, status);
    abort();
}

_Noreturn static void decode(void)
{
    static uint8_t picture[AVATAR_PICTURE_MAX], rgba[AVATAR_RGBA_BYTES];
    struct err err = {0};
    if (sandbox_enter(&err) < 0) {
        (void)fprintf(stderr, "tb-avatar-worker: %s\n", err.text);
        end(AVATAR_EXIT_FAILED);
    }
    ssize_t size = read_all(picture, sizeof picture);
    if (size < 0)
        end(AVATAR_EXIT_FAILED);
    enum avatar_status status = avatar_decode(picture, (size_t)size, AVATAR_SIDE_MAX, rgba);
    if (status == AVATAR_OK && write_all(rgba, sizeof rgba) < 0)
        end(AVATAR_EXIT_FAILED);
    end((int)status);
}

static int fail(const struct err *err)
{
    (void)print(err->text);
    return AVATAR_EXIT_FAILED;
}

static int store(const char *directory, const char *user_id)
{
    static uint8_t rgba[AVATAR_RGBA_BYTES];
    char name[AVATAR_NAME_MAX], line[AVATAR_NAME_MAX + 32];
    struct err err = {0};
    if (read_all(rgba, sizeof rgba) != (ssize_t)sizeof rgba) {
        (void)err_set(&err, "standard input is no avatar of %d bytes", (int)sizeof rgba);
        return fail(&err);
    }
    size_t size = 0;
    uint8_t *bytes = png_picture_write(rgba, &size);
    int result = files_store(directory, user_id, bytes, size, name, &err);
    free(bytes);
    if (result < 0)
        return fail(&err);
    (void)snprintf(line, sizeof line, "%s %zu\n", name, size);
    return print(line);
}

/* Return: a number of seconds, or -1. */
static int64_t read_age(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return errno != 0 || end == text || *end != '\0' || value < 0 ? -1 : value;
}

static int list(const char *directory, int64_t age_s, const char *after)
{
    static char names[AVATAR_LIST_MAX][AVATAR_NAME_MAX];
    char line[AVATAR_NAME_MAX + 2];
    struct err err = {0};
    int count = files_list(directory, after, age_s, names, &err), result = EXIT_SUCCESS;
    if (count < 0)
        return fail(&err);
    for (int i = 0; result == EXIT_SUCCESS && i < count; i++) {
        (void)snprintf(line, sizeof line, "%s\n", names[i]);
        result = print(line);
    }
    return result;
}

static int remove_all(const char *directory, int64_t age_s)
{
    static char names[AVATAR_LIST_MAX * AVATAR_NAME_MAX + 1];
    struct err err = {0};
    int gone = 0;
    ssize_t size = read_all((uint8_t *)names, sizeof names - 1);
    if (size < 0) {
        (void)err_set(&err, "too many names on standard input");
        return fail(&err);
    }
    char *rest = names;
    for (char *name; (name = strsep(&rest, "\n")) != NULL;) {
        int result = *name == '\0' ? 0 : files_remove(directory, name, age_s, &err);
        if (result < 0)
            return fail(&err);
        gone += result;
    }
    char line[32];
    (void)snprintf(line, sizeof line, "%d\n", gone);
    return print(line);
}

int main(int argc, char **argv)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return AVATAR_EXIT_FAILED;
    if (argc == 2 && strcmp(argv[1], "decode") == 0)
        decode();
    if (argc == 4 && strcmp(argv[1], "store") == 0)
        return store(argv[2], argv[3]);
    if (argc == 5 && strcmp(argv[1], "list") == 0 && read_age(argv[3]) >= 0)
        return list(argv[2], read_age(argv[3]), argv[4]);
    if (argc == 4 && strcmp(argv[1], "remove") == 0 && read_age(argv[3]) >= 0)
        return remove_all(argv[2], read_age(argv[3]));
    (void)fprintf(stderr,
                  "usage: tb-avatar-worker decode <PICTURE >RGBA | store DIRECTORY USER_ID <RGBA | list DIRECTORY "
                  "AGE_S AFTER | remove DIRECTORY AGE_S <NAMES\n");
    return AVATAR_EXIT_USAGE;
}
