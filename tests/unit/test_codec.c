/* codec: what is packed comes back; hostile bytes are refused, bounded and named. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "orders.pb-c.h"
#include "base.h"
#include "telemetry.pb-c.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static struct arena arena;
static struct err err;
static Tb__Envelope *got;
static ProtobufCMessage *payload;

static void setup(void)
{
    arena_init(&arena, ARENA_BYTES);
    err = (struct err){0};
}

static void teardown(void)
{
    arena_release(&arena);
}

static Tb__Envelope envelope_of(Tb__MessageType type)
{
    Tb__Envelope envelope = TB__ENVELOPE__INIT;
    envelope.version = CODEC_VERSION;
    envelope.type = type;
    envelope.region = "nl-1";
    envelope.stream = TB__STREAM__STREAM_ORDERS;
    envelope.first_seq = 4711;
    envelope.sender = "sequencer/1";
    envelope.boot_id = UINT64_MAX;
    return envelope;
}

/* Gives the packed message in the arena. */
static uint8_t *pack(const Tb__Envelope *envelope, const ProtobufCMessage *message, size_t *size)
{
    *size = codec_packed_size(envelope, message);
    uint8_t *bytes = arena_alloc(&arena, *size + 1);
    ck_assert_uint_eq(codec_pack(envelope, message, bytes), *size);
    return bytes;
}

/* From a copy of exactly that size, so that the sanitizer sees a read past the end. */
static int unpack(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(copy, bytes, size);
    int result = codec_unpack(copy, size, &arena, &got, &payload, &err);
    free(copy);
    return result;
}

static Tb__OrderRecord *make_record(uint64_t seq)
{
    Tb__OrderRecord *record = arena_alloc(&arena, sizeof *record);
    tb__order_record__init(record);
    record->seq = seq;
    record->kind = TB__ORDER_RECORD__KIND__KIND_ORDER;
    record->user_id = "clusius";
    record->client_id = "caf\xc3\xa9";
    record->idempotency_key = "k";
    record->side = TB__SIDE__SIDE_BUY;
    record->quantity = 10;
    record->price_cents = 12420;
    record->time_in_force = TB__TIME_IN_FORCE__TIME_IN_FORCE_GTC;
    record->simulation_seed = "";
    record->created_at_us = -1;
    return record;
}

static Tb__OrdersAppended *make_orders(size_t count)
{
    Tb__OrdersAppended *orders = arena_alloc(&arena, sizeof *orders);
    tb__orders_appended__init(orders);
    orders->n_records = count;
    orders->records = arena_array(&arena, count, sizeof(Tb__OrderRecord *));
    for (size_t i = 0; i < count; i++)
        orders->records[i] = make_record(i + 1);
    return orders;
}

static const size_t counts[] = {0, 1, 2, 64, 1024, 20000};

START_TEST(what_is_packed_comes_back)
{
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    size_t size;
    const uint8_t *bytes = pack(&envelope, &make_orders(counts[_i])->base, &size);
    ck_assert_msg(unpack(bytes, size) == 0, "%s", err.text);
    ck_assert_uint_eq(got->first_seq, 4711);
    ck_assert_uint_eq(got->boot_id, UINT64_MAX);
    ck_assert_str_eq(got->sender, "sequencer/1");
    const Tb__OrdersAppended *orders = (const Tb__OrdersAppended *)payload;
    ck_assert_uint_eq(orders->n_records, counts[_i]);
    for (size_t i = 0; i < counts[_i]; i++) {
        ck_assert_uint_eq(orders->records[i]->seq, i + 1);
        ck_assert_str_eq(orders->records[i]->client_id, "caf\xc3\xa9");
        ck_assert_int_eq(orders->records[i]->created_at_us, -1);
    }
}
END_TEST

START_TEST(every_type_has_a_descriptor_and_no_other_number_has)
{
    const ProtobufCEnumDescriptor *types = &tb__message_type__descriptor;
    for (unsigned i = 0; i < types->n_values; i++) {
        int type = types->values[i].value;
        ck_assert_msg((codec_descriptor((Tb__MessageType)type) != NULL) == (type != 0), "type %d", type);
    }
    ck_assert_ptr_null(codec_descriptor((Tb__MessageType)99));
}
END_TEST

