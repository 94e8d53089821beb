/* keys.c - hyperparameters: one row per key, with its range and who has it. Names: ggml's docs/gguf.md, llama.cpp's llama-arch.cpp. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "arch/load.h"

enum {
    MAX_WIDTH = 1 << 24, MAX_HEADS = 1 << 16, MAX_HEAD_SIZE = 4096, MAX_EXPERTS = 1 << 12, MAX_RANK = 1 << 16, MAX_LAYERS = 1 << 12,
    MIN_TENSORS_PER_LAYER = 3
};

/* ---- one key ---- */

#define KEY_BYTES 128

static const char *full_key(const struct eng_load *l, char out[KEY_BYTES], const char *key)
{
    snprintf(out, KEY_BYTES, "%s.%s", l->arch->name, key);
    return out;
}

static const struct eng_gguf_kv *find(struct eng_load *l, const char *full, bool required)
{
    const struct eng_gguf_kv *kv = l->rc == ENG_OK ? eng_gguf_find_kv(l->g, full) : NULL;
    if (!kv && required)
        eng_load_fail(l, ENG_EFORMAT, "key '%s' is missing", full);
    return kv;
}

static void check_u32(struct eng_load *l, const char *full, uint32_t min, uint32_t max, uint32_t value)
{
    if (value < min || value > max)
        eng_load_fail(l, ENG_EFORMAT, "key '%s' is %" PRIu32 ", out of range (%" PRIu32 " to %" PRIu32 ")", full, value, min, max);
}

bool eng_load_u32(struct eng_load *l, const char *key, bool required, uint32_t min, uint32_t max, uint32_t *value)
{
    char full[KEY_BYTES];
    uint32_t got = 0;
    if (!find(l, full_key(l, full, key), required))
        return false;
    l->rc = eng_gguf_get_u32(l->g, full, true, &got, l->err);
    check_u32(l, full, min, max, got);
    if (l->rc == ENG_OK)
        *value = got;
    return l->rc == ENG_OK;
}

bool eng_load_f32(struct eng_load *l, const char *key, bool required, double min, double max, float *value)
{
    char full[KEY_BYTES];
    float got = 0;
    if (!find(l, full_key(l, full, key), required))
        return false;
    l->rc = eng_gguf_get_f32(l->g, full, true, &got, l->err);
    if (!((double)got >= min && (double)got <= max)) /* so that a NaN is out of range */
        eng_load_fail(l, ENG_EFORMAT, "key '%s' is %g, out of range (%g to %g)", full, (double)got, min, max);
    if (l->rc == ENG_OK)
        *value = got;
    return l->rc == ENG_OK;
}

bool eng_load_bool(struct eng_load *l, const char *key, bool required, bool *value)
{
    char full[KEY_BYTES];
    if (!find(l, full_key(l, full, key), required))
        return false;
    l->rc = eng_gguf_get_bool(l->g, full, true, value, l->err);
    return l->rc == ENG_OK;
}

bool eng_load_u32_per_layer(struct eng_load *l, const char *key, bool required, uint32_t min, uint32_t max, uint32_t *values)
{
    char full[KEY_BYTES];
    const uint32_t n = l->m->hp.n_layers;
    const struct eng_gguf_kv *kv = find(l, full_key(l, full, key), required);
    if (!kv)
        return false;
    if (kv->type != ENG_GGUF_ARRAY) {
        uint32_t one = 0;
        eng_load_u32(l, key, required, min, max, &one);
        for (uint32_t i = 0; i < n; i++)
            values[i] = one;
        return l->rc == ENG_OK;
    }
    if ((kv->elem_type != ENG_GGUF_I32 && kv->elem_type != ENG_GGUF_U32) || kv->n < n) {
        eng_load_fail(l, ENG_EFORMAT, "key '%s' is no array of one 32-bit integer for each of %" PRIu32 " layers", full, n);
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&values[i], kv->data + 4 * (size_t)i, sizeof values[i]);
        check_u32(l, full, min, max, values[i]); /* a negative number is a huge one */
    }
    return l->rc == ENG_OK;
}

