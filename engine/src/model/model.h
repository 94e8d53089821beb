/**
 * model.h (engine, internal) - an opened model: mapped file, hyperparameters, vocabulary, weights as matrices.
 * Filled by open_gguf.c (through arch/) or open_llama2c.c; read by run/ and arch/. Nothing here changes after open.
 */
#ifndef ENG_MODEL_MODEL_H
#define ENG_MODEL_MODEL_H

#include "base/error.h"
#include "kernels/matmul.h"
#include "model/vocab.h"
#include "run/attn_spec.h"

struct eng_arch;      /* arch/arch.h: what is known of a family */
struct eng_block_ops; /* arch/arch.h: a mixer (attention, ...) or a channel block (feed-forward, ...) */

enum eng_norm_kind {
    ENG_NORM_NONE,
    ENG_NORM_RMS,  /* w x / sqrt(mean(x^2) + eps) + b (Zhang, Sennrich 2019) */
    ENG_NORM_LAYER /* w (x - mean) / sqrt(variance + eps) + b (Ba et al. 2016) */
};

struct eng_norm {
    enum eng_norm_kind kind;
    float eps;
    uint32_t n;         /* elements that are normalised together; a row may hold several such groups (heads) */
    uint32_t n_weights; /* of w and b: group g of a row takes them from (g n) mod n_weights on */
    const float *w, *b; /* NULL: 1, 0 */
};

enum eng_activation {
    ENG_SILU, /* x / (1 + e^-x) */
    ENG_GELU, /* x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks, Gimpel 2016) */
    ENG_RELU2 /* max(x, 0)^2 (So et al. 2021) */
};

enum eng_rope_kind {
    ENG_ROPE_NONE,
    ENG_ROPE_PAIRS, /* dimensions 2i and 2i + 1 turn together: how GGUF stores q and k of the llama family */
    ENG_ROPE_HALVES /* i and i + n_rot / 2: GPT-NeoX and most others */
};

struct eng_rope { /* run/rope.h has the formulas */
    enum eng_rope_kind kind;
    uint32_t n_rot;             /* rotated dimensions of a head, even */
    float base;                 /* theta */
    float scale;                /* positions are divided by it (linear, YaRN); 1 = none */
    bool yarn;                  /* keep the fast pairs as trained, between beta_fast and beta_slow turns in n_ctx_orig tokens */
    float beta_fast, beta_slow;
    float magnitude;            /* of the rotated vectors; 1 = none */
    uint32_t n_ctx_orig;        /* context of the training: longer sessions take the long factors */
    const float *factors;       /* [n_rot / 2] frequency divisors, or NULL */
    const float *factors_long;  /* [n_rot / 2] or NULL: as factors */
};

#define ENG_ROPES 2 /* tables of angles that a model can have: of full layers, of layers with a window */

struct eng_hparams {
    uint32_t n_layers, n_ctx_train, d_model, n_vocab;
    uint32_t n_heads, n_heads_kv, d_ff; /* of the widest layer: a layer's own are in eng_layer.attn and .d_ff */
    uint32_t d_head, d_value;           /* head sizes of keys and of values */
    uint32_t n_positions;               /* rows of position_embd; 0: no learned positions, no limit */
    enum eng_norm_kind norm;
    float norm_eps;
    enum eng_activation activation;
    struct eng_rope rope[ENG_ROPES];
    float embd_scale, residual_scale, logit_scale; /* factors; 1 = none */
    float logit_softcap;                           /* logit = cap tanh(logit / cap); 0 = none */
    float clamp_qkv;                               /* q, k, v are cut at +-this; 0 = none */
    float attn_scale, attn_softcap, alibi_max;     /* defaults of eng_attn_spec; attn_scale 0 = 1 / sqrt(d_head) */
    uint32_t window, window_period;                /* the last layer of each period sees everything; window 0 = all layers do */
    bool parallel;                                 /* use_parallel_residual */
    struct eng_moe_hparams {
        uint32_t n_experts, n_used, d_expert;      /* d_expert: width of one */
        uint32_t d_shared;                         /* width of the shared expert; 0: none */
        uint32_t n_shared;                         /* or so many of d_expert */
        uint32_t n_dense_lead;                     /* first layers without experts */
        uint32_t gating;                           /* GGUF's numbers: 0 not said, 1 softmax, 2 sigmoid */
        bool normalise;                            /* weights of the chosen ones sum to 1 */
        float scale;                               /* of the weights */
        uint32_t n_groups, n_groups_used;
    } moe;
    struct eng_mla_hparams {
        uint32_t q_rank, kv_rank;                  /* q_rank 0: q is one matrix */
        uint32_t d_key, d_value;                   /* head sizes after expansion; 0: the file has unsplit kv_b */
        float yarn_log_mul;
    } mla;
    struct eng_ssm_hparams {                       /* state-space layers; all 0: none */
        uint32_t taps, d_inner, d_state;           /* of the convolution; channels; states of a channel */
        uint32_t n_dt;                             /* Mamba: rank of the steps; Mamba-2: heads */
        uint32_t n_groups;                         /* of heads that share B and C */
        bool norm_dt_b_c;                          /* RMS norms without weights on dt, B and C (Falcon-Mamba) */
    } ssm;
    uint32_t shortconv_taps;                       /* LFM2 */
    uint32_t wkv_head;                             /* head size of RWKV */
    uint32_t carry_floats;                         /* of a row that layers of a pass hand on beside x (RWKV-7's first values) */
};

