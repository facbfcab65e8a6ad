/* internal: what core.c and avatars.c ask of each other. Not for others. */
#ifndef TB_PERSONA_INTERNAL_H
#define TB_PERSONA_INTERNAL_H

#include "core.h"
#include "persona.pb-c.h"

/* core.c. Effect: answers a command. Return: the answer, to be filled further (borrowed from the step). */
Tb__PersonaResult *core_answer(struct effects *fx, const struct peer *to, uint64_t request_id, Tb__Refusal refusal,
                               Tb__Persona *persona, uint64_t ops_seq);
/* core.c. Effect: reads what the store decided (in->status is DONE); if anything changed, tells everybody. Return: NONE
 * with *persona and *ops_seq set, or why not. */
Tb__Refusal core_decided(const struct persona_command *command, const struct input *in, struct effects *fx,
                         Tb__Persona **persona, uint64_t *ops_seq);

/* The rest is in avatars.c. */

/* Effect: takes an upload, or answers why not. The same one again, while it is under way, is dropped. */
void avatars_take(struct persona_core *core, const struct input *in, const Tb__PersonaCommand *message,
                  struct effects *fx);
/* Effect: hands an avatar's command to the store. */
void avatars_call(const struct persona_core *core, const struct persona_command *command, struct effects *fx,
                  int64_t now_us);
/* Effect: the store has decided an avatar's command: on to the studio, or answered. */
void avatars_decided(struct persona_core *core, const struct persona_command *command, Tb__Refusal refusal,
                     Tb__Persona *persona, uint64_t ops_seq, struct effects *fx);
/* Effect: the studio's report: on to the store, or answered. */
void avatars_report(struct persona_core *core, const struct studio_report *report, struct effects *fx, int64_t now_us);
/* Effect: answers those that are with the studio with STORE_UNAVAILABLE. */
void avatars_abandon(struct persona_core *core, struct effects *fx);
/* Return: how many are under way. */
int64_t avatars_depth(const struct persona_core *core);

/* Effect: the store is there: the next round of deleting is due in a while. */
void avatars_start(struct persona_core *core, struct effects *fx, int64_t now_us);
/* Effect: begins a round. */
void avatars_sweep(struct persona_core *core, struct effects *fx, int64_t now_us);
/* Effect: the store says which files nobody has: the studio deletes them. */
void avatars_unused(struct persona_core *core, const struct input *in, struct effects *fx);

#endif
