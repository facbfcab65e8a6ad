# tulip_embed(TARGET NAME FILE): NAME.h for the sources of TARGET, with the bytes of FILE as `static const unsigned char NAME[]`, made
# anew whenever FILE changes.
set(TULIP_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(tulip_embed target name file)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.h)
  add_custom_command(OUTPUT ${header} DEPENDS ${file} ${TULIP_EMBED_SCRIPT} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DEMBED_NAME=${name} -DEMBED_FILE=${file} -DEMBED_HEADER=${header} -P ${TULIP_EMBED_SCRIPT})
  target_sources(${target} PRIVATE ${header})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/embedded)
endfunction()

# tulip_embed_files(TARGET NAME PATTERN): NAME.h with the files that fit PATTERN, at least one, as a table:
# static const struct { const char *name; const unsigned char *bytes; size_t size; } NAME[].
function(tulip_embed_files target name pattern)
  file(GLOB files CONFIGURE_DEPENDS ${pattern})
  if(NOT files)
    message(FATAL_ERROR "no file is ${pattern}")
  endif()
  set(includes "")
  set(rows "")
  foreach(file ${files})
    get_filename_component(plain ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name}_${plain} identifier)
    tulip_embed(${target} ${identifier} ${file})
    string(APPEND includes "#include \"${identifier}.h\"\n")
    string(APPEND rows "    {\"${plain}\", ${identifier}, sizeof ${identifier}},\n")
  endforeach()
  string(CONCAT text "/* Made of files; not to be edited. */\n#include <stddef.h>\n" "${includes}"
    [[static const struct {
    const char *name;
    const unsigned char *bytes;
    size_t size;
} ]] "${name}[] = {\n${rows}" [[};
]])
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.h @ONLY CONTENT "${text}")
endfunction()

# As a script (cmake -P): writes the header.
if(CMAKE_SCRIPT_MODE_FILE AND EMBED_FILE)
  file(READ ${EMBED_FILE} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  file(WRITE ${EMBED_HEADER} "/* Made of ${EMBED_NAME}; not to be edited. */\nstatic const unsigned char ${EMBED_NAME}[] = {\n${bytes}\n};\n")
endif()
