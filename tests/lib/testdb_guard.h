/* testdb_guard: the process that owns a test's PostgreSQL. It is not a child of the test (a runner that kills the
 * test's children would kill it too), holds the server as its own child, and when the test's end of the socket closes
 * (exit, abort or kill -9) it stops the server at once and deletes the directory. */
#ifndef TB_TESTDB_GUARD_H
#define TB_TESTDB_GUARD_H

struct testdb_guard;
enum guard_command { GUARD_START = 's', GUARD_CRASH = 'c', GUARD_HALT = 'h', GUARD_STOP = 'q' };

/* Effect: makes the directory, copies the cluster (NULL: runs initdb), starts the server. Gives a guard for
 * testdb_guard_stop, NULL when that failed. */
struct testdb_guard *testdb_guard_start(const char *cluster);
/* Effect: carries the command out and waits until it is done (START: launched, not yet answering; HALT: the
 * server has shut down cleanly). */
void testdb_guard_command(struct testdb_guard *guard, enum guard_command command);
/* Effect: stops the server, deletes its directory, waits for that. */
void testdb_guard_stop(struct testdb_guard **guard);
/* Return: the directory, which is also the server's socket directory. Borrowed. */
const char *testdb_guard_directory(const struct testdb_guard *guard);
/* Return: where PostgreSQL's programs are. Borrowed. */
const char *testdb_guard_bindir(void);
/* Effect: the end of the server's log on stderr. */
void testdb_guard_show_log(const struct testdb_guard *guard);

#endif
