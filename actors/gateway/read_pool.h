/* read_pool: a few read-only connections (role tb_gateway) for GET answers. Every statement calls one SQL function that
 * returns one row (status int, body text): a status below 400 comes with the finished JSON; one from 400 on with NULL
 * or the problem's code ("BAD_CURSOR") as body. The least busy connection that is up takes the call. Threading: the
 * loop's thread.
 *
 *   struct db_params params; db_params_init(&params, gateway->scratch); db_add_text(&params, gateway->region); …
 *   read_pool_respond(gateway->reads, READ_ORDER, &params, request); */
#ifndef TB_GATEWAY_READ_POOL_H
#define TB_GATEWAY_READ_POOL_H

#include "db.h"
#include "http.h"

struct read_pool;

struct read_result {
    int status;       /* the row's, or 503 (store down, timeout, in doubt), or 500 (the statement failed: logged) */
    const char *body; /* borrowed until the handler returns; NULL = none */
    size_t length;
};
typedef void read_handler(void *arg, const struct read_result *result);

enum { READ_POOL_CONNECTIONS = 3, READ_POOL_STATEMENT_TIMEOUT_MS = 2000 };

/* Gives a pool for read_pool_free, or NULL with err set. password_file: as in db.h. statements (borrowed) are prepared
 * on every connection. */
struct read_pool *read_pool_new(struct loop *loop, const char *url, const char *password_file,
                                const struct db_statement *statements, size_t statement_count,
                                const char *application_name, struct err *err);
void read_pool_free(struct read_pool **pool);
/* Return: whether at least one connection is up. */
bool read_pool_is_up(const struct read_pool *pool);

/* Effect: calls; the handler hears the outcome exactly once (at once, with 503, when no connection can take it). */
void read_pool_call(struct read_pool *pool, size_t statement, const struct db_params *params, read_handler *handler,
                    void *arg);

/* Effect: calls and answers the request with what comes: JSON, or the problem. */
void read_pool_respond(struct read_pool *pool, size_t statement, const struct db_params *params,
                       struct http_request *request);
/* The same as content_type ("text/csv; charset=utf-8") instead of JSON. */
void read_pool_respond_as(struct read_pool *pool, size_t statement, const struct db_params *params,
                          struct http_request *request, const char *content_type);
/* Effect: answers a request with a result: its JSON, or the problem its status and code stand for. */
void read_result_respond(const struct read_result *result, struct http_request *request, const char *content_type);

#endif
