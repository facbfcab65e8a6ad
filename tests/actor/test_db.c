/* db against a real PostgreSQL: values there and back, order, errors, and a server that dies, stalls or is set up
 * unsafely. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "db.h"
#include "testdb.h"

enum { WAIT_MS = 20000, OUTCOMES_MAX = 512 };

enum { SCALARS, ARRAYS, COUNTS, ECHO, NUMBER, RAISE, INSERT, SLEEP, PID, STATEMENTS };

static const struct db_statement statements[STATEMENTS] = {
    [SCALARS] = {"scalars", "SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::text, $6::uuid, $7::timestamptz, "
                            "to_jsonb($5::text), json_build_object('a', 1), $4::float8 / 4, to_char($7::timestamptz, "
                            "'YYYY-MM-DD HH24:MI:SS.US')"},
    [ARRAYS] = {"arrays",
                "SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::bool[], $5::text[], $6::uuid[], "
                "$7::timestamptz[])"},
    [COUNTS] = {"counts", "SELECT cardinality($1::int8[]) + cardinality($2::text[]) + cardinality($3::uuid[])"},
    [ECHO] = {"echo", "SELECT $1::text"},
    [NUMBER] = {"number", "SELECT $1::int8"},
    [RAISE] = {"raise", "SELECT test_raise($1, $2)"},
    [INSERT] = {"insert", "INSERT INTO numbers VALUES ($1) RETURNING n"},
    [SLEEP] = {"sleep", "SELECT test_sleep($1), 1"},
    [PID] = {"pid", "SELECT pg_backend_pid()"},
};

/* pg_sleep takes a float8, for which there is no parameter: asked for as an integer of milliseconds. */
static const char schema[] =
    "CREATE TABLE numbers (n bigint, CONSTRAINT numbers_unique UNIQUE (n) DEFERRABLE INITIALLY DEFERRED);"
    "CREATE FUNCTION test_sleep(ms bigint) RETURNS void LANGUAGE sql VOLATILE AS 'SELECT pg_catalog.pg_sleep(ms / "
    "1000.0)';"
    "CREATE FUNCTION test_raise(state text, message text) RETURNS bigint LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message; END $$";

struct outcome {
    enum db_status status;
    int64_t number;
    char error[200];
};

static struct loop *loop;
static struct loop_timer *tick;
static struct arena arena;
static struct db *db;
static const char *url;
static char last_reason[256];
static int ups, downs;
static struct outcome outcomes[OUTCOMES_MAX];
static int outcome_count;

static void on_tick(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static bool wait_until(bool (*done)(void), int deadline_ms)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)deadline_ms * 1000;
    while (!done()) {
        if (clock_monotonic_us() > deadline)
            return false;
        loop_timer_set(tick, 2000, 0);
        loop_run(loop);
    }
    return true;
}

static void on_state(void *arg, enum db_state state, const char *reason)
{
    (void)arg;
    ups += state == DB_UP;
    downs += state == DB_DOWN;
    tb_copy_text(last_reason, sizeof last_reason, reason);
}

static bool is_up(void)
{
    return db_current_state(db) == DB_UP;
}

static bool is_down(void)
{
    return downs > 0;
}

static struct db *open_db(const struct db_options *options)
{
    struct err err = {0};
    struct db *made = db_new(loop, options, statements, STATEMENTS, on_state, NULL, &err);
    ck_assert_msg(made != NULL, "%s", err.text);
    return made;
}

/* For the tests that change a database's set-up. */
static void take_own_database(void)
{
    url = testdb_fresh_empty();
    testdb_run(url, "%s", schema);
}

static void setup(void)
{
    static const char *shared;
    if (shared == NULL) {
        take_own_database();
        shared = url;
    }
    url = shared;
    testdb_run(url, "TRUNCATE numbers");
    loop = loop_new();
    tick = loop_timer_new(loop, on_tick, NULL);
    arena_init(&arena, 1 << 28);
    ups = downs = outcome_count = 0;
    last_reason[0] = '\0';
    db = NULL;
}

