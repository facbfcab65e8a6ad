/* The sim's bus: real protobuf bytes on pipes that keep their order, but lose, repeat and delay. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "balance/core.h"
#include "base.h"
#include "codec.h"
#include "ids.h"
#include "sequencer/core.h"
#include "simfill/core.h"

/* Where a link's messages go. */
enum pipe_kind { PIPE_PUSH = 1, PIPE_PUB, PIPE_ROUTER };
struct pipe {
    enum sim_actor from;
    unsigned from_link;
    enum pipe_kind kind;
    enum sim_actor to; /* unless PIPE_ROUTER */
    unsigned to_link;
};
static const struct pipe pipes[] = {
    {SIM_SEQUENCER, SEQUENCER_COMMAND, PIPE_ROUTER, 0, 0},
    {SIM_SEQUENCER, SEQUENCER_STAGE, PIPE_PUSH, SIM_SIMFILL, SIMFILL_STAGE},
    {SIM_SIMFILL, SIMFILL_FEED, PIPE_PUB, SIM_SEQUENCER, SEQUENCER_EXECUTIONS},
    {SIM_SIMFILL, SIMFILL_OUTBOX, PIPE_PUSH, SIM_BALANCE, BALANCE_LINK_OUTBOX},
    {SIM_BALANCE, BALANCE_LINK_COMMAND, PIPE_ROUTER, 0, 0},
};

static struct peer gateway_peer(unsigned gateway)
{
    return (struct peer){.length = 2, .bytes = {'g', (uint8_t)gateway}};
}

static uint8_t *pack(const char *sender, uint64_t boot, Tb__MessageType type, const ProtobufCMessage *message,
                     Tb__Stream stream, uint64_t first_seq, size_t *size)
{
    Tb__Envelope envelope = TB__ENVELOPE__INIT;
    envelope.version = 1;
    envelope.type = type;
    envelope.region = (char *)SIM_REGION;
    envelope.stream = stream;
    envelope.first_seq = first_seq;
    envelope.sender = (char *)sender;
    envelope.boot_id = boot;
    size_t room = codec_packed_size(&envelope, message);
    uint8_t *bytes = tb_alloc_zero(room ? room : 1, 1);
    *size = codec_pack(&envelope, message, bytes);
    return bytes;
}

/* Effect: puts bytes (copied) on the pipe from -> event; they may be lost, come twice, and come late, but in order. */
static void put(struct sim *sim, unsigned from, unsigned to, unsigned link, struct sim_event event,
                const uint8_t *bytes, size_t size)
{
    sim->counts.messages++;
    unsigned copies = 1;
    if (sim_chance(sim, sim->profile.lose)) {
        sim->counts.lost++;
        copies = 0;
    } else if (sim_chance(sim, sim->profile.repeat)) {
        sim->counts.repeated++;
        copies = 2;
    }
    for (unsigned i = 0; i < copies; i++) {
        int64_t due_us = sim->now_us + sim_between(sim, 20, sim->profile.message_us_max);
        int64_t *last_us = &sim->link_last_us[from][to][link];
        if (due_us < *last_us)
            due_us = *last_us;
        *last_us = due_us;
        struct sim_event copy = event;
        copy.due_us = i == 0
                          ? due_us
                          : due_us + sim_between(sim, 0, 20 * sim->profile.message_us_max); /* a repeat may come late */
        copy.size = size;
        copy.bytes = tb_alloc_zero(size ? size : 1, 1);
        memcpy(copy.bytes, bytes, size);
        sim_schedule(sim, copy);
    }
}

static void put_to_node(struct sim *sim, unsigned from, const struct sim_node *to, unsigned link,
                        const struct peer *peer, const uint8_t *bytes, size_t size)
{
    struct sim_event event = {.kind = EVENT_DELIVER, .node = to->number, .boot = to->boot, .index = link};
    if (peer)
        event.from = *peer;
    put(sim, from, to->number, link, event, bytes, size);
}

/* Return: one of the instances whose links are open: the leader's, those of one that believes it leads, or of one that
 * lost its store. NULL: none. */
