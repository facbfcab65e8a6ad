# What the gateway reads: the SQL functions that return the API's JSON, on a real PostgreSQL.
add_check_test(test_api_sql LABEL actor TIMEOUT 120
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_api_sql.c ${CMAKE_CURRENT_SOURCE_DIR}/test_api_sql_events.c ${CMAKE_CURRENT_SOURCE_DIR}/api_fixture.c
  LIBS tulip_testlib PkgConfig::JANSSON)
