#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void tb_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

void *tb_alloc_zero(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    tb_assert(memory != NULL && "out of memory");
    return memory;
}

void *tb_realloc(void *memory, size_t count, size_t size)
{
    size_t bytes;
    tb_assert(!__builtin_mul_overflow(count, size, &bytes) && "size overflow");
    void *moved = realloc(memory, bytes ? bytes : 1);
    tb_assert(moved != NULL && "out of memory");
    return moved;
}

char *tb_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = tb_alloc_zero(1, size);
    memcpy(copy, text, size);
    return copy;
}

bool tb_copy_text(char *to, size_t size, const char *text)
{
    tb_assert(size > 0);
    size_t length = strnlen(text, size);
    bool whole = length < size;
    if (!whole)
        length = size - 1;
    memcpy(to, text, length);
    to[length] = '\0';
    return whole;
}

char *tb_put_decimal(char *at, uint64_t value, unsigned digits_min)
{
    enum { DIGITS_MAX = 20 };
    char digits[DIGITS_MAX];
    size_t count = 0;
    tb_assert(digits_min <= DIGITS_MAX);
    do {
        digits[DIGITS_MAX - ++count] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count < digits_min)
        digits[DIGITS_MAX - ++count] = '0';
    memcpy(at, digits + DIGITS_MAX - count, count);
    return at + count;
}
