#include <signal.h>
#include <stdlib.h>

#include "actor_rig.h"
#include "base.h"
#include "check_main.h"
#include "persona.pb-c.h"
#include "testdb.h"

enum {
    READY_MS = 30000,
    CREATE = TB__PERSONA_COMMAND__KIND__CREATE,
    UPDATE = TB__PERSONA_COMMAND__KIND__UPDATE,
    DELETE = TB__PERSONA_COMMAND__KIND__DELETE,
    RESTORE = TB__PERSONA_COMMAND__KIND__RESTORE,
};

static const char *url;
static struct rig *rig;
static struct rig_actor *persona;
static struct rig_link *gateway, *feed;

static void open_rig(void)
{
    url = testdb_fresh();
    rig = rig_new(url);
    feed = rig_open(rig, "gateway/1", "ops-feed", BUS_SUB, false);
    gateway = rig_open(rig, "gateway/1", "persona-command", BUS_DEALER, false);
    persona = rig_start(rig, "persona", "1", NULL);
    ck_assert(rig_wait_state(persona, "READY", READY_MS));
}

static void send_command(uint64_t request_id, int kind, const char *user_id, const char *name, const char *bio)
{
    static char user_text[64], name_text[256], bio_text[64];
    Tb__PersonaCommand command = TB__PERSONA_COMMAND__INIT;
    uint8_t trace[16] = {1, 2, 3};
    ck_assert(tb_copy_text(user_text, sizeof user_text, user_id));
    ck_assert(tb_copy_text(name_text, sizeof name_text, name ? name : ""));
    ck_assert(tb_copy_text(bio_text, sizeof bio_text, bio ? bio : ""));
    command.request_id = request_id;
    command.kind = (Tb__PersonaCommand__Kind)kind;
    command.user_id = user_text;
    command.display_name = name_text;
    command.bio = bio_text;
    command.set_display_name = name != NULL;
    command.set_bio = bio != NULL;
    command.trace_id = (ProtobufCBinaryData){sizeof trace, trace};
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__PERSONA_COMMAND, &command.base, 0, 0, READY_MS));
}

static const Tb__PersonaResult *ask(int kind, const char *user_id, const char *name, const char *bio)
{
    static uint64_t request_id;
    send_command(++request_id, kind, user_id, name, bio);
    const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__PERSONA_RESULT, READY_MS);
    ck_assert_ptr_nonnull(answer);
    const Tb__PersonaResult *result = (const Tb__PersonaResult *)answer->payload;
    ck_assert_uint_eq(result->request_id, request_id);
    return result;
}

