#include "codec.h"

#include <string.h>

#include "balances.pb-c.h"
#include "base.h"
#include "executions.pb-c.h"
#include "orders.pb-c.h"
#include "persona.pb-c.h"
#include "reconciler.pb-c.h"
#include "telemetry.pb-c.h"

enum {
    PAYLOAD_FIELD = 15,
    PAYLOAD_TAG = PAYLOAD_FIELD << 3 | 2, /* length-delimited */
    PAYLOAD_HEADER_BYTES = 6,             /* the tag, and a length that always takes five bytes */
    NESTING_MAX = 8,                      /* our messages nest three deep and never recur */
    NAME_LENGTH_MAX = 64,                 /* region, sender */
};

const ProtobufCMessageDescriptor *codec_descriptor(Tb__MessageType type)
{
    switch (type) {
    case TB__MESSAGE_TYPE__SUBMIT_ORDERS:
        return &tb__submit_orders__descriptor;
    case TB__MESSAGE_TYPE__ORDER_RESULTS:
        return &tb__order_results__descriptor;
    case TB__MESSAGE_TYPE__CANCEL_ORDERS:
        return &tb__cancel_orders__descriptor;
    case TB__MESSAGE_TYPE__CANCEL_RESULTS:
        return &tb__cancel_results__descriptor;
    case TB__MESSAGE_TYPE__ORDERS_APPENDED:
        return &tb__orders_appended__descriptor;
    case TB__MESSAGE_TYPE__EXECUTIONS_APPENDED:
        return &tb__executions_appended__descriptor;
    case TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED:
        return &tb__adjustments_appended__descriptor;
    case TB__MESSAGE_TYPE__BALANCES_APPENDED:
        return &tb__balances_appended__descriptor;
    case TB__MESSAGE_TYPE__BALANCE_COMMAND:
        return &tb__balance_command__descriptor;
    case TB__MESSAGE_TYPE__BALANCE_RESULT:
        return &tb__balance_result__descriptor;
    case TB__MESSAGE_TYPE__PERSONA_COMMAND:
        return &tb__persona_command__descriptor;
    case TB__MESSAGE_TYPE__PERSONA_RESULT:
        return &tb__persona_result__descriptor;
    case TB__MESSAGE_TYPE__OPS_APPENDED:
        return &tb__ops_appended__descriptor;
    case TB__MESSAGE_TYPE__VERIFY_REPLAY:
        return &tb__verify_replay__descriptor;
    case TB__MESSAGE_TYPE__REPLAY_VERIFIED:
        return &tb__replay_verified__descriptor;
    case TB__MESSAGE_TYPE__CHECK_INVARIANTS:
        return &tb__check_invariants__descriptor;
    case TB__MESSAGE_TYPE__INVARIANTS_CHECKED:
        return &tb__invariants_checked__descriptor;
    case TB__MESSAGE_TYPE__HEARTBEAT:
        return &tb__heartbeat__descriptor;
    case TB__MESSAGE_TYPE__MESSAGE_TYPE_UNSPECIFIED:
    default: /* a number from the wire */
        return NULL;
    }
}

/* The envelope without its payload; payload has the highest field number, so it comes last. */
static Tb__Envelope head_of(const Tb__Envelope *envelope)
{
    Tb__Envelope head = *envelope;
    head.payload = (ProtobufCBinaryData){0};
    return head;
}

size_t codec_packed_size(const Tb__Envelope *envelope, const ProtobufCMessage *payload)
{
    Tb__Envelope head = head_of(envelope);
    return tb__envelope__get_packed_size(&head) + PAYLOAD_HEADER_BYTES + protobuf_c_message_get_packed_size(payload);
}

/* Always five bytes: so the payload's place is known before its size, and its size need not be computed twice. */
static void put_length(uint8_t *out, size_t length)
{
    tb_assert(length < (1ULL << 35));
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)((length & 0x7f) | 0x80);
        length >>= 7;
    }
    out[4] = (uint8_t)length;
}

size_t codec_pack(const Tb__Envelope *envelope, const ProtobufCMessage *payload, uint8_t *out)
{
    Tb__Envelope head = head_of(envelope);
    size_t start = tb__envelope__pack(&head, out);
    size_t length = protobuf_c_message_pack(payload, out + start + PAYLOAD_HEADER_BYTES);
    out[start] = PAYLOAD_TAG;
    put_length(out + start + 1, length);
    return start + PAYLOAD_HEADER_BYTES + length;
}

static void *take_memory(void *arena, size_t size)
{
    return arena_try_alloc(arena, size);
}

static void leave_memory(void *arena, void *memory)
{
    (void)arena; /* the arena's reset takes it back */
    (void)memory;
}

/* Return: how many bytes a varint at bytes takes, 0 when it does not end. */
static size_t read_varint(const uint8_t *bytes, size_t size, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < size && i < 10; i++) {
        *value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if ((bytes[i] & 0x80) == 0)
            return i + 1;
    }
    return 0;
}

/* Counts the top-level fields before anything is allocated for them: two hostile bytes would else buy a whole record.
 * Return: -1 when there are too many; bytes that are not fields are the unpacker's business. */