/* ---- keys of some families ---- */

#define HP(member) (uint16_t)offsetof(struct eng_hparams, member)
#define BIG 1e6

static const struct key {
    const char *name;
    unsigned group;     /* enum eng_key_group */
    enum { U32, F32, BOOL } kind;
    uint16_t offset;    /* in eng_hparams */
    double min, max;
} keys[] = {
    {"attention.sliding_window", ENG_KEYS_WINDOW, U32, HP(window), 0, INT32_MAX},
    {"attn_logit_softcapping", ENG_KEYS_SOFTCAP, F32, HP(attn_softcap), 0, BIG},
    {"final_logit_softcapping", ENG_KEYS_SOFTCAP, F32, HP(logit_softcap), 0, BIG},
    {"residual_scale", ENG_KEYS_SCALES, F32, HP(residual_scale), 0, BIG},
    {"embedding_scale", ENG_KEYS_SCALES, F32, HP(embd_scale), 0, BIG},
    {"attention.scale", ENG_KEYS_SCALES, F32, HP(attn_scale), 0, BIG},
    {"logit_scale", ENG_KEYS_LOGIT_SCALE, F32, HP(logit_scale), 0, BIG},
    {"attention.clamp_kqv", ENG_KEYS_CLAMP, F32, HP(clamp_qkv), 0, BIG},
    {"attention.max_alibi_bias", ENG_KEYS_ALIBI, F32, HP(alibi_max), 0, 256},
    {"use_parallel_residual", ENG_KEYS_PARALLEL, BOOL, HP(parallel), 0, 1},
    {"expert_count", ENG_KEYS_EXPERTS, U32, HP(moe.n_experts), 0, MAX_EXPERTS},
    {"expert_used_count", ENG_KEYS_EXPERTS, U32, HP(moe.n_used), 0, MAX_EXPERTS},
    {"expert_feed_forward_length", ENG_KEYS_EXPERTS, U32, HP(moe.d_expert), 0, MAX_WIDTH},
    {"expert_shared_feed_forward_length", ENG_KEYS_EXPERTS, U32, HP(moe.d_shared), 0, MAX_WIDTH},
    {"expert_shared_count", ENG_KEYS_EXPERTS, U32, HP(moe.n_shared), 0, MAX_EXPERTS},
    {"leading_dense_block_count", ENG_KEYS_EXPERTS, U32, HP(moe.n_dense_lead), 0, MAX_WIDTH},
    {"expert_gating_func", ENG_KEYS_EXPERTS, U32, HP(moe.gating), 0, 2},
    {"expert_weights_norm", ENG_KEYS_EXPERTS, BOOL, HP(moe.normalise), 0, 1},
    {"expert_weights_scale", ENG_KEYS_EXPERTS, F32, HP(moe.scale), 0, BIG},
    {"expert_group_count", ENG_KEYS_EXPERTS, U32, HP(moe.n_groups), 0, MAX_EXPERTS},
    {"expert_group_used_count", ENG_KEYS_EXPERTS, U32, HP(moe.n_groups_used), 0, MAX_EXPERTS},
    {"attention.q_lora_rank", ENG_KEYS_MLA, U32, HP(mla.q_rank), 0, MAX_RANK},
    {"attention.kv_lora_rank", ENG_KEYS_MLA, U32, HP(mla.kv_rank), 1, MAX_RANK},
    {"attention.key_length_mla", ENG_KEYS_MLA, U32, HP(mla.d_key), 0, MAX_HEAD_SIZE},
    {"attention.value_length_mla", ENG_KEYS_MLA, U32, HP(mla.d_value), 0, MAX_HEAD_SIZE},
    {"rope.scaling.yarn_log_multiplier", ENG_KEYS_MLA, F32, HP(mla.yarn_log_mul), 0, BIG},
};

