/* inject: faults that an operator switches on in a running system (./tulip fault), as far as an actor carries them out
 * itself: what a record says is in inject_record.h. Kinds: drop, duplicate, delay (messages, where they are sent),
 * db-slow (each answer of the database takes ms at least), cpu (ten times a second, or as often as it can, ms are burnt
 * before anything else is done), crash (arms the fault point `point`, see fault.h). All others are passed over here.
 *
 * A fault ends by itself at until_us, whoever removes its record or does not. Without inject_start (setting
 * enable_faults off) nothing is read, and what bus and db ask is one test of a variable that is false.
 * Threading: one per process, on the loop's thread. */
#ifndef TB_INJECT_H
#define TB_INJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "inject_record.h"
#include "loop.h"

struct inject_options {
    const char *place; /* has the directory `faults`; all are borrowed until inject_stop */
    struct inject_who who;
};

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
