/* host_check: which names this server answers to. A page of another site that makes its own name point at our address
 * (DNS rebinding) sends that name as Host: it is refused. So are pages of other origins that would change something:
 * a browser says in Origin whose page it is. Pure.
 *
 *   struct host_check check;
 *   host_check_init(&check, config_text(config, "allowed_hosts"), "127.0.0.1");
 *   if (!host_check_allows(&check, "localhost:8080")) …
 *
 * Always allowed: localhost and what ends with .localhost, loopback addresses, and the address listened on, with any
 * port; when that is every address (0.0.0.0, ::), every numeric address: rebinding needs a name. allowed_hosts adds
 * names, with blanks or commas between; "*" allows everything. */
#ifndef TB_GATEWAY_HOST_CHECK_H
#define TB_GATEWAY_HOST_CHECK_H

#include <stdbool.h>

struct host_check {
    const char *allowed; /* both borrowed */
    const char *listen;
};

/* Effect: borrows both texts. */
void host_check_init(struct host_check *check, const char *allowed_hosts, const char *listen_address);
/* Return: whether we answer to this Host header ("name", "name:port", "[::1]:port"). */
bool host_check_allows(const struct host_check *check, const char *host);
/* Return: whether a page of this origin ("http://name:port") may change something here: it came from the host that it
 * talks to, or from one that allowed_hosts names. host: the request's Host header, NULL = none. */
bool host_check_allows_origin(const struct host_check *check, const char *origin, const char *host);

#endif
