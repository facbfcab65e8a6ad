/* The body of an OTLP/HTTP request, the endpoint it goes to, and when the reconciler asks for spans, posts them, and
 * moves on. */
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "gateway/json_out.h"
#include "reconciler/collector.h"
#include "reconciler/core.h"
#include "reconciler/otlp.h"

static const struct otlp_span spans[] = {
    {.trace_id = {0x01, 0x9a, [15] = 0xff},
     .span_id = "00f067aa0ba902b7",
     .parent_span_id = "b7ad6b7169203331",
     .actor = "gateway",
     .name = "order",
     .start_us = 1795339276123456,
     .end_us = 1795339276125000,
     .attributes = "{\"key\":\"tulip.orderId\",\"value\":{\"stringValue\":\"nl-1.5\"}}"},
    {.trace_id = {0x01, 0x9a, [15] = 0xff},
     .span_id = "1111111111111111",
     .parent_span_id = NULL,
     .actor = "balance",
     .name = "a \"name\"",
     .start_us = 1,
     .end_us = 2,
     .attributes = "",
     .error = "TB010: poisoned"},
    {.trace_id = {0x02},
     .span_id = "2222222222222222",
     .parent_span_id = "00f067aa0ba902b7",
     .actor = "gateway",
     .name = "receive",
     .start_us = 3,
     .end_us = 4,
     .attributes = ""},
};

START_TEST(a_body_is_as_the_specification_maps_it_to_json)
{
    struct text body = {0};
    otlp_write(&body, &(struct otlp_resource){"nl-1", "local", "1.2.3"}, spans, TB_ARRAY_SIZE(spans));
#define RESOURCE(service)                                                                                              \
    "{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"tulip-" service "\"}},"     \
    "{\"key\":\"service.namespace\",\"value\":{\"stringValue\":\"tulipbroker\"}},"                                     \
    "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.2.3\"}},"                                             \
    "{\"key\":\"deployment.environment\",\"value\":{\"stringValue\":\"local\"}},"                                      \
    "{\"key\":\"tulip.region\",\"value\":{\"stringValue\":\"nl-1\"}}]},"                                               \
    "\"scopeSpans\":[{\"scope\":{\"name\":\"tulipbroker\"},\"spans\":["
    ck_assert_str_eq(
        body.bytes,
        "{\"resourceSpans\":[" RESOURCE(
            "gateway") "{\"traceId\":\"019a00000000000000000000000000ff\",\"spanId\":\"00f067aa0ba902b7\","
                       "\"parentSpanId\":\"b7ad6b7169203331\",\"name\":\"order\",\"kind\":2,"
                       "\"startTimeUnixNano\":\"1795339276123456000\",\"endTimeUnixNano\":\"1795339276125000000\","
                       "\"attributes\":[{\"key\":\"tulip.orderId\",\"value\":{\"stringValue\":\"nl-1.5\"}}]},"
                       "{\"traceId\":\"02000000000000000000000000000000\",\"spanId\":\"2222222222222222\","
                       "\"parentSpanId\":\"00f067aa0ba902b7\",\"name\":\"receive\",\"kind\":1,"
                       "\"startTimeUnixNano\":\"3000\",\"endTimeUnixNano\":\"4000\",\"attributes\":[]}]}]}," RESOURCE(
                           "balance") "{\"traceId\":\"019a00000000000000000000000000ff\","
                                      "\"spanId\":\"1111111111111111\",\"name\":\"a \\\"name\\\"\",\"kind\":1,"
                                      "\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"2000\",\"attributes\":[],"
                                      "\"status\":{\"code\":2,\"message\":\"TB010: poisoned\"}}]}]}]}");
    text_release(&body);
}
END_TEST

