/* gguf_recurrent.c - see gguf_recurrent.h. Shapes as in the files of each family; odd sizes where a family allows them. */
#include "gguf_recurrent.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { D = RECURRENT_D, INNER = RECURRENT_INNER, STATE = RECURRENT_STATE, TAPS = RECURRENT_TAPS, SSM_HEADS = RECURRENT_SSM_HEADS,
       N_LAYERS = 3, D_FF = 96, HEADS = 2, D_HEAD = 32, RANK = 12, WKV_HEAD = 32, N_EXPERTS = 4 };

struct maker {
    struct gguf_build *b;
    const char *arch;
    enum eng_type type;
    const struct damage *damage;
};

static enum damage_kind damage_of(const struct maker *m, const char *name)
{
    return m->damage && strcmp(m->damage->name, name) == 0 ? m->damage->kind : DAMAGE_NONE;
}

/* ---- keys ---- */

static void u32(const struct maker *m, const char *key, uint32_t value)
{
    char full[96];
    const enum damage_kind damage = damage_of(m, key);
    snprintf(full, sizeof full, "%s.%s", m->arch, key);
    if (damage == DAMAGE_F32)
        gguf_build_f32(m->b, full, m->damage->f);
    else if (damage != DAMAGE_DROP)
        gguf_build_u32(m->b, full, damage == DAMAGE_U32 ? m->damage->u : value);
}

static void f32(const struct maker *m, const char *key, float value)
{
    char full[96];
    const enum damage_kind damage = damage_of(m, key);
    snprintf(full, sizeof full, "%s.%s", m->arch, key);
    if (damage != DAMAGE_DROP)
        gguf_build_f32(m->b, full, damage == DAMAGE_F32 ? m->damage->f : value);
}

static void common_keys(const struct maker *m, uint32_t n_heads, bool layer_norm)
{
    gguf_build_str(m->b, "general.architecture", m->arch);
    u32(m, "block_count", N_LAYERS);
    u32(m, "context_length", 256);
    u32(m, "embedding_length", D);
    u32(m, "attention.head_count", n_heads);
    f32(m, layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_build_vocab(m->b, "smollm");
}

static void ssm_keys(const struct maker *m, uint32_t n_dt, bool grouped)
{
    u32(m, "ssm.conv_kernel", TAPS);
    u32(m, "ssm.inner_size", INNER);
    u32(m, "ssm.state_size", STATE);
    u32(m, "ssm.time_step_rank", n_dt);
    if (grouped)
        u32(m, "ssm.group_count", 2);
}

static void hybrid_kv_heads(const struct maker *m)
{
    char full[96];
    snprintf(full, sizeof full, "%s.attention.head_count_kv", m->arch);
    gguf_build_i32s(m->b, full, (const int32_t[]){0, 1, 0}, N_LAYERS);
}

/* ---- tensors ---- */

static void tensor(const struct maker *m, int layer, const char *name, enum eng_type type, uint64_t n_rows, uint64_t n_cols, float mean,
                   float deviation)
{
    char full[96];
    if (layer < 0)
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "blk.%d.%s", layer, name);
    const enum damage_kind damage = damage_of(m, name);
    if (damage == DAMAGE_DROP)
        return;
    if (damage == DAMAGE_TURNED)
        gguf_build_random(m->b, full, ENG_TYPE_F32, n_cols, n_rows, mean, deviation);
    else if (damage == DAMAGE_WIDER)
        gguf_build_random(m->b, full, ENG_TYPE_F32, n_rows, n_cols + 1, mean, deviation);
    else
        gguf_build_random(m->b, full, type, n_rows, n_cols, mean, deviation);
}

static void matrix(const struct maker *m, int layer, const char *name, uint64_t n_rows, uint64_t n_cols)
{
    tensor(m, layer, name, n_cols % 32 ? ENG_TYPE_F32 : m->type, n_rows, n_cols, 0, 1 / sqrtf((float)n_cols));
}

static void vector(const struct maker *m, int layer, const char *name, uint64_t n, float mean, float deviation)
{
    tensor(m, layer, name, ENG_TYPE_F32, 0, n, mean, deviation);
}

