#include "host_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

enum { HOST_TEXT_MAX = 256 };
#define SEPARATORS " ,\t"

void host_check_init(struct host_check *check, const char *allowed_hosts, const char *listen_address)
{
    check->allowed = allowed_hosts;
    check->listen = listen_address;
}

/* Effect: cuts the port off, and the brackets around an IPv6 address. Return: false when it is no host. */
static bool read_name(const char *host, char name[static HOST_TEXT_MAX])
{
    const char *begin = host[0] == '[' ? host + 1 : host;
    size_t length = strcspn(begin, host[0] == '[' ? "]" : ":");
    const char *after = begin + length;
    if (host[0] == '[' && *after++ != ']')
        return false;
    if (length == 0 || length >= HOST_TEXT_MAX || (*after != '\0' && *after != ':'))
        return false;
    if (*after == ':' && after[1 + strspn(after + 1, "0123456789")] != '\0')
        return false;
    memcpy(name, begin, length);
    name[length] = '\0';
    if (length > 1 && name[length - 1] == '.')
        name[length - 1] = '\0'; /* "localhost." is the same name */
    return true;
}

/* Return: whether text is a numeric address; then in its IPv6 form, so that two spellings compare equal. */
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

static bool is_loopback(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

static bool is_any(const struct in6_addr *address)
{
    static const struct in6_addr any_v4 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    return IN6_IS_ADDR_UNSPECIFIED(address) || memcmp(address, &any_v4, sizeof any_v4) == 0;
}

static bool is_localhost(const char *name)
{
    static const char ending[] = ".localhost";
    size_t length = strlen(name);
    return strcasecmp(name, "localhost") == 0 ||
           (length > sizeof ending - 1 && strcasecmp(name + length - (sizeof ending - 1), ending) == 0);
}

/* Return: whether allowed_hosts has the name, or "*". */
static bool is_listed(const struct host_check *check, const char *name)
{
    const char *item = check->allowed;
    for (;;) {
        item += strspn(item, SEPARATORS);
        size_t length = strcspn(item, SEPARATORS);
        if (length == 0)
            return false;
        if ((length == 1 && *item == '*') || (strlen(name) == length && strncasecmp(item, name, length) == 0))
            return true;
        item += length;
    }
}

bool host_check_allows(const struct host_check *check, const char *host)
{
    char name[HOST_TEXT_MAX];
    struct in6_addr address, listen;
    if (!read_name(host, name))
        return false;
    if (is_localhost(name) || is_listed(check, name))
        return true;
    if (!read_address(name, &address))
        return false;
    if (is_loopback(&address))
        return true;
    return read_address(check->listen, &listen) && (is_any(&listen) || memcmp(&address, &listen, sizeof address) == 0);
}

bool host_check_allows_origin(const struct host_check *check, const char *origin, const char *host)
{
    char name[HOST_TEXT_MAX];
    size_t scheme = strncasecmp(origin, "http://", 7) == 0 ? 7 : strncasecmp(origin, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0) /* "null" and whatever is no web page's */
        return false;
    if (host != NULL && strcasecmp(origin + scheme, host) == 0)
        return true;
    return read_name(origin + scheme, name) && is_listed(check, name);
}
