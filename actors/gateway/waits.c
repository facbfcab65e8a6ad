/* waits: a list, asked after every burst of feed messages and on a timer while it is not empty. */
#include "waits.h"

#include <stdlib.h>

#include "base.h"
#include "clock.h"

#define LOOK_US (50 * 1000LL)

struct wait {
    struct wait *next;
    wait_condition *condition;
    wait_handler *handler;
    struct http_request *request;
    void *arg;
    int64_t deadline_us;
};

struct waits {
    struct gateway *gateway;
    struct loop_timer *timer;
    struct wait *first;
    size_t count;
};

static void on_timer(void *arg)
{
    waits_check(arg);
}

struct waits *waits_new(struct gateway *gateway, struct loop *loop)
{
    struct waits *waits = tb_alloc_zero(1, sizeof *waits);
    waits->gateway = gateway;
    waits->timer = loop_timer_new(loop, on_timer, waits);
    return waits;
}

void waits_free(struct waits **waits)
{
    if (*waits == NULL)
        return;
    for (struct wait *wait = (*waits)->first, *next; wait != NULL; wait = next) {
        next = wait->next;
        free(wait);
    }
    loop_timer_free(&(*waits)->timer);
    free(*waits);
    *waits = NULL;
}

size_t waits_count(const struct waits *waits)
{
    return waits->count;
}

void waits_check(struct waits *waits)
{
    int64_t now = clock_monotonic_us();
    struct wait *ended = NULL;
    for (struct wait **place = &waits->first; *place != NULL;) {
        struct wait *wait = *place;
        bool came_true = wait->condition(waits->gateway, wait->request, wait->arg);
        if (!came_true && now < wait->deadline_us) {
            place = &wait->next;
            continue;
        }
        *place = wait->next;
        wait->next = ended;
        wait->deadline_us = came_true ? 1 : 0; /* from here on: whether it was in time */
        ended = wait;
        waits->count--;
    }
    /* Handlers may wait again: only now, when the list is whole. */
    while (ended != NULL) {
        struct wait *wait = ended;
        ended = wait->next;
        wait->handler(waits->gateway, wait->request, wait->arg, wait->deadline_us == 1);
        free(wait);
    }
    if (waits->first == NULL)
        loop_timer_clear(waits->timer);
}

void gateway_wait(struct gateway *gateway, wait_condition *condition, wait_handler *handler, int64_t deadline_ms,
                  struct http_request *request, void *arg)
{
    struct waits *waits = gateway->waits;
    bool is_true = condition(gateway, request, arg);
    if (is_true || waits->count == WAITS_MAX || deadline_ms <= 0) {
        handler(gateway, request, arg, is_true);
        return;
    }
    struct wait *wait = tb_alloc_zero(1, sizeof *wait);
    *wait = (struct wait){.next = waits->first,
                          .condition = condition,
                          .handler = handler,
                          .request = request,
                          .arg = arg,
                          .deadline_us = clock_monotonic_us() + deadline_ms * 1000};
    if (waits->first == NULL)
        loop_timer_set(waits->timer, LOOK_US, LOOK_US);
    waits->first = wait;
    waits->count++;
}