static int check_field_count(const uint8_t *bytes, size_t size)
{
    size_t fields = 0;
    for (size_t at = 0; at < size;) {
        uint64_t tag, length = 0;
        size_t taken = read_varint(bytes + at, size - at, &tag);
        if (taken == 0)
            return 0;
        at += taken;
        switch (tag & 7) {
        case 0:
            taken = read_varint(bytes + at, size - at, &length);
            length = 0;
            break;
        case 1:
            length = 8;
            break;
        case 2:
            taken = read_varint(bytes + at, size - at, &length);
            break;
        case 5:
            length = 4;
            break;
        default:
            return 0;
        }
        if ((tag & 7) == 1 || (tag & 7) == 5)
            taken = 0;
        else if (taken == 0)
            return 0;
        if (length > size - at - taken)
            return 0;
        at += taken + length;
        if (++fields > CODEC_RECORDS_MAX + 64)
            return -1;
    }
    return 0;
}

/* Return: whether text is UTF-8: no surrogates, nothing overlong, nothing past U+10FFFF. */
static bool is_utf8(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    while (*at != 0) {
        if (*at < 0x80) {
            at++;
            continue;
        }
        int more = *at >= 0xc2 && *at <= 0xdf ? 1 : (*at & 0xf0) == 0xe0 ? 2 : *at >= 0xf0 && *at <= 0xf4 ? 3 : 0;
        if (more == 0 || (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
            (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
            return false;
        for (at++; more > 0; more--, at++)
            if ((*at & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static int check_message(const ProtobufCMessage *message, int depth, struct err *err);

/* One value of a field at member. */
static int check_value(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, const void *member,
                       int depth, struct err *err)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(char *const *)member;
        if (text != NULL && !is_utf8(text))
            return err_set(err, "%s.%s is not UTF-8", message->descriptor->name, field->name);
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        int value = *(const int *)member;
        if (protobuf_c_enum_descriptor_get_value(field->descriptor, value) == NULL)
            return err_set(err, "%s.%s has no value %d", message->descriptor->name, field->name, value);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *nested = *(ProtobufCMessage *const *)member;
        if (nested != NULL)
            return check_message(nested, depth + 1, err);
    }
    return 0;
}

static int check_repeated(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, int depth,
                          struct err *err)
{
    const char *base = (const char *)message;
    size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
    if (count > CODEC_RECORDS_MAX)
        return err_set(err, "%s.%s has %zu entries, at most %d are taken", message->descriptor->name, field->name,
                       count, CODEC_RECORDS_MAX);
    size_t width = field->type == PROTOBUF_C_TYPE_ENUM ? sizeof(int) : sizeof(void *);
    bool checked = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_ENUM ||
                   field->type == PROTOBUF_C_TYPE_MESSAGE;
    const char *values = *(char *const *)(const void *)(base + field->offset);
    for (size_t i = 0; checked && i < count; i++)
        if (check_value(message, field, values + i * width, depth, err) < 0)
            return -1;
    return 0;
}

/* protobuf-c checks neither UTF-8 nor enum ranges; this does, for every message by its descriptor. */
static int check_message(const ProtobufCMessage *message, int depth, struct err *err)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    if (depth > NESTING_MAX)
        return err_set(err, "%s is nested too deeply", descriptor->name);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        int checked = field->label == PROTOBUF_C_LABEL_REPEATED
                          ? check_repeated(message, field, depth, err)
                          : check_value(message, field, (const char *)message + field->offset, depth, err);
        if (checked < 0)
            return -1;
    }
    return 0;
}

static int check_envelope(const Tb__Envelope *envelope, struct err *err)
{
    if (envelope->version != CODEC_VERSION)
        return err_set(err, "envelope of version %u, this is version %d", envelope->version, CODEC_VERSION);
    if (check_message(&envelope->base, 0, err) < 0)
        return -1;
    if (strlen(envelope->region) > NAME_LENGTH_MAX || strlen(envelope->sender) > NAME_LENGTH_MAX)
        return err_set(err, "region or sender longer than %d bytes", NAME_LENGTH_MAX);
    return 0;
}

int codec_unpack(const uint8_t *bytes, size_t size, struct arena *arena, Tb__Envelope **envelope,
                 ProtobufCMessage **payload, struct err *err)
{
    ProtobufCAllocator allocator = {.alloc = take_memory, .free = leave_memory, .allocator_data = arena};
    if (check_field_count(bytes, size) < 0)
        return err_set(err, "envelope of too many fields");
    Tb__Envelope *outer = tb__envelope__unpack(&allocator, size, bytes);
    if (outer == NULL)
        return err_set(err, "%zu bytes are no envelope", size);
    if (check_envelope(outer, err) < 0)
        return -1;
    const ProtobufCMessageDescriptor *descriptor = codec_descriptor(outer->type);
    if (descriptor == NULL)
        return err_set(err, "unknown message type %d", (int)outer->type);
    if (check_field_count(outer->payload.data, outer->payload.len) < 0)
        return err_set(err, "%s of more than %d records", descriptor->name, CODEC_RECORDS_MAX);
    ProtobufCMessage *inner =
        protobuf_c_message_unpack(descriptor, &allocator, outer->payload.len, outer->payload.data);
    if (inner == NULL)
        return err_set(err, "%zu bytes are no %s, or more than may be taken", outer->payload.len, descriptor->name);
    if (check_message(inner, 0, err) < 0)
        return -1;
    *envelope = outer;
    *payload = inner;
    return 0;
}
