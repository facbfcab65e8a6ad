/* rate_limit: a token bucket per client address. Bounded: of RATE_LIMIT_SLOTS buckets the one that shares a new
 * address's place is forgotten (its client starts with a full bucket again, which only ever errs in the client's
 * favour). Pure. */
#ifndef TB_GATEWAY_RATE_LIMIT_H
#define TB_GATEWAY_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_LIMIT_SLOTS = 4096 };

struct rate_limit;
/* Gives a limit of per_second requests per address, with bursts of twice as many, for rate_limit_free. */
struct rate_limit *rate_limit_new(int64_t per_second);
void rate_limit_free(struct rate_limit **limit);
/* Return: whether a request of this address may pass now; now_us monotonic. */
bool rate_limit_take(struct rate_limit *limit, const char *address, int64_t now_us);

/* What an address may still do, in the words of the RateLimit headers. */
struct rate_limit_left {
    int64_t burst;     /* requests at once after a rest */
    int64_t remaining; /* of them, now */
    int64_t reset_s;   /* seconds until remaining is burst again, rounded up */
};
/* Return: how it stands with an address after its last rate_limit_take. */
struct rate_limit_left rate_limit_look(const struct rate_limit *limit, const char *address);

#endif
