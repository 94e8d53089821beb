/**
 * arch.h - a family of models: a row of facts that loader and forward pass read, and the blocks that a layer is made of.
 * README.md of this folder shows how to add a family. One row of archs.def each; rows without code of their own stand in families.c.
 *
 * A layer, written out (x: residual stream; a norm that is absent is the identity):
 *     sequential:  x += r post1(mixer(norm1(x)));  x += r post2(channel(norm2(x)))
 *     parallel:    x += mixer(norm1(x)) + channel(norm2(x)), norm2 = norm1 when the file has only one
 */
#ifndef ENG_ARCH_ARCH_H
#define ENG_ARCH_ARCH_H

#include "model/model.h"
#include "run/batch.h"

struct eng_load;    /* arch/load.h */
struct eng_session; /* run/session.h */

struct eng_scratch { /* memory for the rows of a pass, handed out from the front; copied freely, so that a caller's copy is the way back */
    float *at;
    uint32_t n;      /* rows */
};

/** eng_scratch_rows() - [n][floats]; 64-byte aligned. A block may take what its scratch_floats() promised, in at most 32 pieces. */
static inline float *eng_scratch_rows(struct eng_scratch *scratch, size_t floats)
{
    float *p = scratch->at;
    scratch->at += (scratch->n * floats + 15) / 16 * 16;
    return p;
}

/**
 * A block of a layer: mixer or channel block. The weights are in the layer (eng_layer) or behind its mix / chan pointer.
 * Rows of one sequence are contiguous and in order (run/batch.h). Results of a row may not depend on other sequences, on the number of
 * rows, or on threads: batches of up to 16 have the bits of single tokens.
 */
struct eng_block_ops {
    const char *name;
    /** Read the tensors of layer @i_layer: l->m->layers[i_layer]. Errors stick in @l. */
    void (*load)(struct eng_load *l, uint32_t i_layer);
    /** Floats per row of the batch that run() takes from its scratch. NULL: none. */
    size_t (*scratch_floats)(const struct eng_session *s, const struct eng_layer *layer);
    /** Bytes of state that a sequence keeps in this layer, multiple of 64; zeroed for a new sequence. NULL or 0: none, and then the
     *  session can be rewound to any token. */
    size_t (*state_bytes)(const struct eng_model *m, const struct eng_layer *layer);
    /** out[n][d_model] from in[n][d_model]; they do not overlap. */
    void (*run)(struct eng_session *s, uint32_t i_layer, const struct eng_batch *batch, struct eng_scratch scratch, const float *in,
                float *out);
};

/** eng_layer_defaults() - attention and feed-forward as hp says; heads and d_ff are there already. @windowed: of a model with windows. */
void eng_layer_defaults(const struct eng_hparams *hp, struct eng_layer *layer, bool windowed);

extern const struct eng_block_ops eng_mix_attention; /* layer.attn, attn_q/k/v/output */
extern const struct eng_block_ops eng_mix_mla;       /* multi-head latent attention */
extern const struct eng_block_ops eng_chan_ffn;      /* layer.ffn_gate/up/down, hp.activation */
extern const struct eng_block_ops eng_chan_moe;      /* mixture of experts, shared experts */

/* Keys that change what is computed: read where the family has them, refused elsewhere (keys.c). */
enum eng_key_group {
    ENG_KEYS_WINDOW = 1 << 0,     /* attention.sliding_window */
    ENG_KEYS_SOFTCAP = 1 << 1,    /* attn_logit_softcapping, final_logit_softcapping */
    ENG_KEYS_SCALES = 1 << 2,     /* residual_scale, embedding_scale, attention.scale */
    ENG_KEYS_LOGIT_SCALE = 1 << 3,
    ENG_KEYS_CLAMP = 1 << 4,      /* attention.clamp_kqv */
    ENG_KEYS_ALIBI = 1 << 5,      /* attention.max_alibi_bias */
    ENG_KEYS_EXPERTS = 1 << 6,    /* expert_count, expert_used_count, ... */
    ENG_KEYS_MLA = 1 << 7,        /* attention.q_lora_rank, ... */
    ENG_KEYS_PARALLEL = 1 << 8    /* use_parallel_residual */
};

