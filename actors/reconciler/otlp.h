/* otlp: spans as the body of an OTLP/HTTP request (POST /v1/traces, JSON): ids in hex, 64-bit integers as strings,
 * enums as numbers. One resource per actor, named service.name = tulip-<actor>. Pure; threading: none.
 *
 *   struct text body = {0};
 *   otlp_write(&body, &(struct otlp_resource){"nl-1", "local", "1.0.0"}, spans, count); */
#ifndef TB_RECONCILER_OTLP_H
#define TB_RECONCILER_OTLP_H

#include <stddef.h>
#include <stdint.h>

struct text;

struct otlp_span {
    uint8_t trace_id[16];
    const char *span_id;        /* 16 hex digits */
    const char *parent_span_id; /* NULL = none */
    const char *actor, *name;
    int64_t start_us, end_us;
    const char *attributes; /* members of a JSON array of OTLP's attributes */
    const char *error;      /* NULL = none */
};

/* What all spans share. */
struct otlp_resource {
    const char *region, *environment, *version;
};

/* Effect: appends the request's body. */
void otlp_write(struct text *body, const struct otlp_resource *resource, const struct otlp_span *spans, size_t count);

#endif
