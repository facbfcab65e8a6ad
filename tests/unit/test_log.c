#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "check_main.h"
#include "child.h"
#include "log.h"

static struct child_result result;

static const uint8_t trace_id[16] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                     0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};

/* Logs arg as message and user, in a process of its own. */
static int logs_text(void *arg)
{
    log_init("sequencer", "1", "nl-1", LOG_DEBUG);
    log_event(LOG_INFO, 1842, arg, trace_id, "%s", (const char *)arg);
    return 0;
}

/* Gives the one line written as a JSON object. */
static json_t *logged(const char *text)
{
    char copy[8192];
    ck_assert(tb_copy_text(copy, sizeof copy, text));
    child_run(logs_text, copy, &result);
    ck_assert_int_eq(result.exit_code, 0);
    ck_assert_ptr_eq(strchr(result.output, '\n'), result.output + result.length - 1);
    json_error_t error;
    json_t *line = json_loads(result.output, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(line != NULL, "%s in %s", error.text, result.output);
    return line;
}

static const char *field(const json_t *line, const char *name)
{
    const char *value = json_string_value(json_object_get(line, name));
    return value ? value : "(absent)";
}

START_TEST(a_line_has_all_fields)
{
    json_t *line = logged("order accepted");
    ck_assert_str_eq(field(line, "message"), "order accepted");
    ck_assert_str_eq(field(line, "level"), "info");
    ck_assert_str_eq(field(line, "actor"), "sequencer");
    ck_assert_str_eq(field(line, "instance"), "1");
    ck_assert_str_eq(field(line, "orderId"), "nl-1.1842");
    ck_assert_str_eq(field(line, "userId"), "order accepted");
    ck_assert_str_eq(field(line, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
    ck_assert_uint_eq(strlen(field(line, "ts")), strlen("2026-11-22T09:21:16.123Z"));
    json_decref(line);
}
END_TEST

static const struct {
    const char *text, *read_back;
} texts[] = {
    {"", ""},
    {"a \"quoted\" \\ text", "a \"quoted\" \\ text"},
    {"two\nlines\r\n\tand a tab", "two\nlines\r\n\tand a tab"},
    {"{\"level\":\"error\"}", "{\"level\":\"error\"}"}, /* no line may be forged */
    {"\x01\x1f\x7f", "\x01\x1f\x7f"},
    {"Clusi\xc3\xbcs \xe2\x82\xac \xf0\x9f\x8c\xb7", "Clusi\xc3\xbcs \xe2\x82\xac \xf0\x9f\x8c\xb7"},
    {"latin \xfc", "latin \xef\xbf\xbd"},
    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
    {"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* surrogate */
    {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* beyond U+10FFFF */
    {"\xf5", "\xef\xbf\xbd"},
    {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
    {"\x80", "\xef\xbf\xbd"},
    {"\xe2\"", "\xef\xbf\xbd\""}, /* the quote is not eaten */
    {"%s %n", "%s %n"},
};

START_TEST(any_text_is_valid_json)
{
    json_t *line = logged(texts[_i].text);
    ck_assert_str_eq(field(line, "message"), texts[_i].read_back);
    ck_assert_str_eq(field(line, "userId"), texts[_i].read_back);
    json_decref(line);
}
END_TEST

START_TEST(long_texts_are_cut_into_a_valid_line)
{
    static const char *const pieces[] = {"a", "\"", "\x01", "\xff", "\xe2\x82\xac"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(pieces); i++) {
        char text[8001] = "";
        for (size_t length = 0; length + strlen(pieces[i]) < sizeof text - 1; length += strlen(pieces[i]))
            memcpy(text + length, pieces[i], strlen(pieces[i]) + 1);
        json_t *line = logged(text);
        ck_assert_uint_ge(strlen(field(line, "message")), 4095);
        ck_assert_str_eq(field(line, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
        json_decref(line);
    }
}
END_TEST

static int logs_all_levels(void *arg)
{
    log_init("balance", "2", "nl-1", *(enum log_level *)arg);
    log_debug("d");
    log_info("i");
    log_warning("w");
    log_error("e");
    return 0;
}

START_TEST(lines_below_the_level_are_dropped)
{
    for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        child_run(logs_all_levels, &level, &result);
        int lines = 0;
        for (int i = 0; i < result.length; i++)
            lines += result.output[i] == '\n';
        ck_assert_int_eq(lines, LOG_ERROR - (int)level + 1);
        ck_assert_ptr_nonnull(strstr(result.output, "\"message\":\"e\"}"));
        ck_assert_ptr_null(strstr(result.output, "orderId"));
        ck_assert_ptr_null(strstr(result.output, "userId"));
        ck_assert_ptr_null(strstr(result.output, "traceId"));
    }
}
END_TEST

static const char *held_mark = "held";

/* Logs more than is held at once, a mark of what was written so far, and a warning. */
static int logs_held(void *arg)
{
    (void)arg;
    log_init("sequencer", "1", "nl-1", LOG_INFO);
    log_hold();
    for (int i = 0; i < 40; i++) /* some 200 bytes each */
        log_event(LOG_INFO, (uint64_t)i + 1, "clusius", trace_id, "order accepted");
    log_warning("in between");
    log_info("behind it");
    (void)!write(STDERR_FILENO, held_mark, strlen(held_mark));
    log_release();
    log_info("by itself");
    return 0;
}

START_TEST(held_lines_come_in_order_and_a_warning_does_not_wait)
{
    child_run(logs_held, NULL, &result);
    ck_assert_int_eq(result.exit_code, 0);
    const char *at = result.output;
    for (int i = 1; i <= 40; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof expected, "\"nl-1.%d\"", i);
        at = strstr(at, expected);
        ck_assert_msg(at != NULL, "%d is lost or out of order", i);
    }
    static const char *const rest[] = {"in between", "held", "behind it", "by itself"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(rest); i++) {
        at = strstr(at, rest[i]);
        ck_assert_msg(at != NULL, "%s is lost or out of order", rest[i]);
    }
}
END_TEST

START_TEST(levels_have_names)
{
    enum log_level level = LOG_INFO;
    ck_assert(log_level_parse("debug", &level) && level == LOG_DEBUG);
    ck_assert(log_level_parse("warning", &level) && level == LOG_WARNING);
    ck_assert(log_level_parse("error", &level) && level == LOG_ERROR);
    ck_assert(log_level_parse("info", &level) && level == LOG_INFO);
    ck_assert(!log_level_parse("INFO", &level) && !log_level_parse("", &level) && !log_level_parse("warn", &level));
}
END_TEST

CHECK_MAIN("log", tcase_add_test(cases, a_line_has_all_fields);
           tcase_add_loop_test(cases, any_text_is_valid_json, 0, (int)TB_ARRAY_SIZE(texts));
           tcase_add_test(cases, long_texts_are_cut_into_a_valid_line);
           tcase_add_test(cases, lines_below_the_level_are_dropped); tcase_add_test(cases, levels_have_names);
           tcase_add_test(cases, held_lines_come_in_order_and_a_warning_does_not_wait);)
