/* clock: the only file that asks the time. */
#ifndef TB_CLOCK_H
#define TB_CLOCK_H

#include <stdint.h>

/* Return: wall clock in microseconds since the epoch, UTC. Never goes back within one process: a step back of the clock
 * holds it still. */
int64_t clock_now_us(void);
/* Return: a clock for durations, microseconds from an arbitrary point. */
int64_t clock_monotonic_us(void);

enum { CLOCK_TEXT_MAX = 48 };
/* Effect: writes RFC 3339 UTC with milliseconds: "2026-11-22T09:21:16.123Z". Pure. Return: text. */
const char *clock_format(int64_t us, char text[static CLOCK_TEXT_MAX]);

#endif
