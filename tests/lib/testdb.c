#include "testdb.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "testdb_cache.h"
#include "testdb_guard.h"

enum { URL_MAX = 512, DATABASES_MAX = 512, START_MS = 60000 };
#define TEMPLATE "tulip_template" /* also the cache's recipe: another name when another template is made */

static struct {
    struct testdb_guard *guard; /* NULL with TB_TEST_DATABASE_URL */
    char server[URL_MAX];       /* connection string without dbname and user */
    char template_name[64];
    bool has_template;
    unsigned made;
    char *urls[DATABASES_MAX];
} testdb;

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "testdb: %s: %s\n", what, why);
    if (testdb.guard != NULL)
        testdb_guard_show_log(testdb.guard);
    exit(99);
}

static void sleep_ms(long ms)
{
    struct timespec pause = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&pause, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* As superuser: a reused server's URL names its own. */
static PGconn *connect_to(const char *url)
{
    char text[URL_MAX + 32];
    snprintf(text, sizeof text, "%s%s", url, testdb.guard != NULL ? " user=postgres" : "");
    PGconn *conn = PQconnectdb(text);
    if (PQstatus(conn) != CONNECTION_OK)
        die("connect", PQerrorMessage(conn));
    return conn;
}

static PGresult *query(const char *url, const char *sql)
{
    PGconn *conn = connect_to(url);
    PQclear(PQexec(conn, "SET client_min_messages = warning"));
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "testdb: in: %.2000s\n", sql);
        die("query", PQresultErrorMessage(result));
    }
    PQfinish(conn);
    return result;
}

static void run_sql(const char *url, const char *sql)
{
    PQclear(query(url, sql));
}

static const char *server_url(const char *database)
{
    static char url[URL_MAX + 128];
    snprintf(url, sizeof url, "%s dbname=%s", testdb.server, database);
    return url;
}

static void wait_for_server(void)
{
    int64_t deadline = now_ms() + START_MS;
    char url[URL_MAX + 64];
    snprintf(url, sizeof url, "%s dbname=postgres user=postgres", testdb.server);
    while (PQping(url) != PQPING_OK) {
        if (now_ms() > deadline)
            die("start", "the server does not answer");
        sleep_ms(20);
    }
}

static bool exists(const char *source, const char *path)
{
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", source, path);
    return access(full, R_OK) == 0;
}

static bool role_exists(const char *url, const char *role)
{
    return testdb_integer(url, "SELECT count(*) FROM pg_roles WHERE rolname = '%s'", role) > 0;
}

/* Only while the project has no roles.sql or grants.sql: the actors' roles may do everything. */
static void make_bare_roles(const char *url)
{
    run_sql(
        url,
        "DO $$ DECLARE r text; BEGIN FOREACH r IN ARRAY ARRAY['gateway', 'sequencer', 'simfill', 'balance', 'persona', "
        "'reconciler', 'audit'] LOOP IF to_regrole('tb_' || r) IS NULL THEN EXECUTE format('CREATE ROLE %I LOGIN', "
        "'tb_' || "
        "r); END IF; EXECUTE format('ALTER ROLE %I SUPERUSER', 'tb_' || r); END LOOP; END $$");
}

/* Runs one SQL file with psql, for its \-commands and its error places. role: the owner to be, "" = superuser. */
static void run_file(const char *url, const char *source, const char *path, const char *role)
{
    char command[4096];
    char before[128] = "";
    if (role[0] != '\0')
        snprintf(before, sizeof before, "-c 'SET ROLE %s' ", role);
    snprintf(command, sizeof command,
             "PGOPTIONS='-c client_min_messages=warning' '%s/psql' -X -q -v ON_ERROR_STOP=1 -1 %s-f '%s/%s' '%s%s' >&2",
             testdb_guard_bindir(), before, source, path, url, testdb.guard != NULL ? " user=postgres" : "");
    if (system(command) != 0) /* NOLINT: a test's own fixed command */
        die("this SQL file failed", path);
}

