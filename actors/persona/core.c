#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "internal.h"
#include "persona.pb-c.h"

void persona_core_init(struct persona_core *core, const char *region)
{
    tb_assert(tb_copy_text(core->region, sizeof core->region, region));
    core->commands = tb_alloc_zero(PERSONA_RING, sizeof *core->commands);
    core->pictures = tb_alloc_zero(PERSONA_AVATARS_MAX, AVATAR_PICTURE_MAX);
    for (size_t i = 0; i < PERSONA_AVATARS_MAX; i++)
        core->avatars[i].picture = core->pictures + i * AVATAR_PICTURE_MAX;
}

void persona_core_release(struct persona_core *core)
{
    free(core->commands);
    free(core->pictures);
    *core = (struct persona_core){0};
}

/* --- answers and events --- */

Tb__PersonaResult *core_answer(struct effects *fx, const struct peer *to, uint64_t request_id, Tb__Refusal refusal,
                               Tb__Persona *persona, uint64_t ops_seq)
{
    Tb__PersonaResult *result = arena_alloc(fx->arena, sizeof *result);
    tb__persona_result__init(result);
    result->request_id = request_id;
    result->refusal = refusal;
    result->persona = persona;
    result->ops_seq = ops_seq;
    effects_send(fx, PERSONA_LINK_COMMAND, to, TB__MESSAGE_TYPE__PERSONA_RESULT, &result->base, 0, 0);
    return result;
}

static Tb__Persona *core_persona(struct effects *fx, const struct persona_changed *changed)
{
    Tb__Persona *persona = arena_alloc(fx->arena, sizeof *persona);
    tb__persona__init(persona);
    persona->user_id = arena_strdup(fx->arena, changed->user_id);
    persona->display_name = arena_strdup(fx->arena, changed->display_name);
    persona->bio = arena_strdup(fx->arena, changed->bio);
    persona->avatar_url = arena_strdup(fx->arena, changed->avatar_url);
    persona->seed = changed->seed;
    persona->deleted = changed->deleted;
    persona->version = changed->version;
    persona->created_at_us = changed->created_at_us;
    persona->updated_at_us = changed->updated_at_us;
    return persona;
}

static Tb__OpsRecord__Type core_event_type(uint8_t kind)
{
    switch ((Tb__PersonaCommand__Kind)kind) {
    case TB__PERSONA_COMMAND__KIND__CREATE:
        return TB__OPS_RECORD__TYPE__PERSONA_CREATED;
    case TB__PERSONA_COMMAND__KIND__DELETE:
        return TB__OPS_RECORD__TYPE__PERSONA_DELETED;
    default:
        return TB__OPS_RECORD__TYPE__PERSONA_UPDATED; /* a restore, too */
    }
}

static void core_publish(struct effects *fx, const struct persona_command *command, Tb__Persona *persona,
                         uint64_t ops_seq)
{
    Tb__OpsRecord *record = arena_alloc(fx->arena, sizeof *record);
    Tb__OpsAppended *message = arena_alloc(fx->arena, sizeof *message);
    tb__ops_record__init(record);
    tb__ops_appended__init(message);
    record->seq = ops_seq;
    record->type = core_event_type(command->kind);
    record->user_id = persona->user_id;
    record->persona = persona;
    record->created_at_us = persona->updated_at_us;
    if (command->has_trace) {
        record->trace_id.len = sizeof command->trace_id;
        record->trace_id.data = arena_copy(fx->arena, command->trace_id, sizeof command->trace_id);
    }
    message->n_records = 1;
    message->records = arena_array(fx->arena, 1, sizeof *message->records);
    message->records[0] = record;
    effects_send(fx, PERSONA_LINK_FEED, NULL, TB__MESSAGE_TYPE__OPS_APPENDED, &message->base, TB__STREAM__STREAM_OPS,
                 ops_seq);
}

/* --- commands --- */

static bool core_check_texts(struct persona_command *to, const Tb__PersonaCommand *from)
{
    bool create = from->kind == TB__PERSONA_COMMAND__KIND__CREATE;
    to->has_display_name = create || from->set_display_name;
    to->has_bio = create || from->set_bio;
    if (to->has_display_name && !persona_name_clean(from->display_name, to->display_name))
        return false;
    if (to->has_bio && !persona_bio_clean(from->bio, to->bio))
        return false;
    if (create && from->user_id[0] == '\0')
        persona_slug(to->display_name, to->user_id);
    return true;
}

