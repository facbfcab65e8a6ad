#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "board_feed.h"
#include "board_text.h"
#include "bus.h"
#include "clock.h"
#include "console.h"
#include "db.h"
#include "history.h"
#include "ids.h"
#include "terminal.h"

enum { EXIT_FAILED = 1, EXIT_NOBODY = 3, ARENA_BYTES = 1024 * 1024, FRAME_BYTES_MAX = 16 * 1024 * 1024 };
enum { STATEMENT_ALARMS, STATEMENT_POSITIONS, STATEMENT_COUNT };
#define TICK_US          250000
#define ASK_EVERY_US     2000000
#define ONCE_LISTENS_US  2300000 /* rates need heartbeats two seconds apart */
#define SILENT_ENOUGH_US 600000  /* then it is asked whether the process still exists */

struct top {
    const struct arguments *arguments;
    struct board *board;
    struct loop *loop;
    struct bus *bus;
    struct db *db;
    struct loop_timer *tick;
    struct loop_io *keys, *feed;
    struct board_feed *frames;
    struct arena arena;
    struct text page;
    bool on_screen;
    int width, height;
    int64_t shown_us, asked_us;
    int asking; /* answers that are still to come */
    int exit_code;
};

static void on_heartbeat(void *arg, const struct bus_message *message)
{
    struct top *top = arg;
    if (message->envelope->type == TB__MESSAGE_TYPE__HEARTBEAT)
        board_hear(top->board, (const Tb__Heartbeat *)message->payload, message->envelope->boot_id, clock_now_us());
}

/* --- the database --- */

static void on_alarms(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct top *top = arg;
    (void)error; /* what is not known any more is shown with its age */
    top->asking--;
    if (status == DB_DONE)
        history_take_alarms(top->board, rows, clock_now_us());
}

static void on_positions(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct top *top = arg;
    (void)error;
    top->asking--;
    if (status == DB_DONE)
        history_take_positions(top->board, rows, clock_now_us());
}

static void ask_database(struct top *top)
{
    static db_result_handler *const handlers[STATEMENT_COUNT] = {on_alarms, on_positions};
    if (top->db == NULL || db_current_state(top->db) != DB_UP || top->asking > 0)
        return;
    top->asked_us = clock_monotonic_us();
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        struct db_params params;
        db_params_init(&params, &top->arena);
        db_add_text(&params, top->arguments->region);
        if (db_call(top->db, i, &params, handlers[i], top))
            top->asking++;
    }
    db_flush(top->db);
    arena_reset(&top->arena);
}

static void on_database(void *arg, enum db_state state, const char *reason)
{
    (void)reason;
    if (state == DB_UP)
        ask_database(arg);
}

static int open_database(struct top *top, struct err *err)
{
    static struct db_statement statements[STATEMENT_COUNT];
    statements[STATEMENT_ALARMS] = history_alarms;
    statements[STATEMENT_POSITIONS] = history_positions;
    if (top->arguments->database_url[0] == '\0')
        return 0;
    struct db_options options = {.url = top->arguments->database_url,
                                 .application_name = "tulip top",
                                 .user =
                                     db_url_has_user(top->arguments->database_url) ? "" : top->arguments->database_user,
                                 .statement_timeout_ms = 5000,
                                 .read_only = true};
    top->db = db_new(top->loop, &options, statements, STATEMENT_COUNT, on_database, top, err);
    return top->db != NULL ? 0 : err_wrap(err, "database");
}

/* --- showing --- */

static void stop(struct top *top, int exit_code)
{
    top->exit_code = exit_code;
    loop_stop(top->loop);
}

static void show(struct top *top)
{
    int64_t now_us = clock_now_us();
    struct page page = {.text = &top->page};
    board_judge(top->board, now_us);
    text_clear(&top->page);
    top->shown_us = clock_monotonic_us();
    if (top->arguments->json) {
        board_json_write(top->board, &top->page, now_us);
    } else {
        if (top->on_screen) {
            terminal_size(&top->width, &top->height);
            page.width = top->width;
            page.height = top->height;
            page.color = terminal_has_color();
        }
        board_text_write(top->board, &page, now_us);
        if (!top->on_screen && !top->arguments->once)
            text_append_string(&top->page, "\n");
    }
    bool shown = top->on_screen
                     ? terminal_show(top->page.bytes, top->page.length)
                     : fwrite(top->page.bytes, 1, top->page.length, stdout) == top->page.length && fflush(stdout) == 0;
    if (!shown)
        stop(top, errno == EPIPE ? 0 : EXIT_FAILED); /* whoever read it has gone */
}

/* Effect: whoever is silent and has no process any more is dead, without waiting. */
static void look_for_processes(struct top *top)
{
    int64_t now_us = clock_now_us();
    for (size_t i = 0; i < top->board->count; i++) {
        struct board_member *member = &top->board->members[i];
        if (member->last != NULL && !member->gone && now_us - member->seen_us > SILENT_ENOUGH_US)
            member->gone = kill((pid_t)member->last->pid, 0) < 0 && errno == ESRCH;
    }
}

