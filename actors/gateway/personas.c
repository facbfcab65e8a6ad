/* Personas: the registry's commands, carried out by the persona actor. An answer is given once this gateway's own view
 * has the change, so that whoever has the answer finds it in force here: a new persona with its opening balance, a new
 * name, a removal. */
#include "gateway.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json_in.h"
#include "persona.pb-c.h"
#include "reads.h"

enum { PERSONA_DEADLINE_MS = 5000, PERSONA_VISIBLE_MS = 5000, DISPLAY_NAME_MAX = 60, BIO_MAX = 500, USER_ID_MAX = 40 };

/* What a request waits for: its context. */
struct awaited {
    struct gateway *gateway;
    struct http_request *request;
    Tb__PersonaCommand__Kind kind;
    int64_t began_us;
    Tb__Refusal refusal;
    char user_id[VIEW_USER_ID_MAX];
    uint64_t version;
    int status; /* to answer with */
};

static bool user_id_is_valid(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return text[length] == '\0' && length >= 2 && length <= USER_ID_MAX && text[0] != '-';
}

static void respond_persona(struct gateway *gateway, struct http_request *request, const struct view_user *user,
                            int status)
{
    struct json_out out;
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "userId", user->user_id);
    json_out_string(&out, "displayName", user->display_name);
    json_out_string(&out, "avatarUrl", user->avatar_url);
    json_out_string(&out, "bio", user->bio);
    json_out_bool(&out, "seed", user->seed);
    json_out_time(&out, "createdAt", user->created_at_us);
    json_out_time(&out, "updatedAt", user->updated_at_us);
    json_out_end(&out);
    if (status == 201) {
        char location[sizeof("/api/personas/") + VIEW_USER_ID_MAX];
        snprintf(location, sizeof(location), "/api/personas/%s", user->user_id);
        http_add_header(request, "Location", location);
    }
    http_respond_json(request, status, gateway->buffer.bytes, gateway->buffer.length);
}

static bool is_visible(struct gateway *gateway, struct http_request *request, void *arg)
{
    (void)request;
    const struct awaited *awaited = arg;
    const struct view_user *user = view_find(gateway_view(gateway), awaited->user_id);
    return user != NULL && user->has_persona && user->persona_version >= awaited->version &&
           (awaited->status == 204 || user->has_balance);
}

static void on_visible(struct gateway *gateway, struct http_request *request, void *arg, bool in_time)
{
    const struct awaited *awaited = arg;
    const struct view_user *user = view_find(gateway_view(gateway), awaited->user_id);
    if (!in_time || user == NULL) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, "The change was made, but is not in force here yet.");
    } else if (awaited->status == 204) {
        http_respond(request, 204, NULL, NULL, 0);
    } else {
        respond_persona(gateway, request, user, awaited->status);
    }
}

/* What stands in the way of a command that was sent twice may be what its first copy did. Then it is no conflict. */
static void on_change_looked_up(void *arg, const struct read_result *result)
{
    struct awaited *awaited = arg;
    if (result->status == 200 && sscanf(result->body, "%" SCNu64 " %40s", &awaited->version, awaited->user_id) == 2) {
        gateway_wait(awaited->gateway, is_visible, on_visible, PERSONA_VISIBLE_MS, awaited->request, awaited);
    } else if (result->status == 404) {
        problem_respond(awaited->request, gateway_refusal_problem(awaited->refusal), NULL);
    } else {
        read_result_respond(result, awaited->request, "application/json");
    }
}

static void look_up_change(struct awaited *awaited)
{
    struct arena arena;
    struct db_params params;
    arena_init(&arena, 1 << 12); /* not the scratch arena: no request is being dispatched */
    db_params_init(&params, &arena);
    db_add_text(&params, awaited->gateway->region);
    db_add_int4(&params, awaited->kind == TB__PERSONA_COMMAND__KIND__CREATE ? TB__OPS_RECORD__TYPE__PERSONA_CREATED
                                                                            : TB__OPS_RECORD__TYPE__PERSONA_DELETED);
    db_add_uuid(&params, awaited->request->trace_id);
    db_add_time(&params, awaited->began_us);
    read_pool_call(awaited->gateway->reads, READ_PERSONA_CHANGE, &params, on_change_looked_up, awaited);
    arena_release(&arena);
}

/* The registry's answer: a problem, or on to waiting until it is visible. request->context holds the struct awaited. */
static void on_result(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *message)
{
    const Tb__PersonaResult *result = (const Tb__PersonaResult *)message;
    struct awaited *awaited = request->context;
    if (result == NULL) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE,
                        "The registry did not answer in time; whether the change was made is unknown.");
        return;
    }
    awaited->refusal = result->refusal;
    if ((awaited->kind == TB__PERSONA_COMMAND__KIND__CREATE && result->refusal == TB__REFUSAL__REFUSAL_EXISTS) ||
        (awaited->kind == TB__PERSONA_COMMAND__KIND__DELETE && result->refusal == TB__REFUSAL__REFUSAL_NOT_FOUND)) {
        look_up_change(awaited);
        return;
    }
    if (result->refusal == TB__REFUSAL__REFUSAL_INVALID) {
        struct field_errors errors = {0};
        field_error(&errors, "displayName", "INVALID_FORMAT", "makes no userId; give one");
        problem_respond_fields(request, &errors);
        return;
    }
    if (result->refusal != TB__REFUSAL__REFUSAL_NONE || result->persona == NULL) {
        problem_respond(request, gateway_refusal_problem(result->refusal), NULL);
        return;
    }
    tb_copy_text(awaited->user_id, sizeof(awaited->user_id), result->persona->user_id);
    awaited->version = result->persona->version;
    gateway_wait(gateway, is_visible, on_visible, PERSONA_VISIBLE_MS, request, awaited);
}

