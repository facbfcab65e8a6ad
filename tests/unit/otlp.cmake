# Spans for a collector of traces: their encoding, the endpoint, and the core that asks and posts.
add_check_test(test_otlp LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_otlp.c LIBS tulip_reconciler_collector tulip_reconciler_core)
