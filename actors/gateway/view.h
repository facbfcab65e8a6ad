/* view: what the gateway keeps from the feeds so that answering a POST needs no query: personas, balances, and per
 * order what is not yet settled (pendingDelta). Pure: records in, sums out; the core sees to gaps (one follow per
 * stream). Nothing here matters: it is read from the store at START and again after a gap.
 *
 * Bounded by the personas there are and by the backlog (VIEW_ORDERS_MAX, far above the sequencer's own limit). */
#ifndef TB_GATEWAY_VIEW_H
#define TB_GATEWAY_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "balances.pb-c.h"
#include "cues.h"
#include "executions.pb-c.h"
#include "follow.h"
#include "money.h"
#include "orders.pb-c.h"
#include "persona.pb-c.h"

enum { VIEW_USER_ID_MAX = 41, VIEW_ORDERS_MAX = 1 << 20 };
enum view_stream { VIEW_ORDERS, VIEW_EXECUTIONS, VIEW_BALANCES, VIEW_OPS, VIEW_STREAMS };

struct view_user {
    char user_id[VIEW_USER_ID_MAX];
    bool has_persona; /* else only seen in balances or orders so far */
    bool deleted;
    bool seed;
    char *display_name, *bio, *avatar_url; /* avatar_url may be NULL; all NULL without persona */
    uint64_t persona_version;
    int64_t created_at_us, updated_at_us;
    bool has_balance;
    struct money balance;
    uint64_t balance_version;
    int64_t balance_updated_at_us;
    struct money
        pending; /* what open orders and unsettled adjustments will still move (held at the ends of the range) */
    __int128 pending_wide; /* the same, exactly: ten thousand orders of the largest size exceed 64 bits */
};

struct view_user_slot;
struct view_order_slot;
struct view {
    bool ready; /* a snapshot was taken */
    struct follow follow[VIEW_STREAMS];
    struct view_user **users; /* open addressing by user id */
    size_t user_count, user_capacity;
    struct view_order_slot *orders; /* open addressing by order seq */
    size_t order_count, order_capacity;
    struct cue_told cues[CUES_COUNT]; /* as the ops stream tells */
};

void view_init(struct view *view);
void view_release(struct view *view);
/* Effect: forgets everything; not ready. */
void view_clear(struct view *view);

/* Return: the user, NULL when never heard of. Borrowed until the next step of the core. */
const struct view_user *view_find(const struct view *view, const char *user_id);
/* Return: whether new orders of this user are taken: a persona, not deleted. */
bool view_user_may_trade(const struct view *view, const char *user_id);
/* Return: the highest seq of the stream that was applied. */
uint64_t view_stream_last(const struct view *view, enum view_stream stream);
/* Return: whether this order may still be open as far as the feeds have told. */
bool view_order_is_open(const struct view *view, uint64_t order_seq);

/* Snapshot rows and feed records. Each may come twice or in any order between streams. */
void view_set_persona(struct view *view, const Tb__Persona *persona);
void view_set_balance(struct view *view, const char *user_id, struct money balance, uint64_t version,
                      int64_t updated_at_us);
void view_apply_order(struct view *view, const Tb__OrderRecord *record);
/* The same from the sequencer's answer, which may come before the feed; nothing when the feed was faster. */
void view_apply_answer(struct view *view, const Tb__OrderRecord *record);
void view_apply_execution(struct view *view, const Tb__ExecutionRecord *record);
void view_apply_balance(struct view *view, const Tb__BalanceRecord *record);
void view_apply_ops(struct view *view, const Tb__OpsRecord *record);
/* Effect: a cue as the reconciler wrote it; one that is not known here is ignored. */
void view_set_cue(struct view *view, const Tb__Cue *cue);
/* An adjustment that was not settled when the snapshot was taken. */
void view_set_unsettled(struct view *view, uint64_t order_seq, const char *user_id, struct money delta);

#endif
