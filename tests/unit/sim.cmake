# The reconciler's core, and I7's comparison.
add_check_test(test_replay LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_replay.c LIBS tulip_replay)
add_check_test(test_reconciler_core LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_reconciler_core.c ${CMAKE_CURRENT_LIST_DIR}/reconciler_rig.c
  ${CMAKE_CURRENT_LIST_DIR}/heartbeats.c LIBS tulip_reconciler_core)
add_check_test(test_reconciler_jobs LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_reconciler_jobs.c ${CMAKE_CURRENT_LIST_DIR}/reconciler_rig.c
  LIBS tulip_reconciler_core)
add_check_test(test_reconciler_faults LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_reconciler_faults.c LIBS tulip_reconciler_core)
