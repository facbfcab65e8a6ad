/* check_main: the main() that unit tests share. One suite, one case list.
 *
 *   CHECK_MAIN("money", tcase_add_test(cases, sums_are_checked); tcase_add_loop_test(cases, parses, 0, 9);) */
#ifndef TB_CHECK_MAIN_H
#define TB_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

/* An assertion for tight loops: Check notes each ck_assert that holds, which costs microseconds. */
#define check_quick(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg("%s", #condition);                                                                            \
    } while (0)

#define CHECK_MAIN(name, ...)                                                                                          \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        Suite *suite = suite_create(name);                                                                             \
        TCase *cases = tcase_create(name);                                                                             \
        tcase_set_timeout(cases, 30);                                                                                  \
        __VA_ARGS__                                                                                                    \
        suite_add_tcase(suite, cases);                                                                                 \
        SRunner *runner = srunner_create(suite);                                                                       \
        srunner_run_all(runner, CK_NORMAL);                                                                            \
        int failed = srunner_ntests_failed(runner);                                                                    \
        srunner_free(runner);                                                                                          \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                                                              \
    }

#endif