struct eng_experts { /* one matrix per expert, in a row */
    struct eng_matrix *w; /* [n_experts] */
};

struct eng_layer {
    const struct eng_block_ops *mixer;   /* between tokens: attention, ... */
    const struct eng_block_ops *channel; /* within a token: feed-forward, ...; NULL: none */
    bool parallel;                       /* both read the layer's input; else the channel block reads the mixer's sum */
    float out_scale;                     /* the residual stream leaves the layer times this; 0 = 1 */
    int rope;                            /* index in eng_hparams.rope; -1: q and k are not turned */
    struct eng_attn_spec attn;
    uint32_t d_ff;
    struct eng_norm attn_norm, ffn_norm;           /* before mixer and channel block; kind NONE: none. Parallel without ffn_norm: shared */
    struct eng_norm attn_post_norm, ffn_post_norm; /* after them, before the residual sum */

    struct eng_matrix attn_q, attn_k, attn_v;      /* [n_heads d_k | n_heads_kv d_k | n_heads_kv d_v][d_model]; views of one tensor if fused */
    struct eng_matrix attn_output;                 /* [d_model][n_heads d_v] */
    const float *bias_q, *bias_k, *bias_v, *bias_o;/* or NULL */
    struct eng_norm q_norm, k_norm;                /* over heads or whole rows */
    struct eng_matrix ffn_gate, ffn_up;            /* [d_ff][d_model]; ffn_gate.n_rows 0: not gated */
    struct eng_matrix ffn_down;                    /* [d_model][d_ff] */
    const float *bias_gate, *bias_up, *bias_down;
    void *mix, *chan;                              /* further weights of the blocks, in the model's arena */
};

struct eng_named_matrix { /* rows of the same name, one after the other, are views of one tensor */
    const char *name;     /* as in GGUF: "blk.3.ffn_down.weight" */
    struct eng_matrix *w;
    bool multiplied;      /* used in products: packed. Else only rows are looked up */
    enum eng_type stored_type; /* as in the file */
    uint64_t stored_bytes;
};

struct eng_model {
    bool vocab_only; /* nothing but info and vocab is there */
    struct eng_model_info info;
    const struct eng_arch *arch;
    struct eng_hparams hp;
    struct eng_vocab *vocab;
    struct eng_arena *vocab_arena; /* NULL: the vocabulary is in arena */
    struct eng_matrix token_embd;    /* [n_vocab][d_model] */
    struct eng_matrix position_embd; /* [n_positions][d_model] or none */
    struct eng_norm embd_norm, output_norm;
    struct eng_matrix output;        /* [n_vocab][d_model]; a copy of token_embd, not owned, when info.tied_head */
    const float *bias_output;        /* [n_vocab] or NULL */
    struct eng_layer *layers;        /* [n_layers] */
    struct eng_named_matrix *matrices; /* [n_matrices] all of them, in the order of execution: embedding, layers, untied head */
    uint32_t n_matrices, cap_matrices;
    void *map;
    size_t map_bytes;        /* mmap of the file, or NULL */
    struct eng_arena *arena; /* loader's allocations (norms converted to f32, strings), owned */
};

/** eng_model_add_matrix() - list @w under @name, which stays the caller's or the arena's. ENG_ENOMEM. */
int eng_model_add_matrix(struct eng_model *model, const char *name, struct eng_matrix *w, struct eng_error *err) ENG_MUST_CHECK;

struct eng_weights_need; /* weights.h */

/** eng_model_measure() - eng_model_open() without the weights: hyperparameters, vocabulary and sizes, no weight is read. For
 *  eng_session_measure() and eng_model_close(); it opens no session. */
int eng_model_measure(struct eng_model **out, const char *path, const struct eng_model_params *params, struct eng_weights_need *need,
                      struct eng_error *err) ENG_MUST_CHECK;

/** eng_model_own_bytes() - what a model holds beside its matrices: the file's header as it was read, vocabulary, norms, names. As
 *  eng_model_measure() leaves it: after opening, matrices without a copy of the file's bytes are not found. */
uint64_t eng_model_own_bytes(const struct eng_model *model);

/** eng_model_recurrent() - some layer keeps a state that cannot be rewound (arch/arch.h: state_bytes). */
bool eng_model_recurrent(const struct eng_model *model);

#endif
