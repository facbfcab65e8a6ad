/* procs: the rt driver's side of store.h (sql/, prepared statements); the core never sees it. */
#ifndef TB_SIMFILL_PROCS_H
#define TB_SIMFILL_PROCS_H

#include "../../common/actor.h"
#include "store.h"

extern const struct actor_proc simfill_procs[SIMFILL_PROC_COUNT];

#endif
