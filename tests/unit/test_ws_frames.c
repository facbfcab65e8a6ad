/* WebSocket frames from the client's side: whole, in fragments, byte by byte, and all that RFC 6455 forbids. */
#include "ws_frames.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"

static char received[WS_MESSAGE_MAX + 1];
static size_t received_length;
static unsigned messages;
static int verdict;

static int on_message(void *arg, const char *text, size_t length)
{
    (void)arg;
    messages++;
    received_length = length;
    memcpy(received, text, length + 1);
    return verdict;
}

/* Effect: a client's frame, masked unless told otherwise. */
static void add_frame(struct text *to, unsigned first, const void *payload, size_t length, bool masked)
{
    unsigned char head[14] = {(unsigned char)first};
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t size = 2;
    if (length < 126) {
        head[1] = (unsigned char)length;
    } else if (length < 65536) {
        head[1] = 126;
        head[2] = (unsigned char)(length >> 8);
        head[3] = (unsigned char)length;
        size = 4;
    } else {
        head[1] = 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)(length >> (56 - 8 * i));
        size = 10;
    }
    if (masked) {
        head[1] |= 0x80;
        memcpy(head + size, mask, 4);
        size += 4;
    }
    text_append(to, head, size);
    for (size_t i = 0; i < length; i++) {
        char c = ((const char *)payload)[i];
        if (masked)
            c = (char)(c ^ mask[i % 4]);
        text_append(to, &c, 1);
    }
}

/* Return: the verdict on these bytes, fed in pieces of `piece`. */
static int feed(struct text *bytes, size_t piece, struct text *out)
{
    struct ws_frames *frames = ws_frames_new(on_message, NULL);
    int code = 0;
    messages = 0;
    for (size_t at = 0; at < bytes->length && code == 0; at += piece)
        code = ws_frames_feed(frames, bytes->bytes + at, bytes->length - at < piece ? bytes->length - at : piece, out);
    ws_frames_free(&frames);
    return code;
}

START_TEST(messages_come_whole_in_whatever_pieces_they_arrive)
{
    static const size_t pieces[] = {1, 2, 3, 7, 100, 5000, 1 << 20};
    static char large[WS_MESSAGE_MAX];
    memset(large, 'x', sizeof large);
    for (size_t i = 0; i < TB_ARRAY_SIZE(pieces); i++) {
        struct text in = {0}, out = {0};
        add_frame(&in, 0x81, "hello", 5, true);
        add_frame(&in, 0x01, "gree", 4, true);
        add_frame(&in, 0x89, "mark", 4, true); /* a ping between fragments */
        add_frame(&in, 0x00, "", 0, true);
        add_frame(&in, 0x80, "tings", 5, true);
        verdict = 0;
        ck_assert_int_eq(feed(&in, pieces[i], &out), 0);
        ck_assert_uint_eq(messages, 2);
        ck_assert_str_eq(received, "greetings");
        ck_assert_uint_eq(out.length, 6);
        ck_assert_mem_eq(out.bytes, "\x8a\x04mark", 6); /* its pong */
        add_frame(&in, 0x81, large, sizeof large, true);
        add_frame(&in, 0x81, "", 0, true);
        ck_assert_int_eq(feed(&in, pieces[i], &out), 0);
        ck_assert_uint_eq(messages, 4);
        ck_assert_uint_eq(received_length, 0);
        text_release(&in);
        text_release(&out);
    }
}
END_TEST

START_TEST(what_the_protocol_forbids_ends_with_the_code_that_says_so)
{
    static const struct {
        unsigned first;
        const char *payload;
        size_t length;
        bool unmasked;
        int code;
    } cases[] = {
        {0x81, "hi", 2, true, WS_PROTOCOL_ERROR},  /* not masked */
        {0xc1, "hi", 2, false, WS_PROTOCOL_ERROR}, /* RSV1 without an extension */
        {0x83, "hi", 2, false, WS_PROTOCOL_ERROR}, /* reserved opcodes */
        {0x8b, "hi", 2, false, WS_PROTOCOL_ERROR},
        {0x80, "hi", 2, false, WS_PROTOCOL_ERROR},     /* goes on with nothing */
        {0x09, "hi", 2, false, WS_PROTOCOL_ERROR},     /* a ping in fragments */
        {0x82, "hi", 2, false, WS_UNSUPPORTED},        /* binary */
        {0x81, "\xc3(", 2, false, WS_BAD_TEXT},        /* no UTF-8 */
        {0x81, "\xed\xa0\x80", 3, false, WS_BAD_TEXT}, /* a surrogate */
        {0x88, "", 0, false, WS_NORMAL},               /* closing: with nothing */
        {0x88, "\x03\xe8", 2, false, 1000},            /* … the client's own code */
        {0x88,
         "\x0f\xa0"
         "bye",
         5, false, 4000},
        {0x88, "\x03", 1, false, WS_PROTOCOL_ERROR},     /* half a code */
        {0x88, "\x03\xed", 2, false, WS_PROTOCOL_ERROR}, /* 1005 is never sent */
        {0x88, "\x00\x05", 2, false, WS_PROTOCOL_ERROR},
        {0x88, "\x03\xe8\xc3(", 4, false, WS_BAD_TEXT},
    };
    for (size_t i = 0; i < TB_ARRAY_SIZE(cases); i++) {
        struct text in = {0}, out = {0};
        add_frame(&in, cases[i].first, cases[i].payload, cases[i].length, !cases[i].unmasked);
        verdict = 0;
        for (size_t piece = 1; piece < 8; piece++)
            ck_assert_msg(feed(&in, piece, &out) == cases[i].code, "case %zu in pieces of %zu", i, piece);
        ck_assert_uint_eq(messages, 0);
        text_release(&in);
        text_release(&out);
    }
}
END_TEST

