#include "admission.h"

#include <stdio.h>

#include "problem.h"
#include "router.h"

void admission_init(struct admission *admission, const struct config *config)
{
    host_check_init(&admission->hosts, config_text(config, "allowed_hosts"), config_text(config, "listen"));
    if (config_integer(config, "rate_limit") > 0)
        admission->rate_limit = rate_limit_new(config_integer(config, "rate_limit"));
    admission->limits_loopback = config_boolean(config, "rate_limit_loopback");
}

void admission_release(struct admission *admission)
{
    rate_limit_free(&admission->rate_limit);
}

/* HTTP/1.0 may come without a Host; no browser sends it. */
static bool is_for_us(const struct admission *admission, const struct http_request *request)
{
    const char *host = http_header(request, "Host");
    return host == NULL || host_check_allows(&admission->hosts, host);
}

bool admission_is_own_origin(const struct admission *admission, const struct http_request *request)
{
    const char *origin = http_header(request, "Origin");
    return origin == NULL || (http_header_count(request, "Origin") == 1 &&
                              host_check_allows_origin(&admission->hosts, origin, http_header(request, "Host")));
}

/* A form of another page can POST without asking first; a browser then says whose page it is. */
static bool may_change(const struct admission *admission, const struct http_request *request)
{
    bool only_reads = request->verb == VERB_GET || request->verb == VERB_HEAD || request->verb == VERB_OPTIONS;
    return only_reads || admission_is_own_origin(admission, request);
}

static void add_number(struct http_request *request, const char *name, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    http_add_header(request, name, text);
}

/* Return: whether the address keeps to its rate; the answer says how it stands. */
static bool keeps_rate(struct admission *admission, struct http_request *request)
{
    bool passes = rate_limit_take(admission->rate_limit, request->client_address, request->received_us);
    struct rate_limit_left left = rate_limit_look(admission->rate_limit, request->client_address);
    add_number(request, "RateLimit-Limit", left.burst);
    add_number(request, "RateLimit-Remaining", left.remaining);
    add_number(request, "RateLimit-Reset", left.reset_s);
    return passes;
}

enum admission_verdict admission_check(struct admission *admission, struct http_request *request, unsigned route_flags)
{
    if (!is_for_us(admission, request)) {
        problem_respond(request, PROBLEM_BAD_REQUEST,
                        "The Host header names no host of this server (TB_ALLOWED_HOSTS can add one).");
        return ADMISSION_REFUSED;
    }
    if (!may_change(admission, request)) {
        problem_respond(request, PROBLEM_FORBIDDEN, "Pages of other origins may change nothing here.");
        return ADMISSION_REFUSED;
    }
    bool counts = admission->rate_limit != NULL && (route_flags & ROUTE_UNLIMITED) == 0 &&
                  (!request->client_is_loopback || admission->limits_loopback);
    if (counts && !keeps_rate(admission, request)) {
        problem_respond(request, PROBLEM_RATE_LIMITED, NULL);
        return ADMISSION_LIMITED;
    }
    return ADMITTED;
}
