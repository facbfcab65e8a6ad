# The pure parts behind pulse and logs.
add_check_test(test_views LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_views.c LIBS tulip_gateway_core)
