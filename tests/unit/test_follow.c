#include <string.h>

#include "base.h"
#include "check_main.h"
#include "follow.h"

START_TEST(records_in_order_are_taken)
{
    struct follow f;
    size_t skip = 99;
    follow_init(&f, 10);
    ck_assert_uint_eq(follow_lag(&f), 0);
    ck_assert_int_eq(follow_offer(&f, 11, 3, &skip), FOLLOW_TAKE);
    ck_assert_uint_eq(skip, 0);
    ck_assert_int_eq(follow_offer(&f, 14, 1, &skip), FOLLOW_TAKE);
    ck_assert_uint_eq(f.next, 15);
    ck_assert_uint_eq(follow_lag(&f), 0);
}
END_TEST

START_TEST(what_was_seen_is_dropped_or_skipped)
{
    struct follow f;
    size_t skip = 99;
    follow_init(&f, 10);
    ck_assert_int_eq(follow_offer(&f, 1, 10, &skip), FOLLOW_DROP);
    ck_assert_int_eq(follow_offer(&f, 10, 1, &skip), FOLLOW_DROP);
    ck_assert_int_eq(follow_offer(&f, 8, 5, &skip), FOLLOW_TAKE); /* 8 … 12, of which 8, 9, 10 are old */
    ck_assert_uint_eq(skip, 3);
    ck_assert_uint_eq(f.next, 13);
    ck_assert_int_eq(follow_offer(&f, 8, 5, &skip), FOLLOW_DROP);
    ck_assert_uint_eq(f.next, 13);
}
END_TEST

START_TEST(a_gap_is_fetched)
{
    struct follow f;
    size_t skip;
    follow_init(&f, 0);
    ck_assert_int_eq(follow_offer(&f, 5, 2, &skip), FOLLOW_GAP);
    ck_assert_uint_eq(follow_lag(&f), 6);
    ck_assert_uint_eq(f.next, 1);
    ck_assert(follow_fetch(&f));
    ck_assert(!follow_fetch(&f));
    ck_assert_int_eq(follow_offer(&f, 1, 1, &skip), FOLLOW_DROP); /* the fetch brings it */
    ck_assert_int_eq(follow_offer(&f, 7, 1, &skip), FOLLOW_DROP);
    ck_assert(follow_fetched(&f, 6, 100)); /* 7 was seen meanwhile */
    ck_assert_uint_eq(f.next, 7);
    ck_assert_uint_eq(follow_lag(&f), 1);
    ck_assert(follow_fetch(&f));
    ck_assert(!follow_fetched(&f, 1, 100));
    ck_assert_uint_eq(follow_lag(&f), 0);
    ck_assert_int_eq(follow_offer(&f, 8, 1, &skip), FOLLOW_TAKE);
}
END_TEST

START_TEST(a_full_fetch_asks_for_more)
{
    struct follow f;
    follow_init(&f, 0);
    ck_assert(follow_fetch(&f));
    ck_assert(follow_fetched(&f, 100, 100));
    ck_assert(follow_fetch(&f));
    ck_assert(!follow_fetched(&f, 0, 100));
    ck_assert_uint_eq(f.next, 101);
    ck_assert_uint_eq(f.seen_max, 100);
}
END_TEST

START_TEST(a_fetch_that_brings_nothing_does_not_spin)
{
    struct follow f;
    size_t skip;
    follow_init(&f, 0);
    ck_assert_int_eq(follow_offer(&f, 5, 1, &skip), FOLLOW_GAP);
    ck_assert(follow_fetch(&f));
    ck_assert(!follow_fetched(&f, 0, 100)); /* the standby lags: wait for the poll */
    ck_assert(follow_fetch(&f));
    ck_assert_int_eq(follow_offer(&f, 6, 1, &skip), FOLLOW_DROP);
    ck_assert(follow_fetched(&f, 0, 100)); /* there is news since */
}
END_TEST

START_TEST(a_failed_fetch_can_be_tried_again)
{
    struct follow f;
    follow_init(&f, 0);
    ck_assert(follow_fetch(&f));
    follow_fetch_failed(&f);
    ck_assert(follow_fetch(&f));
}
END_TEST

START_TEST(an_empty_message_only_tells_of_records)
{
    struct follow f;
    size_t skip;
    follow_init(&f, 10);
    ck_assert_int_eq(follow_offer(&f, 11, 0, &skip), FOLLOW_DROP);
    ck_assert_int_eq(follow_offer(&f, 13, 0, &skip), FOLLOW_GAP);
    ck_assert_uint_eq(follow_lag(&f), 2);
    ck_assert_uint_eq(f.next, 11);
}
END_TEST