static struct db_options plain_options(void)
{
    return (struct db_options){
        .url = url, .application_name = "test", .user = "tb_balance", .statement_timeout_ms = 10000};
}

static void connect_plainly(void)
{
    struct db_options options = plain_options();
    db = open_db(&options);
    ck_assert_msg(wait_until(is_up, WAIT_MS), "%s", last_reason);
}

static void teardown(void)
{
    db_free(&db);
    loop_timer_free(&tick);
    loop_free(&loop);
    arena_release(&arena);
}

static struct db_params *new_params(void)
{
    struct db_params *params = arena_alloc(&arena, sizeof *params);
    db_params_init(params, &arena);
    return params;
}

/* Notes status, the first column as a number, and the error. */
static void note_outcome(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    (void)arg;
    ck_assert_int_lt(outcome_count, OUTCOMES_MAX);
    struct outcome *outcome = &outcomes[outcome_count++];
    *outcome = (struct outcome){.status = status};
    ck_assert_int_eq(rows != NULL, status == DB_DONE);
    if (status != DB_DONE)
        tb_copy_text(outcome->error, sizeof outcome->error, error);
    else if (arg == NULL)
        outcome->number = db_get_int(rows, 0, 0);
}

static int expected_outcomes;
static bool all_there(void)
{
    return outcome_count >= expected_outcomes;
}

static void wait_outcomes(int count)
{
    expected_outcomes = count;
    ck_assert_msg(wait_until(all_there, WAIT_MS), "%d of %d outcomes", outcome_count, count);
}

static void call_number(int64_t number)
{
    struct db_params *params = new_params();
    db_add_int8(params, number);
    ck_assert(db_call(db, NUMBER, params, note_outcome, NULL));
}

/* ---- values ---- */

static void check_scalars(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    static const uint8_t uuid[16] = {0xde, 0xad, [15] = 7};
    (void)arg;
    ck_assert_msg(status == DB_DONE, "%s", error);
    ck_assert_uint_eq(db_row_count(rows), 1);
    ck_assert(db_get_bool(rows, 0, 0));
    ck_assert_int_eq(db_get_int(rows, 0, 1), INT16_MIN);
    ck_assert_int_eq(db_get_int(rows, 0, 2), INT32_MIN);
    ck_assert_int_eq(db_get_int(rows, 0, 3), INT64_MAX - 1);
    ck_assert_str_eq(db_get_text(rows, 0, 4), "caf\xc3\xa9 \"quoted\"");
    ck_assert_mem_eq(db_get_uuid(rows, 0, 5), uuid, 16);
    ck_assert_int_eq(db_get_time(rows, 0, 6), 1795339756123456LL);
    ck_assert_str_eq(db_get_text(rows, 0, 7), "\"caf\xc3\xa9 \\\"quoted\\\"\"");
    ck_assert_uint_eq(db_get_length(rows, 0, 7), strlen(db_get_text(rows, 0, 7)));
    ck_assert_str_eq(db_get_text(rows, 0, 8), "{\"a\" : 1}");
    ck_assert_double_eq(db_get_double(rows, 0, 9), (double)(INT64_MAX - 1) / 4);
    ck_assert_str_eq(db_get_text(rows, 0, 10), "2026-11-22 09:29:16.123456");
    outcome_count++;
}

START_TEST(scalars_come_back_as_they_went)
{
    static const uint8_t uuid[16] = {0xde, 0xad, [15] = 7};
    connect_plainly();
    struct db_params *params = new_params();
    db_add_bool(params, true);
    db_add_int2(params, INT16_MIN);
    db_add_int4(params, INT32_MIN);
    db_add_int8(params, INT64_MAX - 1);
    db_add_text(params, "caf\xc3\xa9 \"quoted\"");
    db_add_uuid(params, uuid);
    db_add_time(params, 1795339756123456LL);
    ck_assert(db_call(db, SCALARS, params, check_scalars, NULL));
    wait_outcomes(1);
}
END_TEST

