#include "openapi.h"

#include "openapi_json.h" /* made of docs/openapi.json */

static void openapi_get(struct gateway *gateway, struct http_request *request)
{
    (void)gateway;
    http_respond_json(request, 200, (const char *)openapi_json, sizeof openapi_json);
}

const struct route openapi_routes[] = {
    {.verb = VERB_GET, .pattern = "/api/openapi.json", .handle = openapi_get},
    {.verb = 0},
};
