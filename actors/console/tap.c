#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "balances.pb-c.h"
#include "base.h"
#include "bus.h"
#include "clock.h"
#include "console.h"
#include "db.h"
#include "executions.pb-c.h"
#include "follow.h"
#include "gaps.h"
#include "history.h"
#include "ids.h"
#include "orders.pb-c.h"
#include "persona.pb-c.h"
#include "record.h"

enum { EXIT_FAILED = 1, LINKS_MAX = 2, FLUSH_BYTES = 64 * 1024, ARENA_BYTES = 64 * 1024 * 1024 };
#define POLL_US        1000000 /* with --from: the last message may be the lost one */
#define GAP_TICK_US    100000
#define OVERTAKING_US  500000 /* ops has two senders: their messages may overtake each other */
#define UNREACHABLE_US 10000000

struct tap {
    const struct arguments *arguments;
    const char *stream;
    struct loop *loop;
    struct bus *bus;
    struct db *db; /* --from */
    struct loop_timer *timer, *patience;
    struct loop_io *output;
    struct follow follow; /* --from: what is missing is read */
    struct gaps gaps;     /* else: what is missing is told */
    struct arena arena;
    struct text text;
    uint64_t printed;
    char db_reason[256];
    bool was_up;
    int exit_code;
};

static void stop(struct tap *tap, int exit_code)
{
    tap->exit_code = exit_code;
    loop_stop(tap->loop);
}

static bool is_over(const struct tap *tap)
{
    return tap->arguments->limit > 0 && tap->printed >= tap->arguments->limit;
}

static void flush(struct tap *tap)
{
    if (tap->text.length == 0)
        return;
    bool written = fwrite(tap->text.bytes, 1, tap->text.length, stdout) == tap->text.length && fflush(stdout) == 0;
    text_clear(&tap->text);
    if (!written)
        stop(tap, errno == EPIPE ? 0 : EXIT_FAILED);
}

static void print(struct tap *tap, const ProtobufCMessage *record, bool from_history)
{
    if (is_over(tap) || !record_matches(&tap->arguments->filter, record))
        return;
    if (tap->arguments->json)
        record_json_write(record, tap->arguments->region, from_history, &tap->text);
    else
        record_text_write(record, tap->arguments->region, &tap->text);
    tap->printed++;
    if (tap->text.length > FLUSH_BYTES)
        flush(tap);
    if (is_over(tap))
        stop(tap, 0);
}

/* what: "missing" (and nothing else is known) or "read from the database". */
static void print_gap(struct tap *tap, uint64_t from, uint64_t to, const char *what)
{
    if (is_over(tap))
        return;
    if (tap->arguments->json)
        text_append_format(
            &tap->text, "{\"stream\":\"%s\",\"gap\":{\"from\":%llu,\"to\":%llu,\"records\":%llu,\"fate\":\"%s\"}}\n",
            tap->stream, (unsigned long long)from, (unsigned long long)to, (unsigned long long)(to - from + 1), what);
    else
        text_append_format(&tap->text, "---- gap in %s: #%llu to #%llu did not come (%llu records, %s)\n", tap->stream,
                           (unsigned long long)from, (unsigned long long)to, (unsigned long long)(to - from + 1), what);
}

/* --- history --- */

static void read_on(struct tap *tap);

static void on_rows(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct tap *tap = arg;
    if (status == DB_UNKNOWN) { /* the connection broke: read again when it is back */
        follow_fetch_failed(&tap->follow);
        return;
    }
    if (status != DB_DONE) {
        fprintf(stderr, "tulip: the history cannot be read: %s\n", error);
        stop(tap, EXIT_FAILED);
        return;
    }
    size_t count = db_row_count(rows);
    uint64_t expected = tap->follow.next;
    for (size_t row = 0; row < count; row++) {
        const ProtobufCMessage *record = history_record(tap->stream, rows, row, &tap->arena);
        uint64_t seq = record_seq(record);
        if (seq != expected) { /* a dense stream has no such thing: say it, it is the database's own hole */
            print_gap(tap, expected, seq - 1, "not in the database");
            tap->follow.next = seq - row; /* follow_fetched adds the rows */
        }
        expected = seq + 1;
        print(tap, record, true);
        arena_reset(&tap->arena);
    }
    bool more = follow_fetched(&tap->follow, count, HISTORY_ROWS_MAX);
    flush(tap);
    if (more && !is_over(tap))
        read_on(tap);
}

