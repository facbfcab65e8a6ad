/* simfill_model: tables and one connection as simfill's core sees them, in memory, with a bus that loses and repeats, a
 * store that breaks in every way a real one can, and a virtual clock; all from one seed. The transactions are carried
 * out when the core asks for them, their answers come later, in order. */
#ifndef TB_SIMFILL_MODEL_H
#define TB_SIMFILL_MODEL_H

#include "fill_recorder.h"
#include "simfill/core.h"
#include "simfill/store.h"

enum { MODEL_ORDERS_MAX = 2000, MODEL_CALLS_MAX = 64, MODEL_BAD_QUANTITY = 666 };

struct model_order {
    Tb__OrderRecord record;
    char seed[24];
    uint32_t legs;
    uint32_t filled;
    int64_t notional;
    uint32_t leg_quantities[16];
    unsigned final_type; /* 0 = open */
    uint32_t final_quantity;
    bool parked;
    int64_t parked_due_us;
    int adjustments;
    int64_t delta;
    bool poison;
    uint64_t cancel_seq; /* of the request, 0 = none */
};

struct model_answer {
    unsigned proc;
    enum store_status status;
    const char *error;
    void *result; /* for free() */
};

struct model {
    uint64_t random;
    struct model_order orders[MODEL_ORDERS_MAX + 1];
    uint64_t orders_count; /* accepted: rows of the orders stream */
    int64_t epoch;
    uint64_t executions_next, outbox_next, terminal_total, cursor;
    struct model_answer answers[MODEL_CALLS_MAX];
    unsigned answers_count;
    bool broken; /* every call is UNKNOWN until the core is started anew */
    int trouble; /* of 1000 calls, how many break or fail */
    int64_t delay_max_us;
    int64_t timers[CORE_TIMERS_MAX]; /* 0 = not set */
    struct simfill *core;
    struct recorder rec;
    size_t waiting_max; /* most orders ever seen in the window */
    int breaks, failures, halts;
    size_t published_adjustments;
    bool ready;
};

void model_open(struct model *model, uint64_t seed, int trouble, uint32_t window_max);
void model_close(struct model *model);
uint32_t model_random(struct model *model, uint32_t bound);

/* Effect: appends one order, or a cancel request for target (0 = an order). */
void model_accept(struct model *model, const char *seed, uint32_t quantity, uint64_t target);
/* Effect: brings rows first … last to the core as one message. */
void model_message(struct model *model, uint64_t first, uint64_t last);
/* Effect: the core starts (again); what waited for answers is forgotten. */
void model_start(struct model *model);
/* Effect: delivers the next answer, if one waits. */
void model_answer_one(struct model *model);
void model_flush(struct model *model);
/* Effect: time passes; timers fire. */
void model_pass(struct model *model, int64_t us);
/* Effect: lets everything come to rest, without further trouble. */
void model_settle(struct model *model, int64_t us);
/* Effect: aborts the test unless everything is as the plans say. */
void model_check(const struct model *model);

#endif