static const struct {
    const char *url, *host, *port, *path, *authority; /* host NULL: refused */
} endpoints[] = {
    {"http://collector", "collector", "4318", "/v1/traces", "collector"},
    {"http://collector:9999/", "collector", "9999", "/v1/traces", "collector:9999"},
    {"http://10.0.0.1:4318/base/path", "10.0.0.1", "4318", "/base/path/v1/traces", "10.0.0.1:4318"},
    {"http://[::1]:80", "::1", "80", "/v1/traces", "[::1]:80"},
    {"http://[::1]", "::1", "4318", "/v1/traces", "[::1]"},
    {"https://collector", NULL, NULL, NULL, NULL},
    {"collector:4318", NULL, NULL, NULL, NULL},
    {"http://", NULL, NULL, NULL, NULL},
    {"http://:80", NULL, NULL, NULL, NULL},
    {"http://a:", NULL, NULL, NULL, NULL},
    {"http://a:8x", NULL, NULL, NULL, NULL},
    {"http://a:123456789", NULL, NULL, NULL, NULL},
    {"http://user@a", NULL, NULL, NULL, NULL},
    {"http://a/b\r\nX: y", NULL, NULL, NULL, NULL},
    {"http://a?b", NULL, NULL, NULL, NULL},
    {"http://[::1", NULL, NULL, NULL, NULL},
    {"http://[::1]x", NULL, NULL, NULL, NULL},
};

START_TEST(an_endpoint_is_read_strictly)
{
    struct collector_endpoint endpoint;
    struct err err = {{0}};
    int status = collector_parse(endpoints[_i].url, &endpoint, &err);
    ck_assert_int_eq(status, endpoints[_i].host ? 0 : -1);
    if (!endpoints[_i].host)
        return;
    ck_assert_str_eq(endpoint.host, endpoints[_i].host);
    ck_assert_str_eq(endpoint.port, endpoints[_i].port);
    ck_assert_str_eq(endpoint.path, endpoints[_i].path);
    ck_assert_str_eq(endpoint.authority, endpoints[_i].authority);
}
END_TEST

START_TEST(an_endpoint_that_is_too_long_is_refused)
{
    char url[1024];
    struct collector_endpoint endpoint;
    struct err err = {{0}};
    for (size_t length = 200; length < 900; length += 50) {
        memset(url, 'a', sizeof url);
        memcpy(url, "http://", 7);
        url[7 + length] = '\0';
        ck_assert_int_eq(collector_parse(url, &endpoint, &err), length < COLLECTOR_HOST_SIZE ? 0 : -1);
        url[8] = '/';
        ck_assert_int_eq(collector_parse(url, &endpoint, &err),
                         length - 1 + sizeof "/v1/traces" <= COLLECTOR_PATH_SIZE ? 0 : -1);
    }
}
END_TEST

/* ---- the core ---- */

static struct reconciler_core core;
static struct arena arena;
static struct effects fx;
static int64_t now_us;

static void step(struct input in)
{
    static const struct peer nobody;
    arena_reset(&arena);
    effects_reset(&fx, &arena);
    in.now_us = now_us += 1000;
    in.from = &nobody;
    reconciler_core_step(&core, &in, &fx);
}

static const struct effect *effect_of(enum effect_kind kind, int index)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == kind && (index < 0 || fx.items[i].index == (unsigned)index))
            return &fx.items[i];
    return NULL;
}

static void open_core(uint64_t one_in)
{
    core = (struct reconciler_core){0};
    arena_init(&arena, 16 << 20);
    now_us = 1800000000000000;
    reconciler_core_init(&core,
                         &(struct reconciler_options){
                             .region = "nl-1", .probe_us = 5000000, .otlp_one_in = one_in, .environment = "local"});
    step((struct input){.kind = INPUT_START});
    ck_assert_int_eq(effect_of(EFFECT_TIMER_SET, RECONCILER_TIMER_EXPORT) != NULL, one_in > 0);
    if (one_in > 0) { /* the first probe takes its time: later */
        step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_EXPORT});
        ck_assert_ptr_null(effect_of(EFFECT_CALL, RECONCILER_PROC_SPANS));
        ck_assert_ptr_nonnull(effect_of(EFFECT_TIMER_SET, RECONCILER_TIMER_EXPORT));
    }
    struct reconciler_probed calm = {.last_account = "", .sample = "[]"};
    step((struct input){.kind = INPUT_STORE, .proc = RECONCILER_PROC_PROBE, .status = STORE_DONE, .result = &calm});
}

