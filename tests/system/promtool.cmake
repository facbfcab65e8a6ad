# Prometheus' own judgement; skipped where promtool is not there.
add_check_test(test_promtool LABEL system TIMEOUT 600 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_promtool.c LIBS tulip_outside)
set_tests_properties(test_promtool PROPERTIES SKIP_RETURN_CODE 77)
