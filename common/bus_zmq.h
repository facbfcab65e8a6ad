/* bus_zmq: CZMQ for the bus*.c files. It brings syslog.h along, whose macros bear the names of our log levels with
 * other values: this comes before every header of ours. */
#ifndef TB_BUS_ZMQ_H
#define TB_BUS_ZMQ_H

#include <czmq.h>

#undef LOG_DEBUG
#undef LOG_INFO
#undef LOG_WARNING
#undef LOG_ERR
#undef LOG_ERROR

#endif
