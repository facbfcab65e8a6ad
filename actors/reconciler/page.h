/* page: a page of stored orders with what became of them, from rows to structs. Both the reconciler and tulip-audit
 * read them. */
#ifndef TB_RECONCILER_PAGE_H
#define TB_RECONCILER_PAGE_H

#include "db.h"
#include "store.h"

#define PAGE_SQL                                                                                                       \
    "SELECT seq, side, quantity, price_cents, simulation_seed, cancel_requested, lost, type, leg, leg_quantity, "      \
    "leg_price_cents FROM audit_replay_page($1, $2, $3, $4)"

/* Effect: encodes a struct reconciler_page_args. */
void page_encode(const void *args, struct db_params *params);
/* Gives (in arena) the orders of the rows, ascending by seq. */
struct reconciler_page *page_read(const struct db_rows *rows, struct arena *arena);

#endif
