/* admission: what is asked of every request before it finds its handler: that it was meant for us (Host), that no other
 * origin's page sent it to change something (Origin), and that its address keeps to its rate. Answers that count
 * against the rate carry RateLimit-Limit (the burst), RateLimit-Remaining and RateLimit-Reset (seconds until the burst
 * is whole again), as in draft-ietf-httpapi-ratelimit-headers-07. Threading: the loop's thread.
 *
 *   if (admission_check(&admission, request, route_flags) != ADMITTED) return; // it was answered */
#ifndef TB_GATEWAY_ADMISSION_H
#define TB_GATEWAY_ADMISSION_H

#include "config.h"
#include "host_check.h"
#include "http.h"
#include "rate_limit.h"

struct admission {
    struct host_check hosts;
    struct rate_limit *rate_limit; /* NULL = none */
    bool limits_loopback;
};

/* Effect: reads allowed_hosts, listen, rate_limit and rate_limit_loopback; their texts are borrowed. */
void admission_init(struct admission *admission, const struct config *config);
void admission_release(struct admission *admission);

enum admission_verdict { ADMITTED = 1, ADMISSION_REFUSED, ADMISSION_LIMITED };
/* Effect: answers a request that may not go on: 400 BAD_REQUEST (Host), 403 FORBIDDEN (Origin), 429 RATE_LIMITED.
 * route_flags: of router.h, ROUTE_UNLIMITED spares the rate. Return: ADMITTED, or which it was. */
enum admission_verdict admission_check(struct admission *admission, struct http_request *request, unsigned route_flags);

/* Return: whether a program, a page of ours, or a page of a host in allowed_hosts sent this request. A WebSocket's
 * handshake asks it too: it is a GET, but browsers let the page of any origin read what follows. */
bool admission_is_own_origin(const struct admission *admission, const struct http_request *request);

#endif