/* Ignoring what other programs of this architecture do would give wrong results. Zero and false mean: not used. */
static void refuse(struct eng_load *l, const struct key *key)
{
    uint32_t u = 0;
    float f = 0;
    bool b = false;
    if (key->kind == U32)
        eng_load_u32(l, key->name, false, 0, UINT32_MAX, &u);
    else if (key->kind == F32)
        eng_load_f32(l, key->name, false, -HUGE_VAL, HUGE_VAL, &f);
    else
        eng_load_bool(l, key->name, false, &b);
    if (u != 0 || f != 0.0f || b)
        eng_load_fail(l, ENG_ENOTSUP, "key '%s.%s' has no meaning here for architecture '%s'", l->arch->name, key->name, l->arch->name);
}

static void read_keys(struct eng_load *l)
{
    char *hp = (char *)&l->m->hp;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct key *key = &keys[i];
        if (key->group & l->arch->ignored)
            continue;
        if (!(key->group & l->arch->keys))
            refuse(l, key);
        else if (key->kind == U32)
            eng_load_u32(l, key->name, false, (uint32_t)key->min, (uint32_t)key->max, (void *)(hp + key->offset));
        else if (key->kind == F32)
            eng_load_f32(l, key->name, false, key->min, key->max, (void *)(hp + key->offset));
        else
            eng_load_bool(l, key->name, false, (void *)(hp + key->offset));
    }
}

/* ---- keys of all families ---- */

static void read_sizes(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    eng_load_u32(l, "block_count", true, 1, MAX_LAYERS, &hp->n_layers);
    if (l->rc == ENG_OK && hp->n_layers > l->g->n_tensors / MIN_TENSORS_PER_LAYER)
        eng_load_fail(l, ENG_EFORMAT, "%s.block_count is %" PRIu32 " with %" PRIu64 " tensors in the file", l->arch->name, hp->n_layers,
                      l->g->n_tensors);
    eng_load_u32(l, "context_length", true, 1, INT32_MAX, &hp->n_ctx_train);
    eng_load_u32(l, "embedding_length", true, 1, MAX_WIDTH, &hp->d_model);
    const bool rms = l->arch->norm == ENG_NORM_RMS;
    eng_load_f32(l, rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", true, 0, 1, &hp->norm_eps);
    l->m->layers = eng_load_alloc(l, hp->n_layers, sizeof *l->m->layers);
}

static void read_heads(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    const uint32_t n = hp->n_layers;
    uint32_t *heads = eng_load_alloc(l, n, sizeof *heads), *kv = eng_load_alloc(l, n, sizeof *kv), *ff = eng_load_alloc(l, n, sizeof *ff);
    if (l->rc != ENG_OK)
        return;
    eng_load_u32_per_layer(l, "attention.head_count", true, 0, MAX_HEADS, heads);
    memcpy(kv, heads, n * sizeof *kv);
    eng_load_u32_per_layer(l, "attention.head_count_kv", false, 0, MAX_HEADS, kv);
    eng_load_u32_per_layer(l, "feed_forward_length", false, 0, MAX_WIDTH, ff);
    for (uint32_t i = 0; i < n && l->rc == ENG_OK; i++) {
        struct eng_layer *layer = &l->m->layers[i];
        layer->attn.n_heads = kv[i] > 0 ? heads[i] : 0; /* hybrid families: a layer of 0 key-value heads has no attention */
        layer->attn.n_heads_kv = kv[i];
        layer->d_ff = ff[i];
        if (kv[i] > 0 && (heads[i] == 0 || heads[i] % kv[i] != 0))
            eng_load_fail(l, ENG_EFORMAT, "%" PRIu32 " heads cannot share %" PRIu32 " key-value heads (layer %" PRIu32 ")", heads[i], kv[i], i);
        hp->n_heads = heads[i] > hp->n_heads ? heads[i] : hp->n_heads;
        hp->n_heads_kv = kv[i] > hp->n_heads_kv ? kv[i] : hp->n_heads_kv;
        hp->d_ff = ff[i] > hp->d_ff ? ff[i] : hp->d_ff;
    }
}

static void read_head_sizes(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    const uint32_t n_first = l->rc == ENG_OK ? l->m->layers[0].attn.n_heads : 0, n_heads = n_first > 0 ? n_first : hp->n_heads;
    if (l->rc != ENG_OK || n_heads == 0)
        return;
    hp->d_head = hp->d_value = hp->d_model / n_heads;
    eng_load_u32(l, "attention.key_length", false, 1, MAX_HEAD_SIZE, &hp->d_head);
    eng_load_u32(l, "attention.value_length", false, 1, MAX_HEAD_SIZE, &hp->d_value);
    if (l->rc == ENG_OK && (hp->d_head < 2 || hp->d_head > MAX_HEAD_SIZE || hp->d_head % 2 != 0 || hp->d_value == 0))
        eng_load_fail(l, ENG_EFORMAT, "head size %" PRIu32 " is not an even number from 2 to %d", hp->d_head, MAX_HEAD_SIZE);
}

static bool text_is(struct eng_gguf_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.data, text, s.n) == 0;
}

