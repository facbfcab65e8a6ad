#include <string.h>

#include "base.h"
#include "check_main.h"
#include "persona.pb-c.h"
#include "persona/core.h"

enum {
    CREATE = TB__PERSONA_COMMAND__KIND__CREATE,
    UPDATE = TB__PERSONA_COMMAND__KIND__UPDATE,
    DELETE = TB__PERSONA_COMMAND__KIND__DELETE,
    RESTORE = TB__PERSONA_COMMAND__KIND__RESTORE,
};

static const struct peer gateway = {2, {7, 7}};
static struct persona_core core;
static struct arena arena;
static struct effects fx;

static void step(struct input in)
{
    arena_reset(&arena);
    effects_reset(&fx, &arena);
    in.now_us = 1000;
    persona_core_step(&core, &in, &fx);
}

static void open_core(void)
{
    core = (struct persona_core){0};
    arena_init(&arena, 1 << 20);
    persona_core_init(&core, "nl-1");
}

static void live_core(void)
{
    open_core();
    step((struct input){.kind = INPUT_START});
    ck_assert_uint_eq(fx.count, 1);
    ck_assert_int_eq(fx.items[0].kind, EFFECT_READY);
}

static void close_core(void)
{
    persona_core_release(&core);
    arena_release(&arena);
}

static void command(uint64_t request_id, int kind, const char *user_id, const char *name, const char *bio)
{
    static char user_text[128], name_text[512], bio_text[4096];
    Tb__PersonaCommand message = TB__PERSONA_COMMAND__INIT;
    ck_assert(tb_copy_text(user_text, sizeof user_text, user_id));
    ck_assert(tb_copy_text(name_text, sizeof name_text, name ? name : ""));
    ck_assert(tb_copy_text(bio_text, sizeof bio_text, bio ? bio : ""));
    message.request_id = request_id;
    message.kind = (Tb__PersonaCommand__Kind)kind;
    message.user_id = user_text;
    message.display_name = name_text;
    message.bio = bio_text;
    message.set_display_name = name != NULL;
    message.set_bio = bio != NULL;
    step((struct input){.kind = INPUT_MESSAGE,
                        .link = PERSONA_LINK_COMMAND,
                        .from = &gateway,
                        .type = TB__MESSAGE_TYPE__PERSONA_COMMAND,
                        .message = &message.base});
}

/* Return: the index-th effect of this kind in the last step, NULL when there is none. */
static const struct effect *effect_of(enum effect_kind kind, size_t index)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == kind && index-- == 0)
            return &fx.items[i];
    return NULL;
}

static const Tb__PersonaResult *answer(void)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == EFFECT_SEND && fx.items[i].type == TB__MESSAGE_TYPE__PERSONA_RESULT) {
            ck_assert_uint_eq(fx.items[i].to.length, gateway.length);
            return (const Tb__PersonaResult *)fx.items[i].message;
        }
    return NULL;
}

static const Tb__OpsAppended *published(void)
{
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].kind == EFFECT_SEND && fx.items[i].type == TB__MESSAGE_TYPE__OPS_APPENDED)
            return (const Tb__OpsAppended *)fx.items[i].message;
    return NULL;
}

static struct persona_changed changed_bob(uint64_t ops_seq)
{
    return (struct persona_changed){.outcome = PERSONA_OUTCOME_DONE,
                                    .ops_seq = ops_seq,
                                    .user_id = "bob",
                                    .display_name = "Bob",
                                    .bio = "",
                                    .avatar_url = "",
                                    .version = 3,
                                    .created_at_us = 5,
                                    .updated_at_us = 6};
}

static void stored(unsigned proc, const struct persona_changed *changed)
{
    step((struct input){.kind = INPUT_STORE, .proc = proc, .status = STORE_DONE, .result = changed});
}

/* --- cases --- */

static const struct {
    int kind;
    unsigned proc;
    int event;
} kinds[] = {
    {CREATE, PERSONA_PROC_CREATE, TB__OPS_RECORD__TYPE__PERSONA_CREATED},
    {UPDATE, PERSONA_PROC_UPDATE, TB__OPS_RECORD__TYPE__PERSONA_UPDATED},
    {DELETE, PERSONA_PROC_DELETE, TB__OPS_RECORD__TYPE__PERSONA_DELETED},
    {RESTORE, PERSONA_PROC_RESTORE, TB__OPS_RECORD__TYPE__PERSONA_UPDATED},
};

