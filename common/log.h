/* log: JSON lines on standard error, one object a line: ts, level, actor, instance, message, and orderId, userId,
 * traceId where known. Never raw bodies or headers. A message is cut at 4095 bytes; what is not UTF-8 becomes U+FFFD.
 * Threading: one thread.
 *
 *   log_init("sequencer", "1", "nl-1", LOG_INFO);
 *   log_warning("store is away: %s", err.text);
 *   log_event(LOG_INFO, order->seq, order->user_id, order->trace_id, "order accepted"); */
#ifndef TB_LOG_H
#define TB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core.h"

/* Effect: names this process in every line and drops lines below level. Texts are borrowed for the process's life. */
void log_init(const char *actor, const char *instance, const char *region, enum log_level level);

/* Effect: reads "debug", "info", "warning" or "error". Return: false when it is none of them. */
bool log_level_parse(const char *text, enum log_level *level);

/* Effect: one line. order_seq 0, user_id NULL, trace_id NULL (16 bytes): absent. */
void log_event(enum log_level level, uint64_t order_seq, const char *user_id, const uint8_t *trace_id,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Effect: until log_release(), debug and info lines are gathered and written several at once (a write and a wake-up of
 * the reader for each order are dear); a warning or error is written at once, behind what was gathered. Whoever dies in
 * between loses what was gathered: hold only over work that does not wait. */
void log_hold(void);

/* Effect: writes what was gathered; from now on each line goes out by itself again. */
void log_release(void);

#define log_debug(...)   log_event(LOG_DEBUG, 0, NULL, NULL, __VA_ARGS__)
#define log_info(...)    log_event(LOG_INFO, 0, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_event(LOG_WARNING, 0, NULL, NULL, __VA_ARGS__)
#define log_error(...)   log_event(LOG_ERROR, 0, NULL, NULL, __VA_ARGS__)

#endif