/* linear, YaRN (Peng et al. 2023) or none; longrope says its factors with tensors. A bare factor means linear. */
static void read_rope_scaling(struct eng_load *l, struct eng_rope *rope)
{
    char full[KEY_BYTES];
    struct eng_gguf_str type = {"linear", 6};
    float factor = 0;
    if (!eng_load_f32(l, "rope.scaling.factor", false, 0, BIG, &factor))
        eng_load_f32(l, "rope.scale_linear", false, 0, BIG, &factor); /* before 2024 */
    eng_load_u32(l, "rope.scaling.original_context_length", false, 1, INT32_MAX, &rope->n_ctx_orig);
    eng_load_f32(l, "rope.scaling.attn_factor", false, 1e-6, BIG, &rope->magnitude);
    if (l->rc == ENG_OK)
        l->rc = eng_gguf_get_str(l->g, full_key(l, full, "rope.scaling.type"), false, &type, l->err);
    if (l->rc != ENG_OK)
        return;
    rope->yarn = text_is(type, "yarn");
    const bool known = text_is(type, "linear") || text_is(type, "none") || text_is(type, "longrope") || rope->yarn;
    if (!known)
        eng_load_fail(l, ENG_ENOTSUP, "RoPE scaling '%.*s' is not supported; known are none, linear, yarn, longrope",
                      type.n < 32 ? (int)type.n : 32, type.data);
    if (factor != 0.0f && !text_is(type, "none"))
        rope->scale = factor;
    if (rope->yarn) {
        rope->magnitude *= rope->scale > 1 ? 1.0f + 0.1f * logf(rope->scale) : 1.0f;
        eng_load_f32(l, "rope.scaling.yarn_beta_fast", false, 1e-3, BIG, &rope->beta_fast);
        eng_load_f32(l, "rope.scaling.yarn_beta_slow", false, 1e-3, BIG, &rope->beta_slow);
    }
}

static void read_rope(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    struct eng_rope *rope = &hp->rope[0];
    if (l->rc != ENG_OK || l->arch->rope == ENG_ROPE_NONE || hp->d_head == 0)
        return;
    *rope = (struct eng_rope){.kind = l->arch->rope, .n_rot = hp->d_head, .base = 10000, .scale = 1, .magnitude = 1, .beta_fast = 32,
                              .beta_slow = 1, .n_ctx_orig = hp->n_ctx_train};
    eng_load_u32(l, "rope.dimension_count", false, 0, MAX_HEAD_SIZE, &rope->n_rot);
    eng_load_f32(l, "rope.freq_base", false, 1.001, 1e12, &rope->base);
    read_rope_scaling(l, rope);
    if (l->rc == ENG_OK && (rope->n_rot == 0 || rope->n_rot % 2 != 0 || rope->n_rot > hp->d_head))
        eng_load_fail(l, ENG_EFORMAT, "%s.rope.dimension_count is %" PRIu32 "; it must be even, from 2 to the head size %" PRIu32,
                      l->arch->name, rope->n_rot, hp->d_head);
    hp->rope[1] = *rope;
    if (l->arch->rope_base_local > 0)
        hp->rope[1].base = l->arch->rope_base_local;
    if (l->arch->flags & ENG_LOCAL_UNSCALED) {
        hp->rope[1].scale = hp->rope[1].magnitude = 1;
        hp->rope[1].yarn = false;
    }
    eng_load_f32(l, "rope.freq_base_swa", false, 1.001, 1e12, &hp->rope[1].base);
}

