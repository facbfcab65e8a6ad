/* board: what `tulip top` shows, kept from the actors' heartbeats: who is there and how it is, rates, queues,
 * latencies, and the cues, judged by the gateway's own rules. What heartbeats do not tell (alarms, the streams' heads)
 * is given from outside, with the time it was read. Pure; times are wall clock, microseconds. Bounded:
 * BOARD_MEMBERS_MAX members, BOARD_LINKS_MAX links; what is beyond is left out and counted.
 *
 *   struct board *board = board_new("nl-1");
 *   board_expect(board, "sequencer", "1");              // shown as dead while it is not heard of
 *   board_hear(board, heartbeat, boot_id, now_us);
 *   board_judge(board, now_us);
 *   board_text_write(board, &page, now_us);             // board_text.h */
#ifndef TB_CONSOLE_BOARD_H
#define TB_CONSOLE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cues.h"
#include "fleet.h"
#include "percentile.h"
#include "telemetry.pb-c.h"

enum {
    BOARD_MEMBERS_MAX = 64,
    BOARD_ALARMS_MAX = 16,
    BOARD_POSITIONS_MAX = 16,
    BOARD_LINKS_MAX = 40,
    BOARD_EVENTS_MAX = 24,
    BOARD_NAME_SIZE = 40,
    BOARD_LATENCY_SECONDS = 10, /* what percentiles look back over */
};
#define BOARD_STALE_US FLEET_STALE_US /* not heard of for so long: stale */
#define BOARD_DEAD_US  5000000        /* … and for so long: dead */

struct board_member {
    char actor[BOARD_NAME_SIZE], instance[BOARD_NAME_SIZE];
    Tb__Heartbeat *last; /* NULL: expected and never heard of */
    Tb__Heartbeat *mid;  /* some seconds old; NULL at first */
    Tb__Heartbeat *base; /* older still: rates are from here to last */
    int64_t seen_us;     /* when last came */
    uint64_t boot_id;
    bool gone; /* its process is known not to exist */
};

struct board_alarm {
    char id[BOARD_NAME_SIZE], severity[16], message[160];
    int64_t since_us;
    double value;
};

/* A stream's head (consumer empty), or how far a consumer is behind it. */
struct board_position {
    char stream[BOARD_NAME_SIZE], consumer[BOARD_NAME_SIZE];
    uint64_t position, behind;
};

struct board {
    char region[BOARD_NAME_SIZE];
    int64_t begun_us; /* of the first hearing or judging */
    struct board_member members[BOARD_MEMBERS_MAX];
    size_t count;
    uint64_t left_out;
    struct fleet fleet;
    struct cues cues;
    struct percentile_window accept, fill, settle;
    struct board_alarm alarms[BOARD_ALARMS_MAX];
    size_t alarm_count;
    int64_t alarms_read_us; /* 0 = not known */
    struct board_position positions[BOARD_POSITIONS_MAX];
    size_t position_count;
    int64_t positions_read_us; /* 0 = not known */
};

/* Gives a board for board_free. */
struct board *board_new(const char *region);
void board_free(struct board **board);
/* Effect: a row for this one even when it was never heard of. */
void board_expect(struct board *board, const char *actor, const char *instance);
/* Effect: takes a heartbeat (copied). boot_id: of its envelope; another one than before is a restart. */
void board_hear(struct board *board, const Tb__Heartbeat *heartbeat, uint64_t boot_id, int64_t now_us);
/* Effect: judges the cues anew. Cheap enough for every quarter of a second. */
void board_judge(struct board *board, int64_t now_us);

/* How a row is to be taken. */
enum board_level { BOARD_GOOD, BOARD_PASSIVE, BOARD_DOUBTFUL, BOARD_DEAD };

/* One member as it is to be shown; numbers are below 0 where it does not tell. Texts are borrowed from the board. */
struct board_row {
    const char *actor, *instance, *az;
    char state[24]; /* leader, ready, standby, degraded …, "stale 2s", "DEAD 12s", "DEAD" */
    enum board_level level;
    int64_t silent_us; /* since it was last heard of, -1 = never */
    int64_t pid, uptime_us, restarts, lag;
    double per_second; /* of what it is there for */
    const char *unit;  /* "orders", "fills", "entries", "requests", "changes"; "" = it counts nothing */
    double depth, age_us;
};
/* Effect: row number index (below board->count) as of now. */
void board_row(const struct board *board, size_t index, int64_t now_us, struct board_row *row);

/* Sum over the members that are heard of, of counters per second; -1 while that cannot be said. labels: part of them,
 * NULL = any. */
double board_rate(const struct board *board, const char *metric, const char *labels, int64_t now_us);

struct board_link {
    char name[BOARD_NAME_SIZE];
    double depth, age_us;              /* -1: nobody says */
    double sent_per_s, received_per_s; /* -1: not known yet */
    double dropped, malformed, burst;  /* since the senders' starts; burst: the last quarter of a second */
};
/* Effect: what is known of the links, summed over both their ends, by name. Return: how many. */
size_t board_links(const struct board *board, int64_t now_us, struct board_link links[static BOARD_LINKS_MAX]);

/* A counter tb_bus_<name>_total, summed over all links and members. */
struct board_event {
    char name[BOARD_NAME_SIZE];
    double total;
};
/* Effect: the bus's counters, whatever there are: dropped, malformed, connects, handshake failures … Return: how many.
 */
size_t board_events(const struct board *board, int64_t now_us, struct board_event events[static BOARD_EVENTS_MAX]);

#endif
