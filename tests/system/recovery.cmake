# Backup under load and restore: what docs/RUNBOOK.md promises.
add_test(NAME recovery COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/recovery.sh)
set_tests_properties(recovery PROPERTIES LABELS fault TIMEOUT 600 RUN_SERIAL ON
  ENVIRONMENT "TB_BUILD_DIR=${CMAKE_BINARY_DIR};TB_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
