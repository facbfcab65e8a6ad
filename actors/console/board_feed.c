#include "board_feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

enum { TEXT_SIZE = 160, FIELDS_MAX = 9 };

/* One metric of one actor while its frame is being read. */
struct metric {
    char name[TEXT_SIZE], labels[TEXT_SIZE];
    bool histogram;
    double value;
    size_t bound_count;
    double bounds[FEED_BOUNDS_MAX];
    uint64_t cumulative[FEED_BOUNDS_MAX];
};

struct actor {
    char name[BOARD_NAME_SIZE], instance[BOARD_NAME_SIZE], region[BOARD_NAME_SIZE], az[BOARD_NAME_SIZE],
        state[BOARD_NAME_SIZE];
    bool listed; /* an A line told of it */
    uint32_t pid, restarts;
    uint64_t lag;
    struct metric *metrics;
    size_t metric_count;
};

struct board_feed {
    struct board *board;
    char line[FEED_LINE_MAX];
    size_t length;
    bool too_long;
    struct actor actors[BOARD_MEMBERS_MAX];
    size_t actor_count;
    struct board_alarm alarms[BOARD_ALARMS_MAX];
    size_t alarm_count;
    struct board_position positions[BOARD_POSITIONS_MAX];
    size_t position_count;
    size_t frames;
};

struct board_feed *board_feed_new(struct board *board)
{
    struct board_feed *feed = tb_alloc_zero(1, sizeof *feed);
    feed->board = board;
    return feed;
}

static void begin_frame(struct board_feed *feed)
{
    for (size_t i = 0; i < feed->actor_count; i++)
        free(feed->actors[i].metrics);
    memset(feed->actors, 0, sizeof feed->actors);
    feed->actor_count = feed->alarm_count = feed->position_count = 0;
}

void board_feed_free(struct board_feed **feed)
{
    if (*feed == NULL)
        return;
    begin_frame(*feed);
    free(*feed);
    *feed = NULL;
}

size_t board_feed_frames(const struct board_feed *feed)
{
    return feed->frames;
}

static struct actor *actor_of(struct board_feed *feed, const char *name, const char *instance)
{
    for (size_t i = 0; i < feed->actor_count; i++)
        if (strcmp(feed->actors[i].name, name) == 0 && strcmp(feed->actors[i].instance, instance) == 0)
            return &feed->actors[i];
    if (feed->actor_count == BOARD_MEMBERS_MAX || name[0] == '\0')
        return NULL;
    struct actor *actor = &feed->actors[feed->actor_count++];
    tb_copy_text(actor->name, sizeof actor->name, name);
    tb_copy_text(actor->instance, sizeof actor->instance, instance);
    actor->metrics = tb_alloc_zero(FEED_METRICS_MAX, sizeof *actor->metrics);
    return actor;
}

/* --- one line of Prometheus text --- */

/* Effect: takes label="value" out of labels into value. Return: whether it was there. */
static bool take_label(char *labels, const char *label, char *value, size_t size)
{
    char begin[BOARD_NAME_SIZE];
    snprintf(begin, sizeof begin, "%s=\"", label);
    char *at = strstr(labels, begin);
    while (at != NULL && at != labels && at[-1] != ',')
        at = strstr(at + 1, begin);
    if (at == NULL)
        return false;
    const char *from = at + strlen(begin);
    size_t length = strcspn(from, "\"");
    if (from[length] != '"' || length >= size)
        return false;
    memcpy(value, from, length);
    value[length] = '\0';
    const char *rest = from + length + 1;
    rest += *rest == ',';
    memmove(at, rest, strlen(rest) + 1);
    return true;
}

static struct metric *metric_of(struct actor *actor, const char *name, const char *labels)
{
    for (size_t i = 0; i < actor->metric_count; i++)
        if (strcmp(actor->metrics[i].name, name) == 0 && strcmp(actor->metrics[i].labels, labels) == 0)
            return &actor->metrics[i];
    if (actor->metric_count == FEED_METRICS_MAX)
        return NULL;
    struct metric *metric = &actor->metrics[actor->metric_count++];
    tb_copy_text(metric->name, sizeof metric->name, name);
    tb_copy_text(metric->labels, sizeof metric->labels, labels);
    return metric;
}

