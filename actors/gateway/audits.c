/* Questions to the reconciler: do the invariants hold, does a replay give what is stored? It reads the whole history,
 * so it takes its time: what is not done within RECONCILER_PATIENCE_US (reconciler/core.h) is answered 503 and goes on.
 */
#include "operations.h"

#include <stdio.h>
#include <string.h>

#include "json_in.h"
#include "reconciler.pb-c.h"

enum { INVARIANTS_DEADLINE_MS = 60000, REPLAY_DEADLINE_MS = 60000 };

/* Return: whether there is a result; else the problem was answered. progress: of what is under way. */
static bool answered(struct http_request *request, const ProtobufCMessage *message, Tb__Refusal refusal,
                     const char *progress)
{
    char detail[160];
    snprintf(detail, sizeof detail, "It is under way (%.60s). Ask again: it goes on, and its result is kept.",
             progress);
    if (message == NULL) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, "The reconciler did not answer in time.");
    } else if (refusal == TB__REFUSAL__REFUSAL_UNDER_WAY) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, detail);
    } else if (refusal != TB__REFUSAL__REFUSAL_NONE) {
        problem_respond(request, gateway_refusal_problem(refusal), NULL);
    }
    return message != NULL && refusal == TB__REFUSAL__REFUSAL_NONE;
}

/* Effect: writes "sample", always an array: what the audit gives as one object (a note) becomes its only element. */
static void write_sample(struct json_out *out, const char *json)
{
    if (json[0] != '{') {
        json_out_raw(out, "sample", json[0] != '\0' ? json : "[]", json[0] != '\0' ? strlen(json) : 2);
        return;
    }
    json_out_begin_array(out, "sample");
    json_out_raw(out, NULL, json, strlen(json));
    json_out_end_array(out);
}

static void on_checked(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *message)
{
    const Tb__InvariantsChecked *result = (const Tb__InvariantsChecked *)message;
    if (!answered(request, message, result != NULL ? result->refusal : TB__REFUSAL__REFUSAL_NONE,
                  result != NULL ? result->progress : "")) {
        return;
    }
    bool ok = true;
    for (size_t i = 0; i < result->n_checks; i++) {
        ok = ok && result->checks[i]->ok;
    }
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_bool(&out, "ok", ok);
    json_out_time(&out, "checkedAt", result->checked_at_us);
    json_out_begin_array(&out, "checks");
    for (size_t i = 0; i < result->n_checks; i++) {
        const Tb__InvariantCheck *check = result->checks[i];
        json_out_begin(&out, NULL);
        json_out_string(&out, "id", check->id);
        json_out_bool(&out, "ok", check->ok);
        json_out_uint(&out, "count", check->count);
        write_sample(&out, check->sample_json);
        json_out_end(&out);
    }
    json_out_end_array(&out);
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

void invariants_get(struct gateway *gateway, struct http_request *request)
{
    Tb__CheckInvariants command = TB__CHECK_INVARIANTS__INIT;
    gateway_command(gateway, LINK_RECONCILER_COMMAND, TB__MESSAGE_TYPE__CHECK_INVARIANTS, &command.base, false,
                    INVARIANTS_DEADLINE_MS, request, on_checked);
}

static void on_verified(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *message)
{
    const Tb__ReplayVerified *result = (const Tb__ReplayVerified *)message;
    if (!answered(request, message, result != NULL ? result->refusal : TB__REFUSAL__REFUSAL_NONE,
                  result != NULL ? result->progress : "")) {
        return;
    }
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_bool(&out, "ok", result->ok);
    json_out_uint(&out, "orders", result->orders);
    json_out_string(&out, "liveHash", result->live_hash);
    json_out_string(&out, "replayHash", result->replay_hash);
    json_out_id(&out, "firstDivergence", gateway->region, result->first_divergence);
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

void replay_verify_post(struct gateway *gateway, struct http_request *request)
{
    struct json_in in = {0};
    struct err err = {0};
    struct field_errors errors = {0};
    int64_t from_seq = 0, to_seq = 0; /* 0 = open end */
    if (request->body_length > 0 && json_in_parse(&in, request->body, request->body_length, &err) < 0) {
        problem_respond(request, PROBLEM_MALFORMED_JSON, err.text);
        return;
    }
    json_in_int(&in, "fromSeq", 1, INT64_MAX, false, &from_seq, &errors);
    json_in_int(&in, "toSeq", 1, INT64_MAX, false, &to_seq, &errors);
    if (errors.count == 0 && to_seq != 0 && from_seq > to_seq) {
        field_error(&errors, "toSeq", "OUT_OF_RANGE", "must not be below fromSeq");
    }
    if (errors.count > 0) {
        problem_respond_fields(request, &errors);
        return;
    }
    Tb__VerifyReplay command = TB__VERIFY_REPLAY__INIT;
    command.from_seq = (uint64_t)from_seq;
    command.to_seq = (uint64_t)to_seq;
    gateway_command(gateway, LINK_RECONCILER_COMMAND, TB__MESSAGE_TYPE__VERIFY_REPLAY, &command.base, false,
                    REPLAY_DEADLINE_MS, request, on_verified);
}