static void norm(const struct maker *m, int layer, const char *name, uint64_t n, bool bias)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    vector(m, layer, full, n, 1, 0.1f);
    snprintf(full, sizeof full, "%s.bias", name);
    if (bias)
        vector(m, layer, full, n, 0, 0.1f);
}

static void mamba(const struct maker *m, int i, bool norms)
{
    matrix(m, i, "ssm_in.weight", 2 * INNER, D);
    tensor(m, i, "ssm_conv1d.weight", ENG_TYPE_F32, INNER, TAPS, 0, 0.5f);
    vector(m, i, "ssm_conv1d.bias", INNER, 0, 0.1f);
    matrix(m, i, "ssm_x.weight", RANK + 2 * STATE, INNER);
    if (norms) {
        norm(m, i, "ssm_dt_norm", RANK, false);
        norm(m, i, "ssm_b_norm", STATE, false);
        norm(m, i, "ssm_c_norm", STATE, false);
    }
    matrix(m, i, "ssm_dt.weight", INNER, RANK);
    vector(m, i, "ssm_dt.bias", INNER, -2, 1);
    tensor(m, i, "ssm_a", ENG_TYPE_F32, INNER, STATE, -4, 1);
    vector(m, i, "ssm_d", INNER, 1, 0.1f);
    matrix(m, i, "ssm_out.weight", D, INNER);
}

static void mamba2(const struct maker *m, int i)
{
    const uint32_t conv = INNER + 2 * 2 * STATE;
    matrix(m, i, "ssm_in.weight", INNER + conv + SSM_HEADS, D);
    tensor(m, i, "ssm_conv1d.weight", ENG_TYPE_F32, conv, TAPS, 0, 0.5f);
    vector(m, i, "ssm_conv1d.bias", conv, 0, 0.1f);
    vector(m, i, "ssm_dt.bias", SSM_HEADS, -2, 1);
    tensor(m, i, "ssm_a", ENG_TYPE_F32, SSM_HEADS, 1, -4, 1);
    tensor(m, i, "ssm_d", ENG_TYPE_F32, SSM_HEADS, 1, 1, 0.1f);
    tensor(m, i, "ssm_norm.weight", ENG_TYPE_F32, 2, INNER / 2, 1, 0.1f);
    matrix(m, i, "ssm_out.weight", D, INNER);
}

static void attention(const struct maker *m, int i)
{
    matrix(m, i, "attn_q.weight", HEADS * D_HEAD, D);
    matrix(m, i, "attn_k.weight", D_HEAD, D);
    matrix(m, i, "attn_v.weight", D_HEAD, D);
    matrix(m, i, "attn_output.weight", D, HEADS * D_HEAD);
}

static void feed_forward(const struct maker *m, int i)
{
    matrix(m, i, "ffn_gate.weight", D_FF, D);
    matrix(m, i, "ffn_up.weight", D_FF, D);
    matrix(m, i, "ffn_down.weight", D, D_FF);
}

/* [N_EXPERTS][n_rows][n_cols], three dimensions as the files have them */
static void stack(const struct maker *m, int layer, const char *name, uint64_t n_rows, uint64_t n_cols)
{
    static float x[N_EXPERTS * D * D_FF];
    const uint64_t ne[3] = {n_cols, n_rows, N_EXPERTS};
    char full[96];
    for (size_t k = 0; k < sizeof x / sizeof *x; k++)
        x[k] = sinf((float)(k * k % 1009) + (float)n_rows) / sqrtf((float)n_cols);
    snprintf(full, sizeof full, "blk.%d.%s", layer, name);
    gguf_build_tensor(m->b, full, ENG_TYPE_F32, 3, ne, x, sizeof x);
}

static void experts(const struct maker *m, int i)
{
    matrix(m, i, "ffn_gate_inp.weight", N_EXPERTS, D);
    stack(m, i, "ffn_gate_exps.weight", D_FF, D);
    stack(m, i, "ffn_up_exps.weight", D_FF, D);
    stack(m, i, "ffn_down_exps.weight", D, D_FF);
}

