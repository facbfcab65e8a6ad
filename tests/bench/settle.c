#include "settle.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base.h"
#include "clock.h"

enum { SETTLE_ASK_EVERY_US = 25000 };

/* Gives the JSON object at path (json_decref it), or NULL with err. */
static json_t *settle_get(struct http_client *client, const char *path, struct err *err)
{
    struct http_response response;
    if (http_client_call(client, "GET", path, NULL, NULL, 0, &response, err) < 0) {
        err_wrap(err, path);
        return NULL;
    }
    json_t *object = response.status == 200 ? json_loadb(response.body, response.body_size, 0, NULL) : NULL;
    if (!object)
        err_set(err, "%s: status %d instead of 200 with JSON", path, response.status);
    return object;
}

int settle_users(struct http_client *client, char ***users, size_t *count, struct err *err)
{
    json_t *object = settle_get(client, "/api/personas", err);
    if (!object)
        return -1;
    json_t *items = json_object_get(object, "items");
    *count = 0;
    *users = tb_alloc_zero(json_array_size(items), sizeof **users);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *user = json_string_value(json_object_get(json_array_get(items, i), "userId"));
        if (user)
            (*users)[(*count)++] = tb_strdup(user);
    }
    json_decref(object);
    return *count > 0 ? 0 : err_set(err, "/api/personas: there is none");
}

void settle_free_users(char ***users, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((*users)[i]);
    free(*users);
    *users = NULL;
}

int settle_entries(struct http_client *client, char *const *users, size_t count, uint64_t *entries, struct err *err)
{
    *entries = 0;
    for (size_t i = 0; i < count; i++) {
        char path[128];
        snprintf(path, sizeof path, "/api/balances/%.40s?limit=1", users[i]);
        json_t *object = settle_get(client, path, err);
        if (!object)
            return -1;
        json_t *version = json_object_get(object, "version");
        bool known = json_is_integer(version);
        if (known)
            *entries += (uint64_t)json_integer_value(version);
        json_decref(object);
        if (!known)
            return err_set(err, "%s: it has no version", path);
    }
    return 0;
}

int settle_wait(struct http_client *client, char *const *users, size_t count, uint64_t wanted, int64_t patience_us,
                struct err *err)
{
    int64_t deadline_us = clock_monotonic_us() + patience_us;
    for (;;) {
        uint64_t entries;
        if (settle_entries(client, users, count, &entries, err) < 0)
            return -1;
        if (entries >= wanted)
            return 0;
        if (clock_monotonic_us() > deadline_us)
            return err_set(err, "%" PRIu64 " orders are not in the ledger yet", wanted - entries);
        nanosleep(&(struct timespec){0, SETTLE_ASK_EVERY_US * 1000}, NULL);
    }
}
