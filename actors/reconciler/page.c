#include "page.h"

enum column { SEQ, SIDE, QUANTITY, PRICE, SEED, CANCEL_REQUESTED, LOST, TYPE, LEG, LEG_QUANTITY, LEG_PRICE };

void page_encode(const void *arguments, struct db_params *params)
{
    const struct reconciler_page_args *args = arguments;
    db_add_text(params, args->region);
    db_add_int8(params, (int64_t)args->after);
    db_add_int8(params, (int64_t)args->to);
    db_add_int4(params, (int32_t)args->limit);
}

static struct replay_order read_order(const struct db_rows *rows, size_t row, struct arena *arena)
{
    return (struct replay_order){
        .seq = (uint64_t)db_get_int(rows, row, SEQ),
        .simulation_seed = db_is_null(rows, row, SEED) ? NULL : arena_strdup(arena, db_get_text(rows, row, SEED)),
        .side = (uint32_t)db_get_int(rows, row, SIDE),
        .quantity = (uint32_t)db_get_int(rows, row, QUANTITY),
        .price = money_cents(db_get_int(rows, row, PRICE)),
        .lost = db_get_bool(rows, row, LOST),
    };
}

static void read_execution(const struct db_rows *rows, size_t row, struct replay_order *order)
{
    uint32_t type = (uint32_t)db_get_int(rows, row, TYPE), leg = (uint32_t)db_get_int(rows, row, LEG);
    if (type == 0)
        return; /* it has none */
    if (leg == 0) {
        order->final_type = type;
        order->final_quantity = (uint32_t)db_get_int(rows, row, LEG_QUANTITY);
        order->cancel_requested = db_get_bool(rows, row, CANCEL_REQUESTED);
        return;
    }
    if (order->trade_count < REPLAY_TRADES_MAX)
        order->trades[order->trade_count] =
            (struct replay_trade){.leg = leg,
                                  .quantity = (uint32_t)db_get_int(rows, row, LEG_QUANTITY),
                                  .price = money_cents(db_get_int(rows, row, LEG_PRICE))};
    order->trade_count++;
}

struct reconciler_page *page_read(const struct db_rows *rows, struct arena *arena)
{
    size_t row_count = db_row_count(rows);
    struct reconciler_page *page = arena_alloc(arena, sizeof *page);
    struct replay_order *orders = arena_array(arena, RECONCILER_PAGE_MAX, sizeof *orders);
    for (size_t row = 0; row < row_count; row++) {
        if (page->count == 0 || orders[page->count - 1].seq != (uint64_t)db_get_int(rows, row, SEQ)) {
            if (page->count == RECONCILER_PAGE_MAX)
                break; /* nobody asks for more */
            orders[page->count++] = read_order(rows, row, arena);
        }
        read_execution(rows, row, &orders[page->count - 1]);
    }
    page->orders = orders;
    return page;
}
