# tb-console's pure parts: gaps, records as lines, the board, frames from HTTP.
foreach(name gaps record board)
  add_check_test(test_console_${name} LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_console_${name}.c ${CMAKE_CURRENT_LIST_DIR}/heartbeats.c LIBS tulip_console PkgConfig::JANSSON)
endforeach()