static void check_nulls(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    (void)arg;
    ck_assert_msg(status == DB_DONE, "%s", error);
    for (int column = 0; column < 8; column++)
        ck_assert(db_is_null(rows, 0, column));
    ck_assert_ptr_null(db_get_text(rows, 0, 4));
    ck_assert_uint_eq(db_get_length(rows, 0, 4), 0);
    ck_assert_ptr_null(db_get_uuid(rows, 0, 5));
    outcome_count++;
}

START_TEST(null_is_null)
{
    connect_plainly();
    struct db_params *params = new_params();
    for (int i = 0; i < 4; i++)
        db_add_null(params);
    db_add_text(params, NULL);
    db_add_uuid(params, NULL);
    db_add_null(params);
    ck_assert(db_call(db, SCALARS, params, check_nulls, NULL));
    wait_outcomes(1);
}
END_TEST

static void check_arrays(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    size_t count = *(const size_t *)arg;
    ck_assert_msg(status == DB_DONE, "%s", error);
    ck_assert_uint_eq(db_row_count(rows), count);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "text %zu", i);
        ck_assert_int_eq(db_get_int(rows, i, 0), -(int64_t)i % 30000);
        ck_assert_int_eq(db_get_int(rows, i, 1), (int64_t)i * 1000);
        ck_assert_int_eq(db_get_int(rows, i, 2), INT64_MIN + (int64_t)i);
        ck_assert_int_eq(db_get_bool(rows, i, 3), i % 3 == 0);
        ck_assert_int_eq(db_is_null(rows, i, 4), i % 7 == 6);
        if (i % 7 != 6)
            ck_assert_str_eq(db_get_text(rows, i, 4), i == 0 ? "" : text);
        ck_assert_int_eq(db_is_null(rows, i, 5), i % 5 == 4);
        if (i % 5 != 4)
            ck_assert_int_eq(db_get_uuid(rows, i, 5)[15], (int)(i % 256));
        ck_assert_int_eq(db_get_time(rows, i, 6), 1795339756123456LL + (int64_t)i);
    }
    outcome_count++;
}

static void add_arrays(struct db_params *params, size_t count)
{
    int16_t *int2 = arena_array(&arena, count, sizeof *int2);
    int32_t *int4 = arena_array(&arena, count, sizeof *int4);
    int64_t *int8 = arena_array(&arena, count, sizeof *int8), *times = arena_array(&arena, count, sizeof *times);
    bool *bools = arena_array(&arena, count, sizeof *bools);
    const char **texts = arena_array(&arena, count, sizeof *texts);
    const uint8_t **uuids = arena_array(&arena, count, sizeof *uuids);
    for (size_t i = 0; i < count; i++) {
        uint8_t *uuid = arena_alloc(&arena, 16);
        uuid[15] = (uint8_t)i;
        int2[i] = (int16_t)(-(int64_t)i % 30000);
        int4[i] = (int32_t)i * 1000;
        int8[i] = INT64_MIN + (int64_t)i;
        times[i] = 1795339756123456LL + (int64_t)i;
        bools[i] = i % 3 == 0;
        texts[i] = i % 7 == 6 ? NULL : i == 0 ? "" : arena_printf(&arena, "text %zu", i);
        uuids[i] = i % 5 == 4 ? NULL : uuid;
    }
    db_add_int2_array(params, int2, count);
    db_add_int4_array(params, int4, count);
    db_add_int8_array(params, int8, count);
    db_add_bool_array(params, bools, count);
    db_add_text_array(params, texts, count);
    db_add_uuid_array(params, uuids, count);
    db_add_time_array(params, times, count);
}

