# Backup under load and restore: what docs/RUNBOOK.md promises.
add_test(NAME recovery COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/recovery.sh)
set_tests_properties(recovery PROPERTIES LABELS fault TIMEOUT 600
  ENVIRONMENT "TB_BUILD_DIR=${CMAKE_BINARY_DIR};TB_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
# A disk that is full. Without root and mounts it is skipped, and says so.
add_test(NAME diskfull COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/diskfull.sh)
set_tests_properties(diskfull PROPERTIES LABELS fault TIMEOUT 600 RUN_SERIAL ON SKIP_RETURN_CODE 77
  ENVIRONMENT "TB_BUILD_DIR=${CMAKE_BINARY_DIR};TB_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