static void take_bucket(struct actor *actor, const char *name, const char *labels, const char *bound, double value)
{
    struct metric *metric = metric_of(actor, name, labels);
    if (metric == NULL || metric->bound_count == FEED_BOUNDS_MAX)
        return;
    metric->histogram = true;
    metric->bounds[metric->bound_count] = strtod(bound, NULL); /* "+Inf" too */
    metric->cumulative[metric->bound_count++] = (uint64_t)value;
}

static void take_sample(struct board_feed *feed, char *line)
{
    char name[TEXT_SIZE], labels[FEED_LINE_MAX] = "", actor_name[BOARD_NAME_SIZE], instance[BOARD_NAME_SIZE],
                          bound[BOARD_NAME_SIZE];
    char *brace = strchr(line, '{'), *end = strrchr(line, '}');
    if (brace == NULL || end == NULL || end < brace || (size_t)(brace - line) >= sizeof name)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(brace - line), line);
    snprintf(labels, sizeof labels, "%.*s", (int)(end - brace - 1), brace + 1);
    char *number_end = NULL;
    double value = strtod(end + 1, &number_end);
    if (number_end == end + 1 || !take_label(labels, "actor", actor_name, sizeof actor_name) ||
        !take_label(labels, "instance", instance, sizeof instance))
        return;
    struct actor *actor = actor_of(feed, actor_name, instance);
    if (actor == NULL)
        return;
    size_t length = strlen(name);
    if (length > 7 && strcmp(name + length - 7, "_bucket") == 0) {
        name[length - 7] = '\0';
        bool bounded = take_label(labels, "le", bound, sizeof bound);
        size_t rest = strlen(labels);
        if (rest > 0 && labels[rest - 1] == ',')
            labels[rest - 1] = '\0';
        if (bounded)
            take_bucket(actor, name, labels, bound, value);
        return;
    }
    struct metric *metric = metric_of(actor, name, labels);
    if (metric != NULL)
        metric->value = value;
}

/* --- lines with tabs --- */

/* Effect: cuts the line at its tabs. Return: how many fields. */
static size_t cut(char *line, const char *fields[static FIELDS_MAX])
{
    size_t count = 0;
    while (count < FIELDS_MAX) {
        fields[count++] = line;
        line = strchr(line, '\t');
        if (line == NULL)
            break;
        *line++ = '\0';
    }
    return count;
}

static void take_actor(struct board_feed *feed, const char *const fields[static FIELDS_MAX])
{
    struct actor *actor = actor_of(feed, fields[1], fields[2]);
    if (actor == NULL)
        return;
    actor->listed = true;
    tb_copy_text(actor->region, sizeof actor->region, fields[3]);
    tb_copy_text(actor->az, sizeof actor->az, fields[4]);
    tb_copy_text(actor->state, sizeof actor->state, fields[5]);
    actor->pid = (uint32_t)strtoul(fields[6], NULL, 10);
    actor->restarts = (uint32_t)strtoul(fields[7], NULL, 10);
    actor->lag = strtoull(fields[8], NULL, 10);
}

static void take_alarm(struct board_feed *feed, const char *const fields[static FIELDS_MAX])
{
    if (feed->alarm_count == BOARD_ALARMS_MAX)
        return;
    struct board_alarm *alarm = &feed->alarms[feed->alarm_count++];
    *alarm = (struct board_alarm){.since_us = strtoll(fields[3], NULL, 10) * 1000000, .value = strtod(fields[5], NULL)};
    tb_copy_text(alarm->id, sizeof alarm->id, fields[1]);
    tb_copy_text(alarm->severity, sizeof alarm->severity, fields[2]);
    tb_copy_text(alarm->message, sizeof alarm->message, fields[4]);
}

static void take_position(struct board_feed *feed, const char *const fields[static FIELDS_MAX])
{
    if (feed->position_count == BOARD_POSITIONS_MAX)
        return;
    struct board_position *position = &feed->positions[feed->position_count++];
    *position = (struct board_position){.position = strtoull(fields[2], NULL, 10)};
    tb_copy_text(position->stream, sizeof position->stream, fields[1]);
}

/* --- a frame --- */

