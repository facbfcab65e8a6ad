/* http_parse: one HTTP/1.1 request from bytes that come in any pieces; strict, and pure: no socket, no clock.
 * http_parser (the library) reads the head; refused on top of what it refuses: bare LF or CR, folded lines, NUL and
 * other control characters, blanks around header names, versions other than 1.0 and 1.1 (505), Host missing, empty,
 * doubled or malformed, more than one Content-Length, Content-Length beside Transfer-Encoding, transfer codings other
 * than chunked, more than HTTP_HEADERS_MAX headers or HTTP_HEAD_MAX bytes (431), targets that are not a path, bad
 * percent-encoding. Chunked bodies are decoded here.
 *
 *   struct http_parse parse = {0};
 *   size_t used = http_parse_feed(&parse, bytes, size); // again with what follows, until parse.state changes:
 *
 *   HTTP_PARSE_HEAD     the head is complete: set parse.body_max, answer Expect, feed on
 *   HTTP_PARSE_DONE     all is there
 *   HTTP_PARSE_REFUSED  parse.status and parse.reason say why
 *
 *   http_parse_reset(&parse); // for the next request; http_parse_release() at the end */
#ifndef TB_GATEWAY_HTTP_PARSE_H
#define TB_GATEWAY_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_verb {
    VERB_GET = 1,
    VERB_HEAD = 2,
    VERB_POST = 4,
    VERB_PUT = 8,
    VERB_DELETE = 16,
    VERB_OPTIONS = 32,
    VERB_OTHER = 64, /* any other token */
};

enum { HTTP_HEAD_MAX = 16 * 1024, HTTP_HEADERS_MAX = 100, HTTP_BODY_MAX = 64 * 1024 };

struct http_header {
    const char *name; /* as it came */
    const char *value;
};

enum http_parse_state {
    HTTP_PARSE_START = 0,
    HTTP_PARSE_READING_HEAD,
    HTTP_PARSE_HEAD,
    HTTP_PARSE_READING_BODY,
    HTTP_PARSE_DONE,
    HTTP_PARSE_REFUSED
};

struct http_parse {
    enum http_parse_state state;
    int status;         /* REFUSED: 400, 413, 431 or 505; or the caller's */
    const char *reason; /* REFUSED: one sentence for the client */
    /* From HEAD on; texts lie in the parse's own memory. */
    enum http_verb verb;
    const char *method, *path, *query;
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    bool keep_alive;
    bool is_http_1_0;
    bool expects_continue;
    bool chunked;
    uint64_t content_length; /* not chunked */
    size_t body_max;         /* the caller's; HTTP_BODY_MAX when it says nothing */
    /* From DONE on. */
    char *body; /* body[body_length] is 0 */
    size_t body_length;
    /* Inside. */
    char *head; /* as it came; names and values are cut out of it in place */
    size_t head_length, head_capacity, body_capacity;
    char last_byte;
    unsigned leading_bytes; /* of empty lines before the request */
    unsigned chunk_state;
    unsigned chunk_digits;
    uint64_t chunk_left;
    size_t chunk_extra; /* bytes of extensions and trailers so far */
};

/* Effect: ready for the next request; keeps buffers unless they are large. */
void http_parse_reset(struct http_parse *parse);
void http_parse_release(struct http_parse *parse);

/* Effect: reads on. Return: bytes used; stops short at HEAD (feed the rest again, even if it is empty), DONE and
 * REFUSED. */
size_t http_parse_feed(struct http_parse *parse, const char *bytes, size_t size);

/* For http_parse.c: reads the body (http_body.c). */
size_t http_body_feed(struct http_parse *parse, const char *bytes, size_t size);
/* Return: whether it is a token (RFC 9110), as names of headers and methods are. */
bool http_parse_is_token(const char *text, size_t length);
/* Effect: state REFUSED. */
void http_parse_refuse(struct http_parse *parse, int status, const char *reason);

/* Return: the first header's value, or NULL. Names compare without case. */
const char *http_parse_header(const struct http_parse *parse, const char *name);

#endif
