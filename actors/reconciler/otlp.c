#include "otlp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/json_out.h"
#include "ids.h"

enum { KIND_INTERNAL = 1, KIND_SERVER = 2, STATUS_ERROR = 2 }; /* opentelemetry/proto/trace/v1/trace.proto */

static void write_attribute(struct json_out *out, const char *key, const char *value)
{
    json_out_begin(out, NULL);
    json_out_string(out, "key", key);
    json_out_begin(out, "value");
    json_out_string(out, "stringValue", value);
    json_out_end(out);
    json_out_end(out);
}

static void write_resource(struct json_out *out, const struct otlp_resource *resource, const char *actor)
{
    char service[64];
    snprintf(service, sizeof service, "tulip-%s", actor);
    json_out_begin(out, "resource");
    json_out_begin_array(out, "attributes");
    write_attribute(out, "service.name", service);
    write_attribute(out, "service.namespace", "tulipbroker");
    write_attribute(out, "service.version", resource->version);
    write_attribute(out, "deployment.environment", resource->environment);
    write_attribute(out, "tulip.region", resource->region);
    json_out_end_array(out);
    json_out_end(out);
}

static void write_nanoseconds(struct json_out *out, const char *key, int64_t microseconds)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64 "000", microseconds);
    json_out_string(out, key, text);
}

static void write_span(struct json_out *out, const struct otlp_span *span)
{
    /* The span of the whole order: what its caller waits for. */
    int kind = strcmp(span->actor, "gateway") == 0 && strcmp(span->name, "order") == 0 ? KIND_SERVER : KIND_INTERNAL;
    json_out_begin(out, NULL);
    json_out_hex(out, "traceId", span->trace_id, sizeof span->trace_id);
    json_out_string(out, "spanId", span->span_id);
    if (span->parent_span_id)
        json_out_string(out, "parentSpanId", span->parent_span_id);
    json_out_string(out, "name", span->name);
    json_out_int(out, "kind", kind);
    write_nanoseconds(out, "startTimeUnixNano", span->start_us);
    write_nanoseconds(out, "endTimeUnixNano", span->end_us);
    json_out_begin_array(out, "attributes");
    if (span->attributes[0] != '\0')
        json_out_raw(out, NULL, span->attributes, strlen(span->attributes));
    json_out_end_array(out);
    if (span->error) {
        json_out_begin(out, "status");
        json_out_int(out, "code", STATUS_ERROR);
        json_out_string(out, "message", span->error);
        json_out_end(out);
    }
    json_out_end(out);
}

static void write_actor(struct json_out *out, const struct otlp_resource *resource, const struct otlp_span *spans,
                        size_t count, size_t first)
{
    const char *actor = spans[first].actor;
    json_out_begin(out, NULL);
    write_resource(out, resource, actor);
    json_out_begin_array(out, "scopeSpans");
    json_out_begin(out, NULL);
    json_out_begin(out, "scope");
    json_out_string(out, "name", "tulipbroker");
    json_out_end(out);
    json_out_begin_array(out, "spans");
    for (size_t i = first; i < count; i++)
        if (strcmp(spans[i].actor, actor) == 0)
            write_span(out, &spans[i]);
    json_out_end_array(out);
    json_out_end(out);
    json_out_end_array(out);
    json_out_end(out);
}

/* Return: whether no span before this one is of its actor. */
static bool is_first(const struct otlp_span *spans, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(spans[i].actor, spans[index].actor) == 0)
            return false;
    return true;
}

void otlp_write(struct text *body, const struct otlp_resource *resource, const struct otlp_span *spans, size_t count)
{
    struct json_out out;
    json_out_init(&out, body);
    json_out_begin(&out, NULL);
    json_out_begin_array(&out, "resourceSpans");
    for (size_t i = 0; i < count; i++)
        if (is_first(spans, i))
            write_actor(&out, resource, spans, count, i);
    json_out_end_array(&out);
    json_out_end(&out);
}
