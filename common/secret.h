/* secret: a password from a file (docs/SECURITY.md). The path is the file itself, or a directory with one file per
 * user, named after it, as secrets are mounted into containers. Read whenever it is needed, so that a changed one is
 * taken without a restart. Threading: none shared. */
#ifndef TB_SECRET_H
#define TB_SECRET_H

#include <stddef.h>

#include "err.h"

enum { SECRET_MAX = 1024 };

/* Effect: reads the user's password, its last line end taken off, into text (SECRET_MAX bytes). path "" or NULL: gives
 * "". Return: 0, or -1 with err naming file and reason, never the content: not there, empty, too long, or more than one
 * line. Wipe text with explicit_bzero after use. */
int secret_read(const char *path, const char *user, char *text, struct err *err);

#endif
