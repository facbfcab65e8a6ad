# A whole system over TCP with CURVE on loopback addresses.
add_check_test(test_secure LABEL system TIMEOUT 600 SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_secure.c LIBS tulip_outside PkgConfig::CZMQ)
add_dependencies(test_secure tb-keys)
