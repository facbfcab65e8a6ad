/* Uploads with the real persona actor, the real worker and one that has been taken over, and a real database. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor_rig.h"
#include "base.h"
#include "check_main.h"
#include "persona.pb-c.h"
#include "pictures.h"
#include "testdb.h"

enum { READY_MS = 30000, ANSWER_MS = 30000 };

static const char *url;
static struct rig *rig;
static struct rig_actor *persona;
static struct rig_link *gateway;
static char root[64], uploads_setting[96], rogue_setting[512];
static uint64_t last_request;

static void open_rig(const char *more, const char *still_more)
{
    const char *build = getenv("TB_BUILD_DIR");
    (void)snprintf(root, sizeof root, "/tmp/tulip-avatars-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    (void)snprintf(uploads_setting, sizeof uploads_setting, "TB_UPLOADS_DIR=%s/uploads", root);
    (void)snprintf(rogue_setting, sizeof rogue_setting, "TB_AVATAR_WORKER=%s/tests/tb-rogue-worker",
                   build == NULL ? "build/debug" : build);
    bool own_place = more != NULL && strncmp(more, "TB_UPLOADS_DIR", 14) == 0;
    const char *const settings[] = {own_place ? "TB_AVATAR_KEEP_S=3600" : uploads_setting, more, still_more, NULL};
    url = testdb_fresh();
    rig = rig_new(url);
    gateway = rig_open(rig, "gateway/1", "persona-command", BUS_DEALER, false);
    persona = rig_start(rig, "persona", "1", settings);
    ck_assert(rig_wait_state(persona, "READY", READY_MS));
}

static void close_rig(void)
{
    char command[128];
    rig_free(&rig);
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
}

static uint64_t send_picture(const char *user_id, const void *bytes, size_t size)
{
    static char user_text[64];
    Tb__PersonaCommand command = TB__PERSONA_COMMAND__INIT;
    ck_assert(tb_copy_text(user_text, sizeof user_text, user_id));
    uint8_t *copy = tb_alloc_zero(size + 1, 1);
    if (size > 0)
        memcpy(copy, bytes, size);
    command.request_id = ++last_request;
    command.kind = TB__PERSONA_COMMAND__KIND__SET_AVATAR;
    command.user_id = user_text;
    command.picture = (ProtobufCBinaryData){size, copy};
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__PERSONA_COMMAND, &command.base, 0, 0, 5000));
    free(copy);
    return last_request;
}

static const Tb__PersonaResult *next_answer(void)
{
    const struct rig_message *answer = rig_receive(gateway, TB__MESSAGE_TYPE__PERSONA_RESULT, ANSWER_MS);
    ck_assert_ptr_nonnull(answer);
    return (const Tb__PersonaResult *)answer->payload;
}

static const Tb__PersonaResult *upload(const char *user_id, const void *bytes, size_t size)
{
    uint64_t request_id = send_picture(user_id, bytes, size);
    const Tb__PersonaResult *result = next_answer();
    ck_assert_uint_eq(result->request_id, request_id);
    return result;
}

static const Tb__PersonaResult *upload_png(const char *user_id, uint32_t side)
{
    struct picture picture = pictures_png(&(struct png_spec){side, side, PNG_RGB, 8, false, false});
    const Tb__PersonaResult *result = upload(user_id, picture.bytes, picture.size);
    free(picture.bytes);
    return result;
}

/* Return: the size of the file that a URL stands for, -1 when there is none. */
static long file_size(const char *avatar_url)
{
    char path[256];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s%s", root, avatar_url);
    return stat(path, &info) == 0 ? (long)info.st_size : -1;
}

static int file_count(void)
{
    char path[256];
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/uploads/avatars", root);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (directory != NULL)
        (void)closedir(directory);
    return count;
}

