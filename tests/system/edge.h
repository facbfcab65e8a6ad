/* edge: the parts of the test of the HTTP edge, and the cluster they share. One thread. */
#ifndef TB_TEST_EDGE_H
#define TB_TEST_EDGE_H

#include <check.h>

#include "cluster.h"

extern struct cluster edge_cluster;

TCase *edge_hostile(void); /* requests that want to trick: where they end, whose they are, what their headers carry */
TCase *edge_crowd(void);   /* more connections of one address than it may have */

#endif
