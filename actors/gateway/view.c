/* view: personas, balances and what is pending, from the feeds.
 *
 * The feeds run independently, so what is known of an order may come in any order: each entry keeps which of its three
 * records came, and leaves when all have. What an entry adds to its user's pendingDelta follows from those bits alone.
 */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "ids.h"

enum { SEEN_ORDER = 1, SEEN_FINAL = 2, SEEN_SETTLED = 4, SEEN_ALL = 7 };

struct view_order_slot {
    uint64_t seq; /* 0 = empty */
    struct view_user *user;
    int64_t cents; /* its part of the user's pendingDelta */
    unsigned seen;
};

void view_init(struct view *view)
{
    *view = (struct view){0};
}

static void free_user(struct view_user *user)
{
    if (user == NULL)
        return;
    free(user->display_name);
    free(user->bio);
    free(user->avatar_url);
    free(user);
}

void view_release(struct view *view)
{
    for (size_t i = 0; i < view->user_capacity; i++)
        free_user(view->users[i]);
    for (size_t i = 0; i < CUES_COUNT; i++)
        free(view->cues[i].data);
    free(view->users);
    free(view->orders);
    view_init(view);
}

void view_clear(struct view *view)
{
    view_release(view);
}

/* --- users --- */

static size_t user_place(struct view_user *const *users, size_t capacity, const char *user_id)
{
    size_t place = (size_t)ids_hash(IDS_HASH_START, user_id, strlen(user_id)) & (capacity - 1);
    while (users[place] != NULL && strcmp(users[place]->user_id, user_id) != 0)
        place = (place + 1) & (capacity - 1);
    return place;
}

static void grow_users(struct view *view)
{
    size_t capacity = view->user_capacity == 0 ? 64 : view->user_capacity * 2;
    struct view_user **users = tb_alloc_zero(capacity, sizeof *users);
    for (size_t i = 0; i < view->user_capacity; i++) {
        if (view->users[i] != NULL)
            users[user_place(users, capacity, view->users[i]->user_id)] = view->users[i];
    }
    free(view->users);
    view->users = users;
    view->user_capacity = capacity;
}

static struct view_user *user_of(struct view *view, const char *user_id)
{
    if (view->user_count * 2 >= view->user_capacity)
        grow_users(view);
    size_t place = user_place(view->users, view->user_capacity, user_id);
    if (view->users[place] == NULL) {
        struct view_user *user = tb_alloc_zero(1, sizeof *user);
        (void)tb_copy_text(user->user_id, sizeof user->user_id, user_id);
        view->users[place] = user;
        view->user_count++;
    }
    return view->users[place];
}

const struct view_user *view_find(const struct view *view, const char *user_id)
{
    if (view->user_capacity == 0)
        return NULL;
    return view->users[user_place(view->users, view->user_capacity, user_id)];
}

bool view_user_may_trade(const struct view *view, const char *user_id)
{
    const struct view_user *user = view_find(view, user_id);
    return user != NULL && user->has_persona && !user->deleted;
}

static void replace_text(char **to, const char *text)
{
    free(*to);
    *to = text == NULL ? NULL : tb_strdup(text);
}

void view_set_persona(struct view *view, const Tb__Persona *persona)
{
    if (strlen(persona->user_id) >= VIEW_USER_ID_MAX)
        return;
    struct view_user *user = user_of(view, persona->user_id);
    if (user->has_persona && persona->version < user->persona_version)
        return;
    user->has_persona = true;
    user->deleted = persona->deleted;
    user->seed = persona->seed;
    user->persona_version = persona->version;
    user->created_at_us = persona->created_at_us;
    user->updated_at_us = persona->updated_at_us;
    replace_text(&user->display_name, persona->display_name);
    replace_text(&user->bio, persona->bio);
    replace_text(&user->avatar_url, persona->avatar_url[0] == '\0' ? NULL : persona->avatar_url);
}

