#include "base.h"
#include "board_text.h"

static void write_number(struct json_out *out, const char *key, double value)
{
    if (value < 0)
        json_out_null(out, key);
    else
        json_out_double(out, key, value);
}

static void write_actors(const struct board *board, struct json_out *out, int64_t now_us)
{
    json_out_begin_array(out, "actors");
    for (size_t i = 0; i < board->count; i++) {
        struct board_row row;
        board_row(board, i, now_us, &row);
        json_out_begin(out, NULL);
        json_out_string(out, "name", row.actor);
        json_out_string(out, "instance", row.instance);
        json_out_string(out, "az", row.az[0] != '\0' ? row.az : NULL);
        json_out_string(out, "state", row.state);
        json_out_bool(out, "dead", row.level == BOARD_DEAD);
        json_out_bool(out, "stale", row.level == BOARD_DEAD || row.silent_us >= BOARD_STALE_US);
        write_number(out, "silentMs", row.silent_us < 0 ? -1 : (double)row.silent_us / 1000);
        write_number(out, "pid", (double)row.pid);
        write_number(out, "uptimeSeconds", row.uptime_us < 0 ? -1 : (double)row.uptime_us / 1e6);
        write_number(out, "restarts", (double)row.restarts);
        write_number(out, "perSecond", row.per_second);
        json_out_string(out, "unit", row.unit[0] != '\0' ? row.unit : NULL);
        write_number(out, "queueDepth", row.depth);
        write_number(out, "queueAgeMs", row.age_us < 0 ? -1 : row.age_us / 1000);
        write_number(out, "lag", (double)row.lag);
        json_out_end(out);
    }
    json_out_end_array(out);
}

static void write_latency(struct json_out *out, const char *key, const struct percentile_window *window, int64_t now_us)
{
    double p50 = percentile_of(window, 0.5, BOARD_LATENCY_SECONDS, now_us);
    double p99 = percentile_of(window, 0.99, BOARD_LATENCY_SECONDS, now_us);
    json_out_begin(out, key);
    write_number(out, "p50Ms", p50 < 0 ? -1 : p50 * 1000);
    write_number(out, "p99Ms", p99 < 0 ? -1 : p99 * 1000);
    json_out_uint(out, "count", percentile_count(window, BOARD_LATENCY_SECONDS, now_us));
    json_out_end(out);
}

static void write_links(const struct board *board, struct json_out *out, int64_t now_us)
{
    struct board_link links[BOARD_LINKS_MAX];
    struct board_event events[BOARD_EVENTS_MAX];
    size_t count = board_links(board, now_us, links), event_count = board_events(board, now_us, events);
    json_out_begin_array(out, "links");
    for (size_t i = 0; i < count; i++) {
        json_out_begin(out, NULL);
        json_out_string(out, "link", links[i].name);
        write_number(out, "depth", links[i].depth);
        write_number(out, "ageMs", links[i].age_us < 0 ? -1 : links[i].age_us / 1000);
        write_number(out, "sentPerSecond", links[i].sent_per_s);
        write_number(out, "receivedPerSecond", links[i].received_per_s);
        write_number(out, "dropped", links[i].dropped);
        write_number(out, "malformed", links[i].malformed);
        write_number(out, "burst", links[i].burst);
        json_out_end(out);
    }
    json_out_end_array(out);
    json_out_begin(out, "bus");
    for (size_t i = 0; i < event_count; i++)
        write_number(out, events[i].name, events[i].total);
    json_out_end(out);
}

static void write_positions(const struct board *board, struct json_out *out)
{
    json_out_time(out, "headsReadAt", board->positions_read_us);
    json_out_begin_array(out, "heads");
    for (size_t i = 0; i < board->position_count; i++) {
        const struct board_position *position = &board->positions[i];
        json_out_begin(out, NULL);
        json_out_string(out, "stream", position->stream);
        json_out_string(out, "consumer", position->consumer[0] != '\0' ? position->consumer : NULL);
        json_out_uint(out, "position", position->position);
        json_out_uint(out, "behind", position->behind);
        json_out_end(out);
    }
    json_out_end_array(out);
}

static void write_alarms(const struct board *board, struct json_out *out)
{
    json_out_time(out, "alarmsReadAt", board->alarms_read_us);
    json_out_begin_array(out, "alarms");
    for (size_t i = 0; i < board->alarm_count; i++) {
        json_out_begin(out, NULL);
        json_out_string(out, "id", board->alarms[i].id);
        json_out_string(out, "severity", board->alarms[i].severity);
        json_out_string(out, "message", board->alarms[i].message);
        json_out_time(out, "since", board->alarms[i].since_us);
        json_out_double(out, "value", board->alarms[i].value);
        json_out_end(out);
    }
    json_out_end_array(out);
}

void board_json_write(const struct board *board, struct text *text, int64_t now_us)
{
    struct json_out out;
    json_out_init(&out, text);
    json_out_begin(&out, NULL);
    json_out_time(&out, "ts", now_us);
    json_out_string(&out, "region", board->region);
    json_out_begin(&out, "rates");
    write_number(&out, "ordersPerSecond", board_rate(board, "tb_orders_accepted_total", NULL, now_us));
    write_number(&out, "fillsPerSecond", board_rate(board, "tb_trades_total", NULL, now_us));
    write_number(&out, "entriesPerSecond", board_rate(board, "tb_adjustments_settled_total", NULL, now_us));
    json_out_end(&out);
    json_out_begin(&out, "latency");
    write_latency(&out, "accept", &board->accept, now_us);
    write_latency(&out, "fill", &board->fill, now_us);
    write_latency(&out, "settle", &board->settle, now_us);
    json_out_end(&out);
    write_actors(board, &out, now_us);
    write_links(board, &out, now_us);
    write_positions(board, &out);
    write_alarms(board, &out);
    cues_write(&board->cues, NULL, &out);
    json_out_end(&out);
    text_append_string(text, "\n");
}
