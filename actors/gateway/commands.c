/* commands: a list of copies, each with a request_id of ours. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "operations.h"

#define RESEND_US       (500 * 1000LL)
#define RESEND_LARGE_US (2000 * 1000LL) /* a picture: it takes longer, and fills the bus when nobody reads */
#define LOOK_US         (50 * 1000LL)
#define UNHEARD_MAX_US  (5000 * 1000LL) /* who is not READY for so long will not answer what is asked only once */

enum { LARGE_BYTES = 16 * 1024 };

/* Who answers on a link. */
static const char *const answerers[] = {
    [LINK_BALANCE_COMMAND] = "balance", [LINK_PERSONA_COMMAND] = "persona", [LINK_RECONCILER_COMMAND] = "reconciler"};

struct command {
    struct command *next;
    uint64_t request_id;
    enum gateway_link link;
    Tb__MessageType type;
    ProtobufCMessage *message; /* our own copy */
    bool resend, unsent;
    int64_t sent_at_us, resend_us, deadline_us;
    int64_t unheard_since_us; /* 0 = who is to answer is there */
    struct http_request *request;
    command_handler *handler;
};

struct commands {
    struct gateway *gateway;
    struct loop_timer *timer;
    struct command *first;
    size_t count, unsent_count;
    uint64_t last_id;
    uint64_t lives[TB_ARRAY_SIZE(answerers)]; /* of those who answer; 0 = not heard of */
};

static uint64_t *request_id_of(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "request_id");
    tb_assert(field != NULL && field->type == PROTOBUF_C_TYPE_UINT64);
    return (uint64_t *)((char *)(uintptr_t)message + field->offset);
}

static ProtobufCMessage *copy_message(const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = tb_alloc_zero(size + 1, 1);
    (void)protobuf_c_message_pack(message, bytes);
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, size, bytes);
    tb_assert(copy != NULL);
    free(bytes);
    return copy;
}

static void free_command(struct command *command)
{
    protobuf_c_message_free_unpacked(command->message, NULL);
    free(command);
}

/* Effect: takes the command at *place out and lets its handler answer. */
static void finish(struct commands *commands, struct command **place, const ProtobufCMessage *result)
{
    struct command *command = *place;
    *place = command->next;
    commands->count--;
    commands->unsent_count -= command->unsent;
    command->handler(commands->gateway, command->request, result);
    free_command(command);
}

/* Return: whether nobody has been there to answer it for too long. What is sent again and again has a short deadline
 * instead. */
static bool is_abandoned(const struct commands *commands, struct command *command, int64_t now)
{
    if (command->resend || operations_hears(commands->gateway, answerers[command->link]))
        command->unheard_since_us = 0;
    else if (command->unheard_since_us == 0)
        command->unheard_since_us = now;
    return command->unheard_since_us != 0 && now - command->unheard_since_us >= UNHEARD_MAX_US;
}

static void on_timer(void *arg)
{
    struct commands *commands = arg;
    int64_t now = clock_monotonic_us();
    for (struct command **place = &commands->first; *place != NULL;) {
        struct command *command = *place;
        if (now >= command->deadline_us || is_abandoned(commands, command, now)) {
            finish(commands, place, NULL);
            place = &commands->first; /* the handler may have added one */
            continue;
        }
        if (command->resend && !command->unsent && now >= command->sent_at_us + command->resend_us) {
            command->unsent = true;
            commands->unsent_count++;
        }
        place = &command->next;
    }
    if (commands->first == NULL)
        loop_timer_clear(commands->timer);
}

struct commands *commands_new(struct gateway *gateway, struct loop *loop)
{
    struct commands *commands = tb_alloc_zero(1, sizeof *commands);
    commands->gateway = gateway;
    commands->timer = loop_timer_new(loop, on_timer, commands);
    return commands;
}

void commands_free(struct commands **commands)
{
    if (*commands == NULL)
        return;
    for (struct command *command = (*commands)->first, *next; command != NULL; command = next) {
        next = command->next;
        free_command(command);
    }
    loop_timer_free(&(*commands)->timer);
    free(*commands);
    *commands = NULL;
}

bool commands_have_unsent(const struct commands *commands)
{
    return commands->unsent_count > 0;
}

size_t commands_count(const struct commands *commands)
{
    return commands->count;
}

void commands_send(struct commands *commands, struct effects *fx)
{
    int64_t now = clock_monotonic_us();
    for (struct command *command = commands->first; command != NULL && commands->unsent_count > 0;
         command = command->next) {
        if (!command->unsent)
            continue;
        command->unsent = false;
        command->sent_at_us = now;
        commands->unsent_count--;
        effects_send(fx, command->link, NULL, command->type, command->message, TB__STREAM__STREAM_UNSPECIFIED, 0);
    }
}

void commands_heard(struct commands *commands, const char *actor, uint64_t life)
{
    size_t link = 0;
    while (link < TB_ARRAY_SIZE(answerers) && (answerers[link] == NULL || strcmp(answerers[link], actor) != 0))
        link++;
    if (link == TB_ARRAY_SIZE(answerers))
        return;
    bool is_another = commands->lives[link] != 0 && commands->lives[link] != life;
    commands->lives[link] = life;
    for (struct command *command = commands->first; command != NULL && is_another; command = command->next) {
        if ((size_t)command->link == link && !command->unsent) {
            command->unsent = true;
            commands->unsent_count++;
        }
    }
}

void commands_result(struct commands *commands, const ProtobufCMessage *result)
{
    uint64_t request_id = *request_id_of(result);
    for (struct command **place = &commands->first; *place != NULL; place = &(*place)->next) {
        if ((*place)->request_id == request_id) {
            finish(commands, place, result);
            return;
        }
    }
}

void gateway_command(struct gateway *gateway, enum gateway_link link, Tb__MessageType type, ProtobufCMessage *message,
                     bool resend, int64_t deadline_ms, struct http_request *request, command_handler *handler)
{
    struct commands *commands = gateway->commands;
    tb_assert(link < TB_ARRAY_SIZE(answerers) && answerers[link] != NULL);
    if (commands->count == COMMANDS_MAX) {
        problem_respond(request, PROBLEM_BACKPRESSURE, NULL);
        return;
    }
    struct command *command = tb_alloc_zero(1, sizeof *command);
    /* Ids of an earlier life of this process must not be taken for ours: the clock is part of them. */
    if (commands->last_id == 0)
        commands->last_id = (uint64_t)clock_now_us() << 10;
    command->request_id = *request_id_of(message) = ++commands->last_id;
    command->link = link;
    command->type = type;
    command->message = copy_message(message);
    command->resend = resend;
    command->resend_us = protobuf_c_message_get_packed_size(message) > LARGE_BYTES ? RESEND_LARGE_US : RESEND_US;
    command->unsent = true;
    command->deadline_us = clock_monotonic_us() + deadline_ms * 1000;
    command->request = request;
    command->handler = handler;
    if (commands->first == NULL)
        loop_timer_set(commands->timer, LOOK_US, LOOK_US);
    command->next = commands->first;
    commands->first = command;
    commands->count++;
    commands->unsent_count++;
}
