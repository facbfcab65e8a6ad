/* router: which function answers a method and path. Each part of the API declares its routes in one table:
 *
 *   const struct route personas_routes[] = {
 *       {VERB_GET, "/api/personas/{userId}", personas_get},
 *       {VERB_POST, "/api/personas", personas_post, .flags = ROUTE_JSON},
 *       {0}};
 *
 * A literal segment beats a {param}; HEAD goes to GET's function; OPTIONS and 405 are answered here with Allow, unknown
 * paths with 404. {param} matches one non-empty segment, percent-decoded, and becomes request->params[0 …]. Pure but
 * for the answers it sends. */
#ifndef TB_GATEWAY_ROUTER_H
#define TB_GATEWAY_ROUTER_H

#include "http.h"

struct gateway;

enum route_flag {
    ROUTE_ADMIN = 1, /* needs Authorization: Bearer <TB_ADMIN_TOKEN> when that is set, else 401 */
    ROUTE_JSON =
        2, /* a body without Content-Type: application/json is answered 415 (an empty body is the handler's to judge) */
    ROUTE_UNLIMITED = 4, /* not counted by the rate limit (health, metrics) */
    ROUTE_BODYLESS = 8,  /* with ROUTE_JSON: reads no body; one that comes must be a JSON object all the same */
};

struct route {
    unsigned verb; /* one of enum http_verb; 0 ends a table */
    const char *pattern;
    void (*handle)(struct gateway *gateway, struct http_request *request);
    unsigned flags;
    size_t body_max; /* 0 = HTTP_BODY_MAX */
};

enum { ROUTER_PARAMS_MAX = 4, ROUTER_ROUTES_MAX = 128, ROUTER_PARAM_BYTES_MAX = 256 };

struct router {
    const struct route *routes[ROUTER_ROUTES_MAX]; /* borrowed; those without params first */
    size_t count;
    size_t literal_count; /* of them: without params */
};

/* What was found for a path. */
struct router_match {
    const struct route *route; /* NULL: none for this verb */
    unsigned verbs;            /* all verbs that the path has; 0 = unknown path */
    char params[ROUTER_PARAMS_MAX][ROUTER_PARAM_BYTES_MAX];
    size_t param_count;
};

/* Effect: adds a table (borrowed) that ends with verb 0. Two routes that mean the same are a bug (asserted). */
void router_add(struct router *router, const struct route *routes);
/* Effect: looks a path up (HEAD as GET). Return: false when a segment does not decode. Pure. */
bool router_find(const struct router *router, enum http_verb verb, const char *path, struct router_match *match);
/* Effect: writes "GET, HEAD, OPTIONS" for a set of verbs. */
void router_format_allow(unsigned verbs, char *text, size_t size);

#endif
