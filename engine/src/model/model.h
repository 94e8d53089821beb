/**
 * model.h (engine, internal) - an opened model: mapped file, hyperparameters, vocabulary, weights as matrices.
 * Filled by open_gguf.c or open_llama2c.c; read by run/. Nothing here changes after open.
 */
#ifndef ENG_MODEL_MODEL_H
#define ENG_MODEL_MODEL_H

#include "base/error.h"
#include "kernels/matmul.h"
#include "model/vocab.h"

struct eng_hparams { /* llama family */
    uint32_t n_layers, n_ctx_train, d_model, n_heads, n_heads_kv, d_head, d_ff, n_vocab;
    uint32_t n_rope;           /* rotated dimensions of a head, <= d_head, even */
    float rope_base;           /* theta */
    float rope_scale;          /* positions are divided by it (linear scaling); 1 = none */
    const float *rope_factors; /* [n_rope/2] frequency divisors (rope_freqs.weight), or NULL */
    float rms_eps;
};

struct eng_layer {
    const float *attn_norm, *ffn_norm;              /* [d_model] */
    struct eng_matrix attn_q, attn_k, attn_v;       /* [n_heads*d_head | n_heads_kv*d_head][d_model] */
    struct eng_matrix attn_output;                  /* [d_model][n_heads*d_head] */
    struct eng_matrix ffn_gate, ffn_up;             /* [d_ff][d_model] */
    struct eng_matrix ffn_down;                     /* [d_model][d_ff] */
    const float *bias_q, *bias_k, *bias_v, *bias_o; /* or NULL */
};

struct eng_model {
    struct eng_model_info info;
    struct eng_hparams hp;
    struct eng_vocab *vocab;
    struct eng_matrix token_embd; /* [n_vocab][d_model] */
    struct eng_matrix output;     /* [n_vocab][d_model]; a copy of token_embd, not owned, when info.tied_head */
    const float *output_norm;     /* [d_model] */
    struct eng_layer *layers;     /* [n_layers] */
    void *map;
    size_t map_bytes;        /* mmap of the file, or NULL */
    struct eng_arena *arena; /* loader's allocations (norms converted to f32, strings), owned */
};
/* RoPE layout: GGUF llama files store q/k rows for adjacent-pair ("normal") rotation: pairs (2i, 2i+1). llama2.c is the same. */

#endif
