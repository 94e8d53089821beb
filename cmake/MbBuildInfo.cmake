# build_info.h is rewritten on every build, only when commit or flags changed: `meltbench --version` and the build table tell the truth.
set(MB_BUILD_INFO_DIR "${CMAKE_BINARY_DIR}/generated")
file(MAKE_DIRECTORY "${MB_BUILD_INFO_DIR}")
string(TOUPPER "${CMAKE_BUILD_TYPE}" _type)
get_directory_property(_options COMPILE_OPTIONS)
string(REPLACE ";" " " _options "${_options}")
add_custom_target(mb_build_info
  COMMAND ${CMAKE_COMMAND}
    "-DOUT=${MB_BUILD_INFO_DIR}/build_info.h" "-DSRC=${CMAKE_SOURCE_DIR}"
    "-DVERSION=${PROJECT_VERSION}" "-DTYPE=${CMAKE_BUILD_TYPE}"
    "-DCOMPILER=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
    "-DFLAGS=${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${_type}}" "-DSANITIZER=${MB_SANITIZER}"
    -P "${CMAKE_CURRENT_LIST_DIR}/write_build_info.cmake"
  BYPRODUCTS "${MB_BUILD_INFO_DIR}/build_info.h" VERBATIM)
