/* heartbeats: makes the heartbeats that tests hear. */
#ifndef TB_HEARTBEATS_H
#define TB_HEARTBEATS_H

#include "telemetry.pb-c.h"

enum { HEARTBEAT_METRICS_MAX = 8 };

struct heartbeat {
    Tb__Heartbeat base;
    Tb__Metric metrics[HEARTBEAT_METRICS_MAX];
    Tb__Metric *pointers[HEARTBEAT_METRICS_MAX];
    char texts[8 + 4 * HEARTBEAT_METRICS_MAX][64];
    size_t used;
};

/* Effect: a READY (or other) actor's heartbeat without metrics. Texts are copied into it. */
void heartbeat_init(struct heartbeat *heartbeat, const char *actor, const char *instance, const char *state);
/* Effect: adds a metric. Gives it, for bounds and buckets (borrowed). */
Tb__Metric *heartbeat_add(struct heartbeat *heartbeat, Tb__Metric__Kind kind, const char *name, const char *labels,
                          const char *help, double value);

#endif