void view_set_balance(struct view *view, const char *user_id, struct money balance, uint64_t version,
                      int64_t updated_at_us)
{
    if (strlen(user_id) >= VIEW_USER_ID_MAX)
        return;
    struct view_user *user = user_of(view, user_id);
    if (user->has_balance && version <= user->balance_version)
        return;
    user->has_balance = true;
    user->balance = balance;
    user->balance_version = version;
    user->balance_updated_at_us = updated_at_us;
}

/* --- orders --- */

static size_t order_home(size_t capacity, uint64_t seq)
{
    return (size_t)((seq * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (capacity - 1);
}

static size_t order_place(const struct view_order_slot *orders, size_t capacity, uint64_t seq)
{
    size_t place = order_home(capacity, seq);
    while (orders[place].seq != 0 && orders[place].seq != seq)
        place = (place + 1) & (capacity - 1);
    return place;
}

static void resize_orders(struct view *view, size_t capacity)
{
    struct view_order_slot *orders = tb_alloc_zero(capacity, sizeof *orders);
    for (size_t i = 0; i < view->order_capacity; i++) {
        if (view->orders[i].seq != 0)
            orders[order_place(orders, capacity, view->orders[i].seq)] = view->orders[i];
    }
    free(view->orders);
    view->orders = orders;
    view->order_capacity = capacity;
}

/* Return: the order's slot, made if need be; NULL when the view is full (the sum is then short of it). */
static struct view_order_slot *order_of(struct view *view, uint64_t seq, const char *user_id)
{
    if (view->order_count * 2 >= view->order_capacity)
        resize_orders(view, view->order_capacity == 0 ? 1024 : view->order_capacity * 2);
    struct view_order_slot *slot = &view->orders[order_place(view->orders, view->order_capacity, seq)];
    if (slot->seq == 0) {
        if (view->order_count >= VIEW_ORDERS_MAX || strlen(user_id) >= VIEW_USER_ID_MAX)
            return NULL;
        *slot = (struct view_order_slot){.seq = seq, .user = user_of(view, user_id)};
        view->order_count++;
    }
    return slot;
}

/* Effect: empties a slot and moves those behind it that would no longer be found. */
static void remove_order(struct view *view, struct view_order_slot *slot)
{
    size_t mask = view->order_capacity - 1;
    size_t hole = (size_t)(slot - view->orders);
    for (size_t i = (hole + 1) & mask; view->orders[i].seq != 0; i = (i + 1) & mask) {
        size_t home = order_home(view->order_capacity, view->orders[i].seq);
        /* May the one at i move to the hole? Only if its home is not between the two (cyclically). */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            view->orders[hole] = view->orders[i];
            hole = i;
        }
    }
    view->orders[hole] = (struct view_order_slot){0};
    view->order_count--;
    if (view->order_capacity > 4096 && view->order_count * 16 < view->order_capacity)
        resize_orders(view, view->order_capacity / 4);
}

static void set_pending(struct view_order_slot *slot, int64_t cents)
{
    struct view_user *user = slot->user;
    user->pending_wide += (__int128)cents - slot->cents;
    slot->cents = cents;
    user->pending = money_cents(user->pending_wide > INT64_MAX   ? INT64_MAX
                                : user->pending_wide < INT64_MIN ? INT64_MIN
                                                                 : (int64_t)user->pending_wide);
}

/* Effect: notes what came and what it makes of the order's part. cents: as long as it is not settled. */
static void note(struct view *view, struct view_order_slot *slot, unsigned seen, int64_t cents)
{
    slot->seen |= seen;
    set_pending(slot, (slot->seen & SEEN_SETTLED) != 0 ? 0 : cents);
    if (slot->seen == SEEN_ALL)
        remove_order(view, slot);
}

static int64_t signed_cents(Tb__Side side, int64_t cents)
{
    return side == TB__SIDE__SIDE_BUY ? -cents : cents;
}

void view_apply_order(struct view *view, const Tb__OrderRecord *record)
{
    struct money total;
    if (record->kind != TB__ORDER_RECORD__KIND__KIND_ORDER ||
        !money_times(money_cents(record->price_cents), record->quantity, &total))
        return;
    struct view_order_slot *slot = order_of(view, record->seq, record->user_id);
    if (slot == NULL || (slot->seen & SEEN_ORDER) != 0)
        return;
    note(view, slot, SEEN_ORDER,
         (slot->seen & SEEN_FINAL) != 0 ? slot->cents : signed_cents(record->side, total.cents));
}

void view_apply_answer(struct view *view, const Tb__OrderRecord *record)
{
    struct money total;
    if (record->seq < view->follow[VIEW_ORDERS].next ||
        !money_times(money_cents(record->price_cents), record->quantity, &total))
        return;
    struct view_order_slot *slot = order_of(view, record->seq, record->user_id);
    /* Without SEEN_ORDER: the feed is still to bring it, and only then may the entry go. */
    if (slot != NULL && slot->seen == 0)
        set_pending(slot, signed_cents(record->side, total.cents));
}

void view_apply_execution(struct view *view, const Tb__ExecutionRecord *record)
{
    if (record->type == TB__EXECUTION_RECORD__TYPE__TRADE_EXECUTED)
        return;
    struct view_order_slot *slot = order_of(view, record->order_seq, record->user_id);
    if (slot == NULL || (slot->seen & SEEN_FINAL) != 0)
        return;
    /* Only accepted orders move cash; of the others nothing more will come. */
    bool accepted = record->type == TB__EXECUTION_RECORD__TYPE__ORDER_ACCEPTED;
    note(view, slot, accepted ? SEEN_FINAL : SEEN_FINAL | SEEN_SETTLED,
         accepted ? signed_cents(record->side, record->notional_cents) : 0);
}

static void settle(struct view *view, uint64_t order_seq, const char *user_id)
{
    struct view_order_slot *slot = order_seq == 0 ? NULL : order_of(view, order_seq, user_id);
    if (slot != NULL)
        note(view, slot, SEEN_SETTLED, 0);
}

void view_apply_balance(struct view *view, const Tb__BalanceRecord *record)
{
    if (record->type == TB__BALANCE_RECORD__TYPE__BALANCE_UPDATED) {
        view_set_balance(view, record->user_id, money_cents(record->resulting_cents), record->version,
                         record->created_at_us);
        if (record->reason == TB__BALANCE_RECORD__REASON__ORDER_FILL)
            settle(view, record->order_seq, record->user_id);
    } else if (record->type == TB__BALANCE_RECORD__TYPE__DEAD_LETTER_DISCARDED) {
        settle(view, record->order_seq, record->user_id);
    }
}

void view_apply_ops(struct view *view, const Tb__OpsRecord *record)
{
    if (record->persona != NULL)
        view_set_persona(view, record->persona);
    if (record->cue != NULL)
        view_set_cue(view, record->cue);
}

void view_set_cue(struct view *view, const Tb__Cue *cue)
{
    enum cue which = cues_find(cue->id);
    if (which == CUES_COUNT)
        return;
    free(view->cues[which].data);
    view->cues[which] = (struct cue_told){cue->active, cue->active ? cue->since_us : 0,
                                          cue->data_json[0] == '\0' ? NULL : tb_strdup(cue->data_json)};
}

void view_set_unsettled(struct view *view, uint64_t order_seq, const char *user_id, struct money delta)
{
    struct view_order_slot *slot = order_of(view, order_seq, user_id);
    if (slot != NULL)
        note(view, slot, SEEN_ORDER | SEEN_FINAL, delta.cents);
}

uint64_t view_stream_last(const struct view *view, enum view_stream stream)
{
    return view->follow[stream].next == 0 ? 0 : view->follow[stream].next - 1;
}

bool view_order_is_open(const struct view *view, uint64_t order_seq)
{
    if (view->order_capacity > 0) {
        const struct view_order_slot *slot = &view->orders[order_place(view->orders, view->order_capacity, order_seq)];
        if (slot->seq != 0)
            return (slot->seen & SEEN_FINAL) == 0;
    }
    /* No entry: final and settled long ago, or not yet told of. */
    return order_seq >= view->follow[VIEW_ORDERS].next;
}