static const size_t array_sizes[] = {0, 1, 2, 7, 1024, 20000};

START_TEST(arrays_of_every_kind_come_back_with_their_nulls)
{
    size_t count = array_sizes[_i];
    connect_plainly();
    struct db_params *params = new_params();
    add_arrays(params, count);
    ck_assert(db_call(db, ARRAYS, params, check_arrays, &count));
    wait_outcomes(1);
}
END_TEST

START_TEST(an_empty_array_is_empty_and_not_null)
{
    connect_plainly();
    struct db_params *params = new_params();
    db_add_int8_array(params, NULL, 0);
    db_add_text_array(params, NULL, 0);
    db_add_uuid_array(params, NULL, 0);
    ck_assert(db_call(db, COUNTS, params, note_outcome, NULL));
    wait_outcomes(1);
    ck_assert_int_eq(outcomes[0].status, DB_DONE);
    ck_assert_int_eq(outcomes[0].number, 0);
}
END_TEST

/* ---- order and errors ---- */

START_TEST(answers_come_in_order_and_exactly_once)
{
    connect_plainly();
    for (int i = 0; i < 300; i++)
        call_number(i);
    ck_assert_uint_eq(db_calls_under_way(db), 300);
    wait_outcomes(300);
    ck_assert_uint_eq(db_calls_under_way(db), 0);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(outcomes[i].status, DB_DONE);
        ck_assert_int_eq(outcomes[i].number, i);
    }
}
END_TEST

static void raise_error(const char *sqlstate)
{
    struct db_params *params = new_params();
    db_add_text(params, sqlstate);
    db_add_text(params, "the reason");
    ck_assert(db_call(db, RAISE, params, note_outcome, NULL));
}

START_TEST(an_error_is_its_own_calls_alone)
{
    connect_plainly();
    call_number(1);
    raise_error("23514");
    call_number(2);
    raise_error(DB_SQLSTATE_FENCED);
    call_number(3);
    wait_outcomes(5);
    ck_assert_int_eq(outcomes[1].status, DB_FAILED);
    ck_assert_str_eq(outcomes[1].error, "23514: the reason");
    ck_assert_int_eq(outcomes[3].status, DB_FENCED);
    ck_assert_int_eq(outcomes[0].number + outcomes[2].number + outcomes[4].number, 6);
    ck_assert_int_eq(downs, 0);
}
END_TEST

START_TEST(done_means_committed)
{
    connect_plainly();
    for (int i = 0; i < 2;
         i++) { /* the constraint is looked at when the transaction ends, after the row was returned */
        struct db_params *params = new_params();
        db_add_int8(params, 5);
        ck_assert(db_call(db, INSERT, params, note_outcome, NULL));
    }
    call_number(7);
    wait_outcomes(3);
    ck_assert_int_eq(outcomes[0].status, DB_DONE);
    ck_assert_int_eq(outcomes[1].status, DB_FAILED);
    ck_assert_msg(strncmp(outcomes[1].error, "23505: ", 7) == 0, "%s", outcomes[1].error);
    ck_assert_int_eq(outcomes[2].number, 7);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM numbers"), 1);
}
END_TEST

START_TEST(a_read_only_connection_writes_nothing)
{
    struct db_options options = plain_options();
    options.read_only = true;
    db = open_db(&options);
    ck_assert(wait_until(is_up, WAIT_MS));
    struct db_params *params = new_params();
    db_add_int8(params, 5);
    ck_assert(db_call(db, INSERT, params, note_outcome, NULL));
    wait_outcomes(1);
    ck_assert_msg(strncmp(outcomes[0].error, "25006: ", 7) == 0, "%s", outcomes[0].error);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM numbers"), 0);
}
END_TEST

static void call_sleep(int64_t ms)
{
    struct db_params *params = new_params();
    db_add_int8(params, ms);
    ck_assert(db_call(db, SLEEP, params, note_outcome, "no number"));
}

