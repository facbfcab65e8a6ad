/* persona/core: the pure state machine of the registry. One command after the other: checked here, decided by the store
 * in one transaction, answered after its commit, then announced on ops-feed. Bounded: PERSONA_COMMANDS_MAX commands
 * wait; beyond that BACKPRESSURE.
 *
 *   struct persona_core core = {0};
 *   persona_core_init(&core, "nl-1");
 *   persona_core_step(&core, &input, &effects);
 *   persona_core_release(&core); */
#ifndef TB_PERSONA_CORE_H
#define TB_PERSONA_CORE_H

#include "../../common/core.h" /* not this file: its own name is core.h too */
#include "store.h"
#include "text.h"

enum persona_link {
    PERSONA_LINK_COMMAND = 0, /* ROUTER persona-command: PERSONA_COMMAND in, PERSONA_RESULT out */
    PERSONA_LINK_FEED,        /* PUB ops-feed: OPS_APPENDED out */
    PERSONA_LINK_COUNT,
};

enum persona_metric {
    PERSONA_METRIC_COMMANDS = 0, /* counter: commands that changed something */
    PERSONA_METRIC_QUEUE_DEPTH,  /* gauge */
    PERSONA_METRIC_COUNT,
};

enum { PERSONA_COMMANDS_MAX = 64, PERSONA_REGION_SIZE = 17 };

struct persona_command {
    struct peer from;
    uint64_t request_id;
    uint8_t kind; /* Tb__PersonaCommand__Kind */
    bool has_display_name, has_bio, has_trace;
    uint8_t trace_id[16];
    char user_id[PERSONA_ID_SIZE];
    char display_name[PERSONA_NAME_SIZE];
    char bio[PERSONA_BIO_SIZE];
};

enum persona_phase { PERSONA_DOWN = 0, PERSONA_LIVE, PERSONA_STOPPING };

struct persona_core {
    char region[PERSONA_REGION_SIZE];
    enum persona_phase phase;
    bool under_way;                   /* the command at the head is with the store */
    struct persona_command *commands; /* ring of PERSONA_COMMANDS_MAX */
    size_t head, count;
};

/* Effect: sets up an empty core (zeroed before). Its queue is heap memory until persona_core_release. */
void persona_core_init(struct persona_core *core, const char *region);
void persona_core_release(struct persona_core *core);

/* The step function of common/core.h; state is a struct persona_core. */
void persona_core_step(void *state, const struct input *in, struct effects *fx);

#endif
