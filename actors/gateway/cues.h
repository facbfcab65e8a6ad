/* cues: the six things a page shows about trouble, each judged from the actors' heartbeats and nothing else:
 *
 *   az-blip              a needed actor is away, for at most 10 s so far: its supervisor or its standby is bringing it
 *                        back; or it was restarted less than 3 s ago; or a whole availability zone fell silent less
 *                        than 10 s ago, and others go on
 *   region-outage        a needed actor that takes or fills orders is away for longer, or the database is
 *   partition-reconcile  regions disagree (never with one region)
 *   backpressure         orders wait by the thousand, or some were refused for it in the last seconds
 *   time-to-accept       the 99th percentile of the last seconds' acceptances is above CUES_ACCEPT_SLOW_US
 *   balance-unavailable  nobody settles right now
 *
 * The leading reconciler judges and writes each change to the ops stream (CueChanged); gateways show what it wrote
 * (cues_tell), and their own judgement only while it cannot say anything.
 *
 * Pure; times are wall clock, microseconds. */
#ifndef TB_GATEWAY_CUES_H
#define TB_GATEWAY_CUES_H

#include "fleet.h"
#include "json_out.h"

enum cue {
    CUE_AZ_BLIP,
    CUE_REGION_OUTAGE,
    CUE_PARTITION_RECONCILE,
    CUE_BACKPRESSURE,
    CUE_TIME_TO_ACCEPT,
    CUE_BALANCE_UNAVAILABLE,
    CUES_COUNT
};
enum { CUES_ZONES_MAX = 8, CUES_ZONE_SIZE = 33, CUES_SAMPLES = 6, CUES_BUCKETS_MAX = 32, CUES_ACCEPTED_MIN = 20 };
#define CUES_SAMPLE_EVERY_US  1000000
#define CUES_RESTART_SHOWN_US 3000000  /* a restart is shown for so long */
#define CUES_BOOT_US          30000000 /* a start beside actors of which none is older is no restart */
#define CUES_ACCEPT_SLOW_US   250000
#define CUES_BACKLOG_HIGH     10000
#define CUES_QUEUE_HIGH       8192

/* Counters as they stood at one moment. */
struct cues_sample {
    int64_t at_us;
    double refused;
    uint64_t accepted[CUES_BUCKETS_MAX];
};

/* A cue as the reconciler wrote it last. */
struct cue_told {
    bool active;
    int64_t since_us;
    char *data; /* JSON object, NULL = {} */
};

struct cues {
    int64_t since_us[CUES_COUNT];             /* 0 = not active */
    int64_t missing_since_us[FLEET_NEEDED];   /* 0 = there */
    int64_t store_down_since_us;              /* 0 = up */
    struct cues_sample samples[CUES_SAMPLES]; /* a ring */
    size_t sample_count, sample_next;
    char lost_zones[CUES_ZONES_MAX][CUES_ZONE_SIZE];
    size_t lost_zone_count;
    double backlog, queue_depth, refused_recently;
    int64_t accept_p99_us; /* of the window, 0 = too few */
};

/* Effect: judges anew. store_up: whether the database answers. Cheap enough for every heartbeat. */
void cues_update(struct cues *cues, const struct fleet *fleet, bool store_up, int64_t now_us);
/* Effect: writes "cues":[{id,active,since,severity,message,data}], all six. told: CUES_COUNT cues as the reconciler
 * wrote them, which are shown then (with our own, fresher data where we agree that it is active); NULL: our judgement.
 */
void cues_write(const struct cues *cues, const struct cue_told *told, struct json_out *out);
/* Effect: writes what is behind a cue as one object. */
void cues_write_data(const struct cues *cues, enum cue cue, const char *key, struct json_out *out);
/* Return: "az-blip", …; "info", "warning" or "critical"; the sentence for people. */
const char *cues_id(enum cue cue);
const char *cues_severity(enum cue cue);
const char *cues_message(enum cue cue);
/* Return: the cue of that id, CUES_COUNT when there is none. */
enum cue cues_find(const char *id);

#endif