static struct sim_node *pick_leader(struct sim *sim, enum sim_actor actor)
{
    unsigned first = (unsigned)sim_below(sim, SIM_INSTANCES);
    for (unsigned i = 0; i < SIM_INSTANCES; i++) {
        struct sim_node *node = &sim->nodes[actor * SIM_INSTANCES + (first + i) % SIM_INSTANCES];
        if (node_works(node))
            return node;
    }
    return NULL;
}

static const struct pipe *find_pipe(enum sim_actor actor, unsigned link)
{
    for (size_t i = 0; i < TB_ARRAY_SIZE(pipes); i++)
        if (pipes[i].from == actor && pipes[i].from_link == link)
            return &pipes[i];
    return NULL;
}

void bus_carry(struct sim *sim, struct sim_node *node, const struct effect *effect)
{
    oracle_sent(sim, node, effect->type, effect->message);
    const struct pipe *pipe = find_pipe(node->actor, effect->index);
    if (pipe == NULL)
        return; /* a feed that only gateways hear: the oracle has heard it */
    size_t size;
    uint8_t *bytes = pack(sim_actor_name(node->actor), node->boot, effect->type, effect->message, effect->stream,
                          effect->first_seq, &size);
    sim->trace_hash = ids_hash(sim->trace_hash, bytes, size);
    sim_trace(sim, "%s/%u sends type %d seq %" PRIu64 " (%zu bytes)", sim_actor_name(node->actor), node->number,
              (int)effect->type, effect->first_seq, size);
    if (pipe->kind == PIPE_ROUTER) {
        unsigned gateway = effect->to.length == 2 ? effect->to.bytes[1] : SIM_GATEWAYS;
        if (gateway >= SIM_GATEWAYS)
            sim_fail(sim, "%s answers a peer that nobody is", sim_actor_name(node->actor));
        else
            put(sim, node->number, SIM_NODES + gateway, effect->index,
                (struct sim_event){.kind = EVENT_REPLY, .index = gateway}, bytes, size);
    } else if (pipe->kind == PIPE_PUSH) {
        const struct sim_node *to = pick_leader(sim, pipe->to);
        if (to)
            put_to_node(sim, node->number, to, pipe->to_link, NULL, bytes, size);
    } else {
        for (unsigned i = 0; i < SIM_INSTANCES; i++)
            put_to_node(sim, node->number, &sim->nodes[pipe->to * SIM_INSTANCES + i], pipe->to_link, NULL, bytes, size);
    }
    free(bytes);
}

void bus_deliver(struct sim *sim, struct sim_node *node, const struct sim_event *event)
{
    if (!node_works(node))
        return; /* its links are closed */
    Tb__Envelope *envelope;
    ProtobufCMessage *message;
    struct err err = {0};
    arena_reset(&sim->message_arena);
    if (codec_unpack(event->bytes, event->size, &sim->message_arena, &envelope, &message, &err) < 0) {
        sim_fail(sim, "%s cannot read a message: %s", sim_actor_name(node->actor), err.text);
        return;
    }
    struct input in = {.kind = INPUT_MESSAGE,
                       .link = event->index,
                       .from = &event->from,
                       .type = envelope->type,
                       .message = message,
                       .stream = envelope->stream,
                       .first_seq = envelope->first_seq};
    node_step(sim, node, &in);
}

void bus_from_gateway(struct sim *sim, unsigned gateway, enum sim_actor actor, unsigned link, Tb__MessageType type,
                      const ProtobufCMessage *message)
{
    const struct sim_node *to = pick_leader(sim, actor);
    if (to == NULL)
        return;
    size_t size;
    uint8_t *bytes = pack("gateway/1", gateway + 1, type, message, 0, 0, &size);
    struct peer peer = gateway_peer(gateway);
    put_to_node(sim, SIM_NODES + gateway, to, link, &peer, bytes, size);
    free(bytes);
}

void bus_reply(struct sim *sim, const struct sim_event *event)
{
    Tb__Envelope *envelope;
    ProtobufCMessage *message;
    struct err err = {0};
    arena_reset(&sim->message_arena);
    if (codec_unpack(event->bytes, event->size, &sim->message_arena, &envelope, &message, &err) < 0) {
        sim_fail(sim, "a gateway cannot read an answer: %s", err.text);
        return;
    }
    clients_take(sim, event->index, envelope->type, message);
}
