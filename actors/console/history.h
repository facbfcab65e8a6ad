/* history: the streams' rows as the records their writers sent, and what `top` asks of the database. Only SELECTs, by
 * index. What a row does not keep is empty in the record: the outbox sequence of a ledger entry. */
#ifndef TB_CONSOLE_HISTORY_H
#define TB_CONSOLE_HISTORY_H

#include "board.h"
#include "db.h"
#include "envelope.pb-c.h"

enum { HISTORY_ROWS_MAX = 1000 }; /* of one read */

/* Give the columns that the functions below read. The first parameter is the region; of a stream's rows the second is
 * the sequence after which to read. */
extern const struct db_statement history_alarms, history_positions;
/* Return: the statement of a stream's rows; NULL when it has no history (telemetry). */
const struct db_statement *history_rows(const char *stream);

/* Gives row number `row` of a stream's rows as its record, in arena. */
ProtobufCMessage *history_record(const char *stream, const struct db_rows *rows, size_t row, struct arena *arena);

/* Effect: puts the answer into the board. */
void history_take_alarms(struct board *board, const struct db_rows *rows, int64_t now_us);
void history_take_positions(struct board *board, const struct db_rows *rows, int64_t now_us); /* the same */

#endif
