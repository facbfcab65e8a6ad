# kill -9 of every actor at random under load; more with TB_TEST_FAULT_SECONDS=600.
add_check_test(test_random_kills LABEL fault TIMEOUT 900 SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_random_kills.c LIBS tulip_outside)
# Alone: the more orders a second, the more moments in which it kills.
set_tests_properties(test_random_kills PROPERTIES RUN_SERIAL ON)
# Every other fault, one after the other, under load, in two availability zones.
add_check_test(test_faults LABEL fault TIMEOUT 900 SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_faults.c LIBS tulip_outside tulip_schema)
set_tests_properties(test_faults PROPERTIES RUN_SERIAL ON)
