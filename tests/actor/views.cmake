# Positions, and the SQL behind portfolio, candles, pulse and traces, on a real PostgreSQL.
add_check_test(test_views_sql LABEL actor TIMEOUT 400
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_views_sql.c ${CMAKE_CURRENT_LIST_DIR}/api_fixture.c LIBS tulip_testlib PkgConfig::JANSSON)

# What a page's read touches, by PostgreSQL's counters. TB_TEST_ROWS=5000000 by hand takes long.
add_check_test(test_views_plans LABEL actor TIMEOUT 600
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_views_plans.c ${CMAKE_CURRENT_LIST_DIR}/api_fixture.c LIBS tulip_testlib PkgConfig::JANSSON)
