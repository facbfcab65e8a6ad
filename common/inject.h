/* inject: faults that an operator switches on in a running system (./tulip fault). Each is a record of its own, a file
 * in <run_dir>/faults whose name is the fault's id and whose one line says
 *
 *   kind target link probability ms jitter_ms from_us until_us point
 *
 * target: "*", "simfill", "simfill/1" or "az:nl-1a"; link: a link's name or "*" (all but telemetry); times are
 * microseconds since 1970; "-" where a kind has no use for a field. Kinds this module carries out: drop, duplicate,
 * delay (messages, where they are sent), db-slow (each answer of the database takes ms at least), cpu (ten times a
 * second, or as often as it can, ms are burnt before anything else is done), crash (arms the fault point `point`, see
 * fault.h). All others are the launcher's and passed over here.
 *
 * A fault ends by itself at until_us, whoever removes its record or does not. Without inject_start (setting
 * enable_faults off) nothing is read, and what bus and db ask is one test of a variable that is false.
 * Threading: one per process, on the loop's thread. */
#ifndef TB_INJECT_H
#define TB_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "loop.h"

enum { INJECT_RULES_MAX = 32, INJECT_WORD_MAX = 64, INJECT_LOOK_US = 100000 };

struct inject_options {
    const char *run_dir; /* all are borrowed until inject_stop */
    const char *actor;   /* "simfill" */
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
    double probability; /* 0 … 1 */
    int64_t ms, jitter_ms;
    int64_t from_us, until_us;
};

/* Effect: reads a record's line. Return: 0, or -1 with err naming the field and the reason. */
int inject_parse(const char *id, const char *line, struct inject_record *record, struct err *err);
/* Return: whether a record is meant for this process. */
bool inject_is_for(const struct inject_record *record, const struct inject_options *who);
/* Effect: reads at most `room` records of a directory, sorted by id; what cannot be read is logged and left out.
 * Return: how many; 0 when there is no directory. */
size_t inject_read(const char *directory, struct inject_record *records, size_t room);

/* Effect: looks for records ten times a second from now on, until inject_stop. */
void inject_start(struct loop *loop, const struct inject_options *options);
/* Effect: every fault of ours ends. */
void inject_stop(void);

/* Whether any fault of this process is in force: what hot paths ask before anything else. */
extern bool inject_active;

/* What becomes of one message. */
struct inject_verdict {
    bool drop, twice;
    int64_t delay_us;
};

/* Return: what is to become of a message about to be sent on a link; all zero = nothing. Draws its lots here. */
struct inject_verdict inject_message(const char *link);
/* Return: how long an answer of the database takes at least, microseconds; 0 = no fault. */
int64_t inject_store_us(void);

#endif
