/* gaps: which sequences of a dense stream came, and which did not. A reader that only listens cannot fill a gap, so it
 * has to be said. Where several senders share one stream their messages may overtake each other: then a gap is given
 * some time to close. Pure; times are any clock's microseconds. Bounded: GAPS_MAX open gaps; when they are that many,
 * the oldest is due early, so ask gaps_due before each gaps_take.
 *
 *   struct gaps gaps; gaps_init(&gaps, 500000);
 *   struct gap gap; while (gaps_due(&gaps, now_us, &gap)) say(gap.from, gap.to);
 *   if (gaps_take(&gaps, seq, now_us)) print(record); */
#ifndef TB_CONSOLE_GAPS_H
#define TB_CONSOLE_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GAPS_MAX = 64 };

struct gap {
    uint64_t from, to; /* both missing, and all between */
    int64_t since_us;
};

struct gaps {
    uint64_t next; /* 0 = nothing came yet: whatever comes first begins */
    int64_t patience_us;
    struct gap open[GAPS_MAX]; /* ascending, not touching */
    size_t count;
    uint64_t doubles; /* came a second time */
};

/* patience_us: how long a gap may close by itself, 0 = it is due at once. */
void gaps_init(struct gaps *gaps, int64_t patience_us);
/* Effect: notes that seq came. Return: whether it is the first time (or was given up before: then it is told late). */
bool gaps_take(struct gaps *gaps, uint64_t seq, int64_t now_us);
/* Effect: takes a gap out whose patience is over, the lowest first. Return: false when there is none. */
bool gaps_due(struct gaps *gaps, int64_t now_us, struct gap *gap);

#endif