START_TEST(a_command_is_stored_then_announced_and_answered)
{
    live_core();
    command(9, kinds[_i].kind, "bob", "Bob", NULL);
    const struct effect *call = effect_of(EFFECT_CALL, 0);
    ck_assert_ptr_nonnull(call);
    ck_assert_uint_eq(call->index, kinds[_i].proc);
    ck_assert_ptr_null(effect_of(EFFECT_SEND, 0)); /* commit, then speak */
    struct persona_changed changed = changed_bob(12);
    stored(kinds[_i].proc, &changed);
    ck_assert_ptr_nonnull(published());
    ck_assert_uint_eq(published()->records[0]->seq, 12);
    ck_assert_int_eq((int)published()->records[0]->type, kinds[_i].event);
    ck_assert_str_eq(published()->records[0]->persona->display_name, "Bob");
    ck_assert_uint_eq(effect_of(EFFECT_SEND, 0)->first_seq, 12);
    ck_assert_uint_eq(answer()->request_id, 9);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_uint_eq(answer()->ops_seq, 12);
    ck_assert_uint_eq(answer()->persona->version, 3);
    close_core();
}
END_TEST

START_TEST(nothing_changed_is_answered_but_not_announced)
{
    live_core();
    command(9, UPDATE, "bob", "Bob", NULL);
    struct persona_changed changed = changed_bob(0);
    stored(PERSONA_PROC_UPDATE, &changed);
    ck_assert_ptr_null(published());
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_NONE);
    close_core();
}
END_TEST

static const struct {
    enum persona_outcome outcome;
    int refusal;
} outcomes[] = {
    {PERSONA_OUTCOME_EXISTS, TB__REFUSAL__REFUSAL_EXISTS},
    {PERSONA_OUTCOME_NOT_FOUND, TB__REFUSAL__REFUSAL_NOT_FOUND},
    {PERSONA_OUTCOME_LAST, TB__REFUSAL__REFUSAL_LAST_PERSONA},
};

START_TEST(what_the_store_refuses_is_refused)
{
    live_core();
    command(9, DELETE, "bob", NULL, NULL);
    stored(PERSONA_PROC_DELETE, &(struct persona_changed){.outcome = outcomes[_i].outcome});
    ck_assert_ptr_null(published());
    ck_assert_ptr_null(answer()->persona);
    ck_assert_int_eq((int)answer()->refusal, outcomes[_i].refusal);
    close_core();
}
END_TEST

#define TEN "abcdefghij"

static const struct {
    int kind;
    const char *user_id, *name, *bio;
    int refusal; /* NONE: goes to the store */
} inputs[] = {
    {CREATE, "", "Bob B", "", TB__REFUSAL__REFUSAL_NONE},
    {CREATE, "bob", "Bob", "", TB__REFUSAL__REFUSAL_NONE},
    {CREATE, "Bob", "Bob", "", TB__REFUSAL__REFUSAL_INVALID},
    {CREATE, "b", "Bob", "", TB__REFUSAL__REFUSAL_INVALID},
    {CREATE, "@market", "Bob", "", TB__REFUSAL__REFUSAL_INVALID},
    {CREATE, TEN TEN TEN TEN "k", "Bob", "", TB__REFUSAL__REFUSAL_INVALID},
    {CREATE, "bob", "  ", "", TB__REFUSAL__REFUSAL_INVALID},
    {CREATE, "bob", NULL, "", TB__REFUSAL__REFUSAL_INVALID},
    {CREATE, "bob", TEN TEN TEN TEN TEN TEN "k", "", TB__REFUSAL__REFUSAL_INVALID},
    {CREATE, "bob", "Bob", "\a", TB__REFUSAL__REFUSAL_INVALID},
    {UPDATE, "bob", NULL, "new", TB__REFUSAL__REFUSAL_NONE},
    {UPDATE, "bob", "", NULL, TB__REFUSAL__REFUSAL_INVALID},
    {UPDATE, "BOB", "Bob", NULL, TB__REFUSAL__REFUSAL_NOT_FOUND},
    {DELETE, "", NULL, NULL, TB__REFUSAL__REFUSAL_NOT_FOUND},
    {RESTORE, "No Id", NULL, NULL, TB__REFUSAL__REFUSAL_NOT_FOUND},
    {0, "bob", NULL, NULL, TB__REFUSAL__REFUSAL_INVALID},
    {99, "bob", NULL, NULL, TB__REFUSAL__REFUSAL_INVALID},
};

