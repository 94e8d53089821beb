# Language level, warnings and sanitizers: included by the suite and by the engine when it builds alone.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64)
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes
                    -Wmissing-prototypes -Wwrite-strings -Wdouble-promotion -Wvla -fno-common)
if(MB_WERROR)
  add_compile_options(-Werror)
endif()
# Results must not depend on how the compiler contracts a*b+c: kernels ask for FMA explicitly.
add_compile_options(-ffp-contract=off)

set(MB_SANITIZER "" CACHE STRING "empty, or a list for -fsanitize=: address,undefined | thread")
if(MB_SANITIZER)
  add_compile_options(-fsanitize=${MB_SANITIZER} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MB_SANITIZER})
endif()
