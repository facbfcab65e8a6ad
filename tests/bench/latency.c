#include "latency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

static void latency_reserve(struct latency *latency, size_t count)
{
    if (latency->capacity >= count)
        return;
    latency->capacity = count < 8192 ? 8192 : count * 2;
    latency->values_us = tb_realloc(latency->values_us, latency->capacity, sizeof *latency->values_us);
}

void latency_add(struct latency *latency, int64_t value_us)
{
    latency_reserve(latency, latency->count + 1);
    latency->values_us[latency->count++] = value_us < 0 ? 0 : value_us > UINT32_MAX ? UINT32_MAX : (uint32_t)value_us;
    latency->sorted = false;
}

void latency_merge(struct latency *latency, const struct latency *other)
{
    if (other->count == 0)
        return;
    latency_reserve(latency, latency->count + other->count);
    memcpy(latency->values_us + latency->count, other->values_us, other->count * sizeof *other->values_us);
    latency->count += other->count;
    latency->sorted = false;
}

static int latency_compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

uint32_t latency_percentile_us(struct latency *latency, double percent)
{
    if (latency->count == 0)
        return 0;
    if (!latency->sorted)
        qsort(latency->values_us, latency->count, sizeof *latency->values_us, latency_compare);
    latency->sorted = true;
    double rank = ceil((double)latency->count * percent / 100.0);
    size_t index = rank < 1 ? 0 : (size_t)rank - 1;
    return latency->values_us[index < latency->count ? index : latency->count - 1];
}

void latency_print(struct latency *latency, const char *name)
{
    static const struct {
        const char *name;
        double percent;
    } shown[] = {{"p50", 50}, {"p95", 95}, {"p99", 99}, {"max", 100}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(shown); i++)
        printf("%s_%s_ms %.2f\n", name, shown[i].name, latency_percentile_us(latency, shown[i].percent) / 1000.0);
}

void latency_release(struct latency *latency)
{
    free(latency->values_us);
    *latency = (struct latency){0};
}