static void ends(const struct maker *m, const char *head_norm, bool layer_norm, bool untied)
{
    gguf_build_random(m->b, "token_embd.weight", m->type, GGUF_TINY_VOCAB, D, 0, 1);
    norm(m, -1, head_norm, D, layer_norm);
    if (untied)
        matrix(m, -1, "output.weight", GGUF_TINY_VOCAB, D);
}

/* ---- families ---- */

static void build_mamba(const struct maker *m)
{
    common_keys(m, 0, false);
    ssm_keys(m, RANK, false);
    ends(m, "output_norm", false, false);
    for (int i = 0; i < N_LAYERS; i++) {
        norm(m, i, "attn_norm", D, false);
        mamba(m, i, false);
    }
}

static void build_mamba2(const struct maker *m)
{
    common_keys(m, 0, false);
    ssm_keys(m, SSM_HEADS, true);
    ends(m, "output_norm", false, false);
    for (int i = 0; i < N_LAYERS; i++) {
        norm(m, i, "attn_norm", D, false);
        mamba2(m, i);
    }
}

static void build_lfm2(const struct maker *m)
{
    common_keys(m, HEADS, false);
    hybrid_kv_heads(m);
    u32(m, "feed_forward_length", D_FF);
    u32(m, "shortconv.l_cache", 3);
    f32(m, "rope.freq_base", 1e6f);
    ends(m, "token_embd_norm", false, false);
    for (int i = 0; i < N_LAYERS; i++) {
        norm(m, i, "attn_norm", D, false);
        norm(m, i, "ffn_norm", D, false);
        if (i == 1) {
            attention(m, i);
            norm(m, i, "attn_q_norm", D_HEAD, false);
            norm(m, i, "attn_k_norm", D_HEAD, false);
        } else {
            tensor(m, i, "shortconv.conv.weight", ENG_TYPE_F32, D, 3, 0, 0.5f);
            matrix(m, i, "shortconv.in_proj.weight", 3 * D, D);
            matrix(m, i, "shortconv.out_proj.weight", D, D);
        }
        feed_forward(m, i);
    }
}

static void build_hybrid(const struct maker *m) /* granitehybrid, jamba */
{
    const bool jamba = strcmp(m->arch, "jamba") == 0;
    common_keys(m, HEADS, false);
    hybrid_kv_heads(m);
    u32(m, "feed_forward_length", D_FF);
    ssm_keys(m, jamba ? RANK : SSM_HEADS, !jamba);
    if (jamba) {
        u32(m, "expert_count", N_EXPERTS);
        u32(m, "expert_used_count", 2);
    } else {
        f32(m, "residual_scale", 0.5f);
        f32(m, "embedding_scale", 2);
        f32(m, "logit_scale", 1.25f);
        f32(m, "attention.scale", 0.1f);
    }
    ends(m, "output_norm", false, false);
    for (int i = 0; i < N_LAYERS; i++) {
        norm(m, i, "attn_norm", D, false);
        norm(m, i, "ffn_norm", D, false);
        if (i == 1)
            attention(m, i);
        else if (jamba)
            mamba(m, i, true);
        else
            mamba2(m, i);
        if (jamba && i == 1)
            experts(m, i);
        else
            feed_forward(m, i);
    }
}

static void build_falcon_h1(const struct maker *m)
{
    common_keys(m, HEADS, false);
    u32(m, "attention.head_count_kv", 1);
    u32(m, "attention.key_length", D_HEAD);
    u32(m, "attention.value_length", D_HEAD);
    u32(m, "feed_forward_length", D_FF);
    ssm_keys(m, SSM_HEADS, true);
    ends(m, "output_norm", false, true);
    for (int i = 0; i < N_LAYERS; i++) {
        norm(m, i, "attn_norm", D, false);
        vector(m, i, "ffn_norm", D, 1, 0.1f);
        attention(m, i);
        mamba2(m, i);
        feed_forward(m, i);
    }
}

static void rwkv_keys(const struct maker *m)
{
    common_keys(m, 0, true);
    u32(m, "feed_forward_length", D_FF);
    u32(m, "wkv.head_size", WKV_HEAD);
}

