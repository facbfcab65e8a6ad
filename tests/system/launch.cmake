# What ./tulip promises: refusals in clear words, idempotence, restarts, several instances, no root, clean ends.
# Alone: what was killed must be back within a second.
add_test(NAME launch COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/launch.sh)
set_tests_properties(launch PROPERTIES LABELS system TIMEOUT 600 RUN_SERIAL ON
  ENVIRONMENT "TB_BUILD_DIR=${CMAKE_BINARY_DIR};TB_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
