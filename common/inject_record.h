/* inject_record: what a fault's record says (./tulip fault). Each is a file of its own, in a directory `faults`, whose
 * name is the fault's id and whose one line says
 *
 *   kind target link probability ms jitter_ms from_us until_us point
 *
 * target: "*", "simfill", "simfill/1" or "az:nl-1a"; link: a link's name or "*" (all but telemetry); times are
 * microseconds since 1970; "-" where a kind has no use for a field. Actors carry out drop, duplicate, delay, db-slow,
 * cpu and crash themselves (inject.h). What is about processes (kill, stop, az, pause) is done by the launcher's
 * service "faults", or in containers by what they run under (deploy/docker/breakable.c).
 *
 *   struct inject_record records[INJECT_RULES_MAX];
 *   size_t count = inject_read("/run/tulip/faults", records, INJECT_RULES_MAX);
 *   if (inject_is_in_force(&records[0], now_us) && inject_is_for(&records[0], &who)) ...
 *
 * Threading: one thread. Nothing here needs a loop. */
#ifndef TB_INJECT_RECORD_H
#define TB_INJECT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { INJECT_RULES_MAX = 32, INJECT_WORD_MAX = 64, INJECT_LOOK_US = 100000 };

enum inject_kind {
    INJECT_UNKNOWN, /* of a later version: passed over */
    INJECT_DROP,
    INJECT_DUPLICATE,
    INJECT_DELAY,
    INJECT_DB_SLOW,
    INJECT_CPU,
    INJECT_CRASH, /* up to here an actor's own */
    INJECT_KILL,
    INJECT_STOP,
    INJECT_AZ,
    INJECT_PAUSE
};

/* Whom a record has to mean to be ours; the texts are borrowed. */
struct inject_who {
    const char *actor; /* "simfill" */
    const char *instance;
    const char *az;
};

/* One record, as it is written. */
struct inject_record {
    char id[INJECT_WORD_MAX];
    char kind[INJECT_WORD_MAX];
    char target[INJECT_WORD_MAX];
    char link[INJECT_WORD_MAX];
    char point[INJECT_WORD_MAX];
    enum inject_kind what; /* kind, understood */
    double probability;    /* 0 … 1 */
    int64_t ms, jitter_ms;
    int64_t from_us, until_us;
};

/* Effect: reads a record's line. Return: 0, or -1 with err naming the field and the reason. */
int inject_parse(const char *id, const char *line, struct inject_record *record, struct err *err);
/* Return: whether a record is meant for this process. */
bool inject_is_for(const struct inject_record *record, const struct inject_who *who);
/* Return: whether it has begun and is not over. */
bool inject_is_in_force(const struct inject_record *record, int64_t now_us);
/* Effect: reads at most `room` records of a directory, sorted by id; what cannot be read is logged and left out.
 * Return: how many; 0 when there is no directory. */
size_t inject_read(const char *directory, struct inject_record *records, size_t room);

#endif