START_TEST(a_statement_that_takes_too_long_fails_and_the_next_works)
{
    struct db_options options = plain_options();
    options.statement_timeout_ms = 100;
    db = open_db(&options);
    ck_assert(wait_until(is_up, WAIT_MS));
    call_sleep(5000);
    call_number(1);
    wait_outcomes(2);
    ck_assert_int_eq(outcomes[0].status, DB_FAILED);
    ck_assert_msg(strncmp(outcomes[0].error, "57014: ", 7) == 0, "%s", outcomes[0].error);
    ck_assert_int_eq(outcomes[1].status, DB_DONE);
}
END_TEST

static void check_length(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    (void)arg;
    ck_assert_msg(status == DB_DONE, "%s", error);
    ck_assert_uint_eq(db_get_length(rows, 0, 0), 1 << 20);
    outcome_count++;
}

START_TEST(much_in_both_directions_at_once_does_not_deadlock)
{
    connect_plainly();
    char *text = arena_alloc(&arena, (1 << 20) + 1);
    memset(text, 'x', 1 << 20);
    for (int i = 0; i < 60; i++) {
        struct db_params *params = new_params();
        db_add_text(params, text);
        ck_assert(db_call(db, ECHO, params, check_length, NULL));
    }
    wait_outcomes(60);
}
END_TEST

START_TEST(the_queue_is_bounded)
{
    connect_plainly();
    struct db_params *params = new_params();
    db_add_int8(params, 1);
    for (int i = 0; i < DB_CALLS_MAX; i++)
        ck_assert(db_call(db, NUMBER, params, check_length, NULL));
    ck_assert(!db_call(db, NUMBER, params, check_length, NULL));
    db_free(&db); /* with all of them under way: nobody is called back */
    ck_assert_int_eq(outcome_count, 0);
}
END_TEST

/* ---- the server goes away ---- */

