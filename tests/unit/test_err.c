#include <string.h>

#include "base.h"
#include "check_main.h"
#include "err.h"

START_TEST(set_fills_and_returns_failure)
{
    struct err err = {0};
    ck_assert_int_eq(err_set(&err, "port %d is taken", 8080), -1);
    ck_assert_str_eq(err.text, "port 8080 is taken");
}
END_TEST

START_TEST(wrap_puts_context_before)
{
    struct err err = {0};
    err_set(&err, "refused");
    ck_assert_int_eq(err_wrap(&err, "connect"), -1);
    ck_assert_int_eq(err_wrap(&err, "start 100%s"), -1); /* context is no format */
    ck_assert_str_eq(err.text, "start 100%s: connect: refused");
}
END_TEST

START_TEST(none_is_fine)
{
    ck_assert_int_eq(err_set(NULL, "x"), -1);
    ck_assert_int_eq(err_wrap(NULL, "x"), -1);
}
END_TEST

START_TEST(long_texts_are_cut_and_ended)
{
    char text[2 * ERR_TEXT_MAX];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    struct err err;
    err_set(&err, "%s", text);
    ck_assert_uint_eq(strlen(err.text), ERR_TEXT_MAX - 1);
    err_wrap(&err, "context");
    ck_assert_uint_eq(strlen(err.text), ERR_TEXT_MAX - 1);
    ck_assert_int_eq(strncmp(err.text, "context: aaa", 12), 0);
}
END_TEST

START_TEST(it_is_one_line)
{
    struct err err;
    err_set(&err, "%s", "FATAL:  no such role\nDETAIL:\tnone\r\n");
    ck_assert_ptr_null(strpbrk(err.text, "\n\r\t"));
    err_set(&err, "%s", "ends with a break\n");
    ck_assert_str_eq(err.text, "ends with a break");
}
END_TEST

CHECK_MAIN("err", tcase_add_test(cases, set_fills_and_returns_failure); tcase_add_test(cases, wrap_puts_context_before);
           tcase_add_test(cases, none_is_fine); tcase_add_test(cases, long_texts_are_cut_and_ended);
           tcase_add_test(cases, it_is_one_line);)
