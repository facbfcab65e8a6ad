/* studio: where avatars are made and kept, for the core, which does no I/O: each order becomes one or two runs of
 * tb-avatar-worker (process.h), at most STUDIO_WORKERS at once, the others wait their turn. A report follows each
 * order, in no particular order. The worker that reads the picture is in a sandbox and gives back pixels, nothing else;
 * what is stored is made of them by another run.
 *
 *   effects_external(fx, &(struct studio_order){.task = STUDIO_MAKE, …});   // core
 *   studio_order(studio, effect->args);                                     // actor_spec.external
 *   report(arg, &report) -> actor_feed(actor, &report)                      // INPUT_EXTERNAL */
#ifndef TB_PERSONA_STUDIO_H
#define TB_PERSONA_STUDIO_H

#include <stddef.h>
#include <stdint.h>

#include "avatar/avatar.h"
#include "err.h"
#include "loop.h"

enum { STUDIO_WORKERS = 2, STUDIO_ORDERS_MAX = 16 };

enum studio_task {
    STUDIO_MAKE = 1, /* picture -> a stored avatar of user_id */
    STUDIO_LIST,     /* names of avatars that are old enough to go, after `after` */
    STUDIO_REMOVE,   /* deletes those of them that are still old enough */
};

struct studio_order {
    enum studio_task task;
    unsigned job;           /* the core's number, comes back with the report */
    const char *user_id;    /* MAKE; this and the next two are borrowed until the report */
    const uint8_t *picture; /* MAKE: picture_size bytes */
    size_t picture_size;
    const char *text; /* LIST: after; REMOVE: names, a line each; copied */
};

enum studio_outcome {
    STUDIO_DONE = 0,
    STUDIO_UNDECODABLE, /* the picture's fault, these three */
    STUDIO_TOO_LARGE,
    STUDIO_TOO_SLOW,
    STUDIO_FAILED, /* not the picture's fault: trying again may help */
};

struct studio_report {
    enum studio_task task;
    unsigned job;
    enum studio_outcome outcome;
    const char *text; /* DONE: MAKE: the file's name; LIST: names, a line each; REMOVE: a number. Else: why, for the
                         log. Borrowed for the call. */
    uint32_t bytes;   /* MAKE, DONE: the file's size */
    bool suspicious;  /* the worker did what the sandbox forbids, or crashed */
};

struct studio_options {
    const char *worker;    /* the program's path; "" = tb-avatar-worker beside this program */
    const char *directory; /* of the files: <uploads_dir>/avatars; "" = none: every order fails */
    int64_t deadline_us;   /* of one run */
    int64_t keep_s;        /* how old a file must be before it may go */
};

typedef void studio_handler(void *arg, const struct studio_report *report);

struct studio;
/* Effect: texts of options are copied. Gives a studio for studio_free, or NULL with err. */
struct studio *studio_new(struct loop *loop, const struct studio_options *options, studio_handler *report, void *arg,
                          struct err *err);
/* Effect: kills the workers; nobody hears of them. */
void studio_free(struct studio **studio);

/* Effect: takes an order (more than STUDIO_ORDERS_MAX at once: a bug). The report comes later, never from within. */
void studio_order(struct studio *studio, const struct studio_order *order);

#endif