START_TEST(an_upload_is_a_file_then_a_row_then_an_event)
{
    char first_url[96];
    open_rig(NULL, NULL);
    const Tb__PersonaResult *result = upload_png("clusius", 40);
    ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq(strncmp(result->persona->avatar_url, "/uploads/avatars/clusius-", 25), 0);
    ck_assert_int_eq(file_size(result->persona->avatar_url), (long)result->avatar_bytes);
    ck_assert_uint_gt(result->ops_seq, 0);
    ck_assert(tb_copy_text(first_url, sizeof first_url, result->persona->avatar_url));
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events WHERE user_id = 'clusius' AND type = 2"), 1);
    result = upload_png("clusius", 40); /* the same again */
    ck_assert_str_eq(result->persona->avatar_url, first_url);
    ck_assert_uint_eq(result->ops_seq, 0);
    result = upload_png("clusius", 7);
    ck_assert_str_ne(result->persona->avatar_url, first_url);
    ck_assert_int_gt(file_size(first_url), 0); /* a page may still show it */
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM ops_events WHERE user_id = 'clusius' AND type = 2"), 2);
    close_rig();
}
END_TEST

START_TEST(what_cannot_be_used_is_refused_and_leaves_nothing)
{
    static const char text[] = "no picture at all", garbage[] = "\x89PNG\r\n\x1a\nno picture at all either";
    open_rig(NULL, NULL);
    ck_assert_int_eq((int)upload("nobody", text, sizeof text)->refusal, TB__REFUSAL__REFUSAL_NOT_FOUND);
    ck_assert_int_eq((int)upload("No Id", text, sizeof text)->refusal, TB__REFUSAL__REFUSAL_NOT_FOUND);
    ck_assert_int_eq((int)upload("clusius", NULL, 0)->refusal, TB__REFUSAL__REFUSAL_UNSUPPORTED);
    ck_assert_int_eq((int)upload("clusius", text, sizeof text)->refusal, TB__REFUSAL__REFUSAL_UNSUPPORTED);
    const Tb__PersonaResult *result = upload("clusius", garbage, sizeof garbage);
    ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_UNDECODABLE);
    ck_assert_ptr_nonnull(strstr(result->detail, "damaged"));
    struct picture wide = pictures_png_head(4097, 10, 8, 2, false);
    result = upload("clusius", wide.bytes, wide.size);
    ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_UNDECODABLE);
    ck_assert_ptr_nonnull(strstr(result->detail, "4096 pixels"));
    free(wide.bytes);
    uint8_t *large = tb_alloc_zero(204801, 1);
    ck_assert_int_eq((int)upload("clusius", large, 204801)->refusal, TB__REFUSAL__REFUSAL_INVALID);
    free(large);
    ck_assert_int_eq(file_count(), 0);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM personas WHERE starts_with(avatar_url, '/uploads/')"),
                     0);
    close_rig();
}
END_TEST

static const struct {
    const char *picture;
    int refusal;
    const char *log; /* what is said of it there */
} rogues[] = {
    {"\x89PNG\r\n\x1a\nhang", TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, "took too long"},
    {"\x89PNG\r\n\x1a\nopen", TB__REFUSAL__REFUSAL_UNDECODABLE, "ended by signal 31"}, /* SIGSYS */
    {"\x89PNG\r\n\x1a\nfork", TB__REFUSAL__REFUSAL_UNDECODABLE, "ended by signal 31"},
    {"\x89PNG\r\n\x1a\nflood", TB__REFUSAL__REFUSAL_UNDECODABLE, "said too much"},
    {"\x89PNG\r\n\x1a\nshort", TB__REFUSAL__REFUSAL_UNDECODABLE, "gave no avatar"},
    {"\x89PNG\r\n\x1a\nfail", TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE, "failed with 3"},
};

