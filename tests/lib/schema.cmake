# tulip_schema: JSON held against the schemas of docs/openapi.json.
add_library(tulip_schema STATIC ${CMAKE_CURRENT_SOURCE_DIR}/schema.c)
target_include_directories(tulip_schema PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(tulip_schema PUBLIC tulip_common PkgConfig::JANSSON PRIVATE tulip_warnings)
