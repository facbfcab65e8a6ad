/* Wire compatibility: for every message there is a file golden/<Message>.hex with the bytes of one that has all fields
 * set, and these bytes must neither change nor be read otherwise. A line a generation: when a message gets a new field,
 * TB_GOLDEN_WRITE=1 adds a line to its file, and the older lines still have to be read, with the new field absent. What
 * a newer version adds (unknown fields) must be passed over. Values follow from the fields' names, so nothing has to be
 * kept beside the bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "codec.h"

enum { NAMES_MAX = 64, LINES_MAX = 16, BYTES_MAX = 8192, REPEATED = 2, TYPES_MAX = 256 };

static const ProtobufCMessageDescriptor *messages[NAMES_MAX];
static size_t message_count;
static struct arena arena;

static void collect(const ProtobufCMessageDescriptor *message)
{
    for (size_t i = 0; i < message_count; i++)
        if (messages[i] == message)
            return;
    ck_assert_uint_lt(message_count, NAMES_MAX);
    messages[message_count++] = message;
    for (unsigned f = 0; f < message->n_fields; f++)
        if (message->fields[f].type == PROTOBUF_C_TYPE_MESSAGE)
            collect(message->fields[f].descriptor);
}

static void set_up(void)
{
    arena_init(&arena, 8U * 1024 * 1024);
    message_count = 0;
    collect(&tb__envelope__descriptor);
    for (int type = 1; type < TYPES_MAX; type++)
        if (codec_descriptor((Tb__MessageType)type) != NULL)
            collect(codec_descriptor((Tb__MessageType)type));
}

static void tear_down(void)
{
    arena_release(&arena);
}

/* ---- a message with every field set ---- */

static uint64_t number_of(const char *name, unsigned salt)
{
    uint64_t hash = 14695981039346656037U + salt;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 1099511628211U;
    return hash | 1; /* never the default */
}

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(double);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int32_t);
    }
    ck_abort_msg("a type of fields");
}

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *descriptor);

static void fill_value(const ProtobufCFieldDescriptor *field, unsigned salt, void *to)
{
    uint64_t number = number_of(field->name, salt);
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)to = 1;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)to = (double)(number % 1000000) / 8;
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)to = ((const ProtobufCEnumDescriptor *)field->descriptor)->values[1].value;
        break;
    case PROTOBUF_C_TYPE_STRING: {
        char *text = arena_alloc(&arena, strlen(field->name) + 8);
        snprintf(text, strlen(field->name) + 8, "%s é%u", field->name, salt);
        *(char **)to = text;
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData *bytes = to;
        bytes->len = sizeof number;
        bytes->data = arena_alloc(&arena, sizeof number);
        for (size_t i = 0; i < sizeof number; i++)
            bytes->data[i] = (uint8_t)(number >> (8 * i));
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)to = filled(field->descriptor);
        break;
    default:
        if (size_of(field->type) == sizeof(uint64_t))
            *(uint64_t *)to = number; /* also negative ones */
        else
            *(uint32_t *)to = (uint32_t)number;
    }
}

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = arena_alloc(&arena, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    for (unsigned f = 0; f < descriptor->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[f];
        char *at = (char *)message + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            fill_value(field, 0, at);
            continue;
        }
        size_t size = size_of(field->type);
        char *values = arena_alloc(&arena, REPEATED * size);
        for (unsigned i = 0; i < REPEATED; i++)
            fill_value(field, i, values + i * size);
        *(size_t *)(void *)((char *)message + field->quantifier_offset) = REPEATED;
        *(char **)(void *)at = values;
    }
    return message;
}

/* ---- comparing ---- */

static bool is_same(const ProtobufCMessage *a, const ProtobufCMessage *b);

static bool is_same_value(const ProtobufCFieldDescriptor *field, const void *a, const void *b)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return strcmp(*(char *const *)a, *(char *const *)b) == 0;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return is_same(*(ProtobufCMessage *const *)a, *(ProtobufCMessage *const *)b);
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *left = a, *right = b;
        return left->len == right->len && (left->len == 0 || memcmp(left->data, right->data, left->len) == 0);
    }
    return memcmp(a, b, size_of(field->type)) == 0;
}

