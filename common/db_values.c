/* Values in PostgreSQL's binary formats, there and back. Only bytes: libpq stays in db.c. */
#include <endian.h>
#include <string.h>

#include "base.h"
#include "db_values.h"

/* Type oids, fixed in PostgreSQL's catalogue. */
enum {
    OID_BOOL = 16,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_FLOAT8 = 701,
    OID_UNKNOWN = 705,
    OID_BOOL_ARRAY = 1000,
    OID_INT2_ARRAY = 1005,
    OID_INT4_ARRAY = 1007,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_TIMESTAMPTZ = 1184,
    OID_TIMESTAMPTZ_ARRAY = 1185,
    OID_UUID = 2950,
    OID_UUID_ARRAY = 2951,
    OID_JSONB = 3802,
};

enum { UUID_BYTES = 16, ARRAY_HEAD_BYTES = 20, ARRAY_EMPTY_BYTES = 12 };

#define EPOCH_2000_US 946684800000000LL /* PostgreSQL counts from 2000-01-01 */

void db_params_init(struct db_params *params, struct arena *arena)
{
    params->arena = arena;
    params->count = 0;
}

static void add(struct db_params *params, uint32_t type, const void *value, size_t length)
{
    tb_assert((size_t)params->count < TB_ARRAY_SIZE(params->values) && length <= INT32_MAX);
    params->types[params->count] = type;
    params->values[params->count] = value;
    params->lengths[params->count] = (int)length;
    params->count++;
}

