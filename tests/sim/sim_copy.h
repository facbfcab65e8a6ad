/* Deep copies of call arguments into a call's arena: the sim's counterpart of encoding parameters. */
#ifndef TB_SIM_COPY_H
#define TB_SIM_COPY_H

#include "arena.h"

#define COPY_ARRAY(arena, field, count)                                                                                \
    ((field) = (count) > 0 ? arena_copy((arena), (field), (count) * sizeof *(field)) : NULL)

/* Gives copies of texts, NULL elements kept. */
static inline const char *const *copy_texts(struct arena *arena, const char *const *texts, size_t count)
{
    const char **copies = arena_array(arena, count + 1, sizeof *copies);
    for (size_t i = 0; i < count; i++)
        copies[i] = texts[i] ? arena_strdup(arena, texts[i]) : NULL;
    return copies;
}

/* Gives copies of 16 byte ids, NULL elements kept; NULL for no array. */
static inline const uint8_t *const *copy_ids(struct arena *arena, const uint8_t *const *ids, size_t count)
{
    if (ids == NULL)
        return NULL;
    const uint8_t **copies = arena_array(arena, count + 1, sizeof *copies);
    for (size_t i = 0; i < count; i++)
        copies[i] = ids[i] ? arena_copy(arena, ids[i], 16) : NULL;
    return copies;
}

#endif
