# tulip_http_client: HTTP/1.1 from outside, one connection or many (http_client.h).
add_library(tulip_http_client STATIC ${CMAKE_CURRENT_SOURCE_DIR}/http_client.c ${CMAKE_CURRENT_SOURCE_DIR}/http_reader.c)
target_include_directories(tulip_http_client PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(tulip_http_client PUBLIC tulip_common PRIVATE tulip_warnings)
