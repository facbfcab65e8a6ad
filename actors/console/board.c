#include "board.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

#define ROTATE_US 2000000 /* how often the older heartbeats move up: rates are over two to four seconds */

struct board *board_new(const char *region)
{
    struct board *board = tb_alloc_zero(1, sizeof *board);
    tb_copy_text(board->region, sizeof board->region, region);
    return board;
}

static void forget_heartbeat(Tb__Heartbeat **heartbeat)
{
    if (*heartbeat != NULL)
        tb__heartbeat__free_unpacked(*heartbeat, NULL);
    *heartbeat = NULL;
}

void board_free(struct board **board)
{
    if (*board == NULL)
        return;
    for (size_t i = 0; i < (*board)->count; i++) {
        forget_heartbeat(&(*board)->members[i].last);
        forget_heartbeat(&(*board)->members[i].mid);
        forget_heartbeat(&(*board)->members[i].base);
    }
    fleet_release(&(*board)->fleet);
    free(*board);
    *board = NULL;
}

/* In the order an order passes them, then the others by name. */
static int place_of(const char *actor)
{
    static const char *const order[] = {"gateway", "sequencer", "simfill",   "matcher",
                                        "balance", "persona",   "reconciler"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(order); i++)
        if (strcmp(order[i], actor) == 0)
            return (int)i;
    return (int)TB_ARRAY_SIZE(order);
}

static int compare(const struct board_member *member, const char *actor, const char *instance)
{
    int order = place_of(member->actor) - place_of(actor);
    order = order != 0 ? order : strcmp(member->actor, actor);
    return order != 0 ? order : strcmp(member->instance, instance);
}

/* Return: its place, made if need be; NULL when there is no room. */
static struct board_member *member_of(struct board *board, const char *actor, const char *instance)
{
    size_t at = 0;
    while (at < board->count && compare(&board->members[at], actor, instance) < 0)
        at++;
    if (at < board->count && compare(&board->members[at], actor, instance) == 0)
        return &board->members[at];
    if (board->count == BOARD_MEMBERS_MAX) {
        board->left_out++;
        return NULL;
    }
    memmove(&board->members[at + 1], &board->members[at], (board->count - at) * sizeof board->members[0]);
    board->count++;
    board->members[at] = (struct board_member){0};
    tb_copy_text(board->members[at].actor, BOARD_NAME_SIZE, actor);
    tb_copy_text(board->members[at].instance, BOARD_NAME_SIZE, instance);
    return &board->members[at];
}

void board_expect(struct board *board, const char *actor, const char *instance)
{
    member_of(board, actor, instance);
}

static Tb__Heartbeat *copy_of(const Tb__Heartbeat *heartbeat)
{
    size_t size = tb__heartbeat__get_packed_size(heartbeat);
    uint8_t *bytes = tb_alloc_zero(size + 1, 1);
    tb__heartbeat__pack(heartbeat, bytes);
    Tb__Heartbeat *copy = tb__heartbeat__unpack(NULL, size, bytes);
    free(bytes);
    tb_assert(copy != NULL); /* what was packed unpacks */
    return copy;
}

static void hear_latency(struct board *board, const Tb__Heartbeat *heartbeat, int64_t now_us)
{
    const struct {
        const char *metric;
        struct percentile_window *window;
    } latencies[] = {{"tb_order_accept_seconds", &board->accept},
                     {"tb_fill_seconds", &board->fill},
                     {"tb_settle_seconds", &board->settle}};
    for (size_t i = 0; i < heartbeat->n_metrics; i++) {
        const Tb__Metric *metric = heartbeat->metrics[i];
        for (size_t l = 0; l < TB_ARRAY_SIZE(latencies); l++)
            if (strcmp(metric->name, latencies[l].metric) == 0 && metric->n_buckets == metric->n_bounds + 1)
                percentile_hear(latencies[l].window, heartbeat->instance, metric->bounds, metric->buckets,
                                metric->n_buckets, now_us);
    }
}

