#include "metrics_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

struct series {
    const Tb__Metric *metric;
    const Tb__Heartbeat *owner;
};

static int compare_series(const void *a, const void *b)
{
    const struct series *x = a, *y = b;
    int order = strcmp(x->metric->name, y->metric->name);
    order = order != 0 ? order : strcmp(x->owner->actor, y->owner->actor);
    order = order != 0 ? order : strcmp(x->owner->instance, y->owner->instance);
    return order != 0 ? order : strcmp(x->metric->labels, y->metric->labels);
}

static bool name_is_valid(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' || *c == ':';
        if (!letter && (c == name || *c < '0' || *c > '9')) {
            return false;
        }
    }
    return name[0] != '\0';
}

static bool metric_is_valid(const Tb__Metric *metric)
{
    bool kind = metric->kind == TB__METRIC__KIND__COUNTER || metric->kind == TB__METRIC__KIND__GAUGE ||
                (metric->kind == TB__METRIC__KIND__HISTOGRAM && metric->n_buckets == metric->n_bounds + 1);
    return kind && name_is_valid(metric->name) && strchr(metric->labels, '\n') == NULL;
}

static void write_escaped(struct text *text, const char *value, bool quotes)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || (quotes && *value == '"')) {
            text_append(text, "\\", 1);
        }
        text_append(text, *value == '\n' ? "\\n" : value, *value == '\n' ? 2 : 1);
    }
}

static void write_labels(struct text *text, const struct series *series, const char *bound)
{
    text_append_string(text, "{actor=\"");
    write_escaped(text, series->owner->actor, true);
    text_append_string(text, "\",instance=\"");
    write_escaped(text, series->owner->instance, true);
    text_append_string(text, "\"");
    if (series->metric->labels[0] != '\0') {
        text_append_format(text, ",%s", series->metric->labels);
    }
    if (bound != NULL) {
        text_append_format(text, ",le=\"%s\"", bound);
    }
    text_append_string(text, "}");
}

static void write_value(struct text *text, double value)
{
    if (isfinite(value)) {
        text_append_format(text, " %.15g\n", value);
    } else {
        text_append_string(text, isnan(value) ? " NaN\n" : value > 0 ? " +Inf\n" : " -Inf\n");
    }
}

static void write_histogram(struct text *text, const struct series *series)
{
    const Tb__Metric *metric = series->metric;
    uint64_t total = 0;
    for (size_t i = 0; i < metric->n_buckets; i++) {
        char bound[32] = "+Inf";
        if (i < metric->n_bounds) {
            snprintf(bound, sizeof(bound), "%.15g", metric->bounds[i]);
        }
        total += metric->buckets[i];
        text_append_format(text, "%s_bucket", metric->name);
        write_labels(text, series, bound);
        text_append_string(text, " ");
        text_append_uint(text, total);
        text_append_string(text, "\n");
    }
    text_append_format(text, "%s_sum", metric->name);
    write_labels(text, series, NULL);
    write_value(text, metric->value);
    text_append_format(text, "%s_count", metric->name);
    write_labels(text, series, NULL);
    text_append_string(text, " ");
    text_append_uint(text, total);
    text_append_string(text, "\n");
}

static void write_head(struct text *text, const Tb__Metric *metric)
{
    static const char *const types[] = {"untyped", "counter", "gauge", "histogram"};
    if (metric->help[0] != '\0') {
        text_append_format(text, "# HELP %s ", metric->name);
        write_escaped(text, metric->help, false);
        text_append_string(text, "\n");
    }
    text_append_format(text, "# TYPE %s %s\n", metric->name, types[metric->kind]);
}

static void write_series(struct text *text, const struct series *all, size_t count)
{
    const Tb__Metric *family = NULL;
    for (size_t i = 0; i < count; i++) {
        const Tb__Metric *metric = all[i].metric;
        if (family == NULL || strcmp(family->name, metric->name) != 0) {
            family = metric;
            write_head(text, family);
        }
        if (metric->kind != family->kind || (i > 0 && compare_series(&all[i - 1], &all[i]) == 0)) {
            continue;
        }
        if (metric->kind == TB__METRIC__KIND__HISTOGRAM) {
            write_histogram(text, &all[i]);
        } else {
            text_append_string(text, metric->name);
            write_labels(text, &all[i], NULL);
            write_value(text, metric->value);
        }
    }
}

/* The three things every member has beside what it counts itself. */
enum { OWN_METRICS = 3 };
static void own_metrics(const struct fleet_member *member, int64_t now_us, Tb__Metric metrics[static OWN_METRICS])
{
    static char empty[] = "", up[] = "tb_up",
                up_help[] = "1 when the actor is READY, 0 when it is not or was not heard of";
    static char restarts[] = "tb_actor_restarts", restarts_help[] = "Times the supervisor started the actor again";
    static char lag[] = "tb_actor_lag", lag_help[] = "Records known to exist upstream and not yet handled";
    char *const names[OWN_METRICS] = {up, restarts, lag}, *const helps[OWN_METRICS] = {up_help, restarts_help,
                                                                                       lag_help};
    const double values[OWN_METRICS] = {strcmp(fleet_state(member, now_us), "READY") == 0 ? 1 : 0,
                                        member->heartbeat->restarts, (double)member->heartbeat->lag};
    for (size_t i = 0; i < OWN_METRICS; i++) {
        tb__metric__init(&metrics[i]);
        metrics[i].name = names[i];
        metrics[i].help = helps[i];
        metrics[i].labels = empty;
        metrics[i].kind = TB__METRIC__KIND__GAUGE;
        metrics[i].value = values[i];
    }
}

void metrics_text_write(const struct fleet *fleet, int64_t now_us, struct text *text)
{
    size_t room = fleet->count * OWN_METRICS;
    for (size_t i = 0; i < fleet->count; i++) {
        room += fleet->members[i].heartbeat->n_metrics;
    }
    struct series *all = tb_alloc_zero(room + 1, sizeof(*all));
    Tb__Metric *own = tb_alloc_zero(fleet->count * OWN_METRICS + 1, sizeof(*own));
    size_t count = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        const struct fleet_member *member = &fleet->members[i];
        own_metrics(member, now_us, &own[i * OWN_METRICS]);
        for (size_t m = 0; m < OWN_METRICS; m++) {
            all[count++] = (struct series){&own[i * OWN_METRICS + m], member->heartbeat};
        }
        bool stale = strcmp(fleet_state(member, now_us), "DOWN") == 0;
        for (size_t m = 0; !stale && m < member->heartbeat->n_metrics; m++) {
            if (metric_is_valid(member->heartbeat->metrics[m])) {
                all[count++] = (struct series){member->heartbeat->metrics[m], member->heartbeat};
            }
        }
    }
    qsort(all, count, sizeof(*all), compare_series);
    write_series(text, all, count);
    free(own);
    free(all);
}
