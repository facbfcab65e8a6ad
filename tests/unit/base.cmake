# The lower modules of the actor kit.
foreach(module base err arena money config log clock ids fault inject metrics follow gather core)
  add_check_test(test_${module} LABEL unit
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c ${CMAKE_SOURCE_DIR}/tests/lib/child.c LIBS PkgConfig::JANSSON)
endforeach()

# What a container's process runs under where faults may be injected.
add_check_test(test_breakable LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_breakable.c)
add_dependencies(test_breakable tulip-breakable)

# What tests and bench speak HTTP with is tested itself.
add_check_test(test_http_client LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_http_client.c LIBS tulip_http_client)
add_check_test(test_latency LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_latency.c LIBS tulip_bench)
