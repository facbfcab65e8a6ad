# The live feeds' pure parts: rings, subscriptions and cursors; WebSocket frames.
foreach(module live ws_frames http_stream)
  add_check_test(test_${module} LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c LIBS tulip_gateway_core)
endforeach()
