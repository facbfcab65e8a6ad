/* http_parse: finds the head, has http_parser read it, and refuses what is not strictly HTTP/1.x (the only file that
 * includes http_parser.h). Each byte of the head is looked at as it comes, so a hostile one is refused at once and not
 * at a time limit. */
#include "http_parse.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"
#include "query.h"

enum { METHOD_MAX = 32, LEADING_BYTES_MAX = 8, KEPT_BUFFER_MAX = 4096, LENGTH_DIGITS_MAX = 15 };

void http_parse_refuse(struct http_parse *parse, int status, const char *reason)
{
    parse->state = HTTP_PARSE_REFUSED;
    parse->status = status;
    parse->reason = reason;
}

static bool refused(struct http_parse *parse, const char *reason)
{
    http_parse_refuse(parse, 400, reason);
    return false;
}

void http_parse_release(struct http_parse *parse)
{
    free(parse->head);
    free(parse->body);
    *parse = (struct http_parse){0};
}

void http_parse_reset(struct http_parse *parse)
{
    if (parse->head_capacity > KEPT_BUFFER_MAX || parse->body_capacity > KEPT_BUFFER_MAX)
        http_parse_release(parse);
    parse->state = HTTP_PARSE_START;
    parse->method = parse->path = parse->query = NULL;
    parse->header_count = 0;
    parse->content_length = 0;
    parse->body_length = parse->head_length = parse->body_max = 0;
    parse->keep_alive = parse->is_http_1_0 = parse->expects_continue = parse->chunked = false;
    parse->last_byte = 0;
    parse->leading_bytes = parse->chunk_state = parse->chunk_digits = 0;
    parse->chunk_left = 0;
    parse->chunk_extra = 0;
}

const char *http_parse_header(const struct http_parse *parse, const char *name)
{
    for (size_t i = 0; i < parse->header_count; i++) {
        if (strcasecmp(parse->headers[i].name, name) == 0)
            return parse->headers[i].value;
    }
    return NULL;
}

/* --- what http_parser reports: spans in the head, cut out afterwards --- */

struct head_reader {
    struct http_parse *parse;
    const char *target;
    size_t target_length;
    size_t value_lengths[HTTP_HEADERS_MAX];
    size_t name_lengths[HTTP_HEADERS_MAX];
    bool in_value, too_many;
    bool complete;
    int major, minor;
    bool keep_alive;
};

static int on_target(http_parser *parser, const char *at, size_t length)
{
    struct head_reader *reader = parser->data;
    if (reader->target == NULL)
        reader->target = at;
    reader->target_length += length;
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t length)
{
    struct head_reader *reader = parser->data;
    struct http_parse *parse = reader->parse;
    if (parse->header_count > 0 && !reader->in_value) { /* the same name goes on */
        reader->name_lengths[parse->header_count - 1] += length;
        return 0;
    }
    if (parse->header_count == HTTP_HEADERS_MAX) {
        reader->too_many = true;
        return 1;
    }
    reader->in_value = false;
    parse->headers[parse->header_count].name = at;
    parse->headers[parse->header_count].value = NULL;
    reader->name_lengths[parse->header_count] = length;
    reader->value_lengths[parse->header_count] = 0;
    parse->header_count++;
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t length)
{
    struct head_reader *reader = parser->data;
    struct http_parse *parse = reader->parse;
    tb_assert(parse->header_count > 0);
    reader->in_value = true;
    if (parse->headers[parse->header_count - 1].value == NULL)
        parse->headers[parse->header_count - 1].value = at;
    reader->value_lengths[parse->header_count - 1] += length;
    return 0;
}

static int on_headers_complete(http_parser *parser)
{
    struct head_reader *reader = parser->data;
    reader->major = parser->http_major;
    reader->minor = parser->http_minor;
    reader->keep_alive = http_should_keep_alive(parser) != 0;
    reader->complete = true;
    return 1; /* the body is ours */
}

