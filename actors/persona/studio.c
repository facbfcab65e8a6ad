#include "studio.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "process.h"

enum { PATH_BYTES = 4096, NAMES_BYTES = AVATAR_LIST_MAX * AVATAR_NAME_MAX + 1, LINE_BYTES = 512 };

/* One order on its way. */
struct work {
    struct studio *studio;
    bool used, stores; /* stores: the second run of MAKE */
    uint64_t number;   /* rises: who came first */
    struct studio_order order;
    char *text; /* our copy */
    struct process *process;
    uint8_t *rgba; /* what decode gave, until it is stored */
};

struct studio {
    struct loop *loop;
    struct loop_timer *kick; /* starts what can start: not within the core's step */
    char worker[PATH_BYTES], directory[PATH_BYTES], age[24];
    int64_t deadline_us;
    studio_handler *report;
    void *arg;
    struct work works[STUDIO_ORDERS_MAX];
    uint64_t last_number;
};

static void on_kick(void *arg);

/* Effect: the worker's path, beside our own program unless it is given. */
static int find_worker(struct studio *studio, const char *given, struct err *err)
{
    static const char name[] = "tb-avatar-worker";
    if (*given != '\0')
        return tb_copy_text(studio->worker, sizeof studio->worker, given) ? 0
                                                                          : err_set(err, "avatar_worker is too long");
    ssize_t length = readlink("/proc/self/exe", studio->worker, sizeof studio->worker - sizeof name);
    if (length <= 0)
        return err_set(err, "/proc/self/exe cannot be read");
    studio->worker[length] = '\0';
    char *slash = strrchr(studio->worker, '/');
    tb_assert(slash != NULL);
    memcpy(slash + 1, name, sizeof name);
    return 0;
}

struct studio *studio_new(struct loop *loop, const struct studio_options *options, studio_handler *report, void *arg,
                          struct err *err)
{
    struct studio *studio = tb_alloc_zero(1, sizeof *studio);
    studio->loop = loop;
    studio->deadline_us = options->deadline_us;
    studio->report = report;
    studio->arg = arg;
    (void)snprintf(studio->age, sizeof studio->age, "%lld", (long long)options->keep_s);
    if (find_worker(studio, options->worker, err) < 0 ||
        !tb_copy_text(studio->directory, sizeof studio->directory, options->directory)) {
        free(studio);
        return NULL;
    }
    for (size_t i = 0; i < STUDIO_ORDERS_MAX; i++)
        studio->works[i].studio = studio;
    studio->kick = loop_timer_new(loop, on_kick, studio);
    return studio;
}

static void clear(struct work *work)
{
    struct studio *studio = work->studio;
    process_free(&work->process);
    free(work->text);
    free(work->rgba);
    *work = (struct work){.studio = studio};
}

void studio_free(struct studio **studio)
{
    if (*studio == NULL)
        return;
    for (size_t i = 0; i < STUDIO_ORDERS_MAX; i++)
        clear(&(*studio)->works[i]);
    loop_timer_free(&(*studio)->kick);
    free(*studio);
    *studio = NULL;
}

void studio_order(struct studio *studio, const struct studio_order *order)
{
    size_t i = 0;
    while (i < STUDIO_ORDERS_MAX && studio->works[i].used)
        i++;
    tb_assert(i < STUDIO_ORDERS_MAX);
    struct work *work = &studio->works[i];
    work->used = true;
    work->number = ++studio->last_number;
    work->order = *order;
    work->text = order->text == NULL ? NULL : tb_strdup(order->text);
    loop_timer_set(studio->kick, 0, 0);
}

/* Effect: forgets the order, then tells of it. */
static void report(struct work *work, enum studio_outcome outcome, bool suspicious, uint32_t bytes, const char *text)
{
    struct studio *studio = work->studio;
    struct studio_report said = {.task = work->order.task,
                                 .job = work->order.job,
                                 .outcome = outcome,
                                 .suspicious = suspicious,
                                 .bytes = bytes,
                                 .text = text};
    clear(work);
    loop_timer_set(studio->kick, 0, 0);
    studio->report(studio->arg, &said);
}

static void report_line(struct work *work, enum studio_outcome outcome, bool suspicious, const char *what, int number)
{
    char line[LINE_BYTES];
    (void)snprintf(line, sizeof line, "the avatar worker %s %d", what, number);
    report(work, outcome, suspicious, 0, line);
}