START_TEST(bad_input_never_reaches_the_store)
{
    live_core();
    command(9, inputs[_i].kind, inputs[_i].user_id, inputs[_i].name, inputs[_i].bio);
    if (inputs[_i].refusal == TB__REFUSAL__REFUSAL_NONE) {
        ck_assert_ptr_nonnull(effect_of(EFFECT_CALL, 0));
        ck_assert_ptr_null(answer());
    } else {
        ck_assert_ptr_null(effect_of(EFFECT_CALL, 0));
        ck_assert_int_eq((int)answer()->refusal, inputs[_i].refusal);
    }
    close_core();
}
END_TEST

START_TEST(a_create_without_id_gets_a_slug_and_an_update_only_what_was_set)
{
    live_core();
    command(1, CREATE, "", "  Judith Leyster ", "Painter");
    const struct persona_create_args *create = effect_of(EFFECT_CALL, 0)->args;
    ck_assert_str_eq(create->user_id, "judith-leyster");
    ck_assert_str_eq(create->display_name, "Judith Leyster");
    ck_assert_str_eq(create->bio, "Painter");
    ck_assert_ptr_null(create->trace_id);
    struct persona_changed changed = changed_bob(1);
    stored(PERSONA_PROC_CREATE, &changed);
    command(2, UPDATE, "judith-leyster", NULL, "Haarlem");
    const struct persona_update_args *update = effect_of(EFFECT_CALL, 0)->args;
    ck_assert_ptr_null(update->display_name);
    ck_assert_str_eq(update->bio, "Haarlem");
    close_core();
}
END_TEST

START_TEST(commands_go_one_after_the_other_and_too_many_are_refused)
{
    live_core();
    command(1, DELETE, "bob", NULL, NULL);
    for (uint64_t i = 2; i <= PERSONA_COMMANDS_MAX; i++) {
        command(i, DELETE, "bob", NULL, NULL);
        ck_assert_uint_eq(fx.count, 0);
    }
    command(999, DELETE, "bob", NULL, NULL);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_BACKPRESSURE);
    for (uint64_t i = 1; i <= PERSONA_COMMANDS_MAX; i++) {
        stored(PERSONA_PROC_DELETE, &(struct persona_changed){.outcome = PERSONA_OUTCOME_NOT_FOUND});
        ck_assert_uint_eq(answer()->request_id, i);
        ck_assert_int_eq(effect_of(EFFECT_CALL, 0) != NULL, i < PERSONA_COMMANDS_MAX);
    }
    close_core();
}
END_TEST

START_TEST(everyone_who_waits_hears_that_the_store_is_gone)
{
    live_core();
    command(1, DELETE, "bob", NULL, NULL);
    command(2, DELETE, "bob", NULL, NULL);
    step((struct input){.kind = INPUT_STORE, .proc = PERSONA_PROC_DELETE, .status = STORE_UNKNOWN});
    ck_assert_uint_eq(fx.count, 0);
    step((struct input){.kind = INPUT_STORE_LOST});
    ck_assert_uint_eq(fx.count, 2);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    command(3, DELETE, "bob", NULL, NULL);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    step((struct input){.kind = INPUT_START});
    command(4, DELETE, "bob", NULL, NULL);
    ck_assert_ptr_nonnull(effect_of(EFFECT_CALL, 0));
    close_core();
}
END_TEST

START_TEST(a_failed_command_is_answered_and_the_next_goes_on)
{
    live_core();
    command(1, DELETE, "bob", NULL, NULL);
    command(2, DELETE, "bob", NULL, NULL);
    step((struct input){
        .kind = INPUT_STORE, .proc = PERSONA_PROC_DELETE, .status = STORE_FAILED, .error = "42501: permission denied"});
    ck_assert_uint_eq(answer()->request_id, 1);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(effect_of(EFFECT_CALL, 0));
    close_core();
}
END_TEST

