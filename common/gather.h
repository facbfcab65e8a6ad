/* gather: lets a stage behind the acknowledgement take fewer, larger batches under load. A transaction costs as much
 * as five to ten of its rows; whoever comes alone is not kept waiting. After a batch of GATHER_LOAD_ROWS or more the
 * next one begins GATHER_US after that one began, or when GATHER_ROWS wait. Pure.
 *
 *   if (gather_waits(&stage->gather, waiting, now_us)) set a timer to gather_until_us(&stage->gather);
 *   else { gather_began(&stage->gather, rows, now_us); … } */
#ifndef TB_GATHER_H
#define TB_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GATHER_US = 20000,     /* from the beginning of one batch to the next */
    GATHER_LOAD_ROWS = 16, /* a batch of fewer rows is no load */
    GATHER_ROWS = 1024,    /* so many are a full batch */
};

/* Zeroed: no batch yet. */
struct gather {
    int64_t began_us; /* the last batch, */
    size_t rows;      /* and its size */
};

/* Effect: notes that a batch of rows begins. */
void gather_began(struct gather *gather, size_t rows, int64_t now_us);
/* Return: whether the next batch, of `waiting` rows so far, is to be put off until gather_until_us. */
bool gather_waits(const struct gather *gather, size_t waiting, int64_t now_us);
/* Return: when a batch that is put off begins, microseconds since the epoch. */
int64_t gather_until_us(const struct gather *gather);

#endif
