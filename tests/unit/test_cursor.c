#include "cursor.h"

#include <check.h>

START_TEST(a_cursor_of_this_list_is_read_and_nothing_else)
{
    static const struct {
        const char *text;
        int64_t seq; /* 0: refused */
    } cases[] = {
        {"bzE6MTg0Mg", 1842},                          /* o1:1842 */
        {"bzE6MQ", 1},                                 /* o1:1 */
        {"bzE6OTIyMzM3MjAzNjg1NDc3NTgwNw", INT64_MAX}, /* o1:9223372036854775807 */
        {"bzE6OTIyMzM3MjAzNjg1NDc3NTgwOA", 0},         /* one more */
        {"dDE6MTg0Mg", 0},                             /* t1: another list */
        {"bzE6MA", 0},                                 /* o1:0 */
        {"bzE6LTE", 0},                                /* o1:-1 */
        {"bzE6MDE", 0},                                /* o1:01 */
        {"bzE6", 0},                                   /* o1: */
        {"bzE6MXg", 0},                                /* o1:1x */
        {"bzEgMQ", 0},                                 /* o1 1 */
        {"bzE6MTg0Mg==", 0},                           /* padding: not ours */
        {"bzE6MTg0Mh", 0},                             /* stray bits at the end */
        {"bzE6MTg0MgA", 0},                            /* a NUL at the end, misaligned */
        {"bzE6MQA", 0},                                /* o1:1 and a NUL */
        {"b", 0},
        {"", 0},
        {"!!!!", 0},
        {"bzE6MTg0Mg\n", 0},
        {"bzE6MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTEx", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seq = -7;
        bool read = cursor_read_seq(cases[i].text, "o1", &seq);
        ck_assert_msg(read == (cases[i].seq != 0), "%s", cases[i].text);
        ck_assert_int_eq(seq, read ? cases[i].seq : -7);
    }
}
END_TEST

START_TEST(a_key_may_be_any_text_that_fits)
{
    char key[CURSOR_KEY_MAX];
    ck_assert(cursor_read_key("YjE6bGVldXdlbmhvZWs", "b1", key));
    ck_assert_str_eq(key, "leeuwenhoek");
    ck_assert(!cursor_read_key("YjE6bGVldXdlbmhvZWs", "p1", key));
    ck_assert(!cursor_read_key("YjE6", "b1", key));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cursor");
    TCase *tests = tcase_create("cursor");
    tcase_add_test(tests, a_cursor_of_this_list_is_read_and_nothing_else);
    tcase_add_test(tests, a_key_may_be_any_text_that_fits);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
