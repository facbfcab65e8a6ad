/* openapi: the parts of the test that holds docs/openapi.json against the running gateway, and what they share: the
 * document, the cluster, and which of the documented answers were really seen. Every answer that a part gets goes
 * through openapi_hold. One thread. */
#ifndef TB_TEST_OPENAPI_H
#define TB_TEST_OPENAPI_H

#include <check.h>

#include "api.h"
#include "cluster.h"
#include "schema.h"

#define OPENAPI_TOKEN "openapi-test"
#define OPENAPI_ADMIN "Authorization: Bearer " OPENAPI_TOKEN "\r\n"

struct openapi {
    struct cluster cluster;
    json_t *document;
    json_t *seen;              /* "POST /api/orders 400 VALIDATION" -> true */
    char order[64], trace[40]; /* one that is ACCEPTED, and its trace */
};
extern struct openapi openapi;
#define OPENAPI_PORT (openapi.cluster.port)

/* One documented operation. All borrowed from the document. */
struct operation {
    char name[128]; /* "GET /api/orders/{orderId}" */
    char verb[16];
    const char *path;
    json_t *json;
};

/* Effect: takes the operations one after the other; *at begins with 0. Return: false behind the last. */
bool openapi_next(size_t *at, struct operation *operation);
/* Effect: finds one by its name; fails the test when there is none. */
struct operation openapi_operation(const char *name);
/* Return: what is documented for a status ("200", "default"), resolved; NULL when nothing is. */
json_t *openapi_response(const struct operation *operation, const char *status);
/* Return: whether that response has an example of that problem code. */
bool openapi_has_code(json_t *response, const char *code);
/* Return: the schema of the operation's JSON body, NULL when it takes none. */
json_t *openapi_body_schema(const struct operation *operation);
/* Return: whether its body is a picture. */
bool openapi_takes_picture(const struct operation *operation);
/* Return: the documented example of its body, as text to be freed; NULL when it takes none. */
char *openapi_body_example(const struct operation *operation);

/* Effect: holds an answer against what the document says of it: status, problem code, headers, media type, every
 * member; then counts it as seen. code NULL: no problem. */
void openapi_hold(const struct operation *operation, const struct api_answer *answer, int status, const char *code);
/* Effect: one request, held. Gives the answer for api_free. The administrator's token is sent when headers is NULL. */
struct api_answer *openapi_call(const char *operation, const char *path, const char *body, const char *headers,
                                int status, const char *code);
/* The same without giving the answer. */
void openapi_expect(const char *operation, const char *path, const char *body, const char *headers, int status,
                    const char *code);
/* Return: whether the gateway counts requests for this operation against a rate. */
bool openapi_is_limited(const struct operation *operation);
/* Return: the first of several answers in what came that has this status, for api_free; NULL when there is none. */
struct api_answer *openapi_one_of(const struct api_answer *all, int status);
/* Effect: writes the operation's path with its {…} filled: with names that exist, or with some that do not. */
void openapi_path(const struct operation *operation, bool existing, char *path, size_t size);

TCase *openapi_file(void);    /* the document by itself */
TCase *openapi_routes(void);  /* the gateway's routes are the document's */
TCase *openapi_served(void);  /* the gateway serves this very document */
TCase *openapi_bounds(void);  /* parameters and bodies: what the schema forbids is refused, what it allows is not */
TCase *openapi_answers(void); /* every documented answer that comes when asked for */
TCase *openapi_outage(void);  /* every 503 */
TCase *openapi_seen(void);    /* that nothing documented was left out; the last one */
TCase *openapi_mutants(void); /* that all this can fail: it is run against documents that are wrong */
/* Effect: makes the document wrong as TB_OPENAPI_MUTANT says. Return: whether it says so. */
bool openapi_become_mutant(const char *text);
TCase *openapi_mutant_parts(void); /* what is run against those */

#endif
