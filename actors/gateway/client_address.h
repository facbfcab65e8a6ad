/* client_address: who a request comes from, also behind a proxy. The proxies that we believe are named in the setting
 * trusted_proxies; what anybody else says in X-Forwarded-For is not looked at. Of what a proxy says, the last address
 * counts, the one that it saw itself: all before it is the client's own word. Pure.
 *
 *   struct proxies proxies;
 *   if (proxies_read(&proxies, "10.0.0.0/8 ::1", &err) < 0) …
 *   struct in6_addr peer = client_address_of(&sockaddr), client;
 *   if (proxies_trust(&proxies, &peer) && client_address_forwarded("1.2.3.4, 5.6.7.8", &client)) …   (5.6.7.8) */
#ifndef TB_GATEWAY_CLIENT_ADDRESS_H
#define TB_GATEWAY_CLIENT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "err.h"

enum { PROXIES_MAX = 16 };

struct proxies {
    size_t count;
    struct {
        struct in6_addr network; /* IPv4 as ::ffff:a.b.c.d */
        unsigned bits;           /* of the 128 */
    } networks[PROXIES_MAX];
};

/* Effect: reads addresses and networks ("10.0.0.0/8", "::1") with blanks or commas between; "" = none. Return: 0, or -1
 * with err naming the entry and what is wrong with it. */
int proxies_read(struct proxies *proxies, const char *text, struct err *err);
/* Return: whether the address is a proxy's that we believe. */
bool proxies_trust(const struct proxies *proxies, const struct in6_addr *address);

/* Return: the address of an IPv4 or IPv6 socket address; an IPv4 address as ::ffff:a.b.c.d. */
struct in6_addr client_address_of(const struct sockaddr_storage *peer);
/* Effect: reads the last address of an X-Forwarded-For value: "203.0.113.7", "2001:db8::1", with or without
 * "[…]" and ":port". Return: false when it is none. */
bool client_address_forwarded(const char *value, struct in6_addr *client);
/* Effect: writes the address (at most INET6_ADDRSTRLEN bytes) the way limits per address count it: of IPv6 the first 64
 * bits, for whoever has one address usually has all that share them; an IPv4 address that came over IPv6 as itself.
 * Return: whether it is this machine. */
bool client_address_describe(const struct in6_addr *address, char *text, size_t size);

#endif