START_TEST(a_persona_lives_through_all_commands)
{
    open_rig();
    const Tb__PersonaResult *created = ask(CREATE, "", "  Judith Leÿster ", "Painter of Haarlem");
    ck_assert_int_eq((int)created->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_str_eq(created->persona->user_id, "judith-leyster");
    ck_assert_str_eq(created->persona->display_name, "Judith Leÿster");
    ck_assert_uint_eq(created->ops_seq, 4); /* after the three seeds */
    ck_assert_int_eq((int)ask(CREATE, "", "Judith Leÿster", "")->refusal, TB__REFUSAL__REFUSAL_EXISTS);
    ck_assert_int_eq((int)ask(CREATE, "x", "X", "")->refusal, TB__REFUSAL__REFUSAL_INVALID);
    const Tb__PersonaResult *updated = ask(UPDATE, "judith-leyster", "Judith", NULL);
    ck_assert_str_eq(updated->persona->display_name, "Judith");
    ck_assert_str_eq(updated->persona->bio, "Painter of Haarlem");
    ck_assert_uint_eq(updated->persona->version, 2);
    ck_assert_int_eq((int)ask(UPDATE, "nobody", "Judith", NULL)->refusal, TB__REFUSAL__REFUSAL_NOT_FOUND);
    const Tb__PersonaResult *deleted = ask(DELETE, "judith-leyster", NULL, NULL);
    ck_assert_int_eq((int)deleted->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert(deleted->persona->deleted);
    ck_assert_int_eq((int)ask(DELETE, "judith-leyster", NULL, NULL)->refusal, TB__REFUSAL__REFUSAL_NOT_FOUND);
    ck_assert(!ask(RESTORE, "judith-leyster", NULL, NULL)->persona->deleted);
    ck_assert_int_eq(
        testdb_integer(url,
                       "SELECT count(*) FROM ops_events WHERE user_id = 'judith-leyster' AND trace_id IS NOT NULL"),
        4);
    rig_free(&rig);
}
END_TEST

START_TEST(every_change_is_announced_with_its_place_in_the_ops_stream)
{
    open_rig();
    uint64_t seq = 4;
    bool heard = false;
    for (int i = 0; i < 20 && !heard; i++, seq++) { /* a subscription takes a moment */
        ask(UPDATE, "clusius", i % 2 ? "One" : "Two", NULL);
        const struct rig_message *message = rig_receive(feed, TB__MESSAGE_TYPE__OPS_APPENDED, 100);
        if (!message)
            continue;
        heard = true;
        const Tb__OpsAppended *appended = (const Tb__OpsAppended *)message->payload;
        /* It may have come late and be of an earlier change: */
        ck_assert_msg(message->first_seq >= 4 && message->first_seq <= seq, "%llu of %llu",
                      (unsigned long long)message->first_seq, (unsigned long long)seq);
        seq = message->first_seq;
        ck_assert_int_eq((int)message->stream, TB__STREAM__STREAM_OPS);
        ck_assert_uint_eq(appended->records[0]->seq, seq);
        ck_assert_int_eq((int)appended->records[0]->type, TB__OPS_RECORD__TYPE__PERSONA_UPDATED);
        ck_assert_str_eq(appended->records[0]->persona->display_name, (seq - 4) % 2 ? "One" : "Two");
        ck_assert_str_eq(appended->records[0]->persona->avatar_url, "/avatars/seed/clusius.png");
    }
    ck_assert(heard);
    rig_free(&rig);
}
END_TEST

START_TEST(the_last_persona_cannot_be_deleted)
{
    open_rig();
    ck_assert_int_eq((int)ask(DELETE, "clusius", NULL, NULL)->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq((int)ask(DELETE, "oosterwijck", NULL, NULL)->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq((int)ask(DELETE, "leeuwenhoek", NULL, NULL)->refusal, TB__REFUSAL__REFUSAL_LAST_PERSONA);
    rig_free(&rig);
}
END_TEST

static const char *const deaths[] = {"TB_FAULT=persona.before_commit:kill:1", "TB_FAULT=persona.after_commit:kill:1",
                                     "TB_FAULT=persona.before_send:kill:1", "TB_FAULT=persona.after_send:kill:1"};

START_TEST(a_death_leaves_row_and_event_both_or_neither)
{
    const char *const settings[] = {deaths[_i], NULL};
    url = testdb_fresh();
    rig = rig_new(url);
    gateway = rig_open(rig, "gateway/1", "persona-command", BUS_DEALER, false);
    persona = rig_start(rig, "persona", "1", settings);
    ck_assert(rig_wait_state(persona, "READY", READY_MS));
    send_command(1, CREATE, "bob", "Bob", "");
    ck_assert_int_eq(rig_wait_exit(persona, READY_MS), 128 + SIGKILL);
    int64_t rows = testdb_integer(url, "SELECT count(*) FROM personas WHERE user_id = 'bob'");
    ck_assert_int_eq(rows, testdb_integer(url, "SELECT count(*) FROM ops_events WHERE user_id = 'bob' AND type = 1"));
    if (_i > 0)
        ck_assert_int_eq(rows, 1);
    persona = rig_start(rig, "persona", "1", NULL);
    ck_assert(rig_wait_state(persona, "READY", READY_MS));
    int refusal = (int)ask(CREATE, "bob", "Bob", "")->refusal;
    ck_assert_int_eq(refusal, rows ? TB__REFUSAL__REFUSAL_EXISTS : TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events WHERE user_id = 'bob'"), 1);
    rig_free(&rig);
}
END_TEST

START_TEST(a_standby_takes_over)
{
    open_rig();
    struct rig_actor *second = rig_start(rig, "persona", "2", NULL);
    ck_assert(rig_wait_state(second, "STANDBY", READY_MS));
    rig_kill(persona, SIGKILL);
    ck_assert(rig_wait_state(second, "READY", READY_MS));
    int refusal = -1;
    for (int i = 0; i < 50 && refusal != TB__REFUSAL__REFUSAL_NONE; i++) { /* what was sent to the dead one is lost */
        send_command(1000, UPDATE, "clusius", "Charles de l'Écluse", NULL);
        const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__PERSONA_RESULT, 200);
        if (answer)
            refusal = (int)((const Tb__PersonaResult *)answer->payload)->refusal;
    }
    ck_assert_int_eq(refusal, TB__REFUSAL__REFUSAL_NONE);
    rig_free(&rig);
}
END_TEST

CHECK_MAIN("persona_actor", tcase_set_timeout(cases, 120); tcase_add_test(cases, a_persona_lives_through_all_commands);
           tcase_add_test(cases, every_change_is_announced_with_its_place_in_the_ops_stream);
           tcase_add_test(cases, the_last_persona_cannot_be_deleted);
           tcase_add_loop_test(cases, a_death_leaves_row_and_event_both_or_neither, 0, (int)TB_ARRAY_SIZE(deaths));
           tcase_add_test(cases, a_standby_takes_over);)
