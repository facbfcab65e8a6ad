/* tb-gateway: the HTTP API. `--list-routes` prints it as its code has it, one route a line: verb, pattern, flags. */
#include <string.h>

#include "gateway_main.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list-routes") == 0) {
        gateway_print_routes(stdout);
        return 0;
    }
    return actor_main(&gateway_spec, argc, argv);
}