static bool is_same_field(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    const char *left = (const char *)a + field->offset, *right = (const char *)b + field->offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return is_same_value(field, left, right);
    size_t count = *(const size_t *)(const void *)((const char *)a + field->quantifier_offset);
    size_t other = *(const size_t *)(const void *)((const char *)b + field->quantifier_offset);
    left = *(char *const *)(const void *)left;
    right = *(char *const *)(const void *)right;
    for (size_t i = 0; count == other && i < count; i++)
        if (!is_same_value(field, left + i * size_of(field->type), right + i * size_of(field->type)))
            return false;
    return count == other;
}

static bool is_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    for (unsigned f = 0; f < a->descriptor->n_fields; f++)
        if (!is_same_field(&a->descriptor->fields[f], a, b))
            return false;
    return true;
}

/* ---- the files ---- */

struct golden {
    uint8_t bytes[LINES_MAX][BYTES_MAX];
    size_t sizes[LINES_MAX];
    size_t count;
};

static void path_of(const ProtobufCMessageDescriptor *descriptor, char path[256])
{
    snprintf(path, 256, "%s/tests/unit/golden/%s.hex", getenv("TB_SOURCE_DIR"), descriptor->short_name);
}

static size_t from_hex(const char *text, uint8_t bytes[BYTES_MAX])
{
    size_t count = 0;
    for (; text[0] > ' '; text += 2) {
        unsigned byte;
        ck_assert_int_eq(sscanf(text, "%2x", &byte), 1); /* NOLINT: two hexadecimal digits */
        ck_assert_uint_lt(count, BYTES_MAX);
        bytes[count++] = (uint8_t)byte;
    }
    return count;
}

static void read_golden(const ProtobufCMessageDescriptor *descriptor, struct golden *golden)
{
    static char line[2 * BYTES_MAX + 2];
    char path[256];
    path_of(descriptor, path);
    golden->count = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        ck_assert_uint_lt(golden->count, LINES_MAX);
        golden->sizes[golden->count] = from_hex(line, golden->bytes[golden->count]);
        golden->count++;
    }
    fclose(file);
}

static void add_line(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t size)
{
    char path[256];
    path_of(descriptor, path);
    FILE *file = fopen(path, "ae");
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < size; i++)
        fprintf(file, "%02x", bytes[i]);
    fprintf(file, "\n");
    fclose(file);
}

static struct golden golden;

START_TEST(every_message_is_written_as_it_was)
{
    bool writes = getenv("TB_GOLDEN_WRITE") != NULL;
    for (size_t i = 0; i < message_count; i++) {
        static uint8_t bytes[BYTES_MAX];
        ProtobufCMessage *message = filled(messages[i]);
        ck_assert_uint_lt(protobuf_c_message_get_packed_size(message), BYTES_MAX);
        size_t size = protobuf_c_message_pack(message, bytes);
        read_golden(messages[i], &golden);
        size_t last = golden.count - 1;
        bool same = golden.count > 0 && golden.sizes[last] == size && memcmp(golden.bytes[last], bytes, size) == 0;
        if (!same && writes)
            add_line(messages[i], bytes, size);
        ck_assert_msg(same || writes,
                      "%s: %s. A new message or field: TB_GOLDEN_WRITE=1; anything else breaks the version before",
                      messages[i]->short_name,
                      golden.count == 0 ? "tests/unit/golden has no file of it" : "its bytes have changed");
    }
}
END_TEST

