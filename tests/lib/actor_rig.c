#include "actor_rig.h"
