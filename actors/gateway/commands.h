/* commands: requests to persona, balance and reconciler that await their answer. Bounded: COMMANDS_MAX. Sent at the end
 * of a loop turn. */
#ifndef TB_GATEWAY_COMMANDS_H
#define TB_GATEWAY_COMMANDS_H

#include "gateway.h"

enum { COMMANDS_MAX = 512 };

struct commands;
struct commands *commands_new(struct gateway *gateway, struct loop *loop);
/* Effect: drops what is under way without calling anybody. */
void commands_free(struct commands **commands);
bool commands_have_unsent(const struct commands *commands);
size_t commands_count(const struct commands *commands);
/* Effect: puts what waits to be sent into fx; the messages stay valid until the effects are carried out. */
void commands_send(struct commands *commands, struct effects *fx);
/* Effect: this actor leads, in this life of its process (a number that is another in each): what an earlier one was
 * asked is asked again, for it took the question with it. */
void commands_heard(struct commands *commands, const char *actor, uint64_t life);
/* Effect: calls the handler of the command that result (…Result, ReplayVerified, InvariantsChecked) answers; drops late
 * ones. */
void commands_result(struct commands *commands, const ProtobufCMessage *result);

#endif
