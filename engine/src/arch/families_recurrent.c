/* families_recurrent.c - families with recurrent layers. Facts: the papers named at their blocks, llama.cpp's graph of each model (models/
 * of commit 0c1e57098); checked against the golden zoo (tests/test_zoo.c). */
#include "arch/recurrent.h"

enum { MAX_SHORT_TAPS = ENG_RECUR_MAX_TAPS, MAX_LAYERS = 1 << 16 };

/* ---- Mamba, Mamba-2 ---- */

static void read_mamba(struct eng_load *l)
{
    eng_read_ssm(l, false);
}

static void read_mamba2(struct eng_load *l)
{
    eng_read_ssm(l, true);
}

static void mamba_layer(struct eng_load *l, uint32_t i)
{
    l->m->layers[i].mixer = &eng_mix_mamba;
    l->m->layers[i].channel = NULL;
}

static void mamba2_layer(struct eng_load *l, uint32_t i)
{
    l->m->layers[i].mixer = &eng_mix_mamba2;
    l->m->layers[i].channel = NULL;
}

const struct eng_arch eng_arch_mamba = {.name = "mamba", .norm = ENG_NORM_RMS, .read = read_mamba, .layer = mamba_layer};
const struct eng_arch eng_arch_mamba2 = {.name = "mamba2", .norm = ENG_NORM_RMS, .read = read_mamba2, .layer = mamba2_layer};

/* ---- hybrids: a layer of 0 key-value heads is recurrent ---- */

static bool has_attention(const struct eng_load *l, uint32_t i)
{
    return l->m->layers[i].attn.n_heads > 0;
}

static void read_lfm2(struct eng_load *l)
{
    eng_load_u32(l, "shortconv.l_cache", true, 2, MAX_SHORT_TAPS, &l->m->hp.shortconv_taps);
}

static void lfm2_layer(struct eng_load *l, uint32_t i)
{
    if (!has_attention(l, i))
        l->m->layers[i].mixer = &eng_mix_shortconv;
}

const struct eng_arch eng_arch_lfm2 = {
    .name = "lfm2", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU, .flags = ENG_QK_NORM, .keys = ENG_KEYS_WINDOW,
    .head_norm = "token_embd_norm", /* so the files call it */
    .read = read_lfm2, .layer = lfm2_layer,
};

static void jamba_layer(struct eng_load *l, uint32_t i)
{
    if (!has_attention(l, i))
        l->m->layers[i].mixer = &eng_mix_mamba;
}

const struct eng_arch eng_arch_jamba = {
    .name = "jamba", .norm = ENG_NORM_RMS, .activation = ENG_SILU, .keys = ENG_KEYS_EXPERTS, .read = read_mamba, .layer = jamba_layer,
};

/* IBM Granite 4: scales as in Granite (0 = none), Mamba-2 layers, RoPE only where the file asks for it. */
static void read_granitehybrid(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    bool turned = true;
    eng_read_ssm(l, true);
    eng_load_bool(l, "rope.scaling.finetuned", false, &turned);
    if (!turned)
        hp->rope[0].kind = ENG_ROPE_NONE;
    hp->embd_scale = hp->embd_scale > 0 ? hp->embd_scale : 1;
    hp->residual_scale = hp->residual_scale > 0 ? hp->residual_scale : 1;
    hp->logit_scale = hp->logit_scale > 0 ? 1 / hp->logit_scale : 1;
}

static void granitehybrid_layer(struct eng_load *l, uint32_t i)
{
    if (!has_attention(l, i))
        l->m->layers[i].mixer = &eng_mix_mamba2;
}

const struct eng_arch eng_arch_granitehybrid = {
    .name = "granitehybrid", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .flags = ENG_MOE_NORMALISED, .keys = ENG_KEYS_SCALES | ENG_KEYS_LOGIT_SCALE | ENG_KEYS_EXPERTS, .read = read_granitehybrid, .layer = granitehybrid_layer,
};

/* Every layer has both; the second norm's name lacks ".weight" in the files. */
static void falcon_h1_layer(struct eng_load *l, uint32_t i)
{
    struct eng_layer *layer = &l->m->layers[i];
    const uint32_t d = l->m->hp.d_model;
    layer->mixer = &eng_mix_parallel2;
    const float *w = eng_load_vector(l, i, eng_load_has(l, i, "ffn_norm") ? "ffn_norm" : "ffn_norm.weight", ENG_REQUIRED, d);
    layer->ffn_norm = (struct eng_norm){.kind = ENG_NORM_RMS, .eps = l->m->hp.norm_eps, .n = d, .n_weights = d, .w = w};
}

const struct eng_arch eng_arch_falcon_h1 = {
    .name = "falcon-h1", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_HALVES, .activation = ENG_SILU, .flags = ENG_NO_FFN_NORM,
    .read = read_mamba2, .layer = falcon_h1_layer,
};

/* ---- RWKV ---- */

static void rwkv_layer(struct eng_load *l, uint32_t i, const struct eng_block_ops *mixer, const struct eng_block_ops *channel)
{
    struct eng_layer *layer = &l->m->layers[i];
    layer->mixer = mixer;
    layer->channel = channel;
    eng_load_norm(l, i, "attn_norm_2", ENG_REQUIRED, l->m->hp.d_model, &layer->ffn_norm);
}

/* Files for half-precision programs halve the residual stream every few layers; their later output matrices are halved to match. */
static void rwkv6_layer(struct eng_load *l, uint32_t i)
{
    uint32_t every = 0;
    rwkv_layer(l, i, &eng_mix_rwkv6, &eng_chan_rwkv6);
    eng_load_u32(l, "rescale_every_n_layers", false, 0, MAX_LAYERS, &every);
    if (every > 0 && (i + 1) % every == 0)
        l->m->layers[i].out_scale = 0.5f;
}

static void read_rwkv7(struct eng_load *l)
{
    eng_read_wkv(l);
    l->m->hp.carry_floats = l->m->hp.d_model;
}

static void rwkv7_layer(struct eng_load *l, uint32_t i)
{
    rwkv_layer(l, i, &eng_mix_rwkv7, &eng_chan_rwkv7);
}

#define RWKV_FLAGS (ENG_BIAS_NORM | ENG_EMBD_NORM | ENG_NO_FFN_NORM | ENG_UNTIED)

const struct eng_arch eng_arch_rwkv6 = {
    .name = "rwkv6", .norm = ENG_NORM_LAYER, .flags = RWKV_FLAGS, .read = eng_read_wkv, .layer = rwkv6_layer,
};
const struct eng_arch eng_arch_rwkv7 = {
    .name = "rwkv7", .norm = ENG_NORM_LAYER, .flags = RWKV_FLAGS, .read = read_rwkv7, .layer = rwkv7_layer,
};
