/* rate_limit: token buckets in a fixed table. */
#include "rate_limit.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "ids.h"

struct bucket {
    char address[48];
    int64_t micro_tokens; /* a request costs a million */
    int64_t filled_at_us;
};

struct rate_limit {
    int64_t per_second;
    struct bucket buckets[RATE_LIMIT_SLOTS];
};

struct rate_limit *rate_limit_new(int64_t per_second)
{
    struct rate_limit *limit = tb_alloc_zero(1, sizeof *limit);
    limit->per_second = per_second;
    return limit;
}

void rate_limit_free(struct rate_limit **limit)
{
    free(*limit);
    *limit = NULL;
}

bool rate_limit_take(struct rate_limit *limit, const char *address, int64_t now_us)
{
    const int64_t cost = 1000000, full = 2 * limit->per_second * cost;
    struct bucket *bucket = &limit->buckets[ids_hash(IDS_HASH_START, address, strlen(address)) % RATE_LIMIT_SLOTS];
    if (strcmp(bucket->address, address) != 0) {
        (void)tb_copy_text(bucket->address, sizeof bucket->address, address);
        bucket->micro_tokens = full;
        bucket->filled_at_us = now_us;
    }
    int64_t elapsed_us = now_us - bucket->filled_at_us;
    bucket->filled_at_us = now_us;
    /* After two seconds a bucket is full whatever it was; so the product stays small. */
    bucket->micro_tokens = elapsed_us > 2000000 ? full : bucket->micro_tokens + elapsed_us * limit->per_second;
    if (bucket->micro_tokens > full)
        bucket->micro_tokens = full;
    if (bucket->micro_tokens < cost)
        return false;
    bucket->micro_tokens -= cost;
    return true;
}
