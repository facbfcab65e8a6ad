#include "heartbeats.h"

#include <stdio.h>

static char *keep(struct heartbeat *heartbeat, const char *text)
{
    char *kept = heartbeat->texts[heartbeat->used++];
    snprintf(kept, sizeof(heartbeat->texts[0]), "%s", text);
    return kept;
}

void heartbeat_init(struct heartbeat *heartbeat, const char *actor, const char *instance, const char *state)
{
    heartbeat->used = 0;
    tb__heartbeat__init(&heartbeat->base);
    heartbeat->base.actor = keep(heartbeat, actor);
    heartbeat->base.instance = keep(heartbeat, instance);
    heartbeat->base.state = keep(heartbeat, state);
    heartbeat->base.region = keep(heartbeat, "nl-1");
    heartbeat->base.az = keep(heartbeat, "nl-1a");
    heartbeat->base.pid = 4711;
    heartbeat->base.restarts = 2;
    heartbeat->base.lag = 5;
    heartbeat->base.metrics = heartbeat->pointers;
}

Tb__Metric *heartbeat_add(struct heartbeat *heartbeat, Tb__Metric__Kind kind, const char *name, const char *labels,
                          const char *help, double value)
{
    size_t index = heartbeat->base.n_metrics++;
    Tb__Metric *metric = &heartbeat->metrics[index];
    tb__metric__init(metric);
    metric->kind = kind;
    metric->name = keep(heartbeat, name);
    metric->labels = keep(heartbeat, labels);
    metric->help = keep(heartbeat, help);
    metric->value = value;
    heartbeat->pointers[index] = metric;
    return metric;
}
