#include <czmq.h>
#include <libpq-fe.h>
#include <string.h>
