/* waits: requests that wait for what the feeds will bring. Bounded: WAITS_MAX. */
#ifndef TB_GATEWAY_WAITS_H
#define TB_GATEWAY_WAITS_H

#include "gateway.h"

enum { WAITS_MAX = 2048 };

struct waits;
struct waits *waits_new(struct gateway *gateway, struct loop *loop);
/* Effect: drops what waits without calling anybody. */
void waits_free(struct waits **waits);
/* Effect: asks every condition again; handlers of those that came true or ran out of time are called. */
void waits_check(struct waits *waits);
size_t waits_count(const struct waits *waits);

#endif