static void read_on(struct tap *tap)
{
    struct db_params params;
    if (db_current_state(tap->db) != DB_UP || !follow_fetch(&tap->follow))
        return;
    db_params_init(&params, &tap->arena);
    db_add_text(&params, tap->arguments->region);
    db_add_int8(&params, (int64_t)tap->follow.next - 1);
    if (!db_call(tap->db, 0, &params, on_rows, tap))
        follow_fetch_failed(&tap->follow);
    db_flush(tap->db);
    arena_reset(&tap->arena);
}

static void on_database(void *arg, enum db_state state, const char *reason)
{
    struct tap *tap = arg;
    if (state == DB_UP) {
        tap->was_up = true;
        read_on(tap);
    } else {
        tb_copy_text(tap->db_reason, sizeof tap->db_reason, reason != NULL ? reason : "");
    }
}

static void on_timer(void *arg)
{
    read_on(arg);
}

/* Once, a while after the start: whoever asked for history and cannot have it is told why. */
static void on_patience_end(void *arg)
{
    struct tap *tap = arg;
    if (tap->was_up)
        return;
    fprintf(stderr, "tulip: the history cannot be read: the database does not answer%s%s\n",
            tap->db_reason[0] != '\0' ? ": " : "", tap->db_reason);
    stop(tap, EXIT_FAILED);
}

/* --- the wire --- */

/* What a message holds: count records, record number i is at records[i]. */
struct batch {
    ProtobufCMessage *const *records;
    size_t count;
};

/* Return: the records of a feed's message; none when it is not one of this stream. A pointer to a message is a pointer
 * to its base, which is its first member. */
static struct batch batch_of(const char *stream, const struct bus_message *message)
{
    const ProtobufCMessage *payload = message->payload;
    struct batch batch = {0};
    if (payload->descriptor == &tb__orders_appended__descriptor && strcmp(stream, "orders") == 0) {
        const Tb__OrdersAppended *m = (const Tb__OrdersAppended *)payload;
        batch = (struct batch){(ProtobufCMessage *const *)(void *)m->records, m->n_records};
    } else if (payload->descriptor == &tb__executions_appended__descriptor && strcmp(stream, "executions") == 0) {
        const Tb__ExecutionsAppended *m = (const Tb__ExecutionsAppended *)payload;
        batch = (struct batch){(ProtobufCMessage *const *)(void *)m->records, m->n_records};
    } else if (payload->descriptor == &tb__balances_appended__descriptor && strcmp(stream, "balances") == 0) {
        const Tb__BalancesAppended *m = (const Tb__BalancesAppended *)payload;
        batch = (struct batch){(ProtobufCMessage *const *)(void *)m->records, m->n_records};
    } else if (payload->descriptor == &tb__ops_appended__descriptor && strcmp(stream, "ops") == 0) {
        const Tb__OpsAppended *m = (const Tb__OpsAppended *)payload;
        batch = (struct batch){(ProtobufCMessage *const *)(void *)m->records, m->n_records};
    }
    return batch;
}

static void tell_gaps(struct tap *tap)
{
    struct gap gap;
    while (gaps_due(&tap->gaps, clock_monotonic_us(), &gap))
        print_gap(tap, gap.from, gap.to, "missing");
}

static void on_gap_timer(void *arg)
{
    tell_gaps(arg);
    flush(arg);
}

static void take_joined(struct tap *tap, struct batch batch)
{
    size_t skip = 0;
    uint64_t first = record_seq(batch.records[0]), next = tap->follow.next;
    switch (follow_offer(&tap->follow, first, batch.count, &skip)) {
    case FOLLOW_TAKE:
        for (size_t i = skip; i < batch.count; i++)
            print(tap, batch.records[i], false);
        break;
    case FOLLOW_DROP:
        break;
    case FOLLOW_GAP:
        if (first > next)
            print_gap(tap, next, first - 1, "read from the database");
        read_on(tap);
        break;
    }
}

static void on_message(void *arg, const struct bus_message *message)
{
    struct tap *tap = arg;
    if (message->envelope->type == TB__MESSAGE_TYPE__HEARTBEAT && strcmp(tap->stream, "telemetry") == 0) {
        print(tap, message->payload, false);
        return;
    }
    struct batch batch = batch_of(tap->stream, message);
    if (batch.count == 0)
        return;
    if (tap->db != NULL) {
        take_joined(tap, batch);
        return;
    }
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t seq = record_seq(batch.records[i]);
        bool is_new = gaps_take(&tap->gaps, seq, clock_monotonic_us());
        tell_gaps(tap); /* at once where nobody overtakes: before the record behind it */
        if (is_new)
            print(tap, batch.records[i], false);
    }
}

static void on_burst_end(void *arg)
{
    flush(arg);
}

static void on_stop(void *arg)
{
    stop(arg, 0);
}

