# Portfolio, candles, pulse, logs and traces from outside, against all processes.
add_check_test(test_views_system LABEL system TIMEOUT 600 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_views.c LIBS tulip_outside)
