/* log_search: looks for lines in the actors' logs, newest first, as s6-log leaves them: one directory per process
 * ("balance-1") with `current` and older files "@….s" or "@….u". Read backwards and merged by time, so that the bytes a
 * search may read are spent on the newest lines of all. It works in steps, so that the loop goes on between them.
 *
 *   struct log_search *search = log_search_new(dir, &filter);
 *   while (!log_search_step(search, LOG_SEARCH_STEP_BYTES, &items)) …;   // a step per turn of the loop
 *   log_search_free(&search);
 *
 * Only regular files below dir are read, never through a symbolic link, and no name comes from outside. Lines that are
 * no log lines of ours are counted and passed over. A search sees the files there are when it begins; one that rotation
 * deletes meanwhile is left out. Bounded: LOG_SEARCH_BYTES_MAX read, LOG_READERS_MAX directories. Threading: one. */
#ifndef TB_GATEWAY_LOG_SEARCH_H
#define TB_GATEWAY_LOG_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json_out.h"

enum {
    LOG_READERS_MAX = 24,
    LOG_SEARCH_STEP_BYTES = 128 * 1024,
    LOG_SEARCH_BYTES_MAX = 64 * 1024 * 1024,
    LOG_FILTER_MAX = 64, /* bytes of a filter's value */
};

/* Empty texts: any. Values are compared as they are; they must not need escaping in JSON (log_filter_is_plain). */
struct log_filter {
    char order_id[LOG_FILTER_MAX + 1], user_id[LOG_FILTER_MAX + 1], actor[LOG_FILTER_MAX + 1],
        level[LOG_FILTER_MAX + 1];
    int64_t since_us; /* microseconds since the epoch; 0 = any */
    size_t limit;     /* lines */
};

struct log_search;

/* Return: whether a value can stand in a log line as it is: letters, digits, '.', '-', '_', '@', at most
 * LOG_FILTER_MAX. */
bool log_filter_is_plain(const char *value);

/* Gives a search for log_search_free. filter is copied. A dir that is not there has no lines. */
struct log_search *log_search_new(const char *dir, const struct log_filter *filter);
void log_search_free(struct log_search **search);
/* Effect: reads about `bytes` more and adds the lines found to items, separated by commas. Return: whether the search
 * is over. */
bool log_search_step(struct log_search *search, size_t bytes, struct text *items);
/* Return: whether everything the filter allows was looked at, instead of ending at a bound. Lines that were no log
 * lines. Bytes read. */
bool log_search_is_complete(const struct log_search *search);
size_t log_search_skipped(const struct log_search *search);
size_t log_search_bytes(const struct log_search *search);

#endif
