#include "log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "ids.h"

enum { LOG_MESSAGE_MAX = 4096, LOG_LINE_MAX = 32 * 1024, LOG_FIELD_MAX = 512 };

static struct {
    const char *actor, *instance, *region;
    enum log_level level;
} log_state = {"", "", "", LOG_INFO};

static const char *const log_level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

/* Lines that wait for log_release(), in the order in which they came. No more than what a pipe takes at once or not at
 * all. */
static struct {
    bool holding;
    size_t length;
    char text[PIPE_BUF];
} log_held;

/* A line being built. Fields are bounded, and the line has room for all of them at their longest. */
struct log_line {
    size_t length;
    char text[LOG_LINE_MAX];
};

void log_init(const char *actor, const char *instance, const char *region, enum log_level level)
{
    log_state.actor = actor;
    log_state.instance = instance;
    log_state.region = region;
    log_state.level = level;
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = LOG_DEBUG; i < TB_ARRAY_SIZE(log_level_names); i++)
        if (strcmp(text, log_level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

static void log_put(struct log_line *line, const char *text, size_t length)
{
    if (length > sizeof line->text - line->length)
        return; /* cannot be, see the limits; a cut line is better than a crash in the logger */
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void log_put_text(struct log_line *line, const char *text)
{
    log_put(line, text, strlen(text));
}

/* Return: the length of the well-formed UTF-8 sequence (RFC 3629) at text, 0 when it is none. text ends with 0. */
static size_t log_utf8_length(const unsigned char *text)
{
    unsigned char lead = text[0];
    size_t length = lead < 0x80                    ? 1
                    : lead >= 0xc2 && lead <= 0xdf ? 2
                    : (lead & 0xf0) == 0xe0        ? 3
                    : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                   : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
               (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f);
    return bad ? 0 : length;
}

/* Effect: text as the inside of a JSON string, cut after limit bytes of input. */
static void log_put_escaped(struct log_line *line, const char *text, size_t limit)
{
    const char *end = text + strnlen(text, limit);
    while (text < end) {
        unsigned char c = (unsigned char)*text;
        size_t length = log_utf8_length((const unsigned char *)text);
        if (length == 0 || text + length > end) {
            log_put_text(line, "\xef\xbf\xbd"); /* U+FFFD */
            text++;
            continue;
        }
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', (char)c};
            log_put(line, escaped, 2);
        } else if (c < 0x20 || c == 0x7f) {
            char escaped[8];
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
            log_put(line, escaped, 6);
        } else {
            log_put(line, text, length);
        }
        text += length;
    }
}

static void log_put_field(struct log_line *line, const char *name, const char *value, size_t limit)
{
    log_put_text(line, line->length == 0 ? "{\"" : ",\"");
    log_put_text(line, name);
    log_put_text(line, "\":\"");
    log_put_escaped(line, value, limit);
    log_put_text(line, "\"");
}

static void log_write(const char *text, size_t length)
{
    /* One write, so that lines of processes sharing a pipe do not mix. When nobody takes it, it is lost: logging never
     * blocks work for ever. */
    ssize_t written;
    do
        written = write(STDERR_FILENO, text, length);
    while (written < 0 && errno == EINTR);
}

static void log_write_held(void)
{
    if (log_held.length > 0)
        log_write(log_held.text, log_held.length);
    log_held.length = 0;
}

static void log_take(enum log_level level, const struct log_line *line)
{
    if (log_held.length + line->length > sizeof log_held.text)
        log_write_held();
    if (!log_held.holding || level >= LOG_WARNING || line->length > sizeof log_held.text) {
        log_write_held();
        log_write(line->text, line->length);
        return;
    }
    memcpy(log_held.text + log_held.length, line->text, line->length);
    log_held.length += line->length;
}

void log_hold(void)
{
    log_held.holding = true;
}

void log_release(void)
{
    log_held.holding = false;
    log_write_held();
}

void log_event(enum log_level level, uint64_t order_seq, const char *user_id, const uint8_t *trace_id,
               const char *format, ...)
{
    tb_assert(level >= LOG_DEBUG && level <= LOG_ERROR);
    if (level < log_state.level)
        return;
    static struct log_line line; /* one thread */
    line.length = 0;

    char time_text[CLOCK_TEXT_MAX];
    log_put_field(&line, "ts", clock_format(clock_now_us(), time_text), LOG_FIELD_MAX);
    log_put_field(&line, "level", log_level_names[level], LOG_FIELD_MAX);
    log_put_field(&line, "actor", log_state.actor, LOG_FIELD_MAX);
    log_put_field(&line, "instance", log_state.instance, LOG_FIELD_MAX);

    char message[LOG_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    log_put_field(&line, "message", message, sizeof message);

    if (order_seq > 0) {
        char order_id[IDS_TEXT_MAX];
        log_put_field(&line, "orderId", ids_format(log_state.region, order_seq, order_id), LOG_FIELD_MAX);
    }
    if (user_id)
        log_put_field(&line, "userId", user_id, LOG_FIELD_MAX);
    if (trace_id) {
        char trace[33];
        ids_hex(trace_id, 16, trace);
        log_put_field(&line, "traceId", trace, LOG_FIELD_MAX);
    }
    log_put_text(&line, "}\n");
    log_take(level, &line);
}
