#include "reconciler_rig.h"

#include <check.h>

struct reconciler_core core;
struct arena arena;
struct effects fx;
int64_t now_us;
const struct peer gateway = {2, {7, 7}};

void step(struct input in)
{
    arena_reset(&arena);
    effects_reset(&fx, &arena);
    in.now_us = now_us += 1000;
    if (in.from == NULL)
        in.from = &gateway;
    reconciler_core_step(&core, &in, &fx);
}

const struct effect *effect_of(enum effect_kind kind, size_t n)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == kind && n-- == 0)
            return &fx.items[i];
    return NULL;
}

const struct effect *call_of(enum reconciler_proc proc)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == EFFECT_CALL && fx.items[i].index == (unsigned)proc)
            return &fx.items[i];
    return NULL;
}

void answer(enum reconciler_proc proc, const void *result)
{
    step((struct input){.kind = INPUT_STORE, .proc = (unsigned)proc, .status = STORE_DONE, .result = result});
}

void answer_failed(enum reconciler_proc proc)
{
    step((struct input){.kind = INPUT_STORE, .proc = (unsigned)proc, .status = STORE_FAILED, .error = "42501: no"});
}

struct reconciler_probed calm(void)
{
    return (struct reconciler_probed){.last_account = "", .sample = "[]"};
}

void probe(struct reconciler_probed probed)
{
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_PROBE});
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_PROBE));
    answer(RECONCILER_PROC_PROBE, &probed);
}

void alarmed(uint64_t ops_seq)
{
    answer(RECONCILER_PROC_ALARM, &(struct reconciler_alarmed){.ops_seq = ops_seq, .payload = "{}"});
}

void open_core(void)
{
    core = (struct reconciler_core){0};
    arena_init(&arena, 16 << 20);
    now_us = 1800000000000000;
    reconciler_core_init(&core, &(struct reconciler_options){.region = "nl-1",
                                                             .probe_us = 5000000,
                                                             .backlog_alarm = 100,
                                                             .outbox_alarm_ms = 30000,
                                                             .accept_alarm_ms = 10000,
                                                             .dlq_alarm = 1});
    step((struct input){.kind = INPUT_START});
    ck_assert_ptr_nonnull(call_of(RECONCILER_PROC_PROBE));
    ck_assert_ptr_null(effect_of(EFFECT_READY, 0));
    struct reconciler_probed probed = calm();
    answer(RECONCILER_PROC_PROBE, &probed);
    ck_assert_ptr_nonnull(effect_of(EFFECT_READY, 0));
    probe(calm()); /* the second calm one: whatever was active is cleared */
    for (int i = 0; i < RECONCILER_ALARM_COUNT; i++)
        alarmed(0);
}

void close_core(void)
{
    reconciler_core_release(&core);
    arena_release(&arena);
}

static void message(Tb__MessageType type, const ProtobufCMessage *content)
{
    step((struct input){.kind = INPUT_MESSAGE, .link = RECONCILER_LINK_COMMAND, .type = type, .message = content});
}

void ask_check(uint64_t request_id)
{
    Tb__CheckInvariants content = TB__CHECK_INVARIANTS__INIT;
    content.request_id = request_id;
    message(TB__MESSAGE_TYPE__CHECK_INVARIANTS, &content.base);
}

void ask_replay(uint64_t request_id, uint64_t from_seq, uint64_t to_seq)
{
    Tb__VerifyReplay content = TB__VERIFY_REPLAY__INIT;
    content.request_id = request_id;
    content.from_seq = from_seq;
    content.to_seq = to_seq;
    message(TB__MESSAGE_TYPE__VERIFY_REPLAY, &content.base);
}

void flush(void)
{
    step((struct input){.kind = INPUT_FLUSH});
}
