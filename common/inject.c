#include "inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "fault.h"
#include "ids.h"
#include "log.h"

enum {
    LINE_MAX_BYTES = 512,
    FIELDS = 9,
    DELAY_MAX_MS = 60000,
    STORE_MAX_MS = 2000,
    CPU_MAX_MS = 1000,
    PATH_BYTES = 4096
};

enum kind { KIND_OTHER, KIND_DROP, KIND_DUPLICATE, KIND_DELAY, KIND_DB_SLOW, KIND_CPU, KIND_CRASH };

static const struct {
    const char *name;
    enum kind kind;
    int64_t ms_max;
} kinds[] = {
    {"drop", KIND_DROP, 0},
    {"duplicate", KIND_DUPLICATE, 0},
    {"delay", KIND_DELAY, DELAY_MAX_MS},
    {"db-slow", KIND_DB_SLOW, STORE_MAX_MS},
    {"cpu", KIND_CPU, CPU_MAX_MS},
    {"crash", KIND_CRASH, 0},
};

struct rule {
    struct inject_record record;
    enum kind kind;
};

bool inject_active;

static struct {
    struct inject_options options;
    struct loop_timer *timer;
    char directory[PATH_BYTES];
    int64_t started_us; /* wall clock */
    uint64_t random;
    struct rule rules[INJECT_RULES_MAX];
    size_t count;
    char armed[INJECT_WORD_MAX];   /* the crash that was armed last */
    char refused[INJECT_WORD_MAX]; /* the record that was refused last: each is logged once */
} inject;

/* ---- records ---- */

static enum kind kind_of(const char *name, int64_t *ms_max)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ms_max = kinds[i].ms_max;
            return kinds[i].kind;
        }
    }
    *ms_max = INT64_MAX;
    return KIND_OTHER;
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
    int64_t ms_max;
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
    (void)kind_of(record->kind, &ms_max);
    if (read_probability(words[3], &record->probability, err) < 0 ||
        read_number("ms", words[4], ms_max, &record->ms, err) < 0 ||
        read_number("jitter_ms", words[5], DELAY_MAX_MS, &record->jitter_ms, err) < 0 ||
        read_number("from_us", words[6], INT64_MAX, &record->from_us, err) < 0 ||
        read_number("until_us", words[7], INT64_MAX, &record->until_us, err) < 0)
        return -1;
    return 0;
}

bool inject_is_for(const struct inject_record *record, const struct inject_options *who)
{
    size_t length = strlen(who->actor);
    if (strcmp(record->target, "*") == 0 || strcmp(record->target, who->actor) == 0)
        return true;
    if (strncmp(record->target, "az:", 3) == 0)
        return strcmp(record->target + 3, who->az) == 0;
    return strncmp(record->target, who->actor, length) == 0 && record->target[length] == '/' &&
           strcmp(record->target + length + 1, who->instance) == 0;
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
    if (strcmp(inject.refused, name) == 0)
        return;
    (void)tb_copy_text(inject.refused, sizeof inject.refused, name);
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

/* ---- what is in force ---- */

static bool is_in_force(const struct inject_record *record, int64_t now_us)
{
    return now_us >= record->from_us && now_us < record->until_us;
}

static bool is_known(const struct rule *rules, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rules[i].record.id, id) == 0)
            return true;
    return false;
}

static void log_changes(const struct rule *before, size_t before_count)
{
    for (size_t i = 0; i < inject.count; i++)
        if (!is_known(before, before_count, inject.rules[i].record.id))
            log_warning("fault %s begins: %s", inject.rules[i].record.id, inject.rules[i].record.kind);
    for (size_t i = 0; i < before_count; i++)
        if (!is_known(inject.rules, inject.count, before[i].record.id))
            log_warning("fault %s has ended", before[i].record.id);
}

