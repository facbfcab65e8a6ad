/* fill_recorder: runs one step of a core and lets a test look at its effects (until the next step). */
#ifndef TB_FILL_RECORDER_H
#define TB_FILL_RECORDER_H

#include "core.h"

struct recorder {
    void (*step)(void *core, const struct input *in, struct effects *fx);
    void *core;
    struct arena arena;
    struct effects fx;
    int64_t now_us;
};

void recorder_init(struct recorder *recorder, void (*step)(void *, const struct input *, struct effects *), void *core);
void recorder_release(struct recorder *recorder);

/* Effect: one step. Results handed in must not come from the recorder's arena. */
void recorder_input(struct recorder *recorder, struct input in);
void recorder_kind(struct recorder *recorder, enum input_kind kind);
void recorder_message(struct recorder *recorder, unsigned link, const char *peer, Tb__MessageType type,
                      const ProtobufCMessage *message, uint64_t first_seq);
void recorder_store(struct recorder *recorder, unsigned proc, enum store_status status, const void *result,
                    const char *error);

/* Return: how many effects of this kind and index the last step had. */
size_t recorder_count(const struct recorder *recorder, enum effect_kind kind, unsigned index);
/* Return: the nth (0 = first) of them; aborts the test when there is none. */
const struct effect *recorder_find(const struct recorder *recorder, enum effect_kind kind, unsigned index, size_t nth);

#endif
