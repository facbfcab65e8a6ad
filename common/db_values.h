/* db_values: inside of db: what db.c (which knows libpq) and db_values.c (which knows the binary formats) ask of each
 * other. */
#ifndef TB_DB_VALUES_H
#define TB_DB_VALUES_H

#include "db.h"

/* Return: a value's bytes as they came, NULL for SQL NULL; its length and type oid. Aborts on a row or column that is
 * not there. */
const char *db_raw_value(const struct db_rows *rows, size_t row, int column, size_t *length, uint32_t *type);

/* Return: whether a parameter given as one type may go where a statement takes another (a text may stand for a json).
 */
bool db_type_fits(uint32_t given, uint32_t taken);

#endif
