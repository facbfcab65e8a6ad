#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base.h"

static struct termios before;
static bool opened, keys_changed;

bool terminal_is_there(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
}

bool terminal_has_color(void)
{
    const char *unwanted = getenv("NO_COLOR");
    return unwanted == NULL || unwanted[0] == '\0';
}

/* Return: false when it could not be written. A terminal that is slow is waited for. */
static bool write_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return true;
}

static bool write_code(const char *code)
{
    return write_all(code, strlen(code));
}

void terminal_open(void)
{
    static bool registered;
    if (!registered && atexit(terminal_close) == 0)
        registered = true;
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0) {
        struct termios keys = before;
        keys.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        keys.c_cc[VMIN] = 0; /* a read never waits */
        keys.c_cc[VTIME] = 0;
        keys.c_cc[VSUSP] = _POSIX_VDISABLE; /* Ctrl-Z would leave the screen to the shell */
        keys_changed = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
    }
    opened = write_code("\033[?1049h\033[?25l\033[H\033[2J");
}

void terminal_close(void)
{
    if (opened && write_code("\033[?25h\033[?1049l"))
        opened = false;
    if (keys_changed && tcsetattr(STDIN_FILENO, TCSANOW, &before) == 0)
        keys_changed = false;
}

void terminal_size(int *width, int *height)
{
    struct winsize size;
    *width = 80;
    *height = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *width = size.ws_col;
        *height = size.ws_row;
    }
}

bool terminal_show(const char *bytes, size_t length)
{
    return write_code("\033[H") && write_all(bytes, length) && write_code("\033[J");
}

int terminal_key(void)
{
    unsigned char key;
    ssize_t got = read(STDIN_FILENO, &key, 1);
    if (got == 1)
        return key;
    return got < 0 && errno != EINTR && errno != EAGAIN ? -1 : 0;
}