/* Effect: copies and checks. Return: NONE, or why it cannot be carried out. */
static Tb__Refusal core_check(struct persona_command *to, const struct input *in, const Tb__PersonaCommand *from)
{
    *to = (struct persona_command){.from = *in->from, .request_id = from->request_id, .kind = (uint8_t)from->kind};
    bool id_valid = persona_id_valid(from->user_id);
    if (id_valid)
        (void)tb_copy_text(to->user_id, sizeof to->user_id, from->user_id);
    if (from->trace_id.len == sizeof to->trace_id) {
        to->has_trace = true;
        memcpy(to->trace_id, from->trace_id.data, sizeof to->trace_id);
    }
    switch (from->kind) {
    case TB__PERSONA_COMMAND__KIND__CREATE:
        return (id_valid || from->user_id[0] == '\0') && core_check_texts(to, from) ? TB__REFUSAL__REFUSAL_NONE
                                                                                    : TB__REFUSAL__REFUSAL_INVALID;
    case TB__PERSONA_COMMAND__KIND__UPDATE:
        if (!id_valid)
            return TB__REFUSAL__REFUSAL_NOT_FOUND; /* no persona can have it */
        return core_check_texts(to, from) ? TB__REFUSAL__REFUSAL_NONE : TB__REFUSAL__REFUSAL_INVALID;
    case TB__PERSONA_COMMAND__KIND__DELETE:
    case TB__PERSONA_COMMAND__KIND__RESTORE:
        return id_valid ? TB__REFUSAL__REFUSAL_NONE : TB__REFUSAL__REFUSAL_NOT_FOUND;
    default:
        return TB__REFUSAL__REFUSAL_INVALID;
    }
}

static void core_message(struct persona_core *core, const struct input *in, struct effects *fx)
{
    const Tb__PersonaCommand *message = (const Tb__PersonaCommand *)in->message;
    struct persona_command *slot = &core->commands[(core->head + core->count) % PERSONA_RING];
    if (core->phase != PERSONA_LIVE) {
        core_answer(fx, in->from, message->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, NULL, 0);
        return;
    }
    if (message->kind == TB__PERSONA_COMMAND__KIND__SET_AVATAR) {
        avatars_take(core, in, message, fx);
        return;
    }
    if (core->count >= PERSONA_COMMANDS_MAX) {
        core_answer(fx, in->from, message->request_id, TB__REFUSAL__REFUSAL_BACKPRESSURE, NULL, 0);
        return;
    }
    Tb__Refusal refusal = core_check(slot, in, message);
    if (refusal != TB__REFUSAL__REFUSAL_NONE)
        core_answer(fx, in->from, message->request_id, refusal, NULL, 0);
    else
        core->count++;
}

static void core_call_create(struct persona_core *core, const struct persona_command *command, struct effects *fx,
                             int64_t now_us)
{
    struct persona_create_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct persona_create_args){.region = core->region,
                                         .user_id = command->user_id,
                                         .display_name = command->display_name,
                                         .bio = command->bio,
                                         .trace_id = command->has_trace ? command->trace_id : NULL,
                                         .now_us = now_us};
    effects_call(fx, PERSONA_PROC_CREATE, args);
}

static void core_call_update(struct persona_core *core, const struct persona_command *command, struct effects *fx,
                             int64_t now_us)
{
    struct persona_update_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct persona_update_args){.region = core->region,
                                         .user_id = command->user_id,
                                         .display_name = command->has_display_name ? command->display_name : NULL,
                                         .bio = command->has_bio ? command->bio : NULL,
                                         .trace_id = command->has_trace ? command->trace_id : NULL,
                                         .now_us = now_us};
    effects_call(fx, PERSONA_PROC_UPDATE, args);
}

static void core_call_target(struct persona_core *core, const struct persona_command *command, unsigned proc,
                             struct effects *fx, int64_t now_us)
{
    struct persona_target_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct persona_target_args){.region = core->region,
                                         .user_id = command->user_id,
                                         .trace_id = command->has_trace ? command->trace_id : NULL,
                                         .now_us = now_us};
    effects_call(fx, proc, args);
}

/* Effect: hands the next command to the store, when none is there. */
static void core_pump(struct persona_core *core, struct effects *fx, int64_t now_us)
{
    if (core->phase != PERSONA_LIVE || core->under_way || core->count == 0)
        return;
    const struct persona_command *command = &core->commands[core->head];
    core->under_way = true;
    switch ((int)command->kind) {
    case TB__PERSONA_COMMAND__KIND__CREATE:
        core_call_create(core, command, fx, now_us);
        break;
    case TB__PERSONA_COMMAND__KIND__UPDATE:
        core_call_update(core, command, fx, now_us);
        break;
    case TB__PERSONA_COMMAND__KIND__DELETE:
        core_call_target(core, command, PERSONA_PROC_DELETE, fx, now_us);
        break;
    case TB__PERSONA_COMMAND__KIND__RESTORE:
        core_call_target(core, command, PERSONA_PROC_RESTORE, fx, now_us);
        break;
    case PERSONA_COMMAND_FIND:
    case PERSONA_COMMAND_AVATAR:
        avatars_call(core, command, fx, now_us);
        break;
    default:
        tb_assert(!"a kind that core_check lets through");
    }
}

