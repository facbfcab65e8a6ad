/* tb-console: what `tulip top` and `tulip tap` run. It listens and reads; it changes nothing. */
#include "console.h"

#include "log.h"

enum { EXIT_WRONG_USAGE = 2 };

int main(int argc, char **argv)
{
    struct arguments arguments;
    switch (arguments_read(&arguments, argc, argv)) {
    case ARGUMENTS_HELP:
        return 0;
    case ARGUMENTS_WRONG:
        return EXIT_WRONG_USAGE;
    case ARGUMENTS_OK:
        break;
    }
    log_init("console", "1", arguments.region, LOG_ERROR); /* what goes wrong is said in words of our own */
    return arguments.command == COMMAND_TOP ? top_run(&arguments) : tap_run(&arguments);
}
