/* Connections per address: exact, whatever the order of comings and goings. */
#include "address_count.h"

#include <stdio.h>
#include <string.h>

#include "check_main.h"

enum { ADDRESSES = 300, STEPS = 200000 };

START_TEST(an_address_counts_its_own)
{
    struct address_count *count = address_count_new(4);
    ck_assert_uint_eq(address_count_add(count, "192.0.2.1"), 1);
    ck_assert_uint_eq(address_count_add(count, "192.0.2.1"), 2);
    ck_assert_uint_eq(address_count_add(count, "::1"), 1);
    address_count_remove(count, "192.0.2.1");
    ck_assert_uint_eq(address_count_of(count, "192.0.2.1"), 1);
    ck_assert_uint_eq(address_count_of(count, "::1"), 1);
    ck_assert_uint_eq(address_count_of(count, "192.0.2.2"), 0);
    address_count_free(&count);
}
END_TEST

START_TEST(many_that_come_and_go_are_counted_like_in_a_plain_table)
{
    struct address_count *count = address_count_new(ADDRESSES);
    static size_t plain[ADDRESSES];
    unsigned long state = 88172645463325252UL;
    memset(plain, 0, sizeof plain);
    for (int step = 0; step < STEPS; step++) {
        char address[ADDRESS_TEXT_MAX];
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        size_t i = (size_t)(state >> 20) % ADDRESSES;
        (void)snprintf(address, sizeof address, "2001:db8:%zx::", i);
        if (plain[i] > 0 && (state & 0x300) != 0) {
            address_count_remove(count, address);
            plain[i]--;
        } else {
            check_quick(address_count_add(count, address) == ++plain[i]);
        }
        i = (i * 7 + 1) % ADDRESSES;
        (void)snprintf(address, sizeof address, "2001:db8:%zx::", i);
        check_quick(address_count_of(count, address) == plain[i]);
    }
    address_count_free(&count);
}
END_TEST

CHECK_MAIN("address_count", tcase_add_test(cases, an_address_counts_its_own);
           tcase_add_test(cases, many_that_come_and_go_are_counted_like_in_a_plain_table);)
