/* What is taken, what is refused, and that neither depends on how the bytes are cut. */
#include "http_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "check_main.h"

/* Effect: feeds bytes in pieces: up to cut, then step bytes at a time. Return: bytes used. */
static size_t parse_cut(struct http_parse *parse, const char *bytes, size_t size, size_t cut, size_t step)
{
    size_t used = 0, piece_end = cut;
    while (parse->state != HTTP_PARSE_DONE && parse->state != HTTP_PARSE_REFUSED) {
        if (piece_end > size)
            piece_end = size;
        size_t took = http_parse_feed(parse, bytes + used, piece_end - used);
        used += took;
        if (parse->state == HTTP_PARSE_HEAD)
            continue;
        if (used == size && took == 0)
            break;
        if (used == piece_end)
            piece_end += step;
    }
    return used;
}

static const struct good {
    const char *bytes;
    enum http_verb verb;
    const char *method, *path, *query, *body;
    bool keep_alive;
} goods[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", VERB_GET, "GET", "/", "", "", true},
    {"GET /api/orders?limit=5&x=%20 HTTP/1.1\r\nHost: a:80\r\n\r\n", VERB_GET, "GET", "/api/orders", "limit=5&x=%20",
     "", true},
    {"\r\n\r\nGET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", VERB_GET, "GET", "/a", "", "", true},
    {"GET /a HTTP/1.0\r\n\r\n", VERB_GET, "GET", "/a", "", "", false},
    {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", VERB_GET, "GET", "/a", "", "", true},
    {"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", VERB_GET, "GET", "/a", "", "", false},
    {"GET http://host.example/a/b?c HTTP/1.1\r\nHost: Host.example\r\n\r\n", VERB_GET, "GET", "/a/b", "c", "", true},
    {"GET HTTP://host:80 HTTP/1.1\r\nHost: host:80\r\n\r\n", VERB_GET, "GET", "/", "", "", true},
    {"GET https://host?q HTTP/1.1\r\nHost: host\r\n\r\n", VERB_GET, "GET", "/", "q", "", true},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", VERB_OPTIONS, "OPTIONS", "*", "", "", true},
    {"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", VERB_OTHER, "BREW", "/pot", "", "", true},
    {"PATCH /pot HTTP/1.1\r\nHost: a\r\n\r\n", VERB_OTHER, "PATCH", "/pot", "", "", true},
    {"DELETE /p%C3%A4th HTTP/1.1\r\nHost: a\r\n\r\n", VERB_DELETE, "DELETE", "/p%C3%A4th", "", "", true},
    {"HEAD /a HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blank:   \r\n\r\n", VERB_HEAD, "HEAD", "/a", "", "", true},
    {"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", VERB_POST, "POST", "/a", "", "hello", true},
    {"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", VERB_POST, "POST", "/a", "", "", true},
    {"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", VERB_GET, "GET", "/a", "", "hi", true},
    {"POST /a HTTP/1.1\r\nHost: a\r\ncontent-length: 007\r\n\r\nseven77", VERB_POST, "POST", "/a", "", "seven77", true},
    {"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
     VERB_PUT, "PUT", "/a", "", "hello world", true},
    {"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n00A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\nY: "
     "2\r\n\r\n",
     VERB_PUT, "PUT", "/a", "", "0123456789", true},
    {"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", VERB_PUT, "PUT", "/a", "", "", true},
};

START_TEST(a_good_request_is_read_whole_however_it_is_cut)
{
    const struct good *good = &goods[_i];
    size_t size = strlen(good->bytes);
    for (size_t step = 1; step <= size; step += step == 1 ? size - 1 : size) {
        for (size_t cut = 0; cut <= size; cut++) {
            struct http_parse parse = {0};
            size_t used = parse_cut(&parse, good->bytes, size, cut, step);
            ck_assert_msg(parse.state == HTTP_PARSE_DONE, "%s: %s", good->bytes,
                          parse.reason == NULL ? "not done" : parse.reason);
            check_quick(used == size);
            check_quick(parse.verb == good->verb && strcmp(parse.method, good->method) == 0);
            ck_assert_str_eq(parse.path, good->path);
            ck_assert_str_eq(parse.query, good->query);
            check_quick(parse.body_length == strlen(good->body));
            check_quick(parse.body == NULL || strcmp(parse.body, good->body) == 0);
            check_quick(parse.keep_alive == good->keep_alive);
            http_parse_release(&parse);
        }
    }
}
END_TEST

static const struct bad {
    const char *bytes;
    size_t size; /* 0 = strlen */
    int status;
} bads[] = {
#define BAD(text, status)                                                                                              \
    {                                                                                                                  \
        text, sizeof(text) - 1, status                                                                                 \
    }
    /* line ends, control characters */
    BAD("GET / HTTP/1.1\nHost: a\n\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    BAD("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\rX\nHost: a\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
    BAD("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400),
    BAD("\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    /* request line */
    BAD("GARBAGE\r\n\r\n", 400),
    BAD("GET /\r\n\r\n", 400),
    BAD("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    BAD("GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
    BAD("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    BAD("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    BAD("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    BAD("PRI * HTTP/2.0\r\n\r\n", 505),
    BAD("AVERYLONGMETHODNAMETHATNOBODYEVERHEARDOF / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    /* target */
    BAD("GET orders HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET http://a:80/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET http://b@a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET http://a HTTP/1.0\r\n\r\n", 400),
    BAD("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /t\xc3\xbclip HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /% HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /%0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    BAD("GET /%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    /* headers */
    BAD("GET / HTTP/1.1\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    BAD("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400),
    /* length of the body */
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nx", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413),
/* chunks */
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    BAD(CHUNKED "zz\r\n", 400),
    BAD(CHUNKED "\r\n", 400),
    BAD(CHUNKED "5\nhello\r\n0\r\n\r\n", 400),
    BAD(CHUNKED "5\r\nhello\n0\r\n\r\n", 400),
    BAD(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n", 400),
    BAD(CHUNKED "5 \r\nhello\r\n0\r\n\r\n", 400),
    BAD(CHUNKED "-5\r\nhello\r\n0\r\n\r\n", 400),
    BAD(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", 400),
    BAD(CHUNKED "5;a\x01\r\nhello\r\n0\r\n\r\n", 400),
    BAD(CHUNKED "FFFFFFFFFFFFFFFFF\r\n", 400),
    BAD(CHUNKED "0\r\n\n", 400),
    BAD(CHUNKED "0\r\nX: 1\n\r\n", 400),
    BAD(CHUNKED "0\r\nX\r\n\r\n", 400),
    BAD(CHUNKED "0\r\n: 1\r\n\r\n", 400),
    BAD(CHUNKED "0\r\nX : 1\r\n\r\n", 400),
    BAD(CHUNKED "0\r\n X: 1\r\n\r\n", 400),
    BAD(CHUNKED "0\r\nX: 1\r\n folded\r\n\r\n", 400),
    BAD(CHUNKED "10001\r\n", 413),
    BAD(CHUNKED "ffffffff\r\n", 413),
    BAD(CHUNKED "1\r\na\r\n10000\r\n", 413),
};

START_TEST(a_hostile_request_is_refused_however_it_is_cut)
{
    const struct bad *bad = &bads[_i];
    for (size_t step = 1; step <= bad->size; step += bad->size) {
        for (size_t cut = 0; cut <= bad->size; cut++) {
            struct http_parse parse = {0};
            (void)parse_cut(&parse, bad->bytes, bad->size, cut, cut == 0 ? 1 : bad->size);
            ck_assert_msg(parse.state == HTTP_PARSE_REFUSED && parse.status == bad->status,
                          "%s cut at %zu: state %d status %d, not %d", bad->bytes, cut, (int)parse.state, parse.status,
                          bad->status);
            check_quick(parse.reason != NULL);
            http_parse_release(&parse);
        }
    }
}
END_TEST

START_TEST(what_may_follow_is_waited_for)
{
    /* Every proper prefix of a good request is neither done nor refused. */
    static const char request[] =
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n\r\n";
    for (size_t size = 0; size + 1 < sizeof request; size++) {
        struct http_parse parse = {0};
        (void)parse_cut(&parse, request, size, size, 1);
        check_quick(parse.state != HTTP_PARSE_DONE && parse.state != HTTP_PARSE_REFUSED);
        http_parse_release(&parse);
    }
}
END_TEST

START_TEST(the_next_request_is_left_alone)
{
    static const char two[] =
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    struct http_parse parse = {0};
    size_t used = parse_cut(&parse, two, sizeof two - 1, sizeof two - 1, 1);
    ck_assert_int_eq(parse.state, HTTP_PARSE_DONE);
    ck_assert_str_eq(parse.body, "hi");
    http_parse_reset(&parse);
    used += parse_cut(&parse, two + used, sizeof two - 1 - used, sizeof two - 1 - used, 1);
    ck_assert_uint_eq(used, sizeof two - 1);
    ck_assert_int_eq(parse.state, HTTP_PARSE_DONE);
    ck_assert_str_eq(parse.path, "/b");
    ck_assert_uint_eq(parse.body_length, 0);
    http_parse_release(&parse);
}
END_TEST

static int status_of(const char *bytes, size_t size)
{
    struct http_parse parse = {0};
    (void)parse_cut(&parse, bytes, size, size, 1);
    int status = parse.state == HTTP_PARSE_DONE ? 200 : parse.state == HTTP_PARSE_REFUSED ? parse.status : 0;
    http_parse_release(&parse);
    return status;
}

START_TEST(the_head_may_have_16_kib_and_not_more)
{
    char *bytes = tb_alloc_zero(1, HTTP_HEAD_MAX + 64);
    for (int over = 0; over <= 1; over++) {
        int length = snprintf(bytes, HTTP_HEAD_MAX, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        size_t filler = HTTP_HEAD_MAX - (size_t)length - 4 + (size_t)over;
        memset(bytes + length, 'x', filler);
        memcpy(bytes + (size_t)length + filler, "\r\n\r\n", 5);
        ck_assert_int_eq(status_of(bytes, strlen(bytes)), over == 1 ? 431 : 200);
    }
    /* A line without end is refused too, not awaited. */
    memset(bytes, 'x', HTTP_HEAD_MAX + 32);
    ck_assert_int_eq(status_of(bytes, HTTP_HEAD_MAX + 32), 431);
    free(bytes);
}
END_TEST

START_TEST(a_hundred_headers_are_taken_and_not_more)
{
    for (int count = 99; count <= 100; count++) { /* and Host */
        char bytes[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
        size_t length = strlen(bytes);
        for (int i = 0; i < count; i++)
            length += (size_t)snprintf(bytes + length, sizeof bytes - length, "X-%d: y\r\n", i);
        length += (size_t)snprintf(bytes + length, sizeof bytes - length, "\r\n");
        ck_assert_int_eq(status_of(bytes, length), count == 99 ? 200 : 431);
    }
}
END_TEST

START_TEST(a_body_may_have_64_kib_and_not_more)
{
    char *bytes = tb_alloc_zero(1, HTTP_BODY_MAX + 4096);
    for (size_t over = 0; over <= 1; over++) {
        int length =
            snprintf(bytes, 4096, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", HTTP_BODY_MAX + over);
        memset(bytes + length, 'x', HTTP_BODY_MAX + over);
        ck_assert_int_eq(status_of(bytes, (size_t)length + HTTP_BODY_MAX + over), over == 1 ? 413 : 200);
        length = snprintf(bytes, 4096, CHUNKED "%zx\r\n", HTTP_BODY_MAX + over);
        memset(bytes + length, 'x', HTTP_BODY_MAX + over);
        strncpy(bytes + (size_t)length + HTTP_BODY_MAX + over, "\r\n0\r\n\r\n", 8);
        ck_assert_int_eq(status_of(bytes, (size_t)length + HTTP_BODY_MAX + over + 7), over == 1 ? 413 : 200);
    }
    free(bytes);
}
END_TEST

START_TEST(endless_chunk_extensions_and_trailers_are_refused)
{
    char *bytes = tb_alloc_zero(1, 16384);
    int length = snprintf(bytes, 16384, CHUNKED "1;");
    memset(bytes + length, 'x', 8000);
    ck_assert_int_eq(status_of(bytes, (size_t)length + 8000), 400);
    length = snprintf(bytes, 16384, CHUNKED "0\r\nX: ");
    memset(bytes + length, 'x', 8000);
    ck_assert_int_eq(status_of(bytes, (size_t)length + 8000), 400);
    free(bytes);
}
END_TEST

START_TEST(headers_are_found_in_any_case_without_blanks_around)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nhOST:a\r\nX-Key: \t some value \t \r\nExpect: 100-Continue\r\nEmpty:\r\n\r\n";
    struct http_parse parse = {0};
    (void)parse_cut(&parse, request, sizeof request - 1, 7, 3);
    ck_assert_int_eq(parse.state, HTTP_PARSE_DONE);
    ck_assert_str_eq(http_parse_header(&parse, "Host"), "a");
    ck_assert_str_eq(http_parse_header(&parse, "x-key"), "some value");
    ck_assert_str_eq(http_parse_header(&parse, "EMPTY"), "");
    ck_assert_ptr_null(http_parse_header(&parse, "absent"));
    ck_assert(parse.expects_continue);
    http_parse_release(&parse);
}
END_TEST

CHECK_MAIN("http_parse",
           tcase_add_loop_test(cases, a_good_request_is_read_whole_however_it_is_cut, 0, TB_ARRAY_SIZE(goods));
           tcase_add_loop_test(cases, a_hostile_request_is_refused_however_it_is_cut, 0, TB_ARRAY_SIZE(bads));
           tcase_add_test(cases, what_may_follow_is_waited_for); tcase_add_test(cases, the_next_request_is_left_alone);
           tcase_add_test(cases, the_head_may_have_16_kib_and_not_more);
           tcase_add_test(cases, a_hundred_headers_are_taken_and_not_more);
           tcase_add_test(cases, a_body_may_have_64_kib_and_not_more);
           tcase_add_test(cases, endless_chunk_extensions_and_trailers_are_refused);
           tcase_add_test(cases, headers_are_found_in_any_case_without_blanks_around);)
