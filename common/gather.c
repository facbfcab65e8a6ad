#include "gather.h"

void gather_began(struct gather *gather, size_t rows, int64_t now_us)
{
    *gather = (struct gather){.began_us = now_us, .rows = rows};
}

bool gather_waits(const struct gather *gather, size_t waiting, int64_t now_us)
{
    /* A clock that was set back does not make it wait for that long. */
    return gather->rows >= GATHER_LOAD_ROWS && waiting < GATHER_ROWS && now_us >= gather->began_us &&
           now_us < gather_until_us(gather);
}

int64_t gather_until_us(const struct gather *gather)
{
    return gather->began_us + GATHER_US;
}
