# The cores of the sequencer and simfill.
add_check_test(test_simfill_core LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_simfill_core.c
  ${CMAKE_CURRENT_LIST_DIR}/simfill_model.c ${CMAKE_CURRENT_LIST_DIR}/fill_recorder.c LIBS tulip_simfill_core)
foreach(part plan window)
  add_check_test(test_simfill_${part} LABEL unit
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_simfill_${part}.c LIBS tulip_simfill_core)
endforeach()
add_check_test(test_sequencer_core LABEL unit
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_sequencer_core.c ${CMAKE_CURRENT_LIST_DIR}/fill_recorder.c LIBS tulip_sequencer_core)
