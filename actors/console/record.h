/* record: one record of a stream, or one heartbeat, as a person on call wants to read it: a line of text, or a line of
 * JSON with every field. Which stream a record is of is known by its protobuf type. Pure.
 *
 *   if (record_matches(&filter, message, region)) {
 *       record_text_write(message, region, &text);                 // 09:58:01.123 orders #1842 OrderReceived …
 *       record_json_write(message, region, &text);                 // {"stream":"orders","seq":1842,…}
 *   }
 *
 * In JSON names are camelCase; what the wire has in cents is money as text ("price":"124.20"), what it has in
 * microseconds a time ("createdAt":"2026-…Z"), bytes are hex, enumerations the words of the HTTP contract. */
#ifndef TB_CONSOLE_RECORD_H
#define TB_CONSOLE_RECORD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "json_out.h"

/* What a tap lets through; empty and 0 = anything. */
struct record_filter {
    const char *user_id;
    uint64_t order_seq;
    const char *type; /* "TradeExecuted" */
};

enum { RECORD_TYPE_MAX = 48 };

/* Return: "orders", "executions", "balances", "ops", "telemetry"; "" for what is none of these. */
const char *record_stream(const ProtobufCMessage *record);
/* Return: its sequence; 0 for a heartbeat. */
uint64_t record_seq(const ProtobufCMessage *record);
/* Return: the order it is about (a cancel request: the order to be cancelled), 0 = none. */
uint64_t record_order_seq(const ProtobufCMessage *record);
/* Effect: writes the name of its event as the HTTP contract has it ("OrderReceived"). Return: type. */
const char *record_type(const ProtobufCMessage *record, char type[static RECORD_TYPE_MAX]);
/* Return: whether a stream has events of this name. */
bool record_type_exists(const char *stream, const char *type);
/* Effect: appends the names of a stream's events, with blanks between. */
void record_types_write(const char *stream, struct text *text);

/* Return: whether the filter lets it through. */
bool record_matches(const struct record_filter *filter, const ProtobufCMessage *record);
/* Effect: appends one line and its end. region: for order ids. */
void record_text_write(const ProtobufCMessage *record, const char *region, struct text *text);
/* The same as one JSON object. from_history: it was read from the database, not off the wire. */
void record_json_write(const ProtobufCMessage *record, const char *region, bool from_history, struct text *text);

#endif
