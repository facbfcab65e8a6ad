#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One sentence, one line: whatever a library put into its message, a log reader sees no line break of it. */
static void err_one_line(struct err *err)
{
    size_t length = strlen(err->text);
    while (length > 0 && (err->text[length - 1] == '\n' || err->text[length - 1] == ' '))
        err->text[--length] = '\0';
    for (char *c = err->text; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
}

int err_set(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err_one_line(err);
    return -1;
}

int err_wrap(struct err *err, const char *context)
{
    if (!err)
        return -1;
    char inner[ERR_TEXT_MAX];
    memcpy(inner, err->text, sizeof inner);
    inner[sizeof inner - 1] = '\0';
    return err_set(err, "%s: %s", context, inner);
}