/* Which layers have a window: all but the last of every period, or as an array of flags says. */
static void read_window_pattern(struct eng_load *l, bool *windowed)
{
    char full[KEY_BYTES];
    struct eng_hparams *hp = &l->m->hp;
    const struct eng_gguf_kv *kv = find(l, full_key(l, full, "attention.sliding_window_pattern"), false);
    if (kv && kv->type == ENG_GGUF_ARRAY) {
        if (kv->elem_type != ENG_GGUF_BOOL || kv->n < hp->n_layers)
            eng_load_fail(l, ENG_EFORMAT, "key '%s' is no array of one flag for each of %" PRIu32 " layers", full, hp->n_layers);
        for (uint32_t i = 0; i < hp->n_layers && l->rc == ENG_OK; i++)
            windowed[i] = kv->data[i] != 0;
        return;
    }
    if (kv)
        eng_load_u32(l, "attention.sliding_window_pattern", false, 0, MAX_WIDTH, &hp->window_period);
    for (uint32_t i = 0; i < hp->n_layers; i++)
        windowed[i] = hp->window_period == 0 || i % hp->window_period + 1 < hp->window_period;
}

void eng_layer_defaults(const struct eng_hparams *hp, struct eng_layer *layer, bool windowed)
{
    layer->mixer = layer->attn.n_heads > 0 ? &eng_mix_attention : NULL;
    layer->channel = &eng_chan_ffn;
    layer->parallel = hp->parallel;
    layer->rope = hp->rope[0].kind == ENG_ROPE_NONE ? -1 : windowed;
    layer->attn.d_k = hp->d_head;
    layer->attn.d_v = hp->d_value;
    layer->attn.window = windowed ? hp->window : 0;
    layer->attn.scale = hp->attn_scale > 0 ? hp->attn_scale : 1.0f / sqrtf((float)hp->d_head);
    layer->attn.softcap = hp->attn_softcap;
    layer->attn.alibi_max = hp->alibi_max;
}

static void spread_over_layers(struct eng_load *l)
{
    const struct eng_hparams *hp = &l->m->hp;
    bool *windowed = eng_load_alloc(l, hp->n_layers, sizeof *windowed);
    if (l->rc == ENG_OK && hp->window > 0)
        read_window_pattern(l, windowed);
    for (uint32_t i = 0; i < hp->n_layers && l->rc == ENG_OK; i++)
        eng_layer_defaults(hp, &l->m->layers[i], windowed[i]);
}

void eng_load_hparams(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    const struct eng_arch *a = l->arch;
    hp->norm = a->norm;
    hp->activation = a->activation;
    hp->embd_scale = hp->residual_scale = hp->logit_scale = 1;
    hp->window = a->window;
    hp->window_period = a->window_period;
    hp->alibi_max = a->alibi_max;
    hp->parallel = (a->flags & ENG_PARALLEL) != 0;
    hp->moe.scale = 1;
    hp->moe.normalise = (a->flags & ENG_MOE_NORMALISED) != 0;
    read_sizes(l);
    read_heads(l);
    read_head_sizes(l);
    read_keys(l);
    read_rope(l);
    float *const factors[] = {&hp->embd_scale, &hp->residual_scale, &hp->logit_scale, &hp->moe.scale};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (*factors[i] == 0.0f) /* files write 0 for: not used */
            *factors[i] = 1;
    if (l->rc == ENG_OK && a->flags & ENG_EMBD_SQRT)
        hp->embd_scale = sqrtf((float)hp->d_model);
    if (l->rc == ENG_OK && a->read)
        a->read(l);
    spread_over_layers(l);
}