static void apply_migrations(const char *url, const char *source, const char *role)
{
    char pattern[1024];
    snprintf(pattern, sizeof pattern, "%s/sql/[0-9]*_*/up.sql", source);
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        die("migrations", "none found under TB_SOURCE_DIR");
    for (size_t i = 0; i < found.gl_pathc; i++)
        run_file(url, source, found.gl_pathv[i] + strlen(source) + 1, role);
    globfree(&found);
    char sql[1024];
    const char *set_role = role[0] != '\0' ? "SET LOCAL ROLE " : "";
    snprintf(sql, sizeof sql,
             "BEGIN; %s%s; SELECT region_create('nl-1'); DO $$ BEGIN IF to_regprocedure('persona_seed(text)') IS NOT "
             "NULL THEN "
             "PERFORM persona_seed('nl-1'); END IF; END $$; COMMIT",
             set_role, role);
    run_sql(url, sql);
}

static const char *source_directory(void)
{
    const char *source = getenv("TB_SOURCE_DIR");
    if (source == NULL)
        die("TB_SOURCE_DIR", "is not set (ctest sets it)");
    return source;
}

static void make_template(void)
{
    const char *source = source_directory();
    if (testdb.guard != NULL)
        tb_copy_text(testdb.template_name, sizeof testdb.template_name, TEMPLATE);
    else
        snprintf(testdb.template_name, sizeof testdb.template_name, TEMPLATE "_%ld", (long)getpid());
    char sql[256];
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", testdb.template_name);
    run_sql(server_url("postgres"), sql);
    char url[URL_MAX];
    tb_copy_text(url, sizeof url, server_url(testdb.template_name));
    bool whole = exists(source, "sql/roles.sql") && exists(source, "sql/grants.sql");
    if (exists(source, "sql/roles.sql"))
        run_file(url, source, "sql/roles.sql", "");
    const char *owner = role_exists(url, "tb_owner") ? "tb_owner" : "";
    if (owner[0] != '\0') {
        snprintf(sql, sizeof sql, "ALTER DATABASE %s OWNER TO tb_owner", testdb.template_name);
        run_sql(url, sql);
    }
    apply_migrations(url, source, owner);
    if (exists(source, "sql/grants.sql"))
        run_file(url, source, "sql/grants.sql", "");
    if (!whole)
        make_bare_roles(url);
    testdb.has_template = true;
}

static void start_guard(const char *cluster)
{
    testdb.guard = testdb_guard_start(cluster);
    if (testdb.guard == NULL)
        die("start", "initdb, the copy of a cluster or the guard process failed");
    snprintf(testdb.server, sizeof testdb.server, "host=%s port=5432", testdb_guard_directory(testdb.guard));
    atexit(testdb_stop);
    wait_for_server();
}

/* Effect: keeps the cluster as it is now, with the template and nothing else, for the test processes that follow. */
static void keep_cluster(struct testdb_cache *cache)
{
    char data[128];
    snprintf(data, sizeof data, "%s/data", testdb_guard_directory(testdb.guard));
    testdb_guard_command(testdb.guard, GUARD_HALT);
    testdb_cache_put(cache, data);
    testdb_guard_command(testdb.guard, GUARD_START);
    wait_for_server();
}

static void ensure_server(void)
{
    if (testdb.server[0] != '\0')
        return;
    const char *given = getenv("TB_TEST_DATABASE_URL");
    if (given != NULL && given[0] != '\0') {
        tb_copy_text(testdb.server, sizeof testdb.server, given);
        return;
    }
    struct testdb_cache *cache = testdb_cache_open(source_directory(), TEMPLATE);
    if (cache != NULL && testdb_cache_has(cache)) {
        start_guard(testdb_cache_path(cache));
        tb_copy_text(testdb.template_name, sizeof testdb.template_name, TEMPLATE);
        testdb.has_template = true;
    } else {
        start_guard(NULL);
        make_template();
        if (cache != NULL)
            keep_cluster(cache);
    }
    testdb_cache_close(&cache);
}

