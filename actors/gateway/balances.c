/* What operators do to balances: rebuild one from its ledger, redrive or discard a dead letter. The balance actor does
 * it and writes it into the audit trail, each in one transaction; pressing twice has one effect, so commands may be
 * sent again. */
#include "operations.h"

#include <stdio.h>
#include <string.h>

#include "balances.pb-c.h"

enum { BALANCE_DEADLINE_MS = 5000, REASON_MAX = 200 };

/* Return: the result when the command was carried out; NULL after answering with the problem otherwise. */
static const Tb__BalanceResult *accepted(struct http_request *request, const ProtobufCMessage *message,
                                         const char *noun)
{
    const Tb__BalanceResult *result = (const Tb__BalanceResult *)message;
    if (result == NULL) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE,
                        "The balance actor did not answer in time; it is safe to ask again.");
        return NULL;
    }
    if (result->refusal == TB__REFUSAL__REFUSAL_NOT_FOUND) {
        problem_respond(request, PROBLEM_NOT_FOUND, noun);
        return NULL;
    }
    if (result->refusal == TB__REFUSAL__REFUSAL_TERMINAL) {
        problem_respond(request, PROBLEM_CONFLICT, "This dead letter has come to another end already.");
        return NULL;
    }
    if (result->refusal != TB__REFUSAL__REFUSAL_NONE) {
        problem_respond(request, gateway_refusal_problem(result->refusal), NULL);
        return NULL;
    }
    return result;
}

/* Return: whether it may stand in the audit trail: 1 to REASON_MAX printable ASCII characters. */
static bool is_reason(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return length > 0 && length <= REASON_MAX;
}

static void send_command(struct gateway *gateway, struct http_request *request, Tb__BalanceCommand *command,
                         command_handler *handler)
{
    char actor[96 + REASON_MAX];
    const char *reason = http_header(request, "X-TB-Reason");
    if (reason != NULL && (http_header_count(request, "X-TB-Reason") != 1 || !is_reason(reason))) {
        struct field_errors errors = {0};
        field_error(&errors, "X-TB-Reason", "INVALID", "must be 1 to 200 printable ASCII characters, once");
        problem_respond_fields(request, &errors);
        return;
    }
    snprintf(actor, sizeof(actor), "api:%s%s%s", request->client_address, reason != NULL ? ", reason: " : "",
             reason != NULL ? reason : "");
    command->actor = actor;
    gateway_command(gateway, LINK_BALANCE_COMMAND, TB__MESSAGE_TYPE__BALANCE_COMMAND, &command->base, true,
                    BALANCE_DEADLINE_MS, request, handler);
}

static void on_rebuilt(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *message)
{
    const Tb__BalanceResult *result = accepted(request, message, "There is no such persona.");
    if (result == NULL) {
        return;
    }
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "userId", request->params[0]);
    json_out_money(&out, "before", money_cents(result->before_cents));
    json_out_money(&out, "after", money_cents(result->after_cents));
    json_out_bool(&out, "changed", result->before_cents != result->after_cents);
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

void balance_rebuild(struct gateway *gateway, struct http_request *request)
{
    const struct view_user *user = view_find(gateway_view(gateway), request->params[0]);
    if (!gateway_view(gateway)->ready) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, NULL);
        return;
    }
    if (user == NULL || !user->has_persona) {
        problem_respond(request, PROBLEM_NOT_FOUND, "There is no such persona.");
        return;
    }
    char user_id[VIEW_USER_ID_MAX];
    tb_copy_text(user_id, sizeof(user_id), user->user_id);
    Tb__BalanceCommand command = TB__BALANCE_COMMAND__INIT;
    command.kind = TB__BALANCE_COMMAND__KIND__REBUILD;
    command.user_id = user_id;
    send_command(gateway, request, &command, on_rebuilt);
}

static void on_redriven(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *message)
{
    if (accepted(request, message, "There is no such dead letter.") == NULL) {
        return;
    }
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "dlqId", request->params[0]);
    json_out_string(&out, "status", "REDRIVEN");
    json_out_end(&out);
    http_respond_json(request, 202, gateway->buffer.bytes, gateway->buffer.length);
}

static void on_discarded(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *message)
{
    (void)gateway;
    if (accepted(request, message, "There is no such dead letter.") != NULL) {
        http_respond(request, 204, NULL, NULL, 0);
    }
}

static void settle_dead_letter(struct gateway *gateway, struct http_request *request, Tb__BalanceCommand__Kind kind,
                               command_handler *handler)
{
    uint64_t outbox_seq;
    if (gateway_parse_id(gateway, request, request->params[0], "dead letter", &outbox_seq)) {
        Tb__BalanceCommand command = TB__BALANCE_COMMAND__INIT;
        command.kind = kind;
        command.outbox_seq = outbox_seq;
        send_command(gateway, request, &command, handler);
    }
}

void dlq_redrive(struct gateway *gateway, struct http_request *request)
{
    settle_dead_letter(gateway, request, TB__BALANCE_COMMAND__KIND__REDRIVE, on_redriven);
}

void dlq_discard(struct gateway *gateway, struct http_request *request)
{
    settle_dead_letter(gateway, request, TB__BALANCE_COMMAND__KIND__DISCARD, on_discarded);
}