START_TEST(stop_answers_all_but_the_one_under_way)
{
    live_core();
    command(1, DELETE, "bob", NULL, NULL);
    command(2, DELETE, "bob", NULL, NULL);
    step((struct input){.kind = INPUT_STOP});
    ck_assert_uint_eq(fx.count, 1);
    ck_assert_uint_eq(answer()->request_id, 2);
    struct persona_changed changed = changed_bob(4);
    stored(PERSONA_PROC_DELETE, &changed);
    ck_assert_uint_eq(answer()->request_id, 1);
    ck_assert_ptr_nonnull(published());
    close_core();
}
END_TEST

/* --- avatars --- */

static const uint8_t png[] = "\x89PNG\r\n\x1a\n and more";

static void upload(uint64_t request_id, const char *user_id, const uint8_t *bytes, size_t size)
{
    static char user_text[128];
    static uint8_t copy[AVATAR_PICTURE_MAX + 1];
    Tb__PersonaCommand message = TB__PERSONA_COMMAND__INIT;
    ck_assert(tb_copy_text(user_text, sizeof user_text, user_id));
    if (bytes != NULL)
        memcpy(copy, bytes, size);
    message.request_id = request_id;
    message.kind = TB__PERSONA_COMMAND__KIND__SET_AVATAR;
    message.user_id = user_text;
    message.picture = (ProtobufCBinaryData){size, copy};
    step((struct input){.kind = INPUT_MESSAGE,
                        .link = PERSONA_LINK_COMMAND,
                        .from = &gateway,
                        .type = TB__MESSAGE_TYPE__PERSONA_COMMAND,
                        .message = &message.base});
    memset(copy, 0, sizeof copy); /* the core has its own */
}

/* Effect: the store finds the persona. Return: what the studio is asked then. */
static const struct studio_order *found(void)
{
    struct persona_changed changed = changed_bob(0);
    stored(PERSONA_PROC_FIND, &changed);
    const struct effect *effect = effect_of(EFFECT_EXTERNAL, 0);
    return effect == NULL ? NULL : effect->args;
}

static void reported(struct studio_report report)
{
    if (report.text == NULL)
        report.text = "";
    step((struct input){.kind = INPUT_EXTERNAL, .external = &report});
}

START_TEST(an_avatar_is_found_made_stored_and_then_spoken_of)
{
    live_core();
    upload(5, "bob", png, sizeof png);
    ck_assert_uint_eq(effect_of(EFFECT_CALL, 0)->index, PERSONA_PROC_FIND);
    const struct studio_order *order = found();
    ck_assert_int_eq((int)order->task, STUDIO_MAKE);
    ck_assert_uint_eq(order->picture_size, sizeof png);
    ck_assert_mem_eq(order->picture, png, sizeof png);
    ck_assert_str_eq(order->user_id, "bob");
    unsigned job = order->job;
    ck_assert_ptr_null(answer());
    command(6, UPDATE, "bob", "Bob", NULL); /* goes on beside it */
    ck_assert_uint_eq(effect_of(EFFECT_CALL, 0)->index, PERSONA_PROC_UPDATE);
    struct persona_changed changed = changed_bob(11);
    stored(PERSONA_PROC_UPDATE, &changed);
    ck_assert_uint_eq(answer()->request_id, 6);
    reported((struct studio_report){.task = STUDIO_MAKE, .job = job, .text = "bob-0123456789abcdef.png", .bytes = 777});
    ck_assert_ptr_null(answer()); /* commit, then speak */
    ck_assert_uint_eq(effect_of(EFFECT_CALL, 0)->index, PERSONA_PROC_AVATAR);
    const struct persona_avatar_args *args = effect_of(EFFECT_CALL, 0)->args;
    ck_assert_str_eq(args->avatar_url, "/uploads/avatars/bob-0123456789abcdef.png");
    changed = changed_bob(12);
    changed.avatar_url = "/uploads/avatars/bob-0123456789abcdef.png";
    stored(PERSONA_PROC_AVATAR, &changed);
    ck_assert_uint_eq(answer()->request_id, 5);
    ck_assert_uint_eq(answer()->avatar_bytes, 777);
    ck_assert_str_eq(answer()->persona->avatar_url, changed.avatar_url);
    ck_assert_int_eq((int)published()->records[0]->type, TB__OPS_RECORD__TYPE__PERSONA_UPDATED);
    close_core();
}
END_TEST

