#include "money_books.h"

#include <check.h>
#include <stdlib.h>

#include "executions.pb-c.h"
#include "testdb.h"

enum { WAIT_MS = 30000 };
static char *const users[] = {"clusius", "oosterwijck", "leeuwenhoek"};

void books_add(const char *url, uint64_t first, uint64_t count, unsigned poison_every)
{
    testdb_run(
        url,
        "INSERT INTO outbox (region, seq, order_seq, delta_cents, price_cents, quantity, side, fault, created_at, "
        "order_created_at, trace_id, user_id) "
        "SELECT 'nl-1', n, 1000 + n, CASE n %% 2 WHEN 1 THEN -2 * n ELSE 2 * n END, n, 2, 2 - n %% 2, "
        "CASE WHEN %u > 0 AND n %% greatest(%u, 1) = 0 THEN 1 ELSE 0 END, now(), now(), "
        "'00112233-4455-6677-8899-aabbccddeeff', (ARRAY['clusius','oosterwijck','leeuwenhoek'])[1 + n %% 3] "
        "FROM generate_series(%llu::bigint, %llu::bigint) n",
        poison_every, poison_every, (unsigned long long)first, (unsigned long long)(first + count - 1));
}

void books_send(struct rig_link *stage, uint64_t first, size_t count)
{
    Tb__AdjustmentsAppended message = TB__ADJUSTMENTS_APPENDED__INIT;
    Tb__AdjustmentRecord *records = calloc(count, sizeof *records);
    message.records = calloc(count, sizeof *message.records);
    message.n_records = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t n = first + i;
        tb__adjustment_record__init(&records[i]);
        records[i].seq = n;
        records[i].order_seq = 1000 + n;
        records[i].user_id = users[n % 3];
        records[i].side = n % 2 == 1 ? TB__SIDE__SIDE_BUY : TB__SIDE__SIDE_SELL;
        records[i].quantity = 2;
        records[i].price_cents = (int64_t)n;
        records[i].delta_cents = n % 2 == 1 ? -2 * (int64_t)n : 2 * (int64_t)n;
        message.records[i] = &records[i];
    }
    ck_assert(rig_send(stage, NULL, TB__MESSAGE_TYPE__ADJUSTMENTS_APPENDED, &message.base, TB__STREAM__STREAM_OUTBOX,
                       first, WAIT_MS));
    free(message.records);
    free(records);
}

void books_wait_cursor(const char *url, uint64_t position)
{
    bool there = testdb_wait(url, (int64_t)position, WAIT_MS,
                             "SELECT position FROM cursors WHERE consumer = 'balance' AND stream = 'outbox'");
    ck_assert_msg(
        there, "the outbox cursor is at %lld, not at %llu",
        (long long)testdb_integer(url, "SELECT position FROM cursors WHERE consumer = 'balance' AND stream = 'outbox'"),
        (unsigned long long)position);
}

static const struct {
    const char *what;
    const char *sql; /* counts what is wrong */
} rules[] = {
    {"the legs of each movement cancel out",
     "SELECT count(*) FROM (SELECT FROM ledger GROUP BY seq HAVING sum(delta_cents) <> 0 OR count(*) <> 2 OR "
     "count(*) FILTER (WHERE account = '@market') <> 1) x"},
    {"each balance is the sum of its ledger",
     "SELECT count(*) FROM balances b FULL JOIN (SELECT account, sum(delta_cents) AS cents, count(*) AS entries "
     "FROM ledger GROUP BY account) l USING (account) WHERE (b.balance_cents, b.version) IS DISTINCT FROM (l.cents, "
     "l.entries)"},
    {"each entry's result is the sum up to it",
     "SELECT count(*) FROM (SELECT resulting_cents, version, sum(delta_cents) OVER w AS cents, row_number() OVER w AS "
     "entries FROM ledger WINDOW w AS (PARTITION BY account ORDER BY seq)) l WHERE (resulting_cents, version) IS "
     "DISTINCT FROM (cents, entries)"},
    {"the balances stream is dense up to its head",
     "SELECT count(*) FROM (SELECT seq FROM ledger WHERE account <> '@market' UNION ALL SELECT seq FROM "
     "balance_events) s FULL JOIN (SELECT generate_series(1, next_seq - 1) AS seq FROM stream_heads WHERE stream = "
     "'balances') g USING (seq) WHERE s.seq IS NULL OR g.seq IS NULL"},
    {"no seq is used twice",
     "SELECT count(*) FROM (SELECT FROM (SELECT seq FROM ledger WHERE account <> '@market' UNION ALL SELECT seq FROM "
     "balance_events) s GROUP BY seq HAVING count(*) > 1) x"},
    {"every row up to the cursor has its one entry, or a dead letter",
     "SELECT count(*) FROM outbox o LEFT JOIN ledger l ON l.order_seq = o.order_seq AND l.account = o.user_id AND "
     "l.reason = 2 AND l.delta_cents = o.delta_cents AND l.trace_id = o.trace_id LEFT JOIN dead_letters d ON "
     "d.outbox_seq = o.seq WHERE o.seq <= (SELECT position FROM cursors WHERE consumer = 'balance' AND stream = "
     "'outbox') AND (l.seq IS NOT NULL) = coalesce(d.state IN (1, 2, 4), false)"},
    {"no row after the cursor has an entry",
     "SELECT count(*) FROM ledger l JOIN outbox o USING (order_seq) WHERE o.seq > (SELECT position FROM cursors WHERE "
     "consumer = 'balance' AND stream = 'outbox')"},
    {"every entry has its row",
     "SELECT count(*) FROM ledger l LEFT JOIN outbox o USING (order_seq) WHERE l.reason = 2 AND o.seq IS NULL"},
};

void books_check(const char *url)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        int64_t wrong = testdb_integer(url, "%s", rules[i].sql);
        ck_assert_msg(wrong == 0, "%s: %lld times not", rules[i].what, (long long)wrong);
    }
}
