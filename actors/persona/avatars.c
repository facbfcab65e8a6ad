/* avatars: uploads on their way, and the round that deletes the files nobody has any more. An avatar is a file first,
 * whole and durable, and then a row; whoever dies between leaves a file that a later round deletes, never a row without
 * its file. */
#include <string.h>

#include "base.h"
#include "internal.h"

/* --- uploads --- */

static void answer(const struct avatar_job *job, struct effects *fx, Tb__Refusal refusal)
{
    core_answer(fx, &job->from, job->request_id, refusal, NULL, 0);
}

static bool is_same(const struct avatar_job *job, const struct input *in, uint64_t request_id)
{
    return job->stage != AVATAR_FREE && job->stage != AVATAR_ABANDONED && job->request_id == request_id &&
           job->from.length == in->from->length && memcmp(job->from.bytes, in->from->bytes, job->from.length) == 0;
}

static void enqueue(struct persona_core *core, struct avatar_job *job, enum avatar_stage stage, uint8_t kind)
{
    tb_assert(core->count < PERSONA_RING);
    struct persona_command *command = &core->commands[(core->head + core->count++) % PERSONA_RING];
    *command = (struct persona_command){
        .from = job->from, .request_id = job->request_id, .kind = kind, .job = job, .has_trace = job->has_trace};
    memcpy(command->trace_id, job->trace_id, sizeof command->trace_id);
    (void)tb_copy_text(command->user_id, sizeof command->user_id, job->user_id);
    job->stage = stage;
}

void avatars_take(struct persona_core *core, const struct input *in, const Tb__PersonaCommand *message,
                  struct effects *fx)
{
    struct avatar_job *job = NULL;
    for (size_t i = 0; i < PERSONA_AVATARS_MAX; i++) {
        if (is_same(&core->avatars[i], in, message->request_id))
            return;
        if (core->avatars[i].stage == AVATAR_FREE)
            job = &core->avatars[i];
    }
    Tb__Refusal refusal = !persona_id_valid(message->user_id)         ? TB__REFUSAL__REFUSAL_NOT_FOUND
                          : message->picture.len > AVATAR_PICTURE_MAX ? TB__REFUSAL__REFUSAL_INVALID
                          : job == NULL                               ? TB__REFUSAL__REFUSAL_BACKPRESSURE
                                                                      : TB__REFUSAL__REFUSAL_NONE;
    if (refusal != TB__REFUSAL__REFUSAL_NONE) {
        core_answer(fx, in->from, message->request_id, refusal, NULL, 0);
        return;
    }
    *job = (struct avatar_job){.from = *in->from, .request_id = message->request_id, .picture = job->picture};
    (void)tb_copy_text(job->user_id, sizeof job->user_id, message->user_id);
    job->has_trace = message->trace_id.len == sizeof job->trace_id;
    if (job->has_trace)
        memcpy(job->trace_id, message->trace_id.data, sizeof job->trace_id);
    job->picture_size = message->picture.len;
    if (job->picture_size > 0)
        memcpy(job->picture, message->picture.data, job->picture_size);
    enqueue(core, job, AVATAR_FINDING, PERSONA_COMMAND_FIND);
}

void avatars_call(const struct persona_core *core, const struct persona_command *command, struct effects *fx,
                  int64_t now_us)
{
    if (command->kind == PERSONA_COMMAND_FIND) {
        struct persona_find_args *args = arena_alloc(fx->arena, sizeof *args);
        *args = (struct persona_find_args){.user_id = command->user_id};
        effects_call(fx, PERSONA_PROC_FIND, args);
        return;
    }
    struct persona_avatar_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct persona_avatar_args){.region = core->region,
                                         .user_id = command->user_id,
                                         .avatar_url = command->job->url,
                                         .trace_id = command->has_trace ? command->trace_id : NULL,
                                         .now_us = now_us};
    effects_call(fx, PERSONA_PROC_AVATAR, args);
}

/* Effect: there is such a persona: if it is a picture, the studio makes an avatar of it. */
static void make(struct persona_core *core, struct avatar_job *job, struct effects *fx)
{
    if (core->phase != PERSONA_LIVE || avatar_format_of(job->picture, job->picture_size) == AVATAR_FORMAT_NONE) {
        answer(job, fx,
               core->phase != PERSONA_LIVE ? TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE : TB__REFUSAL__REFUSAL_UNSUPPORTED);
        job->stage = AVATAR_FREE;
        return;
    }
    struct studio_order *order = arena_alloc(fx->arena, sizeof *order);
    *order = (struct studio_order){.task = STUDIO_MAKE,
                                   .job = (unsigned)(job - core->avatars),
                                   .user_id = job->user_id,
                                   .picture = job->picture,
                                   .picture_size = job->picture_size};
    effects_external(fx, order);
    job->stage = AVATAR_MAKING;
}

