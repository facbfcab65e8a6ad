/* tb-keys: makes and changes the CURVE keys of the roles (common/keys.h says where they lie, docs/SECURITY.md what
 * for). Never prints a secret key. Each file is written aside and renamed: an actor reads the old one or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "bus_guard.h"
#include "err.h"
#include "keys.h"
#include "links.h"

enum { PATH_LENGTH = 512, EXIT_WRONG = 1, EXIT_USAGE = 2 };

struct pair {
    char public_key[KEYS_TEXT];
    char secret_key[KEYS_TEXT];
};

static const char usage[] =
    "usage: tb-keys DIR [ROLE…]          makes the keys that are missing, of all roles or of these\n"
    "       tb-keys --rotate DIR ROLE    a new pair; the old public key is let in until it is retired\n"
    "       tb-keys --retire DIR ROLE    only the present public key is let in any more\n"
    "       tb-keys --list DIR           the public keys\n"
    "roles: ";

/* ---- files ---- */

static int write_all(int fd, const char *text)
{
    size_t length = strlen(text), done = 0;
    while (done < length) {
        ssize_t wrote = write(fd, text + done, length - done);
        if (wrote < 0 && errno != EINTR)
            return -1;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

static int write_file(const char *path, mode_t mode, const char *text, struct err *err)
{
    char aside[PATH_LENGTH + 8];
    snprintf(aside, sizeof aside, "%s.XXXXXX", path);
    int fd = mkostemp(aside, O_CLOEXEC); /* mode 0600 from the start */
    if (fd < 0)
        return err_set(err, "%s: %s", path, strerror(errno));
    bool written = write_all(fd, text) == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    int why = errno;
    close(fd);
    if (written && rename(aside, path) == 0)
        return 0;
    why = written ? errno : why;
    unlink(aside);
    return err_set(err, "%s: %s", path, strerror(why));
}

static int write_keys(const char *path, char keys[][KEYS_TEXT], int count, mode_t mode, struct err *err)
{
    char text[KEYS_PER_ROLE_MAX * KEYS_TEXT + 1] = "";
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n", keys[i]);
    int result = write_file(path, mode, text, err);
    explicit_bzero(text, sizeof text);
    return result;
}

static int make_dir(const char *dir, const char *name, mode_t mode, struct err *err)
{
    char path[PATH_LENGTH];
    snprintf(path, sizeof path, "%s%s%s", dir, name[0] != '\0' ? "/" : "", name);
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    return err_set(err, "%s: %s", path, strerror(errno));
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

struct role_files {
    char secret[PATH_LENGTH], public[PATH_LENGTH];
};

static int find_files(const char *dir, const char *role, struct role_files *files, struct err *err)
{
    if (!keys_secret_path(dir, role, files->secret, sizeof files->secret) ||
        !keys_public_path(dir, role, files->public, sizeof files->public))
        return err_set(err, "%.80s… is too long", dir);
    return 0;
}

/* ---- what can be done ---- */

static int make_pair(struct pair *pair, struct err *err)
{
    if (bus_guard_make_pair(pair->public_key, pair->secret_key) == 0)
        return 0;
    return err_set(err, "this ZeroMQ was built without CURVE");
}

/* The public file is written first: a new key that nobody uses yet harms nobody, the other way round nobody is let in.
 */
static int write_pair(const struct role_files *files, struct pair *pair, char old[][KEYS_TEXT], int old_count,
                      struct err *err)
{
    char public_keys[KEYS_PER_ROLE_MAX][KEYS_TEXT], secret_keys[1][KEYS_TEXT];
    int count = 1;
    memcpy(public_keys[0], pair->public_key, KEYS_TEXT);
    for (int i = 0; i < old_count && count < KEYS_PER_ROLE_MAX; i++)
        memcpy(public_keys[count++], old[i], KEYS_TEXT);
    memcpy(secret_keys[0], pair->secret_key, KEYS_TEXT);
    int result = write_keys(files->public, public_keys, count, 0644, err);
    if (result == 0)
        result = write_keys(files->secret, secret_keys, 1, 0600, err);
    explicit_bzero(secret_keys, sizeof secret_keys);
    return result;
}

/* The secret key is there: its public one may have been lost, and is made again from it. */
static int complete(const struct role_files *files, const char *role, struct err *err)
{
    char secret[KEYS_PER_ROLE_MAX][KEYS_TEXT], public_keys[1][KEYS_TEXT];
    if (is_there(files->public)) {
        printf("%s: there already\n", role);
        return 0;
    }
    int result = keys_read(files->secret, secret, err) < 0 ? -1 : bus_guard_public_of(secret[0], public_keys[0]);
    explicit_bzero(secret, sizeof secret);
    if (result == 0)
        result = write_keys(files->public, public_keys, 1, 0644, err);
    else if (err->text[0] == '\0')
        err_set(err, "%s is no key", files->secret);
    if (result == 0)
        printf("%s: public key made of the secret one\n", role);
    return result;
}

static int make(const char *dir, const char *role, struct err *err)
{
    struct role_files files;
    struct pair pair;
    if (make_dir(dir, "", 0755, err) < 0 || make_dir(dir, "public", 0755, err) < 0 ||
        make_dir(dir, role, 0700, err) < 0 || find_files(dir, role, &files, err) < 0)
        return -1;
    if (is_there(files.secret))
        return complete(&files, role, err);
    int result = make_pair(&pair, err) < 0 ? -1 : write_pair(&files, &pair, NULL, 0, err);
    explicit_bzero(&pair, sizeof pair);
    if (result == 0)
        printf("%s: made\n", role);
    return result;
}

static int rotate(const char *dir, const char *role, struct err *err)
{
    struct role_files files;
    struct pair pair;
    char old[KEYS_PER_ROLE_MAX][KEYS_TEXT];
    if (find_files(dir, role, &files, err) < 0)
        return -1;
    int count = keys_read(files.public, old, err);
    if (count < 0)
        return -1;
    int result = make_pair(&pair, err) < 0 ? -1 : write_pair(&files, &pair, old, count, err);
    explicit_bzero(&pair, sizeof pair);
    if (result == 0)
        printf("%s: new pair made; restart its instances, then: tb-keys --retire %s %s\n", role, dir, role);
    return result;
}

static int retire(const char *dir, const char *role, struct err *err)
{
    struct role_files files;
    char keys[KEYS_PER_ROLE_MAX][KEYS_TEXT];
    int count;
    if (find_files(dir, role, &files, err) < 0 || (count = keys_read(files.public, keys, err)) < 0 ||
        write_keys(files.public, keys, 1, 0644, err) < 0)
        return -1;
    printf("%s: %d old key%s retired\n", role, count - 1, count == 2 ? "" : "s");
    return 0;
}

static int list(const char *dir, const char *role, struct err *err)
{
    struct role_files files;
    char keys[KEYS_PER_ROLE_MAX][KEYS_TEXT];
    if (find_files(dir, role, &files, err) < 0)
        return -1;
    if (!is_there(files.public)) {
        printf("%-10s –\n", role);
        return 0;
    }
    int count = keys_read(files.public, keys, err);
    for (int i = 0; i < count; i++)
        printf("%-10s %s%s\n", role, keys[i], i > 0 ? "  (old)" : "");
    return count < 0 ? -1 : 0;
}

/* ---- the command line ---- */

static const struct {
    const char *flag;
    int (*act)(const char *dir, const char *role, struct err *err);
    bool one_role;
} actions[] = {{"--rotate", rotate, true}, {"--retire", retire, true}, {"--list", list, false}, {"", make, false}};

static int wrong_usage(const char *what, const char *which)
{
    fprintf(stderr, "tb-keys: %s%s\n%s", what, which, usage);
    for (size_t i = 0; links_roles[i] != NULL; i++)
        fprintf(stderr, "%s%s", i > 0 ? " " : "", links_roles[i]);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

static int act_on(size_t action, const char *dir, const char *const *roles)
{
    for (; *roles != NULL; roles++) {
        struct err err = {0};
        if (actions[action].act(dir, *roles, &err) < 0) {
            fprintf(stderr, "tb-keys: %s\n", err.text);
            return EXIT_WRONG;
        }
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_WRONG;
}

int main(int argc, char **argv)
{
    size_t action = 0;
    int at = 1;
    while (actions[action].flag[0] != '\0' && (argc < 2 || strcmp(argv[1], actions[action].flag) != 0))
        action++;
    at += actions[action].flag[0] != '\0' ? 1 : 0;
    if (at >= argc)
        return wrong_usage("which directory?", "");
    if (argv[at][0] == '-')
        return wrong_usage("unknown option ", argv[at]);
    const char *dir = argv[at++];
    for (int i = at; i < argc; i++)
        if (!links_is_role(argv[i]))
            return wrong_usage("there is no role ", argv[i]);
    if (actions[action].one_role && argc - at != 1)
        return wrong_usage("which role?", "");
    return act_on(action, dir, at < argc ? (const char *const *)argv + at : links_roles);
}
