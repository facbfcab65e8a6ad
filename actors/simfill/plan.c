#include "plan.h"

#include <string.h>

#include "../../common/ids.h"

/* Effect: reads "<name>:<number>" with a plain number in minimum … maximum. Return: false when the seed is anything
 * else. */
static bool seed_number(const char *seed, const char *name, uint32_t minimum, uint32_t maximum, uint32_t *number)
{
    size_t length = strlen(name);
    if (strncmp(seed, name, length) != 0 || seed[length] != ':')
        return false;
    const char *digit = seed + length + 1;
    if (*digit == '\0' || (*digit == '0' && digit[1] != '\0'))
        return false;
    uint64_t value = 0;
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        value = value * 10 + (uint64_t)(*digit - '0');
        if (value > maximum)
            return false;
    }
    if (value < minimum)
        return false;
    *number = (uint32_t)value;
    return true;
}

/* Return: a well mixed hash of all that the outcome may depend on; bytes in a fixed order, so the same on every
 * machine. */
static uint64_t plan_hash(const char *seed, uint32_t side, uint32_t quantity, struct money price)
{
    uint8_t bytes[1 + 4 + 8];
    bytes[0] = (uint8_t)side;
    for (unsigned i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)(quantity >> (8 * i));
    for (unsigned i = 0; i < 8; i++)
        bytes[5 + i] = (uint8_t)((uint64_t)price.cents >> (8 * i));
    uint64_t hash = ids_hash(IDS_HASH_START, seed, strlen(seed) + 1);
    hash = ids_hash(hash, bytes, sizeof bytes);
    hash ^= hash >> 33; /* FNV leaves its low bits weak: finish as MurmurHash3 does */
    hash *= 0xff51afd7ed558ccdULL;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53ULL;
    return hash ^ hash >> 33;
}

/* Effect: quantity in count parts that differ by one at most; which legs get the larger ones is the hash's choice. */
static void plan_split(struct simfill_plan *plan, uint32_t quantity, uint32_t count, uint64_t hash)
{
    plan->leg_count = count;
    uint32_t first = (uint32_t)(hash >> 32) % count;
    for (uint32_t i = 0; i < count; i++)
        plan->quantities[i] = quantity / count;
    for (uint32_t i = 0; i < quantity % count; i++)
        plan->quantities[(first + i) % count]++;
}

struct simfill_plan simfill_plan(const char *seed, uint32_t side, uint32_t quantity, struct money price,
                                 int64_t delay_max_us)
{
    if (!seed)
        seed = "";
    uint64_t hash = plan_hash(seed, side, quantity, price);
    struct simfill_plan plan = {.kind = SIMFILL_FILL, .deliveries = 1};
    plan.delay_us = (int64_t)(hash % ((uint64_t)delay_max_us + 1));
    uint32_t legs = 1, milliseconds;
    if (strcmp(seed, "hang") == 0)
        return (struct simfill_plan){.kind = SIMFILL_HANG, .deliveries = 1};
    if (strcmp(seed, "cancel") == 0) {
        plan.kind = SIMFILL_CANCEL;
        return plan;
    }
    if (strcmp(seed, "poison-balance") == 0)
        plan.poison = true;
    else if (seed_number(seed, "slow", 0, SIMFILL_SLOW_MAX_MS, &milliseconds))
        plan.delay_us = (int64_t)milliseconds * 1000;
    else if (seed_number(seed, "partial", 1, SIMFILL_LEGS_MAX, &legs))
        legs = legs <= quantity ? legs : 1;
    else
        (void)seed_number(seed, "dup", 1, SIMFILL_DELIVERIES_MAX, &plan.deliveries);
    plan_split(&plan, quantity, legs, hash);
    return plan;
}

int64_t simfill_plan_leg_us(const struct simfill_plan *plan, uint32_t leg)
{
    return plan->delay_us * leg / plan->leg_count;
}
