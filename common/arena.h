/* arena: memory of one dispatch, given back all at once. Grows in chunks up to a limit; keeps ARENA_KEEP_BYTES of them
 * over a reset. Under AddressSanitizer a pointer kept over a reset is an error at its next use. Threading: one thread.
 *
 *   struct arena arena; arena_init(&arena, 1 << 20);
 *   char *text = arena_printf(&arena, "%d", 5);
 *   arena_reset(&arena);          // text is gone
 *   arena_release(&arena); */
#ifndef TB_ARENA_H
#define TB_ARENA_H

#include <stdarg.h>
#include <stddef.h>

enum { ARENA_KEEP_BYTES = 4 * 1024 * 1024 };

struct arena_chunk;
struct arena {
    struct arena_chunk *first;
    struct arena_chunk *current;
    size_t used_bytes;  /* in all chunks since the last reset */
    size_t limit_bytes; /* arena_try_alloc gives NULL beyond it, arena_alloc aborts */
};

/* Effect: an empty arena that takes no memory yet. */
void arena_init(struct arena *arena, size_t limit_bytes);
/* Effect: gives all memory back; the arena is empty and may be used again. */
void arena_release(struct arena *arena);
/* Effect: everything taken from the arena is gone. */
void arena_reset(struct arena *arena);

/* Gives size bytes, zeroed, aligned for any type; aborts past the limit (a bug: inputs are capped before). Lives until
 * the reset. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same for count x size; the product is checked. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Gives NULL past the limit: for memory whose size an outsider chooses (message decoding). Not zeroed. */
void *arena_try_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
void *arena_copy(struct arena *arena, const void *bytes, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args);

#endif