static void close_core(void)
{
    reconciler_core_release(&core);
    arena_release(&arena);
}

static const struct reconciler_spans_args *tick(void)
{
    step((struct input){.kind = INPUT_TIMER, .timer = RECONCILER_TIMER_EXPORT});
    const struct effect *call = effect_of(EFFECT_CALL, RECONCILER_PROC_SPANS);
    return call ? call->args : NULL;
}

static const struct reconciler_post *answer(size_t count, uint64_t upto, uint64_t behind)
{
    struct reconciler_spans result = {count, spans, upto, 0, behind};
    step((struct input){.kind = INPUT_STORE, .proc = RECONCILER_PROC_SPANS, .status = STORE_DONE, .result = &result});
    const struct effect *effect = effect_of(EFFECT_EXTERNAL, -1);
    return effect ? effect->args : NULL;
}

static void posted(uint64_t number, enum post_outcome outcome)
{
    struct reconciler_posted heard = {number, outcome, "its status is 503"};
    step((struct input){.kind = INPUT_EXTERNAL, .external = &(struct reconciler_external){.posted = &heard}});
}

static int64_t export_due_in(void)
{
    const struct effect *timer = effect_of(EFFECT_TIMER_SET, RECONCILER_TIMER_EXPORT);
    return timer ? timer->value - now_us : -1;
}

static uint64_t done_upto(void)
{
    const struct effect *call = effect_of(EFFECT_CALL, RECONCILER_PROC_SPANS_DONE);
    return call ? ((const struct reconciler_spans_done_args *)call->args)->upto : 0;
}

START_TEST(a_batch_is_posted_and_then_the_cursor_moves)
{
    open_core(4);
    const struct reconciler_spans_args *args = tick();
    ck_assert_ptr_nonnull(args);
    ck_assert_int_eq(args->threshold, 3LL << 54);
    ck_assert_ptr_null(tick()); /* one at a time */
    const struct reconciler_post *post = answer(2, 40, 0);
    ck_assert_ptr_nonnull(post);
    ck_assert_uint_eq(post->length, strlen(post->body));
    ck_assert_ptr_nonnull(strstr(post->body, "019a00000000000000000000000000ff"));
    ck_assert_ptr_nonnull(strstr(post->body, "\"local\""));
    uint64_t number = post->number;
    ck_assert_ptr_null(tick());
    ck_assert_uint_eq(done_upto(), 0);
    posted(number, POST_TAKEN);
    ck_assert_uint_eq(done_upto(), 40);
    ck_assert_int_eq(effect_of(EFFECT_COUNT, RECONCILER_METRIC_OTLP_SPANS)->value, 2);
    ck_assert_int_ge(export_due_in(), 1000000);
    ck_assert_ptr_nonnull(tick());
    ck_assert_ptr_null(answer(0, 41, 900)); /* nothing chosen there, and more to look at */
    ck_assert_uint_eq(done_upto(), 41);
    ck_assert_int_lt(export_due_in(), 100000);
    close_core();
}
END_TEST

