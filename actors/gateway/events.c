/* GET /api/events: a page of one stream, or a long poll for what comes next.
 *
 * A poll that finds nothing waits until the feeds bring an event of its stream, or POLL_AGAIN_US at most (a feed may
 * lose its last message, and this gateway may hear of an event before a filtered reader's turn has come), and reads
 * again. */
#include "reads.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "ids.h"

enum {
    EVENTS_LIMIT_MAX = 1000,
    EVENTS_LIMIT_DEFAULT = 100,
    EVENTS_WAIT_MAX_SECONDS = 30,
    EVENT_FILTER_BYTES_MAX = 255
};
#define POLL_AGAIN_US 500000
/* A reader with filters must not read again at every event that is not for it. */
#define POLL_FILTERED_MIN_US 100000

static const char *const streams[] = {"orders", "executions", "balances", "ops", NULL};
static const enum view_stream view_streams[] = {VIEW_ORDERS, VIEW_EXECUTIONS, VIEW_BALANCES, VIEW_OPS};
static const char *const types[] = {"OrderReceived",
                                    "CancelRequested",
                                    "TradeExecuted",
                                    "OrderAccepted",
                                    "OrderCancelled",
                                    "OrderRejected",
                                    "BalanceUpdated",
                                    "DeadLettered",
                                    "BalanceAdjustmentFailed",
                                    "CueChanged",
                                    "DeadLetterRedriven",
                                    "DeadLetterDiscarded",
                                    "PersonaCreated",
                                    "PersonaUpdated",
                                    "PersonaDeleted",
                                    "AlarmRaised",
                                    "AlarmCleared",
                                    "RegionHealthChanged",
                                    "Reconciled",
                                    "TradeCompensated",
                                    "FaultStarted",
                                    "FaultEnded",
                                    NULL};

/* One request under way: its context, so it goes with it. */
struct events_poll {
    struct read_query parameters; /* holds the texts */
    struct gateway *gateway;
    struct http_request *request;
    int stream, type; /* places in the tables; type -1 = any */
    int64_t after;
    int32_t limit;
    const char *user_id, *order_id;
    int64_t order_seq; /* with order_id; -1: one that cannot be */
    int64_t deadline_us, asked_us;
    uint64_t seen; /* the stream as the feeds had it when we asked */
    bool last_try;
};

static void ask(struct events_poll *poll);

static bool something_new(struct gateway *gateway, struct http_request *request, void *arg)
{
    const struct events_poll *poll = arg;
    int64_t waited_us = clock_monotonic_us() - poll->asked_us;
    bool filtered = poll->type >= 0 || poll->user_id != NULL || poll->order_id != NULL;
    bool moved = view_stream_last(gateway_view(gateway), view_streams[poll->stream]) > poll->seen;
    return (moved && (!filtered || waited_us >= POLL_FILTERED_MIN_US)) || waited_us >= POLL_AGAIN_US ||
           http_client_is_gone(request);
}

static void on_wait_over(struct gateway *gateway, struct http_request *request, void *arg, bool in_time)
{
    (void)gateway;
    (void)request;
    struct events_poll *poll = arg;
    poll->last_try = !in_time || clock_monotonic_us() >= poll->deadline_us;
    ask(poll);
}

/* Return: whether the answer holds no event although the whole stream was looked at: then there is something to wait
 * for. */
static bool is_caught_up(const struct read_result *result)
{
    static const char start[] = "{\"items\":[],\"nextAfterSeq\":";
    if (result->status != 200 || strncmp(result->body, start, sizeof(start) - 1) != 0) {
        return false;
    }
    char *end;
    long long next = strtoll(result->body + sizeof(start) - 1, &end, 10);
    static const char middle[] = ",\"lastSeq\":";
    return strncmp(end, middle, sizeof(middle) - 1) == 0 && strtoll(end + sizeof(middle) - 1, NULL, 10) <= next;
}

static void on_events(void *arg, const struct read_result *result)
{
    struct events_poll *poll = arg;
    int64_t left_us = poll->deadline_us - clock_monotonic_us();
    if (poll->last_try || left_us <= 0 || !is_caught_up(result) || http_client_is_gone(poll->request)) {
        read_result_respond(result, poll->request, "application/json");
        return;
    }
    gateway_wait(poll->gateway, something_new, on_wait_over, left_us / 1000 + 1, poll->request, poll);
}

static void ask(struct events_poll *poll)
{
    struct gateway *gateway = poll->gateway;
    struct arena arena;
    struct db_params params;
    arena_init(&arena, 1 << 16); /* not the scratch arena: this may run outside of a request's dispatch */
    db_params_init(&params, &arena);
    db_add_text(&params, gateway->region);
    db_add_text(&params, streams[poll->stream]);
    db_add_int8(&params, poll->after);
    db_add_int4(&params, poll->limit);
    db_add_text(&params, poll->type < 0 ? NULL : types[poll->type]);
    db_add_text(&params, poll->user_id);
    if (poll->order_id == NULL) {
        db_add_null(&params);
    } else {
        db_add_int8(&params, poll->order_seq);
    }
    poll->asked_us = clock_monotonic_us();
    poll->seen = view_stream_last(gateway_view(gateway), view_streams[poll->stream]);
    read_pool_call(gateway->reads, READ_EVENTS, &params, on_events, poll);
    arena_release(&arena);
}

void events_get(struct gateway *gateway, struct http_request *request)
{
    struct events_poll *poll = tb_alloc_zero(1, sizeof(*poll));
    struct query *query = &poll->parameters.query;
    struct field_errors *errors = &poll->parameters.errors;
    request->context = poll;
    poll->gateway = gateway;
    poll->request = request;
    read_query_init(&poll->parameters, request);
    poll->stream = query_choice(query, "stream", streams, errors);
    if (query_find(query, "stream") == NULL) {
        field_error(errors, "stream", "REQUIRED", "is required: orders, executions, balances or ops");
    }
    poll->type = query_choice(query, "type", types, errors);
    poll->after = query_int(query, "afterSeq", 0, INT64_MAX - 1, 0, errors);
    poll->limit = read_query_limit(&poll->parameters, EVENTS_LIMIT_MAX, EVENTS_LIMIT_DEFAULT);
    poll->user_id = query_text(query, "userId", EVENT_FILTER_BYTES_MAX, errors);
    poll->order_id = query_text(query, "orderId", EVENT_FILTER_BYTES_MAX, errors);
    int64_t wait_seconds = query_int(query, "wait", 0, EVENTS_WAIT_MAX_SECONDS, 0, errors);
    if (read_query_refused(&poll->parameters, request)) {
        return;
    }
    uint64_t order_seq;
    if (poll->order_id != NULL) {
        poll->order_seq = ids_parse(gateway->region, poll->order_id, &order_seq) ? (int64_t)order_seq : -1;
    }
    poll->deadline_us = clock_monotonic_us() + wait_seconds * 1000000;
    poll->last_try = wait_seconds == 0;
    ask(poll);
}