START_TEST(a_killed_server_leaves_calls_unknown_and_is_reconnected)
{
    connect_plainly();
    call_number(1);
    wait_outcomes(1);
    call_sleep(60000);
    call_number(2);
    testdb_wait(url, 1, WAIT_MS, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    testdb_crash();
    wait_outcomes(3);
    ck_assert_int_eq(outcomes[1].status, DB_UNKNOWN);
    ck_assert_int_eq(outcomes[2].status, DB_UNKNOWN);
    ck_assert(wait_until(is_down, WAIT_MS));
    struct db_params *params = new_params();
    db_add_int8(params, 3);
    ck_assert(!db_call(db, NUMBER, params, note_outcome, NULL));
    testdb_restart();
    ck_assert_msg(wait_until(is_up, WAIT_MS), "%s", last_reason);
    call_number(4);
    wait_outcomes(4);
    ck_assert_int_eq(outcomes[3].number, 4);
    ck_assert_int_eq(ups, 2);
}
END_TEST

static bool has_two_ups(void)
{
    return ups == 2;
}

START_TEST(a_terminated_session_is_replaced)
{
    connect_plainly();
    ck_assert(db_call(db, PID, new_params(), note_outcome, NULL));
    wait_outcomes(1);
    testdb_run(url, "SELECT pg_terminate_backend(%d)", (int)outcomes[0].number);
    ck_assert_msg(wait_until(has_two_ups, WAIT_MS), "%s", last_reason);
    ck_assert(db_call(db, PID, new_params(), note_outcome, NULL));
    wait_outcomes(2);
    ck_assert_int_ne(outcomes[0].number, outcomes[1].number);
}
END_TEST

START_TEST(a_server_that_does_not_answer_is_given_up)
{
    struct db_options options = plain_options();
    options.statement_timeout_ms = 100; /* and 5 s */
    db = open_db(&options);
    ck_assert(wait_until(is_up, WAIT_MS));
    ck_assert(db_call(db, PID, new_params(), note_outcome, NULL));
    wait_outcomes(1);
    pid_t backend = (pid_t)outcomes[0].number;
    kill(backend, SIGSTOP);
    call_number(1);
    wait_outcomes(2);
    kill(backend, SIGCONT);
    ck_assert_int_eq(outcomes[1].status, DB_UNKNOWN);
    ck_assert_msg(strstr(outcomes[1].error, "no answer") != NULL, "%s", outcomes[1].error);
    ck_assert_msg(wait_until(has_two_ups, WAIT_MS), "%s", last_reason);
}
END_TEST

START_TEST(no_server_at_all_is_tried_again_and_again)
{
    struct db_options options = plain_options();
    options.url = "host=/nowhere dbname=x";
    db = open_db(&options);
    for (int tries = 1; tries <= 3; tries++) {
        downs = 0;
        ck_assert(wait_until(is_down, WAIT_MS));
        ck_assert_msg(strstr(last_reason, "/nowhere") != NULL, "%s", last_reason);
    }
    ck_assert_int_eq(ups, 0);
}
END_TEST

START_TEST(a_url_that_is_none_is_refused_at_once)
{
    struct db_options options = plain_options();
    struct err err = {0};
    options.url = "host=x nonsense=1"; /* could be the rest of a password with a space in it: not quoted */
    ck_assert_ptr_null(db_new(loop, &options, statements, STATEMENTS, on_state, NULL, &err));
    ck_assert_str_eq(err.text, "database_url is not a PostgreSQL connection string: invalid connection option \"*\"");
}
END_TEST

/* ---- set-up ---- */

START_TEST(a_missing_function_keeps_it_down_until_it_is_there)
{
    take_own_database();
    testdb_run(url, "DROP FUNCTION test_raise");
    struct db_options options = plain_options();
    db = open_db(&options);
    ck_assert(wait_until(is_down, WAIT_MS));
    ck_assert_msg(strncmp(last_reason, "raise: ERROR:", 13) == 0, "%s", last_reason);
    testdb_run(url, "CREATE FUNCTION test_raise(text, text) RETURNS bigint LANGUAGE sql RETURN 1");
    ck_assert_msg(wait_until(is_up, WAIT_MS), "%s", last_reason);
}
END_TEST

START_TEST(synchronous_commit_off_is_refused)
{
    take_own_database();
    testdb_run(
        url,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET synchronous_commit = off', current_database()); END $$");
    struct db_options options = plain_options();
    db = open_db(&options);
    ck_assert(wait_until(is_down, WAIT_MS));
    ck_assert_msg(strstr(last_reason, "synchronous_commit = off") != NULL, "%s", last_reason);
    ck_assert_int_eq(ups, 0);
}
END_TEST

static const char *const server_settings[] = {"fsync", "full_page_writes"};

START_TEST(a_server_that_may_lose_what_it_committed_is_refused)
{
    const char *name = server_settings[_i];
    testdb_set_server(url, name, "off");
    struct db_options options = plain_options();
    db = open_db(&options);
    bool refused = wait_until(is_down, WAIT_MS);
    testdb_set_server(url, name, "on");
    ck_assert(refused);
    ck_assert_msg(strstr(last_reason, name) != NULL && strstr(last_reason, "= off") != NULL, "%s", last_reason);
    ck_assert_msg(wait_until(is_up, WAIT_MS), "%s", last_reason);
}
END_TEST

/* ---- the lock ---- */

static void note_lock(void *arg, enum db_status status, const struct db_rows *rows, const char *error)
{
    ck_assert_msg(status == DB_DONE, "%s", error);
    *(bool *)arg = db_get_bool(rows, 0, 0);
    outcome_count++;
}

static struct db *second;

static bool second_is_up(void)
{
    return db_current_state(second) == DB_UP;
}

static bool try_lock_of(struct db *of, const char *name)
{
    bool held = false;
    int before = outcome_count;
    ck_assert(db_try_lock(of, name, note_lock, &held));
    wait_outcomes(before + 1);
    return held;
}

static bool second_gets_it(void)
{
    return try_lock_of(second, "tulip:nl-1:orders");
}

START_TEST(one_session_holds_the_lock_until_it_ends)
{
    connect_plainly();
    struct db_options options = plain_options();
    second = open_db(&options);
    ck_assert(wait_until(second_is_up, WAIT_MS));
    ck_assert(try_lock_of(db, "tulip:nl-1:orders"));
    ck_assert(!try_lock_of(second, "tulip:nl-1:orders"));
    ck_assert(try_lock_of(second, "tulip:nl-1:balances"));
    db_free(&db);
    ck_assert(wait_until(second_gets_it, 2000));
    db_free(&second);
}
END_TEST

START_TEST(a_session_with_a_lease_is_kept_up_while_the_process_works)
{
    struct db_options options = plain_options();
    options.lease_ms = 3000;
    db = open_db(&options);
    ck_assert(wait_until(is_up, WAIT_MS));
    ck_assert(try_lock_of(db, "tulip:nl-1:orders"));
    int64_t until = clock_monotonic_us() + 4500000;
    while (clock_monotonic_us() < until) {
        loop_timer_set(tick, 100000, 0);
        loop_run(loop);
    }
    ck_assert_int_eq(downs, 0);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 1);
    ck_assert(testdb_wait(url, 0, WAIT_MS,
                          "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")); /* the loop stands still */
}
END_TEST

START_TEST(a_user_in_the_url_is_seen)
{
    ck_assert(db_url_has_user("host=/x user=me"));
    ck_assert(db_url_has_user("postgresql://me@host/db"));
    ck_assert(!db_url_has_user("postgresql://host/db"));
    ck_assert(!db_url_has_user("host=/x"));
    ck_assert(!db_url_has_user("not a url ="));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db");
    TCase *tcase = tcase_create("db");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, scalars_come_back_as_they_went);
    tcase_add_test(tcase, null_is_null);
    tcase_add_loop_test(tcase, arrays_of_every_kind_come_back_with_their_nulls, 0, (int)TB_ARRAY_SIZE(array_sizes));
    tcase_add_test(tcase, an_empty_array_is_empty_and_not_null);
    tcase_add_test(tcase, answers_come_in_order_and_exactly_once);
    tcase_add_test(tcase, an_error_is_its_own_calls_alone);
    tcase_add_test(tcase, done_means_committed);
    tcase_add_test(tcase, a_read_only_connection_writes_nothing);
    tcase_add_test(tcase, a_statement_that_takes_too_long_fails_and_the_next_works);
    tcase_add_test(tcase, much_in_both_directions_at_once_does_not_deadlock);
    tcase_add_test(tcase, the_queue_is_bounded);
    tcase_add_test(tcase, a_killed_server_leaves_calls_unknown_and_is_reconnected);
    tcase_add_test(tcase, a_terminated_session_is_replaced);
    tcase_add_test(tcase, a_server_that_does_not_answer_is_given_up);
    tcase_add_test(tcase, no_server_at_all_is_tried_again_and_again);
    tcase_add_test(tcase, a_url_that_is_none_is_refused_at_once);
    tcase_add_test(tcase, a_missing_function_keeps_it_down_until_it_is_there);
    tcase_add_test(tcase, synchronous_commit_off_is_refused);
    tcase_add_loop_test(tcase, a_server_that_may_lose_what_it_committed_is_refused, 0,
                        (int)TB_ARRAY_SIZE(server_settings));
    tcase_add_test(tcase, one_session_holds_the_lock_until_it_ends);
    tcase_add_test(tcase, a_session_with_a_lease_is_kept_up_while_the_process_works);
    tcase_add_test(tcase, a_user_in_the_url_is_seen);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
