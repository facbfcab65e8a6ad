#include "logs.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "log_search.h"
#include "reads.h"
#include "time_in.h"

enum { LIMIT_MAX = 200, LIMIT_DEFAULT = 50 };

struct log_job {
    struct http_request *request; /* NULL = free */
    struct log_search *search;
    struct text items;
};

struct logs {
    const char *dir;
    struct loop_timer *timer; /* runs while a search is under way */
    struct log_job jobs[LOGS_SEARCHES_MAX];
};

static void respond(struct log_job *job)
{
    struct text body = {0};
    struct json_out out;
    json_out_init(&out, &body);
    json_out_begin(&out, NULL);
    json_out_begin_array(&out, "items");
    if (job->items.length > 0)
        json_out_raw(&out, NULL, job->items.bytes, job->items.length);
    json_out_end_array(&out);
    json_out_bool(&out, "complete", log_search_is_complete(job->search));
    json_out_uint(&out, "skippedLines", log_search_skipped(job->search));
    json_out_uint(&out, "bytesRead", log_search_bytes(job->search));
    json_out_end(&out);
    http_respond_json(job->request, 200, body.bytes, body.length);
    text_release(&body);
}

static void end(struct log_job *job)
{
    log_search_free(&job->search);
    text_release(&job->items);
    *job = (struct log_job){0};
}

/* Effect: one slice of each search. */
static void on_timer(void *arg)
{
    struct logs *logs = arg;
    bool under_way = false;
    for (size_t i = 0; i < LOGS_SEARCHES_MAX; i++) {
        struct log_job *job = &logs->jobs[i];
        if (job->request == NULL)
            continue;
        if (log_search_step(job->search, LOG_SEARCH_STEP_BYTES, &job->items) || http_client_is_gone(job->request)) {
            respond(job);
            end(job);
        } else {
            under_way = true;
        }
    }
    if (under_way)
        loop_timer_set(logs->timer, 0, 0);
}

struct logs *logs_new(struct loop *loop, const char *dir)
{
    struct logs *logs = tb_alloc_zero(1, sizeof *logs);
    logs->dir = dir;
    logs->timer = loop_timer_new(loop, on_timer, logs);
    return logs;
}

void logs_free(struct logs **logs)
{
    if (*logs == NULL)
        return;
    for (size_t i = 0; i < LOGS_SEARCHES_MAX; i++)
        end(&(*logs)->jobs[i]);
    loop_timer_free(&(*logs)->timer);
    free(*logs);
    *logs = NULL;
}

/* Effect: copies a parameter that lines are compared with. */
static void read_value(struct read_query *parameters, const char *name, char value[static LOG_FILTER_MAX + 1])
{
    const char *text = query_find(&parameters->query, name);
    if (text == NULL)
        return;
    if (text[0] == '\0' || !log_filter_is_plain(text))
        field_error(&parameters->errors, name, "INVALID_FORMAT",
                    "must be 1 to 64 of letters, digits, dot, hyphen, underscore and @");
    else
        (void)tb_copy_text(value, LOG_FILTER_MAX + 1, text);
}

static struct log_filter read_filter(struct read_query *parameters)
{
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    struct log_filter filter = {0};
    read_value(parameters, "orderId", filter.order_id);
    read_value(parameters, "userId", filter.user_id);
    read_value(parameters, "actor", filter.actor);
    int level = query_choice(&parameters->query, "level", levels, &parameters->errors);
    if (level >= 0)
        (void)tb_copy_text(filter.level, sizeof filter.level, levels[level]);
    const char *since = query_find(&parameters->query, "since");
    if (since != NULL && !time_in_parse(since, &filter.since_us))
        field_error(&parameters->errors, "since", "INVALID_FORMAT",
                    "must be an RFC 3339 time such as 2026-11-22T09:21:16.123Z");
    filter.limit = (size_t)read_query_limit(parameters, LIMIT_MAX, LIMIT_DEFAULT);
    return filter;
}

void logs_search(struct logs *logs, struct http_request *request)
{
    struct read_query *parameters = read_query_parse(request);
    struct log_filter filter = read_filter(parameters);
    if (read_query_refused(parameters, request))
        return;
    for (size_t i = 0; i < LOGS_SEARCHES_MAX; i++) {
        struct log_job *job = &logs->jobs[i];
        if (job->request != NULL)
            continue;
        job->request = request;
        job->search = log_search_new(logs->dir, &filter);
        loop_timer_set(logs->timer, 0, 0);
        return;
    }
    problem_respond(request, PROBLEM_BACKPRESSURE, "Too many searches of the logs at a time; try again in a moment.");
}
