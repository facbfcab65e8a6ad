# docs/openapi.json against the running gateway, both ways: nothing that is not described, nothing described that is not so.
add_check_test(test_openapi LABEL system TIMEOUT 1200
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_openapi.c ${CMAKE_CURRENT_SOURCE_DIR}/openapi_file.c ${CMAKE_CURRENT_SOURCE_DIR}/openapi_routes.c
    ${CMAKE_CURRENT_SOURCE_DIR}/openapi_bounds.c ${CMAKE_CURRENT_SOURCE_DIR}/openapi_answers.c
    ${CMAKE_CURRENT_SOURCE_DIR}/openapi_outage.c ${CMAKE_CURRENT_SOURCE_DIR}/openapi_mutants.c
  LIBS tulip_outside tulip_schema tulip_gateway_core tulip_pictures)
set_tests_properties(test_openapi PROPERTIES COST 300) # the longest by far: begun first, the others beside it
