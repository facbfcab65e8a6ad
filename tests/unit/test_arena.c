#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "base.h"
#include "check_main.h"
#include "child.h"

static struct child_result result;

START_TEST(memory_is_zeroed_aligned_and_apart)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    unsigned char *before = NULL;
    size_t before_size = 0;
    for (size_t size = 0; size < 700; size++) {
        unsigned char *memory = arena_alloc(&arena, size);
        ck_assert_uint_eq((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            check_quick(memory[i] == 0);
        memset(memory, 0xaa, size);
        for (size_t i = 0; i < before_size; i++)
            check_quick(before[i] == 0xaa);
        before = memory;
        before_size = size;
    }
    arena_release(&arena);
}
END_TEST

START_TEST(reset_memory_is_zeroed_again_and_chunks_are_kept)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    unsigned char *first = arena_alloc(&arena, 1000);
    memset(first, 1, 1000);
    for (int round = 0; round < 3; round++) {
        arena_reset(&arena);
        ck_assert_uint_eq(arena.used_bytes, 0);
        unsigned char *again = arena_alloc(&arena, 1000);
        ck_assert_ptr_eq(again, first);
        ck_assert_uint_eq(again[0] + again[999], 0);
        memset(again, 1, 1000);
        (void)arena_alloc(&arena, 200000); /* a chunk of its own */
    }
    arena_release(&arena);
}
END_TEST

static size_t chunks_bytes_after_reset(size_t piece, size_t pieces)
{
    struct arena arena;
    arena_init(&arena, (size_t)1 << 30);
    for (size_t i = 0; i < pieces; i++)
        (void)arena_try_alloc(&arena, piece);
    arena_reset(&arena);
    size_t room = 0; /* what can be taken without a new chunk */
    while (arena.first && room < (size_t)1 << 26) {
        struct arena_chunk *last = arena.current;
        (void)arena_try_alloc(&arena, 1 << 10);
        if (arena.current != last && room > ARENA_KEEP_BYTES)
            break;
        room += 1 << 10;
    }
    arena_release(&arena);
    return room;
}

START_TEST(a_burst_does_not_stay_for_ever)
{
    ck_assert_uint_lt(chunks_bytes_after_reset(1 << 20, 40), 8 << 20);
    ck_assert_uint_eq(chunks_bytes_after_reset(40 << 20, 1), 0); /* one huge chunk goes at once */
}
END_TEST

START_TEST(the_limit_holds_for_an_outsiders_sizes)
{
    struct arena arena;
    arena_init(&arena, 4096);
    ck_assert_ptr_nonnull(arena_try_alloc(&arena, 4000));
    ck_assert_ptr_null(arena_try_alloc(&arena, 97));
    ck_assert_ptr_null(arena_try_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(arena_try_alloc(&arena, SIZE_MAX - 8));
    ck_assert_ptr_nonnull(arena_try_alloc(&arena, 96));
    ck_assert_ptr_null(arena_try_alloc(&arena, 0)); /* even nothing takes a byte */
    arena_reset(&arena);
    ck_assert_ptr_nonnull(arena_try_alloc(&arena, 4096));
    arena_release(&arena);
}
END_TEST

static int takes_past_the_limit(void *arg)
{
    struct arena arena;
    arena_init(&arena, 4096);
    (void)arena_alloc(&arena, *(size_t *)arg);
    arena_release(&arena);
    return 0;
}

static int multiplies_past_size(void *arg)
{
    (void)arg;
    struct arena arena;
    arena_init(&arena, 4096);
    (void)arena_array(&arena, SIZE_MAX / 2, 4);
    return 0;
}

START_TEST(a_bug_past_the_limit_aborts)
{
    size_t size = 4096;
    child_run(takes_past_the_limit, &size, &result);
    ck_assert_int_eq(result.exit_code, 0);
    size = 4097;
    child_run(takes_past_the_limit, &size, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
    child_run(multiplies_past_size, NULL, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
}
END_TEST

START_TEST(texts_are_copied)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char text[] = "tulip";
    char *copy = arena_strdup(&arena, text);
    char *bytes = arena_copy(&arena, "a\0b", 4);
    char *printed = arena_printf(&arena, "%s.%d", "nl-1", 42);
    char *longer = arena_printf(&arena, "%*d", 70000, 1);
    text[0] = 'x';
    ck_assert_str_eq(copy, "tulip");
    ck_assert_int_eq(memcmp(bytes, "a\0b", 4), 0);
    ck_assert_str_eq(printed, "nl-1.42");
    ck_assert_uint_eq(strlen(longer), 70000);
    ck_assert_ptr_nonnull(arena_copy(&arena, NULL, 0));
    arena_release(&arena);
}
END_TEST

CHECK_MAIN("arena", tcase_add_test(cases, memory_is_zeroed_aligned_and_apart);
           tcase_add_test(cases, reset_memory_is_zeroed_again_and_chunks_are_kept);
           tcase_add_test(cases, a_burst_does_not_stay_for_ever);
           tcase_add_test(cases, the_limit_holds_for_an_outsiders_sizes);
           tcase_add_test(cases, a_bug_past_the_limit_aborts); tcase_add_test(cases, texts_are_copied);)
