/* problem: one table of codes, one writer. */
#include "problem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "query.h"

static const struct problem_entry {
    const char *code, *title;
    int status;
    bool retryable;
} problems[PROBLEM_CODES_END] = {
    [PROBLEM_VALIDATION] = {"VALIDATION", "The request has invalid fields", 400, false},
    [PROBLEM_MALFORMED_JSON] = {"MALFORMED_JSON", "The body is not one well-formed JSON object", 400, false},
    [PROBLEM_BAD_CURSOR] = {"BAD_CURSOR", "The cursor is not one of ours", 400, false},
    [PROBLEM_IDEMPOTENCY_KEY_MISMATCH] = {"IDEMPOTENCY_KEY_MISMATCH", "Header and body give different idempotency keys",
                                          400, false},
    [PROBLEM_BAD_REQUEST] = {"BAD_REQUEST", "The request is not valid HTTP", 400, false},
    [PROBLEM_UNAUTHORIZED] = {"UNAUTHORIZED", "This needs the administrator's token", 401, false},
    [PROBLEM_FORBIDDEN] = {"FORBIDDEN", "Pages of other origins may not connect", 403, false},
    [PROBLEM_NOT_FOUND] = {"NOT_FOUND", "There is nothing here", 404, false},
    [PROBLEM_METHOD_NOT_ALLOWED] = {"METHOD_NOT_ALLOWED", "The resource does not know this method", 405, false},
    [PROBLEM_REQUEST_TIMEOUT] = {"REQUEST_TIMEOUT", "The request did not arrive in time", 408, true},
    [PROBLEM_ORDER_TERMINAL] = {"ORDER_TERMINAL", "The order is in a final state", 409, false},
    [PROBLEM_PERSONA_EXISTS] = {"PERSONA_EXISTS", "A persona with this userId exists", 409, false},
    [PROBLEM_PERSONA_LAST] = {"PERSONA_LAST", "The last persona cannot be removed", 409, false},
    [PROBLEM_CONFLICT] = {"CONFLICT", "The present state does not allow this", 409, false},
    [PROBLEM_TOO_LARGE] = {"TOO_LARGE", "The body is too large", 413, false},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {"UNSUPPORTED_MEDIA_TYPE", "The body has a type that is not taken here", 415,
                                        false},
    [PROBLEM_IDEMPOTENCY_KEY_REUSED] = {"IDEMPOTENCY_KEY_REUSED", "The idempotency key belongs to another order", 422,
                                        false},
    [PROBLEM_AVATAR_UNDECODABLE] = {"AVATAR_UNDECODABLE", "The picture cannot be decoded", 422, false},
    [PROBLEM_UPGRADE_REQUIRED] = {"UPGRADE_REQUIRED", "This is a WebSocket of version 13", 426, false},
    [PROBLEM_RATE_LIMITED] = {"RATE_LIMITED", "Too many requests", 429, true},
    [PROBLEM_HEADERS_TOO_LARGE] = {"HEADERS_TOO_LARGE", "Request line and headers are too large", 431, false},
    [PROBLEM_INTERNAL] = {"INTERNAL", "Something went wrong on our side", 500, false},
    [PROBLEM_BACKPRESSURE] = {"BACKPRESSURE", "Too much work is waiting; nothing was accepted", 503, true},
    [PROBLEM_STORE_UNAVAILABLE] = {"STORE_UNAVAILABLE", "The store cannot be reached; a retry is safe", 503, true},
    [PROBLEM_REGION_UNAVAILABLE] = {"REGION_UNAVAILABLE", "The region is not available; a retry is safe", 503, true},
    [PROBLEM_VERSION_NOT_SUPPORTED] = {"VERSION_NOT_SUPPORTED", "Only HTTP/1.0 and HTTP/1.1 are spoken here", 505,
                                       false},
};

void field_error(struct field_errors *errors, const char *field, const char *code, const char *format, ...)
{
    if (errors->count == FIELD_ERRORS_MAX)
        return;
    struct field_error *error = &errors->items[errors->count++];
    (void)tb_copy_text(error->field, sizeof error->field, field);
    /* The name may be the client's: a cut must not leave half a character. */
    size_t length = strlen(error->field);
    while (length > 0 && !query_is_utf8(error->field, length))
        error->field[--length] = '\0';
    error->code = code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
}

