/* secret: a password from its file or from the user's in a directory, and a sentence for each file that cannot be one.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "secret.h"

static char dir[64], file[128];

static void setup(void)
{
    tb_copy_text(dir, sizeof dir, "/tmp/tb-secret-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/tb_gateway", dir);
}

static void teardown(void)
{
    unlink(file);
    rmdir(dir);
}

static void write_file(const char *bytes, size_t size)
{
    FILE *to = fopen(file, "w");
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(fwrite(bytes, 1, size, to), size);
    fclose(to);
}

START_TEST(no_file_means_no_password)
{
    struct err err = {0};
    char text[SECRET_MAX] = "before";
    ck_assert_int_eq(secret_read("", "tb_gateway", text, &err), 0);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(secret_read(NULL, "tb_gateway", text, &err), 0);
}
END_TEST

START_TEST(a_file_or_the_users_file_in_a_directory_is_read)
{
    struct err err = {0};
    char text[SECRET_MAX];
    write_file(" geheim wort\n", 13);
    ck_assert_msg(secret_read(file, "anybody", text, &err) == 0, "%s", err.text);
    ck_assert_str_eq(text, " geheim wort");
    ck_assert_msg(secret_read(dir, "tb_gateway", text, &err) == 0, "%s", err.text);
    ck_assert_str_eq(text, " geheim wort");
    write_file("new", 3);
    ck_assert_int_eq(secret_read(dir, "tb_gateway", text, &err), 0);
    ck_assert_str_eq(text, "new");
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    const char *user, *says;
} wrong[] = {
    {"", 0, "tb_gateway", "/tb_gateway is empty"},
    {"\n", 1, "tb_gateway", "/tb_gateway is empty"},
    {"hidden\nsecond\n", 14, "tb_gateway", "has more than one line"},
    {"hidden\0second", 13, "tb_gateway", "has more than one line, or bytes that no password has"},
    {"x", 1, "tb_balance", "/tb_balance: No such file or directory"},
    {"x", 1, "", "is a directory, and \"\" is no file in it"},
    {"x", 1, "../etc", "is no file in it"},
};

START_TEST(a_file_that_holds_no_password_is_named_and_its_content_is_not)
{
    struct err err = {0};
    char text[SECRET_MAX];
    write_file(wrong[_i].bytes, wrong[_i].size);
    ck_assert_int_eq(secret_read(dir, wrong[_i].user, text, &err), -1);
    ck_assert_msg(strstr(err.text, wrong[_i].says) != NULL, "%s", err.text);
    ck_assert_ptr_null(strstr(err.text, "hidden"));
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_file_that_is_too_long_is_refused)
{
    struct err err = {0};
    char text[SECRET_MAX], bytes[SECRET_MAX + 10];
    memset(bytes, 'x', sizeof bytes);
    write_file(bytes, sizeof bytes);
    ck_assert_int_eq(secret_read(file, "", text, &err), -1);
    ck_assert_msg(strstr(err.text, "is longer than") != NULL, "%s", err.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secret");
    TCase *tcase = tcase_create("secret");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, no_file_means_no_password);
    tcase_add_test(tcase, a_file_or_the_users_file_in_a_directory_is_read);
    tcase_add_loop_test(tcase, a_file_that_holds_no_password_is_named_and_its_content_is_not, 0,
                        (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tcase, a_file_that_is_too_long_is_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
