# Seconds, no build needed: also run by "./tulip test" before anything is built.
add_test(NAME lint COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/run)
set_tests_properties(lint PROPERTIES LABELS lint TIMEOUT 300)