/* What the row says about tensors. */
enum eng_arch_flags {
    ENG_BIAS_NORM = 1 << 0,      /* biases that are required; without these flags one is added where the file has it */
    ENG_BIAS_QKV = 1 << 1,
    ENG_BIAS_OUT = 1 << 2,
    ENG_BIAS_FFN = 1 << 3,
    ENG_BIAS_HEAD = 1 << 4,
    ENG_NORM_PLAIN = 1 << 5,     /* norms without weights (OLMo) */
    ENG_NO_PRE_NORM = 1 << 6,    /* blocks read the residual stream as it is (OLMo 2, EXAONE 4) */
    ENG_POST_NORM = 1 << 7,      /* post_attention_norm and post_ffw_norm */
    ENG_PLAIN_FFN = 1 << 8,      /* down(act(up(x))), no gate */
    ENG_FUSED_GATE_UP = 1 << 9,  /* ffn_up holds the gate's rows, then its own */
    ENG_PARALLEL = 1 << 10,      /* attention and feed-forward side by side */
    ENG_QK_NORM = 1 << 11,       /* attn_q_norm and attn_k_norm, required */
    ENG_QK_NORM_MAYBE = 1 << 18, /* some models of the family have them */
    ENG_EMBD_NORM = 1 << 12,     /* token_embd_norm */
    ENG_EMBD_SQRT = 1 << 13,     /* embeddings times sqrt(d_model) */
    ENG_POSITIONS = 1 << 14,     /* position_embd */
    ENG_NO_FFN_NORM = 1 << 15,   /* one norm for both blocks */
    ENG_ATTN_NORM_2 = 1 << 22,   /* a layer with attn_norm_2 has it for attention, and attn_norm for its feed-forward block (Falcon 40B) */
    ENG_FFN_NORM_MAYBE = 1 << 19,/* a layer without ffn_norm has its blocks side by side, with one norm (StableLM 2) */
    ENG_UNTIED = 1 << 16,        /* output.weight is required */
    ENG_TIED = 1 << 17,          /* output.weight is not a part */
    ENG_LOCAL_UNSCALED = 1 << 20,/* RoPE of layers with a window is not stretched: no scaling, no factors */
    ENG_MOE_NORMALISED = 1 << 21 /* weights of the chosen experts sum to 1, where no key says otherwise */
};

struct eng_arch {
    const char *name;                   /* general.architecture, and the prefix of its keys */
    enum eng_norm_kind norm;            /* ENG_NORM_RMS: attention.layer_norm_rms_epsilon; LAYER: attention.layer_norm_epsilon */
    enum eng_rope_kind rope;
    enum eng_activation activation;
    unsigned flags;                     /* enum eng_arch_flags */
    unsigned keys, ignored;             /* enum eng_key_group: read; allowed in the file but without effect, as in the reference */
    uint32_t window, window_period;     /* defaults; 0 = no windows, all layers */
    float rope_base_local;              /* default base of layers with a window; 0: as of the others */
    float alibi_max;                    /* default */
    const char *head_norm;              /* NULL: "output_norm" */
    /** After the common keys: further keys, defaults, checks. May be NULL. */
    void (*read)(struct eng_load *l);
    /** Before the tensors of a layer: change its spec, rope, mixer, channel. May be NULL. */
    void (*layer)(struct eng_load *l, uint32_t i_layer);
};

#define ARCH(id) extern const struct eng_arch eng_arch_##id;
#include "arch/archs.def"
#undef ARCH

/** eng_arch_find() - NULL when the name is unknown. */
const struct eng_arch *eng_arch_find(const char *name);
/** eng_arch_names() - "llama, qwen2, ..." into buf[cap], whole names only; returns buf. */
char *eng_arch_names(char *buf, size_t cap);

#endif
