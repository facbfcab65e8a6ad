# The live feeds (SSE and WebSocket) from outside, against all processes, some of which are killed meanwhile.
add_check_test(test_streams LABEL system TIMEOUT 900
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_streams.c
  LIBS tulip_outside tulip_live_reader)
