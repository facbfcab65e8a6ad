/* WebSocket frames: however the bytes are cut, the same messages, the same answers and the same closing come of them;
 * every message is UTF-8 and within its limit. The input is what a client sends, masks and all. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ids.h"
#include "query.h"
#include "ws_frames.h"

enum { INPUT_MAX = 160 * 1024 };

struct outcome {
    uint64_t hash;
    size_t messages;
    int code;
};

static int on_message(void *arg, const char *text, size_t length)
{
    struct outcome *outcome = arg;
    fuzz_must(length <= WS_MESSAGE_MAX && text[length] == '\0' && query_is_utf8(text, length));
    outcome->hash = ids_hash(ids_hash(outcome->hash, text, length), "|", 1);
    outcome->messages++;
    return length > 0 && text[0] == 'X' ? WS_BAD_TEXT : 0;
}

static struct outcome run(const uint8_t *data, size_t size, size_t piece, struct fuzz_random *random)
{
    struct outcome outcome = {.hash = IDS_HASH_START};
    struct ws_frames *frames = ws_frames_new(on_message, &outcome);
    struct text out = {0};
    for (size_t at = 0; at < size && outcome.code == 0;) {
        size_t take = random != NULL ? 1 + fuzz_random_next(random, piece) : piece;
        if (take > size - at)
            take = size - at;
        char *bytes = fuzz_copy(data + at, take);
        outcome.code = ws_frames_feed(frames, bytes, take, &out);
        free(bytes);
        at += take;
    }
    if (outcome.code != 0)
        ws_frames_close(frames, outcome.code, "over", &out);
    if (out.length > 0)
        outcome.hash = ids_hash(outcome.hash, out.bytes, out.length);
    text_release(&out);
    ws_frames_free(&frames);
    return outcome;
}

static void must_equal(const struct outcome *a, const struct outcome *b)
{
    fuzz_must(a->messages == b->messages && a->code == b->code && a->hash == b->hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *key = fuzz_text(data, size), accept[WS_ACCEPT_MAX];
    if (ws_frames_accept(key, accept))
        fuzz_must(strlen(key) == 24 && strlen(accept) == 28);
    free(key);
    if (size == 0 || size > INPUT_MAX)
        return 0;
    struct fuzz_random random = fuzz_random_of(data, size);
    struct outcome whole = run(data, size, size, NULL);
    fuzz_must(whole.code == 0 || (whole.code >= 1000 && whole.code < 5000));
    struct outcome bytewise = run(data, size, 1, NULL), pieces = run(data, size, 30, &random);
    must_equal(&whole, &bytewise);
    must_equal(&whole, &pieces);
    return 0;
}
