#include "board_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "clock.h"

enum { LINE_MAX_LENGTH = 1600, NUMBER_MAX_LENGTH = 24 };
enum style { PLAIN, BOLD, DIM, YELLOW, RED };
static const char *const codes[] = {
    [PLAIN] = "", [BOLD] = "\033[1m", [DIM] = "\033[2m", [YELLOW] = "\033[33m", [RED] = "\033[1;31m"};

static void write_line(struct page *page, enum style style, const char *line)
{
    page->lines++;
    size_t length = strlen(line);
    if (page->width > 0 && length > (size_t)page->width)
        length = (size_t)page->width;
    if (page->color)
        text_append_string(page->text, codes[style]);
    for (size_t i = 0; i < length; i++) { /* nothing of what others sent may steer the terminal */
        char shown = line[i] >= ' ' && line[i] < 127 ? line[i] : '?';
        text_append(page->text, &shown, 1);
    }
    if (page->color)
        text_append_string(page->text, style != PLAIN ? "\033[0m\033[K" : "\033[K");
    text_append_string(page->text, "\n");
}

static void say(struct page *page, enum style style, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(struct page *page, enum style style, const char *format, ...)
{
    char line[LINE_MAX_LENGTH];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (page->height > 0 && page->lines >= page->height - 1)
        page->missing++;
    else
        write_line(page, style, line);
}

const char *span_format(double us, char text[static SPAN_TEXT_MAX])
{
    double seconds = us / 1e6;
    if (us < 0)
        tb_copy_text(text, SPAN_TEXT_MAX, "-");
    else if (us < 1)
        tb_copy_text(text, SPAN_TEXT_MAX, "0");
    else if (us < 999.5)
        snprintf(text, SPAN_TEXT_MAX, "%.0fus", us);
    else if (us < 9950)
        snprintf(text, SPAN_TEXT_MAX, "%.1fms", us / 1000);
    else if (us < 999500)
        snprintf(text, SPAN_TEXT_MAX, "%.0fms", us / 1000);
    else if (seconds < 9.95)
        snprintf(text, SPAN_TEXT_MAX, "%.1fs", seconds);
    else if (seconds < 120)
        snprintf(text, SPAN_TEXT_MAX, "%.0fs", seconds);
    else if (seconds < 7200)
        snprintf(text, SPAN_TEXT_MAX, "%.0fm", seconds / 60 - 0.5);
    else if (seconds < 100 * 3600)
        snprintf(text, SPAN_TEXT_MAX, "%dh%02d", (int)(seconds / 3600), (int)(seconds / 60) % 60);
    else
        snprintf(text, SPAN_TEXT_MAX, "%.0fd", seconds / 86400 - 0.5);
    return text;
}

/* Effect: a rate or a count in few characters, "-" when it is not known. */
static const char *number_format(double value, const char *format, char text[static NUMBER_MAX_LENGTH])
{
    if (value < 0)
        tb_copy_text(text, NUMBER_MAX_LENGTH, "-");
    else if (value >= 1e6)
        snprintf(text, NUMBER_MAX_LENGTH, "%.1fM", value / 1e6);
    else
        snprintf(text, NUMBER_MAX_LENGTH, strcmp(format, "rate") == 0 && value < 100 ? "%.1f" : "%.0f", value);
    return text;
}

static void write_latency(const char *name, const struct percentile_window *window, int64_t now_us, char *line,
                          size_t size)
{
    char p50[SPAN_TEXT_MAX], p99[SPAN_TEXT_MAX];
    double half = percentile_of(window, 0.5, BOARD_LATENCY_SECONDS, now_us);
    double most = percentile_of(window, 0.99, BOARD_LATENCY_SECONDS, now_us);
    size_t used = strlen(line);
    snprintf(line + used, size - used, "  %s %s/%s", name, span_format(half * 1e6, p50), span_format(most * 1e6, p99));
}

static void write_head(const struct board *board, struct page *page, int64_t now_us)
{
    char time[CLOCK_TEXT_MAX], line[LINE_MAX_LENGTH] = "latency p50/p99";
    char orders[NUMBER_MAX_LENGTH], fills[NUMBER_MAX_LENGTH], entries[NUMBER_MAX_LENGTH];
    clock_format(now_us, time);
    say(page, BOLD, "TulipBroker %s  %.19sZ", board->region, time);
    say(page, PLAIN, "rates  %s orders/s  %s fills/s  %s entries/s",
        number_format(board_rate(board, "tb_orders_accepted_total", NULL, now_us), "rate", orders),
        number_format(board_rate(board, "tb_trades_total", NULL, now_us), "rate", fills),
        number_format(board_rate(board, "tb_adjustments_settled_total", NULL, now_us), "rate", entries));
    write_latency("accept", &board->accept, now_us, line, sizeof line);
    write_latency("fill", &board->fill, now_us, line, sizeof line);
    write_latency("settle", &board->settle, now_us, line, sizeof line);
    say(page, PLAIN, "%s", line);
}

static void write_positions(const struct board *board, struct page *page, int64_t now_us)
{
    char line[LINE_MAX_LENGTH] = "heads ", age[SPAN_TEXT_MAX];
    if (board->positions_read_us == 0) {
        say(page, YELLOW, "heads  not known: the database was not asked or does not answer");
        return;
    }
    for (size_t i = 0; i < board->position_count; i++) {
        const struct board_position *position = &board->positions[i];
        size_t used = strlen(line);
        if (position->consumer[0] == '\0')
            snprintf(line + used, sizeof line - used, " %s %llu", position->stream,
                     (unsigned long long)position->position);
        else if (position->behind > 0)
            snprintf(line + used, sizeof line - used, "  %s behind %s by %llu", position->consumer, position->stream,
                     (unsigned long long)position->behind);
    }
    bool late = now_us - board->positions_read_us > 6000000;
    say(page, late ? YELLOW : PLAIN, "%s%s%s", line, late ? "  read before " : "",
        late ? span_format((double)(now_us - board->positions_read_us), age) : "");
}

static void write_trouble(const struct board *board, struct page *page, int64_t now_us)
{
    char span[SPAN_TEXT_MAX];
    if (board->alarms_read_us == 0)
        say(page, YELLOW, "alarms not known: the database was not asked or does not answer");
    else if (board->alarm_count == 0)
        say(page, PLAIN, "alarms none%s%s", now_us - board->alarms_read_us > 6000000 ? ", as of " : "",
            now_us - board->alarms_read_us > 6000000 ? span_format((double)(now_us - board->alarms_read_us), span)
                                                     : "");
    for (size_t i = 0; i < board->alarm_count; i++) {
        const struct board_alarm *alarm = &board->alarms[i];
        say(page, strcmp(alarm->severity, "critical") == 0 ? RED : YELLOW, "ALARM  %s (%s, %s) %s", alarm->id,
            alarm->severity, span_format((double)(now_us - alarm->since_us), span), alarm->message);
    }
    bool any = false;
    for (enum cue cue = 0; cue < CUES_COUNT; cue++) {
        if (board->cues.since_us[cue] == 0)
            continue;
        any = true;
        say(page, cue == CUE_REGION_OUTAGE ? RED : YELLOW, "CUE    %s for %s", cues_id(cue),
            span_format((double)(now_us - board->cues.since_us[cue]), span));
    }
    if (!any)
        say(page, PLAIN, "cues   none");
}

static void write_members(const struct board *board, struct page *page, int64_t now_us)
{
    static const enum style styles[] = {
        [BOARD_GOOD] = PLAIN, [BOARD_PASSIVE] = DIM, [BOARD_DOUBTFUL] = YELLOW, [BOARD_DEAD] = RED};
    say(page, BOLD, "%-13s %-6s %-9s %8s %5s %4s %8s %7s %5s %6s", "ACTOR", "AZ", "STATE", "PID", "UP", "RST", "RATE/s",
        "QUEUE", "AGE", "LAG");
    for (size_t i = 0; i < board->count; i++) {
        struct board_row row;
        board_row(board, i, now_us, &row);
        char title[2 * BOARD_NAME_SIZE + 2], up[SPAN_TEXT_MAX], age[SPAN_TEXT_MAX];
        char pid[NUMBER_MAX_LENGTH], restarts[NUMBER_MAX_LENGTH], rate[NUMBER_MAX_LENGTH], depth[NUMBER_MAX_LENGTH],
            lag[NUMBER_MAX_LENGTH];
        snprintf(title, sizeof title, "%s/%s", row.actor, row.instance);
        if (row.silent_us < 0) {
            say(page, RED, "%-13s %-6s %-9s %s", title, "-", row.state, "never heard of");
            continue;
        }
        snprintf(pid, sizeof pid, "%lld", (long long)row.pid);
        say(page, styles[row.level], "%-13s %-6.6s %-9s %8s %5s %4s %8s %7s %5s %6s", title,
            row.az[0] != '\0' ? row.az : "-", row.state, pid, span_format((double)row.uptime_us, up),
            number_format((double)row.restarts, "count", restarts), number_format(row.per_second, "rate", rate),
            number_format(row.depth, "count", depth), span_format(row.age_us, age),
            number_format((double)row.lag, "count", lag));
    }
    if (board->count == 0)
        say(page, RED, "nobody was heard of");
    if (board->left_out > 0)
        say(page, YELLOW, "more actors than fit here (%d)", BOARD_MEMBERS_MAX);
}

static void write_links(const struct board *board, struct page *page, int64_t now_us)
{
    struct board_link links[BOARD_LINKS_MAX];
    struct board_event events[BOARD_EVENTS_MAX];
    size_t count = board_links(board, now_us, links), event_count = board_events(board, now_us, events);
    say(page, BOLD, "%-22s %7s %6s %8s %8s %8s %7s", "LINK", "DEPTH", "AGE", "SENT/s", "RECV/s", "DROPPED", "BURST");
    for (size_t i = 0; i < count; i++) {
        char depth[NUMBER_MAX_LENGTH], age[SPAN_TEXT_MAX], sent[NUMBER_MAX_LENGTH], received[NUMBER_MAX_LENGTH],
            dropped[NUMBER_MAX_LENGTH], burst[NUMBER_MAX_LENGTH];
        say(page, links[i].malformed > 0 ? YELLOW : PLAIN, "%-22s %7s %6s %8s %8s %8s %7s", links[i].name,
            number_format(links[i].depth, "count", depth), span_format(links[i].age_us, age),
            number_format(links[i].sent_per_s, "rate", sent), number_format(links[i].received_per_s, "rate", received),
            number_format(links[i].dropped, "count", dropped), number_format(links[i].burst, "count", burst));
    }
    char line[LINE_MAX_LENGTH] = "bus   ";
    bool bad = false;
    for (size_t i = 0; i < event_count; i++) {
        size_t used = strlen(line);
        if (strcmp(events[i].name, "sent") == 0 || strcmp(events[i].name, "received") == 0)
            continue;
        bad = bad || ((strcmp(events[i].name, "malformed") == 0 || strstr(events[i].name, "fail") != NULL) &&
                      events[i].total > 0);
        snprintf(line + used, sizeof line - used, " %s %.0f", events[i].name, events[i].total);
    }
    if (event_count > 0)
        say(page, bad ? YELLOW : PLAIN, "%s", line);
}

void board_text_write(const struct board *board, struct page *page, int64_t now_us)
{
    page->lines = page->missing = 0;
    write_head(board, page, now_us);
    write_positions(board, page, now_us);
    write_trouble(board, page, now_us);
    write_members(board, page, now_us);
    write_links(board, page, now_us);
    if (page->missing > 0) {
        char line[64];
        snprintf(line, sizeof line, "... %d more lines: make the window taller", page->missing);
        write_line(page, DIM, line);
    }
}