void avatars_decided(struct persona_core *core, const struct persona_command *command, Tb__Refusal refusal,
                     Tb__Persona *persona, uint64_t ops_seq, struct effects *fx)
{
    struct avatar_job *job = command->job;
    if (refusal == TB__REFUSAL__REFUSAL_NONE && command->kind == PERSONA_COMMAND_FIND) {
        make(core, job, fx);
        return;
    }
    Tb__PersonaResult *result = core_answer(fx, &job->from, job->request_id, refusal, persona, ops_seq);
    if (refusal == TB__REFUSAL__REFUSAL_NONE) {
        result->avatar_bytes = job->bytes;
        effects_count(fx, PERSONA_METRIC_AVATARS, 1);
    }
    job->stage = AVATAR_FREE;
}

/* Effect: the picture is at fault: says in which way. */
static void refuse_picture(const struct avatar_job *job, enum studio_outcome outcome, struct effects *fx)
{
    Tb__PersonaResult *result = core_answer(fx, &job->from, job->request_id, TB__REFUSAL__REFUSAL_UNDECODABLE, NULL, 0);
    result->detail = arena_strdup(
        fx->arena, outcome == STUDIO_TOO_LARGE  ? "The picture has more than 4096 pixels a side."
                   : outcome == STUDIO_TOO_SLOW ? "The picture takes too long to decode."
                                                : "The picture is damaged, cut short, or of a kind that is not read.");
    effects_count(fx, PERSONA_METRIC_AVATARS_REFUSED, 1);
}

