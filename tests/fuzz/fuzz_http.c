/* Requests through the parser: however the bytes are cut, what comes out of them is the same; what is let through is
 * framed and decoded as its headers say. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_parse.h"
#include "ids.h"
#include "query.h"

enum { INPUT_MAX = 32 * 1024, BODY_MAX = 600, SPLITS = 12 };

/* What a connection's bytes came to. */
struct outcome {
    uint64_t hash; /* over every request and the refusal */
    size_t requests;
    int status; /* of the refusal, 0 = none */
    size_t refused_at;
};

static uint64_t mix_text(uint64_t hash, const char *text)
{
    return ids_hash(hash, text, strlen(text) + 1);
}

static void check_request(const struct http_parse *parse)
{
    char decoded[HTTP_HEAD_MAX];
    fuzz_must(parse->path[0] == '/' || strcmp(parse->path, "*") == 0);
    fuzz_must(query_decode(parse->path, strlen(parse->path), false, decoded, sizeof decoded) >= 0);
    fuzz_must(parse->header_count <= HTTP_HEADERS_MAX && parse->head_length <= HTTP_HEAD_MAX);
    fuzz_must(parse->body_length <= parse->body_max);
    fuzz_must(parse->chunked || parse->body_length == parse->content_length);
    fuzz_must(parse->is_http_1_0 || http_parse_header(parse, "Host") != NULL);
    fuzz_must(
        !(http_parse_header(parse, "Transfer-Encoding") != NULL && http_parse_header(parse, "Content-Length") != NULL));
    for (size_t i = 0; i < parse->header_count; i++) {
        fuzz_must(parse->headers[i].name[0] != '\0');
        fuzz_must(strpbrk(parse->headers[i].name, " \t\r\n") == NULL);
        fuzz_must(strpbrk(parse->headers[i].value, "\r\n") == NULL);
    }
}

static void add_request(struct outcome *outcome, const struct http_parse *parse)
{
    check_request(parse);
    outcome->requests++;
    outcome->hash = mix_text(mix_text(mix_text(outcome->hash, parse->method), parse->path), parse->query);
    for (size_t i = 0; i < parse->header_count; i++)
        outcome->hash = mix_text(mix_text(outcome->hash, parse->headers[i].name), parse->headers[i].value);
    outcome->hash = ids_hash(outcome->hash, parse->body == NULL ? "" : parse->body, parse->body_length);
    outcome->hash = ids_hash(outcome->hash, &parse->keep_alive, sizeof parse->keep_alive);
}

struct connection {
    struct http_parse parse;
    struct outcome outcome;
    size_t taken;
    bool ended;
};

/* Effect: what http_connection.c does with one read. */
static void feed(struct connection *connection, const uint8_t *data, size_t size)
{
    struct http_parse *parse = &connection->parse;
    char *bytes = fuzz_copy(data, size);
    size_t used = 0;
    while (used < size && !connection->ended) {
        size_t step = http_parse_feed(parse, bytes + used, size - used);
        if (parse->state == HTTP_PARSE_HEAD) {
            parse->body_max = BODY_MAX;
            step += http_parse_feed(parse, bytes + used + step, size - used - step);
        }
        used += step;
        fuzz_must(used <= size);
        if (parse->state == HTTP_PARSE_REFUSED) {
            connection->ended = true;
            connection->outcome.status = parse->status;
            connection->outcome.refused_at = connection->taken + used;
            connection->outcome.hash = mix_text(connection->outcome.hash, parse->reason);
        } else if (parse->state == HTTP_PARSE_DONE) {
            add_request(&connection->outcome, parse);
            connection->ended = !parse->keep_alive;
            http_parse_reset(parse);
        } else {
            fuzz_must(used == size); /* nothing may be left over while more is wanted */
        }
    }
    connection->taken += size;
    free(bytes);
}

/* Effect: feeds everything, in pieces of the sizes that next_piece gives. */
static struct outcome run(const uint8_t *data, size_t size, size_t first, size_t piece, struct fuzz_random *random)
{
    struct connection connection = {.outcome.hash = IDS_HASH_START};
    for (size_t at = 0; at < size;) {
        size_t take = at == 0 && first > 0 ? first : random != NULL ? 1 + fuzz_random_next(random, piece) : piece;
        if (take > size - at)
            take = size - at;
        feed(&connection, data + at, take);
        at += take;
    }
    http_parse_release(&connection.parse);
    return connection.outcome;
}

static void must_equal(const struct outcome *a, const struct outcome *b)
{
    fuzz_must(a->requests == b->requests);
    fuzz_must(a->status == b->status);
    fuzz_must(a->refused_at == b->refused_at);
    fuzz_must(a->hash == b->hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_MAX)
        return 0;
    struct fuzz_random random = fuzz_random_of(data, size);
    struct outcome whole = run(data, size, 0, size, NULL);
    fuzz_must(whole.status == 0 || whole.status == 400 || whole.status == 413 || whole.status == 431 ||
              whole.status == 505);
    struct outcome bytewise = run(data, size, 0, 1, NULL);
    must_equal(&whole, &bytewise);
    struct outcome pieces = run(data, size, 0, 40, &random);
    must_equal(&whole, &pieces);
    for (int i = 0; i < SPLITS; i++) {
        struct outcome split = run(data, size, 1 + fuzz_random_next(&random, size), size, NULL);
        must_equal(&whole, &split);
    }
    return 0;
}
