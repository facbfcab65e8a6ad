/* orders: from a request to the core, and from the core's answer to HTTP. */
#include "orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"
#include "clock.h"
#include "ids.h"
#include "json_in.h"
#include "operations.h"
#include "order_json.h"
#include "executions.pb-c.h"
#include "orders.pb-c.h"
#include "reads.h"
#include "validate.h"

/* Of one POST, in request->context. */
struct submission {
    struct gateway *gateway;
    struct http_request *request;
    struct order_input input;
    struct field_errors unknown_user; /* answered when no order of that key exists */
    bool key_generated;
    int wait_seconds;
    uint64_t order_seq;
    bool replayed, waited;
};

/* A cancel ended an order that is CANCELLED, or ACCEPTED with less than was ordered. */
#define FINAL_JOIN      "orders o LEFT JOIN executions f ON f.region = o.region AND f.order_seq = o.seq AND f.leg = 0 "
#define ENDED_BY_CANCEL "(f.type = 3 OR (f.type = 2 AND f.quantity < o.quantity))"

const struct db_statement order_read_statements[ORDER_READS] = {
    [ORDER_READ_CANCELLED] = {"order_cancelled",
                              "SELECT CASE WHEN f.seq IS NULL THEN 503 WHEN " ENDED_BY_CANCEL " THEN 200 ELSE 409 END, "
                              "CASE WHEN f.seq IS NULL THEN NULL WHEN " ENDED_BY_CANCEL
                              " THEN (SELECT body FROM api_order_present($1, $2)) "
                              "ELSE 'ORDER_TERMINAL' END FROM " FINAL_JOIN
                              "WHERE o.region = $1 AND o.seq = $2 AND o.kind = 1"},
    [ORDER_READ_CANCELLED_COUNT] = {"orders_cancelled",
                                    "SELECT 200, (count(*) FILTER (WHERE " ENDED_BY_CANCEL "))::text FROM " FINAL_JOIN
                                    "WHERE o.region = $1 AND o.seq = ANY ($2::bigint[]) AND o.kind = 1"},
};

static size_t own_statement(enum order_read read)
{
    return gateway_read_statement_count + (size_t)read;
}

/* --- POST /api/orders: in --- */

static bool user_known(void *arg, const char *user_id)
{
    return view_user_may_trade(arg, user_id);
}

/* Effect: 503 (or another) with the key that was made for the order, so that the client can retry with it. */
static void respond_refused(struct submission *submission, enum problem_code code)
{
    char member[ORDER_KEY_MAX + 32];
    if (!submission->key_generated) {
        problem_respond(submission->request, code, NULL);
        return;
    }
    (void)snprintf(member, sizeof member, "\"idempotencyKey\":\"%s\"", submission->input.key);
    problem_respond_with(submission->request, code, NULL, member);
}

static void submit(struct submission *submission)
{
    struct gateway *gateway = submission->gateway;
    struct http_request *request = submission->request;
    struct flight_request flight = {.input = &submission->input,
                                    .key_generated = submission->key_generated,
                                    .trace_id = request->trace_id,
                                    .parent_span = request->parent_span,
                                    .received_at_us =
                                        gateway_now_us(gateway) - (clock_monotonic_us() - request->received_us),
                                    .wait_seconds = submission->wait_seconds,
                                    .ticket = submission};
    if (!flights_add(gateway->core->flights, &flight, gateway_now_us(gateway)))
        respond_refused(submission, PROBLEM_BACKPRESSURE);
}

/* The user is unknown or removed, but the order may have been placed before: then the sequencer decides (replay, or key
 * reused). */
static void on_known_key(void *arg, const struct read_result *result)
{
    struct submission *submission = arg;
    if (result->status == 200)
        submit(submission);
    else if (result->status == 404)
        problem_respond_fields(submission->request, &submission->unknown_user);
    else
        read_result_respond(result, submission->request, "application/json");
}