static void send_command(struct gateway *gateway, struct http_request *request, Tb__PersonaCommand *command, int status)
{
    struct awaited *awaited = tb_alloc_zero(1, sizeof(*awaited));
    *awaited = (struct awaited){.gateway = gateway, .request = request, .kind = command->kind, .status = status};
    awaited->began_us = gateway_now_us(gateway);
    request->context = awaited;
    command->trace_id = (ProtobufCBinaryData){sizeof(request->trace_id), request->trace_id};
    gateway_command(gateway, LINK_PERSONA_COMMAND, TB__MESSAGE_TYPE__PERSONA_COMMAND, &command->base, true,
                    PERSONA_DEADLINE_MS, request, on_result);
}

/* Effect: reads the body's object; answers 400 when it is none. */
static bool read_body(struct http_request *request, struct json_in *in)
{
    struct err err = {0};
    if (json_in_parse(in, request->body, request->body_length, &err) < 0) {
        problem_respond(request, PROBLEM_MALFORMED_JSON, err.text);
        return false;
    }
    return true;
}

/* Return: the name; with an error added when it is nothing but blanks. */
static const char *read_display_name(const struct json_in *in, bool required, struct field_errors *errors)
{
    const char *name = json_in_text(in, "displayName", 1, DISPLAY_NAME_MAX, required, errors);
    if (name != NULL && name[strspn(name, " ")] == '\0') {
        field_error(errors, "displayName", "REQUIRED", "must not be blank");
    }
    return name;
}

/* protobuf-c's structs take char * but packing only reads them. */
static char *borrowed(const char *text)
{
    union {
        const char *in;
        char *out;
    } same = {.in = text != NULL ? text : ""};
    return same.out;
}

static void personas_post(struct gateway *gateway, struct http_request *request)
{
    struct json_in in;
    struct field_errors errors = {0};
    if (!read_body(request, &in)) {
        return;
    }
    const char *name = read_display_name(&in, true, &errors);
    const char *user_id = json_in_text(&in, "userId", 2, USER_ID_MAX, false, &errors);
    const char *bio = json_in_prose(&in, "bio", BIO_MAX, &errors);
    if (user_id != NULL && !user_id_is_valid(user_id)) {
        field_error(&errors, "userId", "INVALID_FORMAT", "must be 2 to 40 of a-z, 0-9 and '-', not beginning with '-'");
    }
    if (errors.count > 0) {
        problem_respond_fields(request, &errors);
        return;
    }
    Tb__PersonaCommand command = TB__PERSONA_COMMAND__INIT;
    command.kind = TB__PERSONA_COMMAND__KIND__CREATE;
    command.display_name = borrowed(name);
    command.user_id = borrowed(user_id);
    command.bio = borrowed(bio);
    send_command(gateway, request, &command, 201);
}

/* Effect: the path's userId, or 404. */
static bool read_user_id(struct http_request *request, Tb__PersonaCommand *command)
{
    if (!user_id_is_valid(request->params[0])) {
        problem_respond(request, PROBLEM_NOT_FOUND, "There is no such persona.");
        return false;
    }
    command->user_id = borrowed(request->params[0]);
    return true;
}

static void persona_put(struct gateway *gateway, struct http_request *request)
{
    struct json_in in;
    struct field_errors errors = {0};
    Tb__PersonaCommand command = TB__PERSONA_COMMAND__INIT;
    command.kind = TB__PERSONA_COMMAND__KIND__UPDATE;
    if (!read_user_id(request, &command) || !read_body(request, &in)) {
        return;
    }
    const char *bio = json_in_prose(&in, "bio", BIO_MAX, &errors);
    const char *name =
        read_display_name(&in, json_in_find(&in, "bio") == NULL, &errors); /* one of them must be there */
    if (errors.count > 0) {
        problem_respond_fields(request, &errors);
        return;
    }
    command.set_display_name = name != NULL;
    command.display_name = borrowed(name);
    command.set_bio = bio != NULL;
    command.bio = borrowed(bio);
    send_command(gateway, request, &command, 200);
}

static void persona_delete(struct gateway *gateway, struct http_request *request)
{
    Tb__PersonaCommand command = TB__PERSONA_COMMAND__INIT;
    command.kind = TB__PERSONA_COMMAND__KIND__DELETE;
    if (read_user_id(request, &command)) {
        send_command(gateway, request, &command, 204);
    }
}

static void persona_restore(struct gateway *gateway, struct http_request *request)
{
    Tb__PersonaCommand command = TB__PERSONA_COMMAND__INIT;
    command.kind = TB__PERSONA_COMMAND__KIND__RESTORE;
    if (read_user_id(request, &command)) {
        send_command(gateway, request, &command, 200);
    }
}

const struct route personas_routes[] = {
    {VERB_POST, "/api/personas", personas_post, ROUTE_JSON, 0},
    {VERB_PUT, "/api/personas/{userId}", persona_put, ROUTE_JSON, 0},
    {VERB_DELETE, "/api/personas/{userId}", persona_delete, ROUTE_JSON | ROUTE_BODYLESS, 0},
    {VERB_POST, "/api/personas/{userId}/restore", persona_restore, ROUTE_JSON | ROUTE_BODYLESS, 0},
    {0, NULL, NULL, 0, 0},
};
