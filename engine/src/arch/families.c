/*
 * families.c - families of transformers: one row of facts each, and the few rules that are no facts. Facts: llama.cpp's graphs of commit
 * 0c1e57098 (src/models/NAME.cpp, llama_model_rope_type() in llama-model.cpp), checked against the golden zoo (tests/test_zoo.c).
 */
#include <math.h>

#include "arch/load.h"

#define ALL_BIASES (ENG_BIAS_NORM | ENG_BIAS_QKV | ENG_BIAS_OUT | ENG_BIAS_FFN)

/* ---- RMS norm, gated feed-forward ---- */

const struct eng_arch eng_arch_llama = {
    .name = "llama", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .flags = ENG_MOE_NORMALISED, .keys = ENG_KEYS_EXPERTS,
    .ignored = ENG_KEYS_WINDOW, /* Mistral's files carry it; the reference computes full attention */
};

const struct eng_arch eng_arch_qwen2 = {
    .name = "qwen2", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .ignored = ENG_KEYS_WINDOW,
};

/* Without a key, an expert has its share of the width. */
static void split_width_among_experts(struct eng_load *l)
{
    struct eng_moe_hparams *moe = &l->m->hp.moe;
    if (moe->d_expert == 0 && moe->n_used > 0)
        moe->d_expert = l->m->hp.d_ff / moe->n_used;
}

const struct eng_arch eng_arch_qwen2moe = {
    .name = "qwen2moe", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_UNTIED, .keys = ENG_KEYS_EXPERTS, .ignored = ENG_KEYS_WINDOW, .read = split_width_among_experts,
};

const struct eng_arch eng_arch_qwen3 = {
    .name = "qwen3", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_QK_NORM,
};

const struct eng_arch eng_arch_qwen3moe = {
    .name = "qwen3moe", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_QK_NORM | ENG_MOE_NORMALISED, .keys = ENG_KEYS_EXPERTS, .read = split_width_among_experts,
};

static void no_rope_on_every_4th(struct eng_load *l, uint32_t i)
{
    if ((i + 1) % 4 == 0)
        l->m->layers[i].rope = -1;
}

const struct eng_arch eng_arch_smollm3 = {
    .name = "smollm3", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .layer = no_rope_on_every_4th,
};

const struct eng_arch eng_arch_olmo2 = {
    .name = "olmo2", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_NO_PRE_NORM | ENG_POST_NORM | ENG_QK_NORM | ENG_UNTIED | ENG_LOCAL_UNSCALED, .keys = ENG_KEYS_WINDOW, .window_period = 4,
};

const struct eng_arch eng_arch_olmoe = {
    .name = "olmoe", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_QK_NORM | ENG_UNTIED, .keys = ENG_KEYS_EXPERTS,
};

/* Logits are divided by the key's number. A file may say that its model was trained without RoPE. */
static void read_granite(struct eng_load *l)
{
    bool turned = true;
    struct eng_hparams *hp = &l->m->hp;
    if (l->rc == ENG_OK)
        hp->logit_scale = 1.0f / hp->logit_scale;
    if (eng_load_bool(l, "rope.scaling.finetuned", false, &turned) && !turned)
        hp->rope[0].kind = ENG_ROPE_NONE;
}

const struct eng_arch eng_arch_granite = {
    .name = "granite", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .keys = ENG_KEYS_SCALES | ENG_KEYS_LOGIT_SCALE, .read = read_granite,
};

const struct eng_arch eng_arch_granitemoe = {
    .name = "granitemoe", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .flags = ENG_MOE_NORMALISED, .keys = ENG_KEYS_SCALES | ENG_KEYS_LOGIT_SCALE | ENG_KEYS_EXPERTS, .read = read_granite,
};

const struct eng_arch eng_arch_openelm = {
    .name = "openelm", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_QK_NORM | ENG_TIED,
};

/* Windows are a matter of the 32B model only, which has 64 layers; there, layers that see everything are not turned. */
static void read_exaone4(struct eng_load *l)
{
    enum { LAYERS_OF_32B = 64 };
    if (l->m->hp.n_layers != LAYERS_OF_32B)
        l->m->hp.window = 0;
}

static void no_rope_without_window(struct eng_load *l, uint32_t i)
{
    if (l->m->hp.window > 0 && l->m->layers[i].attn.window == 0)
        l->m->layers[i].rope = -1;
}

const struct eng_arch eng_arch_exaone4 = {
    .name = "exaone4", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_NO_PRE_NORM | ENG_POST_NORM | ENG_QK_NORM, .keys = ENG_KEYS_WINDOW, .window = 4096, .window_period = 4,
    .read = read_exaone4, .layer = no_rope_without_window,
};

static void refuse_rope_sections(struct eng_load *l)
{
    if (eng_gguf_find_kv(l->g, "glm4.rope.dimension_sections"))
        eng_load_fail(l, ENG_ENOTSUP, "key 'glm4.rope.dimension_sections': RoPE of several dimensions is not supported");
}

const struct eng_arch eng_arch_glm4 = {
    .name = "glm4", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .flags = ENG_POST_NORM | ENG_FUSED_GATE_UP, .read = refuse_rope_sections,
};

const struct eng_arch eng_arch_phi3 = {
    .name = "phi3", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_FUSED_GATE_UP, .ignored = ENG_KEYS_WINDOW, /* the reference does not trust the files' windows */
};

const struct eng_arch eng_arch_phimoe = {
    .name = "phimoe", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_BIAS_NORM | ENG_BIAS_OUT | ENG_BIAS_HEAD | ENG_UNTIED | ENG_MOE_NORMALISED, .keys = ENG_KEYS_EXPERTS,
    .ignored = ENG_KEYS_WINDOW,
};

