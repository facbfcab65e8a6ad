# The HTTP edge under attack: slow senders, hostile heads, other hosts and origins; and that nothing of it is found in the logs.
add_check_test(test_edge LABEL system TIMEOUT 600
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_edge.c ${CMAKE_CURRENT_SOURCE_DIR}/edge_hostile.c ${CMAKE_CURRENT_SOURCE_DIR}/edge_crowd.c
  LIBS tulip_outside tulip_http_client)
