#include "gaps.h"

#include "check_main.h"

static struct gaps gaps;
static struct gap gap;

START_TEST(whatever_comes_first_begins)
{
    gaps_init(&gaps, 0);
    ck_assert(gaps_take(&gaps, 500, 1));
    ck_assert(gaps_take(&gaps, 501, 1));
    ck_assert(!gaps_due(&gaps, 1, &gap));
}
END_TEST

START_TEST(a_hole_is_told_with_both_its_ends)
{
    gaps_init(&gaps, 0);
    gaps_take(&gaps, 10, 1);
    ck_assert(gaps_take(&gaps, 14, 2));
    ck_assert(gaps_due(&gaps, 2, &gap));
    ck_assert_uint_eq(gap.from, 11);
    ck_assert_uint_eq(gap.to, 13);
    ck_assert(!gaps_due(&gaps, 2, &gap));
}
END_TEST

START_TEST(a_double_is_no_news)
{
    gaps_init(&gaps, 0);
    gaps_take(&gaps, 10, 1);
    gaps_take(&gaps, 11, 1);
    ck_assert(!gaps_take(&gaps, 10, 1));
    ck_assert(!gaps_take(&gaps, 11, 1));
    ck_assert_uint_eq(gaps.doubles, 2);
}
END_TEST

START_TEST(who_was_overtaken_closes_the_hole)
{
    gaps_init(&gaps, 500);
    gaps_take(&gaps, 1, 0);
    gaps_take(&gaps, 5, 100);
    ck_assert(!gaps_due(&gaps, 599, &gap));
    ck_assert(gaps_take(&gaps, 3, 200));
    ck_assert(!gaps_take(&gaps, 3, 200)); /* the second time */
    ck_assert(gaps_take(&gaps, 2, 300));
    ck_assert(gaps_due(&gaps, 600, &gap));
    ck_assert_uint_eq(gap.from, 4);
    ck_assert_uint_eq(gap.to, 4);
    ck_assert(!gaps_due(&gaps, 600, &gap));
}
END_TEST

START_TEST(many_holes_are_told_early_and_none_is_lost)
{
    size_t told = 0, holes = 0;
    gaps_init(&gaps, 1000000);
    for (uint64_t seq = 1; seq < 2000; seq += 2) {
        ck_assert(gaps_take(&gaps, seq, 0));
        holes += seq > 1;
        while (gaps_due(&gaps, 0, &gap))
            told += gap.to - gap.from + 1;
    }
    while (gaps_due(&gaps, 1000000, &gap))
        told += gap.to - gap.from + 1;
    ck_assert_uint_eq(told, holes);
}
END_TEST

CHECK_MAIN("console_gaps", tcase_add_test(cases, whatever_comes_first_begins);
           tcase_add_test(cases, a_hole_is_told_with_both_its_ends); tcase_add_test(cases, a_double_is_no_news);
           tcase_add_test(cases, who_was_overtaken_closes_the_hole);
           tcase_add_test(cases, many_holes_are_told_early_and_none_is_lost);)
