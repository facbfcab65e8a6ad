# Every alarm and cue from outside: provoked, seen in its list and on the ops stream, seen to end.
add_check_test(test_alarms LABEL system TIMEOUT 600 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_alarms.c LIBS tulip_outside tulip_live_reader)
# Alone: it provokes one alarm at a time, and a machine that stands still for a second raises others.
set_tests_properties(test_alarms PROPERTIES RUN_SERIAL ON)
