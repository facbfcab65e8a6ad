#include "fill_recorder.h"

#include <check.h>
#include <string.h>

void recorder_init(struct recorder *recorder, void (*step)(void *, const struct input *, struct effects *), void *core)
{
    *recorder = (struct recorder){.step = step, .core = core, .now_us = 1795340000000000};
    arena_init(&recorder->arena, 64U << 20);
}

void recorder_release(struct recorder *recorder)
{
    arena_release(&recorder->arena);
}

void recorder_input(struct recorder *recorder, struct input in)
{
    in.now_us = recorder->now_us;
    arena_reset(&recorder->arena);
    effects_reset(&recorder->fx, &recorder->arena);
    recorder->step(recorder->core, &in, &recorder->fx);
}

void recorder_kind(struct recorder *recorder, enum input_kind kind)
{
    recorder_input(recorder, (struct input){.kind = kind});
}

void recorder_message(struct recorder *recorder, unsigned link, const char *peer, Tb__MessageType type,
                      const ProtobufCMessage *message, uint64_t first_seq)
{
    struct peer from = {.length = (uint8_t)strlen(peer)};
    memcpy(from.bytes, peer, from.length);
    recorder_input(recorder, (struct input){.kind = INPUT_MESSAGE,
                                            .link = link,
                                            .from = &from,
                                            .type = type,
                                            .message = message,
                                            .first_seq = first_seq});
}

void recorder_store(struct recorder *recorder, unsigned proc, enum store_status status, const void *result,
                    const char *error)
{
    recorder_input(
        recorder,
        (struct input){.kind = INPUT_STORE, .proc = proc, .status = status, .result = result, .error = error});
}

size_t recorder_count(const struct recorder *recorder, enum effect_kind kind, unsigned index)
{
    size_t count = 0;
    for (size_t i = 0; i < recorder->fx.count; i++)
        count += recorder->fx.items[i].kind == kind && recorder->fx.items[i].index == index;
    return count;
}

const struct effect *recorder_find(const struct recorder *recorder, enum effect_kind kind, unsigned index, size_t nth)
{
    for (size_t i = 0; i < recorder->fx.count; i++)
        if (recorder->fx.items[i].kind == kind && recorder->fx.items[i].index == index && nth-- == 0)
            return &recorder->fx.items[i];
    ck_abort_msg("no such effect: kind %d, index %u", (int)kind, index);
    return NULL;
}
