/* Requests as a stranger sends them who wants to trick: two readings of where one ends, of whose host it names, of what
 * is a header. Behind each comes a good request on the same connection: whether that is answered tells whether the
 * server and the attacker agree where the first one ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base.h"
#include "edge.h"

#define HOST    "Host: localhost\r\n"
#define GET     "GET /api/config HTTP/1.1\r\n" HOST
#define POST    "POST /api/orders HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define LAST    "GET /api/market HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
#define DONE    "0\r\n\r\n"

/* Effect: writes the statuses of all answers in what came, "100 201 ". */
static void read_statuses(const char *raw, char *statuses, size_t size)
{
    *statuses = '\0';
    for (const char *at = raw; (at = strstr(at, "HTTP/1.1 ")) != NULL; at += 9) {
        size_t used = strlen(statuses);
        if ((at == raw || at[-1] == '\n' || at[-1] == '}') && used + 5 < size)
            (void)snprintf(statuses + used, size - used, "%.3s ", at + 9);
    }
}

/* --- where a request ends --- */

static const struct {
    const char *request, *statuses; /* of it and of what comes behind; one alone: the connection ended there */
} framings[] = {
    {GET "\r\n", "200 200 "},
    {GET "\r\n" GET "\r\n", "200 200 200 "},
    {GET "\r\nBAD\r\n\r\n", "200 400 "},
    {"\r\n\r\n" GET "\r\n", "200 200 "},
    {GET "Content-Length: 4\r\n\r\nabcd", "200 200 "},
    {POST "Content-Length: 2\r\n\r\n{}", "400 200 "},
    {POST "Content-Length: 2 \r\n\r\n{}", "400 200 "},
    {POST "Content-Length: 002\r\n\r\n{}", "400 200 "},
    {CHUNKED "2\r\n{}\r\n" DONE, "400 200 "},
    {CHUNKED "2;a=b\r\n{}\r\n0;c\r\n\r\n", "400 200 "},
    {CHUNKED "2\r\n{}\r\n0\r\nContent-Length: 500\r\nHost: evil\r\n\r\n", "400 200 "}, /* trailers change nothing */
    {POST "Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n" DONE, "400 200 "},
    /* two lengths */
    {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" DONE, "400 "},
    {POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "400 "},
    {POST "Content-Length: 0\r\nContent-Length: 44\r\n\r\n", "400 "},
    {POST "Content-Length: 2, 2\r\n\r\n{}", "400 "},
    /* one that is no length */
    {POST "Content-Length: +2\r\n\r\n{}", "400 "},
    {POST "Content-Length: -0\r\n\r\n{}", "400 "},
    {POST "Content-Length: 0x2\r\n\r\n{}", "400 "},
    {POST "Content-Length: 2 2\r\n\r\n{}", "400 "},
    {POST "Content-Length:\r\n\r\n{}", "400 "},
    {POST "Content-Length: 18446744073709551618\r\n\r\n{}", "400 "}, /* 2 modulo 2^64 */
    {POST "Content-Length : 2\r\n\r\n{}", "400 "},
    /* codings that are none */
    {POST "Transfer-Encoding: xchunked\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding: chunked, identity\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n" DONE,
     "400 "},
    {POST "Transfer-Encoding : chunked\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding\t: chunked\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding:\r\n chunked\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" DONE, "400 "},
    {POST "Transfer-Encoding:\r\n\r\n" DONE, "400 "},
    {"POST /api/orders HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n" DONE, "400 "},
    /* chunks */
    {CHUNKED "+2\r\n{}\r\n" DONE, "400 "},
    {CHUNKED "0x2\r\n{}\r\n" DONE, "400 "},
    {CHUNKED " 2\r\n{}\r\n" DONE, "400 "},
    {CHUNKED "2 \r\n{}\r\n" DONE, "400 "},
    {CHUNKED "2\n{}\n0\n\n", "400 "},
    {CHUNKED "2;a\nb\r\n{}\r\n" DONE, "400 "},
    {CHUNKED "1\r\n{}\r\n" DONE, "400 "},
    {CHUNKED "2\r\n{}0\r\n\r\n", "400 "},
    {CHUNKED "ffffffffffffffff2\r\n{}\r\n" DONE, "400 "},
    {CHUNKED "fffffff2\r\n{}\r\n" DONE, "413 "}, /* at once, not when so much has come */
    {CHUNKED "0\r\nno colon\r\n\r\n", "400 "},
    {CHUNKED "0\r\nA: b\n\r\n", "400 "},
    /* lines */
    {"GET /api/config HTTP/1.1\nHost: localhost\n\n", "400 "},
    {GET "X: a\rb\r\n\r\n", "400 "},
    {GET "X: a\r\n b\r\n\r\n", "400 "},
    {"GET /api/config HTTP/1.1\r\n " HOST "\r\n", "400 "},
    {GET "no colon\r\n\r\n", "400 "},
    {GET ": no name\r\n\r\n", "400 "},
    {GET "a@b: c\r\n\r\n", "400 "},
    {"GET  /api/config HTTP/1.1\r\n" HOST "\r\n", "400 "},
    {"GET\t/api/config\tHTTP/1.1\r\n" HOST "\r\n", "400 "},
    {"GET /api/config http/1.1\r\n" HOST "\r\n", "400 "},
    {"GET /api/config HTTP/1.2\r\n" HOST "\r\n", "505 "},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 "},
    {"GET /api/con\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "400 "},
    {"GET /api/config#here HTTP/1.1\r\n" HOST "\r\n", "400 "},
    {"GET /api/orders/a%0d%0aSet-Cookie:x HTTP/1.1\r\n" HOST "\r\n", "400 "},
    {"CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", "400 "},
    /* what asks for another protocol is answered in this one */
    {GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
     "200 200 "},
    {GET "Connection: close, keep-alive\r\n\r\n", "200 "},
    {GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", "200 "},
    {"GET /api/config HTTP/1.0\r\n\r\n", "200 "},
    {"GET /api/config HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200 200 "},
    {"HEAD /api/config HTTP/1.1\r\n" HOST "\r\n", "200 200 "},
    {"OPTIONS /api/orders HTTP/1.1\r\n" HOST "\r\n", "204 200 "},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "204 200 "},
    {"TRACE /api/config HTTP/1.1\r\n" HOST "Cookie: secret\r\n\r\n", "405 200 "},
    {"get /api/config HTTP/1.1\r\n" HOST "\r\n", "405 200 "},
    {POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", "400 200 "}, /* its body is there: no word is needed */
    {POST "Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n", "413 "},
};

START_TEST(a_request_ends_where_it_says_or_ends_the_connection)
{
    char request[2048], statuses[64];
    (void)snprintf(request, sizeof request, "%s" LAST, framings[_i].request);
    struct api_answer *answer = api_raw(edge_cluster.port, request, strlen(request));
    read_statuses(answer->raw, statuses, sizeof statuses);
    ck_assert_msg(strcmp(statuses, framings[_i].statuses) == 0, "expected %s, got %s, for %s\n%s",
                  framings[_i].statuses, statuses, request, answer->raw);
    bool goes_on = strlen(framings[_i].statuses) > 4;
    ck_assert_msg((strstr(answer->raw, "\"market\":\"TULIP\"") != NULL) ==
                      (goes_on && strcmp(framings[_i].statuses, "200 400 ") != 0),
                  "%s\n%s", request, answer->raw);
    ck_assert_msg(goes_on || strstr(answer->raw, "\r\nConnection: close\r\n") != NULL, "%s\n%s", request, answer->raw);
    api_free(&answer);
}
END_TEST

START_TEST(the_body_is_asked_for_when_it_is_waited_for)
{
    static const char request[] = POST "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    char statuses[64];
    struct api_answer *answer = api_raw_for(edge_cluster.port, request, sizeof request - 1, 1);
    read_statuses(answer->raw, statuses, sizeof statuses);
    ck_assert_str_eq(statuses, "100 ");
    api_free(&answer);
}
END_TEST

/* --- whose host it names --- */

static const struct {
    const char *request;
    int status;
} hosts[] = {
    {"GET http://localhost/api/config HTTP/1.1\r\nHost: localhost\r\n", 200},
    {"GET http://broker.example/api/config HTTP/1.1\r\nHost: broker.example\r\n", 200},
    {"GET http://evil.example/api/config HTTP/1.1\r\nHost: localhost\r\n", 400},
    {"GET http://localhost/api/config HTTP/1.1\r\nHost: evil.example\r\n", 400},
    {"GET http://evil.example/api/config HTTP/1.1\r\nHost: evil.example\r\n", 400},
    {"GET http://evil.example@localhost/api/config HTTP/1.1\r\nHost: localhost\r\n", 400},
    {"GET http://localhost@evil.example/api/config HTTP/1.1\r\nHost: localhost\r\n", 400},
    {"GET http://localhost:1/api/config HTTP/1.1\r\nHost: localhost\r\n", 400},
    {"GET ftp://localhost/api/config HTTP/1.1\r\nHost: localhost\r\n", 400},
    {"GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\n", 400},
    {"GET //evil.example/api/config HTTP/1.1\r\nHost: localhost\r\n", 404},
    {"GET /api/config HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400},
    {"GET /api/config HTTP/1.1\r\nHost: localhost, evil.example\r\n", 400},
    {"GET /api/config HTTP/1.1\r\nHost: localhost@evil.example\r\n", 400},
    {"GET /api/config HTTP/1.1\r\nHost: localhost#evil.example\r\n", 400},
    {"GET /api/config HTTP/1.1\r\nHost: localhost/evil.example\r\n", 400},
    {"GET /api/config HTTP/1.1\r\nHost: localhost:80:80\r\n", 400},
    {"GET /api/config HTTP/1.1\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\nHost: "
     "localhost\r\n",
     200},
    {"GET /api/config HTTP/1.1\r\nX-Forwarded-Host: localhost\r\nHost: evil.example\r\n", 400},
    {"GET /api/config HTTP/1.1\r\n", 400},
};

START_TEST(one_host_is_named_and_it_is_ours)
{
    char request[512];
    (void)snprintf(request, sizeof request, "%sConnection: close\r\n\r\n", hosts[_i].request);
    struct api_answer *answer = api_raw(edge_cluster.port, request, strlen(request));
    ck_assert_msg(answer->status == hosts[_i].status, "expected %d: %s\n%s", hosts[_i].status, request, answer->raw);
    const char *head_end = strstr(answer->raw, "\r\n\r\n"), *theirs = strstr(answer->raw, "evil");
    ck_assert_msg(theirs == NULL || theirs > head_end, "a name of theirs is in our headers: %s\n%s", request,
                  answer->raw);
    api_free(&answer);
}
END_TEST

/* --- what headers carry --- */

static const struct {
    const char *sent;
    bool echoed;
} request_ids[] = {
    {"abc-1.2_3", true},
    {"0123456789012345678901234567890123456789012345678901234567890123", true},
    {"01234567890123456789012345678901234567890123456789012345678901234", false},
    {"", false},
    {"a b", false},
    {"a\tb", false},
    {"a,b", false},
    {"a%0d%0aX-Injected: 1", false},
    {"<script>alert(1)</script>", false},
    {"\xc3\xa9", false},
    {"\xff", false},
};

START_TEST(a_request_id_is_echoed_when_it_is_one)
{
    char header[128];
    (void)snprintf(header, sizeof header, "X-Request-Id: %s\r\n", request_ids[_i].sent);
    struct api_answer *answer = api_call(edge_cluster.port, "GET", "/api/orders/absent", NULL, header);
    const char *id = api_header(answer, "X-Request-Id");
    ck_assert_ptr_nonnull(id);
    ck_assert_msg((strcmp(id, request_ids[_i].sent) == 0) == request_ids[_i].echoed, "%s -> %s", request_ids[_i].sent,
                  id);
    ck_assert_uint_eq(strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), strlen(id));
    ck_assert_str_eq(api_text(answer, "requestId"), id);
    ck_assert_ptr_null(api_header(answer, "X-Injected"));
    api_free(&answer);
}
END_TEST

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
static const struct {
    const char *sent;
    bool continued;
} parents[] = {
    {"00-" TRACE "-00f067aa0ba902b7-01", true},
    {"00-" TRACE "-00f067aa0ba902b7-00", true},
    {"cc-" TRACE "-00f067aa0ba902b7-01-what-comes-later", true}, /* a version to come may say more */
    {"00-" TRACE "-00f067aa0ba902b7-01-more", false},
    {"00-" TRACE "-0000000000000000-01", false},
    {"ff-" TRACE "-00f067aa0ba902b7-01", false},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
    {"00-" TRACE "-00f067aa0ba902b7", false},
    {"00-" TRACE "-00f067aa0ba902b7-0g", false},
    {"00-" TRACE "-00f067aa0ba902b7-01\r\ntraceparent: 00-" TRACE "-00f067aa0ba902b7-01", false},
    {"", false},
};

START_TEST(a_trace_is_continued_when_it_is_one)
{
    char header[256];
    (void)snprintf(header, sizeof header, "traceparent: %s\r\n", parents[_i].sent);
    struct api_answer *answer = api_call(edge_cluster.port, "GET", "/api/config", NULL, header);
    const char *ours = api_header(answer, "traceparent");
    ck_assert_ptr_nonnull(ours);
    ck_assert_uint_eq(strlen(ours), 55);
    ck_assert_msg((strncmp(ours + 3, TRACE, 32) == 0) == parents[_i].continued, "%s -> %s", parents[_i].sent, ours);
    ck_assert_msg(strstr(ours, "-00f067aa0ba902b7-") == NULL, "the span must be ours: %s", ours);
    ck_assert_msg(strncmp(ours, "00-", 3) == 0 && strstr(ours, "-0000000000000000-") == NULL, "%s", ours);
    api_free(&answer);
}
END_TEST

static const struct {
    const char *headers; /* in the place of Content-Type and key */
    int status;
    const char *code;
} orders[] = {
    {"Content-Type: application/json\r\nIdempotency-Key: a\"b\\c<d>\r\n", 201, ""},
    {"Content-Type: Application/JSON ; charset=utf-8\r\n", 201, ""},
    {"Content-Type: application/json\r\nContent-Encoding: identity\r\n", 201, ""},
    {"Content-Type: application/json\r\nIdempotency-Key:\r\n", 400, "VALIDATION"},
    {"Content-Type: application/json\r\nIdempotency-Key: a\tb\r\n", 400, "VALIDATION"},
    {"Content-Type: application/json\r\nIdempotency-Key: \xc3\xa9\r\n", 400, "VALIDATION"},
    {"Content-Type: application/json\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n", 400, "VALIDATION"},
    {"Content-Type: application/json\r\nContent-Type: text/plain\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type: text/plain\r\nContent-Type: application/json\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type: application/json, text/plain\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type: application/jsonp\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type: application/x-www-form-urlencoded\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type:\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type: application/json\r\nContent-Encoding: gzip\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type: application/json\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n", 415,
     "UNSUPPORTED_MEDIA_TYPE"},
    {"Content-Type: application/json\r\nX-HTTP-Method-Override: DELETE\r\n", 201, ""},
};

START_TEST(an_order_is_taken_for_what_it_says_and_nothing_else)
{
    static const char body[] = "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"}";
    struct api_answer *answer = api_call(edge_cluster.port, "POST", "/api/orders", body, orders[_i].headers);
    ck_assert_msg(answer->status == orders[_i].status && strcmp(api_text(answer, "code"), orders[_i].code) == 0,
                  "%s\n%s", orders[_i].headers, answer->raw);
    api_free(&answer);
}
END_TEST

START_TEST(long_urls_are_taken_up_to_the_limit_and_then_431)
{
    static const size_t lengths[] = {200, 8000, 15000, 16400, 60000};
    for (size_t i = 0; i < TB_ARRAY_SIZE(lengths); i++) {
        char *path = tb_alloc_zero(1, lengths[i] + 1);
        memset(path, 'a', lengths[i]);
        path[0] = '/';
        struct api_answer *answer = api_call(edge_cluster.port, "GET", path, NULL, NULL);
        int wanted = lengths[i] < 16000 ? 404 : 431;
        ck_assert_msg(answer->status == wanted, "%zu: %.300s", lengths[i], answer->raw);
        api_free(&answer);
        free(path);
    }
}
END_TEST

TCase *edge_hostile(void)
{
    TCase *part = tcase_create("hostile");
    tcase_set_timeout(part, 60);
    tcase_add_loop_test(part, a_request_ends_where_it_says_or_ends_the_connection, 0, TB_ARRAY_SIZE(framings));
    tcase_add_test(part, the_body_is_asked_for_when_it_is_waited_for);
    tcase_add_loop_test(part, one_host_is_named_and_it_is_ours, 0, TB_ARRAY_SIZE(hosts));
    tcase_add_loop_test(part, a_request_id_is_echoed_when_it_is_one, 0, TB_ARRAY_SIZE(request_ids));
    tcase_add_loop_test(part, a_trace_is_continued_when_it_is_one, 0, TB_ARRAY_SIZE(parents));
    tcase_add_loop_test(part, an_order_is_taken_for_what_it_says_and_nothing_else, 0, TB_ARRAY_SIZE(orders));
    tcase_add_test(part, long_urls_are_taken_up_to_the_limit_and_then_431);
    return part;
}
