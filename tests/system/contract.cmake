# The HTTP contract (docs/API.md) from outside, against all processes.
add_check_test(test_contract LABEL system TIMEOUT 600
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_contract.c ${CMAKE_CURRENT_SOURCE_DIR}/contract_orders.c
    ${CMAKE_CURRENT_SOURCE_DIR}/contract_input.c ${CMAKE_CURRENT_SOURCE_DIR}/contract_money.c
    ${CMAKE_CURRENT_SOURCE_DIR}/contract_operations.c ${CMAKE_CURRENT_SOURCE_DIR}/contract_avatars.c
  LIBS tulip_outside tulip_pictures)
