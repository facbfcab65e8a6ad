# The lower modules of the actor kit.
foreach(module base err arena money config log clock ids fault metrics follow core)
  add_check_test(test_${module} LABEL unit
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c ${CMAKE_SOURCE_DIR}/tests/lib/child.c LIBS PkgConfig::JANSSON)
endforeach()