static const http_parser_settings parser_settings = {.on_url = on_target,
                                                     .on_header_field = on_name,
                                                     .on_header_value = on_value,
                                                     .on_headers_complete = on_headers_complete};

/* --- the request line --- */

bool http_parse_is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alphanumeric && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return length > 0;
}

static enum http_verb verb_of(const char *method)
{
    static const struct {
        const char *name;
        enum http_verb verb;
    } verbs[] = {{"POST", VERB_POST}, {"GET", VERB_GET},       {"HEAD", VERB_HEAD},
                 {"PUT", VERB_PUT},   {"DELETE", VERB_DELETE}, {"OPTIONS", VERB_OPTIONS}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(verbs); i++) {
        if (strcmp(verbs[i].name, method) == 0)
            return verbs[i].verb;
    }
    return VERB_OTHER;
}

/* Effect: cuts the method off. Return: where the target begins, NULL when REFUSED. */
static char *read_method(struct http_parse *parse)
{
    char *line_end = memchr(parse->head, '\r', parse->head_length);
    char *space = memchr(parse->head, ' ', (size_t)(line_end - parse->head));
    size_t length = space == NULL ? 0 : (size_t)(space - parse->head);
    if (length > METHOD_MAX || !http_parse_is_token(parse->head, length)) {
        (void)refused(parse, "The request line has no method.");
        return NULL;
    }
    char *second = memchr(space + 1, ' ', (size_t)(line_end - space - 1));
    if (second == NULL || second == space + 1 || memchr(second + 1, ' ', (size_t)(line_end - second - 1)) != NULL ||
        memchr(parse->head, '\t', (size_t)(line_end - parse->head)) != NULL) {
        (void)refused(parse, "The request line is not method, target and version with one blank between.");
        return NULL;
    }
    *space = '\0';
    parse->method = parse->head;
    parse->verb = verb_of(parse->method);
    return space + 1;
}

/* Effect: "http://host/path" becomes "/path". The host must be the Host header's: a proxy would go by the one, whoever
 * checks names by the other. Return: NULL when REFUSED. */
static char *strip_authority(struct http_parse *parse, char *target)
{
    size_t scheme = strncasecmp(target, "http://", 7) == 0 ? 7 : strncasecmp(target, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0)
        return target;
    size_t authority = strcspn(target + scheme, "/?");
    if (authority == 0)
        return target; /* refused as no path */
    const char *host = http_parse_header(parse, "Host");
    if (host == NULL || strlen(host) != authority || strncasecmp(target + scheme, host, authority) != 0) {
        (void)refused(parse, "The request target names another host than the Host header.");
        return NULL;
    }
    char *rest = target + scheme + authority;
    if (*rest == '/')
        return rest;
    *--rest = '/'; /* "http://host" and "http://host?a=b": the path is "/"; the byte belonged to the authority */
    return rest;
}

static bool split_target(struct http_parse *parse, char *target, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (target[i] <= 0x20 || target[i] >= 0x7f || target[i] == '#')
            return refused(parse, "The request target has characters that must be percent-encoded.");
    }
    target[length] = '\0';
    target = strip_authority(parse, target);
    if (target == NULL)
        return false;
    char *mark = strchr(target, '?');
    if (mark != NULL)
        *mark = '\0';
    parse->path = target;
    parse->query = mark == NULL ? "" : mark + 1;
    if (strcmp(target, "*") == 0 && mark == NULL && parse->verb == VERB_OPTIONS)
        return true;
    char decoded[HTTP_HEAD_MAX];
    if (target[0] != '/')
        return refused(parse, "The request target is not a path.");
    if (query_decode(target, strlen(target), false, decoded, sizeof decoded) < 0)
        return refused(parse, "The path is not percent-encoded UTF-8 without control characters.");
    return true;
}

/* --- headers --- */

