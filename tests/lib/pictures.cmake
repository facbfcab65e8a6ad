# tulip_pictures: PNGs and JPEGs of every kind, hostile ones too (pictures.h).
add_library(tulip_pictures STATIC ${CMAKE_CURRENT_SOURCE_DIR}/pictures.c)
target_include_directories(tulip_pictures PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(tulip_pictures PUBLIC tulip_common PRIVATE tulip_warnings PkgConfig::PNG PkgConfig::JPEG z)
