/* openapi: the API's own description, docs/openapi.json, served as it stands there: it is put into the program when
 * that is built (cmake/TulipEmbed.cmake). tests/system/test_openapi.c holds it against the running gateway. */
#ifndef TB_GATEWAY_OPENAPI_H
#define TB_GATEWAY_OPENAPI_H

#include "router.h"

extern const struct route openapi_routes[]; /* GET /api/openapi.json */

#endif
