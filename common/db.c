#include "db.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "db_values.h"
#include "ids.h"
#include "inject.h"
#include "log.h"
#include "secret.h"

enum {
    CONNECT_DEADLINE_US = 5000000, /* connect_timeout does not hold for asynchronous connects */
    ANSWER_GRACE_US = 5000000,     /* beyond statement_timeout: then the server or the way to it is gone */
    WATCH_US = 250000,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 2000,
    SERVER_VERSION_MIN = 150000,
    REASON_MAX = 256,
    KEYWORDS_MAX = 64,
    PARAMS_MAX = 48,
    OWN_STATEMENTS = 2,
};

/* DOWN (backoff) -> CONNECTING (PQconnectPoll) -> SETUP (settings checked, statements prepared) -> UP, and from
 * anywhere back to DOWN. */
enum phase { PHASE_DOWN, PHASE_CONNECTING, PHASE_SETUP, PHASE_UP };

struct call {
    db_result_handler *handler;
    void *arg;
};

struct prepared {
    int count;
    uint32_t types[PARAMS_MAX];
};

struct db_rows {
    PGresult *result;
};

struct db {
    struct loop *loop;
    char *url, *application_name, *user, *password_file;
    char settings[768];      /* session settings, as an options string */
    int64_t answer_limit_us; /* 0 = none */
    bool read_only;
    int64_t lease_us;                /* 0 = none */
    struct db_statement *statements; /* the caller's, then ping, then try_lock */
    struct prepared *prepared;
    size_t statement_count;
    db_state_handler *on_state;
    void *on_state_arg;

    enum phase phase;
    PGconn *conn;
    struct loop_io *io;
    struct loop_timer *retry, *deadline;
    struct loop_timer *held; /* when an injected fault lets the next answer through */
    int backoff_ms;
    char reason[REASON_MAX]; /* why the connection has to go, "" = it has not */
    size_t setup_results;

    struct call calls[DB_CALLS_MAX]; /* a ring; the oldest is the one whose results come now */
    size_t first, under_way;
    int64_t head_since_us;
    int64_t spoken_us;     /* when the last call was sent */
    PGresult *head_result; /* held until its transaction has ended */
    enum db_status head_status;
    char head_error[REASON_MAX];
    bool in_handler;
};

/* Our own statements, prepared after the caller's. */
static const struct db_statement ping = {"tb_ping", "SELECT 1"};
static const struct db_statement try_lock = {"tb_try_lock", "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"};

static void drop_connection(struct db *db, const char *reason);

/* ---- connecting ---- */

static void tell(struct db *db, enum db_state state, const char *reason)
{
    db->in_handler = true;
    db->on_state(db->on_state_arg, state, reason);
    db->in_handler = false;
}

/* Effect: the first line of text, without its end. */
static void copy_line(char *to, size_t size, const char *text)
{
    tb_copy_text(to, size, text == NULL || text[0] == '\0' ? "no reason given" : text);
    to[strcspn(to, "\r\n")] = '\0';
}

static void on_notice(void *arg, const PGresult *result)
{
    struct db *db = arg;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (text == NULL)
        return;
    if (strstr(text, "synchronous replication") !=
        NULL) /* "canceling wait for …": committed here, but not acknowledged: in doubt */
        tb_copy_text(db->reason, sizeof db->reason, "the wait for synchronous replication was cancelled");
    log_debug("database says: %.200s", text);
}

static void put_setting(const char **keywords, const char **values, int *count, const char *keyword, const char *value)
{
    tb_assert(*count < KEYWORDS_MAX - 1);
    keywords[*count] = keyword;
    values[*count] = value;
    (*count)++;
}

