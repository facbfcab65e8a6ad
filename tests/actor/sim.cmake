# The audit program, every invariant broken once; the reconciler on a real database.
add_check_test(test_audit LABEL actor TIMEOUT 600 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_audit.c ${CMAKE_CURRENT_LIST_DIR}/audit_history.c
  LIBS tulip_testlib)
add_dependencies(test_audit tulip-audit)
add_check_test(test_reconciler_actor LABEL actor TIMEOUT 600
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_reconciler_actor.c ${CMAKE_CURRENT_LIST_DIR}/audit_history.c LIBS tulip_testlib)
add_dependencies(test_reconciler_actor tb-reconciler)
