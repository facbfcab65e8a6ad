/* tb-gateway: the HTTP API. */
#include "gateway_main.h"

int main(int argc, char **argv)
{
    return actor_main(&gateway_spec, argc, argv);
}