START_TEST(a_collector_that_is_away_gets_the_same_again_ever_more_slowly)
{
    open_core(1);
    ck_assert_int_eq(tick()->threshold, 0);
    const struct reconciler_post *post = answer(1, 7, 0);
    uint64_t number = post->number;
    int64_t last = 0;
    for (int i = 0; i < 8; i++) {
        posted(number, POST_LATER);
        ck_assert_int_eq(effect_of(EFFECT_LOG, -1) != NULL, i == 0); /* said once */
        ck_assert_int_eq(effect_of(EFFECT_COUNT, RECONCILER_METRIC_OTLP_FAILURES)->value, 1);
        ck_assert_uint_eq(done_upto(), 0);
        ck_assert_int_eq(export_due_in(), last == 0 ? 1000000 : last * 2 < 60000000 ? last * 2 : 60000000);
        last = export_due_in();
        ck_assert_ptr_null(tick()); /* the store is not asked again */
        const struct effect *again = effect_of(EFFECT_EXTERNAL, -1);
        ck_assert_ptr_nonnull(again);
        ck_assert_ptr_nonnull(strstr(((const struct reconciler_post *)again->args)->body, "00f067aa0ba902b7"));
    }
    posted(number, POST_TAKEN);
    ck_assert_uint_eq(done_upto(), 7);
    ck_assert_ptr_nonnull(effect_of(EFFECT_LOG, -1)); /* it is back */
    close_core();
}
END_TEST

START_TEST(what_is_refused_for_good_is_dropped_and_counted)
{
    open_core(1);
    (void)tick();
    posted(answer(3, 9, 0)->number, POST_REFUSED);
    ck_assert_int_eq(effect_of(EFFECT_COUNT, RECONCILER_METRIC_OTLP_REFUSED)->value, 3);
    ck_assert_uint_eq(done_upto(), 9);
    ck_assert_ptr_nonnull(tick());
    close_core();
}
END_TEST

START_TEST(a_lost_store_ends_the_batch)
{
    open_core(1);
    (void)tick();
    uint64_t number = answer(3, 9, 0)->number;
    step((struct input){.kind = INPUT_STORE_LOST});
    posted(number, POST_TAKEN);
    ck_assert_uint_eq(done_upto(), 0);
    step((struct input){.kind = INPUT_START});
    posted(number, POST_TAKEN);
    ck_assert_uint_eq(done_upto(), 0);
    struct reconciler_probed calm = {.last_account = "", .sample = "[]"};
    step((struct input){.kind = INPUT_STORE, .proc = RECONCILER_PROC_PROBE, .status = STORE_DONE, .result = &calm});
    ck_assert_ptr_nonnull(tick()); /* from the cursor on */
    close_core();
}
END_TEST

START_TEST(without_an_endpoint_nothing_is_asked)
{
    open_core(0);
    ck_assert_ptr_null(tick());
    close_core();
}
END_TEST

START_TEST(a_busy_store_is_given_a_rest)
{
    open_core(1);
    (void)tick();
    now_us += 500000;
    ck_assert_ptr_null(answer(0, 9, 5000));
    ck_assert_int_ge(export_due_in(), 9 * 500000);
    (void)tick();
    step((struct input){
        .kind = INPUT_STORE, .proc = RECONCILER_PROC_SPANS, .status = STORE_FAILED, .error = "42501: no"});
    ck_assert_ptr_nonnull(effect_of(EFFECT_LOG, -1));
    ck_assert_int_eq(export_due_in(), 1000000);
    close_core();
}
END_TEST

CHECK_MAIN("otlp", tcase_add_test(cases, a_body_is_as_the_specification_maps_it_to_json);
           tcase_add_loop_test(cases, an_endpoint_is_read_strictly, 0, (int)TB_ARRAY_SIZE(endpoints));
           tcase_add_test(cases, an_endpoint_that_is_too_long_is_refused);
           tcase_add_test(cases, a_batch_is_posted_and_then_the_cursor_moves);
           tcase_add_test(cases, a_collector_that_is_away_gets_the_same_again_ever_more_slowly);
           tcase_add_test(cases, what_is_refused_for_good_is_dropped_and_counted);
           tcase_add_test(cases, a_lost_store_ends_the_batch);
           tcase_add_test(cases, without_an_endpoint_nothing_is_asked);
           tcase_add_test(cases, a_busy_store_is_given_a_rest);)