void board_hear(struct board *board, const Tb__Heartbeat *heartbeat, uint64_t boot_id, int64_t now_us)
{
    struct board_member *member = member_of(board, heartbeat->actor, heartbeat->instance);
    if (member == NULL)
        return;
    board->begun_us = board->begun_us == 0 ? now_us : board->begun_us;
    if (member->boot_id != boot_id) {
        forget_heartbeat(&member->base);
        forget_heartbeat(&member->mid);
    }
    forget_heartbeat(&member->last);
    member->last = copy_of(heartbeat);
    member->boot_id = boot_id;
    member->seen_us = now_us;
    member->gone = false;
    if (member->mid == NULL || heartbeat->sent_at_us - member->mid->sent_at_us >= ROTATE_US) {
        forget_heartbeat(&member->base);
        member->base = member->mid;
        member->mid = copy_of(heartbeat);
    }
    fleet_hear(&board->fleet, heartbeat, now_us);
    hear_latency(board, heartbeat, now_us);
}

static bool is_silent(const struct board_member *member, int64_t now_us)
{
    return member->last == NULL || member->gone || now_us - member->seen_us >= BOARD_STALE_US;
}

/* Return: a metric summed over its labels that fit. found: whether it has it at all. */
static double value_of(const Tb__Heartbeat *heartbeat, const char *name, const char *labels, bool *found)
{
    double sum = 0;
    for (size_t i = 0; i < heartbeat->n_metrics; i++) {
        const Tb__Metric *metric = heartbeat->metrics[i];
        if (strcmp(metric->name, name) != 0 || (labels != NULL && strstr(metric->labels, labels) == NULL))
            continue;
        *found = true;
        sum += metric->value;
    }
    return sum;
}

/* Return: a counter's growth per second, -1 while it cannot be said. */
static double member_rate(const struct board_member *member, const char *name, const char *labels)
{
    const Tb__Heartbeat *before = member->base != NULL ? member->base : member->mid;
    bool found = false;
    if (before == NULL || member->last->sent_at_us <= before->sent_at_us)
        return -1;
    double grown = value_of(member->last, name, labels, &found) - value_of(before, name, labels, &found);
    double seconds = (double)(member->last->sent_at_us - before->sent_at_us) / 1e6;
    return !found ? -1 : grown > 0 ? grown / seconds : 0;
}

double board_rate(const struct board *board, const char *metric, const char *labels, int64_t now_us)
{
    double sum = -1;
    for (size_t i = 0; i < board->count; i++) {
        double rate = is_silent(&board->members[i], now_us) ? -1 : member_rate(&board->members[i], metric, labels);
        if (rate >= 0)
            sum = sum < 0 ? rate : sum + rate;
    }
    return sum;
}

void board_judge(struct board *board, int64_t now_us)
{
    board->begun_us = board->begun_us == 0 ? now_us : board->begun_us;
    fleet_forget(&board->fleet, now_us);
    bool store_up = false, asked = false;
    for (size_t i = 0; i < board->count; i++) {
        bool found = false;
        if (is_silent(&board->members[i], now_us))
            continue;
        store_up = store_up || value_of(board->members[i].last, "tb_store_connected", NULL, &found) > 0;
        asked = asked || found;
    }
    cues_update(&board->cues, &board->fleet, store_up || !asked, now_us);
}

/* --- rows --- */

static bool leads_something(const char *actor)
{
    return strcmp(actor, "sequencer") == 0 || strcmp(actor, "simfill") == 0 || strcmp(actor, "matcher") == 0 ||
           strcmp(actor, "balance") == 0;
}

