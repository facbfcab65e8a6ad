/* audit: asks the database, and nobody else, whether the invariants hold: I1 … I10 (I7 by replay) and what is under
 * way. The other half of tulip-audit, which only prints. Uses one read-only connection of its own. Threading: runs its
 * own loop until it is done. */
#ifndef TB_RECONCILER_AUDIT_H
#define TB_RECONCILER_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum { AUDIT_CHECKS = 10, AUDIT_SAMPLE_SIZE = 4096 };

struct audit_check {
    char id[8]; /* "I1" */
    bool ok;
    uint64_t count;
    char sample[AUDIT_SAMPLE_SIZE]; /* JSON */
};

/* What is not settled yet: not wrong, but good to know. */
struct audit_open {
    uint64_t orders, orders_open, parked, adjustments_waiting, retrying, dead;
};

struct audit_result {
    bool ok;
    struct audit_check checks[AUDIT_CHECKS]; /* in order */
    struct audit_open open;
    uint64_t replayed, live_hash, replay_hash, first_divergence;
};

struct audit_options {
    const char *database_url, *region;
    const char *user; /* role; "" = as the URL says */
    int patience_ms;  /* for the connection to stand */
};

/* Effect: checks everything. Return: 0 with *result filled, or -1 with err: it could not check. */
int audit_run(const struct audit_options *options, struct audit_result *result, struct err *err);

#endif
