/* The reader of HTTP/1.1 answers (http_client.h). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"
#include "http_client.h"

enum { HTTP_HEAD_MAX = 64 * 1024, HTTP_BODY_MAX = 64 * 1024 * 1024 };

enum { PHASE_HEAD, PHASE_LENGTH, PHASE_CHUNK_SIZE, PHASE_CHUNK, PHASE_CHUNK_END, PHASE_TRAILER, PHASE_TO_END };

/* Return: the value of a header in head, *length long and without spaces around; NULL when there is none. */
static const char *http_find_header(const char *head, const char *name, size_t *length)
{
    size_t name_length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, name_length) != 0 || at[name_length] != ':')
            continue;
        at += name_length + 1;
        at += strspn(at, " \t");
        *length = strcspn(at, "\r\n");
        while (*length > 0 && (at[*length - 1] == ' ' || at[*length - 1] == '\t'))
            (*length)--;
        return at;
    }
    return NULL;
}

const char *http_response_header(const struct http_response *response, const char *name, char *value, size_t size)
{
    size_t length;
    const char *found = http_find_header(response->head, name, &length);
    if (!found)
        return NULL;
    if (length >= size)
        length = size - 1;
    memcpy(value, found, length);
    value[length] = '\0';
    return value;
}

static bool http_header_is(const char *head, const char *name, const char *value)
{
    size_t length;
    const char *found = http_find_header(head, name, &length);
    return found && length == strlen(value) && strncasecmp(found, value, length) == 0;
}

void http_reader_start(struct http_reader *reader, bool no_body)
{
    *reader = (struct http_reader){.bytes = reader->bytes, .capacity = reader->capacity, .no_body = no_body};
}

void http_reader_release(struct http_reader *reader)
{
    free(reader->bytes);
    *reader = (struct http_reader){0};
}

static enum http_progress http_reader_done(struct http_reader *reader)
{
    reader->response.head = reader->bytes;
    reader->response.body = reader->bytes + reader->head_size;
    reader->response.body_size = reader->body_size;
    if (reader->at != reader->size) /* more than one answer: nothing was asked */
        reader->response.keep_alive = false;
    reader->bytes[reader->head_size + reader->body_size] = '\0';
    return HTTP_DONE;
}

/* Effect: reads digits of a base up to `end`. Return: false when there are none, others, or too many. */
static bool http_number(const char *text, size_t length, unsigned base, uint64_t *value)
{
    *value = 0;
    if (length == 0 || length > 15)
        return false;
    for (size_t i = 0; i < length; i++) {
        int c = tolower((unsigned char)text[i]);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 99;
        if (digit >= base)
            return false;
        *value = *value * base + digit;
    }
    return true;
}

/* Effect: the head is there: decides how the body comes. Return: MORE to go on, DONE or BROKEN. */
static enum http_progress http_reader_head(struct http_reader *reader)
{
    char *head = reader->bytes;
    uint64_t status;
    if (strncmp(head, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)head[7]) || head[8] != ' ' ||
        !http_number(head + 9, 3, 10, &status))
        return HTTP_BROKEN;
    reader->response.status = (int)status;
    reader->response.keep_alive = head[7] == '1' && !http_header_is(head, "Connection", "close");
    if (status >= 100 && status < 200) { /* an interim answer: the real one follows */
        memmove(head, head + reader->head_size, reader->size - reader->head_size);
        reader->size -= reader->head_size;
        reader->at = reader->head_size = 0;
        return HTTP_MORE;
    }
    size_t length;
    const char *text;
    if (reader->no_body || status == 204 || status == 304)
        return http_reader_done(reader);
    if (http_header_is(head, "Transfer-Encoding", "chunked")) {
        reader->phase = PHASE_CHUNK_SIZE;
    } else if ((text = http_find_header(head, "Content-Length", &length)) != NULL) {
        if (!http_number(text, length, 10, &reader->left) || reader->left > HTTP_BODY_MAX)
            return HTTP_BROKEN;
        reader->phase = PHASE_LENGTH;
    } else {
        reader->phase = PHASE_TO_END;
        reader->response.keep_alive = false;
    }
    return HTTP_MORE;
}

