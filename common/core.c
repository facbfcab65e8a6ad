#include "core.h"

#include <stdarg.h>
#include <string.h>

#include "base.h"

bool store_error_is_data(const char *error)
{
    return error && (strncmp(error, "22", 2) == 0 || strncmp(error, "23", 2) == 0 || strncmp(error, "P0", 2) == 0);
}

void effects_reset(struct effects *fx, struct arena *arena)
{
    *fx = (struct effects){.arena = arena};
}

/* Gives the next effect, zeroed but for its kind and index; valid until the next one is asked for. */
static struct effect *effects_add(struct effects *fx, enum effect_kind kind, unsigned index)
{
    if (fx->count == fx->capacity) {
        size_t capacity = fx->capacity ? fx->capacity * 2 : 16;
        struct effect *items = arena_array(fx->arena, capacity, sizeof *items);
        if (fx->count > 0)
            memcpy(items, fx->items, fx->count * sizeof *items);
        fx->items = items;
        fx->capacity = capacity;
    }
    struct effect *effect = &fx->items[fx->count++];
    effect->kind = kind; /* the rest is zero: arena memory */
    effect->index = index;
    return effect;
}

void effects_send(struct effects *fx, unsigned link, const struct peer *to, Tb__MessageType type,
                  const ProtobufCMessage *message, Tb__Stream stream, uint64_t first_seq)
{
    tb_assert(message != NULL);
    struct effect *effect = effects_add(fx, EFFECT_SEND, link);
    if (to)
        effect->to = *to;
    effect->type = type;
    effect->message = message;
    effect->stream = stream;
    effect->first_seq = first_seq;
}

void effects_call(struct effects *fx, unsigned proc, const void *args)
{
    effects_add(fx, EFFECT_CALL, proc)->args = args;
}

void effects_timer(struct effects *fx, unsigned timer, int64_t due_us)
{
    tb_assert(timer < CORE_TIMERS_MAX);
    effects_add(fx, EFFECT_TIMER_SET, timer)->value = due_us;
}

void effects_timer_clear(struct effects *fx, unsigned timer)
{
    tb_assert(timer < CORE_TIMERS_MAX);
    effects_add(fx, EFFECT_TIMER_CLEAR, timer);
}

void effects_ready(struct effects *fx)
{
    effects_add(fx, EFFECT_READY, 0);
}

void effects_lag(struct effects *fx, uint64_t records)
{
    effects_add(fx, EFFECT_LAG, 0)->value = records > INT64_MAX ? INT64_MAX : (int64_t)records;
}

void effects_count(struct effects *fx, unsigned metric, int64_t add)
{
    effects_add(fx, EFFECT_COUNT, metric)->value = add;
}

void effects_gauge(struct effects *fx, unsigned metric, int64_t value)
{
    effects_add(fx, EFFECT_GAUGE, metric)->value = value;
}

void effects_observe(struct effects *fx, unsigned metric, int64_t value_us)
{
    effects_add(fx, EFFECT_OBSERVE, metric)->value = value_us;
}

void effects_external(struct effects *fx, const void *args)
{
    effects_add(fx, EFFECT_EXTERNAL, 0)->args = args;
}

void effects_halt(struct effects *fx, const char *why)
{
    effects_add(fx, EFFECT_HALT, 0)->text = arena_strdup(fx->arena, why);
}

void effects_log(struct effects *fx, enum log_level level, uint64_t order_seq, const char *user_id,
                 const uint8_t *trace_id, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(fx->arena, format, args);
    va_end(args);
    struct effect *effect = effects_add(fx, EFFECT_LOG, 0);
    effect->value = level;
    effect->text = text;
    effect->order_seq = order_seq;
    effect->user_id = user_id;
    effect->trace_id = trace_id;
}