static void rwkv_common(const struct maker *m, int i)
{
    norm(m, i, "attn_norm", D, true);
    norm(m, i, "attn_norm_2", D, true);
    matrix(m, i, "time_mix_receptance.weight", D, D);
    matrix(m, i, "time_mix_key.weight", D, D);
    matrix(m, i, "time_mix_value.weight", D, D);
    matrix(m, i, "time_mix_output.weight", D, D);
    norm(m, i, "time_mix_ln", D, true);
    vector(m, i, "channel_mix_lerp_k.weight", D, 0.5f, 0.2f);
    matrix(m, i, "channel_mix_key.weight", D_FF, D);
    matrix(m, i, "channel_mix_value.weight", D, D_FF);
}

static void build_rwkv6(const struct maker *m)
{
    rwkv_keys(m);
    u32(m, "time_mix_extra_dim", RANK);
    u32(m, "time_decay_extra_dim", RANK);
    u32(m, "rescale_every_n_layers", 2);
    norm(m, -1, "token_embd_norm", D, true);
    ends(m, "output_norm", true, true);
    for (int i = 0; i < N_LAYERS; i++) {
        rwkv_common(m, i);
        matrix(m, i, "time_mix_gate.weight", D, D);
        vector(m, i, "time_mix_lerp_x.weight", D, 0.5f, 0.2f);
        vector(m, i, "time_mix_lerp_fused.weight", 5 * D, 0.5f, 0.2f);
        matrix(m, i, "time_mix_w1.weight", 5 * RANK, D);
        matrix(m, i, "time_mix_w2.weight", 5 * D, RANK);
        vector(m, i, "time_mix_decay.weight", D, -1, 0.5f);
        matrix(m, i, "time_mix_decay_w1.weight", RANK, D);
        matrix(m, i, "time_mix_decay_w2.weight", D, RANK);
        vector(m, i, "time_mix_first.weight", D, 0.5f, 0.3f);
        vector(m, i, "channel_mix_lerp_r.weight", D, 0.5f, 0.2f);
        matrix(m, i, "channel_mix_receptance.weight", D, D);
    }
}

static void low_rank(const struct maker *m, int i, char id, bool bias)
{
    char name[32];
    snprintf(name, sizeof name, "time_mix_%c1.weight", id);
    matrix(m, i, name, RANK, D);
    snprintf(name, sizeof name, "time_mix_%c2.weight", id);
    matrix(m, i, name, D, RANK);
    snprintf(name, sizeof name, "time_mix_%c0.weight", id);
    if (bias)
        vector(m, i, name, D, 0, 0.5f);
}

static void build_rwkv7(const struct maker *m)
{
    rwkv_keys(m);
    u32(m, "attention.decay_lora_rank", RANK);
    u32(m, "attention.iclr_lora_rank", RANK);
    u32(m, "attention.value_residual_mix_lora_rank", RANK);
    u32(m, "attention.gate_lora_rank", RANK);
    norm(m, -1, "token_embd_norm", D, true);
    ends(m, "output_norm", true, true);
    for (int i = 0; i < N_LAYERS; i++) {
        rwkv_common(m, i);
        vector(m, i, "time_mix_lerp_fused.weight", 6 * D, 0.5f, 0.2f);
        low_rank(m, i, 'w', true);
        low_rank(m, i, 'a', true);
        low_rank(m, i, 'v', true);
        low_rank(m, i, 'g', false);
        vector(m, i, "time_mix_k_k.weight", D, 0.8f, 0.2f);
        vector(m, i, "time_mix_k_a.weight", D, 0.5f, 0.2f);
        vector(m, i, "time_mix_r_k.weight", D, 0, 0.2f);
    }
}

void gguf_build_recurrent(struct gguf_build *b, const char *arch, enum eng_type type, const struct damage *damage)
{
    static const struct {
        const char *arch;
        void (*build)(const struct maker *m);
    } makers[] = {{"mamba", build_mamba},         {"mamba2", build_mamba2},       {"lfm2", build_lfm2},   {"granitehybrid", build_hybrid},
                  {"falcon-h1", build_falcon_h1}, {"rwkv6", build_rwkv6},         {"rwkv7", build_rwkv7}, {"jamba", build_hybrid}};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (strcmp(makers[i].arch, arch) == 0)
            makers[i].build(&(struct maker){.b = b, .arch = arch, .type = type, .damage = damage});
}
