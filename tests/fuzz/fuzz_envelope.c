/* Frames between actors: hostile bytes take no more memory than the arena has, and what is let through is packed and
 * unpacked again to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "codec.h"
#include "fuzz.h"

enum { ARENA_LIMIT = 4 << 20, PACKED_MAX = 64 << 20 };

static uint8_t *pack(const Tb__Envelope *envelope, const ProtobufCMessage *payload, size_t *size)
{
    *size = codec_packed_size(envelope, payload);
    fuzz_must(*size <= PACKED_MAX);
    uint8_t *bytes = malloc(*size > 0 ? *size : 1);
    fuzz_must(bytes != NULL && codec_pack(envelope, payload, bytes) == *size);
    return bytes;
}

/* Effect: drops what protobuf-c keeps of fields it does not know (nobody here forwards it): it takes a field number 0
 * that it would not take again. */
static void forget_unknown(ProtobufCMessage *message)
{
    char *base = (char *)message;
    message->n_unknown_fields = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        size_t count = repeated ? *(size_t *)(void *)(base + field->quantifier_offset) : 1;
        ProtobufCMessage **nested = repeated ? *(ProtobufCMessage ***)(void *)(base + field->offset)
                                             : (ProtobufCMessage **)(void *)(base + field->offset);
        for (size_t j = 0; j < count; j++)
            if (nested[j] != NULL)
                forget_unknown(nested[j]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena, second;
    struct err err = {0};
    Tb__Envelope *envelope = NULL, *again = NULL;
    ProtobufCMessage *payload = NULL, *payload_again = NULL;
    uint8_t *bytes = fuzz_copy(data, size);
    arena_init(&arena, ARENA_LIMIT);
    arena_init(&second, 2 * ARENA_LIMIT);
    if (codec_unpack(bytes, size, &arena, &envelope, &payload, &err) == 0) {
        size_t size_once, size_twice;
        fuzz_must(envelope->version == CODEC_VERSION && codec_descriptor(envelope->type) == payload->descriptor);
        forget_unknown(&envelope->base);
        forget_unknown(payload);
        uint8_t *once = pack(envelope, payload, &size_once);
        fuzz_must(codec_unpack(once, size_once, &second, &again, &payload_again, &err) == 0);
        uint8_t *twice = pack(again, payload_again, &size_twice);
        fuzz_must(size_once == size_twice && memcmp(once, twice, size_once) == 0);
        free(once);
        free(twice);
    } else {
        fuzz_must(err.text[0] != '\0');
    }
    fuzz_must(arena.used_bytes <= ARENA_LIMIT);
    arena_release(&arena);
    arena_release(&second);
    free(bytes);
    return 0;
}
