# tulip_outside: the whole system from outside: api.h (HTTP), cluster.h (./tulip up and down), crowd.h (clients that insist).
add_library(tulip_outside STATIC ${CMAKE_CURRENT_SOURCE_DIR}/api.c ${CMAKE_CURRENT_SOURCE_DIR}/cluster.c ${CMAKE_CURRENT_SOURCE_DIR}/crowd.c)
target_include_directories(tulip_outside PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(tulip_outside PUBLIC tulip_common PkgConfig::JANSSON PkgConfig::CHECK PRIVATE tulip_warnings)
