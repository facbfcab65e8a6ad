#include <ev.h>
#include <jansson.h>
