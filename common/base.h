/* base: what every file may use. */
#ifndef TB_BASE_H
#define TB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_NODISCARD     __attribute__((warn_unused_result))
#define TB_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A bug, not an event: prints where and what, then aborts. On in every build. */
#define tb_assert(condition) ((condition) ? (void)0 : tb_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void tb_assert_failed(const char *condition, const char *file, int line);

/* malloc/calloc/realloc that abort when memory is out (a bounded process that cannot allocate is broken). Gives memory
 * for free(). */
void *tb_alloc_zero(size_t count, size_t size);
void *tb_realloc(void *memory, size_t count, size_t size);
char *tb_strdup(const char *text);

/* Effect: copies text into a buffer of size bytes, always ends it. Return: false when it was cut. */
bool tb_copy_text(char *to, size_t size, const char *text);

/* Effect: writes value in decimal at `at`, with zeros in front where it has less than digits_min digits (at most 20);
 * no end is written. For texts made per order, where printf is most of the cost. Return: behind the last digit. */
char *tb_put_decimal(char *at, uint64_t value, unsigned digits_min);

#endif