/* Effect: starts a connection from the url, with our own settings over it. password: "" = the url's, if any. */
static PGconn *start_connection(struct db *db, const char *password)
{
    const char *keywords[KEYWORDS_MAX] = {NULL};
    const char *values[KEYWORDS_MAX] = {NULL};
    char options[2048] = "";
    int count = 0;
    put_setting(keywords, values, &count, "gssencmode", "disable");
    PQconninfoOption *parsed = PQconninfoParse(db->url, NULL);
    if (parsed == NULL)
        return NULL;
    for (PQconninfoOption *option = parsed; option->keyword != NULL; option++) {
        if (option->val == NULL)
            continue;
        if (strcmp(option->keyword, "options") == 0)
            tb_copy_text(options, sizeof options - sizeof db->settings - 2, option->val);
        else
            put_setting(keywords, values, &count, option->keyword, option->val);
    }
    size_t used = strlen(options);
    snprintf(options + used, sizeof options - used, " %s", db->settings);
    put_setting(keywords, values, &count, "options", options);
    put_setting(keywords, values, &count, "application_name", db->application_name);
    put_setting(keywords, values, &count, "client_encoding", "UTF8");
    put_setting(keywords, values, &count, "keepalives", "1");
    put_setting(keywords, values, &count, "keepalives_idle", "5");
    put_setting(keywords, values, &count, "keepalives_interval", "2");
    put_setting(keywords, values, &count, "keepalives_count", "3");
    put_setting(keywords, values, &count, "tcp_user_timeout", "10000");
    if (db->user[0] != '\0')
        put_setting(keywords, values, &count, "user", db->user);
    if (password[0] != '\0')
        put_setting(keywords, values, &count, "password", password);
    PGconn *conn = PQconnectStartParams(keywords, values, 0);
    PQconninfoFree(parsed);
    return conn;
}

static void on_io(void *arg, int fd, int events);

/* The socket may change between two polls, so the watcher is made anew. */
static void watch_socket(struct db *db, int events)
{
    loop_io_free(&db->io);
    int fd = PQsocket(db->conn);
    if (fd >= 0)
        db->io = loop_io_new(db->loop, fd, events, on_io, db);
}

static void on_retry(void *arg)
{
    struct db *db = arg;
    db->reason[0] = '\0';
    db->phase = PHASE_CONNECTING;
    tell(db, DB_CONNECTING, "");
    char password[SECRET_MAX];
    struct err err = {0};
    if (secret_read(db->password_file, db->user, password, &err) < 0) {
        drop_connection(db, err.text);
        return;
    }
    db->conn = start_connection(db, password);
    explicit_bzero(password, sizeof password);
    if (db->conn == NULL || PQstatus(db->conn) == CONNECTION_BAD) {
        drop_connection(db, db->conn != NULL ? PQerrorMessage(db->conn) : "out of memory");
        return;
    }
    PQsetNoticeReceiver(db->conn, on_notice, db);
    loop_timer_set(db->deadline, CONNECT_DEADLINE_US, 0);
    watch_socket(db, LOOP_WRITE);
}

static void schedule_retry(struct db *db)
{
    uint32_t random;
    ids_random(&random, sizeof random);
    int64_t span_us = (int64_t)db->backoff_ms * 1000;
    loop_timer_set(db->retry, span_us / 2 + (int64_t)(random % 1000) * span_us / 1000, 0); /* 50 to 150 % */
    db->backoff_ms = db->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : db->backoff_ms * 2;
}

/* Effect: closes the connection, answers every call under way with DB_UNKNOWN, tells the state, tries again later. */
static void drop_connection(struct db *db, const char *reason)
{
    char text[REASON_MAX];
    copy_line(text, sizeof text, reason);
    loop_io_free(&db->io);
    loop_timer_clear(db->deadline);
    PQclear(db->head_result);
    db->head_result = NULL;
    PQfinish(db->conn);
    db->conn = NULL;
    db->phase = PHASE_DOWN;
    db->in_handler = true;
    for (; db->under_way > 0; db->under_way--) {
        struct call call = db->calls[db->first];
        db->first = (db->first + 1) % DB_CALLS_MAX;
        call.handler(call.arg, DB_UNKNOWN, NULL, text);
    }
    db->in_handler = false;
    tell(db, DB_DOWN, text);
    schedule_retry(db);
}

static bool send_call(struct db *db, size_t statement, const struct db_params *params, db_result_handler *handler,
                      void *arg);

static void on_ping(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    (void)arg; /* the server has heard of us, that is all */
    (void)status;
    (void)rows;
    (void)error;
}

static void keep_lease(struct db *db)
{
    struct db_params none = {0};
    if (db->lease_us > 0 && db->under_way == 0 && clock_monotonic_us() - db->spoken_us > db->lease_us / 4)
        send_call(db, db->statement_count - OWN_STATEMENTS, &none, on_ping, db);
}

