# What the gateway reads: the SQL functions that return the API's JSON, on a real PostgreSQL.
add_check_test(test_api_sql LABEL actor TIMEOUT 300
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_api_sql.c ${CMAKE_CURRENT_LIST_DIR}/test_api_sql_events.c ${CMAKE_CURRENT_LIST_DIR}/api_fixture.c
  LIBS tulip_testlib PkgConfig::JANSSON)

# A real gateway with scripted balance, reconciler and heartbeats.
add_check_test(test_gateway_operations LABEL actor TIMEOUT 300 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_gateway_operations.c
  LIBS tulip_testlib tulip_outside)
add_dependencies(test_gateway_operations tb-gateway tb-persona tb-balance)
