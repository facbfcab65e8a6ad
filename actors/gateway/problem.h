/* problem: every error answer, as application/problem+json (RFC 9457). One table says which code has which status and
 * title. Nothing of the inside (SQL, file names, addresses) belongs into detail.
 *
 *   problem_respond(request, PROBLEM_NOT_FOUND, "There is no order nl-1.7.");
 *
 *   struct field_errors errors = {0};
 *   field_error(&errors, "limit", "OUT_OF_RANGE", "limit must be 1 to 200");
 *   if (errors.count > 0) { problem_respond_fields(request, &errors); return; } */
#ifndef TB_GATEWAY_PROBLEM_H
#define TB_GATEWAY_PROBLEM_H

#include "http.h"
#include "json_out.h"

enum problem_code {
    PROBLEM_VALIDATION = 1,           /* 400 */
    PROBLEM_MALFORMED_JSON,           /* 400 */
    PROBLEM_BAD_CURSOR,               /* 400 */
    PROBLEM_IDEMPOTENCY_KEY_MISMATCH, /* 400 */
    PROBLEM_BAD_REQUEST,              /* 400: not HTTP as we take it */
    PROBLEM_UNAUTHORIZED,             /* 401, with WWW-Authenticate */
    PROBLEM_FORBIDDEN,                /* 403: another origin's page */
    PROBLEM_NOT_FOUND,                /* 404 */
    PROBLEM_METHOD_NOT_ALLOWED,       /* 405 */
    PROBLEM_REQUEST_TIMEOUT,          /* 408 */
    PROBLEM_ORDER_TERMINAL,           /* 409 */
    PROBLEM_PERSONA_EXISTS,           /* 409 */
    PROBLEM_PERSONA_LAST,             /* 409 */
    PROBLEM_CONFLICT,                 /* 409: any other */
    PROBLEM_TOO_LARGE,                /* 413 */
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,   /* 415 */
    PROBLEM_IDEMPOTENCY_KEY_REUSED,   /* 422 */
    PROBLEM_AVATAR_UNDECODABLE,       /* 422 */
    PROBLEM_UPGRADE_REQUIRED,         /* 426 */
    PROBLEM_RATE_LIMITED,             /* 429, with Retry-After */
    PROBLEM_HEADERS_TOO_LARGE,        /* 431 */
    PROBLEM_INTERNAL,                 /* 500 */
    PROBLEM_BACKPRESSURE,             /* 503, with Retry-After, retryable; as are the next two */
    PROBLEM_STORE_UNAVAILABLE,
    PROBLEM_REGION_UNAVAILABLE,
    PROBLEM_VERSION_NOT_SUPPORTED, /* 505 */
    PROBLEM_CODES_END,
};

enum { FIELD_ERRORS_MAX = 24 };
struct field_errors {
    struct field_error {
        char field[48];
        const char *code; /* static: REQUIRED, INVALID_TYPE, INVALID_FORMAT, OUT_OF_RANGE, TOO_MANY_DECIMALS, TOO_LONG,
                             UNKNOWN_USER, UNKNOWN_VALUE, DUPLICATE */
        char message[120];
    } items[FIELD_ERRORS_MAX];
    size_t count; /* further errors are dropped */
};

/* Effect: adds one. field and the formatted message are cut to fit. */
void field_error(struct field_errors *errors, const char *field, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Return: the code's HTTP status. */
int problem_status(enum problem_code code);
/* Return: "NOT_FOUND". */
const char *problem_code_text(enum problem_code code);
/* Return: the code of that text ("NOT_FOUND"), 0 when there is none: for what the store says. */
enum problem_code problem_code_of(const char *text);
/* Return: the code that stands for an HTTP status on its own. */
enum problem_code problem_code_for_status(int status);

/* Effect: answers with the problem. detail NULL = the title. */
void problem_respond(struct http_request *request, enum problem_code code, const char *detail);
/* Effect: the same with further members, JSON like "\"idempotencyKey\":\"8e03\"" (no braces). */
void problem_respond_with(struct http_request *request, enum problem_code code, const char *detail,
                          const char *members);
/* Effect: 400 VALIDATION with all field errors. */
void problem_respond_fields(struct http_request *request, const struct field_errors *errors);

/* Effect: writes the document. errors, members: may be NULL. Pure. */
void problem_write(struct text *text, enum problem_code code, const char *detail, const char *instance,
                   const char *request_id, const struct field_errors *errors, const char *members);

#endif
