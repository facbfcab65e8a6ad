/* http_parse: one HTTP/1.1 request from bytes that come in any pieces; strict, and pure: no socket, no clock.
 * http_parser (the library) reads the head; refused on top of what it refuses: bare LF or CR, folded lines, NUL and
 * other control characters, blanks around header names, versions other than 1.0 and 1.1 (505), Host missing, empty,
 * doubled or malformed, more than one Content-Length, Content-Length beside Transfer-Encoding, transfer codings other
 * than chunked, more than HTTP_HEADERS_MAX headers or HTTP_HEAD_MAX bytes (431), targets that are not a path, bad
 * percent-encoding. Chunked bodies are decoded here.
 *
 *   struct http_parse parse; http_parse_init(&parse);
 *   size_t used = http_parse_feed(&parse, bytes, size);     // again with what follows until parse.state changes:
 *   HTTP_PARSE_HEAD: the head is complete; set parse.body_max, answer Expect, feed on · _DONE: all is there · _REFUSED:
 * parse.status, parse.reason http_parse_release(&parse); */
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
    int status;         /* REFUSED: 400, 413, 431 or 505 */
    const char *reason; /* REFUSED: one sentence for the client */
    /* From HEAD on; texts lie in the parse's own memory. */
    enum http_verb verb;
    const char *method, *path, *query;
    struct http_header *headers;
    size_t header_count;
    bool keep_alive;
    bool is_http_1_0;
    bool expects_continue;
    bool chunked;
    uint64_t content_length; /* not chunked */
    size_t body_max;         /* the caller's, HTTP_BODY_MAX at first */
    /* From DONE on. */
    char *body; /* body[body_length] is 0 */
    size_t body_length;
    /* Inside. */
    char *memory; /* the head, then headers; malloc'd */
    size_t memory_size, head_length, body_capacity;
    unsigned char last_byte;
    bool blank_line; /* the line being read is empty so far */
    unsigned leading_lines;
    int chunk_state;
    uint64_t chunk_left;
    size_t chunk_overhead;
};

void http_parse_init(struct http_parse *parse);
void http_parse_release(struct http_parse *parse);

/* Effect: reads on. Return: bytes used; stops short at HEAD (feed the rest again), at DONE and at REFUSED. */
size_t http_parse_feed(struct http_parse *parse, const char *bytes, size_t size);

#endif
