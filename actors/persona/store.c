#include "store.h"

#include "actor.h"

static void encode_create(const void *arguments, struct db_params *params)
{
    const struct persona_create_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->user_id);
    db_add_text(params, args->display_name);
    db_add_text(params, args->bio);
    db_add_uuid(params, args->trace_id);
    db_add_time(params, args->now_us);
}

static void encode_update(const void *arguments, struct db_params *params)
{
    const struct persona_update_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->user_id);
    db_add_text(params, args->display_name);
    db_add_text(params, args->bio);
    db_add_uuid(params, args->trace_id);
    db_add_time(params, args->now_us);
}

static void encode_target(const void *arguments, struct db_params *params)
{
    const struct persona_target_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->user_id);
    db_add_uuid(params, args->trace_id);
    db_add_time(params, args->now_us);
}

static void encode_find(const void *arguments, struct db_params *params)
{
    const struct persona_find_args *args = arguments;
    db_add_text(params, args->user_id);
}

static void encode_avatar(const void *arguments, struct db_params *params)
{
    const struct persona_avatar_args *args = arguments;
    db_add_text(params, args->region);
    db_add_text(params, args->user_id);
    db_add_text(params, args->avatar_url);
    db_add_uuid(params, args->trace_id);
    db_add_time(params, args->now_us);
}

static void encode_unused(const void *arguments, struct db_params *params)
{
    const struct persona_unused_args *args = arguments;
    db_add_text_array(params, args->urls, args->count);
}

static void *decode_unused(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    (void)err;
    struct persona_unused *unused = arena_alloc(arena, sizeof *unused);
    const char **urls = arena_array(arena, db_row_count(rows) + 1, sizeof *urls);
    for (size_t i = 0; i < db_row_count(rows); i++)
        urls[i] = arena_strdup(arena, db_get_text(rows, i, 0));
    *unused = (struct persona_unused){urls, db_row_count(rows)};
    return unused;
}

static void *decode_changed(const struct db_rows *rows, struct arena *arena, struct err *err)
{
    if (db_row_count(rows) != 1) {
        err_set(err, "the persona function returned no row");
        return NULL;
    }
    struct persona_changed *changed = arena_alloc(arena, sizeof *changed);
    changed->outcome = (enum persona_outcome)db_get_int(rows, 0, 0);
    if (changed->outcome != PERSONA_OUTCOME_DONE)
        return changed;
    changed->ops_seq = (uint64_t)db_get_int(rows, 0, 1);
    changed->user_id = arena_strdup(arena, db_get_text(rows, 0, 2));
    changed->display_name = arena_strdup(arena, db_get_text(rows, 0, 3));
    changed->bio = arena_strdup(arena, db_get_text(rows, 0, 4));
    changed->avatar_url = arena_strdup(arena, db_is_null(rows, 0, 5) ? "" : db_get_text(rows, 0, 5));
    changed->seed = db_get_bool(rows, 0, 6);
    changed->deleted = db_get_bool(rows, 0, 7);
    changed->version = (uint64_t)db_get_int(rows, 0, 8);
    changed->created_at_us = db_get_time(rows, 0, 9);
    changed->updated_at_us = db_get_time(rows, 0, 10);
    return changed;
}

#define COLUMNS                                                                                                        \
    "SELECT r_outcome, r_ops_seq, (r_persona).user_id, (r_persona).display_name, (r_persona).bio, "                    \
    "(r_persona).avatar_url, (r_persona).seed, (r_persona).deleted, (r_persona).version, (r_persona).created_at, "     \
    "(r_persona).updated_at FROM "

static const struct actor_proc procs[PERSONA_PROC_COUNT] = {
    [PERSONA_PROC_CREATE] = {"persona_create", COLUMNS "persona_create($1, $2, $3, $4, $5, $6)", encode_create,
                             decode_changed},
    [PERSONA_PROC_UPDATE] = {"persona_update", COLUMNS "persona_update($1, $2, $3, $4, $5, $6)", encode_update,
                             decode_changed},
    [PERSONA_PROC_DELETE] = {"persona_delete", COLUMNS "persona_delete($1, $2, $3, $4)", encode_target, decode_changed},
    [PERSONA_PROC_RESTORE] = {"persona_restore", COLUMNS "persona_restore($1, $2, $3, $4)", encode_target,
                              decode_changed},
    [PERSONA_PROC_FIND] = {"persona_find", COLUMNS "persona_find($1)", encode_find, decode_changed},
    [PERSONA_PROC_AVATAR] = {"persona_avatar", COLUMNS "persona_avatar($1, $2, $3, $4, $5)", encode_avatar,
                             decode_changed},
    [PERSONA_PROC_UNUSED] = {"avatars_unused", "SELECT r_url FROM avatars_unused($1)", encode_unused, decode_unused},
};

const struct actor_proc *persona_store_procs(void)
{
    return procs;
}