/* A pipe nobody reads any more says so, even while there is nothing to write. */
static void on_output(void *arg, int fd, int events)
{
    (void)fd;
    (void)events;
    stop(arg, 0);
}

/* --- opening --- */

static int open_link(struct tap *tap, const char *name, struct err *err)
{
    struct bus_link_spec spec = {.name = name, .kind = BUS_SUB, .high_water = 10000};
    return bus_open(tap->bus, &spec, on_message, tap, err) != NULL ? 0 : -1;
}

static int open_links(struct tap *tap, struct err *err)
{
    const char *what = tap->arguments->what;
    char name[64];
    if (strcmp(what, "telemetry") == 0 || strchr(what, '-') != NULL)
        return open_link(tap, what, err);
    snprintf(name, sizeof name, "%s-feed", what);
    if (open_link(tap, name, err) < 0)
        return -1;
    return strcmp(what, "ops") == 0 ? open_link(tap, "ops-feed-reconciler", err) : 0;
}

static int open_bus(struct tap *tap, struct err *err)
{
    uint64_t boot_id;
    ids_random(&boot_id, sizeof boot_id);
    struct bus_options options = {.run_dir = tap->arguments->run_dir,
                                  .topology_file = tap->arguments->topology,
                                  .region = tap->arguments->region,
                                  .sender = "operator/tap", /* the role whose key it has */
                                  .boot_id = boot_id,
                                  .curve_dir = tap->arguments->curve_dir,
                                  .plaintext = tap->arguments->plaintext};
    tap->bus = bus_new(tap->loop, &options, err);
    if (tap->bus == NULL)
        return -1;
    bus_on_flush(tap->bus, on_burst_end, tap);
    return open_links(tap, err);
}

static int open_history(struct tap *tap, struct err *err)
{
    static struct db_statement statement;
    if (tap->arguments->from_seq == 0) {
        tap->timer = loop_timer_new(tap->loop, on_gap_timer, tap);
        loop_timer_set(tap->timer, GAP_TICK_US, GAP_TICK_US);
        return 0;
    }
    statement = *history_rows(tap->stream);
    follow_init(&tap->follow, tap->arguments->from_seq - 1);
    const char *url = tap->arguments->database_url;
    struct db_options options = {.url = url,
                                 .application_name = "tulip tap",
                                 .user = db_url_has_user(url) ? "" : tap->arguments->database_user,
                                 .statement_timeout_ms = 30000,
                                 .read_only = true};
    tap->db = db_new(tap->loop, &options, &statement, 1, on_database, tap, err);
    if (tap->db == NULL)
        return err_wrap(err, "database");
    tap->timer = loop_timer_new(tap->loop, on_timer, tap);
    loop_timer_set(tap->timer, POLL_US, POLL_US);
    tap->patience = loop_timer_new(tap->loop, on_patience_end, tap);
    loop_timer_set(tap->patience, UNREACHABLE_US, 0);
    return 0;
}

static void watch_output(struct tap *tap)
{
    struct stat output;
    if (fstat(STDOUT_FILENO, &output) == 0 && S_ISFIFO(output.st_mode))
        tap->output = loop_io_new(tap->loop, STDOUT_FILENO, LOOP_READ, on_output, tap);
}

static const char *stream_of(const char *what)
{
    static const char *const streams[] = {"orders", "executions", "balances", "ops", "telemetry"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(streams); i++)
        if (strncmp(what, streams[i], strlen(streams[i])) == 0)
            return streams[i];
    tb_assert(!"a stream that arguments_read lets through");
    return NULL;
}

int tap_run(const struct arguments *arguments)
{
    struct err err = {{0}};
    struct tap tap = {.arguments = arguments, .stream = stream_of(arguments->what), .loop = loop_new()};
    arena_init(&tap.arena, ARENA_BYTES);
    gaps_init(&tap.gaps, strcmp(arguments->what, "ops") == 0 ? OVERTAKING_US : 0);
    loop_on_stop_signal(tap.loop, on_stop, &tap);
    if (open_bus(&tap, &err) < 0 || open_history(&tap, &err) < 0) {
        fprintf(stderr, "tulip: %s\n", err.text);
        tap.exit_code = EXIT_FAILED;
    } else {
        watch_output(&tap);
        loop_run(tap.loop);
        flush(&tap);
    }
    loop_timer_free(&tap.timer);
    loop_timer_free(&tap.patience);
    loop_io_free(&tap.output);
    db_free(&tap.db);
    bus_free(&tap.bus);
    loop_free(&tap.loop);
    arena_release(&tap.arena);
    text_release(&tap.text);
    return tap.exit_code;
}
