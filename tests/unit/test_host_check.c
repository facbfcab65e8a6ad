/* Which names we answer to: rebinding needs a name that is not ours, and other origins' pages may change nothing. */
#include "host_check.h"

#include "base.h"
#include "check_main.h"

static const struct {
    const char *allowed, *listen, *host;
    bool good;
} hosts[] = {
    {"", "127.0.0.1", "localhost", true},
    {"", "127.0.0.1", "LOCALHOST:8080", true},
    {"", "127.0.0.1", "localhost.:8080", true},
    {"", "127.0.0.1", "tulip.localhost:1", true},
    {"", "127.0.0.1", "127.0.0.1:8080", true},
    {"", "127.0.0.1", "127.9.9.9", true},
    {"", "127.0.0.1", "[::1]:8080", true},
    {"", "127.0.0.1", "[0:0:0:0:0:0:0:1]", true},
    {"", "127.0.0.1", "[::ffff:127.0.0.1]:8080", true},
    {"", "127.0.0.1", "evil.example", false},
    {"", "127.0.0.1", "evil.example:8080", false},
    {"", "127.0.0.1", "localhost.evil.example", false},
    {"", "127.0.0.1", "notlocalhost", false},
    {"", "127.0.0.1", "127.0.0.1.evil.example", false},
    {"", "127.0.0.1", "192.0.2.7", false},
    {"", "127.0.0.1", ".localhost", false},
    {"", "127.0.0.1", "", false},
    {"", "127.0.0.1", ":8080", false},
    {"", "127.0.0.1", "localhost:80x", false},
    {"", "127.0.0.1", "[::1", false},
    {"", "127.0.0.1", "[::1]x", false},
    {"", "127.0.0.1", "2130706433", false}, /* 127.0.0.1 as one number is a name to us */
    {"", "192.0.2.7", "192.0.2.7:80", true},
    {"", "192.0.2.7", "192.0.2.8:80", false},
    {"", "192.0.2.7", "localhost", true},
    {"", "2001:db8::7", "[2001:DB8:0::7]:80", true},
    {"", "0.0.0.0", "192.0.2.8:80", true}, /* listening everywhere: any number, but no name */
    {"", "::", "192.0.2.8:80", true},
    {"", "0.0.0.0", "evil.example", false},
    {"broker.example", "0.0.0.0", "Broker.Example:443", true},
    {"broker.example", "0.0.0.0", "roker.example", false},
    {"broker.example", "0.0.0.0", "broker.example.evil", false},
    {"a.example, gateway  b.example", "127.0.0.1", "gateway:8080", true},
    {"a.example, gateway  b.example", "127.0.0.1", "b.example", true},
    {"a.example, gateway  b.example", "127.0.0.1", "c.example", false},
    {"*", "127.0.0.1", "anything.example", true},
    {" , ", "127.0.0.1", "anything.example", false},
};

START_TEST(hosts_are_ours_or_not)
{
    struct host_check check;
    host_check_init(&check, hosts[_i].allowed, hosts[_i].listen);
    ck_assert_msg(host_check_allows(&check, hosts[_i].host) == hosts[_i].good,
                  "\"%s\" (allowed \"%s\", listening on %s)", hosts[_i].host, hosts[_i].allowed, hosts[_i].listen);
}
END_TEST

static const struct {
    const char *allowed, *origin, *host;
    bool good;
} origins[] = {
    {"", "http://localhost:8080", "localhost:8080", true},
    {"", "https://LOCALHOST:8080", "localhost:8080", true},
    {"", "http://localhost:3000", "localhost:8080", false}, /* another program of this machine */
    {"", "http://evil.example", "localhost:8080", false},
    {"", "http://localhost:8080.evil.example", "localhost:8080", false},
    {"", "null", "localhost:8080", false},
    {"", "null", "null", false},
    {"", "", "", false},
    {"", "file://", "localhost:8080", false},
    {"", "http://localhost:8080", NULL, false},
    {"broker.example", "https://broker.example", "gateway:8080", true}, /* behind a proxy that changes Host */
    {"broker.example", "https://broker.example:444", "gateway:8080", true},
    {"broker.example", "https://evil.example", "gateway:8080", false},
    {"*", "https://evil.example", "gateway:8080", true},
    {"*", "null", "gateway:8080", false},
};

START_TEST(origins_may_change_something_or_not)
{
    struct host_check check;
    host_check_init(&check, origins[_i].allowed, "127.0.0.1");
    ck_assert_msg(host_check_allows_origin(&check, origins[_i].origin, origins[_i].host) == origins[_i].good,
                  "\"%s\" to %s", origins[_i].origin, origins[_i].host == NULL ? "-" : origins[_i].host);
}
END_TEST

CHECK_MAIN("host_check", tcase_add_loop_test(cases, hosts_are_ours_or_not, 0, TB_ARRAY_SIZE(hosts));
           tcase_add_loop_test(cases, origins_may_change_something_or_not, 0, TB_ARRAY_SIZE(origins));)