START_TEST(a_worker_that_was_taken_over_does_no_harm)
{
    open_rig("TB_AVATAR_DEADLINE_MS=12000", rogue_setting);
    for (size_t i = 0; i < TB_ARRAY_SIZE(rogues); i++) {
        int refusal = (int)upload("clusius", rogues[i].picture, strlen(rogues[i].picture))->refusal;
        ck_assert_msg(refusal == rogues[i].refusal, "%s: refusal %d", rogues[i].picture + 8, refusal);
        ck_assert_msg(rig_log_has(persona, rogues[i].log), "%s: the log does not say %s", rogues[i].picture + 8,
                      rogues[i].log);
    }
    ck_assert_int_eq(file_count(), 0);
    /* The most it can do: another picture, and still an ordinary PNG that we made. */
    const Tb__PersonaResult *result = upload("clusius", "\x89PNG\r\n\x1a\nlie", 11);
    ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_NONE);
    ck_assert_int_eq(file_size(result->persona->avatar_url), (long)result->avatar_bytes);
    close_rig();
}
END_TEST

/* Return: a child of the persona actor, 0 when it has none. */
static pid_t child_of_persona(void)
{
    char path[64];
    int child = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)rig_pid(persona), (int)rig_pid(persona));
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%d", &child) != 1)
            child = 0;
        (void)fclose(file);
    }
    return child;
}

static bool has_child(void *arg)
{
    *(pid_t *)arg = child_of_persona();
    return *(pid_t *)arg > 0;
}

/* Return: whether the child is in its sandbox. */
static bool is_confined(void *arg)
{
    char path[64], line[256];
    bool confined = false;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)*(pid_t *)arg);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        confined = confined || strcmp(line, "Seccomp:\t2\n") == 0;
    if (file != NULL)
        (void)fclose(file);
    return confined;
}

/* Return: whether it has ended; whoever is its parent then may not have noticed yet. */
static bool is_gone(void *arg)
{
    char path[64], state = 'Z';
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)*(pid_t *)arg);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return true;
    if (fscanf(file, "%*d %*s %c", &state) != 1)
        state = 'Z';
    (void)fclose(file);
    return state == 'Z' || state == 'X';
}

START_TEST(while_workers_hang_the_registry_goes_on)
{
    static const char hang[] = "\x89PNG\r\n\x1a\nhang";
    open_rig("TB_AVATAR_DEADLINE_MS=60000", rogue_setting);
    for (int i = 0; i < 8; i++)
        (void)send_picture("clusius", hang, sizeof hang);
    /* One more than there is room for is refused at once, the others are not yet answered. */
    uint64_t request_id = send_picture("clusius", hang, sizeof hang);
    const Tb__PersonaResult *result = next_answer();
    ck_assert_uint_eq(result->request_id, request_id);
    ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_BACKPRESSURE);
    Tb__PersonaCommand update = TB__PERSONA_COMMAND__INIT;
    char user_id[] = "clusius", name[] = "Charles";
    update.request_id = ++last_request;
    update.kind = TB__PERSONA_COMMAND__KIND__UPDATE;
    update.user_id = user_id;
    update.display_name = name;
    update.set_display_name = true;
    ck_assert(rig_send(gateway, NULL, TB__MESSAGE_TYPE__PERSONA_COMMAND, &update.base, 0, 0, 5000));
    result = next_answer();
    ck_assert_uint_eq(result->request_id, last_request);
    ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_NONE);
    /* Killed by somebody, it was not the picture's fault: sending it again may help. */
    pid_t child = 0;
    ck_assert(rig_wait(rig, has_child, &child, 10000));
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    result = next_answer();
    ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    /* A stop answers the others and ends their workers. */
    ck_assert(rig_wait(rig, has_child, &child, 10000));
    rig_kill(persona, SIGTERM);
    ck_assert_int_eq(rig_wait_exit(persona, 20000), 0);
    ck_assert(rig_wait(rig, is_gone, &child, 10000));
    close_rig();
}
END_TEST

START_TEST(a_worker_dies_with_the_actor)
{
    static const char hang[] = "\x89PNG\r\n\x1a\nhang";
    pid_t child = 0;
    open_rig("TB_AVATAR_DEADLINE_MS=60000", rogue_setting);
    (void)send_picture("clusius", hang, sizeof hang);
    ck_assert(rig_wait(rig, has_child, &child, 10000));
    ck_assert(rig_wait(rig, is_confined, &child, 20000)); /* one that dies earlier leaves it 3 s of the processor */
    rig_kill(persona, SIGKILL);
    ck_assert(rig_wait(rig, is_gone, &child, 40000));
    close_rig();
}
END_TEST