static void on_deadline(void *arg)
{
    struct db *db = arg;
    if (db->phase != PHASE_UP)
        drop_connection(db, "no connection within 5 s");
    else if (db->reason[0] != '\0')
        drop_connection(db, db->reason);
    else if (db->under_way > 0 && db->answer_limit_us > 0 &&
             clock_monotonic_us() - db->head_since_us > db->answer_limit_us)
        drop_connection(
            db, "no answer within the statement timeout and 5 s"); /* never a cancel: it might hit a waiting COMMIT */
    else
        keep_lease(db);
}

static void flush_output(struct db *db)
{
    int left = PQflush(db->conn);
    if (left < 0)
        tb_copy_text(db->reason, sizeof db->reason, "the connection broke while sending");
    if (db->io != NULL)
        loop_io_change(db->io, left > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* ---- set-up: check the server, prepare the statements ---- */

static void begin_setup(struct db *db)
{
    if (PQserverVersion(db->conn) < SERVER_VERSION_MIN) {
        drop_connection(db, "the server is older than PostgreSQL 15");
        return;
    }
    bool sent =
        PQsetnonblocking(db->conn, 1) == 0 && PQenterPipelineMode(db->conn) == 1 &&
        PQsendQueryParams(db->conn,
                          "SELECT name FROM (VALUES ('fsync'), ('full_page_writes'), ('synchronous_commit')) s(name) "
                          "WHERE current_setting(name) = 'off'",
                          0, NULL, NULL, NULL, NULL, 1) == 1;
    for (size_t i = 0; sent && i < db->statement_count; i++)
        sent = PQsendPrepare(db->conn, db->statements[i].name, db->statements[i].sql, 0, NULL) == 1 &&
               PQsendDescribePrepared(db->conn, db->statements[i].name) == 1;
    if (!sent || PQpipelineSync(db->conn) != 1) {
        drop_connection(db, PQerrorMessage(db->conn));
        return;
    }
    db->phase = PHASE_SETUP;
    db->setup_results = 0;
    watch_socket(db, LOOP_READ);
    flush_output(db);
}

/* The set-up's results in order: the settings, then per statement its preparation and its description. */
static void take_setup_result(struct db *db, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    size_t at = db->setup_results++;
    if (db->reason[0] != '\0' || status == PGRES_PIPELINE_ABORTED)
        return;
    if (status == PGRES_FATAL_ERROR) {
        const char *name = at == 0 || at > 2 * db->statement_count ? "settings" : db->statements[(at - 1) / 2].name;
        char text[REASON_MAX];
        copy_line(text, sizeof text, PQresultErrorMessage(result));
        snprintf(db->reason, sizeof db->reason, "%.40s: %.200s", name, text);
    } else if (at == 0 && PQntuples(result) > 0) {
        snprintf(db->reason, sizeof db->reason, "the server runs with %.40s = off, with which committed is not durable",
                 PQgetvalue(result, 0, 0));
    } else if (at > 0 && at % 2 == 0) {
        struct prepared *prepared = &db->prepared[(at - 1) / 2];
        prepared->count = PQnparams(result);
        tb_assert(prepared->count <= PARAMS_MAX);
        for (int i = 0; i < prepared->count; i++)
            prepared->types[i] = PQparamtype(result, i);
    }
}

static void end_setup(struct db *db)
{
    if (db->reason[0] != '\0') {
        drop_connection(db, db->reason);
        return;
    }
    db->phase = PHASE_UP;
    db->backoff_ms = BACKOFF_FIRST_MS;
    db->first = db->under_way = 0;
    loop_timer_set(db->deadline, WATCH_US, WATCH_US);
    tell(db, DB_UP, "");
}

/* ---- results ---- */

/* Whether an error says that this connection is of no more use: shutting down, broken, or connected to what is a
 * standby now. */
static bool is_fatal(const struct db *db, const char *sqlstate)
{
    static const char *const classes[] = {"08", "57P", "58", "F0", "XX"};
    if (!db->read_only && strcmp(sqlstate, "25006") == 0)
        return true;
    for (size_t i = 0; i < TB_ARRAY_SIZE(classes); i++)
        if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
            return true;
    return false;
}

static void take_error(struct db *db, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (sqlstate == NULL || is_fatal(db, sqlstate)) {
        copy_line(db->reason, sizeof db->reason, text != NULL ? text : PQresultErrorMessage(result));
        return;
    }
    if (db->head_status != DB_DONE)
        return; /* the first error counts */
    db->head_status = strcmp(sqlstate, DB_SQLSTATE_FENCED) == 0 ? DB_FENCED : DB_FAILED;
    snprintf(db->head_error, sizeof db->head_error, "%.5s: %.240s", sqlstate, text != NULL ? text : "");
}

/* A result of the oldest call. It is passed on only at its sync: before that its transaction may still fail to commit.
 */
static void take_result(struct db *db, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        PQclear(db->head_result);
        db->head_result = result;
        return;
    }
    if (status != PGRES_PIPELINE_ABORTED)
        take_error(db, result);
    PQclear(result);
}

static void begin_head(struct db *db)
{
    db->head_since_us = clock_monotonic_us();
    db->head_status = DB_DONE;
    db->head_error[0] = '\0';
}

static void finish_call(struct db *db)
{
    tb_assert(db->under_way > 0);
    struct call call = db->calls[db->first];
    struct db_rows rows = {db->head_result};
    enum db_status status = db->head_status;
    char error[REASON_MAX];
    tb_copy_text(error, sizeof error, db->head_error);
    db->first = (db->first + 1) % DB_CALLS_MAX;
    db->under_way--;
    db->head_result = NULL;
    begin_head(db);
    tb_assert(status != DB_DONE || rows.result != NULL);
    db->in_handler = true;
    call.handler(call.arg, status, status == DB_DONE ? &rows : NULL, error);
    db->in_handler = false;
    PQclear(rows.result);
}

static void take_one(struct db *db, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        if (db->phase == PHASE_SETUP)
            end_setup(db);
        else if (db->reason[0] == '\0')
            finish_call(db);
    } else if (db->phase == PHASE_SETUP) {
        take_setup_result(db, result);
        PQclear(result);
    } else if (db->under_way == 0) {
        take_error(db, result); /* "terminating connection …" while idle */
        PQclear(result);
    } else {
        take_result(db, result);
    }
}