static const struct problem_entry *entry_of(enum problem_code code)
{
    tb_assert(code > 0 && code < PROBLEM_CODES_END && problems[code].code != NULL);
    return &problems[code];
}

int problem_status(enum problem_code code)
{
    return entry_of(code)->status;
}

const char *problem_code_text(enum problem_code code)
{
    return entry_of(code)->code;
}

enum problem_code problem_code_of(const char *text)
{
    for (int code = 1; code < PROBLEM_CODES_END; code++) {
        if (strcmp(problems[code].code, text) == 0)
            return (enum problem_code)code;
    }
    return 0;
}

enum problem_code problem_code_for_status(int status)
{
    switch (status) {
    case 400:
        return PROBLEM_BAD_REQUEST;
    case 409:
        return PROBLEM_CONFLICT;
    case 503:
        return PROBLEM_STORE_UNAVAILABLE;
    default:
        for (int code = 1; code < PROBLEM_CODES_END; code++) {
            if (problems[code].status == status)
                return (enum problem_code)code;
        }
        return PROBLEM_INTERNAL;
    }
}

static void write_errors(struct json_out *out, const struct field_errors *errors)
{
    json_out_begin_array(out, "errors");
    for (size_t i = 0; i < errors->count; i++) {
        json_out_begin(out, NULL);
        json_out_string(out, "field", errors->items[i].field);
        json_out_string(out, "code", errors->items[i].code);
        json_out_string(out, "message", errors->items[i].message);
        json_out_end(out);
    }
    json_out_end_array(out);
}

/* "/problems/idempotency-key-reused" */
static void write_type(struct json_out *out, const char *code)
{
    char type[64] = "/problems/";
    size_t at = strlen(type);
    for (; *code != '\0' && at + 1 < sizeof type; code++)
        type[at++] = *code == '_' ? '-' : (char)tolower((unsigned char)*code);
    type[at] = '\0';
    json_out_string(out, "type", type);
}

void problem_write(struct text *text, enum problem_code code, const char *detail, const char *instance,
                   const char *request_id, const struct field_errors *errors, const char *members)
{
    const struct problem_entry *entry = entry_of(code);
    struct json_out out;
    json_out_init(&out, text);
    json_out_begin(&out, NULL);
    write_type(&out, entry->code);
    json_out_string(&out, "title", entry->title);
    json_out_int(&out, "status", entry->status);
    json_out_string(&out, "detail", detail == NULL ? entry->title : detail);
    if (instance != NULL)
        json_out_string(&out, "instance", instance);
    json_out_string(&out, "code", entry->code);
    json_out_string(&out, "requestId", request_id);
    json_out_bool(&out, "retryable", entry->retryable);
    if (errors != NULL)
        write_errors(&out, errors);
    if (members != NULL)
        json_out_raw(&out, NULL, members, strlen(members));
    json_out_end(&out);
}

static void respond(struct http_request *request, enum problem_code code, const char *detail,
                    const struct field_errors *errors, const char *members)
{
    const struct problem_entry *entry = entry_of(code);
    if (entry->status == 503 || entry->status == 429)
        http_add_header(request, "Retry-After", "1");
    if (code == PROBLEM_UNAUTHORIZED)
        http_add_header(request, "WWW-Authenticate", "Bearer realm=\"tulip\"");
    struct text text = {0};
    problem_write(&text, code, detail, request->path, request->request_id, errors, members);
    http_respond(request, entry->status, "application/problem+json", text.bytes, text.length);
    text_release(&text);
}

void problem_respond(struct http_request *request, enum problem_code code, const char *detail)
{
    respond(request, code, detail, NULL, NULL);
}

void problem_respond_with(struct http_request *request, enum problem_code code, const char *detail, const char *members)
{
    respond(request, code, detail, NULL, members);
}

void problem_respond_fields(struct http_request *request, const struct field_errors *errors)
{
    char detail[128];
    (void)snprintf(detail, sizeof detail, "%zu field%s of the request %s not valid.", errors->count,
                   errors->count == 1 ? "" : "s", errors->count == 1 ? "is" : "are");
    respond(request, PROBLEM_VALIDATION, detail, errors, NULL);
}
