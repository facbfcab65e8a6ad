#include "load.h"

#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include "base.h"
#include "clock.h"
#include "http_client.h"
#include "ids.h"

enum {
    LOAD_GRACE_US = 15000000,
    LOAD_ANSWER_MAX_US = 10000000,
    LOAD_RETRY_US = 20000,
    LOAD_RETRY_MAX_US = 500000,
    LOAD_IDLE_US = 50000
};

enum load_state { SLOT_FREE, SLOT_WAITING, SLOT_PAUSED };

/* One connection and the order it carries. */
struct load_slot {
    enum load_state state;
    uint64_t number;  /* of the order, from 0 */
    int64_t begun_us; /* when it was due */
    int64_t until_us; /* WAITING: time-out; PAUSED: next attempt */
    int64_t pause_us; /* before the next attempt */
};

struct load {
    const struct load_options *options;
    struct load_result *result;
    struct http_swarm *swarm;
    struct load_slot *slots;
    size_t *free_slots;
    size_t free_count, paused_count;
    char run[17]; /* random, in every key: two runs never share one */
    int64_t measure_from_us, end_us;
    uint64_t due_count; /* open loop: orders that have come due */
    int64_t now_us;
};

/* Effect: sends the slot's order. What it says follows from its number alone, so each attempt is the same. */
static void load_attempt(struct load *load, size_t index)
{
    struct load_slot *slot = &load->slots[index];
    char body[256], request[768];
    uint64_t n = slot->number;
    int body_size = snprintf(
        body, sizeof body,
        "{\"userId\":\"%s\",\"side\":\"%s\",\"quantity\":%d,\"price\":\"%d.%02d\",\"clientId\":\"bench-%s\"}",
        load->options->users[n % load->options->user_count], n / load->options->user_count % 2 == 0 ? "BUY" : "SELL",
        (int)(n % 100) + 1, (int)(n % 37) + 100, (int)(n % 100), load->run);
    int size = snprintf(request, sizeof request,
                        "POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        "Idempotency-Key: bench-%s-%llu\r\nContent-Length: %d\r\n\r\n%s",
                        load->run, (unsigned long long)n, body_size, body);
    tb_assert(body_size < (int)sizeof body && size < (int)sizeof request);
    slot->state = SLOT_WAITING;
    slot->until_us = load->now_us + LOAD_ANSWER_MAX_US;
    http_swarm_send(load->swarm, index, request, (size_t)size);
}

static void load_begin(struct load *load, size_t index, int64_t due_us)
{
    load->slots[index] =
        (struct load_slot){.number = load->result->sent++, .begun_us = due_us, .pause_us = LOAD_RETRY_US};
    load_attempt(load, index);
}

static int64_t load_due_us(const struct load *load, uint64_t number)
{
    return load->result->started_us + (int64_t)((double)number * 1e6 / load->options->rate);
}

/* Effect: begins what is due on the connections that are free. */
static void load_begin_due(struct load *load)
{
    while (load->free_count > 0) {
        int64_t due_us = load->options->rate > 0 ? load_due_us(load, load->due_count) : load->now_us;
        if (due_us > load->now_us || due_us >= load->end_us)
            return;
        load->due_count++;
        load_begin(load, load->free_slots[--load->free_count], due_us);
    }
}

static void load_free_slot(struct load *load, size_t index)
{
    load->slots[index].state = SLOT_FREE;
    load->free_slots[load->free_count++] = index;
}

static void load_acknowledged(struct load *load, const struct load_slot *slot)
{
    struct load_result *result = load->result;
    result->acknowledged++;
    if (load->now_us >= load->measure_from_us && load->now_us < load->end_us)
        result->acknowledged_measured++;
    if (slot->begun_us >= load->measure_from_us)
        latency_add(&result->latency, load->now_us - slot->begun_us);
}

static void load_answered(void *arg, size_t index, const struct http_response *response)
{
    struct load *load = arg;
    struct load_slot *slot = &load->slots[index];
    load->now_us = clock_monotonic_us();
    int status = response ? response->status : 0;
    if (!response)
        load->result->broken++;
    else if (status < LOAD_STATUS_MAX)
        load->result->by_status[status]++;
    bool again = !response || status == 503 || status == 429;
    if (again) {
        slot->state = SLOT_PAUSED;
        slot->until_us = load->now_us + slot->pause_us;
        slot->pause_us = slot->pause_us * 2 > LOAD_RETRY_MAX_US ? LOAD_RETRY_MAX_US : slot->pause_us * 2;
        load->paused_count++;
        return;
    }
    if (status == 201 || status == 200)
        load_acknowledged(load, slot);
    else
        load->result->refused++;
    load_free_slot(load, index);
    load_begin_due(load);
}

/* Effect: wakes paused orders, gives up connections that do not answer. Only now and then: it looks at every slot. */
static void load_look_after(struct load *load)
{
    for (size_t i = 0; i < load->options->connections; i++) {
        struct load_slot *slot = &load->slots[i];
        if (slot->state == SLOT_FREE || slot->until_us > load->now_us)
            continue;
        if (slot->state == SLOT_WAITING) {
            slot->until_us = load->now_us + LOAD_ANSWER_MAX_US;
            http_swarm_abandon(load->swarm, i);
            continue;
        }
        load->paused_count--;
        load->result->retried++;
        load_attempt(load, i);
    }
}

static void load_turn(struct load *load)
{
    int64_t wait_us = load->paused_count > 0 ? LOAD_RETRY_US / 4 : LOAD_IDLE_US;
    if (load->options->rate > 0 && load->free_count > 0 && load->now_us < load->end_us) {
        int64_t due_in_us = load_due_us(load, load->due_count) - load->now_us;
        wait_us = due_in_us < wait_us ? due_in_us : wait_us;
    }
    http_swarm_wait(load->swarm, wait_us);
    load->now_us = clock_monotonic_us();
    load_begin_due(load);
}

static void load_loop(struct load *load)
{
    int64_t looked_us = 0;
    load_begin_due(load);
    while (load->now_us < load->end_us + LOAD_GRACE_US) {
        if (load->now_us >= load->end_us && load->free_count == load->options->connections)
            break;
        load_turn(load);
        if (load->now_us - looked_us >= LOAD_RETRY_US / 4) {
            looked_us = load->now_us;
            load_look_after(load);
        }
    }
    load->result->unresolved = load->options->connections - load->free_count;
}

int load_run(const struct load_options *options, struct load_result *result, struct err *err)
{
    struct load load = {.options = options, .result = result};
    load.swarm = http_swarm_new(options->host, options->port, options->connections, load_answered, &load, err);
    if (!load.swarm)
        return -1;
    load.slots = tb_alloc_zero(options->connections, sizeof *load.slots);
    load.free_slots = tb_alloc_zero(options->connections, sizeof *load.free_slots);
    for (size_t i = options->connections; i > 0; i--)
        load_free_slot(&load, i - 1);
    uint8_t random[8];
    ids_random(random, sizeof random);
    ids_hex(random, sizeof random, load.run);
    load.now_us = result->started_us = clock_monotonic_us();
    load.measure_from_us = load.now_us + options->warmup_us;
    load.end_us = load.measure_from_us + options->measure_us;
    result->measured_us = options->measure_us;
    load_loop(&load);
    http_swarm_free(&load.swarm);
    free(load.slots);
    free(load.free_slots);
    return 0;
}
