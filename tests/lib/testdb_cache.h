/* testdb_cache: a cluster that has our template database already, kept in the build directory and copied by each test
 * process, for initdb and a dozen migrations cost seconds. It is made by whoever needs it first, and anew when sql/ or
 * PostgreSQL is another. One process at a time is in here: between _open and _close a lock is held.
 *
 *   struct testdb_cache *cache = testdb_cache_open(source, "tulip_template");
 *   if (testdb_cache_has(cache)) … copy testdb_cache_path(cache) …
 *   else … make a cluster, stop its server … testdb_cache_put(cache, data);
 *   testdb_cache_close(&cache); */
#ifndef TB_TESTDB_CACHE_H
#define TB_TESTDB_CACHE_H

#include <stdbool.h>

struct testdb_cache;

/* source: the project's directory, whose sql/ decides what the cluster must be; recipe: what else does. Gives a cache
 * for testdb_cache_close, NULL where none can be kept (no TB_BUILD_DIR, or not writable). */
struct testdb_cache *testdb_cache_open(const char *source, const char *recipe);
/* Return: whether a cluster is there. */
bool testdb_cache_has(const struct testdb_cache *cache);
/* Return: the cluster's data directory. Borrowed. */
const char *testdb_cache_path(const struct testdb_cache *cache);
/* Effect: keeps a copy of the data directory of a server that was stopped cleanly, in place of older ones. Where that
 * fails there is none, and the next process makes its own. */
void testdb_cache_put(struct testdb_cache *cache, const char *data);
void testdb_cache_close(struct testdb_cache **cache);

#endif