/* A process that was started after the crash it is asked for has had it already. */
static void arm_crash(const struct inject_record *record)
{
    if (record->from_us <= inject.started_us || strcmp(inject.armed, record->id) == 0)
        return;
    (void)tb_copy_text(inject.armed, sizeof inject.armed, record->id);
    if (fault_arm(record->point) < 0)
        log_warning("fault %s: no fault point is armed by %s", record->id, record->point);
}

static void burn(int64_t ms)
{
    int64_t until_us = clock_monotonic_us() + ms * 1000;
    while (clock_monotonic_us() < until_us)
        continue;
}

static void on_look(void *arg)
{
    (void)arg;
    struct inject_record records[INJECT_RULES_MAX];
    struct rule before[INJECT_RULES_MAX];
    size_t before_count = inject.count, found = inject_read(inject.directory, records, INJECT_RULES_MAX);
    int64_t now_us = clock_now_us(), burn_ms = 0, unused;
    memcpy(before, inject.rules, sizeof before);
    inject.count = 0;
    for (size_t i = 0; i < found; i++) {
        enum kind kind = kind_of(records[i].kind, &unused);
        if (kind == KIND_OTHER || !is_in_force(&records[i], now_us) || !inject_is_for(&records[i], &inject.options))
            continue;
        inject.rules[inject.count++] = (struct rule){records[i], kind};
        if (kind == KIND_CRASH)
            arm_crash(&records[i]);
        if (kind == KIND_CPU && records[i].ms > burn_ms)
            burn_ms = records[i].ms;
    }
    inject_active = inject.count > 0;
    log_changes(before, before_count);
    if (burn_ms > 0)
        burn(burn_ms);
}

void inject_start(struct loop *loop, const struct inject_options *options)
{
    tb_assert(inject.timer == NULL);
    inject.options = *options;
    inject.started_us = clock_now_us();
    ids_random(&inject.random, sizeof inject.random);
    inject.random |= 1;
    int length = snprintf(inject.directory, sizeof inject.directory, "%s/faults", options->run_dir);
    tb_assert(length > 0 && length < (int)sizeof inject.directory);
    inject.timer = loop_timer_new(loop, on_look, NULL);
    loop_timer_set(inject.timer, 0, INJECT_LOOK_US);
    log_warning("faults may be injected here: enable_faults is on");
}

void inject_stop(void)
{
    loop_timer_free(&inject.timer);
    inject.count = 0;
    inject_active = false;
}

/* xorshift: lots need no better one. Return: 0 … 1, without 1. */
static double draw(void)
{
    inject.random ^= inject.random << 13;
    inject.random ^= inject.random >> 7;
    inject.random ^= inject.random << 17;
    return (double)(inject.random >> 11) / 9007199254740992.0;
}

static bool is_of_link(const struct inject_record *record, const char *link)
{
    if (strcmp(record->link, "*") == 0)
        return strncmp(link, "telemetry", 9) != 0;
    return strcmp(record->link, link) == 0;
}

struct inject_verdict inject_message(const char *link)
{
    struct inject_verdict verdict = {0};
    int64_t now_us = clock_now_us();
    for (size_t i = 0; i < inject.count; i++) {
        const struct inject_record *record = &inject.rules[i].record;
        if (!is_in_force(record, now_us) || !is_of_link(record, link) || draw() >= record->probability)
            continue;
        if (inject.rules[i].kind == KIND_DROP)
            verdict.drop = true;
        else if (inject.rules[i].kind == KIND_DUPLICATE)
            verdict.twice = true;
        else if (inject.rules[i].kind == KIND_DELAY)
            verdict.delay_us += record->ms * 1000 + (int64_t)(draw() * (double)record->jitter_ms * 1000);
    }
    return verdict;
}

int64_t inject_store_us(void)
{
    int64_t most_us = 0, now_us = clock_now_us();
    for (size_t i = 0; i < inject.count; i++) {
        const struct rule *rule = &inject.rules[i];
        if (rule->kind == KIND_DB_SLOW && is_in_force(&rule->record, now_us) && rule->record.ms * 1000 > most_us)
            most_us = rule->record.ms * 1000;
    }
    return most_us;
}
