/* collector: the reconciler's attached part that posts spans: OTLP over HTTP/1.1, one request at a time on a connection
 * of its own, never waiting (names are looked up in glibc's own thread). Threading: the loop's thread.
 *
 *   struct collector_endpoint endpoint; collector_parse("http://collector:4318", &endpoint, &err);
 *   struct collector *collector = collector_new(actor, &endpoint);
 *   collector_post(collector, post);        // heard later: actor_feed of a struct reconciler_posted */
#ifndef TB_RECONCILER_COLLECTOR_H
#define TB_RECONCILER_COLLECTOR_H

#include <stdint.h>

#include "err.h"

struct actor;
struct collector;
struct reconciler_post;

enum { COLLECTOR_HOST_SIZE = 256, COLLECTOR_PATH_SIZE = 256, COLLECTOR_DEADLINE_MS = 10000 };

struct collector_endpoint {
    char host[COLLECTOR_HOST_SIZE]; /* a name, an IPv4 address, or an IPv6 address without its brackets */
    char port[8];
    char path[COLLECTOR_PATH_SIZE];           /* "/v1/traces", behind what the endpoint's path is */
    char authority[COLLECTOR_HOST_SIZE + 16]; /* for the Host line */
};

/* Effect: reads "http://host[:port][/path]" (port 4318 when there is none). Return: 0, or -1 with err. */
int collector_parse(const char *url, struct collector_endpoint *endpoint, struct err *err);

/* Gives a collector for collector_free. */
struct collector *collector_new(struct actor *actor, const struct collector_endpoint *endpoint);
void collector_free(struct collector **collector);

/* Effect: posts (what it points to is copied); one that is under way is given up unheard. */
void collector_post(struct collector *collector, const struct reconciler_post *post);

#endif
