/* gateway_main: the actor's spec, for main() and for tests that run a whole gateway. */
#ifndef TB_GATEWAY_MAIN_H
#define TB_GATEWAY_MAIN_H

#include <stdio.h>

#include "actor.h"

extern const struct actor_spec gateway_spec;

/* Effect: prints "POST /api/orders json", a line for every route there is. */
void gateway_print_routes(FILE *to);

#endif
