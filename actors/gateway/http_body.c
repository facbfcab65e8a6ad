/* http_body: bodies by Content-Length, and the chunked coding: strict framing, extensions and trailers bounded and
 * dropped. */
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "http_parse.h"

enum { CHUNK_EXTRA_MAX = 4096, CHUNK_DIGITS_MAX = 8 };

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START, /* of a line */
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
};

static void refuse_large(struct http_parse *parse)
{
    http_parse_refuse(parse, 413, "The body is larger than this resource takes.");
}

/* Effect: makes room as bytes come, not as the client promises. Return: false (REFUSED) above the limit. */
static bool append_body(struct http_parse *parse, const char *bytes, size_t size)
{
    if (size > parse->body_max - parse->body_length) {
        refuse_large(parse);
        return false;
    }
    size_t needed = parse->body_length + size + 1;
    if (needed > parse->body_capacity) {
        size_t capacity = parse->body_capacity < 1024 ? 1024 : parse->body_capacity;
        while (capacity < needed)
            capacity *= 2;
        parse->body = tb_realloc(parse->body, capacity, 1);
        parse->body_capacity = capacity;
    }
    if (size > 0)
        memcpy(parse->body + parse->body_length, bytes, size);
    parse->body_length += size;
    parse->body[parse->body_length] = '\0';
    return true;
}

static size_t feed_plain(struct http_parse *parse, const char *bytes, size_t size)
{
    if (parse->content_length > parse->body_max) {
        refuse_large(parse);
        return 0;
    }
    uint64_t left = parse->content_length - parse->body_length;
    size_t take = size < left ? size : (size_t)left;
    if (!append_body(parse, bytes, take))
        return 0;
    if (parse->body_length == parse->content_length)
        parse->state = HTTP_PARSE_DONE;
    return take;
}

static void refuse_chunk(struct http_parse *parse)
{
    http_parse_refuse(parse, 400, "The chunked body is not framed correctly.");
}

static void chunk_size_byte(struct http_parse *parse, char c)
{
    unsigned digit = 16;
    if (c >= '0' && c <= '9')
        digit = (unsigned)(c - '0');
    else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        digit = (unsigned)((c | 0x20) - 'a') + 10;
    if (digit < 16 && parse->chunk_digits < CHUNK_DIGITS_MAX) {
        parse->chunk_left = parse->chunk_left * 16 + digit;
        parse->chunk_digits++;
    } else if (parse->chunk_digits > 0 && c == '\r') {
        parse->chunk_state = CHUNK_SIZE_LF;
    } else if (parse->chunk_digits > 0 && c == ';') {
        parse->chunk_state = CHUNK_EXTENSION;
    } else {
        refuse_chunk(parse);
    }
}

/* Effect: one byte of an extension or trailer. cr: the state after a CR. */
static void extra_byte(struct http_parse *parse, char c, enum chunk_state next, enum chunk_state after_cr)
{
    bool control = ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
    if (c == '\r')
        parse->chunk_state = after_cr;
    else if (control || ++parse->chunk_extra > CHUNK_EXTRA_MAX)
        refuse_chunk(parse);
    else
        parse->chunk_state = next;
}

static void expect_byte(struct http_parse *parse, char c, char wanted, enum chunk_state next)
{
    if (c == wanted)
        parse->chunk_state = next;
    else
        refuse_chunk(parse);
}

/* Effect: one byte of a trailer's name, up to its colon. */
static void trailer_name_byte(struct http_parse *parse, char c)
{
    bool begins = parse->chunk_state == CHUNK_TRAILER_START;
    if (begins && c == '\r')
        parse->chunk_state = CHUNK_END_LF;
    else if (!begins && c == ':')
        parse->chunk_state = CHUNK_TRAILER;
    else if (!http_parse_is_token(&c, 1) || ++parse->chunk_extra > CHUNK_EXTRA_MAX)
        refuse_chunk(parse);
    else
        parse->chunk_state = CHUNK_TRAILER_NAME;
}

/* Effect: the line of a chunk's size has ended; one that promises too much is not waited for. */
static void begin_chunk(struct http_parse *parse, char c)
{
    expect_byte(parse, c, '\n', parse->chunk_left == 0 ? CHUNK_TRAILER_START : CHUNK_DATA);
    if (parse->state != HTTP_PARSE_REFUSED && parse->chunk_left > parse->body_max - parse->body_length)
        refuse_large(parse);
}

static void chunk_byte(struct http_parse *parse, char c)
{
    switch ((enum chunk_state)parse->chunk_state) {
    case CHUNK_SIZE:
        chunk_size_byte(parse, c);
        break;
    case CHUNK_EXTENSION:
        extra_byte(parse, c, CHUNK_EXTENSION, CHUNK_SIZE_LF);
        break;
    case CHUNK_SIZE_LF:
        begin_chunk(parse, c);
        break;
    case CHUNK_DATA_CR:
        expect_byte(parse, c, '\r', CHUNK_DATA_LF);
        break;
    case CHUNK_DATA_LF:
        parse->chunk_digits = 0;
        expect_byte(parse, c, '\n', CHUNK_SIZE);
        break;
    case CHUNK_TRAILER_START:
    case CHUNK_TRAILER_NAME:
        trailer_name_byte(parse, c);
        break;
    case CHUNK_TRAILER:
        extra_byte(parse, c, CHUNK_TRAILER, CHUNK_TRAILER_LF);
        break;
    case CHUNK_TRAILER_LF:
        expect_byte(parse, c, '\n', CHUNK_TRAILER_START);
        break;
    case CHUNK_END_LF:
        expect_byte(parse, c, '\n', CHUNK_SIZE);
        if (parse->state != HTTP_PARSE_REFUSED)
            parse->state = HTTP_PARSE_DONE;
        break;
    case CHUNK_DATA:
        break;
    }
}

static size_t feed_chunked(struct http_parse *parse, const char *bytes, size_t size)
{
    size_t used = 0;
    if (parse->body == NULL && !append_body(parse, bytes, 0))
        return 0;
    while (used < size && parse->state == HTTP_PARSE_READING_BODY) {
        if (parse->chunk_state != CHUNK_DATA) {
            chunk_byte(parse, bytes[used++]);
            continue;
        }
        size_t take = size - used < parse->chunk_left ? size - used : (size_t)parse->chunk_left;
        if (!append_body(parse, bytes + used, take))
            break;
        used += take;
        parse->chunk_left -= take;
        if (parse->chunk_left == 0)
            parse->chunk_state = CHUNK_DATA_CR;
    }
    return used;
}

size_t http_body_feed(struct http_parse *parse, const char *bytes, size_t size)
{
    return parse->chunked ? feed_chunked(parse, bytes, size) : feed_plain(parse, bytes, size);
}
