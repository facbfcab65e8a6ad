/* Cursors and query strings: each cursor has one spelling, and what was decoded is text without control characters. */
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "fuzz.h"
#include "ids.h"
#include "query.h"

static void check_text(const char *text, size_t length)
{
    fuzz_must(query_is_utf8(text, length));
    for (size_t i = 0; i < length; i++)
        fuzz_must((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static void try_cursor(const char *text)
{
    static const char *const lists[] = {"o1", "t1", "l1", "u1", "b1", ""};
    size_t reads = 0;
    for (size_t i = 0; i < TB_ARRAY_SIZE(lists); i++) {
        char key[CURSOR_KEY_MAX];
        int64_t seq = -1;
        bool is_key = cursor_read_key(text, lists[i], key);
        bool is_seq = cursor_read_seq(text, lists[i], &seq);
        fuzz_must(!is_key || strlen(key) < CURSOR_KEY_MAX);
        fuzz_must(is_seq ? is_key && seq >= 1 : seq == -1);
        reads += is_key;
    }
    fuzz_must(reads <= 1); /* a cursor of one list is refused by all others */
}

static void try_id(const char *text)
{
    uint64_t seq = 0;
    char again[IDS_TEXT_MAX];
    if (ids_parse("nl-1", text, &seq))
        fuzz_must(seq >= 1 && strcmp(ids_format("nl-1", seq, again), text) == 0);
}

static void try_query(const char *text)
{
    static const char *const choices[] = {"BUY", "SELL", NULL};
    static struct query query;
    struct field_errors errors = {0};
    bool good = query_parse(&query, text, &errors);
    fuzz_must(good == (errors.count == 0));
    fuzz_must(query.count <= QUERY_PARAMETERS_MAX);
    for (size_t i = 0; i < query.count; i++) {
        check_text(query.parameters[i].name, strlen(query.parameters[i].name));
        check_text(query.parameters[i].value, strlen(query.parameters[i].value));
        for (size_t j = 0; good && j < i; j++)
            fuzz_must(strcmp(query.parameters[i].name, query.parameters[j].name) != 0);
    }
    int64_t limit = query_int(&query, "limit", 1, 200, 50, &errors);
    fuzz_must(limit >= 1 && limit <= 200);
    const char *user = query_text(&query, "userId", 40, &errors);
    fuzz_must(user == NULL || strlen(user) <= 40);
    int side = query_choice(&query, "side", choices, &errors);
    fuzz_must(side >= -1 && side <= 1);
    const char *cursor = query_find(&query, "cursor");
    if (cursor != NULL)
        try_cursor(cursor);
    for (size_t i = 0; i < errors.count; i++)
        fuzz_must(query_is_utf8(errors.items[i].field, strlen(errors.items[i].field)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    size_t length = strlen(text);
    char *raw = fuzz_copy(data, size), *decoded = malloc(size + 1);
    tb_assert(decoded != NULL);
    for (int plus = 0; plus < 2; plus++) {
        long got = query_decode(raw, size, plus != 0, decoded, size + 1);
        fuzz_must(got <= (long)size);
        if (got >= 0) {
            fuzz_must(decoded[got] == '\0');
            check_text(decoded, (size_t)got);
        }
        if (size > 1) /* no room: refused, and nothing is written beyond it */
            (void)query_decode(raw, size, plus != 0, decoded, size / 2);
    }
    free(decoded);
    free(raw);
    if (length < 20000)
        try_query(text);
    try_cursor(text);
    try_id(text);
    free(text);
    return 0;
}