static void look_up_key(struct submission *submission)
{
    struct gateway *gateway = submission->gateway;
    struct db_params params;
    db_params_init(&params, gateway->scratch);
    db_add_text(&params, gateway->region);
    db_add_text(&params, submission->input.client_id);
    db_add_text(&params, submission->input.key);
    read_pool_call(gateway->reads, READ_ORDER_BY_KEY, &params, on_known_key, submission);
}

static void generate_key(struct submission *submission)
{
    uint8_t bytes[16];
    gateway_unique(submission->gateway, bytes);
    ids_hex(bytes, sizeof bytes, submission->input.key);
    submission->key_generated = true;
}

static int preferred_wait(const struct http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        int seconds =
            strcasecmp(request->headers[i].name, "Prefer") == 0 ? validate_prefer_wait(request->headers[i].value) : 0;
        if (seconds > 0)
            return seconds;
    }
    return 0;
}

static void orders_post(struct gateway *gateway, struct http_request *request)
{
    struct json_in in;
    struct err err = {0};
    struct validate_result result;
    if (json_in_parse(&in, request->body, request->body_length, &err) < 0) {
        problem_respond(request, PROBLEM_MALFORMED_JSON, err.text);
        return;
    }
    if (!gateway->core->view.ready) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, NULL);
        return;
    }
    struct submission *submission = tb_alloc_zero(1, sizeof *submission);
    request->context = submission;
    submission->gateway = gateway;
    submission->request = request;
    bool good =
        validate_order(&in, http_header(request, "Idempotency-Key"), http_header_count(request, "Idempotency-Key"),
                       user_known, &gateway->core->view, &submission->input, &result);
    submission->wait_seconds = preferred_wait(request);
    if (good) {
        if (submission->input.key[0] == '\0')
            generate_key(submission);
        submit(submission);
    } else if (result.only_user_unknown && submission->input.key[0] != '\0') {
        submission->unknown_user = result.errors;
        look_up_key(submission);
    } else if (result.errors.count > 0) {
        problem_respond_fields(request, &result.errors);
    } else {
        problem_respond(request, PROBLEM_IDEMPOTENCY_KEY_MISMATCH,
                        "The Idempotency-Key header and the body's idempotencyKey differ.");
    }
}

/* --- POST /api/orders: out --- */

static void add_location(struct gateway *gateway, struct http_request *request, uint64_t seq)
{
    char id[IDS_TEXT_MAX], location[IDS_TEXT_MAX + 16];
    (void)snprintf(location, sizeof location, "/api/orders/%s", ids_format(gateway->region, seq, id));
    http_add_header(request, "Location", location);
}

static void respond_created(struct submission *submission, const Tb__OrderRecord *order)
{
    struct gateway *gateway = submission->gateway;
    struct http_request *request = submission->request;
    text_clear(&gateway->buffer);
    order_json_write(&gateway->buffer, order, view_find(&gateway->core->view, order->user_id), gateway->region);
    struct text queued = {0};
    const struct text *body = &gateway->buffer;
    if (operations_fill_is_away(gateway)) {
        order_json_write_queued(&queued, body->bytes, body->length);
        body = &queued;
    }
    add_location(gateway, request, order->seq);
    int64_t accept_us = clock_monotonic_us() - request->received_us;
    http_respond_json(request, 201, body->bytes, body->length);
    text_release(&queued);
    metrics_observe(actor_metrics(gateway->actor), METRIC_ORDER_ACCEPT, accept_us);
}

