/* process: runs a short-lived program on the loop: gives it bytes on standard input, takes what it writes to standard
 * output up to a limit, and ends it when its time is over. Nothing here waits. The program gets no environment, no
 * descriptor of ours but those two (standard error goes nowhere), default signals, and must not have children.
 *
 *   const char *argv[] = {"/usr/lib/tulip/tb-avatar-worker", "decode", NULL};
 *   struct process_spec spec = {argv, picture, size, AVATAR_RGBA_BYTES, 5000000};
 *   process = process_start(loop, &spec, on_end, arg, &err);   // then on_end is called, once
 *   process_free(&process);                                    // in on_end, or earlier: kills it */
#ifndef TB_PERSONA_PROCESS_H
#define TB_PERSONA_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "loop.h"

struct process;

struct process_spec {
    const char *const *argv; /* ends with NULL; argv[0] is the program's path */
    const void *input;       /* copied */
    size_t input_size;
    size_t output_max; /* bytes; more and it is killed */
    int64_t deadline_us;
};

struct process_end {
    int exit_code;           /* -1 when a signal ended it */
    int signal;              /* 0 when it exited */
    bool timed_out, flooded; /* we killed it: its time was over; it wrote more than output_max */
    const uint8_t *output;   /* borrowed until process_free */
    size_t output_size;
};

/* Called once, from the loop. */
typedef void process_handler(void *arg, const struct process_end *end);

/* Effect: starts it. Gives a process for process_free, or NULL with err. */
struct process *process_start(struct loop *loop, const struct process_spec *spec, process_handler *handler, void *arg,
                              struct err *err);

/* Effect: kills it if it still runs and waits for its end, which then is at once; the handler is not called. */
void process_free(struct process **process);

#endif
