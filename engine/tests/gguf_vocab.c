/* gguf_vocab.c - small vocabularies of the other tokenizers, in the manner of the golden zoo's. */
#include <stdio.h>

#include "gguf_build.h"
#include "model/vocab.h"

enum { N_BYTES = 256 };

#define SPACE "\xe2\x96\x81"

static const char *const spm_words[] = {SPACE, SPACE "t", "he", SPACE "the", "in", SPACE SPACE, SPACE SPACE SPACE SPACE, "ing", "an", "and", "ll", "hell",
                                        "hello", SPACE "hello", "12", "\xc3\xa9", "\xe4\xbd\xa0", "a", "b", "d", "e", "g", "h", "i", "l", "n",
                                        "o", "t", "1", "2", "\n", "<0", "<0x41>", ">" SPACE "<"};

void gguf_build_vocab_spm(struct gguf_build *b, bool add_space_prefix)
{
    enum { N_FRONT = 3, N_WORDS = sizeof spm_words / sizeof *spm_words, N_BACK = 3, N = N_FRONT + N_BYTES + N_WORDS + N_BACK };
    static const char *const front[N_FRONT] = {"<unk>", "<s>", "</s>"}, *const back[N_BACK] = {"\n\n", "<turn>", "<unused>"};
    static const int32_t front_kinds[N_FRONT] = {2, 3, 3}, back_kinds[N_BACK] = {4, 3, 5};
    char texts[N_BYTES][8];
    const char *tokens[N];
    int32_t kinds[N];
    float scores[N];
    for (int i = 0; i < N; i++) {
        const int byte = i - N_FRONT, word = byte - N_BYTES, last = word - N_WORDS;
        tokens[i] = byte < 0 ? front[i] : word < 0 ? texts[byte] : last < 0 ? spm_words[word] : back[last];
        kinds[i] = byte < 0 ? front_kinds[i] : word < 0 ? ENG_TOKEN_BYTE : last < 0 ? ENG_TOKEN_NORMAL : back_kinds[last];
        scores[i] = word < 0 ? 0.0f : last < 0 ? -(float)word : -1000.0f;
    }
    for (int i = 0; i < N_BYTES; i++)
        snprintf(texts[i], sizeof texts[i], "<0x%02X>", (unsigned)i);
    gguf_build_str(b, "tokenizer.ggml.model", "llama");
    gguf_build_strs(b, "tokenizer.ggml.tokens", tokens, N);
    gguf_build_f32s(b, "tokenizer.ggml.scores", scores, N);
    gguf_build_i32s(b, "tokenizer.ggml.token_type", kinds, N);
    gguf_build_u32(b, "tokenizer.ggml.bos_token_id", 1);
    gguf_build_u32(b, "tokenizer.ggml.eos_token_id", 2);
    gguf_build_bool(b, "tokenizer.ggml.add_space_prefix", add_space_prefix);
}

void gguf_build_vocab_rwkv(struct gguf_build *b)
{
    static const char *const words[] = {"the", " the", "he", "hello", " world", "  ", "\\n\\n", "12", "\\xe4\\xbd", "\\\\x"};
    enum { N_WORDS = sizeof words / sizeof *words, N = 1 + N_BYTES + N_WORDS };
    char texts[N_BYTES][8];
    const char *tokens[N];
    int32_t kinds[N];
    for (int i = 0; i < N; i++) {
        tokens[i] = i == 0 ? "<end>" : i <= N_BYTES ? texts[i - 1] : words[i - 1 - N_BYTES];
        kinds[i] = i == 0 ? ENG_TOKEN_CONTROL : ENG_TOKEN_NORMAL;
    }
    for (int i = 0; i < N_BYTES; i++)
        snprintf(texts[i], sizeof texts[i], "\\x%02x", (unsigned)i);
    gguf_build_str(b, "tokenizer.ggml.model", "rwkv");
    gguf_build_strs(b, "tokenizer.ggml.tokens", tokens, N);
    gguf_build_i32s(b, "tokenizer.ggml.token_type", kinds, N);
    gguf_build_u32(b, "tokenizer.ggml.eos_token_id", 0);
}
