/* codec: envelopes to bytes and back, with every cap checked before memory is taken. Threading: none shared.
 * Register of messages: proto/README.md. */
#ifndef TB_CODEC_H
#define TB_CODEC_H

#include <stdint.h>

#include "arena.h"
#include "envelope.pb-c.h"
#include "err.h"

enum {
    CODEC_VERSION = 1,         /* of the envelope */
    CODEC_RECORDS_MAX = 65536, /* entries of any repeated field */
};

/* Return: the descriptor of a message type, NULL when there is none. */
const ProtobufCMessageDescriptor *codec_descriptor(Tb__MessageType type);

/* Return: the envelope's size with its payload packed inside. */
size_t codec_packed_size(const Tb__Envelope *envelope, const ProtobufCMessage *payload);

/* Effect: packs both into out (codec_packed_size bytes), the payload straight into place. Return: bytes written. */
size_t codec_pack(const Tb__Envelope *envelope, const ProtobufCMessage *payload, uint8_t *out);

/* Effect: unpacks and validates (version, type, UTF-8 of strings, enum ranges, entries of repeated fields, nested
 * messages too). *envelope and *payload live in arena, whose limit bounds what hostile bytes can take. Return: 0, or -1
 * with err naming what is wrong. */
int codec_unpack(const uint8_t *bytes, size_t size, struct arena *arena, Tb__Envelope **envelope,
                 ProtobufCMessage **payload, struct err *err);

#endif
