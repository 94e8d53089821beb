/**
 * gguf_build.h - makes GGUF files for tests, in memory: keys, tensors, and whole tiny llama models with random weights.
 *
 *     struct gguf_build *b = gguf_build_new();
 *     gguf_build_llama(b, &(struct gguf_tiny){.type = ENG_TYPE_Q4_0});   // zeroed fields have defaults
 *     gguf_build_write(b, path);
 *     gguf_build_free(b);
 *
 * Keys and tensors keep the order in which they were added. Nothing is checked: damaged files are made with it too.
 * A failure to allocate or to write ends the test program.
 */
#ifndef ENG_TESTS_GGUF_BUILD_H
#define ENG_TESTS_GGUF_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "types/types.h"

struct gguf_build;

struct gguf_build *gguf_build_new(void);
void gguf_build_free(struct gguf_build *b);

void gguf_build_u32(struct gguf_build *b, const char *key, uint32_t value);
void gguf_build_f32(struct gguf_build *b, const char *key, float value);
void gguf_build_bool(struct gguf_build *b, const char *key, bool value);
void gguf_build_str(struct gguf_build *b, const char *key, const char *value);
void gguf_build_strs(struct gguf_build *b, const char *key, const char *const *values, size_t n);
void gguf_build_f32s(struct gguf_build *b, const char *key, const float *values, size_t n);
void gguf_build_i32s(struct gguf_build *b, const char *key, const int32_t *values, size_t n);
/** A key of any type with its value's bytes as they are. */
void gguf_build_raw(struct gguf_build *b, const char *key, uint32_t type, const void *bytes, size_t n_bytes);

/** A tensor of any type id; ne[n_dims], fastest first; the data is copied and padded to the alignment of 32. */
void gguf_build_tensor(struct gguf_build *b, const char *name, uint32_t type, uint32_t n_dims, const uint64_t *ne, const void *data,
                       size_t n_bytes);
void gguf_build_seed(struct gguf_build *b, uint64_t seed); /* not 0; 1 to begin with */
/** [n_rows][n_cols] (n_rows 0: a vector) of normal random numbers, mean and deviation as given, encoded as @type. */
void gguf_build_random(struct gguf_build *b, const char *name, enum eng_type type, uint64_t n_rows, uint64_t n_cols, float mean,
                       float deviation);

/** The whole file; valid until the next call on @b. */
const uint8_t *gguf_build_bytes(struct gguf_build *b, size_t *n_bytes);
void gguf_build_write(struct gguf_build *b, const char *path);

/* ---- a tiny llama ---- */

struct gguf_tiny {                                                        /* 0 = the default in brackets */
    uint32_t n_layers, n_ctx, d_model, n_heads, n_heads_kv, d_head, d_ff; /* 2, 256, 64, 4, 2, d_model / n_heads, 96 */
    enum eng_type type;                                                   /* of the layers' matrices (f32) */
    enum eng_type embd_type;                                              /* of token_embd and output (f32) */
    bool untied;                                                          /* with an output.weight */
    bool biases;                                                          /* with attention biases */
    bool rope_factors;                                                    /* with rope_freqs.weight */
    bool f16_norms;
    float rope_base, rope_scale; /* 10000; absent */
    uint64_t seed;               /* 1 */
};

/** Vocabulary only: 3 control tokens (<|endoftext|> 0, <|im_start|> 1, <|im_end|> 2), 256 bytes (3..258), 5 merged tokens. */
void gguf_build_vocab(struct gguf_build *b, const char *pre);
#define GGUF_TINY_VOCAB 264

/** Sentencepiece: <unk>, <s>, </s>, 256 bytes, then pieces for small words, runs of spaces, "\n\n" (user-defined) and <turn> (control). */
void gguf_build_vocab_spm(struct gguf_build *b, bool add_space_prefix);
/** RWKV: <end> 0, 256 bytes, then a few words and escapes. */
void gguf_build_vocab_rwkv(struct gguf_build *b);

/** Everything that eng_model_open() needs. The weights are scaled so that activations stay near 1. */
void gguf_build_llama(struct gguf_build *b, const struct gguf_tiny *tiny);

#endif
