/* testdb: one private, throw-away PostgreSQL per test process (fsync on, unix socket only, under a mkdtemp in /tmp),
 * and a fresh database per test. A guard process of its own stops the server and deletes the directory when the test
 * ends, however it ends.
 *
 * The template holds sql/roles.sql, every sql/NNNN_.../up.sql in order, region_create('nl-1'), persona_seed('nl-1')
 * where it exists, and sql/grants.sql. Without roles.sql or grants.sql the tb_ roles are made as superusers.
 * TB_TEST_DATABASE_URL (a superuser's) reuses a server that runs already; then testdb_crash and testdb_restart abort.
 *
 * Start it before the first bus (it forks). Every failure aborts the test with its reason on stderr.
 *
 *   const char *url = testdb_fresh();                       // for an actor: names no user
 *   testdb_run(url, "UPDATE balances SET version = %d", 1);  // as superuser
 *   ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM orders"), 3); */
#ifndef TB_TESTDB_H
#define TB_TESTDB_H

#include <stdbool.h>
#include <stdint.h>

/* Effect: starts the server at the first call; makes a fresh database. Return: its connection string without a user,
 * borrowed until testdb_stop. */
const char *testdb_fresh(void);
/* The same, but an empty database without any of our tables. */
const char *testdb_fresh_empty(void);

/* Effect: runs one or more statements as superuser in one transaction. */
void testdb_run(const char *url, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Return: the first column of the first row; no row or NULL: 0. */
int64_t testdb_integer(const char *url, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Gives it as text for free(); no row or NULL: NULL. */
char *testdb_text(const char *url, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Effect: waits until the query's first column is `expected`. Return: false after deadline_ms. */
bool testdb_wait(const char *url, int64_t expected, int deadline_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Effect: the server dies at once (SIGQUIT: nothing is flushed that is not durable), and comes back. */
void testdb_crash(void);
void testdb_restart(void);

/* Effect: a setting of the whole server by ALTER SYSTEM and reload, effective for new sessions when it returns. Set it
 * back. */
void testdb_set_server(const char *url, const char *name, const char *value);

/* Effect: stops the server and deletes its directory. Done at exit anyway. */
void testdb_stop(void);

#endif
