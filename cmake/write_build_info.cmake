set(commit "unknown")
find_program(GIT git)
if(GIT)
  execute_process(COMMAND ${GIT} -C "${SRC}" rev-parse --short=12 HEAD OUTPUT_VARIABLE head
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
  if(rc EQUAL 0)
    execute_process(COMMAND ${GIT} -C "${SRC}" status --porcelain --untracked-files=no OUTPUT_VARIABLE dirty ERROR_QUIET)
    set(commit "${head}")
    if(dirty)
      set(commit "${head}-dirty")
    endif()
  endif()
endif()
string(STRIP "${FLAGS}" FLAGS)
set(text "#define MB_VERSION \"${VERSION}\"
#define MB_COMMIT \"${commit}\"
#define MB_COMPILER \"${COMPILER}\"
#define MB_BUILD_TYPE \"${TYPE}\"
#define MB_C_FLAGS \"${FLAGS}\"
#define MB_SANITIZER \"${SANITIZER}\"
")
set(old "")
if(EXISTS "${OUT}")
  file(READ "${OUT}" old)
endif()
if(NOT old STREQUAL text)
  file(WRITE "${OUT}" "${text}")
endif()
