/* err: a local failure as a value (the third of the five kinds of failure, docs/ARCHITECTURE.md). A function that can
 * fail locally returns -1 (or NULL) and fills the caller's struct err; it is logged once, where it is handled.
 * Threading: none shared.
 *
 *   struct err err = {0};
 *   if (db_connect(db, &err) < 0)
 *       return err_wrap(&err, "connect"); */
#ifndef TB_ERR_H
#define TB_ERR_H

enum { ERR_TEXT_MAX = 512 };

struct err {
    char text[ERR_TEXT_MAX]; /* one sentence, no newline, no secret */
};

/* Effect: fills err (may be NULL) with a formatted sentence, cut at ERR_TEXT_MAX. Return: always -1. */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Effect: puts "context: " before err's sentence. Return: always -1. */
int err_wrap(struct err *err, const char *context);

#endif
