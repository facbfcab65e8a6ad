/* board_feed: the board's food when the bus is out of reach: what the gateway says over HTTP, brought by a script as
 * lines, a frame after the other:
 *
 *   tb_orders_accepted_total{actor="sequencer",instance="1"} 12      the lines of GET /metrics, as they are
 *   A <tab> name instance region az state pid restarts lag           one per actor of GET /health/ready (tabs between)
 *   L <tab> id severity since message value                          one per alarm; since: seconds since the epoch
 *   P <tab> stream head                                              one per stream
 *   .                                                                the end of a frame
 *
 * A line that is none of these is passed over. Pure. Bounded: a line of FEED_LINE_MAX bytes, FEED_METRICS_MAX metrics
 * per actor; what is beyond is left out.
 *
 *   struct board_feed *feed = board_feed_new(board);
 *   board_feed_take(feed, bytes, size, now_us); */
#ifndef TB_CONSOLE_BOARD_FEED_H
#define TB_CONSOLE_BOARD_FEED_H

#include "board.h"

enum { FEED_LINE_MAX = 4096, FEED_METRICS_MAX = 400, FEED_BOUNDS_MAX = PERCENTILE_BUCKETS_MAX };

struct board_feed;
/* board: borrowed. Gives a feed for board_feed_free. */
struct board_feed *board_feed_new(struct board *board);
void board_feed_free(struct board_feed **feed);
/* Effect: takes bytes as they come; a frame that is whole goes into the board. */
void board_feed_take(struct board_feed *feed, const char *bytes, size_t size, int64_t now_us);
/* Return: how many frames were whole so far. */
size_t board_feed_frames(const struct board_feed *feed);

#endif
