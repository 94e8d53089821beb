# Types, kernels, pool. These tests see the engine's inside.
mb_add_test(NAME test_types SOURCES test_types.c type_golden.c LIBS eng)
mb_add_test(NAME test_types_golden SOURCES test_types_golden.c type_golden.c LIBS eng)
mb_add_test(NAME test_types_quality SOURCES test_types_quality.c type_golden.c LIBS eng)
mb_add_test(NAME test_types_expand SOURCES test_types_expand.c type_golden.c LIBS eng)
mb_add_test(NAME test_kernels SOURCES test_kernels.c LIBS eng)
mb_add_test(NAME test_vector SOURCES test_vector.c LIBS eng)
mb_add_test(NAME test_activations SOURCES test_activations.c LIBS eng)
mb_add_test(NAME test_matmul SOURCES test_matmul.c LIBS eng LABELS threads)
mb_add_test(NAME test_weight_memory SOURCES test_weight_memory.c LIBS eng)
mb_add_test(NAME test_pool SOURCES test_pool.c LIBS eng LABELS threads)
mb_add_test(NAME test_huge_pages SOURCES test_huge_pages.c LIBS eng)
mb_add_test(NAME test_placement SOURCES test_placement.c LIBS eng LABELS threads)

# Prints the table of docs/kernels.md; no test, but built with them so that it keeps building.
add_executable(eng_kernel_bench ../tools/eng_kernel_bench.c)
target_link_libraries(eng_kernel_bench PRIVATE eng)

foreach(test test_types test_types_golden test_types_quality test_types_expand test_kernels test_vector test_activations test_matmul test_weight_memory test_pool test_placement test_huge_pages eng_kernel_bench)
  if(TARGET ${test})
    target_include_directories(${test} PRIVATE ../src)
  endif()
endforeach()
