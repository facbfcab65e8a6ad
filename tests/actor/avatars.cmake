# Uploads: the real persona actor and its worker, and a worker that does what the sandbox forbids.
add_executable(tb-rogue-worker ${CMAKE_CURRENT_LIST_DIR}/rogue_worker.c)
target_link_libraries(tb-rogue-worker PRIVATE tulip_avatar tulip_warnings)
set_target_properties(tb-rogue-worker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_check_test(test_avatars LABEL actor TIMEOUT 300
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_avatars.c LIBS tulip_testlib tulip_pictures)
add_dependencies(test_avatars tb-persona tb-rogue-worker)
