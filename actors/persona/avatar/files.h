/* files: avatars on disk: a directory of files whose names carry a hash of their content, so that a name never means
 * two pictures. A file is there whole and durable before anybody hears of it, and goes when no persona has it and it is
 * old enough. Run by the worker, for it waits for the disk. Two processes that work on one directory do no harm: what
 * stores holds a shared lock on it, what removes an exclusive one.
 *
 *   files_store("/srv/tulip/uploads/avatars", "clusius", png, size, name, &err)  ->  "clusius-04f1c2d3a5b69788.png" */
#ifndef TB_AVATAR_FILES_H
#define TB_AVATAR_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "avatar.h"
#include "base.h"
#include "err.h"

/* Return: whether text is a name that files_store could have given: [a-z0-9-]+-[0-9a-f]{16}.png, at most
 * AVATAR_NAME_MAX - 1 bytes. */
bool files_name_valid(const char *text);

/* Effect: makes the directory if need be; stores the bytes under user_id's name for them (replacing the same file, so
 * that it is new again) and syncs both file and directory. Return: 0 with name written, or -1 with err. */
TB_NODISCARD int files_store(const char *directory, const char *user_id, const uint8_t *bytes, size_t size,
                             char name[AVATAR_NAME_MAX], struct err *err);

/* Effect: writes the names of avatars at least age_s seconds old that come after `after` ("" = from the first) in
 * alphabetical order, at most AVATAR_LIST_MAX; deletes what a store that died left behind, once it is as old. A
 * directory that is not there is empty. Return: how many names, or -1 with err. */
TB_NODISCARD int files_list(const char *directory, const char *after, int64_t age_s,
                            char names[AVATAR_LIST_MAX][AVATAR_NAME_MAX], struct err *err);

/* Effect: deletes one avatar if it is still at least age_s seconds old and nobody is storing. Return: 1 when it is
 * gone, 0 when it stays, -1 with err. */
TB_NODISCARD int files_remove(const char *directory, const char *name, int64_t age_s, struct err *err);

#endif
