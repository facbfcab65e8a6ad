/* persona/core: the pure state machine of the registry. One command after the other: checked here, decided by the store
 * in one transaction, answered after its commit, then announced on ops-feed. Bounded: PERSONA_COMMANDS_MAX commands
 * wait; beyond that BACKPRESSURE. Avatars (avatars.c) take longer and go beside: PERSONA_AVATARS_MAX at once, each asks
 * the store whether there is such a persona, has the studio (studio.h) make and store the file, and then is a command
 * like the others.
 *
 *   struct persona_core core = {0};
 *   persona_core_init(&core, "nl-1");
 *   persona_core_step(&core, &input, &effects);
 *   persona_core_release(&core); */
#ifndef TB_PERSONA_CORE_H
#define TB_PERSONA_CORE_H

#include "../../common/core.h" /* not this file: its own name is core.h too */
#include "avatar/avatar.h"
#include "store.h"
#include "studio.h"
#include "text.h"

enum persona_link {
    PERSONA_LINK_COMMAND = 0, /* ROUTER persona-command: PERSONA_COMMAND in, PERSONA_RESULT out */
    PERSONA_LINK_FEED,        /* PUB ops-feed: OPS_APPENDED out */
    PERSONA_LINK_COUNT,
};

enum persona_metric {
    PERSONA_METRIC_COMMANDS = 0, /* counter: commands that changed something */
    PERSONA_METRIC_QUEUE_DEPTH,  /* gauge */
    PERSONA_METRIC_AVATARS,      /* counters: made and in force; refused for the picture's sake; deleted */
    PERSONA_METRIC_AVATARS_REFUSED,
    PERSONA_METRIC_AVATARS_REMOVED,
    PERSONA_METRIC_AVATARS_DEPTH, /* gauge: under way */
    PERSONA_METRIC_COUNT,
};

enum persona_timer { PERSONA_TIMER_SWEEP = 0 };

enum { PERSONA_COMMANDS_MAX = 64, PERSONA_AVATARS_MAX = 8, PERSONA_REGION_SIZE = 17, PERSONA_URL_SIZE = 96 };
/* Each avatar has room for one command of its own. */
enum { PERSONA_RING = PERSONA_COMMANDS_MAX + PERSONA_AVATARS_MAX };

/* Kinds of commands beyond Tb__PersonaCommand__Kind: an avatar's two store calls. */
enum { PERSONA_COMMAND_FIND = 101, PERSONA_COMMAND_AVATAR = 102 };

struct persona_command {
    struct peer from;
    uint64_t request_id;
    uint8_t kind;           /* Tb__PersonaCommand__Kind, PERSONA_COMMAND_… */
    struct avatar_job *job; /* of PERSONA_COMMAND_…, else NULL */
    bool has_display_name, has_bio, has_trace;
    uint8_t trace_id[16];
    char user_id[PERSONA_ID_SIZE];
    char display_name[PERSONA_NAME_SIZE];
    char bio[PERSONA_BIO_SIZE];
};

enum avatar_stage {
    AVATAR_FREE = 0,
    AVATAR_FINDING,   /* a FIND is in the queue */
    AVATAR_MAKING,    /* with the studio */
    AVATAR_SETTING,   /* an AVATAR is in the queue */
    AVATAR_ABANDONED, /* answered, but still with the studio */
};

/* One upload on its way. */
struct avatar_job {
    enum avatar_stage stage;
    struct peer from;
    uint64_t request_id;
    bool has_trace;
    uint8_t trace_id[16];
    char user_id[PERSONA_ID_SIZE];
    uint8_t *picture; /* AVATAR_PICTURE_MAX bytes of the core's pool */
    size_t picture_size;
    char url[PERSONA_URL_SIZE];
    uint32_t bytes; /* of the stored file */
};

/* The round that deletes files nobody has any more. */
enum sweep_stage { SWEEP_IDLE = 0, SWEEP_LISTING, SWEEP_ASKING, SWEEP_REMOVING };

enum persona_phase { PERSONA_DOWN = 0, PERSONA_LIVE, PERSONA_STOPPING };

struct persona_core {
    char region[PERSONA_REGION_SIZE];
    enum persona_phase phase;
    bool under_way;                   /* the command at the head is with the store */
    struct persona_command *commands; /* ring of PERSONA_RING */
    size_t head, count;
    struct avatar_job avatars[PERSONA_AVATARS_MAX];
    uint8_t *pictures; /* the pool of their bytes */
    int64_t sweep_us;  /* the owner's to set before START: how often files are looked through; 0 = never */
    enum sweep_stage sweep;
    char sweep_after[AVATAR_NAME_MAX]; /* where the round goes on; "" = at the first name */
};

/* Effect: sets up an empty core (zeroed before). Its queues are heap memory until persona_core_release. */
void persona_core_init(struct persona_core *core, const char *region);
void persona_core_release(struct persona_core *core);

/* The step function of common/core.h; state is a struct persona_core. */
void persona_core_step(void *state, const struct input *in, struct effects *fx);

#endif
