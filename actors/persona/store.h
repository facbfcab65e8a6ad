/* persona/store: the closed catalogue of store procedures that the persona core may ask for. Each is one SQL function
 * (sql/0005_persona, sql/0012_avatars) and one transaction: the personas row and the event on the ops stream that
 * announces it.
 *
 * No epoch: personas are guarded by row locks and the primary key, the ops stream by its head's row lock (ops_append).
 * The leadership lock only keeps two instances from sharing the bus links. Ownership: arguments are borrowed until the
 * call was carried out; results live in the step's arena. */
#ifndef TB_PERSONA_STORE_H
#define TB_PERSONA_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum persona_proc {
    PERSONA_PROC_CREATE = 0,
    PERSONA_PROC_UPDATE,
    PERSONA_PROC_DELETE,
    PERSONA_PROC_RESTORE,
    PERSONA_PROC_FIND,
    PERSONA_PROC_AVATAR,
    PERSONA_PROC_UNUSED,
    PERSONA_PROC_COUNT,
};

/* CREATE: an active persona of this id. EXISTS when the id is taken, also by a deleted one. */
struct persona_create_args {
    const char *region;
    const char *user_id;
    const char *display_name;
    const char *bio;
    const uint8_t *trace_id; /* 16 bytes or NULL */
    int64_t now_us;
};

/* UPDATE: display_name and bio where not NULL. NOT_FOUND when absent or deleted. Nothing differs: no event, ops_seq 0.
 */
struct persona_update_args {
    const char *region;
    const char *user_id;
    const char *display_name; /* NULL = stays */
    const char *bio;          /* NULL = stays */
    const uint8_t *trace_id;
    int64_t now_us;
};

/* DELETE: marks as deleted. NOT_FOUND when absent or deleted before; LAST when no other active persona would be left.
 * RESTORE: takes the mark away. NOT_FOUND when absent; active already: no event, ops_seq 0. */
struct persona_target_args {
    const char *region;
    const char *user_id;
    const uint8_t *trace_id;
    int64_t now_us;
};

/* FIND: the persona as it is; changes nothing, ops_seq 0. NOT_FOUND when absent or deleted. */
struct persona_find_args {
    const char *user_id;
};

/* AVATAR: the persona's avatar is at this URL from now on. NOT_FOUND when absent or deleted; the same URL as before: no
 * event, ops_seq 0. */
struct persona_avatar_args {
    const char *region;
    const char *user_id;
    const char *avatar_url;
    const uint8_t *trace_id;
    int64_t now_us;
};

/* UNUSED: which of these URLs no persona has, deleted ones included. */
struct persona_unused_args {
    const char *const *urls;
    size_t count;
};
struct persona_unused {
    const char *const *urls; /* in the order given */
    size_t count;
};

enum persona_outcome {
    PERSONA_OUTCOME_DONE = 0,
    PERSONA_OUTCOME_EXISTS = 1,
    PERSONA_OUTCOME_NOT_FOUND = 2,
    PERSONA_OUTCOME_LAST = 3,
};

/* The result of each of them but UNUSED. The texts and numbers after ops_seq are those of the persona now, with DONE
 * only. */
struct persona_changed {
    enum persona_outcome outcome;
    uint64_t ops_seq; /* the event, 0 = nothing changed */
    const char *user_id;
    const char *display_name;
    const char *bio;
    const char *avatar_url; /* "" = none */
    bool seed;
    bool deleted;
    uint64_t version;
    int64_t created_at_us;
    int64_t updated_at_us;
};

struct actor_proc;
/* Return: the PERSONA_PROC_COUNT procedures, indexed by enum persona_proc. */
const struct actor_proc *persona_store_procs(void);

#endif