static void report_made(struct persona_core *core, const struct studio_report *report, struct effects *fx)
{
    tb_assert(report->job < PERSONA_AVATARS_MAX);
    struct avatar_job *job = &core->avatars[report->job];
    const uint8_t *trace_id = job->has_trace ? job->trace_id : NULL;
    bool waits = job->stage == AVATAR_MAKING;
    tb_assert(waits || job->stage == AVATAR_ABANDONED);
    job->stage = AVATAR_FREE;
    if (report->outcome != STUDIO_DONE)
        effects_log(fx, report->suspicious || report->outcome == STUDIO_FAILED ? LOG_WARNING : LOG_INFO, 0,
                    job->user_id, trace_id, "no avatar was made: %s", report->text);
    if (!waits)
        return;
    if (report->outcome == STUDIO_FAILED) {
        answer(job, fx, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    } else if (report->outcome != STUDIO_DONE) {
        refuse_picture(job, report->outcome, fx);
    } else {
        job->bytes = report->bytes;
        memcpy(job->url, AVATAR_URL_PREFIX, sizeof AVATAR_URL_PREFIX);
        tb_assert(tb_copy_text(job->url + sizeof AVATAR_URL_PREFIX - 1,
                               sizeof job->url - (sizeof AVATAR_URL_PREFIX - 1), report->text));
        enqueue(core, job, AVATAR_SETTING, PERSONA_COMMAND_AVATAR);
    }
}

void avatars_abandon(struct persona_core *core, struct effects *fx)
{
    for (size_t i = 0; i < PERSONA_AVATARS_MAX; i++) {
        struct avatar_job *job = &core->avatars[i];
        if (job->stage != AVATAR_MAKING)
            continue;
        answer(job, fx, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
        job->stage = AVATAR_ABANDONED;
    }
}

int64_t avatars_depth(const struct persona_core *core)
{
    int64_t depth = 0;
    for (size_t i = 0; i < PERSONA_AVATARS_MAX; i++)
        depth += core->avatars[i].stage != AVATAR_FREE;
    return depth;
}

/* --- deleting --- */

static void rest(struct persona_core *core, struct effects *fx, int64_t now_us)
{
    core->sweep = SWEEP_IDLE;
    core->sweep_after[0] = '\0';
    if (core->sweep_us > 0 && core->phase == PERSONA_LIVE)
        effects_timer(fx, PERSONA_TIMER_SWEEP, now_us + core->sweep_us);
}

static void order_list(struct persona_core *core, struct effects *fx)
{
    struct studio_order *order = arena_alloc(fx->arena, sizeof *order);
    *order = (struct studio_order){.task = STUDIO_LIST, .text = core->sweep_after};
    effects_external(fx, order);
    core->sweep = SWEEP_LISTING;
}

void avatars_start(struct persona_core *core, struct effects *fx, int64_t now_us)
{
    if (core->sweep == SWEEP_IDLE || core->sweep == SWEEP_ASKING) /* the studio's reports still come, the store's not */
        rest(core, fx, now_us);
}

void avatars_sweep(struct persona_core *core, struct effects *fx, int64_t now_us)
{
    (void)now_us;
    if (core->phase == PERSONA_LIVE && core->sweep == SWEEP_IDLE)
        order_list(core, fx);
}

/* Effect: asks the store which of the files listed nobody has. */
static void ask(struct persona_core *core, const char *names, struct effects *fx)
{
    struct persona_unused_args *args = arena_alloc(fx->arena, sizeof *args);
    const char **urls = arena_array(fx->arena, AVATAR_LIST_MAX, sizeof *urls);
    size_t count = 0;
    for (const char *end; count < AVATAR_LIST_MAX && (end = strchr(names, '\n')) != NULL; names = end + 1) {
        int length = (int)(end - names);
        urls[count++] = arena_printf(fx->arena, AVATAR_URL_PREFIX "%.*s", length, names);
        (void)tb_copy_text(core->sweep_after, sizeof core->sweep_after, urls[count - 1] + sizeof AVATAR_URL_PREFIX - 1);
    }
    if (count < AVATAR_LIST_MAX)
        core->sweep_after[0] = '\0'; /* these are the last */
    *args = (struct persona_unused_args){urls, count};
    effects_call(fx, PERSONA_PROC_UNUSED, args);
    core->sweep = SWEEP_ASKING;
}

/* Effect: on to the next names, or done for now. */
static void go_on(struct persona_core *core, struct effects *fx, int64_t now_us)
{
    if (core->sweep_after[0] != '\0' && core->phase == PERSONA_LIVE)
        order_list(core, fx);
    else
        rest(core, fx, now_us);
}

void avatars_unused(struct persona_core *core, const struct input *in, struct effects *fx)
{
    if (core->sweep != SWEEP_ASKING)
        return;
    if (in->status != STORE_DONE || core->phase != PERSONA_LIVE) {
        rest(core, fx, in->now_us);
        return;
    }
    const struct persona_unused *unused = in->result;
    size_t size = 1, length = 0;
    for (size_t i = 0; i < unused->count; i++)
        size += strlen(unused->urls[i]) + 1;
    char *names = arena_alloc(fx->arena, size);
    for (size_t i = 0; i < unused->count; i++) {
        const char *name = unused->urls[i] + sizeof AVATAR_URL_PREFIX - 1;
        memcpy(names + length, name, strlen(name));
        length += strlen(name);
        names[length++] = '\n';
    }
    if (length == 0) {
        go_on(core, fx, in->now_us);
        return;
    }
    struct studio_order *order = arena_alloc(fx->arena, sizeof *order);
    *order = (struct studio_order){.task = STUDIO_REMOVE, .text = names};
    effects_external(fx, order);
    core->sweep = SWEEP_REMOVING;
}

/* Return: a number at the beginning of text. */
static int64_t number_of(const char *text)
{
    int64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (*text - '0');
    return number;
}

static void report_swept(struct persona_core *core, const struct studio_report *report, struct effects *fx,
                         int64_t now_us)
{
    bool listed = core->sweep == SWEEP_LISTING;
    tb_assert(core->sweep == (report->task == STUDIO_LIST ? SWEEP_LISTING : SWEEP_REMOVING));
    if (report->outcome != STUDIO_DONE) {
        effects_log(fx, LOG_WARNING, 0, NULL, NULL, "avatars could not be looked through: %s", report->text);
        rest(core, fx, now_us);
        return;
    }
    if (listed) {
        if (report->text[0] == '\0' || core->phase != PERSONA_LIVE)
            rest(core, fx, now_us);
        else
            ask(core, report->text, fx);
        return;
    }
    effects_count(fx, PERSONA_METRIC_AVATARS_REMOVED, number_of(report->text));
    go_on(core, fx, now_us);
}

void avatars_report(struct persona_core *core, const struct studio_report *report, struct effects *fx, int64_t now_us)
{
    if (report->task == STUDIO_MAKE)
        report_made(core, report, fx);
    else
        report_swept(core, report, fx, now_us);
}
