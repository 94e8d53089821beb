# Forward pass, sessions, generation, methods, goldens. These tests see the engine's inside.
set(TINY tiny_model.c tiny_reference.c)
mb_add_test(NAME test_forward SOURCES test_forward.c ${TINY} LIBS eng LABELS threads)

foreach(test test_forward)
  if(TARGET ${test})
    target_include_directories(${test} PRIVATE ../src)
  endif()
endforeach()

# The engine in a hundred lines: built so that it stays true, not installed.
add_executable(eng_generate ../tools/eng_generate.c)
target_link_libraries(eng_generate PRIVATE eng)
