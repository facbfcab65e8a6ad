/* child: runs a piece of code in a forked process and says how it ended, with what it wrote to standard error or
 * output. For code that aborts, kills itself or writes to a fixed descriptor.
 *
 *   struct child_result result;
 *   child_run(aborts_at_once, NULL, &result);
 *   ck_assert_int_eq(result.signal, SIGABRT); */
#ifndef TB_CHILD_H
#define TB_CHILD_H

enum { CHILD_OUTPUT_MAX = 256 * 1024 };

struct child_result {
    int exit_code;                     /* -1 when a signal ended it */
    int signal;                        /* 0 when it exited */
    int length;                        /* of output */
    char output[CHILD_OUTPUT_MAX + 1]; /* standard error and standard output, ended with 0 */
};

/* Effect: runs body(arg) in a child; its return value is the exit code. Aborts the test when there can be no child. */
void child_run(int (*body)(void *arg), void *arg, struct child_result *result);

#endif