/* Return: whether an injected fault keeps the oldest call's answer back; the timer brings us back then. */
static bool is_held(struct db *db)
{
    if (!inject_active || db->phase != PHASE_UP || db->under_way == 0)
        return false;
    int64_t left_us = db->head_since_us + inject_store_us() - clock_monotonic_us();
    if (left_us <= 0)
        return false;
    loop_timer_set(db->held, left_us, 0);
    return true;
}

/* Hands on every result that is there. One NULL ends a command's results; two in a row mean that nothing is left. */
static void take_results(struct db *db)
{
    int nulls = 0;
    while (db->conn != NULL && nulls < 2 && (db->phase == PHASE_SETUP || db->reason[0] == '\0') && !is_held(db) &&
           !PQisBusy(db->conn)) {
        PGresult *result = PQgetResult(db->conn);
        nulls = result == NULL ? nulls + 1 : 0;
        if (result != NULL)
            take_one(db, result);
    }
    if (db->conn == NULL)
        return;
    bool bad = PQstatus(db->conn) == CONNECTION_BAD;
    if (bad && db->reason[0] == '\0')
        copy_line(db->reason, sizeof db->reason, PQerrorMessage(db->conn));
    if (bad || (db->reason[0] != '\0' && db->phase == PHASE_UP))
        drop_connection(db, db->reason);
}

