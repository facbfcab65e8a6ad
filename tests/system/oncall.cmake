# What someone on call uses, against all processes: top, tap, trace, dlq, doctor.
add_test(NAME oncall COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/oncall.sh)
set_tests_properties(oncall PROPERTIES LABELS system TIMEOUT 900
  ENVIRONMENT "TB_BUILD_DIR=${CMAKE_BINARY_DIR};TB_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