static const char *fresh(const char *template_name)
{
    if (testdb.made >= DATABASES_MAX)
        die("fresh", "too many databases in one test process");
    char name[96];
    char sql[256];
    snprintf(name, sizeof name, "tulip_test_%ld_%u", (long)getpid(), testdb.made);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE %s", name, template_name);
    run_sql(server_url("postgres"), sql);
    testdb.urls[testdb.made] = tb_strdup(server_url(name));
    return testdb.urls[testdb.made++];
}

const char *testdb_fresh(void)
{
    ensure_server();
    if (!testdb.has_template)
        make_template();
    return fresh(testdb.template_name);
}

const char *testdb_fresh_empty(void)
{
    ensure_server();
    make_bare_roles(server_url("postgres"));
    return fresh("template0");
}

static char *format_text(const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        die("format", "out of memory");
    return text;
}

static char *first_value(const char *url, const char *sql)
{
    PGresult *result = query(url, sql);
    char *value = NULL;
    if (PQntuples(result) > 0 && PQnfields(result) > 0 && !PQgetisnull(result, 0, 0))
        value = tb_strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    return value;
}

void testdb_run(const char *url, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = format_text(format, args);
    va_end(args);
    run_sql(url, sql);
    free(sql);
}

static int64_t first_integer(const char *url, const char *sql)
{
    char *value = first_value(url, sql);
    int64_t number = 0;
    if (value != NULL) {
        char *end = NULL;
        number = strcmp(value, "t") == 0 ? 1 : strcmp(value, "f") == 0 ? 0 : strtoll(value, &end, 10);
        if (end != NULL && (end == value || *end != '\0'))
            die("not an integer", value);
    }
    free(value);
    return number;
}

int64_t testdb_integer(const char *url, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = format_text(format, args);
    va_end(args);
    int64_t number = first_integer(url, sql);
    free(sql);
    return number;
}

char *testdb_text(const char *url, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = format_text(format, args);
    va_end(args);
    char *value = first_value(url, sql);
    free(sql);
    return value;
}

bool testdb_wait(const char *url, int64_t expected, int deadline_ms, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = format_text(format, args);
    va_end(args);
    int64_t deadline = now_ms() + deadline_ms;
    bool same = first_integer(url, sql) == expected;
    while (!same && now_ms() < deadline) {
        sleep_ms(10);
        same = first_integer(url, sql) == expected;
    }
    free(sql);
    return same;
}

void testdb_crash(void)
{
    tb_assert(testdb.guard != NULL);
    run_sql(server_url("postgres"), "CHECKPOINT"); /* else it replays the making of every database when it comes back */
    testdb_guard_command(testdb.guard, GUARD_CRASH);
}

void testdb_restart(void)
{
    tb_assert(testdb.guard != NULL);
    testdb_guard_command(testdb.guard, GUARD_START);
    wait_for_server();
}

void testdb_set_server(const char *url, const char *name, const char *value)
{
    char sql[256];
    tb_assert(testdb.guard != NULL);
    PGconn *conn = connect_to(url); /* ALTER SYSTEM stands alone, in no transaction */
    snprintf(sql, sizeof sql, "ALTER SYSTEM SET %s = '%s'", name, value);
    PQclear(PQexec(conn, sql));
    PQclear(PQexec(conn, "SELECT pg_reload_conf()"));
    PQfinish(conn);
    if (!testdb_wait(url, 1, START_MS, "SELECT (current_setting('%s') = '%s')::int", name, value))
        die("set_server", name);
}

void testdb_stop(void)
{
    if (testdb.guard != NULL)
        testdb_guard_stop(&testdb.guard);
    for (unsigned i = 0; i < testdb.made; i++)
        free(testdb.urls[i]);
    testdb.made = 0;
    testdb.has_template = false;
    testdb.server[0] = '\0';
}
