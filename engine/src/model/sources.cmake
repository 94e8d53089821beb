# Formats, vocabulary, weights. PCRE2 runs the word patterns of tokenizers; a cross build without it for its target still proves
# everything else, and says at load that byte-pair tokenizers are missing.
include(CheckCSourceCompiles)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 IMPORTED_TARGET GLOBAL libpcre2-8)
set(ENG_MODEL_LIBS "")
if(PCRE2_FOUND)
  set(CMAKE_REQUIRED_LIBRARIES PkgConfig::PCRE2)
  check_c_source_compiles("#define PCRE2_CODE_UNIT_WIDTH 8
    #include <pcre2.h>
    int main(void) { return pcre2_compile(0, 0, 0, 0, 0, 0) != 0; }" ENG_HAS_PCRE2)
  unset(CMAKE_REQUIRED_LIBRARIES)
endif()
if(ENG_HAS_PCRE2)
  set(ENG_MODEL_LIBS PkgConfig::PCRE2)
elseif(CMAKE_CROSSCOMPILING)
  set_source_files_properties(src/model/pretokenizer.c PROPERTIES COMPILE_DEFINITIONS ENG_WITHOUT_PCRE2)
else()
  message(FATAL_ERROR "PCRE2 is missing: apt-get install libpcre2-dev")
endif()
set(ENG_MODEL_SOURCES
    src/base/error.c src/base/clock.c
    src/model/arena.c src/model/mapped_file.c
    src/model/gguf.c src/model/gguf_kv.c src/model/gguf_tensor.c src/model/gguf_types.c
    src/model/vocab.c src/model/vocab_gguf.c src/model/vocab_reading.c src/model/vocab_bpe.c src/model/vocab_spm.c src/model/vocab_rwkv.c src/model/vocab_llama2c.c
    src/model/known_tokens.c src/model/prefix_table.c src/model/pretokenizer.c src/model/word_cache.c
    src/model/bpe.c src/model/tokenizer.c src/model/detokenizer.c src/model/chat.c
    src/chat/template.c src/chat/program.c src/chat/expr.c src/chat/primary.c src/chat/call.c src/chat/value.c
    src/model/model.c src/model/weights.c src/model/open_gguf.c src/model/open_llama2c.c
    src/arch/arch.c src/arch/keys.c src/arch/load.c src/arch/families.c
    src/arch/mix_attention.c src/arch/mix_mla.c src/arch/chan_ffn.c src/arch/chan_moe.c
    src/arch/families_recurrent.c src/arch/recurrent.c src/arch/recurrent_load.c src/arch/mix_mamba.c src/arch/mix_mamba2.c
    src/arch/mix_shortconv.c src/arch/mix_rwkv6.c src/arch/mix_rwkv7.c src/arch/chan_rwkv.c)
