#include "links.h"

#include <string.h>

#include "base.h"

#define TELEMETRY(actor)                                                                                               \
    {                                                                                                                  \
        "telemetry-" actor, {actor}, {"gateway", "operator", "reconciler"}, 0                                          \
    }

const char *const links_roles[] = {"gateway", "sequencer",  "simfill",  "matcher", "balance",
                                   "persona", "reconciler", "operator", NULL};

/* A port number, once given, stays: instances of two versions run side by side during an upgrade. */
static const struct links_row rows[] = {
    TELEMETRY("gateway"),
    TELEMETRY("sequencer"),
    TELEMETRY("simfill"),
    TELEMETRY("matcher"),
    TELEMETRY("balance"),
    TELEMETRY("persona"),
    TELEMETRY("reconciler"),
    {"orders-command", {"sequencer"}, {"gateway"}, 1},
    {"orders-stage", {"sequencer"}, {"simfill", "matcher"}, 2},
    {"orders-feed", {"sequencer"}, {"gateway", "operator"}, 3},
    {"executions-feed", {"simfill", "matcher"}, {"gateway", "sequencer", "operator"}, 1},
    {"outbox-stage", {"simfill", "matcher"}, {"balance"}, 2},
    {"balance-command", {"balance"}, {"gateway", "reconciler"}, 1},
    {"balances-feed", {"balance"}, {"gateway", "operator"}, 2},
    {"persona-command", {"persona"}, {"gateway"}, 1},
    {"ops-feed", {"persona"}, {"gateway", "balance", "operator"}, 2},
    {"reconciler-command", {"reconciler"}, {"gateway"}, 1},
    {"ops-feed-reconciler", {"reconciler"}, {"gateway", "operator"}, 2},
};

static bool has(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count && names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool links_is_role(const char *role)
{
    return has(links_roles, TB_ARRAY_SIZE(links_roles), role);
}

const char *links_role_of(const char *name, char separator)
{
    for (size_t i = 0; links_roles[i] != NULL; i++) {
        size_t length = strlen(links_roles[i]);
        if (strncmp(name, links_roles[i], length) == 0 && name[length] == separator && name[length + 1] != '\0')
            return links_roles[i];
    }
    return NULL;
}

const struct links_row *links_find(const char *link)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(rows); i++) {
        size_t length = strlen(rows[i].name);
        if (strcmp(link, rows[i].name) == 0)
            return &rows[i];
        if (strncmp(rows[i].name, "telemetry-", 10) == 0 && strncmp(link, rows[i].name, length) == 0 &&
            link[length] == '-' && link[length + 1] != '\0')
            return &rows[i];
    }
    return NULL;
}

bool links_may_serve(const struct links_row *row, const char *role)
{
    return has(row->servers, LINKS_SERVERS_MAX, role);
}

bool links_may_connect(const struct links_row *row, const char *role)
{
    return has(row->clients, LINKS_CLIENTS_MAX, role);
}
