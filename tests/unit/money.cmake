# The cores of balance and persona.
add_check_test(test_balance_core LABEL unit
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_balance_core.c ${CMAKE_CURRENT_LIST_DIR}/balance_bench.c LIBS tulip_balance_core)
foreach(part core text)
  add_check_test(test_persona_${part} LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_persona_${part}.c LIBS tulip_persona_core)
endforeach()
