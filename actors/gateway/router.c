/* router: a flat list of patterns, those without params first. */
#include "router.h"

#include <string.h>

#include "base.h"
#include "query.h"

static bool is_literal(const char *pattern)
{
    return strchr(pattern, '{') == NULL;
}

/* Return: whether a is to be asked before b: literals first, then the one whose first param comes later. */
static bool goes_before(const char *a, const char *b)
{
    size_t a_literal = strcspn(a, "{");
    size_t b_literal = strcspn(b, "{");
    if (is_literal(a) != is_literal(b))
        return is_literal(a);
    return !is_literal(a) && a_literal > b_literal;
}

void router_add(struct router *router, const struct route *routes)
{
    for (; routes->verb != 0; routes++) {
        tb_assert(router->count < ROUTER_ROUTES_MAX);
        size_t at = 0;
        for (size_t i = 0; i < router->count; i++)
            tb_assert(router->routes[i]->verb != routes->verb ||
                      strcmp(router->routes[i]->pattern, routes->pattern) != 0);
        while (at < router->count && !goes_before(routes->pattern, router->routes[at]->pattern))
            at++;
        memmove(router->routes + at + 1, router->routes + at, (router->count - at) * sizeof router->routes[0]);
        router->routes[at] = routes;
        router->count++;
        router->literal_count += is_literal(routes->pattern);
    }
}

/* Effect: compares segment by segment, the params undecoded. Return: whether it fits; spans of the params in starts and
 * lengths. */
static bool pattern_fits(const char *pattern, const char *path, const char **starts, size_t *lengths, size_t *count)
{
    *count = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        size_t segment = strcspn(path, "/");
        size_t wanted = strcspn(pattern, "/");
        if (*pattern == '{') {
            if (segment == 0 || *count == ROUTER_PARAMS_MAX)
                return false;
            starts[*count] = path;
            lengths[(*count)++] = segment;
        } else if (segment != wanted || memcmp(path, pattern, segment) != 0) {
            return false;
        }
        pattern += wanted;
        path += segment;
    }
    return *pattern == '\0' && *path == '\0';
}

static bool decode_params(struct router_match *match, const char **starts, const size_t *lengths, size_t count)
{
    match->param_count = count;
    for (size_t i = 0; i < count; i++) {
        if (query_decode(starts[i], lengths[i], false, match->params[i], ROUTER_PARAM_BYTES_MAX) < 0)
            return false;
    }
    return true;
}

static void claim(struct router_match *match, const struct route *route)
{
    match->verbs |= route->verb | (route->verb == VERB_GET ? (unsigned)VERB_HEAD : 0U) | VERB_OPTIONS;
}

bool router_find(const struct router *router, enum http_verb verb, const char *path, struct router_match *match)
{
    unsigned wanted = verb == VERB_HEAD ? VERB_GET : verb;
    match->route = NULL;
    match->verbs = 0;
    match->param_count = 0;
    for (size_t i = 0; i < router->literal_count; i++) {
        const struct route *route = router->routes[i];
        if (strcmp(route->pattern, path) != 0)
            continue;
        claim(match, route);
        if (route->verb == wanted)
            match->route = route;
    }
    /* A literal claims its path for all verbs: /api/orders/by-key has no DELETE because /api/orders/{orderId} has one.
     */
    if (match->verbs != 0)
        return true;
    bool decoded = true;
    for (size_t i = router->literal_count; i < router->count; i++) {
        const struct route *route = router->routes[i];
        const char *starts[ROUTER_PARAMS_MAX];
        size_t lengths[ROUTER_PARAMS_MAX], count;
        if (!pattern_fits(route->pattern, path, starts, lengths, &count))
            continue;
        claim(match, route);
        if (route->verb == wanted && match->route == NULL) {
            match->route = route;
            decoded = decode_params(match, starts, lengths, count);
        }
    }
    return decoded;
}

void router_format_allow(unsigned verbs, char *text, size_t size)
{
    static const struct {
        unsigned verb;
        const char *name;
    } names[] = {{VERB_GET, "GET"}, {VERB_HEAD, "HEAD"},     {VERB_POST, "POST"},
                 {VERB_PUT, "PUT"}, {VERB_DELETE, "DELETE"}, {VERB_OPTIONS, "OPTIONS"}};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < TB_ARRAY_SIZE(names); i++) {
        if ((verbs & names[i].verb) == 0)
            continue;
        tb_assert(used + 10 < size);
        if (used > 0) {
            memcpy(text + used, ", ", 3);
            used += 2;
        }
        size_t length = strlen(names[i].name);
        memcpy(text + used, names[i].name, length + 1);
        used += length;
    }
}
