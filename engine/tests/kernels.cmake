# Types, kernels, pool. These tests see the engine's inside.
mb_add_test(NAME test_types SOURCES test_types.c LIBS eng LABELS golden)

foreach(test test_types)
  if(TARGET ${test})
    target_include_directories(${test} PRIVATE ../src)
  endif()
endforeach()
