#include "inject_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "log.h"

enum {
    LINE_MAX_BYTES = 512,
    FIELDS = 9,
    DELAY_MAX_MS = 60000,
    STORE_MAX_MS = 2000,
    CPU_MAX_MS = 1000,
    PATH_BYTES = 4096
};

static const struct {
    const char *name;
    enum inject_kind what;
    int64_t ms_max;
} kinds[] = {
    {"drop", INJECT_DROP, 0},
    {"duplicate", INJECT_DUPLICATE, 0},
    {"delay", INJECT_DELAY, DELAY_MAX_MS},
    {"db-slow", INJECT_DB_SLOW, STORE_MAX_MS},
    {"cpu", INJECT_CPU, CPU_MAX_MS},
    {"crash", INJECT_CRASH, 0},
    {"kill", INJECT_KILL, 0},
    {"stop", INJECT_STOP, 0},
    {"az", INJECT_AZ, 0},
    {"pause", INJECT_PAUSE, 0},
};

/* Effect: sets what the record's kind means. Return: the most that its ms may be. */
static int64_t understand(struct inject_record *record)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, record->kind) == 0) {
            record->what = kinds[i].what;
            return kinds[i].ms_max;
        }
    }
    return INT64_MAX;
}

static int read_number(const char *field, const char *text, int64_t maximum, int64_t *value, struct err *err)
{
    char *end = NULL;
    errno = 0;
    *value = strcmp(text, "-") == 0 ? 0 : strtoll(text, &end, 10);
    if (end != NULL && (*end != '\0' || end == text || errno != 0))
        return err_set(err, "%s is no whole number: %.40s", field, text);
    if (*value < 0 || *value > maximum)
        return err_set(err, "%s must be 0 to %lld, not %.40s", field, (long long)maximum, text);
    return 0;
}

static int read_probability(const char *text, double *value, struct err *err)
{
    char *end = NULL;
    *value = strcmp(text, "-") == 0 ? 1 : strtod(text, &end);
    if (end != NULL && (*end != '\0' || end == text))
        return err_set(err, "probability is no number: %.40s", text);
    if (!(*value >= 0 && *value <= 1))
        return err_set(err, "probability must be 0 to 1, not %.40s", text);
    return 0;
}

/* Effect: cuts a line at its blanks. Return: how many words there are, at most FIELDS + 1. */
static size_t split(char *line, char *words[FIELDS + 1])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t\r\n", &rest); word != NULL && count <= FIELDS;
         word = strtok_r(NULL, " \t\r\n", &rest))
        words[count++] = word;
    return count;
}

int inject_parse(const char *id, const char *line, struct inject_record *record, struct err *err)
{
    char copy[LINE_MAX_BYTES], *words[FIELDS + 1];
    *record = (struct inject_record){0};
    if (!tb_copy_text(copy, sizeof copy, line))
        return err_set(err, "the line is longer than %d bytes", LINE_MAX_BYTES - 1);
    size_t count = split(copy, words);
    if (count != FIELDS)
        return err_set(err, "%zu fields instead of %d", count, FIELDS);
    if (!tb_copy_text(record->id, sizeof record->id, id) ||
        !tb_copy_text(record->kind, sizeof record->kind, words[0]) ||
        !tb_copy_text(record->target, sizeof record->target, words[1]) ||
        !tb_copy_text(record->link, sizeof record->link, words[2]) ||
        !tb_copy_text(record->point, sizeof record->point, words[8]))
        return err_set(err, "a word is longer than %d characters", INJECT_WORD_MAX - 1);
    int64_t ms_max = understand(record);
    if (read_probability(words[3], &record->probability, err) < 0 ||
        read_number("ms", words[4], ms_max, &record->ms, err) < 0 ||
        read_number("jitter_ms", words[5], DELAY_MAX_MS, &record->jitter_ms, err) < 0 ||
        read_number("from_us", words[6], INT64_MAX, &record->from_us, err) < 0 ||
        read_number("until_us", words[7], INT64_MAX, &record->until_us, err) < 0)
        return -1;
    return 0;
}

bool inject_is_for(const struct inject_record *record, const struct inject_who *who)
{
    size_t length = strlen(who->actor);
    if (strcmp(record->target, "*") == 0 || strcmp(record->target, who->actor) == 0)
        return true;
    if (strncmp(record->target, "az:", 3) == 0)
        return strcmp(record->target + 3, who->az) == 0;
    return strncmp(record->target, who->actor, length) == 0 && record->target[length] == '/' &&
           strcmp(record->target + length + 1, who->instance) == 0;
}

bool inject_is_in_force(const struct inject_record *record, int64_t now_us)
{
    return now_us >= record->from_us && now_us < record->until_us;
}

static bool read_line(const char *directory, const char *name, char line[LINE_MAX_BYTES])
{
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, line, LINE_MAX_BYTES - 1);
    close(fd);
    line[got > 0 ? got : 0] = '\0';
    return got > 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct inject_record *)a)->id, ((const struct inject_record *)b)->id);
}

static void refuse(const char *name, const char *why)
{
    static char last[INJECT_WORD_MAX]; /* each is logged once */
    if (strcmp(last, name) == 0)
        return;
    (void)tb_copy_text(last, sizeof last, name);
    log_warning("fault record %.60s is not understood: %s", name, why);
}

size_t inject_read(const char *directory, struct inject_record *records, size_t room)
{
    DIR *entries = opendir(directory);
    size_t count = 0;
    if (entries == NULL)
        return 0;
    for (struct dirent *entry; count < room && (entry = readdir(entries)) != NULL;) {
        struct err err = {0};
        char line[LINE_MAX_BYTES];
        if (entry->d_name[0] == '.' || !read_line(directory, entry->d_name, line))
            continue;
        if (inject_parse(entry->d_name, line, &records[count], &err) < 0)
            refuse(entry->d_name, err.text);
        else
            count++;
    }
    closedir(entries);
    qsort(records, count, sizeof records[0], by_id);
    return count;
}
