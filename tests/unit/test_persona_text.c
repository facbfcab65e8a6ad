#include <string.h>

#include "base.h"
#include "check_main.h"
#include "persona/text.h"

#define TEN   "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN

static const struct {
    const char *name, *slug;
} slugs[] = {
    {"Carolus Clusius", "carolus-clusius"},
    {"Antonie van Leeuwenhoek", "antonie-van-leeuwenhoek"},
    {"Ærø Müller", "aero-muller"},
    {"  --Dirk & Jan--  ", "dirk-jan"},
    {"O'Neill", "oneill"},
    {"O\xE2\x80\x99Neill", "oneill"},
    {"Łódź Straße", "lodz-strasse"},
    {"Ĳsbrand Œuvre", "ijsbrand-oeuvre"},
    {"Þórður Đoković", "thordur-dokovic"},
    {"Zoe\xCC\x88", "zoe"}, /* a combining accent */
    {"R2-D2", "r2-d2"},
    {"a×b", "a-b"},
    {"日本 Taro", "taro"},
    {TEN TEN TEN TEN TEN, TEN TEN TEN TEN},
    {"abcdefghij abcdefghij abcdefghij abcdef xy", "abcdefghij-abcdefghij-abcdefghij-abcdef"},
};

START_TEST(a_name_becomes_an_id)
{
    char id[PERSONA_ID_SIZE];
    persona_slug(slugs[_i].name, id);
    ck_assert_str_eq(id, slugs[_i].slug);
    ck_assert(persona_id_valid(id));
}
END_TEST

static const char *const letterless[] = {"李", "Q", "!!!", "🌷🌷", "-"};

START_TEST(a_name_without_two_letters_still_has_an_id_of_its_own)
{
    char id[PERSONA_ID_SIZE], again[PERSONA_ID_SIZE], other[PERSONA_ID_SIZE];
    persona_slug(letterless[_i], id);
    persona_slug(letterless[_i], again);
    persona_slug("王", other);
    ck_assert(persona_id_valid(id));
    ck_assert_int_eq(strncmp(id, "persona-", 8), 0);
    ck_assert_str_eq(id, again);
    ck_assert_str_ne(id, other);
}
END_TEST

static const struct {
    const char *id;
    bool valid;
} ids[] = {
    {"clusius", true}, {"a1", true},  {"1-", true},       {TEN TEN TEN TEN, true}, {TEN TEN TEN TEN "a", false},
    {"a", false},      {"", false},   {"-ab", false},     {"Ab", false},           {"a_b", false},
    {"a b", false},    {"é1", false}, {"@market", false},
};

START_TEST(ids_are_checked)
{
    ck_assert_int_eq(persona_id_valid(ids[_i].id), ids[_i].valid);
}
END_TEST

static const struct {
    const char *text, *name; /* NULL: refused */
} names[] = {
    {"Bob", "Bob"},
    {"  Bob \t", "Bob"},
    {"\xC2\xA0"
     "Bob\xE3\x80\x80",
     "Bob"},
    {"a b", "a b"},
    {"é", "é"},
    {"", NULL},
    {"   ", NULL},
    {"a\nb", NULL},
    {"a\x01", NULL},
    {"a\x7F", NULL},
    {"a\xC2\x85"
     "b",
     NULL},
    {FIFTY TEN, FIFTY TEN},
    {"  " FIFTY TEN "  ", FIFTY TEN},
    {FIFTY TEN "k", NULL},
    {FIFTY "ééééééééé🌷", FIFTY "ééééééééé🌷"},
    {FIFTY "éééééééééé🌷", NULL},
};

START_TEST(names_are_trimmed_and_counted_in_characters)
{
    char name[PERSONA_NAME_SIZE] = "";
    ck_assert_int_eq(persona_name_clean(names[_i].text, name), names[_i].name != NULL);
    if (names[_i].name)
        ck_assert_str_eq(name, names[_i].name);
}
END_TEST

START_TEST(bios_have_at_most_500_characters)
{
    char text[501 * 4 + 1], bio[PERSONA_BIO_SIZE];
    text[0] = '\0';
    ck_assert(persona_bio_clean(text, bio));
    for (int i = 0; i < 500; i++)
        memcpy(text + strlen(text), "🌷", sizeof "🌷");
    ck_assert(persona_bio_clean(text, bio));
    ck_assert_str_eq(bio, text);
    memcpy(text + strlen(text), "x", 2);
    ck_assert(!persona_bio_clean(text, bio));
    ck_assert(persona_bio_clean("two\r\nlines\tand a tab", bio));
    ck_assert(!persona_bio_clean("bell\a", bio));
}
END_TEST

START_TEST(text_that_is_cut_within_a_character_is_not_read_past_its_end)
{
    static const char *const cut[] = {"ab\xC3", "ab\xE2\x82", "ab\xF0\x9F\x8C"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(cut); i++) {
        char *copy = strdup(cut[i]); /* of exact size, for the address sanitizer */
        char name[PERSONA_NAME_SIZE], id[PERSONA_ID_SIZE];
        (void)persona_name_clean(copy, name);
        persona_slug(copy, id);
        ck_assert(persona_id_valid(id));
        free(copy);
    }
}
END_TEST

CHECK_MAIN("persona_text", tcase_add_loop_test(cases, a_name_becomes_an_id, 0, (int)TB_ARRAY_SIZE(slugs));
           tcase_add_loop_test(cases, a_name_without_two_letters_still_has_an_id_of_its_own, 0,
                               (int)TB_ARRAY_SIZE(letterless));
           tcase_add_loop_test(cases, ids_are_checked, 0, (int)TB_ARRAY_SIZE(ids));
           tcase_add_loop_test(cases, names_are_trimmed_and_counted_in_characters, 0, (int)TB_ARRAY_SIZE(names));
           tcase_add_test(cases, bios_have_at_most_500_characters);
           tcase_add_test(cases, text_that_is_cut_within_a_character_is_not_read_past_its_end);)