static void on_tick(void *arg)
{
    struct top *top = arg;
    int64_t now_us = clock_monotonic_us();
    int width = top->width, height = top->height;
    if (top->arguments->local)
        look_for_processes(top);
    if (now_us - top->asked_us >= ASK_EVERY_US)
        ask_database(top);
    if (top->on_screen)
        terminal_size(&width, &height);
    if (now_us - top->shown_us >= top->arguments->interval_us - TICK_US / 2 || width != top->width ||
        height != top->height)
        show(top);
}

static void on_once(void *arg)
{
    struct top *top = arg;
    if (top->arguments->local)
        look_for_processes(top);
    show(top);
    bool anybody = false;
    for (size_t i = 0; i < top->board->count; i++)
        anybody = anybody || top->board->members[i].last != NULL;
    stop(top, top->exit_code != 0 ? top->exit_code : anybody ? 0 : EXIT_NOBODY);
}

static void on_key(void *arg, int fd, int events)
{
    struct top *top = arg;
    (void)fd;
    (void)events;
    int key = terminal_key();
    if (key == 'q' || key == 'Q' || key < 0)
        stop(top, 0);
}

static void on_stop(void *arg)
{
    stop(arg, 0);
}

/* --- frames instead of the bus --- */

static void on_feed(void *arg, int fd, int events)
{
    struct top *top = arg;
    char bytes[65536];
    (void)events;
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        stop(top, 0);
        return;
    }
    board_feed_take(top->frames, bytes, (size_t)got, clock_now_us());
    if (top->arguments->once && board_feed_frames(top->frames) >= 2)
        on_once(top);
}

static int listen_to_actors(struct top *top, struct err *err)
{
    if (top->arguments->feed_fd >= 0) {
        top->frames = board_feed_new(top->board);
        top->feed = loop_io_new(top->loop, top->arguments->feed_fd, LOOP_READ, on_feed, top);
        return 0;
    }
    uint64_t boot_id;
    ids_random(&boot_id, sizeof boot_id);
    struct bus_options options = {.run_dir = top->arguments->run_dir,
                                  .topology_file = top->arguments->topology,
                                  .region = top->arguments->region,
                                  .sender = "operator/top", /* the role whose key it has */
                                  .boot_id = boot_id,
                                  .curve_dir = top->arguments->curve_dir,
                                  .plaintext = top->arguments->plaintext,
                                  .frame_max_bytes = FRAME_BYTES_MAX};
    struct bus_link_spec spec = {.name = "telemetry", .kind = BUS_SUB};
    top->bus = bus_new(top->loop, &options, err);
    if (top->bus == NULL || bus_open(top->bus, &spec, on_heartbeat, top, err) == NULL)
        return -1;
    return 0;
}

/* Effect: a row for each "actor/instance" of the list. */
static void expect_all(struct board *board, const char *list)
{
    char actor[BOARD_NAME_SIZE], instance[BOARD_NAME_SIZE];
    int used = 0;
    for (; list != NULL && sscanf(list, " %39[^/ ]/%39[^/ ]%n", actor, instance, &used) == 2; list += used) /* NOLINT */
        board_expect(board, actor, instance);
}

static void start_timers(struct top *top)
{
    const struct arguments *arguments = top->arguments;
    if (arguments->once && arguments->feed_fd >= 0)
        return; /* the second frame shows it */
    top->tick = loop_timer_new(top->loop, arguments->once ? on_once : on_tick, top);
    if (arguments->once)
        loop_timer_set(top->tick, arguments->interval_us > ONCE_LISTENS_US ? arguments->interval_us : ONCE_LISTENS_US,
                       0);
    else
        loop_timer_set(top->tick, TICK_US, TICK_US);
}

int top_run(const struct arguments *arguments)
{
    struct err err = {{0}};
    struct top top = {.arguments = arguments, .board = board_new(arguments->region), .loop = loop_new()};
    arena_init(&top.arena, ARENA_BYTES);
    expect_all(top.board, arguments->expect);
    loop_on_stop_signal(top.loop, on_stop, &top);
    top.shown_us =
        clock_monotonic_us() - arguments->interval_us + 2 * TICK_US; /* the first page soon, with something on it */
    if (listen_to_actors(&top, &err) < 0 || open_database(&top, &err) < 0) {
        fprintf(stderr, "tulip: %s\n", err.text);
        top.exit_code = EXIT_FAILED;
    } else {
        top.on_screen = !arguments->once && !arguments->json && terminal_is_there();
        if (top.on_screen) {
            terminal_open();
            if (isatty(STDIN_FILENO))
                top.keys = loop_io_new(top.loop, STDIN_FILENO, LOOP_READ, on_key, &top);
        }
        start_timers(&top);
        loop_run(top.loop);
    }
    terminal_close();
    loop_io_free(&top.keys);
    loop_io_free(&top.feed);
    board_feed_free(&top.frames);
    loop_timer_free(&top.tick);
    db_free(&top.db);
    bus_free(&top.bus);
    loop_free(&top.loop);
    arena_release(&top.arena);
    text_release(&top.page);
    board_free(&top.board);
    return top.exit_code;
}
