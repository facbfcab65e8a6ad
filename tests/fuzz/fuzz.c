#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "ids.h"

void *fuzz_copy(const uint8_t *data, size_t size)
{
    void *copy = malloc(size > 0 ? size : 1);
    tb_assert(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t length = end == NULL ? size : (size_t)(end - data);
    char *text = malloc(length + 1);
    tb_assert(text != NULL);
    if (length > 0)
        memcpy(text, data, length);
    text[length] = '\0';
    return text;
}

struct fuzz_random fuzz_random_of(const uint8_t *data, size_t size)
{
    return (struct fuzz_random){ids_hash(IDS_HASH_START, data, size) | 1};
}

size_t fuzz_random_next(struct fuzz_random *random, size_t below)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (size_t)((random->state >> 16) % below);
}
