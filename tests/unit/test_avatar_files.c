#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "persona/avatar/files.h"

static char root[64], directory[128];
static char names[AVATAR_LIST_MAX][AVATAR_NAME_MAX];
static struct err err;

static void open_directory(void)
{
    (void)snprintf(root, sizeof root, "/tmp/tulip-files-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    (void)snprintf(directory, sizeof directory, "%s/uploads/avatars", root);
    err = (struct err){0};
}

static void close_directory(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
}

static void store(const char *user_id, const char *content, char name[AVATAR_NAME_MAX])
{
    int result = files_store(directory, user_id, (const uint8_t *)content, strlen(content), name, &err);
    ck_assert_msg(result == 0, "%s", err.text);
}

static int entries(void)
{
    DIR *opened = opendir(directory);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;)
        count += entry->d_name[0] != '.' || entry->d_name[1] == 'n';
    (void)closedir(opened);
    return count;
}

START_TEST(a_file_is_named_after_its_content)
{
    char one[AVATAR_NAME_MAX], two[AVATAR_NAME_MAX], again[AVATAR_NAME_MAX], path[256], content[16] = "";
    open_directory();
    store("clusius", "one", one);
    store("clusius", "two", two);
    store("clusius", "one", again);
    ck_assert_str_eq(one, again);
    ck_assert_str_ne(one, two);
    ck_assert(files_name_valid(one));
    ck_assert_int_eq(entries(), 2); /* and nothing unfinished */
    (void)snprintf(path, sizeof path, "%s/%s", directory, one);
    FILE *file = fopen(path, "re");
    ck_assert_uint_eq(fread(content, 1, sizeof content, file), 3);
    (void)fclose(file);
    ck_assert_str_eq(content, "one");
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0644);
    close_directory();
}
END_TEST

START_TEST(names_are_told_from_others)
{
    static const char *const good[] = {"clusius-0123456789abcdef.png", "a-b-c-0123456789abcdef.png"};
    static const char *const bad[] = {"",
                                      "clusius.png",
                                      "clusius-0123456789abcdeg.png",
                                      "clusius-0123456789abcdef.gif",
                                      "../x-0123456789abcdef.png",
                                      "-0123456789abcdef.png",
                                      "Clusius-0123456789abcdef.png",
                                      ".new-1-2",
                                      "clusius_0123456789abcdef.png",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-0123456789abcdef.png"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(good); i++)
        ck_assert(files_name_valid(good[i]));
    for (size_t i = 0; i < TB_ARRAY_SIZE(bad); i++)
        ck_assert_msg(!files_name_valid(bad[i]), "%s", bad[i]);
    open_directory();
    char name[AVATAR_NAME_MAX];
    ck_assert_int_eq(files_store(directory, "../../evil", (const uint8_t *)"x", 1, name, &err), -1);
    ck_assert_int_eq(files_remove(directory, "../../evil", 0, &err), -1);
    close_directory();
}
END_TEST

START_TEST(only_what_is_old_enough_is_listed_and_removed)
{
    char one[AVATAR_NAME_MAX], two[AVATAR_NAME_MAX], path[256];
    open_directory();
    ck_assert_int_eq(files_list(directory, "", 0, names, &err), 0); /* there is no directory yet */
    store("clusius", "one", one);
    store("zoe", "two", two);
    ck_assert_int_eq(files_list(directory, "", 3600, names, &err), 0);
    ck_assert_int_eq(files_remove(directory, one, 3600, &err), 0);
    ck_assert_int_eq(files_list(directory, "", 0, names, &err), 2);
    ck_assert_str_eq(names[0], one);
    ck_assert_str_eq(names[1], two);
    ck_assert_int_eq(files_list(directory, one, 0, names, &err), 1);
    ck_assert_int_eq(files_list(directory, two, 0, names, &err), 0);
    (void)snprintf(path, sizeof path, "%s/.new-1-2", directory); /* of a store that died */
    ck_assert_int_ge(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    ck_assert_int_eq(files_list(directory, "", 3600, names, &err), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(files_list(directory, "", 0, names, &err), 2);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(files_remove(directory, one, 0, &err), 1);
    ck_assert_int_eq(files_remove(directory, one, 0, &err), 0);
    ck_assert_int_eq(entries(), 1);
    close_directory();
}
END_TEST

START_TEST(nothing_is_removed_while_somebody_stores)
{
    char one[AVATAR_NAME_MAX];
    open_directory();
    store("clusius", "one", one);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(flock(fd, LOCK_SH), 0);
    ck_assert_int_eq(files_remove(directory, one, 0, &err), 0);
    (void)close(fd);
    ck_assert_int_eq(files_remove(directory, one, 0, &err), 1);
    close_directory();
}
END_TEST

START_TEST(a_long_list_comes_in_parts_and_in_order)
{
    open_directory();
    char name[AVATAR_NAME_MAX], path[256], after[AVATAR_NAME_MAX] = "";
    store("a0", "x", name);
    for (int i = 0; i < AVATAR_LIST_MAX + 99; i++) {
        (void)snprintf(path, sizeof path, "%s/u%d-%016x.png", directory, i * 7919 % 1000, i);
        ck_assert_int_ge(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    }
    int total = 0, count;
    while ((count = files_list(directory, after, 0, names, &err)) > 0) {
        total += count;
        for (int i = 0; i < count; i++) {
            ck_assert_str_gt(names[i], after);
            (void)tb_copy_text(after, sizeof after, names[i]);
        }
    }
    ck_assert_int_eq(total, AVATAR_LIST_MAX + 100);
    close_directory();
}
END_TEST

START_TEST(what_cannot_be_written_is_said)
{
    char name[AVATAR_NAME_MAX];
    ck_assert_int_eq(files_store("/proc/nothing/avatars", "clusius", (const uint8_t *)"x", 1, name, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "/proc/nothing"));
}
END_TEST

CHECK_MAIN("avatar_files", tcase_add_test(cases, a_file_is_named_after_its_content);
           tcase_add_test(cases, names_are_told_from_others);
           tcase_add_test(cases, only_what_is_old_enough_is_listed_and_removed);
           tcase_add_test(cases, nothing_is_removed_while_somebody_stores);
           tcase_add_test(cases, a_long_list_comes_in_parts_and_in_order);
           tcase_add_test(cases, what_cannot_be_written_is_said);)