START_TEST(another_reader_of_protobuf_reads_it_too)
{
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    size_t size;
    const uint8_t *bytes = pack(&envelope, &make_orders(3)->base, &size);
    Tb__Envelope *plain = tb__envelope__unpack(NULL, size, bytes);
    ck_assert_ptr_nonnull(plain);
    Tb__OrdersAppended *orders = tb__orders_appended__unpack(NULL, plain->payload.len, plain->payload.data);
    ck_assert_ptr_nonnull(orders);
    ck_assert_uint_eq(orders->n_records, 3);
    tb__orders_appended__free_unpacked(orders, NULL);
    tb__envelope__free_unpacked(plain, NULL);
}
END_TEST

START_TEST(no_truncation_crashes_and_none_within_the_payload_is_taken)
{
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    size_t size;
    const uint8_t *bytes = pack(&envelope, &make_orders(3)->base, &size);
    size_t head = size - 6 - protobuf_c_message_get_packed_size(&make_orders(3)->base);
    for (size_t cut = 0; cut < size; cut++) {
        int result = unpack(bytes, cut);
        if (cut > head)
            ck_assert_msg(result < 0, "cut at %zu of %zu", cut, size);
    }
}
END_TEST

START_TEST(flipped_bits_never_crash)
{
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    size_t size;
    uint8_t *bytes = pack(&envelope, &make_orders(2)->base, &size);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (unpack(bytes, size) == 0)
            ck_assert_ptr_nonnull(codec_descriptor(got->type));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

START_TEST(random_bytes_never_crash)
{
    uint8_t bytes[200];
    unsigned seed = 5;
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)rand_r(&seed) % sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)rand_r(&seed);
        (void)unpack(bytes, size);
        arena_reset(&arena);
    }
}
END_TEST

/* ---- refused, with the reason named ---- */

static void expect_refusal(const Tb__Envelope *envelope, const ProtobufCMessage *message, const char *says)
{
    size_t size;
    const uint8_t *bytes = pack(envelope, message, &size);
    ck_assert_int_eq(unpack(bytes, size), -1);
    ck_assert_msg(strstr(err.text, says) != NULL, "\"%s\" has no \"%s\"", err.text, says);
}

START_TEST(wrong_envelopes_are_named)
{
    Tb__OrdersAppended *orders = make_orders(1);
    char name[80] = "";
    memset(name, 'x', sizeof name - 1);
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    envelope.version = 2;
    expect_refusal(&envelope, &orders->base, "envelope of version 2");
    envelope = envelope_of((Tb__MessageType)99);
    expect_refusal(&envelope, &orders->base, "has no value 99");
    envelope = envelope_of(TB__MESSAGE_TYPE__MESSAGE_TYPE_UNSPECIFIED);
    expect_refusal(&envelope, &orders->base, "unknown message type 0");
    envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    envelope.stream = (Tb__Stream)77;
    expect_refusal(&envelope, &orders->base, "tb.Envelope.stream has no value 77");
    envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    envelope.sender = name;
    expect_refusal(&envelope, &orders->base, "longer than 64");
    envelope.sender = "\xff";
    expect_refusal(&envelope, &orders->base, "tb.Envelope.sender is not UTF-8");
}
END_TEST

static const struct {
    const char *text;
    int fits;
} texts[] = {
    {"", 1},
    {"plain", 1},
    {"\xc3\xa9", 1},
    {"\xe2\x82\xac", 1},
    {"\xf0\x9f\x8c\xb7", 1},
    {"\xed\x9f\xbf", 1},
    {"\xf4\x8f\xbf\xbf", 1},
    {"\xc3", 0},             /* cut */
    {"\xe2\x82", 0},         /* cut */
    {"a\x80", 0},            /* a tail alone */
    {"\xc0\x80", 0},         /* overlong */
    {"\xe0\x80\x80", 0},     /* overlong */
    {"\xf0\x80\x80\x80", 0}, /* overlong */
    {"\xed\xa0\x80", 0},     /* a surrogate */
    {"\xf4\x90\x80\x80", 0}, /* past U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\xfe", 0},
};

START_TEST(strings_of_nested_messages_must_be_utf8)
{
    Tb__OrdersAppended *orders = make_orders(3);
    char text[16];
    tb_copy_text(text, sizeof text, texts[_i].text);
    orders->records[2]->idempotency_key = text;
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    if (!texts[_i].fits) {
        expect_refusal(&envelope, &orders->base, "tb.OrderRecord.idempotency_key is not UTF-8");
        return;
    }
    size_t size;
    const uint8_t *bytes = pack(&envelope, &orders->base, &size);
    ck_assert_msg(unpack(bytes, size) == 0, "%s", err.text);
}
END_TEST

START_TEST(enums_of_messages_nested_twice_must_be_in_range)
{
    Tb__OrderResult result = TB__ORDER_RESULT__INIT;
    Tb__OrderResult *list[] = {&result};
    Tb__OrderResults results = TB__ORDER_RESULTS__INIT;
    results.results = list;
    results.n_results = 1;
    result.order = make_record(1);
    result.order->side = (Tb__Side)3;
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDER_RESULTS);
    expect_refusal(&envelope, &results.base, "tb.OrderRecord.side has no value 3");
    result.order->side = TB__SIDE__SIDE_SELL;
    result.refusal = (Tb__Refusal)-1;
    expect_refusal(&envelope, &results.base, "tb.OrderResult.refusal has no value -1");
}
END_TEST

START_TEST(more_records_than_may_be_are_refused_before_they_take_memory)
{
    size_t fields = (size_t)CODEC_RECORDS_MAX + 100;
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    envelope.payload.len = 2 * fields; /* field 1, length 0: two bytes that ask for a whole record */
    envelope.payload.data = arena_alloc(&arena, envelope.payload.len);
    for (size_t i = 0; i < fields; i++)
        envelope.payload.data[2 * i] = 1 << 3 | 2;
    size_t size = tb__envelope__get_packed_size(&envelope);
    uint8_t *bytes = malloc(size);
    tb__envelope__pack(&envelope, bytes);
    arena_reset(&arena);
    ck_assert_int_eq(codec_unpack(bytes, size, &arena, &got, &payload, &err), -1);
    ck_assert_msg(strstr(err.text, "more than 65536 records") != NULL, "%s", err.text);
    ck_assert_uint_lt(arena.used_bytes, 2 * size);
    free(bytes);
}
END_TEST