/* Effect: tells how a run ended that did not end well. Return: false when it did end well. */
static bool report_failure(struct work *work, const struct process_end *end)
{
    bool decodes = work->order.task == STUDIO_MAKE && !work->stores;
    char line[LINE_BYTES];
    if (end->signal == SIGXCPU) {
        report(work, decodes ? STUDIO_TOO_SLOW : STUDIO_FAILED, false, 0, "the avatar worker used up its time");
    } else if (end->timed_out) { /* without using the processor: the machine is at its limit, or a disk */
        report(work, STUDIO_FAILED, false, 0, "the avatar worker took too long");
    } else if (end->flooded) {
        report(work, decodes ? STUDIO_UNDECODABLE : STUDIO_FAILED, true, 0, "the avatar worker said too much");
    } else if (end->signal == SIGKILL) { /* not ours: an operator, or the system is out of memory */
        report_line(work, STUDIO_FAILED, false, "was killed by signal", end->signal);
    } else if (end->signal != 0) {
        report_line(work, decodes ? STUDIO_UNDECODABLE : STUDIO_FAILED, true, "was ended by signal", end->signal);
    } else if (decodes && (end->exit_code == AVATAR_UNDECODABLE || end->exit_code == AVATAR_UNSUPPORTED)) {
        report(work, STUDIO_UNDECODABLE, false, 0, "the picture cannot be decoded");
    } else if (decodes && end->exit_code == AVATAR_TOO_LARGE) {
        report(work, STUDIO_TOO_LARGE, false, 0, "the picture has too many pixels");
    } else if (end->exit_code != 0) {
        int length = (int)(end->output_size < 300 ? end->output_size : 300);
        (void)snprintf(line, sizeof line, "the avatar worker failed with %d: %.*s", end->exit_code,
                       decodes ? 0 : length, (const char *)end->output);
        report(work, STUDIO_FAILED, false, 0, line);
    } else {
        return false;
    }
    return true;
}

static void start(struct work *work);

/* Effect: the pixels are there: on to storing them. */
static void go_on(struct work *work, const struct process_end *end)
{
    if (end->output_size != AVATAR_RGBA_BYTES) {
        report(work, STUDIO_UNDECODABLE, true, 0, "the avatar worker gave no avatar");
        return;
    }
    work->rgba = tb_alloc_zero(AVATAR_RGBA_BYTES, 1);
    memcpy(work->rgba, end->output, AVATAR_RGBA_BYTES);
    work->stores = true;
    process_free(&work->process);
    start(work);
}

/* Effect: what a run of store printed: "<name> <bytes>". */
static void report_stored(struct work *work, const char *text)
{
    char name[AVATAR_NAME_MAX];
    const char *blank = strchr(text, ' ');
    unsigned long bytes = blank == NULL ? 0 : strtoul(blank + 1, NULL, 10);
    if (bytes == 0 || bytes > UINT32_MAX || (size_t)(blank - text) >= sizeof name) {
        report(work, STUDIO_FAILED, false, 0, "the avatar worker did not say what it stored");
        return;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(blank - text), text);
    report(work, STUDIO_DONE, false, (uint32_t)bytes, name);
}

static void on_end(void *arg, const struct process_end *end)
{
    struct work *work = arg;
    if (report_failure(work, end)) {
        return;
    }
    if (work->order.task == STUDIO_MAKE && !work->stores) {
        go_on(work, end);
        return;
    }
    char *text = tb_alloc_zero(end->output_size + 1, 1);
    memcpy(text, end->output, end->output_size);
    if (work->order.task == STUDIO_MAKE)
        report_stored(work, text);
    else
        report(work, STUDIO_DONE, false, 0, text);
    free(text);
}

static void start(struct work *work)
{
    struct studio *studio = work->studio;
    const struct studio_order *order = &work->order;
    const char *arguments[][5] = {
        [STUDIO_MAKE] = {studio->worker, "decode", NULL},
        [STUDIO_LIST] = {studio->worker, "list", studio->directory, studio->age, work->text},
        [STUDIO_REMOVE] = {studio->worker, "remove", studio->directory, studio->age, NULL},
    };
    const char *argv[6] = {NULL};
    for (size_t i = 0; i < 5; i++)
        argv[i] = arguments[order->task][i];
    struct process_spec spec = {.argv = argv, .output_max = NAMES_BYTES, .deadline_us = studio->deadline_us};
    if (order->task == STUDIO_MAKE && !work->stores) {
        spec.input = order->picture;
        spec.input_size = order->picture_size;
        spec.output_max = AVATAR_RGBA_BYTES;
    } else if (order->task == STUDIO_MAKE) {
        argv[1] = "store";
        argv[2] = studio->directory;
        argv[3] = order->user_id;
        spec.input = work->rgba;
        spec.input_size = AVATAR_RGBA_BYTES;
    } else if (order->task == STUDIO_REMOVE) {
        spec.input = work->text;
        spec.input_size = strlen(work->text);
    }
    struct err err = {0};
    work->process = process_start(studio->loop, &spec, on_end, work, &err);
    if (work->process == NULL)
        report(work, STUDIO_FAILED, false, 0, err.text);
}

/* Return: the order that has waited longest, NULL when none waits. running: how many have a worker. */
static struct work *next_of(struct studio *studio, unsigned *running)
{
    struct work *next = NULL;
    *running = 0;
    for (size_t i = 0; i < STUDIO_ORDERS_MAX; i++) {
        struct work *work = &studio->works[i];
        *running += work->process != NULL;
        if (work->used && work->process == NULL && (next == NULL || work->number < next->number))
            next = work;
    }
    return next;
}

static void on_kick(void *arg)
{
    struct studio *studio = arg;
    unsigned running = 0;
    for (struct work *work; (work = next_of(studio, &running)) != NULL && running < STUDIO_WORKERS;) {
        if (*studio->directory == '\0')
            report(work, STUDIO_FAILED, false, 0, "there is no directory for avatars (TB_UPLOADS_DIR)");
        else
            start(work);
    }
}