static const struct {
    enum studio_outcome outcome;
    int refusal;
    const char *detail;
} outcomes_of_studio[] = {
    {STUDIO_UNDECODABLE, TB__REFUSAL__REFUSAL_UNDECODABLE, "damaged"},
    {STUDIO_TOO_LARGE, TB__REFUSAL__REFUSAL_UNDECODABLE, "4096"},
    {STUDIO_TOO_SLOW, TB__REFUSAL__REFUSAL_UNDECODABLE, "too long"},
    {STUDIO_FAILED, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, ""},
};

START_TEST(what_the_studio_cannot_make_is_refused_with_its_reason)
{
    live_core();
    upload(5, "bob", png, sizeof png);
    unsigned job = found()->job;
    reported((struct studio_report){.task = STUDIO_MAKE, .job = job, .outcome = outcomes_of_studio[_i].outcome});
    ck_assert_int_eq((int)answer()->refusal, outcomes_of_studio[_i].refusal);
    ck_assert_ptr_nonnull(strstr(answer()->detail, outcomes_of_studio[_i].detail));
    ck_assert_ptr_null(effect_of(EFFECT_CALL, 0));
    close_core();
}
END_TEST

START_TEST(bad_uploads_never_reach_the_studio)
{
    live_core();
    upload(1, "No Id", png, sizeof png);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_NOT_FOUND);
    upload(2, "bob", NULL, AVATAR_PICTURE_MAX + 1);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_INVALID);
    upload(3, "bob", (const uint8_t *)"GIF89a", 6);
    ck_assert_ptr_null(found());
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_UNSUPPORTED);
    upload(4, "bob", png, sizeof png);
    stored(PERSONA_PROC_FIND, &(struct persona_changed){.outcome = PERSONA_OUTCOME_NOT_FOUND});
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_NOT_FOUND);
    ck_assert_ptr_null(effect_of(EFFECT_EXTERNAL, 0));
    close_core();
}
END_TEST

START_TEST(a_repeated_upload_is_taken_once_and_too_many_are_refused)
{
    live_core();
    upload(1, "bob", png, sizeof png);
    upload(1, "bob", png, sizeof png);
    ck_assert_uint_eq(fx.count, 0);
    ck_assert_ptr_nonnull(found());
    upload(1, "bob", png, sizeof png); /* while it is being made, too */
    ck_assert_uint_eq(fx.count, 0);
    for (uint64_t i = 2; i <= PERSONA_AVATARS_MAX; i++) {
        upload(i, "bob", png, sizeof png);
        ck_assert_ptr_nonnull(found());
    }
    upload(99, "bob", png, sizeof png);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_BACKPRESSURE);
    reported((struct studio_report){.task = STUDIO_MAKE, .job = 3, .outcome = STUDIO_UNDECODABLE});
    upload(100, "bob", png, sizeof png);
    ck_assert_ptr_nonnull(found());
    close_core();
}
END_TEST

