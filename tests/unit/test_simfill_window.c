#include "base.h"
#include "check_main.h"
#include "simfill/window.h"

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(random_state >> 33) % bound;
}

START_TEST(entries_are_found_by_seq_until_they_are_removed)
{
    struct window window;
    window_init(&window, 64);
    for (uint64_t seq = 1; seq <= 64; seq++)
        window_add(&window, seq * 37); /* many share a bucket */
    ck_assert_uint_eq(window_room(&window, 1), 0);
    for (uint64_t seq = 2; seq <= 64; seq += 2)
        window_remove(&window, window_find(&window, seq * 37));
    for (uint64_t seq = 1; seq <= 64; seq++) {
        uint32_t number = window_find(&window, seq * 37);
        ck_assert_int_eq(number != ENTRY_NONE, seq % 2 == 1);
        if (number != ENTRY_NONE)
            ck_assert_uint_eq(window_entry(&window, number)->seq, seq * 37);
    }
    ck_assert_uint_eq(window.count, 32);
    window_release(&window);
}
END_TEST

START_TEST(the_heap_gives_entries_in_order_of_due_time_then_seq)
{
    struct window window;
    window_init(&window, 1024);
    random_state = (uint64_t)_i;
    for (int step = 0; step < 4000; step++) {
        uint32_t seq = 1 + random_below(1000), number = window_find(&window, seq);
        if (number == ENTRY_NONE)
            number = window_add(&window, seq);
        if (random_below(4) == 0)
            window_remove(&window, number);
        else if (random_below(5) == 0)
            window_unschedule(&window, number);
        else
            window_schedule(&window, number, random_below(50));
    }
    int64_t due_us = -1;
    uint64_t seq = 0;
    uint32_t scheduled = window.heap_count, seen = 0;
    ck_assert_uint_gt(scheduled, 100);
    for (uint32_t number; (number = window_first(&window)) != ENTRY_NONE; seen++) {
        struct entry *entry = window_entry(&window, number);
        check_quick(entry->due_us > due_us || (entry->due_us == due_us && entry->seq > seq));
        due_us = entry->due_us;
        seq = entry->seq;
        window_unschedule(&window, number);
    }
    ck_assert_uint_eq(seen, scheduled);
    window_release(&window);
}
END_TEST

START_TEST(the_cursor_moves_over_settled_positions_only)
{
    struct window window;
    window_init(&window, 64);
    window_clear(&window, 100);
    ck_assert_uint_eq(window_settled_to(&window), 100);
    window_settle(&window, 102, true);
    window_settle(&window, 90, true); /* long since */
    ck_assert_uint_eq(window_settled_to(&window), 100);
    window_settle(&window, 101, true);
    ck_assert_uint_eq(window_settled_to(&window), 102);
    window_settle(&window, 101, false);
    ck_assert_uint_eq(window_settled_to(&window), 100);
    for (uint64_t seq = 101; seq <= 228; seq++)
        window_settle(&window, seq, true);
    ck_assert_uint_eq(window_settled_to(&window), 228); /* the whole ring */
    ck_assert_uint_eq(window_room(&window, 229), 0);
    window_advance(&window, 200);
    ck_assert_uint_eq(window_settled_to(&window), 228);
    ck_assert_uint_eq(window_room(&window, 229), 64);
    window_advance(&window, 228);
    ck_assert_uint_eq(window_settled_to(&window), 228); /* marks are not read twice */
    window_release(&window);
}
END_TEST

CHECK_MAIN("simfill_window", tcase_add_test(cases, entries_are_found_by_seq_until_they_are_removed);
           tcase_add_loop_test(cases, the_heap_gives_entries_in_order_of_due_time_then_seq, 0, 20);
           tcase_add_test(cases, the_cursor_moves_over_settled_positions_only);)
