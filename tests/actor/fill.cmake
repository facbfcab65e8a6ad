# The real sequencer and simfill on a real PostgreSQL.
foreach(actor sequencer simfill)
  if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/test_${actor}_actor.c)
    add_check_test(test_${actor}_actor LABEL actor TIMEOUT 400
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${actor}_actor.c ${CMAKE_CURRENT_LIST_DIR}/fill_peer.c
      LIBS tulip_testlib tulip_simfill_plan)
    add_dependencies(test_${actor}_actor tb-sequencer tb-simfill)
  endif()
endforeach()
