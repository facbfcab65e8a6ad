#include "inject.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "fault.h"
#include "ids.h"
#include "log.h"

enum { PATH_BYTES = 4096 };

bool inject_active;

static struct {
    struct inject_options options;
    struct loop_timer *timer;
    char directory[PATH_BYTES];
    int64_t started_us; /* wall clock */
    uint64_t random;
    struct inject_record rules[INJECT_RULES_MAX];
    size_t count;
    char armed[INJECT_WORD_MAX]; /* the crash that was armed last */
} inject;

/* ---- what is in force ---- */

static bool is_known(const struct inject_record *rules, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rules[i].id, id) == 0)
            return true;
    return false;
}

static void log_changes(const struct inject_record *before, size_t before_count)
{
    for (size_t i = 0; i < inject.count; i++)
        if (!is_known(before, before_count, inject.rules[i].id))
            log_warning("fault %s begins: %s", inject.rules[i].id, inject.rules[i].kind);
    for (size_t i = 0; i < before_count; i++)
        if (!is_known(inject.rules, inject.count, before[i].id))
            log_warning("fault %s has ended", before[i].id);
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

static bool is_ours(const struct inject_record *record, int64_t now_us)
{
    return record->what > INJECT_UNKNOWN && record->what <= INJECT_CRASH && inject_is_in_force(record, now_us) &&
           inject_is_for(record, &inject.options.who);
}

static void on_look(void *arg)
{
    (void)arg;
    struct inject_record records[INJECT_RULES_MAX];
    struct inject_record before[INJECT_RULES_MAX];
    size_t before_count = inject.count, found = inject_read(inject.directory, records, INJECT_RULES_MAX);
    int64_t now_us = clock_now_us(), burn_ms = 0;
    memcpy(before, inject.rules, sizeof before);
    inject.count = 0;
    for (size_t i = 0; i < found; i++) {
        if (!is_ours(&records[i], now_us))
            continue;
        inject.rules[inject.count++] = records[i];
        if (records[i].what == INJECT_CRASH)
            arm_crash(&records[i]);
        if (records[i].what == INJECT_CPU && records[i].ms > burn_ms)
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
    int length = snprintf(inject.directory, sizeof inject.directory, "%s/faults", options->place);
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
        const struct inject_record *record = &inject.rules[i];
        if (!inject_is_in_force(record, now_us) || !is_of_link(record, link) || draw() >= record->probability)
            continue;
        if (inject.rules[i].what == INJECT_DROP)
            verdict.drop = true;
        else if (inject.rules[i].what == INJECT_DUPLICATE)
            verdict.twice = true;
        else if (inject.rules[i].what == INJECT_DELAY)
            verdict.delay_us += record->ms * 1000 + (int64_t)(draw() * (double)record->jitter_ms * 1000);
    }
    return verdict;
}

int64_t inject_store_us(void)
{
    int64_t most_us = 0, now_us = clock_now_us();
    for (size_t i = 0; i < inject.count; i++) {
        const struct inject_record *rule = &inject.rules[i];
        if (rule->what == INJECT_DB_SLOW && inject_is_in_force(rule, now_us) && rule->ms * 1000 > most_us)
            most_us = rule->ms * 1000;
    }
    return most_us;
}