static void on_present_state(void *arg, const struct read_result *result)
{
    struct submission *submission = arg;
    struct gateway *gateway = submission->gateway;
    struct http_request *request = submission->request;
    if (result->status != 200) {
        /* The order is there; only its present state cannot be read. A retry with the key finds it. */
        respond_refused(submission, result->status == 500 ? PROBLEM_INTERNAL : PROBLEM_STORE_UNAVAILABLE);
        return;
    }
    struct text queued = {0};
    bool is_away = operations_fill_is_away(gateway);
    if (is_away)
        order_json_write_queued(&queued, result->body, result->length);
    text_clear(&gateway->buffer);
    order_json_write_present(&gateway->buffer, is_away ? queued.bytes : result->body,
                             is_away ? queued.length : result->length,
                             view_find(&gateway->core->view, submission->input.user_id));
    text_release(&queued);
    if (submission->waited)
        http_add_header(request, "Preference-Applied", "wait");
    if (submission->replayed)
        http_add_header(request, "Idempotency-Replayed", "true");
    else
        add_location(gateway, request, submission->order_seq);
    http_respond_json(request, submission->replayed ? 200 : 201, gateway->buffer.bytes, gateway->buffer.length);
}

static void read_present_state(struct submission *submission)
{
    struct gateway *gateway = submission->gateway;
    struct db_params params;
    arena_reset(gateway->scratch);
    db_params_init(&params, gateway->scratch);
    db_add_text(&params, gateway->region);
    db_add_int8(&params, (int64_t)submission->order_seq);
    read_pool_call(gateway->reads, READ_ORDER_PRESENT, &params, on_present_state, submission);
}

static void answer_flight(const struct flight_answer *answer)
{
    struct submission *submission = answer->ticket;
    submission->order_seq = answer->order_seq;
    submission->replayed = answer->replayed;
    switch (answer->kind) {
    case FLIGHT_CREATED:
        respond_created(submission, answer->order);
        break;
    case FLIGHT_WAITED:
        submission->waited = true;
        read_present_state(submission);
        break;
    case FLIGHT_REPLAYED:
        read_present_state(submission);
        break;
    case FLIGHT_REFUSED:
        respond_refused(submission, gateway_refusal_problem(answer->refusal));
        break;
    default:
        tb_assert(false);
    }
}

/* --- cancels --- */

/* Of one cancel, in request->context. */
struct cancellation {
    struct gateway *gateway;
    struct http_request *request;
    uint64_t order_seq; /* 0 = all of a user */
    char user_id[VIEW_USER_ID_MAX];
    int64_t cancelled; /* so far */
    bool more;         /* the sequencer takes so many at a time: ask again */
};

/* The most orders that one cancel-all of the sequencer concerns; exactly so many may mean that there are more. */
enum { CANCEL_ALL_BATCH = 10000 };

static void send_cancel(struct cancellation *cancellation)
{
    struct gateway *gateway = cancellation->gateway;
    struct http_request *request = cancellation->request;
    if (!gateway->core->view.ready)
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, NULL);
    else if (!cancels_add(gateway->core->cancels, cancellation->order_seq, cancellation->user_id, request->trace_id,
                          cancellation, gateway_now_us(gateway)))
        problem_respond(request, PROBLEM_BACKPRESSURE, NULL);
}

static void start_cancel(struct gateway *gateway, struct http_request *request, uint64_t order_seq, const char *user_id)
{
    struct cancellation *cancellation = tb_alloc_zero(1, sizeof *cancellation);
    *cancellation = (struct cancellation){.gateway = gateway, .request = request, .order_seq = order_seq};
    (void)tb_copy_text(cancellation->user_id, sizeof cancellation->user_id, user_id);
    request->context = cancellation;
    send_cancel(cancellation);
}

static void orders_cancel(struct gateway *gateway, struct http_request *request)
{
    uint64_t seq = 0;
    if (gateway_parse_id(gateway, request, request->params[0], "order", &seq))
        start_cancel(gateway, request, seq, "");
}

