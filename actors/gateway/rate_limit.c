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

static size_t slot_of(const char *address)
{
    return (size_t)(ids_hash(IDS_HASH_START, address, strlen(address)) % RATE_LIMIT_SLOTS);
}

struct rate_limit_left rate_limit_look(const struct rate_limit *limit, const char *address)
{
    const struct bucket *bucket = &limit->buckets[slot_of(address)];
    struct rate_limit_left left = {.burst = 2 * limit->per_second, .remaining = 2 * limit->per_second};
    if (strcmp(bucket->address, address) != 0)
        return left;
    int64_t a_second = limit->per_second * 1000000, missing = 2 * a_second - bucket->micro_tokens;
    left.remaining = bucket->micro_tokens / 1000000;
    left.reset_s = (missing + a_second - 1) / a_second;
    return left;
}

bool rate_limit_take(struct rate_limit *limit, const char *address, int64_t now_us)
{
    const int64_t cost = 1000000, full = 2 * limit->per_second * cost;
    struct bucket *bucket = &limit->buckets[slot_of(address)];
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
