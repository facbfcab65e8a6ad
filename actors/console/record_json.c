/* Every field of a message by its descriptor, so that a field added to a .proto shows without a change here. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "ids.h"
#include "record.h"

enum { NAME_MAX_LENGTH = 64 };

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), end_length = strlen(end);
    return length > end_length && strcmp(name + length - end_length, end) == 0;
}

/* Effect: "created_at_us" becomes createdAt: without the last `cut` characters. */
static const char *camel_case(const char *name, size_t cut, char to[static NAME_MAX_LENGTH])
{
    size_t length = strlen(name) - cut, used = 0;
    bool begins = false;
    for (size_t i = 0; i < length && used < NAME_MAX_LENGTH - 1; i++) {
        if (name[i] == '_') {
            begins = true;
            continue;
        }
        to[used++] = (char)(begins ? toupper((unsigned char)name[i]) : name[i]);
        begins = false;
    }
    to[used] = '\0';
    return to;
}

/* Enumerations of types.proto carry their own name in front: SIDE_BUY is BUY, as the HTTP contract has it. */
static const char *enum_word(const ProtobufCEnumDescriptor *descriptor, int value)
{
    static const char *const prefixes[] = {"SIDE_", "TIME_IN_FORCE_", "KIND_", "TYPE_", "REASON_", "FAULT_"};
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    if (found == NULL)
        return NULL;
    for (size_t i = 0; i < TB_ARRAY_SIZE(prefixes); i++)
        if (strncmp(found->name, prefixes[i], strlen(prefixes[i])) == 0)
            return found->name + strlen(prefixes[i]);
    return found->name;
}

static void write_fields(struct json_out *out, const ProtobufCMessage *message);

static void write_integer(struct json_out *out, const char *name, const char *key, int64_t value)
{
    char spelled[NAME_MAX_LENGTH];
    if (key != NULL && ends_with(name, "_cents"))
        json_out_money(out, camel_case(name, 6, spelled), money_cents(value));
    else if (key != NULL && ends_with(name, "_us"))
        json_out_time(out, camel_case(name, 3, spelled), value);
    else
        json_out_int(out, key, value);
}

static void write_text(struct json_out *out, const char *name, const char *key, const char *value)
{
    char spelled[NAME_MAX_LENGTH];
    if (value == NULL)
        value = "";
    if (key != NULL && ends_with(name, "_json") && value[0] == '{')
        json_out_raw(out, camel_case(name, 5, spelled), value, strlen(value));
    else if (key != NULL && ends_with(name, "_json"))
        json_out_string(out, camel_case(name, 5, spelled), value[0] != '\0' ? value : NULL);
    else
        json_out_string(out, key, value);
}

/* at: where the value lies; key NULL inside an array. */
static void write_value(struct json_out *out, const ProtobufCFieldDescriptor *field, const char *key, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        json_out_int(out, key, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        json_out_uint(out, key, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        write_integer(out, field->name, key, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        json_out_uint(out, key, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT: /* none of our messages has one */
        json_out_null(out, key);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_out_double(out, key, *(const double *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        json_out_bool(out, key, *(const protobuf_c_boolean *)at != 0);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        json_out_string(out, key, enum_word(field->descriptor, *(const int *)at));
        break;
    case PROTOBUF_C_TYPE_STRING:
        write_text(out, field->name, key, *(char *const *)at);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = at;
        if (bytes->len > 0)
            json_out_hex(out, key, bytes->data, bytes->len);
        else
            json_out_null(out, key);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *inner = *(ProtobufCMessage *const *)at;
        if (inner == NULL) {
            json_out_null(out, key);
            break;
        }
        json_out_begin(out, key);
        write_fields(out, inner);
        json_out_end(out);
        break;
    }
    }
}

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    }
    return sizeof(void *);
}

static void write_fields(struct json_out *out, const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const void *at = base + field->offset;
        char key[NAME_MAX_LENGTH];
        camel_case(field->name, 0, key);
        if (strcmp(key, "type") == 0 || strcmp(key, "seq") == 0)
            continue; /* they stand in front */
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            write_value(out, field, key, at);
            continue;
        }
        size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
        const char *values = *(char *const *)at;
        json_out_begin_array(out, key);
        for (size_t v = 0; v < count; v++)
            write_value(out, field, NULL, values + v * size_of(field->type));
        json_out_end_array(out);
    }
}

void record_json_write(const ProtobufCMessage *record, const char *region, bool from_history, struct text *text)
{
    struct json_out out;
    char type[RECORD_TYPE_MAX];
    json_out_init(&out, text);
    json_out_begin(&out, NULL);
    json_out_string(&out, "stream", record_stream(record));
    if (record_seq(record) != 0)
        json_out_uint(&out, "seq", record_seq(record));
    json_out_string(&out, "type", record_type(record, type));
    json_out_string(&out, "source", from_history ? "database" : "wire");
    if (record_seq(record) != 0)
        json_out_id(&out, "orderId", region, record_order_seq(record));
    write_fields(&out, record);
    json_out_end(&out);
    text_append_string(text, "\n");
}