/* Effect: makes a heartbeat of what was told of an actor, and has the board hear it. */
static void hear(struct board_feed *feed, struct actor *actor, int64_t now_us)
{
    Tb__Metric *metrics = tb_alloc_zero(actor->metric_count + 1, sizeof *metrics);
    Tb__Metric **pointers = tb_alloc_zero(actor->metric_count + 1, sizeof(Tb__Metric *));
    uint64_t *buckets = tb_alloc_zero(actor->metric_count * FEED_BOUNDS_MAX + 1, sizeof *buckets);
    Tb__Heartbeat heartbeat = TB__HEARTBEAT__INIT;
    for (size_t i = 0; i < actor->metric_count; i++) {
        struct metric *from = &actor->metrics[i];
        size_t length = strlen(from->name);
        tb__metric__init(&metrics[i]);
        metrics[i].name = from->name;
        metrics[i].labels = from->labels;
        metrics[i].value = from->value;
        metrics[i].kind = from->histogram                                                ? TB__METRIC__KIND__HISTOGRAM
                          : length > 6 && strcmp(from->name + length - 6, "_total") == 0 ? TB__METRIC__KIND__COUNTER
                                                                                         : TB__METRIC__KIND__GAUGE;
        if (from->histogram) {
            metrics[i].n_bounds = from->bound_count - 1;
            metrics[i].bounds = from->bounds;
            metrics[i].n_buckets = from->bound_count;
            metrics[i].buckets = buckets + i * FEED_BOUNDS_MAX;
            for (size_t b = 0; b < from->bound_count; b++) {
                uint64_t below = b > 0 ? from->cumulative[b - 1] : 0;
                metrics[i].buckets[b] = from->cumulative[b] > below ? from->cumulative[b] - below : 0;
            }
        }
        pointers[i] = &metrics[i];
    }
    heartbeat.actor = actor->name;
    heartbeat.instance = actor->instance;
    heartbeat.region = actor->region;
    heartbeat.az = actor->az;
    heartbeat.state = actor->state;
    heartbeat.pid = actor->pid;
    heartbeat.restarts = actor->restarts;
    heartbeat.lag = actor->lag;
    heartbeat.sent_at_us = now_us;
    heartbeat.leader = strcmp(actor->state, "READY") == 0;
    heartbeat.metrics = pointers;
    heartbeat.n_metrics = actor->metric_count;
    board_hear(feed->board, &heartbeat, ((uint64_t)actor->restarts << 32) | actor->pid, now_us);
    free(buckets);
    free(pointers);
    free(metrics);
}

static void end_frame(struct board_feed *feed, int64_t now_us)
{
    for (size_t i = 0; i < feed->actor_count; i++) {
        struct actor *actor = &feed->actors[i];
        if (actor->listed && strcmp(actor->state, "DOWN") != 0)
            hear(feed, actor, now_us);
        else if (actor->listed)
            board_expect(feed->board, actor->name, actor->instance);
    }
    if (feed->actor_count > 0) { /* else nobody answered, and nothing is known of alarms either */
        memcpy(feed->board->alarms, feed->alarms, sizeof feed->alarms);
        feed->board->alarm_count = feed->alarm_count;
        feed->board->alarms_read_us = now_us;
    }
    if (feed->position_count > 0) {
        memcpy(feed->board->positions, feed->positions, sizeof feed->positions);
        feed->board->position_count = feed->position_count;
        feed->board->positions_read_us = now_us;
    }
    feed->frames++;
    begin_frame(feed);
}

static void take_line(struct board_feed *feed, char *line, int64_t now_us)
{
    const char *fields[FIELDS_MAX];
    if (strcmp(line, ".") == 0) {
        end_frame(feed, now_us);
    } else if (strncmp(line, "tb_", 3) == 0) {
        take_sample(feed, line);
    } else if (line[0] != '\0' && line[1] == '\t') {
        char kind = line[0];
        size_t count = cut(line, fields);
        if (kind == 'A' && count == 9)
            take_actor(feed, fields);
        else if (kind == 'L' && count == 6)
            take_alarm(feed, fields);
        else if (kind == 'P' && count == 3)
            take_position(feed, fields);
    }
}

void board_feed_take(struct board_feed *feed, const char *bytes, size_t size, int64_t now_us)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            feed->line[feed->length] = '\0';
            if (!feed->too_long)
                take_line(feed, feed->line, now_us);
            feed->length = 0;
            feed->too_long = false;
        } else if (feed->length < FEED_LINE_MAX - 1) {
            feed->line[feed->length++] = bytes[i];
        } else {
            feed->too_long = true;
        }
    }
}
