#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

/* Under AddressSanitizer, memory that is not handed out is poisoned: a pointer kept over a reset is found at its first
 * use. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum {
    ARENA_ALIGNMENT = _Alignof(max_align_t),
    ARENA_CHUNK_FIRST_BYTES = 16 * 1024,
    ARENA_CHUNK_MAX_BYTES = 1024 * 1024,
};

struct arena_chunk {
    struct arena_chunk *next;
    size_t size_bytes;
    size_t used_bytes;
    _Alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static void arena_free_chain(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->size_bytes);
        free(chunk);
        chunk = next;
    }
}

void arena_release(struct arena *arena)
{
    arena_free_chain(arena->first);
    *arena = (struct arena){.limit_bytes = arena->limit_bytes};
}

void arena_reset(struct arena *arena)
{
    size_t kept_bytes = 0;
    for (struct arena_chunk *chunk = arena->first; chunk; chunk = chunk->next) {
        kept_bytes += chunk->size_bytes;
        chunk->used_bytes = 0;
        ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk->size_bytes);
        if (chunk->next && kept_bytes + chunk->next->size_bytes > ARENA_KEEP_BYTES) {
            arena_free_chain(chunk->next);
            chunk->next = NULL;
        }
    }
    if (kept_bytes > ARENA_KEEP_BYTES) { /* the first chunk alone */
        arena_free_chain(arena->first);
        arena->first = NULL;
    }
    arena->current = arena->first;
    arena->used_bytes = 0;
}

/* Effect: makes arena->current a chunk with room for size bytes. Return: false when memory is out. */
static bool arena_make_room(struct arena *arena, size_t size)
{
    while (arena->current && arena->current->size_bytes - arena->current->used_bytes < size && arena->current->next)
        arena->current = arena->current->next;
    struct arena_chunk *last = arena->current;
    if (last && last->size_bytes - last->used_bytes >= size)
        return true;

    size_t chunk_size = last ? last->size_bytes * 2 : ARENA_CHUNK_FIRST_BYTES;
    if (chunk_size > ARENA_CHUNK_MAX_BYTES)
        chunk_size = ARENA_CHUNK_MAX_BYTES;
    if (chunk_size < size)
        chunk_size = size;
    struct arena_chunk *chunk = malloc(sizeof *chunk + chunk_size);
    if (!chunk)
        return false;
    chunk->next = NULL;
    chunk->size_bytes = chunk_size;
    chunk->used_bytes = 0;
    ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk_size);
    if (last)
        last->next = chunk;
    else
        arena->first = chunk;
    arena->current = chunk;
    return true;
}

void *arena_try_alloc(struct arena *arena, size_t size)
{
    if (size == 0)
        size = 1;
    if (arena->used_bytes > arena->limit_bytes || size > arena->limit_bytes - arena->used_bytes)
        return NULL;
    size_t rounded = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (rounded < size || !arena_make_room(arena, rounded))
        return NULL;
    struct arena_chunk *chunk = arena->current;
    void *memory = chunk->bytes + chunk->used_bytes;
    chunk->used_bytes += rounded;
    arena->used_bytes += rounded;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = arena_try_alloc(arena, size);
    tb_assert(memory != NULL && "arena limit");
    memset(memory, 0, size);
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    tb_assert(!__builtin_mul_overflow(count, size, &bytes) && "size overflow");
    return arena_alloc(arena, bytes);
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    void *memory = arena_try_alloc(arena, size);
    tb_assert(memory != NULL && "arena limit");
    if (size > 0)
        memcpy(memory, bytes, size);
    return memory;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text) + 1);
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    tb_assert(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