Tb__Refusal core_decided(const struct persona_command *command, const struct input *in, struct effects *fx,
                         Tb__Persona **persona, uint64_t *ops_seq)
{
    const struct persona_changed *changed = in->result;
    switch (changed->outcome) {
    case PERSONA_OUTCOME_EXISTS:
        return TB__REFUSAL__REFUSAL_EXISTS;
    case PERSONA_OUTCOME_NOT_FOUND:
        return TB__REFUSAL__REFUSAL_NOT_FOUND;
    case PERSONA_OUTCOME_LAST:
        return TB__REFUSAL__REFUSAL_LAST_PERSONA;
    case PERSONA_OUTCOME_DONE:
        break;
    }
    *persona = core_persona(fx, changed);
    *ops_seq = changed->ops_seq;
    if (changed->ops_seq > 0) {
        core_publish(fx, command, *persona, changed->ops_seq);
        effects_count(fx, PERSONA_METRIC_COMMANDS, 1);
        effects_log(fx, LOG_INFO, 0, changed->user_id, command->has_trace ? command->trace_id : NULL,
                    "persona %s, version %llu",
                    command->kind == TB__PERSONA_COMMAND__KIND__CREATE   ? "created"
                    : command->kind == TB__PERSONA_COMMAND__KIND__UPDATE ? "updated"
                    : command->kind == TB__PERSONA_COMMAND__KIND__DELETE ? "deleted"
                    : command->kind == PERSONA_COMMAND_AVATAR            ? "has a new avatar"
                                                                         : "restored",
                    (unsigned long long)changed->version);
    }
    return TB__REFUSAL__REFUSAL_NONE;
}

static void core_store(struct persona_core *core, const struct input *in, struct effects *fx)
{
    Tb__Persona *persona = NULL;
    uint64_t ops_seq = 0;
    Tb__Refusal refusal = TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE;
    if (in->status == STORE_REFUSED) {
        effects_halt(fx, "fenced: another persona actor writes this region's registry");
        return;
    }
    if (in->status == STORE_UNKNOWN)
        return; /* STORE_LOST follows and answers everybody */
    tb_assert(core->under_way && core->count > 0);
    const struct persona_command *command = &core->commands[core->head];
    if (in->status == STORE_DONE)
        refusal = core_decided(command, in, fx, &persona, &ops_seq);
    else
        effects_log(fx, LOG_WARNING, 0, command->user_id, command->has_trace ? command->trace_id : NULL,
                    "persona command failed: %s", in->error ? in->error : "");
    if (command->job != NULL)
        avatars_decided(core, command, refusal, persona, ops_seq, fx);
    else
        core_answer(fx, &command->from, command->request_id, refusal, persona, ops_seq);
    core->head = (core->head + 1) % PERSONA_RING;
    core->count--;
    core->under_way = false;
}

/* Effect: answers every waiting command but for the first `keep` with STORE_UNAVAILABLE: repeating it is safe. */
static void core_refuse_all(struct persona_core *core, struct effects *fx, size_t keep)
{
    for (size_t i = keep; i < core->count; i++) {
        const struct persona_command *command = &core->commands[(core->head + i) % PERSONA_RING];
        core_answer(fx, &command->from, command->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, NULL, 0);
        if (command->job != NULL)
            command->job->stage = AVATAR_FREE;
    }
    if (core->count > keep)
        core->count = keep;
}

void persona_core_step(void *state, const struct input *in, struct effects *fx)
{
    struct persona_core *core = state;
    switch (in->kind) {
    case INPUT_START: /* nothing to recover: the tables are all there is */
        core->phase = PERSONA_LIVE;
        core->under_way = false;
        core->count = 0;
        avatars_start(core, fx, in->now_us);
        effects_ready(fx);
        break;
    case INPUT_MESSAGE:
        core_message(core, in, fx);
        core_pump(core, fx, in->now_us);
        break;
    case INPUT_STORE:
        if (in->proc == PERSONA_PROC_UNUSED)
            avatars_unused(core, in, fx);
        else
            core_store(core, in, fx);
        core_pump(core, fx, in->now_us);
        break;
    case INPUT_EXTERNAL:
        avatars_report(core, in->external, fx, in->now_us);
        core_pump(core, fx, in->now_us);
        break;
    case INPUT_STORE_LOST:
        core->phase = PERSONA_DOWN;
        core_refuse_all(core, fx, 0);
        avatars_abandon(core, fx);
        core->under_way = false;
        break;
    case INPUT_STOP:
        core->phase = PERSONA_STOPPING;
        core_refuse_all(core, fx, core->under_way ? 1 : 0);
        avatars_abandon(core, fx);
        break;
    case INPUT_FLUSH:
        effects_gauge(fx, PERSONA_METRIC_QUEUE_DEPTH, (int64_t)core->count);
        effects_gauge(fx, PERSONA_METRIC_AVATARS_DEPTH, avatars_depth(core));
        break;
    case INPUT_TIMER:
        avatars_sweep(core, fx, in->now_us);
        break;
    }
}
