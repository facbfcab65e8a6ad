/* arguments: the command line of tb-console. What is not given is taken from the environment an actor has (TB_RUN_DIR,
 * TB_TOPOLOGY, TB_REGION, TB_DATABASE_URL), so that it also works inside an actor's container.
 *
 *   struct arguments arguments;
 *   switch (arguments_read(&arguments, argc, argv)) { case ARGUMENTS_WRONG: return 2; … } */
#ifndef TB_CONSOLE_ARGUMENTS_H
#define TB_CONSOLE_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

enum command { COMMAND_TOP = 1, COMMAND_TAP };

/* Everything is borrowed from argv and the environment. */
struct arguments {
    enum command command;
    const char *run_dir;
    const char *topology; /* "" = none */
    const char *region;
    const char *curve_dir;    /* keys, of them the role operator's, for TCP links (TB_CURVE_DIR); "" = none */
    bool plaintext;           /* TCP without CURVE is allowed (TB_BUS_PLAINTEXT=true) */
    const char *database_url; /* "" = the database is not asked */
    const char *database_user;
    bool json;
    bool check; /* the words were all that was asked about */
    /* top */
    bool once;
    bool local;         /* the actors are processes of this machine: whether one exists can be asked */
    const char *expect; /* "sequencer/1 sequencer/2" */
    int feed_fd;        /* frames come from here instead of the bus, -1 = the bus */
    int64_t interval_us;
    /* tap */
    const char *what; /* "orders", "orders-feed", "telemetry-sequencer-1" */
    struct record_filter filter;
    uint64_t from_seq; /* 0 = live only */
    uint64_t limit;    /* 0 = none */
};

enum arguments_outcome { ARGUMENTS_OK, ARGUMENTS_HELP, ARGUMENTS_WRONG };

/* Effect: reads the command line. Help is printed on stdout, what is wrong on stderr. */
enum arguments_outcome arguments_read(struct arguments *arguments, int argc, char **argv);

#endif