static void poll_connection(struct db *db)
{
    switch (PQconnectPoll(db->conn)) {
    case PGRES_POLLING_READING:
        watch_socket(db, LOOP_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch_socket(db, LOOP_WRITE);
        break;
    case PGRES_POLLING_OK:
        begin_setup(db);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
    default:
        drop_connection(db, PQerrorMessage(db->conn));
        break;
    }
}

static void on_held(void *arg)
{
    struct db *db = arg;
    if (db->phase == PHASE_UP)
        take_results(db);
}

static void on_io(void *arg, int fd, int events)
{
    struct db *db = arg;
    (void)fd;
    if (db->phase == PHASE_CONNECTING) {
        poll_connection(db);
        return;
    }
    /* Both directions each time: a server that waits for us to read stops reading itself. */
    if ((events & LOOP_READ) && PQconsumeInput(db->conn) != 1 && db->reason[0] == '\0')
        copy_line(db->reason, sizeof db->reason, PQerrorMessage(db->conn));
    flush_output(db);
    take_results(db);
}

/* ---- calls ---- */

/* Parameters are binary: of another type than the statement takes, their bytes would be misread. */
static void check_types(const struct db *db, size_t statement, const struct db_params *params)
{
    const struct prepared *prepared = &db->prepared[statement];
    if (params->count != prepared->count)
        log_error("statement %s takes %d parameters, not %d", db->statements[statement].name, prepared->count,
                  params->count);
    tb_assert(params->count == prepared->count);
    for (int i = 0; i < params->count; i++) {
        bool fits = db_type_fits(params->types[i], prepared->types[i]);
        if (!fits)
            log_error("statement %s: parameter $%d is of type %u, not %u", db->statements[statement].name, i + 1,
                      prepared->types[i], params->types[i]);
        tb_assert(fits);
    }
}

static bool send_call(struct db *db, size_t statement, const struct db_params *params, db_result_handler *handler,
                      void *arg)
{
    static const int binary[PARAMS_MAX] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    if (db->phase != PHASE_UP || db->under_way == DB_CALLS_MAX || db->reason[0] != '\0')
        return false;
    check_types(db, statement, params);
    if (PQsendQueryPrepared(db->conn, db->statements[statement].name, params->count, params->values, params->lengths,
                            binary, 1) != 1) {
        copy_line(db->reason, sizeof db->reason,
                  PQerrorMessage(db->conn)); /* the watch timer drops the connection: not in here */
        return false;
    }
    db->calls[(db->first + db->under_way) % DB_CALLS_MAX] = (struct call){handler, arg};
    if (db->under_way++ == 0)
        begin_head(db);
    db->spoken_us = clock_monotonic_us();
    if (PQpipelineSync(db->conn) != 1)
        copy_line(db->reason, sizeof db->reason, PQerrorMessage(db->conn));
    flush_output(db);
    return true;
}

bool db_call(struct db *db, size_t statement, const struct db_params *params, db_result_handler *handler, void *arg)
{
    tb_assert(statement < db->statement_count - OWN_STATEMENTS);
    return send_call(db, statement, params, handler, arg);
}

bool db_try_lock(struct db *db, const char *name, db_result_handler *handler, void *arg)
{
    struct arena arena;
    struct db_params params;
    arena_init(&arena, 1 << 16);
    db_params_init(&params, &arena);
    db_add_text(&params, name);
    bool sent = send_call(db, db->statement_count - 1, &params, handler, arg);
    arena_release(&arena);
    return sent;
}

void db_flush(struct db *db)
{
    if (db->phase == PHASE_UP)
        flush_output(db);
}

size_t db_calls_under_way(const struct db *db)
{
    return db->under_way;
}

enum db_state db_current_state(const struct db *db)
{
    return db->phase == PHASE_UP ? DB_UP : db->phase == PHASE_DOWN ? DB_DOWN : DB_CONNECTING;
}

/* ---- life ---- */

/* Gives the user that a connection string names, "" = none. */
static char *url_user(const char *url)
{
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);
    char *user = NULL;
    for (PQconninfoOption *option = parsed; option != NULL && option->keyword != NULL; option++)
        if (strcmp(option->keyword, "user") == 0 && option->val != NULL)
            user = tb_strdup(option->val);
    PQconninfoFree(parsed);
    return user != NULL ? user : tb_strdup("");
}

bool db_url_has_user(const char *url)
{
    char *user = url_user(url);
    bool has = user[0] != '\0';
    free(user);
    return has;
}

/* Effect: puts a star for what libpq quotes of the connection string: a part of it may be a password. */
static void hide_quoted(char *text)
{
    char *to = text;
    bool quoted = false;
    for (const char *from = text; *from != '\0'; from++) {
        bool opens = *from == '"' && !quoted;
        if (*from == '"')
            quoted = !quoted;
        if (*from == '"' || !quoted)
            *to++ = *from;
        if (opens && from[1] != '"' && from[1] != '\0')
            *to++ = '*';
    }
    *to = '\0';
}

