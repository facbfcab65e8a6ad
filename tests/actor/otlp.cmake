# The reconciler sends spans to a collector that speaks real HTTP.
add_check_test(test_span_export LABEL actor TIMEOUT 600
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_span_export.c ${CMAKE_CURRENT_LIST_DIR}/audit_history.c LIBS tulip_testlib PkgConfig::JANSSON)
add_dependencies(test_span_export tb-reconciler)
