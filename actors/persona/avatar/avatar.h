/* avatar: what the parts of avatars agree on: which pictures are taken, what becomes of them, and how the worker says
 * so. Pure. */
#ifndef TB_AVATAR_H
#define TB_AVATAR_H

#include <stddef.h>
#include <stdint.h>

enum {
    AVATAR_PICTURE_MAX = 204800,                       /* bytes of an upload */
    AVATAR_SIDE_MAX = 4096,                            /* pixels of an upload, each way */
    AVATAR_SIDE = 128,                                 /* pixels of what is kept, each way */
    AVATAR_RGBA_BYTES = AVATAR_SIDE * AVATAR_SIDE * 4, /* the same as 8-bit RGBA, rows from the top, alpha straight */
    AVATAR_NAME_MAX = 64,                              /* bytes of a file's name and its 0: "<userId>-<16 hex>.png" */
    AVATAR_LIST_MAX = 500,                             /* names in one listing */
};

/* The prefix of an uploaded avatar's URL; its file's name follows. */
#define AVATAR_URL_PREFIX "/uploads/avatars/"

/* What became of a picture; the exit code of "tb-avatar-worker decode". */
enum avatar_status {
    AVATAR_OK = 0,
    AVATAR_UNSUPPORTED = 10, /* neither PNG nor JPEG */
    AVATAR_UNDECODABLE = 11, /* damaged, cut short, or of a kind nobody uses */
    AVATAR_TOO_LARGE = 12,   /* more than AVATAR_SIDE_MAX pixels a side */
};

/* Programs' other exit codes: not the picture's fault. */
enum { AVATAR_EXIT_USAGE = 2, AVATAR_EXIT_FAILED = 3 };

enum avatar_format { AVATAR_FORMAT_NONE = 0, AVATAR_FORMAT_PNG, AVATAR_FORMAT_JPEG };

/* Return: what the first bytes say it is. */
enum avatar_format avatar_format_of(const uint8_t *bytes, size_t size);

#endif
