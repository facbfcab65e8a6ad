# The pure parts behind the gateway's reads and operations.
foreach(module cursor time_in fleet cues)
  add_check_test(test_${module} LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c ${CMAKE_CURRENT_LIST_DIR}/heartbeats.c
    LIBS tulip_gateway_core PkgConfig::JANSSON)
endforeach()
