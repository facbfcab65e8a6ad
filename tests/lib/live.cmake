# tulip_live_reader: event streams from outside (live_reader.h).
add_library(tulip_live_reader STATIC ${CMAKE_CURRENT_SOURCE_DIR}/live_reader.c)
target_include_directories(tulip_live_reader PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(tulip_live_reader PUBLIC tulip_common PkgConfig::JANSSON PRIVATE tulip_warnings)
