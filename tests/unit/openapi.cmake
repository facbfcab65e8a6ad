# What holds answers against docs/openapi.json.
add_check_test(test_schema LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_schema.c LIBS tulip_schema)
