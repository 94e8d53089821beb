# mb_embed(OUT name FILES a.sql b.gp ...): text files of the current folder as C arrays, made anew when a file changes.
# Sets ${OUT} to the sources <name>.c and <name>.h (in the current binary folder); a.sql becomes `extern const char mb_text_a_sql[]`.
# Run as a script (cmake -P) it writes the two files.
if(CMAKE_SCRIPT_MODE_FILE)
  set(code "#include \"${NAME}.h\"\n")
  set(head "/* made by cmake/MbEmbed.cmake */\n")
  string(REPLACE "|" ";" FILES "${FILES}")
  foreach(path ${FILES})
    get_filename_component(symbol "${path}" NAME)
    string(MAKE_C_IDENTIFIER "mb_text_${symbol}" symbol)
    file(READ "${path}" hex HEX)
    # Character constants, so that bytes over 0x7f keep their sign.
    string(REGEX REPLACE "(................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," hex "${hex}")
    string(APPEND code "const char ${symbol}[] = {\n${hex}0};\n")
    string(APPEND head "extern const char ${symbol}[];\n")
  endforeach()
  file(WRITE "${DIR}/${NAME}.c" "${code}")
  file(WRITE "${DIR}/${NAME}.h" "${head}")
  return()
endif()

set(MB_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")
function(mb_embed out name)
  cmake_parse_arguments(E "" "" "FILES" ${ARGN})
  list(TRANSFORM E_FILES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  string(REPLACE ";" "|" joined "${E_FILES}")
  set(made "${CMAKE_CURRENT_BINARY_DIR}/${name}.c" "${CMAKE_CURRENT_BINARY_DIR}/${name}.h")
  add_custom_command(OUTPUT ${made}
    COMMAND ${CMAKE_COMMAND} "-DNAME=${name}" "-DDIR=${CMAKE_CURRENT_BINARY_DIR}" "-DFILES=${joined}" -P "${MB_EMBED_SCRIPT}"
    DEPENDS ${E_FILES} "${MB_EMBED_SCRIPT}" VERBATIM)
  set(${out} ${made} PARENT_SCOPE)
endfunction()