const struct eng_arch eng_arch_deepseek2 = {
    .name = "deepseek2", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .keys = ENG_KEYS_EXPERTS | ENG_KEYS_MLA, .read = eng_mla_read, .layer = eng_mla_layer,
};

/* ---- Gemma: GELU, embeddings times sqrt(d); the 27B models scale scores by d_model / n_heads, not by the head size ---- */

static void scale_by_width(struct eng_load *l, uint32_t layers_of_27b)
{
    struct eng_hparams *hp = &l->m->hp;
    if (l->rc == ENG_OK && hp->n_layers == layers_of_27b && hp->n_heads > 0)
        hp->attn_scale = 1.0f / sqrtf((float)(hp->d_model / hp->n_heads));
}

const struct eng_arch eng_arch_gemma = {
    .name = "gemma", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_GELU,
    .flags = ENG_EMBD_SQRT | ENG_TIED,
};

static void read_gemma2(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    scale_by_width(l, 46);
    if (!eng_gguf_find_kv(l->g, "gemma2.attn_logit_softcapping")) /* the first files do not say */
        hp->attn_softcap = 50;
    if (!eng_gguf_find_kv(l->g, "gemma2.final_logit_softcapping"))
        hp->logit_softcap = 30;
}

const struct eng_arch eng_arch_gemma2 = {
    .name = "gemma2", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_GELU,
    .flags = ENG_EMBD_SQRT | ENG_TIED | ENG_POST_NORM, .keys = ENG_KEYS_WINDOW | ENG_KEYS_SOFTCAP, .window = 4096, .window_period = 2,
    .read = read_gemma2,
};

static void read_gemma3(struct eng_load *l)
{
    scale_by_width(l, 62);
    l->m->hp.attn_softcap = 0; /* only the logits are capped in this family */
}

const struct eng_arch eng_arch_gemma3 = {
    .name = "gemma3", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_GELU,
    .flags = ENG_EMBD_SQRT | ENG_POST_NORM | ENG_QK_NORM | ENG_LOCAL_UNSCALED, .keys = ENG_KEYS_WINDOW | ENG_KEYS_SOFTCAP,
    .window_period = 6, .rope_base_local = 10000, .read = read_gemma3,
};

/* ---- layer norm ---- */

const struct eng_arch eng_arch_phi2 = {
    .name = "phi2", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_HALVES, .activation = ENG_GELU,
    .flags = ALL_BIASES | ENG_BIAS_HEAD | ENG_UNTIED | ENG_PLAIN_FFN | ENG_PARALLEL | ENG_NO_FFN_NORM,
};

const struct eng_arch eng_arch_gptneox = {
    .name = "gptneox", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_HALVES, .activation = ENG_GELU,
    .flags = ALL_BIASES | ENG_UNTIED | ENG_PLAIN_FFN, .keys = ENG_KEYS_PARALLEL,
};

const struct eng_arch eng_arch_gpt2 = {
    .name = "gpt2", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_NONE, .activation = ENG_GELU,
    .flags = ALL_BIASES | ENG_PLAIN_FFN | ENG_POSITIONS,
};

const struct eng_arch eng_arch_stablelm = {
    .name = "stablelm", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU,
    .flags = ENG_BIAS_NORM | ENG_UNTIED | ENG_QK_NORM_MAYBE | ENG_FFN_NORM_MAYBE, .ignored = ENG_KEYS_PARALLEL, /* the tensors say it */
};

const struct eng_arch eng_arch_olmo = {
    .name = "olmo", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .flags = ENG_NORM_PLAIN, .keys = ENG_KEYS_CLAMP,
};

const struct eng_arch eng_arch_nemotron = {
    .name = "nemotron", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_HALVES, .activation = ENG_RELU2,
    .flags = ENG_BIAS_NORM | ENG_UNTIED | ENG_PLAIN_FFN,
};

const struct eng_arch eng_arch_starcoder2 = {
    .name = "starcoder2", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_HALVES, .activation = ENG_GELU,
    .flags = ALL_BIASES | ENG_PLAIN_FFN,
};

const struct eng_arch eng_arch_falcon = {
    .name = "falcon", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_HALVES, .activation = ENG_GELU,
    .flags = ENG_BIAS_NORM | ENG_PLAIN_FFN | ENG_PARALLEL | ENG_NO_FFN_NORM | ENG_ATTN_NORM_2,
};

const struct eng_arch eng_arch_mpt = {
    .name = "mpt", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_NONE, .activation = ENG_GELU,
    .flags = ENG_PLAIN_FFN | ENG_QK_NORM_MAYBE, .keys = ENG_KEYS_CLAMP | ENG_KEYS_ALIBI,
};

const struct eng_arch eng_arch_bloom = {
    .name = "bloom", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_NONE, .activation = ENG_GELU,
    .flags = ALL_BIASES | ENG_PLAIN_FFN | ENG_EMBD_NORM, .alibi_max = 8,
};

const struct eng_arch eng_arch_command_r = {
    .name = "command-r", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .flags = ENG_PARALLEL | ENG_NO_FFN_NORM | ENG_QK_NORM_MAYBE | ENG_TIED, .keys = ENG_KEYS_LOGIT_SCALE,
};

const struct eng_arch eng_arch_cohere2 = {
    .name = "cohere2", .norm = ENG_NORM_LAYER, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .flags = ENG_PARALLEL | ENG_NO_FFN_NORM | ENG_TIED, .keys = ENG_KEYS_LOGIT_SCALE | ENG_KEYS_WINDOW, .window_period = 4,
    .layer = no_rope_without_window,
};
