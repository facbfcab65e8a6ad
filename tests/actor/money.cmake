# Balance and persona, their SQL and their processes, on a real database.
foreach(name money_sql balance_actor persona_actor)
  add_check_test(test_${name} LABEL actor TIMEOUT 300
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c ${CMAKE_CURRENT_LIST_DIR}/money_books.c LIBS tulip_testlib)
endforeach()
add_dependencies(test_balance_actor tb-balance)
add_dependencies(test_persona_actor tb-persona)
