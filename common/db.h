/* db: PostgreSQL, asynchronously (the only file that includes libpq-fe.h). One connection in pipeline mode; each call
 * is one prepared statement in a transaction of its own; answers come in order. Reconnects with backoff and jitter;
 * when the connection breaks, every call under way is answered DB_UNKNOWN. Parameters and results are binary.
 * Threading: the loop's thread.
 *
 *   static const struct db_statement statements[] = {{"append", "SELECT * FROM sequencer_append($1, $2)"}};
 *   struct db *db = db_new(loop, &options, statements, 1, on_state, actor, &err);
 *   struct db_params params; db_params_init(&params, arena); db_add_int8(&params, 5);
 *   db_call(db, 0, &params, on_result, actor); */
#ifndef TB_DB_H
#define TB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "loop.h"

enum db_state { DB_CONNECTING = 1, DB_UP, DB_DOWN };
enum db_status { DB_DONE = 1, DB_FENCED, DB_FAILED, DB_UNKNOWN };

/* DB_DONE: committed. DB_FENCED: the statement raised SQLSTATE 'TB001' (a fence did not hold); nothing happened.
 * DB_FAILED: it raised another error; nothing happened; the error text begins with the SQLSTATE ("53100: could not
 * extend …", see store_error_is_data). DB_UNKNOWN: the connection broke or was given up: committed, not committed, or
 * committed later. */
#define DB_SQLSTATE_FENCED "TB001"

struct db_statement {
    const char *name;
    const char *sql;
};

struct db_options {
    const char *url;              /* libpq connection string or URI */
    const char *application_name; /* "tulip sequencer/1" */
    const char *user;             /* role, "" = from url */
    const char *password_file;    /* the role's password (secret.h), read at each connect; NULL or "" = none */
    int statement_timeout_ms;     /* 0 = none */
    bool read_only;               /* default_transaction_read_only */
    /* > 0: the server ends the session, and with it its locks, when it hears nothing for so long: of a process that is
     * stopped (SIGSTOP) or whose host is gone. While all is well db speaks often enough by itself. 0 = never. */
    int lease_ms;
};

struct db;
struct db_rows;
struct db_params {
    struct arena *arena; /* where encoded values live, until db_call returns */
    int count;
    uint32_t types[48];
    const char *values[48];
    int lengths[48];
};

typedef void db_state_handler(void *arg, enum db_state state, const char *reason);
/* rows: DB_DONE only, borrowed until the handler returns. error: DB_FAILED, DB_UNKNOWN (for logs, never for clients);
 * with DB_FAILED it begins with the SQLSTATE: "23505: duplicate key …". */
typedef void db_result_handler(void *arg, enum db_status status, const struct db_rows *rows, const char *error);

/* Effect: starts connecting; the handler hears of each change. statements (borrowed for the db's life) are prepared at
 * each connect. Gives a db for db_free, or NULL with err set (an unusable URL). Refuses servers with fsync,
 * full_page_writes or synchronous_commit off. */
struct db *db_new(struct loop *loop, const struct db_options *options, const struct db_statement *statements,
                  size_t statement_count, db_state_handler *on_state, void *arg, struct err *err);
void db_free(struct db **db);
/* Return: whether a connection string names a user. */
bool db_url_has_user(const char *url);
enum db_state db_current_state(const struct db *db);

/* Effect: queues a call (bounded, DB_CALLS_MAX); the handler hears its outcome, always, and exactly once. Return: false
 * when the connection is not up or the queue is full: then the handler is not called. */
bool db_call(struct db *db, size_t statement, const struct db_params *params, db_result_handler *handler, void *arg);
/* Effect: sends what db_call queued since the last flush (db also does this itself before the loop sleeps). */
void db_flush(struct db *db);
/* Effect: asks for the session's advisory lock on a name (the connection holds it until it ends). The handler gets one
 * row with one bool. Return: as db_call. There is no call that waits for it: its snapshot would keep the server from
 * pruning the rows that the holder updates with every batch, so a standby asks again every now and then. */
bool db_try_lock(struct db *db, const char *name, db_result_handler *handler, void *arg);
size_t db_calls_under_way(const struct db *db);
enum { DB_CALLS_MAX = 1024 };

/* Parameters, in order. Texts and bytes are borrowed until db_call returns. */
void db_params_init(struct db_params *params, struct arena *arena);
void db_add_null(struct db_params *params);
void db_add_bool(struct db_params *params, bool value);
void db_add_int2(struct db_params *params, int16_t value);
void db_add_int4(struct db_params *params, int32_t value);
void db_add_int8(struct db_params *params, int64_t value);
void db_add_text(struct db_params *params, const char *value);       /* NULL = SQL NULL */
void db_add_uuid(struct db_params *params, const uint8_t value[16]); /* NULL = SQL NULL */
void db_add_time(struct db_params *params, int64_t microseconds);    /* timestamptz from microseconds since 1970 */
void db_add_int2_array(struct db_params *params, const int16_t *values, size_t count);
void db_add_int4_array(struct db_params *params, const int32_t *values, size_t count);
void db_add_int8_array(struct db_params *params, const int64_t *values, size_t count);
void db_add_bool_array(struct db_params *params, const bool *values, size_t count);
void db_add_text_array(struct db_params *params, const char *const *values,
                       size_t count); /* a NULL element is SQL NULL */
void db_add_uuid_array(struct db_params *params, const uint8_t *const *values, size_t count); /* the same */
void db_add_time_array(struct db_params *params, const int64_t *microseconds, size_t count);

/* Rows. Column by number; a wrong type or a NULL where none is asked for aborts (a bug in the statement). */
size_t db_row_count(const struct db_rows *rows);
bool db_is_null(const struct db_rows *rows, size_t row, int column);
bool db_get_bool(const struct db_rows *rows, size_t row, int column);
int64_t db_get_int(const struct db_rows *rows, size_t row, int column); /* int2, int4, int8 */
double db_get_double(const struct db_rows *rows, size_t row, int column);
int64_t db_get_time(const struct db_rows *rows, size_t row, int column); /* microseconds since 1970 */
const char *db_get_text(const struct db_rows *rows, size_t row,
                        int column); /* text, json; NULL for SQL NULL; borrowed */
size_t db_get_length(const struct db_rows *rows, size_t row, int column);
const uint8_t *db_get_uuid(const struct db_rows *rows, size_t row, int column); /* 16 bytes or NULL; borrowed */

#endif
