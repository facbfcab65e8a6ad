#include "internal.h"

#include <string.h>

#include "base.h"

static void command_answer(struct effects *fx, const struct peer *to, uint64_t request_id, Tb__Refusal refusal,
                           const struct balance_rebuilt *rebuilt)
{
    Tb__BalanceResult *result = arena_alloc(fx->arena, sizeof *result);
    tb__balance_result__init(result);
    result->request_id = request_id;
    result->refusal = refusal;
    if (rebuilt) {
        result->before_cents = rebuilt->before.cents;
        result->after_cents = rebuilt->after.cents;
    }
    effects_send(fx, BALANCE_LINK_COMMAND, to, TB__MESSAGE_TYPE__BALANCE_RESULT, &result->base, 0, 0);
}

static struct balance_command *command_head(struct balance_core *core)
{
    tb_assert(core->command_count > 0);
    return &core->commands[core->command_head];
}

static void command_pop(struct balance_core *core)
{
    core->command_head = (core->command_head + 1) % BALANCE_COMMANDS_MAX;
    core->command_count--;
}

/* Return: whether it is one we know, with what it needs. Texts that do not fit belong to nobody. */
static bool command_copy(struct balance_command *to, const struct input *in, const Tb__BalanceCommand *from)
{
    *to = (struct balance_command){
        .from = *in->from, .request_id = from->request_id, .kind = (uint8_t)from->kind, .outbox_seq = from->outbox_seq};
    (void)tb_copy_text(to->actor, sizeof to->actor, from->actor);
    switch (from->kind) {
    case TB__BALANCE_COMMAND__KIND__REDRIVE:
    case TB__BALANCE_COMMAND__KIND__DISCARD:
        return from->outbox_seq > 0 && from->outbox_seq <= INT64_MAX;
    case TB__BALANCE_COMMAND__KIND__REBUILD:
        return from->user_id[0] != '\0' && tb_copy_text(to->user_id, sizeof to->user_id, from->user_id);
    default:
        return false;
    }
}

void command_message(struct balance_core *core, const struct input *in, struct effects *fx)
{
    const Tb__BalanceCommand *message = (const Tb__BalanceCommand *)in->message;
    struct balance_command command;
    if (core->phase == BALANCE_DOWN || core->phase == BALANCE_STOPPING) {
        command_answer(fx, in->from, message->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, NULL);
    } else if (!command_copy(&command, in, message)) {
        command_answer(fx, in->from, message->request_id, TB__REFUSAL__REFUSAL_NOT_FOUND, NULL);
    } else if (core->command_count == BALANCE_COMMANDS_MAX) {
        command_answer(fx, in->from, message->request_id, TB__REFUSAL__REFUSAL_BACKPRESSURE, NULL);
    } else {
        core->commands[(core->command_head + core->command_count++) % BALANCE_COMMANDS_MAX] = command;
    }
}

void command_start(struct balance_core *core, struct effects *fx, int64_t now_us)
{
    const struct balance_command *command = command_head(core);
    core->write = BALANCE_WRITE_COMMAND;
    core->write_at_us = now_us;
    if (command->kind == TB__BALANCE_COMMAND__KIND__REBUILD) {
        struct balance_rebuild_args *args = arena_alloc(fx->arena, sizeof *args);
        *args = (struct balance_rebuild_args){core->region,     core->epoch,    core->next_seq,
                                              command->user_id, command->actor, now_us};
        effects_call(fx, BALANCE_PROC_REBUILD, args);
        return;
    }
    struct balance_resolve_args *args = arena_alloc(fx->arena, sizeof *args);
    *args = (struct balance_resolve_args){
        .region = core->region,
        .epoch = core->epoch,
        .next_seq = core->next_seq,
        .outbox_seq = command->outbox_seq,
        .how = command->kind == TB__BALANCE_COMMAND__KIND__REDRIVE ? BALANCE_HOW_REDRIVE : BALANCE_HOW_DISCARD,
        .actor = command->actor,
        .now_us = now_us,
    };
    effects_call(fx, BALANCE_PROC_RESOLVE, args);
}

/* Effect: publishes what a redrive or discard changed. Return: the answer. */
static Tb__Refusal command_resolved(struct balance_core *core, const struct input *in, struct effects *fx,
                                    const struct balance_command *command)
{
    const struct balance_resolved *resolved = in->result;
    bool redrive = command->kind == TB__BALANCE_COMMAND__KIND__REDRIVE;
    switch (resolved->outcome) {
    case BALANCE_OUTCOME_NOT_FOUND:
        return TB__REFUSAL__REFUSAL_NOT_FOUND;
    case BALANCE_OUTCOME_TERMINAL:
        return TB__REFUSAL__REFUSAL_TERMINAL;
    case BALANCE_OUTCOME_ALREADY:
        return TB__REFUSAL__REFUSAL_NONE; /* pressed again: the same answer, no second effect */
    case BALANCE_OUTCOME_APPLIED:
        break;
    }
    core->next_seq += feed_resolved(fx, core->next_seq, redrive ? BALANCE_HOW_REDRIVE : BALANCE_HOW_DISCARD,
                                    command->outbox_seq, resolved, core->write_at_us);
    if (resolved->was_dead)
        core_gauge_dead(core, fx, -1);
    if (redrive)
        effects_count(fx, BALANCE_METRIC_APPLIED, 1);
    effects_log(fx, LOG_INFO, resolved->adjustment.order_seq, resolved->adjustment.user_id,
                resolved->adjustment.has_trace ? resolved->adjustment.trace_id : NULL, "dead letter %llu %s by %s",
                (unsigned long long)command->outbox_seq, redrive ? "redriven" : "discarded", command->actor);
    return TB__REFUSAL__REFUSAL_NONE;
}

void command_done(struct balance_core *core, const struct input *in, struct effects *fx)
{
    const struct balance_command *command = command_head(core);
    const struct balance_rebuilt *rebuilt = NULL;
    Tb__Refusal refusal;
    if (in->status == STORE_FAILED) {
        refusal = settle_error_is_environment(in->error) ? TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE
                                                         : TB__REFUSAL__REFUSAL_INVALID;
        effects_log(fx, LOG_WARNING, 0, command->user_id, NULL, "command %u on %llu failed: %s", command->kind,
                    (unsigned long long)command->outbox_seq, in->error ? in->error : "");
    } else if (command->kind == TB__BALANCE_COMMAND__KIND__REBUILD) {
        rebuilt = in->result;
        refusal = rebuilt->found ? TB__REFUSAL__REFUSAL_NONE : TB__REFUSAL__REFUSAL_NOT_FOUND;
        if (!rebuilt->found)
            rebuilt = NULL;
    } else {
        refusal = command_resolved(core, in, fx, command);
    }
    command_answer(fx, &command->from, command->request_id, refusal, rebuilt);
    command_pop(core);
}

void command_refuse_all(struct balance_core *core, struct effects *fx, size_t keep)
{
    for (size_t i = keep; i < core->command_count; i++) {
        const struct balance_command *command = &core->commands[(core->command_head + i) % BALANCE_COMMANDS_MAX];
        command_answer(fx, &command->from, command->request_id, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, NULL);
    }
    if (core->command_count > keep)
        core->command_count = keep;
}