START_TEST(without_a_worker_or_a_place_nothing_is_promised)
{
    open_rig(_i == 0 ? "TB_AVATAR_WORKER=/nonexistent/worker" : "TB_UPLOADS_DIR=/proc/nothing", NULL);
    ck_assert_int_eq((int)upload_png("clusius", 40)->refusal, TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE);
    ck_assert(rig_log_has(persona, _i == 0 ? "/nonexistent/worker" : "/proc/nothing"));
    close_rig();
}
END_TEST

static bool one_is_left(void *arg)
{
    (void)arg;
    return file_count() == 1;
}

START_TEST(files_that_nobody_has_go_and_others_stay)
{
    open_rig("TB_AVATAR_KEEP_S=1", NULL);
    char last_url[96] = "";
    for (uint32_t side = 3; side < 7; side++) {
        const Tb__PersonaResult *result = upload_png("clusius", side * 5);
        ck_assert_int_eq((int)result->refusal, TB__REFUSAL__REFUSAL_NONE);
        ck_assert(tb_copy_text(last_url, sizeof last_url, result->persona->avatar_url));
    }
    ck_assert(rig_wait(rig, one_is_left, NULL, 30000));
    ck_assert_int_gt(file_size(last_url), 0);
    close_rig();
}
END_TEST

static bool none_is_left(void *arg)
{
    (void)arg;
    return file_count() == 0;
}

static const struct {
    const char *fault;
    bool committed;
} deaths[] = {{"TB_FAULT=persona.before_commit:kill:2", false},
              {"TB_FAULT=persona.after_commit:kill:2", true},
              {"TB_FAULT=persona.before_send:kill:1", true}};

START_TEST(a_death_never_leaves_a_row_without_its_file)
{
    char avatar_url[96] = "";
    open_rig(deaths[_i].fault, NULL);
    struct picture picture = pictures_png(&(struct png_spec){40, 40, PNG_RGB, 8, false, false});
    (void)send_picture("clusius", picture.bytes, picture.size);
    free(picture.bytes);
    ck_assert_int_eq(rig_wait_exit(persona, 20000), 128 + SIGKILL);
    ck_assert_int_eq(file_count(), 1);
    ck_assert_int_eq(testdb_integer(url, "SELECT count(*) FROM personas WHERE starts_with(avatar_url, '/uploads/')"),
                     deaths[_i].committed);
    const char *const settings[] = {uploads_setting, "TB_AVATAR_KEEP_S=1", NULL};
    persona = rig_start(rig, "persona", "1", settings);
    ck_assert(rig_wait_state(persona, "READY", READY_MS));
    if (!deaths[_i].committed) {
        ck_assert(rig_wait(rig, none_is_left, NULL, 30000));
    } else { /* the same again: it was done already */
        const Tb__PersonaResult *result = upload_png("clusius", 40);
        ck_assert_uint_eq(result->ops_seq, 0);
        ck_assert(tb_copy_text(avatar_url, sizeof avatar_url, result->persona->avatar_url));
        ck_assert_int_gt(file_size(avatar_url), 0);
    }
    close_rig();
}
END_TEST

CHECK_MAIN("avatars", tcase_set_timeout(cases, 200);
           tcase_add_test(cases, an_upload_is_a_file_then_a_row_then_an_event);
           tcase_add_test(cases, what_cannot_be_used_is_refused_and_leaves_nothing);
           tcase_add_test(cases, a_worker_that_was_taken_over_does_no_harm);
           tcase_add_test(cases, while_workers_hang_the_registry_goes_on);
           tcase_add_test(cases, a_worker_dies_with_the_actor);
           tcase_add_loop_test(cases, without_a_worker_or_a_place_nothing_is_promised, 0, 2);
           tcase_add_test(cases, files_that_nobody_has_go_and_others_stay);
           tcase_add_loop_test(cases, a_death_never_leaves_a_row_without_its_file, 0, (int)TB_ARRAY_SIZE(deaths));)
