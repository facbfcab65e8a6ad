#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "child.h"

static struct child_result result;

START_TEST(copy_text_says_when_it_cut)
{
    static const struct {
        size_t size;
        const char *text;
        const char *copied;
        bool whole;
    } table[] = {{6, "tulip", "tulip", true}, {5, "tulip", "tuli", false}, {1, "tulip", "", false}, {1, "", "", true}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(table); i++) {
        char to[8] = "xxxxxxx";
        ck_assert_int_eq(tb_copy_text(to, table[i].size, table[i].text), table[i].whole);
        ck_assert_str_eq(to, table[i].copied);
        ck_assert_int_eq(to[table[i].size], 'x');
    }
}
END_TEST

START_TEST(memory_is_zeroed_and_grows)
{
    unsigned char *memory = tb_alloc_zero(100, 3);
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(memory[i], 0);
    memory[299] = 7;
    memory = tb_realloc(memory, 1000, 3);
    ck_assert_int_eq(memory[299], 7);
    free(memory);
    char *text = tb_strdup("tulip");
    ck_assert_str_eq(text, "tulip");
    free(text);
    free(tb_alloc_zero(0, 0));
}
END_TEST

static int breaks_an_assertion(void *arg)
{
    tb_assert(arg != NULL);
    return 0;
}

START_TEST(a_broken_assertion_aborts_and_names_its_place)
{
    child_run(breaks_an_assertion, NULL, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.output, "test_base.c"));
    ck_assert_ptr_nonnull(strstr(result.output, "arg != NULL"));
    child_run(breaks_an_assertion, &result, &result);
    ck_assert_int_eq(result.exit_code, 0);
}
END_TEST

static int multiplies_past_size(void *arg)
{
    (void)arg;
    free(tb_realloc(NULL, SIZE_MAX / 2, 3));
    return 0;
}

START_TEST(a_size_that_overflows_aborts)
{
    child_run(multiplies_past_size, NULL, &result);
    ck_assert_int_eq(result.signal, SIGABRT);
}
END_TEST

START_TEST(decimals_are_what_printf_makes_of_them)
{
    static const uint64_t values[] = {0, 1, 9, 10, 99, 100, 12345, 4294967296, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < TB_ARRAY_SIZE(values); i++)
        for (unsigned digits = 0; digits <= 20; digits++) {
            char text[24], expected[24];
            *tb_put_decimal(text, values[i], digits) = '\0';
            (void)snprintf(expected, sizeof expected, "%0*llu", (int)digits, (unsigned long long)values[i]);
            ck_assert_str_eq(text, expected);
        }
}
END_TEST

CHECK_MAIN("base", tcase_add_test(cases, decimals_are_what_printf_makes_of_them);
           tcase_add_test(cases, copy_text_says_when_it_cut); tcase_add_test(cases, memory_is_zeroed_and_grows);
           tcase_add_test(cases, a_broken_assertion_aborts_and_names_its_place);
           tcase_add_test(cases, a_size_that_overflows_aborts);)
