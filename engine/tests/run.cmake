# Forward pass, sessions, generation, methods, goldens. These tests see the engine's inside.
set(TINY tiny_model.c tiny_reference.c)
set(RUN_TESTS test_attention test_follow test_sequence test_recurrence test_methods test_sampler test_forward test_session test_generate test_exit test_reduce test_trace)
mb_add_test(NAME test_methods SOURCES test_methods.c LIBS eng)
mb_add_test(NAME test_attention SOURCES test_attention.c LIBS eng)
mb_add_test(NAME test_sampler SOURCES test_sampler.c LIBS eng)
mb_add_test(NAME test_follow SOURCES test_follow.c LIBS eng)
mb_add_test(NAME test_recurrence SOURCES test_recurrence.c LIBS eng LABELS threads)
foreach(test test_sequence test_session test_generate test_reduce test_trace)
  mb_add_test(NAME ${test} SOURCES ${test}.c ${TINY} LIBS eng LABELS threads)
endforeach()
foreach(test test_forward test_exit) # thousands of passes: too slow under TSan, which sees the same code in those above
  mb_add_test(NAME ${test} SOURCES ${test}.c ${TINY} LIBS eng)
endforeach()

# Recorded values are JSON and .npz (zip): readers for tests only, the engine needs neither.
find_package(PkgConfig QUIET)
pkg_check_modules(GOLDEN_JSON QUIET IMPORTED_TARGET jansson)
pkg_check_modules(GOLDEN_ZIP QUIET IMPORTED_TARGET zlib)
if(GOLDEN_JSON_FOUND AND GOLDEN_ZIP_FOUND)
  set(GOLDEN_LIBS PkgConfig::GOLDEN_JSON PkgConfig::GOLDEN_ZIP)
  mb_add_test(NAME test_golden_smollm SOURCES test_golden_smollm.c golden_run.c golden_data.c LIBS eng ${GOLDEN_LIBS} LABELS golden)
  mb_add_test(NAME test_golden_gemma SOURCES test_golden_gemma.c golden_run.c golden_data.c LIBS eng_test_files ${GOLDEN_LIBS} LABELS golden)
  mb_add_test(NAME test_golden_tiny SOURCES test_golden_tiny.c golden_data.c ${TINY} LIBS eng ${GOLDEN_LIBS} LABELS golden)
  mb_add_test(NAME test_zoo SOURCES test_zoo.c golden_data.c LIBS eng_test_files ${GOLDEN_LIBS} LABELS golden)
  list(APPEND RUN_TESTS test_golden_smollm test_golden_gemma test_golden_tiny test_zoo)
else()
  message(STATUS "jansson or zlib not found: golden tests of the engine are left out (apt-get install libjansson-dev zlib1g-dev)")
endif()

foreach(test ${RUN_TESTS})
  if(TARGET ${test})
    target_include_directories(${test} PRIVATE ../src)
  endif()
endforeach()

# The engine in a hundred lines: built so that it stays true, not installed.
add_executable(eng_generate ../tools/eng_generate.c)
target_link_libraries(eng_generate PRIVATE eng)