static void orders_cancel_all(struct gateway *gateway, struct http_request *request)
{
    struct json_in in;
    struct err err = {0};
    struct field_errors errors = {.count = 0};
    if (json_in_parse(&in, request->body, request->body_length, &err) < 0) {
        problem_respond(request, PROBLEM_MALFORMED_JSON, err.text);
        return;
    }
    const char *user = json_in_text(&in, "userId", 1, 4096, true, &errors);
    if (user != NULL && !validate_is_user_id(user))
        field_error(&errors, "userId", "INVALID_FORMAT", "must be 2 to 40 of a-z, 0-9 and -, not beginning with -");
    if (errors.count == 0 && !gateway->core->view.ready) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, NULL);
        return;
    }
    /* A removed persona may still have open orders. */
    const struct view_user *known = errors.count > 0 ? NULL : view_find(&gateway->core->view, user);
    if (errors.count == 0 && (known == NULL || !known->has_persona))
        field_error(&errors, "userId", "UNKNOWN_USER", "there is no such persona");
    if (errors.count > 0)
        problem_respond_fields(request, &errors);
    else
        start_cancel(gateway, request, 0, user);
}

/* The store says how many of a batch a cancel ended. */
static void on_cancelled_count(void *arg, const struct read_result *result)
{
    struct cancellation *cancellation = arg;
    if (result->status != 200 || result->body == NULL) {
        read_result_respond(result, cancellation->request, "application/json");
        return;
    }
    cancellation->cancelled += strtoll(result->body, NULL, 10);
    if (cancellation->more) {
        send_cancel(cancellation);
        return;
    }
    char body[64];
    int length = snprintf(body, sizeof body, "{\"cancelled\":%lld}", (long long)cancellation->cancelled);
    http_respond_json(cancellation->request, 200, body, (size_t)length);
}

static void read_cancelled(struct cancellation *cancellation, const int64_t *seqs, size_t count)
{
    struct gateway *gateway = cancellation->gateway;
    struct db_params params;
    arena_reset(gateway->scratch);
    db_params_init(&params, gateway->scratch);
    db_add_text(&params, gateway->region);
    if (cancellation->order_seq != 0) {
        db_add_int8(&params, (int64_t)cancellation->order_seq);
        read_pool_respond(gateway->reads, own_statement(ORDER_READ_CANCELLED), &params, cancellation->request);
    } else {
        cancellation->more = count >= CANCEL_ALL_BATCH;
        db_add_int8_array(&params, seqs, count);
        read_pool_call(gateway->reads, own_statement(ORDER_READ_CANCELLED_COUNT), &params, on_cancelled_count,
                       cancellation);
    }
}

static void answer_cancel(const struct cancel_answer *answer)
{
    struct cancellation *cancellation = answer->ticket;
    bool ended_cancelled = answer->kind == CANCEL_REFUSED && answer->refusal == TB__REFUSAL__REFUSAL_TERMINAL &&
                           answer->terminal_type == TB__EXECUTION_RECORD__TYPE__ORDER_CANCELLED;
    if (answer->kind == CANCEL_ENDED || ended_cancelled)
        read_cancelled(cancellation, answer->order_seqs, answer->count);
    else
        problem_respond(cancellation->request, gateway_refusal_problem(answer->refusal), NULL);
}

void orders_answer(struct gateway *gateway, const struct gateway_answer *answer)
{
    (void)gateway;
    if (answer->kind == ANSWER_FLIGHT)
        answer_flight(&answer->flight);
    else
        answer_cancel(&answer->cancel);
}

const struct route orders_routes[] = {
    {.verb = VERB_POST, .pattern = "/api/orders", .handle = orders_post, .flags = ROUTE_JSON},
    {VERB_POST, "/api/orders/{orderId}/cancel", orders_cancel, ROUTE_JSON | ROUTE_BODYLESS, 0},
    {VERB_DELETE, "/api/orders/{orderId}", orders_cancel, ROUTE_JSON | ROUTE_BODYLESS, 0},
    {.verb = VERB_POST, .pattern = "/api/orders/cancel-all", .handle = orders_cancel_all, .flags = ROUTE_JSON},
    {.verb = 0},
};
