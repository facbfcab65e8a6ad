/* tb-testactor: the smallest actor that leads a stream. Each VERIFY_REPLAY is one committed row of `notes`, in batches
 * made at FLUSH, answered after its commit with the instance's name and the row's number. from_seq is how many
 * milliseconds the commit takes. */
#include <stdlib.h>

#include "actor.h"
#include "base.h"
#include "reconciler.pb-c.h"

enum { COMMAND, FEED, LINKS };
enum { TAKE_EPOCH, APPEND, PROCS };
enum { METRIC_FLUSHES, METRIC_STARTS, METRICS };
enum { TIMER_TICK = 3, TICK_US = 50000, WAITING_MAX = 64 };

struct question {
    struct peer from;
    uint64_t request_id;
    uint64_t sleep_ms;
};

struct append_args {
    const char *region;
    int64_t epoch;
    int64_t sleep_ms;
};

struct append_result {
    int64_t number;
};

struct state {
    const char *region, *instance;
    int64_t epoch;
    struct question waiting[WAITING_MAX]; /* those under way first */
    size_t count, under_way;
    bool stopping;
};

static void encode_region(const void *args, struct db_params *params)
{
    const struct append_args *append = args;
    db_add_text(params, append->region);
}

static void encode_append(const void *args, struct db_params *params)
{
    const struct append_args *append = args;
    db_add_text(params, append->region);
    db_add_int8(params, append->epoch);
    db_add_int8(params, append->sleep_ms);
}

static void *decode_number(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1) {
        err_set(err, "%zu rows", db_row_count(rows));
        return NULL;
    }
    struct append_result *result = arena_alloc(arena, sizeof *result);
    result->number = db_get_int(rows, 0, 0);
    return result;
}

static void take_question(struct state *state, const struct input *in)
{
    const Tb__VerifyReplay *asked = (const Tb__VerifyReplay *)in->message;
    if (state->count == WAITING_MAX || state->stopping)
        return;
    state->waiting[state->count++] =
        (struct question){.from = *in->from, .request_id = asked->request_id, .sleep_ms = asked->from_seq};
}

static void send_batch(struct state *state, struct effects *fx)
{
    for (; state->epoch > 0 && state->under_way < state->count; state->under_way++) {
        struct append_args *args = arena_alloc(fx->arena, sizeof *args);
        *args = (struct append_args){state->region, state->epoch, (int64_t)state->waiting[state->under_way].sleep_ms};
        effects_call(fx, APPEND, args);
    }
}

static void answer(struct state *state, const struct input *in, struct effects *fx)
{
    struct question asked = state->waiting[0];
    state->under_way--;
    state->count--;
    for (size_t i = 0; i < state->count; i++)
        state->waiting[i] = state->waiting[i + 1];
    Tb__ReplayVerified *reply = arena_alloc(fx->arena, sizeof *reply);
    tb__replay_verified__init(reply);
    reply->request_id = asked.request_id;
    reply->live_hash = arena_strdup(fx->arena, state->instance);
    if (in->status == STORE_DONE)
        reply->orders = (uint64_t)((const struct append_result *)in->result)->number;
    else
        reply->refusal = TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE;
    effects_send(fx, COMMAND, &asked.from, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &reply->base, 0, 0);
    effects_send(fx, FEED, NULL, TB__MESSAGE_TYPE__REPLAY_VERIFIED, &reply->base, TB__STREAM__STREAM_OPS,
                 reply->orders);
}

static void take_result(struct state *state, const struct input *in, struct effects *fx)
{
    if (in->status == STORE_REFUSED) {
        effects_halt(fx, "fenced");
    } else if (in->proc == APPEND) {
        answer(state, in, fx);
    } else if (in->status == STORE_DONE) {
        state->epoch = ((const struct append_result *)in->result)->number;
        effects_timer(fx, TIMER_TICK, in->now_us + TICK_US);
        effects_ready(fx);
    }
}

static void step(void *opaque, const struct input *in, struct effects *fx)
{
    struct state *state = opaque;
    switch (in->kind) {
    case INPUT_START: {
        struct append_args *args = arena_alloc(fx->arena, sizeof *args);
        args->region = state->region;
        state->count = state->under_way = 0;
        state->epoch = 0; /* until take_epoch answers, questions wait */
        effects_count(fx, METRIC_STARTS, 1);
        effects_call(fx, TAKE_EPOCH, args);
        break;
    }
    case INPUT_MESSAGE:
        take_question(state, in);
        break;
    case INPUT_FLUSH:
        effects_count(fx, METRIC_FLUSHES, 1);
        send_batch(state, fx);
        break;
    case INPUT_STORE:
        take_result(state, in, fx);
        break;
    case INPUT_TIMER:
        tb_assert(in->timer == TIMER_TICK);
        effects_timer(fx, TIMER_TICK, in->now_us + TICK_US);
        effects_lag(fx, 42);
        break;
    case INPUT_STORE_LOST:
        tb_assert(state->under_way == 0); /* each was answered before */
        effects_log(fx, LOG_WARNING, 0, NULL, NULL, "the core heard that the store is lost");
        break;
    case INPUT_STOP:
        state->stopping = true;
        break;
    case INPUT_EXTERNAL:
        break;
    }
}

static int init(void *opaque, const struct config *config, struct err *err)
{
    struct state *state = opaque;
    if (config_integer(config, "test_refuses") != 0)
        return err_set(err, "test_refuses says no");
    state->region = config_text(config, "region");
    state->instance = config_text(config, "instance");
    return 0;
}

static const struct link_message accepts[] = {{TB__MESSAGE_TYPE__VERIFY_REPLAY, "gateway"}, {0, NULL}};

static const struct actor_link links[LINKS] = {
    [COMMAND] = {{"test-command", BUS_ROUTER, true, 0}, true, accepts},
    [FEED] = {{"test-feed", BUS_PUB, true, 0}, true, NULL},
};

static const struct actor_proc procs[PROCS] = {
    [TAKE_EPOCH] = {"take_epoch", "SELECT epoch FROM take_epoch($1, 'ops')", encode_region, decode_number},
    [APPEND] = {"append", "SELECT note_append($1, $2, $3)", encode_append, decode_number},
};

static const struct metric_spec metrics[METRICS] = {
    [METRIC_FLUSHES] = {"test_flushes_total", "", "Flushes", METRIC_COUNTER},
    [METRIC_STARTS] = {"test_starts_total", "", "Starts", METRIC_COUNTER},
};

static const struct config_key keys[] = {
    {"test_refuses", CONFIG_INTEGER, "0", 0, 1, "Whether init fails."},
    {.name = NULL},
};

static const struct actor_spec spec = {
    .name = "testactor",
    .leads = "ops",
    .links = links,
    .link_count = LINKS,
    .procs = procs,
    .proc_count = PROCS,
    .metrics = metrics,
    .metric_count = METRICS,
    .config_keys = keys,
    .state_size = sizeof(struct state),
    .init = init,
    .step = step,
};

int main(int argc, char **argv)
{
    return actor_main(&spec, argc, argv);
}
