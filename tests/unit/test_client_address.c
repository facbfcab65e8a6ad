/* Who a request comes from: which proxies are believed, and what of what they say. */
#include "client_address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base.h"
#include "check_main.h"

static struct in6_addr address(const char *text)
{
    struct in6_addr value;
    ck_assert_msg(inet_pton(AF_INET6, text, &value) == 1, "%s", text);
    return value;
}

static const struct {
    const char *proxies, *peer;
    bool trusted;
} peers[] = {
    {"", "::ffff:127.0.0.1", false},
    {"127.0.0.1", "::ffff:127.0.0.1", true},
    {"127.0.0.1", "::ffff:127.0.0.2", false},
    {"10.0.0.0/8", "::ffff:10.255.1.2", true},
    {"10.0.0.0/8", "::ffff:11.0.0.1", false},
    {"10.213.77.0/28", "::ffff:10.213.77.15", true},
    {"10.213.77.0/28", "::ffff:10.213.77.16", false},
    {"0.0.0.0/0", "::ffff:203.0.113.9", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
    {"::/0", "::ffff:1.2.3.4", true},
    {"192.0.2.1, 2001:db8::5\t10.0.0.1", "2001:db8::5", true},
    {"192.0.2.1 2001:db8::5 10.0.0.1", "::ffff:10.0.0.1", true},
};

START_TEST(a_proxy_is_one_that_was_named)
{
    struct proxies proxies;
    struct err err = {0};
    struct in6_addr peer = address(peers[_i].peer);
    ck_assert_msg(proxies_read(&proxies, peers[_i].proxies, &err) == 0, "%s", err.text);
    ck_assert_msg(proxies_trust(&proxies, &peer) == peers[_i].trusted, "%s of \"%s\"", peers[_i].peer,
                  peers[_i].proxies);
}
END_TEST

static const struct {
    const char *proxies, *reason;
} wrong[] = {
    {"edge", "\"edge\" is no numeric address"},
    {"10.0.0.1 10.0.0", "\"10.0.0\" is no numeric address"},
    {"10.0.0.0/33", "/33"},
    {"10.0.0.0/", "/ behind 10.0.0.0"},
    {"10.0.0.0/-1", "/-1"},
    {"10.0.0.0/8x", "/8x"},
    {"2001:db8::/129", "/129"},
    {"10.1.0.0/8", "not a network"},
    {"1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
     "1.1.1.1 1.1.1.1 1.1.1.1",
     "more than 16"},
    {"1111111111111111111111111111111111111111111111111111111111111111111", "no numeric address"},
};

START_TEST(a_wrong_entry_is_named)
{
    struct proxies proxies;
    struct err err = {0};
    ck_assert_int_eq(proxies_read(&proxies, wrong[_i].proxies, &err), -1);
    ck_assert_msg(strncmp(err.text, "trusted_proxies: ", 17) == 0 && strstr(err.text, wrong[_i].reason) != NULL,
                  "%s: %s", wrong[_i].proxies, err.text);
}
END_TEST

static const struct {
    const char *value, *client; /* NULL: nobody */
    bool loopback;
} forwarded[] = {
    {"203.0.113.7", "203.0.113.7", false},
    {"  203.0.113.7\t", "203.0.113.7", false},
    {"1.1.1.1, 203.0.113.7", "203.0.113.7", false}, /* before the last comma stands the client's own word */
    {"1.1.1.1,203.0.113.7:4711", "203.0.113.7", false},
    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", false},
    {"[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::", false},
    {"[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::", false},
    {"::ffff:203.0.113.7", "203.0.113.7", false},
    {"127.0.0.1", "127.0.0.1", true},
    {"::1", "::1", true},
    {"", NULL, false},
    {"1.1.1.1,", NULL, false},
    {"unknown", NULL, false},
    {"1.1.1.1 2.2.2.2", NULL, false},
    {"[::1", NULL, false},
    {"[::1]x", NULL, false},
    {"1111111111111111111111111111111111111111111111111111111111111111111", NULL, false},
};

START_TEST(the_last_address_is_the_client)
{
    struct in6_addr client;
    char text[INET6_ADDRSTRLEN];
    bool found = client_address_forwarded(forwarded[_i].value, &client);
    ck_assert_msg(found == (forwarded[_i].client != NULL), "\"%s\"", forwarded[_i].value);
    if (found) {
        ck_assert(client_address_describe(&client, text, sizeof text) == forwarded[_i].loopback);
        ck_assert_str_eq(text, forwarded[_i].client);
    }
}
END_TEST

CHECK_MAIN("client_address", tcase_add_loop_test(cases, a_proxy_is_one_that_was_named, 0, TB_ARRAY_SIZE(peers));
           tcase_add_loop_test(cases, a_wrong_entry_is_named, 0, TB_ARRAY_SIZE(wrong));
           tcase_add_loop_test(cases, the_last_address_is_the_client, 0, TB_ARRAY_SIZE(forwarded));)
