# Loader and tokenizer tests; they see the engine's inside. gguf_build makes files for the tests of the forward pass as well.
pkg_check_modules(JANSSON QUIET IMPORTED_TARGET jansson)
add_library(eng_test_files STATIC EXCLUDE_FROM_ALL gguf_build.c gguf_tiny.c llama2c_build.c scratch_dir.c vocab_file.c)
target_include_directories(eng_test_files PUBLIC . ../src)
target_compile_definitions(eng_test_files PRIVATE ENG_TEST_DATA_DIR="${CMAKE_CURRENT_SOURCE_DIR}/../../../shared/data")
target_link_libraries(eng_test_files PUBLIC eng)

mb_add_test(NAME test_gguf SOURCES test_gguf.c LIBS eng_test_files)
mb_add_test(NAME test_gguf_open SOURCES test_gguf_open.c LIBS eng_test_files)
mb_add_test(NAME test_mutants SOURCES test_mutants.c mutants.c LIBS eng_test_files m)
mb_add_test(NAME test_recurrent SOURCES test_recurrent.c gguf_recurrent.c LIBS eng_test_files LABELS threads)
mb_add_test(NAME test_llama2c SOURCES test_llama2c.c LIBS eng_test_files LABELS golden)
mb_add_test(NAME test_tokenizer SOURCES test_tokenizer.c LIBS eng_test_files)
mb_add_test(NAME test_chat_template SOURCES test_chat_template.c LIBS eng_test_files)
if(JANSSON_FOUND)
  mb_add_test(NAME test_tokenizer_golden SOURCES test_tokenizer_golden.c golden_text.c LIBS eng_test_files PkgConfig::JANSSON LABELS golden)
  mb_add_test(NAME test_tokenizer_zoo SOURCES test_tokenizer_zoo.c golden_text.c LIBS eng_test_files PkgConfig::JANSSON)
endif()

# Damaged copies of model files. The tool tries thousands of any file: build-asan/tests/eng_mutants -n 1000 FILE...
add_executable(eng_mutants EXCLUDE_FROM_ALL mutants.c ../tools/eng_mutants.c)
target_include_directories(eng_mutants PRIVATE . ../src)
target_link_libraries(eng_mutants PRIVATE eng m)
set_target_properties(eng_mutants PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
