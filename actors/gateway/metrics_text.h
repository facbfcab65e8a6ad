/* metrics_text: the metrics of all actors as one Prometheus text (exposition format 0.0.4): families sorted by name,
 * HELP and TYPE once each, every series with the labels actor and instance, histograms with cumulative buckets. What
 * would make the text invalid (a bad name, a doubled series, one name with two types) is left out. Pure. */
#ifndef TB_GATEWAY_METRICS_TEXT_H
#define TB_GATEWAY_METRICS_TEXT_H

#include "fleet.h"
#include "json_out.h"

#define METRICS_TEXT_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Effect: appends the metrics of every member that is not stale, and tb_up, tb_actor_restarts and tb_actor_lag of every
 * member. */
void metrics_text_write(const struct fleet *fleet, int64_t now_us, struct text *text);

#endif
