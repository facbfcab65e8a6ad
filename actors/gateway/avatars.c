/* PUT /api/personas/{userId}/avatar: the picture goes to the persona actor as it is; nothing of it is looked at here.
 */
#include "gateway.h"

#include <stdio.h>
#include <string.h>

#include "base.h"
#include "commands.h"
#include "persona.pb-c.h"
#include "validate.h"

enum { UPLOADS_MAX = 16, PICTURE_MAX = 204800, SIDE = 128, UPLOAD_DEADLINE_MS = 15000, VISIBLE_MS = 5000 };

/* What a request waits for: its context. */
struct upload {
    char user_id[VIEW_USER_ID_MAX];
    char url[128];
    uint64_t version;
    uint32_t bytes;
};

static bool is_visible(struct gateway *gateway, struct http_request *request, void *arg)
{
    (void)request;
    const struct upload *upload = arg;
    const struct view_user *user = view_find(gateway_view(gateway), upload->user_id);
    return user != NULL && user->has_persona && user->persona_version >= upload->version;
}

static void on_visible(struct gateway *gateway, struct http_request *request, void *arg, bool in_time)
{
    const struct upload *upload = arg;
    struct json_out out;
    if (!in_time) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE, "The change was made, but is not in force here yet.");
        return;
    }
    text_clear(&gateway->buffer);
    json_out_init(&out, &gateway->buffer);
    json_out_begin(&out, NULL);
    json_out_string(&out, "avatarUrl", upload->url);
    json_out_int(&out, "width", SIDE);
    json_out_int(&out, "height", SIDE);
    json_out_int(&out, "bytes", upload->bytes);
    json_out_end(&out);
    http_respond_json(request, 200, gateway->buffer.bytes, gateway->buffer.length);
}

static const char *detail_of(const Tb__PersonaResult *result)
{
    switch ((int)result->refusal) {
    case TB__REFUSAL__REFUSAL_UNSUPPORTED:
        return "The body must be a PNG or a JPEG, by its first bytes.";
    case TB__REFUSAL__REFUSAL_UNDECODABLE:
        return *result->detail == '\0' ? NULL : result->detail;
    case TB__REFUSAL__REFUSAL_NOT_FOUND:
        return "There is no such persona.";
    case TB__REFUSAL__REFUSAL_STORE_UNAVAILABLE:
        return "The picture could not be stored now; sending it again is safe.";
    default:
        return NULL;
    }
}

static void on_result(struct gateway *gateway, struct http_request *request, const ProtobufCMessage *message)
{
    const Tb__PersonaResult *result = (const Tb__PersonaResult *)message;
    struct upload *upload = request->context;
    gateway->uploads--;
    if (result == NULL) {
        problem_respond(request, PROBLEM_STORE_UNAVAILABLE,
                        "The registry did not answer in time; whether the change was made is unknown.");
    } else if (result->refusal != TB__REFUSAL__REFUSAL_NONE || result->persona == NULL) {
        problem_respond(request, gateway_refusal_problem(result->refusal), detail_of(result));
    } else {
        (void)tb_copy_text(upload->user_id, sizeof upload->user_id, result->persona->user_id);
        (void)tb_copy_text(upload->url, sizeof upload->url, result->persona->avatar_url);
        upload->version = result->persona->version;
        upload->bytes = result->avatar_bytes;
        gateway_wait(gateway, is_visible, on_visible, VISIBLE_MS, request, upload);
    }
}

/* protobuf-c's structs take pointers to what may change, but packing only reads it. */
static uint8_t *borrowed(const char *bytes)
{
    union {
        const char *in;
        uint8_t *out;
    } same = {.in = bytes};
    return same.out;
}

static void avatar_put(struct gateway *gateway, struct http_request *request)
{
    if (gateway->uploads == UPLOADS_MAX || commands_count(gateway->commands) == COMMANDS_MAX) {
        problem_respond(request, PROBLEM_BACKPRESSURE, "Too many pictures are under way; try again in a moment.");
        return;
    }
    if (!validate_is_user_id(request->params[0])) {
        problem_respond(request, PROBLEM_NOT_FOUND, "There is no such persona.");
        return;
    }
    Tb__PersonaCommand command = TB__PERSONA_COMMAND__INIT;
    command.kind = TB__PERSONA_COMMAND__KIND__SET_AVATAR;
    command.user_id = (char *)borrowed(request->params[0]);
    command.picture = (ProtobufCBinaryData){request->body_length, borrowed(request->body)};
    command.trace_id = (ProtobufCBinaryData){sizeof request->trace_id, request->trace_id};
    request->context = tb_alloc_zero(1, sizeof(struct upload));
    gateway->uploads++;
    gateway_command(gateway, LINK_PERSONA_COMMAND, TB__MESSAGE_TYPE__PERSONA_COMMAND, &command.base, true,
                    UPLOAD_DEADLINE_MS, request, on_result);
}

const struct route avatars_routes[] = {
    {VERB_PUT, "/api/personas/{userId}/avatar", avatar_put, 0, PICTURE_MAX},
    {0, NULL, NULL, 0, 0},
};