START_TEST(a_message_has_64_kib_at_most_in_one_frame_or_many)
{
    static char large[WS_MESSAGE_MAX + 1];
    memset(large, 'x', sizeof large);
    struct text in = {0}, out = {0};
    verdict = 0;
    add_frame(&in, 0x81, large, sizeof large, true);
    ck_assert_int_eq(feed(&in, 1000, &out), WS_TOO_BIG);
    text_clear(&in);
    add_frame(&in, 0x01, large, WS_MESSAGE_MAX - 1, true);
    add_frame(&in, 0x80, "ab", 2, true);
    ck_assert_int_eq(feed(&in, 1000, &out), WS_TOO_BIG);
    text_clear(&in);
    add_frame(&in, 0x01, large, 10, true); /* a new message inside of one */
    add_frame(&in, 0x81, "ab", 2, true);
    ck_assert_int_eq(feed(&in, 1000, &out), WS_PROTOCOL_ERROR);
    text_clear(&in);
    text_append(&in, "\x81\xff\x80\0\0\0\0\0\0\0", 10); /* a length of 2^63 */
    ck_assert_int_eq(feed(&in, 1000, &out), WS_PROTOCOL_ERROR);
    text_release(&in);
    text_release(&out);
}
END_TEST

START_TEST(the_handler_of_a_message_may_end_it)
{
    struct text in = {0}, out = {0};
    add_frame(&in, 0x81, "{", 1, true);
    add_frame(&in, 0x81, "{}", 2, true);
    verdict = WS_BAD_TEXT;
    ck_assert_int_eq(feed(&in, 1000, &out), WS_BAD_TEXT);
    ck_assert_uint_eq(messages, 1);
    text_release(&in);
    text_release(&out);
}
END_TEST

START_TEST(frames_go_out_unmasked_with_the_shortest_length)
{
    struct ws_frames *frames = ws_frames_new(on_message, NULL);
    struct text out = {0};
    static char text[70000];
    memset(text, 'y', sizeof text);
    ws_frames_text(frames, "hi", 2, &out);
    ws_frames_ping(frames, &out);
    ws_frames_close(frames, WS_SLOW_CONSUMER, "SLOW_CONSUMER", &out);
    ck_assert_uint_eq(out.length, 4 + 2 + 4 + 13);
    ck_assert_mem_eq(out.bytes, "\x81\x02hi\x89\x00\x88\x0f\x0f\xa8SLOW_CONSUMER", out.length);
    text_clear(&out);
    ws_frames_text(frames, text, 126, &out);
    ck_assert_mem_eq(out.bytes, "\x81\x7e\x00\x7e", 4);
    text_clear(&out);
    ws_frames_text(frames, text, sizeof text, &out);
    ck_assert_uint_eq(out.length, sizeof text + 10);
    ck_assert_mem_eq(out.bytes, "\x81\x7f\0\0\0\0\0\x01\x11\x70", 10);
    text_release(&out);
    ws_frames_free(&frames);
}
END_TEST

START_TEST(the_handshake_key_is_answered_as_the_rfc_says)
{
    char accept[WS_ACCEPT_MAX];
    ck_assert(ws_frames_accept("dGhlIHNhbXBsZSBub25jZQ==", accept));
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ck_assert(!ws_frames_accept("", accept));
    ck_assert(!ws_frames_accept("dGhlIHNhbXBsZSBub25jZQ=", accept));
    ck_assert(!ws_frames_accept("dGhlIHNhbXBsZSBub25jZQAA", accept));
    ck_assert(!ws_frames_accept("dGhlIHNhbXBsZSBub25j Q==", accept));
}
END_TEST

CHECK_MAIN("ws_frames", tcase_add_test(cases, messages_come_whole_in_whatever_pieces_they_arrive);
           tcase_add_test(cases, what_the_protocol_forbids_ends_with_the_code_that_says_so);
           tcase_add_test(cases, a_message_has_64_kib_at_most_in_one_frame_or_many);
           tcase_add_test(cases, the_handler_of_a_message_may_end_it);
           tcase_add_test(cases, frames_go_out_unmasked_with_the_shortest_length);
           tcase_add_test(cases, the_handshake_key_is_answered_as_the_rfc_says);)