static void state_of(const struct board_member *member, int64_t now_us, struct board_row *row)
{
    int64_t silent_us = member->last == NULL ? -1 : now_us - member->seen_us;
    row->silent_us = silent_us < 0 && member->last != NULL ? 0 : silent_us;
    row->level = BOARD_DEAD;
    if (member->last == NULL) {
        tb_copy_text(row->state, sizeof row->state, "DEAD");
    } else if (member->gone || silent_us >= BOARD_DEAD_US) {
        snprintf(row->state, sizeof row->state, "DEAD %llds", (long long)(silent_us / 1000000));
    } else if (silent_us >= BOARD_STALE_US) {
        row->level = BOARD_DOUBTFUL;
        snprintf(row->state, sizeof row->state, "stale %llds", (long long)(silent_us / 1000000));
    } else if (strcmp(member->last->state, "READY") == 0) {
        row->level = BOARD_GOOD;
        tb_copy_text(row->state, sizeof row->state,
                     member->last->leader && leads_something(member->actor) ? "leader" : "ready");
    } else {
        bool standby = strcmp(member->last->state, "STANDBY") == 0;
        row->level = standby ? BOARD_PASSIVE : BOARD_DOUBTFUL;
        tb_copy_text(row->state, sizeof row->state, member->last->state);
        for (char *c = row->state; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
    }
}

static void rate_of(const struct board_member *member, struct board_row *row)
{
    static const struct {
        const char *actor, *metric, *unit;
    } duties[] = {{"gateway", "tb_http_requests_total", "requests"},
                  {"sequencer", "tb_orders_accepted_total", "orders"},
                  {"simfill", "tb_trades_total", "fills"},
                  {"matcher", "tb_trades_total", "fills"},
                  {"balance", "tb_adjustments_settled_total", "entries"},
                  {"persona", "tb_persona_changes_total", "changes"}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(duties); i++) {
        if (strcmp(duties[i].actor, member->actor) == 0) {
            row->unit = duties[i].unit;
            row->per_second = member_rate(member, duties[i].metric, NULL);
        }
    }
}

void board_row(const struct board *board, size_t index, int64_t now_us, struct board_row *row)
{
    tb_assert(index < board->count);
    const struct board_member *member = &board->members[index];
    *row = (struct board_row){.actor = member->actor,
                              .instance = member->instance,
                              .az = "",
                              .pid = -1,
                              .uptime_us = -1,
                              .restarts = -1,
                              .lag = -1,
                              .per_second = -1,
                              .unit = "",
                              .depth = -1,
                              .age_us = -1};
    state_of(member, now_us, row);
    if (member->last == NULL)
        return;
    row->az = member->last->az;
    row->pid = member->last->pid;
    row->restarts = member->last->restarts;
    if (row->level == BOARD_DEAD)
        return;
    bool found = false;
    if (member->last->started_at_us > 0)
        row->uptime_us = member->last->sent_at_us - member->last->started_at_us;
    row->lag = (int64_t)member->last->lag;
    rate_of(member, row);
    double depth = value_of(member->last, "tb_queue_depth", NULL, &found);
    row->depth = found ? depth : -1;
    found = false;
    double age =
        value_of(member->last, "tb_queue_oldest_milliseconds", NULL, &found) * 1000 +
        (strcmp(member->actor, "balance") == 0 ? value_of(member->last, "tb_outbox_oldest_seconds", NULL, &found) * 1e6
                                               : 0);
    row->age_us = found ? age : -1;
}

/* --- links and what befell them --- */

/* Effect: copies the value of link="…" out of labels. Return: false when there is none. */
static bool link_of(const char *labels, char name[static BOARD_NAME_SIZE])
{
    const char *from = strstr(labels, "link=\"");
    if (from == NULL)
        return false;
    from += 6;
    size_t length = strcspn(from, "\"");
    if (length == 0 || length >= BOARD_NAME_SIZE)
        return false;
    memcpy(name, from, length);
    name[length] = '\0';
    return true;
}

static struct board_link *link_named(struct board_link *links, size_t *count, const char *name)
{
    size_t at = 0;
    while (at < *count && strcmp(links[at].name, name) < 0)
        at++;
    if (at < *count && strcmp(links[at].name, name) == 0)
        return &links[at];
    if (*count == BOARD_LINKS_MAX)
        return NULL;
    memmove(&links[at + 1], &links[at], (*count - at) * sizeof links[0]);
    (*count)++;
    links[at] = (struct board_link){.depth = -1, .age_us = -1, .sent_per_s = -1, .received_per_s = -1};
    tb_copy_text(links[at].name, BOARD_NAME_SIZE, name);
    return &links[at];
}

static void add(double *sum, double value)
{
    if (value >= 0)
        *sum = *sum < 0 ? value : *sum + value;
}

static void add_to_link(struct board_link *link, const struct board_member *member, const Tb__Metric *metric)
{
    if (strcmp(metric->name, "tb_queue_depth") == 0)
        add(&link->depth, metric->value);
    else if (strcmp(metric->name, "tb_queue_oldest_milliseconds") == 0)
        link->age_us = metric->value * 1000 > link->age_us ? metric->value * 1000 : link->age_us;
    else if (strcmp(metric->name, "tb_bus_sent_total") == 0)
        add(&link->sent_per_s, member_rate(member, metric->name, metric->labels));
    else if (strcmp(metric->name, "tb_bus_received_total") == 0)
        add(&link->received_per_s, member_rate(member, metric->name, metric->labels));
    else if (strcmp(metric->name, "tb_bus_dropped_total") == 0)
        link->dropped += metric->value;
    else if (strcmp(metric->name, "tb_bus_malformed_total") == 0)
        link->malformed += metric->value;
    else if (strcmp(metric->name, "tb_bus_burst") == 0)
        link->burst = metric->value > link->burst ? metric->value : link->burst;
}

size_t board_links(const struct board *board, int64_t now_us, struct board_link links[static BOARD_LINKS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < board->count; i++) {
        const struct board_member *member = &board->members[i];
        for (size_t m = 0; !is_silent(member, now_us) && m < member->last->n_metrics; m++) {
            const Tb__Metric *metric = member->last->metrics[m];
            char name[BOARD_NAME_SIZE];
            struct board_link *link = link_of(metric->labels, name) ? link_named(links, &count, name) : NULL;
            if (link != NULL)
                add_to_link(link, member, metric);
            /* The outbox's queue is measured in the database, by its consumer. */
            if (strcmp(metric->name, "tb_outbox_oldest_seconds") == 0 && strcmp(member->actor, "balance") == 0 &&
                (link = link_named(links, &count, "outbox-stage")) != NULL)
                link->age_us = metric->value * 1e6;
        }
    }
    return count;
}

size_t board_events(const struct board *board, int64_t now_us, struct board_event events[static BOARD_EVENTS_MAX])
{
    static const char prefix[] = "tb_bus_", suffix[] = "_total";
    size_t count = 0;
    for (size_t i = 0; i < board->count; i++) {
        const struct board_member *member = &board->members[i];
        for (size_t m = 0; !is_silent(member, now_us) && m < member->last->n_metrics; m++) {
            const Tb__Metric *metric = member->last->metrics[m];
            size_t length = strlen(metric->name), at = 0;
            if (metric->kind != TB__METRIC__KIND__COUNTER || strncmp(metric->name, prefix, sizeof prefix - 1) != 0 ||
                length < sizeof prefix + sizeof suffix ||
                strcmp(metric->name + length - sizeof suffix + 1, suffix) != 0)
                continue;
            char name[BOARD_NAME_SIZE];
            snprintf(name, sizeof name, "%.*s", (int)(length - (sizeof prefix - 1) - (sizeof suffix - 1)),
                     metric->name + sizeof prefix - 1);
            while (at < count && strcmp(events[at].name, name) != 0)
                at++;
            if (at == count && count < BOARD_EVENTS_MAX) {
                events[count] = (struct board_event){0};
                tb_copy_text(events[count++].name, BOARD_NAME_SIZE, name);
            }
            if (at < count)
                events[at].total += metric->value;
        }
    }
    return count;
}
