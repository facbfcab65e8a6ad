/* When a batch is put off: only right after one that shows load, never for longer than one turn. */
#include "base.h"
#include "check_main.h"
#include "gather.h"

enum { BEGAN = 1000000 };

static const struct {
    size_t rows, waiting;
    int64_t now_us;
    bool waits;
} cases_of_load[] = {
    {GATHER_LOAD_ROWS, 1, BEGAN, true},
    {GATHER_LOAD_ROWS, 1, BEGAN + GATHER_US - 1, true},
    {GATHER_LOAD_ROWS, 1, BEGAN + GATHER_US, false}, /* it has waited */
    {GATHER_LOAD_ROWS - 1, 1, BEGAN, false},         /* no load */
    {GATHER_LOAD_ROWS, GATHER_ROWS, BEGAN, false},   /* a full batch */
    {GATHER_LOAD_ROWS, GATHER_ROWS - 1, BEGAN + 1, true},
    {1000, 1, BEGAN - 1, false}, /* the clock was set back */
};

START_TEST(a_batch_waits_only_under_load)
{
    struct gather gather = {0};
    gather_began(&gather, cases_of_load[_i].rows, BEGAN);
    ck_assert_int_eq(gather_waits(&gather, cases_of_load[_i].waiting, cases_of_load[_i].now_us),
                     cases_of_load[_i].waits);
    ck_assert_int_eq(gather_until_us(&gather), BEGAN + GATHER_US);
}
END_TEST

START_TEST(the_first_batch_does_not_wait)
{
    struct gather gather = {0};
    ck_assert(!gather_waits(&gather, 1, BEGAN));
    ck_assert(!gather_waits(&gather, 1, 0));
}
END_TEST

CHECK_MAIN("gather", tcase_add_loop_test(cases, a_batch_waits_only_under_load, 0, TB_ARRAY_SIZE(cases_of_load));
           tcase_add_test(cases, the_first_batch_does_not_wait);)
