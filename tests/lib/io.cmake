# tulip_testlib: a private PostgreSQL (testdb.h) and real actors with scripted peers (actor_rig.h).
add_library(tulip_testlib STATIC ${CMAKE_CURRENT_SOURCE_DIR}/testdb.c
  ${CMAKE_CURRENT_SOURCE_DIR}/testdb_cache.c ${CMAKE_CURRENT_SOURCE_DIR}/testdb_guard.c ${CMAKE_CURRENT_SOURCE_DIR}/actor_rig.c)
target_include_directories(tulip_testlib PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(tulip_testlib PUBLIC tulip_common PRIVATE tulip_warnings PkgConfig::PQ)
