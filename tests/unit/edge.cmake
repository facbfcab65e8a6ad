# The gateway's own parts: HTTP, JSON in and out, validation, routes, the view and what is under way.
foreach(module http_parse http_server json_in order_validate query router problem view gateway_core order_json rate_limit host_check client_address address_count)
  add_check_test(test_${module} LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c LIBS tulip_gateway_core)
endforeach()
