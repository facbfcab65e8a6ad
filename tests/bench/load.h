/* load: orders posted over many connections from one thread, each with a key of its own.
 * Closed loop (rate 0): every connection sends its next order when the last is answered. Open loop: orders come due at
 * a steady rate, and the wait for a free connection counts as latency (no coordinated omission). 503, 429 and a broken
 * connection are tried again with the same key until they are answered, as a client should; the latency then runs from
 * the first attempt.
 *
 *   struct load_result result = {0};
 *   if (load_run(&options, &result, &err) < 0) … */
#ifndef TB_BENCH_LOAD_H
#define TB_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "latency.h"

enum { LOAD_STATUS_MAX = 600 };

struct load_options {
    const char *host; /* IPv4 */
    int port;
    size_t connections;
    int64_t warmup_us; /* orders begun in it are sent but not measured */
    int64_t measure_us;
    double rate; /* orders a second, 0 = closed loop */
    const char *const *users;
    size_t user_count;
};

struct load_result {
    uint64_t sent;                       /* distinct orders */
    uint64_t acknowledged;               /* of them answered 201 or 200 */
    uint64_t acknowledged_measured;      /* of those, within the measured time */
    uint64_t refused;                    /* given up: an answer that a retry will not change */
    uint64_t unresolved;                 /* no final answer within the grace time at the end */
    uint64_t retried;                    /* attempts beyond the first */
    uint64_t broken;                     /* connections broken or timed out with a request under way */
    uint64_t by_status[LOAD_STATUS_MAX]; /* answers */
    struct latency latency;              /* acknowledgement of orders begun in the measured time */
    int64_t started_us, measured_us;     /* monotonic start of the first order; length of the measured time */
};

/* Effect: runs the load to its end, and up to 15 s longer for what is under way. Return: 0, or -1 with err. */
int load_run(const struct load_options *options, struct load_result *result, struct err *err);

#endif
