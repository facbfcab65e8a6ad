#include "client_address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

enum { ENTRY_MAX = 64, V4_OFFSET_BITS = 96, ALL_BITS = 128 };
#define SEPARATORS " ,\t"

/* Return: whether text is a numeric address. */
static bool read_address(const char *text, struct in6_addr *address)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&address->s6_addr[12], &v4, sizeof v4);
        return true;
    }
    return inet_pton(AF_INET6, text, address) == 1;
}

/* Return: whether a and b have the same first bits. */
static bool same_network(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
    unsigned rest = bits % 8;
    if (memcmp(a->s6_addr, b->s6_addr, bits / 8) != 0)
        return false;
    return rest == 0 || ((a->s6_addr[bits / 8] ^ b->s6_addr[bits / 8]) >> (8 - rest)) == 0;
}

/* Return: whether nothing is set behind the first bits: "10.1.0.0/8" is a slip of somebody's. */
static bool is_network(const struct in6_addr *address, unsigned bits)
{
    for (unsigned bit = bits; bit < ALL_BITS; bit++)
        if ((address->s6_addr[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return false;
    return true;
}

static int read_entry(struct proxies *proxies, char *entry, struct err *err)
{
    struct in6_addr network;
    unsigned bits = ALL_BITS;
    char *slash = strchr(entry, '/'), *end = NULL;
    if (slash != NULL)
        *slash = '\0';
    if (!read_address(entry, &network))
        return err_set(err, "trusted_proxies: \"%s\" is no numeric address", entry);
    if (slash != NULL) {
        unsigned offset = strchr(entry, ':') == NULL ? V4_OFFSET_BITS : 0;
        unsigned long given = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || given > ALL_BITS - offset)
            return err_set(err, "trusted_proxies: /%s behind %s is no length of a network (0 to %u)", slash + 1, entry,
                           ALL_BITS - offset);
        bits = (unsigned)given + offset;
    }
    if (!is_network(&network, bits))
        return err_set(err, "trusted_proxies: %s/%s is an address within a network, not a network", entry, slash + 1);
    if (proxies->count == PROXIES_MAX)
        return err_set(err, "trusted_proxies: more than %d entries", PROXIES_MAX);
    proxies->networks[proxies->count].network = network;
    proxies->networks[proxies->count++].bits = bits;
    return 0;
}

int proxies_read(struct proxies *proxies, const char *text, struct err *err)
{
    proxies->count = 0;
    for (;;) {
        char entry[ENTRY_MAX];
        text += strspn(text, SEPARATORS);
        size_t length = strcspn(text, SEPARATORS);
        if (length == 0)
            return 0;
        if (length >= sizeof entry)
            return err_set(err, "trusted_proxies: \"%.40s…\" is no numeric address", text);
        memcpy(entry, text, length);
        entry[length] = '\0';
        if (read_entry(proxies, entry, err) < 0)
            return -1;
        text += length;
    }
}

bool proxies_trust(const struct proxies *proxies, const struct in6_addr *address)
{
    for (size_t i = 0; i < proxies->count; i++)
        if (same_network(&proxies->networks[i].network, address, proxies->networks[i].bits))
            return true;
    return false;
}

struct in6_addr client_address_of(const struct sockaddr_storage *peer)
{
    if (peer->ss_family != AF_INET)
        return ((const struct sockaddr_in6 *)peer)->sin6_addr;
    struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)peer)->sin_addr, sizeof(struct in_addr));
    return address;
}

/* Effect: cuts "[…]" and ":port" off. Return: false when what is left over is not of that form. */
static bool cut_port(char *entry)
{
    char *colon = strchr(entry, ':');
    if (entry[0] == '[') {
        size_t length = strcspn(entry, "]");
        if (entry[length] != ']' || (entry[length + 1] != '\0' && entry[length + 1] != ':'))
            return false;
        memmove(entry, entry + 1, length - 1);
        entry[length - 1] = '\0';
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) { /* one colon: no IPv6 address */
        *colon = '\0';
    }
    return true;
}

bool client_address_forwarded(const char *value, struct in6_addr *client)
{
    char entry[ENTRY_MAX];
    const char *comma = strrchr(value, ',');
    const char *from = comma == NULL ? value : comma + 1;
    from += strspn(from, " \t");
    size_t length = strcspn(from, " \t");
    if (length >= sizeof entry || from[length + strspn(from + length, " \t")] != '\0')
        return false;
    memcpy(entry, from, length);
    entry[length] = '\0';
    return cut_port(entry) && read_address(entry, client);
}

bool client_address_describe(const struct in6_addr *address, char *text, size_t size)
{
    text[0] = '\0';
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        (void)inet_ntop(AF_INET, &address->s6_addr[12], text, (socklen_t)size);
        return address->s6_addr[12] == 127;
    }
    struct in6_addr shown = *address;
    bool is_loopback = IN6_IS_ADDR_LOOPBACK(address);
    if (!is_loopback)
        memset(&shown.s6_addr[8], 0, 8);
    (void)inet_ntop(AF_INET6, &shown, text, (socklen_t)size);
    return is_loopback;
}
