#include <string.h>

#include "base.h"
#include "check_main.h"
#include "ids.h"

START_TEST(ids_carry_region_and_sequence)
{
    char text[IDS_TEXT_MAX];
    ck_assert_str_eq(ids_format("nl-1", 1842, text), "nl-1.1842");
    ck_assert_str_eq(ids_format("abcdefghijklmnop", UINT64_MAX, text), "abcdefghijklmnop.18446744073709551615");
    uint64_t seq = 0;
    ck_assert(ids_parse("nl-1", "nl-1.1842", &seq));
    ck_assert_uint_eq(seq, 1842);
    ck_assert(ids_parse("nl-1", "nl-1.9223372036854775807", &seq));
    ck_assert_uint_eq(seq, INT64_MAX);
}
END_TEST

static const char *const foreign[] = {
    "",
    "nl-1",
    "nl-1.",
    "nl-1.0",
    "nl-1.01",
    "nl-1.-1",
    "nl-1.+1",
    "nl-1. 1",
    "nl-1.1 ",
    "nl-1.1.2",
    "nl-1.1x",
    "nl-2.1",
    "nl-11.1",
    "nl-.1",
    "NL-1.1",
    "1",
    ".1",
    "nl-1/1",
    "nl-1.1e3",
    "nl-1.0x1",
    "nl-1\n.1",
    "nl-1.1\n",
    " nl-1.1",
    "nl-1.9223372036854775808",
    "nl-1.18446744073709551615",
    "nl-1.18446744073709551617",
    "nl-1.99999999999999999999999",
};

START_TEST(what_is_no_id_of_the_region_is_refused)
{
    uint64_t seq = 77;
    ck_assert_msg(!ids_parse("nl-1", foreign[_i], &seq), "'%s'", foreign[_i]);
    ck_assert_uint_eq(seq, 77);
}
END_TEST

START_TEST(hex_goes_both_ways)
{
    uint8_t bytes[4] = {0x00, 0x7f, 0xab, 0xff}, back[4];
    char text[9];
    ids_hex(bytes, 4, text);
    ck_assert_str_eq(text, "007fabff");
    ck_assert(ids_unhex(text, back, 4));
    ck_assert_mem_eq(back, bytes, 4);
    ck_assert(ids_unhex("007fabff-rest", back, 4));
    static const char *const bad[] = {"", "0", "007fabf", "007fabfg", "007FABFF", "0x7fabff", "007fab f", "-07fabff"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(bad); i++) {
        char *exact = strdup(bad[i]); /* nothing behind its end may be read */
        ck_assert_msg(!ids_unhex(exact, back, 4), "'%s'", bad[i]);
        free(exact);
    }
}
END_TEST

START_TEST(hash_is_fnv_1a_for_ever)
{
    ck_assert_uint_eq(ids_hash(IDS_HASH_START, "", 0), 0xcbf29ce484222325ULL);
    ck_assert_uint_eq(ids_hash(IDS_HASH_START, "a", 1), 0xaf63dc4c8601ec8cULL);
    ck_assert_uint_eq(ids_hash(IDS_HASH_START, "foobar", 6), 0x85944171f73967e8ULL);
    ck_assert_uint_eq(ids_hash(ids_hash(IDS_HASH_START, "foo", 3), "bar", 3), 0x85944171f73967e8ULL);
}
END_TEST

START_TEST(random_bytes_fill_all_and_differ)
{
    uint8_t a[64] = {0}, b[64] = {0};
    ids_random(a, sizeof a);
    ids_random(b, sizeof b);
    ck_assert_mem_ne(a, b, sizeof a);
    int zeros = 0;
    for (size_t i = 0; i < sizeof a; i++)
        zeros += a[i] == 0;
    ck_assert_int_lt(zeros, 16);
    ids_random(a, 0);
}
END_TEST

CHECK_MAIN("ids", tcase_add_test(cases, ids_carry_region_and_sequence);
           tcase_add_loop_test(cases, what_is_no_id_of_the_region_is_refused, 0, (int)TB_ARRAY_SIZE(foreign));
           tcase_add_test(cases, hex_goes_both_ways); tcase_add_test(cases, hash_is_fnv_1a_for_ever);
           tcase_add_test(cases, random_bytes_fill_all_and_differ);)