START_TEST(every_generation_is_read_as_it_was_meant)
{
    for (size_t i = 0; i < message_count; i++) {
        const ProtobufCMessage *expected = filled(messages[i]);
        read_golden(messages[i], &golden);
        ck_assert_uint_gt(golden.count, 0);
        for (size_t line = 0; line < golden.count; line++) {
            static uint8_t again[BYTES_MAX];
            ProtobufCMessage *message =
                protobuf_c_message_unpack(messages[i], NULL, golden.sizes[line], golden.bytes[line]);
            ck_assert_msg(message != NULL, "%s, line %zu: cannot be read", messages[i]->short_name, line + 1);
            ck_assert_uint_eq(message->n_unknown_fields, 0);
            ck_assert_msg(line + 1 < golden.count || is_same(message, expected), "%s: other values were read",
                          messages[i]->short_name);
            size_t size = protobuf_c_message_pack(message, again);
            ck_assert_msg(size == golden.sizes[line] && memcmp(again, golden.bytes[line], size) == 0,
                          "%s, line %zu: written again it has other bytes", messages[i]->short_name, line + 1);
            protobuf_c_message_free_unpacked(message, NULL);
        }
    }
}
END_TEST

/* Fields 2000 (a number) and 2001 (a text), as some later version may have them. */
static const uint8_t from_the_future[] = {0x80, 0x7d, 0x2a, 0x8a, 0x7d, 0x05, 'l', 'a', 't', 'e', 'r'};

START_TEST(what_a_newer_version_adds_is_passed_over)
{
    for (size_t i = 0; i < message_count; i++) {
        const ProtobufCMessage *expected = filled(messages[i]);
        read_golden(messages[i], &golden);
        ck_assert_uint_gt(golden.count, 0);
        size_t last = golden.count - 1, size = golden.sizes[last];
        ck_assert_uint_lt(size + sizeof from_the_future, BYTES_MAX);
        memcpy(golden.bytes[last] + size, from_the_future, sizeof from_the_future);
        ProtobufCMessage *message =
            protobuf_c_message_unpack(messages[i], NULL, size + sizeof from_the_future, golden.bytes[last]);
        ck_assert_msg(message != NULL && is_same(message, expected), "%s", messages[i]->short_name);
        ck_assert_uint_eq(message->n_unknown_fields, 2);
        protobuf_c_message_free_unpacked(message, NULL);
    }
}
END_TEST

/* The same through the codec, as it comes off the bus: unknown fields in the envelope and in its payload. */
START_TEST(a_newer_frame_is_taken_by_the_codec)
{
    for (int type = 1; type < TYPES_MAX; type++) {
        const ProtobufCMessageDescriptor *descriptor = codec_descriptor((Tb__MessageType)type);
        static uint8_t payload[BYTES_MAX], frame[2 * BYTES_MAX];
        if (descriptor == NULL)
            continue;
        ProtobufCMessage *expected = filled(descriptor);
        size_t size = protobuf_c_message_pack(expected, payload);
        memcpy(payload + size, from_the_future, sizeof from_the_future);
        Tb__Envelope envelope = TB__ENVELOPE__INIT;
        char region[] = "nl-1", sender[] = "gateway/1";
        envelope.version = CODEC_VERSION;
        envelope.type = (Tb__MessageType)type;
        envelope.region = region;
        envelope.sender = sender;
        envelope.payload = (ProtobufCBinaryData){size + sizeof from_the_future, payload};
        size = protobuf_c_message_pack(&envelope.base, frame);
        memcpy(frame + size, from_the_future, sizeof from_the_future);
        Tb__Envelope *read = NULL;
        ProtobufCMessage *message = NULL;
        struct err err = {0};
        int got = codec_unpack(frame, size + sizeof from_the_future, &arena, &read, &message, &err);
        ck_assert_msg(got == 0, "%s: %s", descriptor->short_name, err.text);
        ck_assert_msg(is_same(message, expected), "%s", descriptor->short_name);
    }
}
END_TEST

CHECK_MAIN("golden", tcase_add_checked_fixture(cases, set_up, tear_down);
           tcase_add_test(cases, every_message_is_written_as_it_was);
           tcase_add_test(cases, every_generation_is_read_as_it_was_meant);
           tcase_add_test(cases, what_a_newer_version_adds_is_passed_over);
           tcase_add_test(cases, a_newer_frame_is_taken_by_the_codec);)
