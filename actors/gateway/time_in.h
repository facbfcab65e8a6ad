/* time_in: reads RFC 3339 times as they come in query parameters. Pure. */
#ifndef TB_GATEWAY_TIME_IN_H
#define TB_GATEWAY_TIME_IN_H

#include <stdbool.h>
#include <stdint.h>

/* Effect: reads "2026-11-22T09:21:16.123Z" or with an offset ("+01:00"), fractions of one to nine digits or none;
 * seconds 0 … 59, years 1970 … 9999. Return: whether it is one; *us: microseconds since the epoch (further digits are
 * cut). */
bool time_in_parse(const char *text, int64_t *us);

#endif