/* Return: the end of the line at reader->at (behind its CRLF), 0 when it is not there yet. */
static size_t http_reader_line(const struct http_reader *reader)
{
    const char *from = reader->bytes + reader->at;
    const char *end = memmem(from, reader->size - reader->at, "\r\n", 2);
    return end ? (size_t)(end - reader->bytes) + 2 : 0;
}

/* Effect: moves what came of the body behind the part that is decoded already. */
static void http_reader_take(struct http_reader *reader, size_t size)
{
    char *to = reader->bytes + reader->head_size + reader->body_size;
    memmove(to, reader->bytes + reader->at, size);
    reader->body_size += size;
    reader->at += size;
    reader->left -= size;
}

/* One step of the body. Return: MORE when it made progress, *stuck set when it needs more bytes. */
static enum http_progress http_reader_body(struct http_reader *reader, bool *stuck)
{
    size_t there = reader->size - reader->at;
    size_t line = 0;
    if (reader->phase == PHASE_CHUNK_SIZE || reader->phase == PHASE_CHUNK_END || reader->phase == PHASE_TRAILER) {
        line = http_reader_line(reader);
        if (line == 0) {
            *stuck = true;
            return there > HTTP_HEAD_MAX ? HTTP_BROKEN : HTTP_MORE;
        }
    }
    size_t length = line > 0 ? line - 2 - reader->at : 0;
    const char *text = reader->bytes + reader->at;
    switch (reader->phase) {
    case PHASE_CHUNK_SIZE: {
        const char *extension = memchr(text, ';', length);
        if (!http_number(text, extension ? (size_t)(extension - text) : length, 16, &reader->left) ||
            reader->left > HTTP_BODY_MAX - reader->body_size)
            return HTTP_BROKEN;
        reader->at = line;
        reader->phase = reader->left == 0 ? PHASE_TRAILER : PHASE_CHUNK;
        return HTTP_MORE;
    }
    case PHASE_CHUNK_END:
        reader->at = line;
        reader->phase = PHASE_CHUNK_SIZE;
        return length == 0 ? HTTP_MORE : HTTP_BROKEN;
    case PHASE_TRAILER:
        reader->at = line;
        return length == 0 ? http_reader_done(reader) : HTTP_MORE;
    case PHASE_TO_END:
        reader->left = there;
        break;
    default:
        break;
    }
    http_reader_take(reader, reader->left < there ? (size_t)reader->left : there);
    if (reader->left == 0 && reader->phase == PHASE_LENGTH)
        return http_reader_done(reader);
    if (reader->left == 0 && reader->phase == PHASE_CHUNK)
        reader->phase = PHASE_CHUNK_END;
    else
        *stuck = true;
    return reader->body_size > HTTP_BODY_MAX ? HTTP_BROKEN : HTTP_MORE;
}

static void http_reader_append(struct http_reader *reader, const char *bytes, size_t size)
{
    if (reader->capacity - reader->size < size + 1) {
        reader->capacity = (reader->size + size + 1) * 2;
        reader->bytes = tb_realloc(reader->bytes, reader->capacity, 1);
    }
    if (size > 0)
        memcpy(reader->bytes + reader->size, bytes, size);
    reader->size += size;
    reader->bytes[reader->size] = '\0';
}

enum http_progress http_reader_feed(struct http_reader *reader, const char *bytes, size_t size, bool at_end)
{
    enum http_progress progress = HTTP_MORE;
    bool stuck = false;
    http_reader_append(reader, bytes, size);
    while (progress == HTTP_MORE && !stuck) {
        if (reader->head_size > 0) {
            progress = http_reader_body(reader, &stuck);
            continue;
        }
        char *end = memmem(reader->bytes, reader->size, "\r\n\r\n", 4);
        if (!end) {
            if (reader->size > HTTP_HEAD_MAX)
                return HTTP_BROKEN;
            break;
        }
        end[2] = '\0'; /* the head ends with its last CRLF; the other becomes its 0 */
        reader->head_size = reader->at = (size_t)(end - reader->bytes) + 4;
        progress = http_reader_head(reader);
    }
    if (progress != HTTP_MORE || !at_end)
        return progress;
    return reader->phase == PHASE_TO_END ? http_reader_done(reader) : HTTP_BROKEN;
}