static char *put16(char *at, uint16_t value)
{
    value = htobe16(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put32(char *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put64(char *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put_bytes(char *at, const void *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

void db_add_null(struct db_params *params)
{
    add(params, 0, NULL, 0);
}

void db_add_bool(struct db_params *params, bool value)
{
    char *bytes = arena_alloc(params->arena, 1);
    *bytes = value ? 1 : 0;
    add(params, OID_BOOL, bytes, 1);
}

void db_add_int2(struct db_params *params, int16_t value)
{
    char *bytes = arena_alloc(params->arena, sizeof value);
    put16(bytes, (uint16_t)value);
    add(params, OID_INT2, bytes, sizeof value);
}

void db_add_int4(struct db_params *params, int32_t value)
{
    char *bytes = arena_alloc(params->arena, sizeof value);
    put32(bytes, (uint32_t)value);
    add(params, OID_INT4, bytes, sizeof value);
}

static void add_int8(struct db_params *params, uint32_t type, int64_t value)
{
    char *bytes = arena_alloc(params->arena, sizeof value);
    put64(bytes, (uint64_t)value);
    add(params, type, bytes, sizeof value);
}

void db_add_int8(struct db_params *params, int64_t value)
{
    add_int8(params, OID_INT8, value);
}

void db_add_time(struct db_params *params, int64_t microseconds)
{
    add_int8(params, OID_TIMESTAMPTZ, microseconds - EPOCH_2000_US);
}

void db_add_text(struct db_params *params, const char *value)
{
    add(params, OID_TEXT, value, value == NULL ? 0 : strlen(value));
}

void db_add_uuid(struct db_params *params, const uint8_t value[16])
{
    add(params, OID_UUID, value, value == NULL ? 0 : UUID_BYTES);
}

/* Effect: writes the head of a one-dimensional array. Return: where its first element goes. */
static char *put_head(char *at, size_t count, bool has_null, uint32_t element)
{
    at = put32(at, count > 0 ? 1 : 0);
    at = put32(at, has_null ? 1 : 0);
    at = put32(at, element);
    if (count == 0)
        return at;
    tb_assert(count <= INT32_MAX);
    at = put32(at, (uint32_t)count);
    return put32(at, 1);
}

static size_t head_bytes(size_t count)
{
    return count > 0 ? ARRAY_HEAD_BYTES : ARRAY_EMPTY_BYTES;
}

/* An array of elements of one width without NULLs: *at is where the first element's length goes. Gives its bytes in the
 * arena. */
static char *start_fixed(struct db_params *params, uint32_t type, uint32_t element, size_t count, size_t width)
{
    size_t size = head_bytes(count) + count * (4 + width);
    char *bytes = arena_alloc(params->arena, size);
    char *at = put_head(bytes, count, false, element);
    add(params, type, bytes, size);
    return at;
}

void db_add_int2_array(struct db_params *params, const int16_t *values, size_t count)
{
    char *at = start_fixed(params, OID_INT2_ARRAY, OID_INT2, count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        at = put16(put32(at, sizeof *values), (uint16_t)values[i]);
}

void db_add_int4_array(struct db_params *params, const int32_t *values, size_t count)
{
    char *at = start_fixed(params, OID_INT4_ARRAY, OID_INT4, count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        at = put32(put32(at, sizeof *values), (uint32_t)values[i]);
}

void db_add_int8_array(struct db_params *params, const int64_t *values, size_t count)
{
    char *at = start_fixed(params, OID_INT8_ARRAY, OID_INT8, count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        at = put64(put32(at, sizeof *values), (uint64_t)values[i]);
}

void db_add_time_array(struct db_params *params, const int64_t *microseconds, size_t count)
{
    char *at = start_fixed(params, OID_TIMESTAMPTZ_ARRAY, OID_TIMESTAMPTZ, count, sizeof *microseconds);
    for (size_t i = 0; i < count; i++)
        at = put64(put32(at, sizeof *microseconds), (uint64_t)(microseconds[i] - EPOCH_2000_US));
}

void db_add_bool_array(struct db_params *params, const bool *values, size_t count)
{
    char *at = start_fixed(params, OID_BOOL_ARRAY, OID_BOOL, count, 1);
    for (size_t i = 0; i < count; i++) {
        at = put32(at, 1);
        *at++ = values[i] ? 1 : 0;
    }
}

static const uint32_t null_length = UINT32_MAX; /* -1 */

void db_add_text_array(struct db_params *params, const char *const *values, size_t count)
{
    size_t size = head_bytes(count) + 4 * count;
    bool has_null = false;
    for (size_t i = 0; i < count; i++) {
        size += values[i] == NULL ? 0 : strlen(values[i]);
        has_null = has_null || values[i] == NULL;
    }
    char *bytes = arena_alloc(params->arena, size);
    char *at = put_head(bytes, count, has_null, OID_TEXT);
    for (size_t i = 0; i < count; i++) {
        size_t length = values[i] == NULL ? 0 : strlen(values[i]);
        at = put32(at, values[i] == NULL ? null_length : (uint32_t)length);
        if (length > 0)
            at = put_bytes(at, values[i], length);
    }
    add(params, OID_TEXT_ARRAY, bytes, size);
}

void db_add_uuid_array(struct db_params *params, const uint8_t *const *values, size_t count)
{
    size_t size = head_bytes(count) + 4 * count;
    bool has_null = false;
    for (size_t i = 0; i < count; i++) {
        size += values[i] == NULL ? 0 : UUID_BYTES;
        has_null = has_null || values[i] == NULL;
    }
    char *bytes = arena_alloc(params->arena, size);
    char *at = put_head(bytes, count, has_null, OID_UUID);
    for (size_t i = 0; i < count; i++) {
        at = put32(at, values[i] == NULL ? null_length : UUID_BYTES);
        if (values[i] != NULL)
            at = put_bytes(at, values[i], UUID_BYTES);
    }
    add(params, OID_UUID_ARRAY, bytes, size);
}

/* Return: whether a parameter given as one type may go where a statement takes another. */
bool db_type_fits(uint32_t given, uint32_t taken)
{
    return given == taken || given == 0 ||
           (given == OID_TEXT && (taken == OID_JSON || taken == OID_VARCHAR || taken == OID_NAME));
}

static const char *value_of(const struct db_rows *rows, size_t row, int column, uint32_t type, size_t length)
{
    size_t actual_length;
    uint32_t actual_type;
    const char *value = db_raw_value(rows, row, column, &actual_length, &actual_type);
    tb_assert(value != NULL && actual_type == type && actual_length == length);
    return value;
}

static int64_t get_big_endian(const char *bytes, size_t length)
{
    uint64_t value = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < length; i++)
        value = value << 8 | (uint8_t)bytes[i];
    return (int64_t)value;
}

bool db_is_null(const struct db_rows *rows, size_t row, int column)
{
    size_t length;
    uint32_t type;
    return db_raw_value(rows, row, column, &length, &type) == NULL;
}

bool db_get_bool(const struct db_rows *rows, size_t row, int column)
{
    return *value_of(rows, row, column, OID_BOOL, 1) != 0;
}

int64_t db_get_int(const struct db_rows *rows, size_t row, int column)
{
    size_t length;
    uint32_t type;
    const char *value = db_raw_value(rows, row, column, &length, &type);
    size_t width = type == OID_INT8 ? 8 : type == OID_INT4 ? 4 : type == OID_INT2 ? 2 : 0;
    tb_assert(value != NULL && width > 0 && length == width);
    return get_big_endian(value, length);
}

double db_get_double(const struct db_rows *rows, size_t row, int column)
{
    int64_t bits = get_big_endian(value_of(rows, row, column, OID_FLOAT8, 8), 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int64_t db_get_time(const struct db_rows *rows, size_t row, int column)
{
    return get_big_endian(value_of(rows, row, column, OID_TIMESTAMPTZ, 8), 8) + EPOCH_2000_US;
}

/* jsonb's binary format is its text behind one version byte. */
static const char *text_of(const struct db_rows *rows, size_t row, int column, size_t *length)
{
    uint32_t type;
    const char *value = db_raw_value(rows, row, column, length, &type);
    tb_assert(type == OID_TEXT || type == OID_VARCHAR || type == OID_BPCHAR || type == OID_JSON || type == OID_JSONB ||
              type == OID_NAME || type == OID_UNKNOWN);
    if (value == NULL) {
        *length = 0;
    } else if (type == OID_JSONB) {
        tb_assert(*length > 0);
        value++;
        (*length)--;
    }
    return value;
}

const char *db_get_text(const struct db_rows *rows, size_t row, int column)
{
    size_t length;
    return text_of(rows, row, column, &length);
}

size_t db_get_length(const struct db_rows *rows, size_t row, int column)
{
    size_t length;
    text_of(rows, row, column, &length);
    return length;
}

const uint8_t *db_get_uuid(const struct db_rows *rows, size_t row, int column)
{
    if (db_is_null(rows, row, column))
        return NULL;
    return (const uint8_t *)value_of(rows, row, column, OID_UUID, UUID_BYTES);
}
