/* console: the two things tb-console does; each runs until it is told to end. Return: the exit code: 0 ended well, 1
 * something failed (said on stderr), 3 nobody was heard of (top --once). */
#ifndef TB_CONSOLE_H
#define TB_CONSOLE_H

#include "arguments.h"

/* Effect: shows the actors (board.h) until q or Ctrl-C, or once. */
int top_run(const struct arguments *arguments);
/* Effect: prints the records of a stream as they come, until Ctrl-C, a limit, or nobody reads them any more. */
int tap_run(const struct arguments *arguments);

#endif