START_TEST(uploads_under_way_hear_that_the_store_is_gone_and_their_places_come_back)
{
    live_core();
    upload(1, "bob", png, sizeof png);
    unsigned job = found()->job;
    upload(2, "bob", png, sizeof png); /* a FIND is with the store */
    step((struct input){.kind = INPUT_STORE_LOST});
    ck_assert_uint_eq(fx.count, 2);
    ck_assert_int_eq((int)answer()->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    step((struct input){.kind = INPUT_START});
    reported((struct studio_report){.task = STUDIO_MAKE, .job = job, .text = "bob-0123456789abcdef.png", .bytes = 7});
    ck_assert_ptr_null(answer()); /* it was answered already; the file goes with the next round */
    ck_assert_ptr_null(effect_of(EFFECT_CALL, 0));
    for (uint64_t i = 10; i < 10 + PERSONA_AVATARS_MAX; i++) {
        upload(i, "bob", png, sizeof png);
        ck_assert_ptr_nonnull(found());
    }
    close_core();
}
END_TEST

static void begin_sweep(void)
{
    open_core();
    core.sweep_us = 5000;
    step((struct input){.kind = INPUT_START});
    ck_assert_int_eq(effect_of(EFFECT_TIMER_SET, 0)->value, 6000);
    step((struct input){.kind = INPUT_TIMER, .timer = PERSONA_TIMER_SWEEP});
    const struct studio_order *order = effect_of(EFFECT_EXTERNAL, 0)->args;
    ck_assert_int_eq((int)order->task, STUDIO_LIST);
    ck_assert_str_eq(order->text, "");
}

START_TEST(files_that_nobody_has_are_deleted_round_after_round)
{
    static const char *const unused[] = {"/uploads/avatars/b-0123456789abcdef.png"};
    begin_sweep();
    reported((struct studio_report){.task = STUDIO_LIST, .text = "a-0123456789abcdef.png\nb-0123456789abcdef.png\n"});
    const struct persona_unused_args *args = effect_of(EFFECT_CALL, 0)->args;
    ck_assert_uint_eq(effect_of(EFFECT_CALL, 0)->index, PERSONA_PROC_UNUSED);
    ck_assert_uint_eq(args->count, 2);
    ck_assert_str_eq(args->urls[0], "/uploads/avatars/a-0123456789abcdef.png");
    struct persona_unused result = {unused, 1};
    step((struct input){.kind = INPUT_STORE, .proc = PERSONA_PROC_UNUSED, .status = STORE_DONE, .result = &result});
    const struct studio_order *order = effect_of(EFFECT_EXTERNAL, 0)->args;
    ck_assert_int_eq((int)order->task, STUDIO_REMOVE);
    ck_assert_str_eq(order->text, "b-0123456789abcdef.png\n");
    reported((struct studio_report){.task = STUDIO_REMOVE, .text = "1\n"});
    ck_assert_int_eq(effect_of(EFFECT_TIMER_SET, 0)->value, 6000);
    close_core();
}
END_TEST

START_TEST(a_round_that_fails_is_followed_by_another)
{
    begin_sweep();
    reported((struct studio_report){.task = STUDIO_LIST, .outcome = STUDIO_FAILED});
    ck_assert_ptr_nonnull(effect_of(EFFECT_TIMER_SET, 0));
    step((struct input){.kind = INPUT_TIMER, .timer = PERSONA_TIMER_SWEEP});
    reported((struct studio_report){.task = STUDIO_LIST, .text = "a-0123456789abcdef.png\n"});
    step((struct input){.kind = INPUT_STORE, .proc = PERSONA_PROC_UNUSED, .status = STORE_UNKNOWN});
    ck_assert_ptr_null(effect_of(EFFECT_EXTERNAL, 0)); /* nothing is deleted on a guess */
    step((struct input){.kind = INPUT_STORE_LOST});
    step((struct input){.kind = INPUT_START});
    ck_assert_ptr_nonnull(effect_of(EFFECT_TIMER_SET, 0));
    step((struct input){.kind = INPUT_TIMER, .timer = PERSONA_TIMER_SWEEP});
    ck_assert_ptr_nonnull(effect_of(EFFECT_EXTERNAL, 0));
    close_core();
}
END_TEST

CHECK_MAIN("persona_core",
           tcase_add_loop_test(cases, a_command_is_stored_then_announced_and_answered, 0, (int)TB_ARRAY_SIZE(kinds));
           tcase_add_test(cases, nothing_changed_is_answered_but_not_announced);
           tcase_add_loop_test(cases, what_the_store_refuses_is_refused, 0, (int)TB_ARRAY_SIZE(outcomes));
           tcase_add_loop_test(cases, bad_input_never_reaches_the_store, 0, (int)TB_ARRAY_SIZE(inputs));
           tcase_add_test(cases, a_create_without_id_gets_a_slug_and_an_update_only_what_was_set);
           tcase_add_test(cases, commands_go_one_after_the_other_and_too_many_are_refused);
           tcase_add_test(cases, everyone_who_waits_hears_that_the_store_is_gone);
           tcase_add_test(cases, a_failed_command_is_answered_and_the_next_goes_on);
           tcase_add_test(cases, stop_answers_all_but_the_one_under_way);
           tcase_add_test(cases, an_avatar_is_found_made_stored_and_then_spoken_of);
           tcase_add_loop_test(cases, what_the_studio_cannot_make_is_refused_with_its_reason, 0,
                               (int)TB_ARRAY_SIZE(outcomes_of_studio));
           tcase_add_test(cases, bad_uploads_never_reach_the_studio);
           tcase_add_test(cases, a_repeated_upload_is_taken_once_and_too_many_are_refused);
           tcase_add_test(cases, uploads_under_way_hear_that_the_store_is_gone_and_their_places_come_back);
           tcase_add_test(cases, files_that_nobody_has_are_deleted_round_after_round);
           tcase_add_test(cases, a_round_that_fails_is_followed_by_another);)