START_TEST(a_packed_list_of_too_many_numbers_is_refused)
{
    Tb__CancelResult result = TB__CANCEL_RESULT__INIT;
    Tb__CancelResult *list[] = {&result};
    Tb__CancelResults results = TB__CANCEL_RESULTS__INIT;
    results.results = list;
    results.n_results = 1;
    result.n_order_seqs = (size_t)CODEC_RECORDS_MAX + 1;
    result.order_seqs = arena_array(&arena, result.n_order_seqs, sizeof *result.order_seqs);
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__CANCEL_RESULTS);
    expect_refusal(&envelope, &results.base, "tb.CancelResult.order_seqs has 65537 entries");
}
END_TEST

START_TEST(the_arenas_limit_bounds_what_a_frame_can_take)
{
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__ORDERS_APPENDED);
    size_t size;
    const uint8_t *bytes = pack(&envelope, &make_orders(20000)->base, &size);
    struct arena small;
    arena_init(&small, 256 * 1024);
    ck_assert_int_eq(codec_unpack(bytes, size, &small, &got, &payload, &err), -1);
    ck_assert_uint_le(small.used_bytes, 256 * 1024);
    arena_release(&small);
}
END_TEST

START_TEST(fields_of_a_later_version_are_passed_over)
{
    Tb__Envelope envelope = envelope_of(TB__MESSAGE_TYPE__VERIFY_REPLAY);
    static uint8_t body[] = {1 << 3, 7, 0xfa, 0x06, 3, 'n', 'e', 'w'}; /* request_id 7, and field 111 */
    envelope.payload = (ProtobufCBinaryData){sizeof body, body};
    uint8_t bytes[128];
    size_t size = tb__envelope__pack(&envelope, bytes);
    ck_assert_msg(unpack(bytes, size) == 0, "%s", err.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec");
    TCase *tcase = tcase_create("codec");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_is_packed_comes_back, 0, (int)TB_ARRAY_SIZE(counts));
    tcase_add_test(tcase, every_type_has_a_descriptor_and_no_other_number_has);
    tcase_add_test(tcase, another_reader_of_protobuf_reads_it_too);
    tcase_add_test(tcase, no_truncation_crashes_and_none_within_the_payload_is_taken);
    tcase_add_test(tcase, flipped_bits_never_crash);
    tcase_add_test(tcase, random_bytes_never_crash);
    tcase_add_test(tcase, wrong_envelopes_are_named);
    tcase_add_loop_test(tcase, strings_of_nested_messages_must_be_utf8, 0, (int)TB_ARRAY_SIZE(texts));
    tcase_add_test(tcase, enums_of_messages_nested_twice_must_be_in_range);
    tcase_add_test(tcase, more_records_than_may_be_are_refused_before_they_take_memory);
    tcase_add_test(tcase, a_packed_list_of_too_many_numbers_is_refused);
    tcase_add_test(tcase, the_arenas_limit_bounds_what_a_frame_can_take);
    tcase_add_test(tcase, fields_of_a_later_version_are_passed_over);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