static bool cut_headers(struct http_parse *parse, const struct head_reader *reader)
{
    for (size_t i = 0; i < parse->header_count; i++) {
        struct http_header *header = &parse->headers[i];
        size_t length = reader->value_lengths[i];
        if (!http_parse_is_token(header->name, reader->name_lengths[i]))
            return refused(parse, "A header's name is not a token.");
        if (header->value == NULL)
            header->value = "";
        while (length > 0 && (header->value[length - 1] == ' ' || header->value[length - 1] == '\t'))
            length--;
        /* Spans lie in our own head: the byte behind a name is its colon, the one behind a value a blank or its CR. */
        parse->head[header->name - parse->head + (ptrdiff_t)reader->name_lengths[i]] = '\0';
        if (length > 0)
            parse->head[header->value - parse->head + (ptrdiff_t)length] = '\0';
        else
            header->value = "";
    }
    return true;
}

static size_t count_header(const struct http_parse *parse, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < parse->header_count; i++)
        count += strcasecmp(parse->headers[i].name, name) == 0;
    return count;
}

static bool check_host(struct http_parse *parse)
{
    size_t count = count_header(parse, "Host");
    if (count == 0 && parse->is_http_1_0)
        return true;
    if (count != 1)
        return refused(parse, count == 0 ? "The Host header is missing." : "There is more than one Host header.");
    const char *host = http_parse_header(parse, "Host");
    if (*host == '\0')
        return refused(parse, "The Host header is empty.");
    for (; *host != '\0'; host++) {
        bool alphanumeric =
            (*host >= '0' && *host <= '9') || (*host >= 'a' && *host <= 'z') || (*host >= 'A' && *host <= 'Z');
        if (!alphanumeric && strchr("-._~%!$&'()*+;=:[]", *host) == NULL)
            return refused(parse, "The Host header is not a host.");
    }
    return true;
}

/* Effect: finds out how the body is framed; anything that two servers could understand differently is refused. */
static bool check_framing(struct http_parse *parse)
{
    size_t codings = count_header(parse, "Transfer-Encoding");
    size_t lengths = count_header(parse, "Content-Length");
    if (codings > 0 && lengths > 0)
        return refused(parse, "Transfer-Encoding and Content-Length together are ambiguous.");
    if (codings > 0) {
        if (codings > 1 || parse->is_http_1_0 ||
            strcasecmp(http_parse_header(parse, "Transfer-Encoding"), "chunked") != 0)
            return refused(parse, "The only transfer coding taken is chunked.");
        parse->chunked = true;
    }
    if (lengths > 1)
        return refused(parse, "There is more than one Content-Length.");
    if (lengths == 1) {
        const char *value = http_parse_header(parse, "Content-Length");
        size_t digits = strspn(value, "0123456789");
        if (digits == 0 || value[digits] != '\0')
            return refused(parse, "Content-Length is not a number.");
        /* More digits than fit are too large all the same. */
        for (size_t i = 0; i < digits; i++)
            parse->content_length = parse->content_length > (UINT64_C(1) << 56)
                                        ? parse->content_length
                                        : parse->content_length * 10 + (uint64_t)(value[i] - '0');
    }
    return true;
}

static void refuse_parsed(struct http_parse *parse, const http_parser *parser, const struct head_reader *reader)
{
    if (reader->too_many)
        http_parse_refuse(parse, 431, "There are more than 100 headers.");
    else if (parser->http_errno == HPE_INVALID_TRANSFER_ENCODING || parser->http_errno == HPE_UNEXPECTED_CONTENT_LENGTH)
        http_parse_refuse(parse, 400, "The length of the body is ambiguous.");
    else if (parser->http_errno == HPE_INVALID_CONTENT_LENGTH)
        http_parse_refuse(parse, 400, "Content-Length is not a number.");
    else if (parser->http_errno == HPE_INVALID_VERSION || parser->http_errno == HPE_INVALID_CONSTANT)
        http_parse_refuse(parse, 400, "The HTTP version is malformed.");
    else
        http_parse_refuse(parse, 400, "The request's head is malformed.");
}

