# The actor kit's transport: loop, zwatch, codec, topology.
add_check_test(test_loop LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_loop.c)
add_check_test(test_zwatch LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_zwatch.c LIBS PkgConfig::CZMQ)
add_check_test(test_codec LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_codec.c)
add_check_test(test_golden LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_golden.c)
add_check_test(test_secret LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_secret.c)
add_check_test(test_topology LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_topology.c)
