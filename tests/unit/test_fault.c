#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "child.h"
#include "clock.h"
#include "fault.h"

#ifdef TB_FAULT_POINTS

static struct child_result result;

/* Passes two points five times each and says after which passage it still lives. */
static int passes_points(void *arg)
{
    if (arg)
        setenv("TB_FAULT", arg, 1);
    else
        unsetenv("TB_FAULT");
    if (fault_init() < 0)
        return 3;
    for (int i = 1; i <= 5; i++) {
        fault_point("core.before");
        fault_point("core.after");
        fprintf(stderr, "lived %d\n", i);
    }
    return 0;
}

static void run_with(const char *fault)
{
    char text[128];
    if (fault)
        tb_copy_text(text, sizeof text, fault);
    child_run(passes_points, fault ? text : NULL, &result);
}

START_TEST(the_armed_point_kills_at_its_passage)
{
    run_with("core.after:kill:3");
    ck_assert_int_eq(result.signal, SIGKILL);
    ck_assert_ptr_nonnull(strstr(result.output, "lived 2"));
    ck_assert_ptr_null(strstr(result.output, "lived 3"));
    ck_assert_ptr_nonnull(strstr(result.output, "fault point core.after: kill"));
}
END_TEST

START_TEST(an_unarmed_process_lives)
{
    static const char *const harmless[] = {NULL, "", "core.other:kill:1", "core.after:kill:6", "core:kill:1"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(harmless); i++) {
        run_with(harmless[i]);
        ck_assert_int_eq(result.exit_code, 0);
        ck_assert_ptr_nonnull(strstr(result.output, "lived 5"));
    }
}
END_TEST

START_TEST(a_pause_lasts_as_long_as_asked)
{
    int64_t start_us = clock_monotonic_us();
    run_with("core.before:pause:2:120");
    ck_assert_int_eq(result.exit_code, 0);
    ck_assert_int_ge(clock_monotonic_us() - start_us, 120000);
    char *first = strstr(result.output, "core.before: pause");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "core.before: pause")); /* once */
    ck_assert_ptr_nonnull(strstr(result.output, "lived 5"));
}
END_TEST

START_TEST(what_is_not_understood_is_refused)
{
    static const char *const bad[] = {"core.after",
                                      "core.after:",
                                      "core.after:kill",
                                      ":kill:1",
                                      "core.after:kill:",
                                      "core.after:kill:0",
                                      "core.after:kill:-1",
                                      "core.after:kill:x",
                                      "core.after:kill:1:2",
                                      "core.after:pause:1",
                                      "core.after:pause:1:",
                                      "core.after:stop:1",
                                      "core.after:pause:1:0",
                                      "core.after:pause:1:999999999",
                                      "core.after:kill:99999999999999999999"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(bad); i++) {
        run_with(bad[i]);
        ck_assert_msg(result.exit_code == 3, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(result.output, bad[i]));
    }
}
END_TEST

static int arms_late(void *arg)
{
    (void)arg;
    unsetenv("TB_FAULT");
    if (fault_init() < 0 || fault_arm("core.after") == 0)
        return 3;
    fault_point("core.after");
    if (fault_arm("core.after:kill:2") < 0)
        return 4;
    for (int i = 1; i <= 5; i++) {
        fault_point("core.after");
        fprintf(stderr, "lived %d\n", i);
    }
    return 0;
}

START_TEST(a_point_can_be_armed_while_it_runs)
{
    child_run(arms_late, NULL, &result);
    ck_assert_int_eq(result.signal, SIGKILL);
    ck_assert_ptr_nonnull(strstr(result.output, "lived 1"));
    ck_assert_ptr_null(strstr(result.output, "lived 2"));
}
END_TEST

CHECK_MAIN("fault", tcase_add_test(cases, a_point_can_be_armed_while_it_runs);
           tcase_add_test(cases, the_armed_point_kills_at_its_passage); tcase_add_test(cases, an_unarmed_process_lives);
           tcase_add_test(cases, a_pause_lasts_as_long_as_asked);
           tcase_add_test(cases, what_is_not_understood_is_refused);)

#else

START_TEST(points_are_compiled_out)
{
    setenv("TB_FAULT", "nonsense", 1);
    ck_assert_int_eq(fault_init(), 0);
    fault_point("core.before");
}
END_TEST

CHECK_MAIN("fault", tcase_add_test(cases, points_are_compiled_out);)

#endif
