# Recipes, GGUF writer, quantization of whole files. These tests see the engine's inside.
mb_add_test(NAME test_recipe SOURCES test_recipe.c LIBS eng_test_files)
mb_add_test(NAME test_quantize SOURCES test_quantize.c LIBS eng_test_files LABELS threads WRAP write fallocate64 fsync rename)
pkg_check_modules(CRYPTO_TEST QUIET IMPORTED_TARGET libcrypto)
if(JANSSON_FOUND AND CRYPTO_TEST_FOUND)
  mb_add_test(NAME test_quantize_golden SOURCES test_quantize_golden.c LIBS eng_test_files PkgConfig::JANSSON PkgConfig::CRYPTO_TEST
              LABELS golden)
else()
  message(STATUS "jansson or libcrypto not found: the golden test of quantized files is left out (apt-get install libjansson-dev libssl-dev)")
endif()
