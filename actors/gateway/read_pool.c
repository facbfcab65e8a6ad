/* read_pool: calls go to the least busy connection that is up. */
#include "read_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "log.h"
#include "problem.h"

struct read_pool {
    struct db *connections[READ_POOL_CONNECTIONS];
    const struct db_statement *statements;
    char reason[256]; /* why the last connection went, so that each reason is logged once */
};

struct read_call {
    const char *statement;
    read_handler *handler;
    void *arg;
};

static void on_state(void *arg, enum db_state state, const char *reason)
{
    struct read_pool *pool = arg;
    if (state == DB_UP) {
        pool->reason[0] = '\0';
    } else if (state == DB_DOWN && reason != NULL && strcmp(reason, pool->reason) != 0) {
        (void)tb_copy_text(pool->reason, sizeof pool->reason, reason);
        log_warning("read connection: %s", reason);
    }
}

struct read_pool *read_pool_new(struct loop *loop, const char *url, const char *password_file,
                                const struct db_statement *statements, size_t statement_count,
                                const char *application_name, struct err *err)
{
    struct read_pool *pool = tb_alloc_zero(1, sizeof *pool);
    pool->statements = statements;
    struct db_options options = {.url = url,
                                 .password_file = password_file,
                                 .application_name = application_name,
                                 .user = db_url_has_user(url) ? "" : "tb_gateway",
                                 .statement_timeout_ms = READ_POOL_STATEMENT_TIMEOUT_MS,
                                 .read_only = true};
    for (int i = 0; i < READ_POOL_CONNECTIONS; i++) {
        pool->connections[i] = db_new(loop, &options, statements, statement_count, on_state, pool, err);
        if (pool->connections[i] == NULL) {
            read_pool_free(&pool);
            return NULL;
        }
    }
    return pool;
}

void read_pool_free(struct read_pool **pool)
{
    if (*pool == NULL)
        return;
    for (int i = 0; i < READ_POOL_CONNECTIONS; i++)
        db_free(&(*pool)->connections[i]);
    free(*pool);
    *pool = NULL;
}

bool read_pool_is_up(const struct read_pool *pool)
{
    for (int i = 0; i < READ_POOL_CONNECTIONS; i++) {
        if (db_current_state(pool->connections[i]) == DB_UP)
            return true;
    }
    return false;
}

/* A statement that ran into its time limit says nothing against the request: the store is slow just now. */
static bool was_cancelled(const char *error)
{
    return strncmp(error, "57014", 5) == 0 || strncmp(error, "57P0", 4) == 0;
}

static void on_result(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    struct read_call *call = arg;
    struct read_result result = {.status = 503};
    if (status == DB_DONE && db_row_count(rows) == 0) {
        result.status = 404;
    } else if (status == DB_DONE) {
        result.status = (int)db_get_int(rows, 0, 0);
        result.body = db_get_text(rows, 0, 1);
        result.length = result.body == NULL ? 0 : db_get_length(rows, 0, 1);
    } else if (status != DB_UNKNOWN && !was_cancelled(error)) {
        log_error("read %s: %s", call->statement, error);
        result.status = 500;
    }
    call->handler(call->arg, &result);
    free(call);
}

void read_pool_call(struct read_pool *pool, size_t statement, const struct db_params *params, read_handler *handler,
                    void *arg)
{
    struct db *best = NULL;
    for (int i = 0; i < READ_POOL_CONNECTIONS; i++) {
        struct db *db = pool->connections[i];
        if (db_current_state(db) == DB_UP && (best == NULL || db_calls_under_way(db) < db_calls_under_way(best)))
            best = db;
    }
    struct read_call *call = tb_alloc_zero(1, sizeof *call);
    *call = (struct read_call){.statement = pool->statements[statement].name, .handler = handler, .arg = arg};
    if (best == NULL || !db_call(best, statement, params, on_result, call)) {
        struct read_result result = {.status = 503};
        free(call);
        handler(arg, &result);
    }
}

void read_result_respond(const struct read_result *result, struct http_request *request, const char *content_type)
{
    if (result->status < 400) {
        http_respond(request, result->status, content_type, result->body == NULL ? "" : result->body, result->length);
        return;
    }
    enum problem_code code = result->body == NULL ? 0 : problem_code_of(result->body);
    problem_respond(request, code != 0 ? code : problem_code_for_status(result->status), NULL);
}

static void respond_json(void *request, const struct read_result *result)
{
    read_result_respond(result, request, "application/json");
}

void read_pool_respond(struct read_pool *pool, size_t statement, const struct db_params *params,
                       struct http_request *request)
{
    read_pool_call(pool, statement, params, respond_json, request);
}

struct typed_call {
    struct http_request *request;
    const char *content_type;
};

static void respond_typed(void *arg, const struct read_result *result)
{
    struct typed_call *call = arg;
    read_result_respond(result, call->request, call->content_type);
    free(call);
}

void read_pool_respond_as(struct read_pool *pool, size_t statement, const struct db_params *params,
                          struct http_request *request, const char *content_type)
{
    struct typed_call *call = tb_alloc_zero(1, sizeof *call);
    *call = (struct typed_call){.request = request, .content_type = content_type};
    read_pool_call(pool, statement, params, respond_typed, call);
}