static void write_settings(struct db *db, const struct db_options *options)
{
    int timeout = options->statement_timeout_ms;
    db->lease_us = (int64_t)options->lease_ms * 1000;
    snprintf(db->settings, sizeof db->settings,
             "-c statement_timeout=%d -c lock_timeout=%d -c idle_in_transaction_session_timeout=10000 "
             "-c client_connection_check_interval=1000 -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 "
             "-c idle_session_timeout=%d -c tcp_keepalives_count=3 -c tcp_user_timeout=10000 -c jit=off -c "
             "timezone=UTC -c extra_float_digits=1%s",
             timeout, timeout, options->lease_ms, options->read_only ? " -c default_transaction_read_only=on" : "");
}

struct db *db_new(struct loop *loop, const struct db_options *options, const struct db_statement *statements,
                  size_t statement_count, db_state_handler *on_state, void *arg, struct err *err)
{
    char *why = NULL;
    PQconninfoOption *parsed = PQconninfoParse(options->url, &why);
    if (parsed == NULL) {
        char line[REASON_MAX];
        copy_line(line, sizeof line, why);
        PQfreemem(why);
        hide_quoted(line);
        err_set(err, "database_url is not a PostgreSQL connection string: %s", line);
        return NULL;
    }
    PQconninfoFree(parsed);
    struct db *db = tb_alloc_zero(1, sizeof *db);
    db->loop = loop;
    db->url = tb_strdup(options->url);
    db->application_name = tb_strdup(options->application_name);
    db->user = options->user != NULL && options->user[0] != '\0' ? tb_strdup(options->user) : url_user(options->url);
    db->password_file = tb_strdup(options->password_file != NULL ? options->password_file : "");
    db->read_only = options->read_only;
    write_settings(db, options);
    db->answer_limit_us =
        options->statement_timeout_ms > 0 ? (int64_t)options->statement_timeout_ms * 1000 + ANSWER_GRACE_US : 0;
    db->statement_count = statement_count + OWN_STATEMENTS;
    db->statements = tb_alloc_zero(db->statement_count, sizeof *db->statements);
    for (size_t i = 0; i < statement_count; i++)
        db->statements[i] = statements[i];
    db->statements[statement_count] = ping;
    db->statements[statement_count + 1] = try_lock;
    db->prepared = tb_alloc_zero(db->statement_count, sizeof *db->prepared);
    db->on_state = on_state;
    db->on_state_arg = arg;
    db->backoff_ms = BACKOFF_FIRST_MS;
    db->retry = loop_timer_new(loop, on_retry, db);
    db->deadline = loop_timer_new(loop, on_deadline, db);
    db->held = loop_timer_new(loop, on_held, db);
    loop_timer_set(db->retry, 0, 0); /* not in here: the caller does not have us yet */
    return db;
}

void db_free(struct db **db)
{
    if (*db == NULL)
        return;
    tb_assert(!(*db)->in_handler);
    loop_io_free(&(*db)->io);
    loop_timer_free(&(*db)->retry);
    loop_timer_free(&(*db)->deadline);
    loop_timer_free(&(*db)->held);
    PQclear((*db)->head_result);
    PQfinish((*db)->conn);
    explicit_bzero((*db)->url, strlen((*db)->url)); /* it may hold a password */
    free((*db)->url);
    free((*db)->application_name);
    free((*db)->user);
    free((*db)->password_file);
    free((*db)->statements);
    free((*db)->prepared);
    free(*db);
    *db = NULL;
}

/* ---- rows: their values are read in db_values.c ---- */

size_t db_row_count(const struct db_rows *rows)
{
    return (size_t)PQntuples(rows->result);
}

const char *db_raw_value(const struct db_rows *rows, size_t row, int column, size_t *length, uint32_t *type)
{
    tb_assert(row < db_row_count(rows) && column >= 0 && column < PQnfields(rows->result));
    *type = PQftype(rows->result, column);
    *length = (size_t)PQgetlength(rows->result, (int)row, column);
    return PQgetisnull(rows->result, (int)row, column) ? NULL : PQgetvalue(rows->result, (int)row, column);
}