static void read_head(struct http_parse *parse)
{
    struct head_reader reader = {.parse = parse};
    char *target = read_method(parse);
    if (target == NULL)
        return;
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &reader;
    /* Our own method check takes any token, so that an unknown method is answered 405 like any other; the library sees
     * a GET. */
    size_t rest = parse->head_length - (size_t)(target - parse->head);
    if (http_parser_execute(&parser, &parser_settings, "GET ", 4) == 4)
        (void)http_parser_execute(&parser, &parser_settings, target, rest);
    if (!reader.complete || reader.target == NULL) {
        refuse_parsed(parse, &parser, &reader);
        return;
    }
    if (reader.major != 1 || reader.minor > 1) {
        http_parse_refuse(parse, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
        return;
    }
    parse->is_http_1_0 = reader.minor == 0;
    parse->keep_alive = reader.keep_alive;
    if (!cut_headers(parse, &reader) || !check_host(parse) || !check_framing(parse) ||
        !split_target(parse, target, reader.target_length))
        return;
    const char *expect = http_parse_header(parse, "Expect");
    parse->expects_continue = expect != NULL && !parse->is_http_1_0 && strcasecmp(expect, "100-continue") == 0;
    parse->body_max = HTTP_BODY_MAX;
    parse->state = HTTP_PARSE_HEAD;
}

/* --- finding the end of the head --- */

static const char *bad_byte(char last, char c)
{
    if (last == '\r' && c != '\n')
        return "A CR stands without its LF.";
    if (c == '\n')
        return last == '\r' ? NULL : "A line ends with a bare LF.";
    if (((unsigned char)c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
        return "There is a control character in the head.";
    if (last == '\n' && (c == ' ' || c == '\t'))
        return "Folded header lines are not taken.";
    return NULL;
}

static void put_head_byte(struct http_parse *parse, char c)
{
    if (parse->head_length + 1 >= parse->head_capacity) {
        parse->head_capacity = parse->head_capacity == 0 ? 1024 : parse->head_capacity * 2;
        parse->head = tb_realloc(parse->head, parse->head_capacity, 1);
    }
    parse->head[parse->head_length++] = c;
}

/* Effect: reads up to the empty line. Return: bytes used. */
static size_t feed_head(struct http_parse *parse, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        const char *why = bad_byte(parse->last_byte, c);
        if (why != NULL) {
            (void)refused(parse, why);
            return i;
        }
        if (parse->head_length == HTTP_HEAD_MAX) {
            http_parse_refuse(parse, 431, "Request line and headers are larger than 16 KiB.");
            return i;
        }
        put_head_byte(parse, c);
        parse->last_byte = c;
        if (c == '\n' && parse->head_length >= 4 && parse->head[parse->head_length - 3] == '\n') {
            read_head(parse);
            return i + 1;
        }
    }
    return size;
}

/* Effect: skips the empty lines that some clients send before a request. Return: bytes used. */
static size_t feed_start(struct http_parse *parse, const char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size && (bytes[i] == '\r' || bytes[i] == '\n' || parse->last_byte == '\r')) {
        const char *why = bad_byte(parse->last_byte, bytes[i]);
        if (why != NULL || ++parse->leading_bytes > LEADING_BYTES_MAX) {
            (void)refused(parse, why != NULL ? why : "There are too many empty lines before the request.");
            return i;
        }
        parse->last_byte = bytes[i++];
    }
    if (i < size) {
        parse->last_byte = 0;
        parse->state = HTTP_PARSE_READING_HEAD;
    }
    return i;
}

size_t http_parse_feed(struct http_parse *parse, const char *bytes, size_t size)
{
    size_t used = 0;
    if (parse->state == HTTP_PARSE_START)
        used += feed_start(parse, bytes, size);
    if (parse->state == HTTP_PARSE_READING_HEAD)
        return used + feed_head(parse, bytes + used, size - used);
    if (parse->state == HTTP_PARSE_HEAD)
        parse->state = HTTP_PARSE_READING_BODY;
    if (parse->state == HTTP_PARSE_READING_BODY)
        used += http_body_feed(parse, bytes + used, size - used);
    return used;
}