START_TEST(impossible_sequences_change_nothing)
{
    struct follow f;
    size_t skip;
    follow_init(&f, 10);
    ck_assert_int_eq(follow_offer(&f, 0, 50, &skip), FOLLOW_DROP);
    ck_assert_int_eq(follow_offer(&f, 0, 0, &skip), FOLLOW_DROP);
    ck_assert_int_eq(follow_offer(&f, UINT64_MAX, 1, &skip), FOLLOW_DROP);
    ck_assert_int_eq(follow_offer(&f, 5, SIZE_MAX, &skip), FOLLOW_DROP);
    ck_assert_uint_eq(f.next, 11);
    ck_assert_uint_eq(f.seen_max, 10);
}
END_TEST

static uint64_t random_state;
static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

/* A log that grows, a bus that loses, repeats and reorders its batches, a reader that fetches on gaps and now and then
 * by itself, and fetches that fail or see an older state. The reader must handle 1, 2, 3 … each once; left alone it
 * must come to the end. */
START_TEST(every_record_is_handled_once_in_order)
{
    random_state = (uint64_t)_i * UINT64_C(0x9e3779b97f4a7c15) + 1;
    struct follow f;
    uint64_t committed = random_below(20), handled = random_below(committed + 1), fetch_sees = 0;
    bool wants_fetch = false, fetching = false;
    follow_init(&f, handled);
    for (int step = 0; step < 600; step++) {
        bool calm = step >= 560; /* nothing new, fetches work, polls come */
        uint64_t choice = calm ? 3 + random_below(2) : random_below(5);
        size_t skip = 0;
        if (choice == 0) {
            committed += random_below(8);
        } else if (choice <= 2 && committed > 0) { /* any batch of the log, most likely the newest */
            uint64_t first =
                random_below(3) ? committed - random_below(committed < 9 ? committed : 9) : 1 + random_below(committed);
            size_t count = (size_t)random_below(committed - first + 2);
            switch (follow_offer(&f, first, count, &skip)) {
            case FOLLOW_TAKE:
                check_quick(!fetching);
                check_quick(skip < count);
                check_quick(first + skip == handled + 1);
                handled = first + count - 1;
                break;
            case FOLLOW_DROP:
                check_quick(fetching || first + count <= handled + 1);
                break;
            case FOLLOW_GAP:
                check_quick(!fetching);
                check_quick(first > handled + 1);
                wants_fetch = true;
                break;
            }
        } else if (choice == 3 && (wants_fetch || calm || random_below(10) == 0)) {
            check_quick(follow_fetch(&f) == !fetching);
            fetch_sees = fetching ? fetch_sees : committed;
            fetching = true;
            wants_fetch = false;
        } else if (choice == 4 && fetching) {
            fetching = false;
            if (!calm && random_below(5) == 0) {
                follow_fetch_failed(&f);
            } else {
                uint64_t count = fetch_sees - handled < 6 ? fetch_sees - handled : 6;
                handled += count;
                wants_fetch = follow_fetched(&f, (size_t)count, 6);
                check_quick(wants_fetch || follow_lag(&f) == 0 || count == 0);
            }
        }
        check_quick(f.next == handled + 1);
        check_quick(f.seen_max <= committed);
        check_quick(follow_lag(&f) == f.seen_max - handled);
    }
    for (int more = 0; more < 2000 && handled < committed; more++) { /* the poll goes on */
        if (fetching || follow_fetch(&f)) {
            fetching = false;
            uint64_t count = committed - handled < 6 ? committed - handled : 6;
            handled += count;
            (void)follow_fetched(&f, (size_t)count, 6);
        }
    }
    check_quick(handled == committed);
    check_quick(follow_lag(&f) == 0);
}
END_TEST

CHECK_MAIN("follow", tcase_add_test(cases, records_in_order_are_taken);
           tcase_add_test(cases, what_was_seen_is_dropped_or_skipped); tcase_add_test(cases, a_gap_is_fetched);
           tcase_add_test(cases, a_full_fetch_asks_for_more);
           tcase_add_test(cases, a_fetch_that_brings_nothing_does_not_spin);
           tcase_add_test(cases, a_failed_fetch_can_be_tried_again);
           tcase_add_test(cases, an_empty_message_only_tells_of_records);
           tcase_add_test(cases, impossible_sequences_change_nothing);
           tcase_add_loop_test(cases, every_record_is_handled_once_in_order, 0, 500);)
