# The actor kit against the real things: two processes on the bus, PostgreSQL, whole actors.
add_executable(tb-testactor ${CMAKE_CURRENT_LIST_DIR}/test_actor_program.c)
target_link_libraries(tb-testactor PRIVATE tulip_common tulip_warnings)
set_target_properties(tb-testactor PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_check_test(test_bus LABEL actor SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_bus.c LIBS tulip_testlib PkgConfig::CZMQ)
add_check_test(test_db LABEL actor TIMEOUT 240 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_db.c LIBS tulip_testlib)
add_check_test(test_actor LABEL actor TIMEOUT 240 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_actor.c LIBS tulip_testlib)
add_dependencies(test_actor tb-testactor)
