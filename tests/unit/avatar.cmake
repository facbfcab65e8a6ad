# Avatars: the decoder on pictures of every kind; the sandbox it runs in; the files it leaves.
add_check_test(test_avatar_decode LABEL unit TIMEOUT 300 SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_avatar_decode.c LIBS tulip_avatar tulip_pictures)
add_check_test(test_avatar_sandbox LABEL unit TIMEOUT 120
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_avatar_sandbox.c ${CMAKE_SOURCE_DIR}/tests/lib/child.c LIBS tulip_avatar)
add_check_test(test_avatar_files LABEL unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_avatar_files.c LIBS tulip_avatar)
