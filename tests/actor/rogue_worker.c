/* An avatar worker that has been taken over: it enters the real sandbox and then does what the picture says behind its
 * first eight bytes. Storing and the rest it leaves to the real one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "persona/avatar/avatar.h"
#include "persona/avatar/sandbox.h"

enum { MAGIC_BYTES = 8 };

_Noreturn static void end(int status)
{
    (void)syscall(SYS_exit_group, status);
    abort();
}

static void write_zeros(size_t size)
{
    static const char zeros[4096];
    for (size_t done = 0; done < size; done += sizeof zeros)
        if (write(STDOUT_FILENO, zeros, size - done < sizeof zeros ? size - done : sizeof zeros) < 0)
            return;
}

static void act(const char *word)
{
    if (strncmp(word, "hang", 4) == 0)
        for (volatile unsigned i = 0;; i++)
            ;
    if (strncmp(word, "open", 4) == 0)
        (void)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
    if (strncmp(word, "fork", 4) == 0)
        (void)syscall(SYS_clone, 17, NULL, NULL, NULL, NULL);
    if (strncmp(word, "flood", 5) == 0)
        write_zeros(AVATAR_RGBA_BYTES + 1);
    if (strncmp(word, "short", 5) == 0)
        write_zeros(100);
    if (strncmp(word, "lie", 3) == 0) { /* something that is no avatar, of the right length */
        write_zeros(AVATAR_RGBA_BYTES);
        end(0);
    }
    if (strncmp(word, "fail", 4) == 0)
        end(AVATAR_EXIT_FAILED);
    end(0);
}

int main(int argc, char **argv)
{
    static char picture[AVATAR_PICTURE_MAX + 1];
    struct err err = {0};
    if (argc < 2 || strcmp(argv[1], "decode") != 0) {
        char path[4096];
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
        if (length < 0)
            return AVATAR_EXIT_FAILED;
        path[length] = '\0';
        (void)snprintf(strrchr(path, '/'), 64, "/../bin/tb-avatar-worker");
        (void)execv(path, argv);
        return AVATAR_EXIT_FAILED;
    }
    if (sandbox_enter(&err) < 0)
        return AVATAR_EXIT_FAILED;
    if (read(STDIN_FILENO, picture, sizeof picture - 1) < MAGIC_BYTES)
        end(AVATAR_EXIT_FAILED);
    act(picture + MAGIC_BYTES);
    return 0;
}
