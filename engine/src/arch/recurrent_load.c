/* recurrent_load.c - keys and tensors of the recurrent blocks, checked; see recurrent.h. Names: ggml's docs/gguf.md, llama.cpp's
 * llama-arch.cpp. */
#include "arch/recurrent.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_INNER = 1 << 22, MAX_STATE = 4096, MAX_GROUPS = 1 << 16, MAX_HEAD = 1024 };

void eng_read_ssm(struct eng_load *l, bool grouped)
{
    struct eng_ssm_hparams *ssm = &l->m->hp.ssm;
    eng_load_u32(l, "ssm.conv_kernel", true, 1, ENG_RECUR_MAX_TAPS, &ssm->taps);
    eng_load_u32(l, "ssm.inner_size", true, 1, MAX_INNER, &ssm->d_inner);
    eng_load_u32(l, "ssm.state_size", true, 1, MAX_STATE, &ssm->d_state);
    eng_load_u32(l, "ssm.time_step_rank", true, 1, MAX_INNER, &ssm->n_dt);
    eng_load_bool(l, "ssm.dt_b_c_rms", false, &ssm->norm_dt_b_c);
    ssm->n_groups = 1;
    if (grouped)
        eng_load_u32(l, "ssm.group_count", true, 1, MAX_GROUPS, &ssm->n_groups);
    if (l->rc != ENG_OK || !grouped)
        return;
    if (ssm->norm_dt_b_c)
        eng_load_fail(l, ENG_ENOTSUP, "key '%s.ssm.dt_b_c_rms' has no meaning for Mamba-2", l->arch->name);
    if (ssm->d_inner % ssm->n_dt != 0 || ssm->n_dt % ssm->n_groups != 0)
        eng_load_fail(l, ENG_EFORMAT, "%s.ssm: %" PRIu32 " channels, %" PRIu32 " heads (time_step_rank) and %" PRIu32
                      " groups do not divide one another", l->arch->name, ssm->d_inner, ssm->n_dt, ssm->n_groups);
}

void eng_read_wkv(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    uint32_t shifts = 2;
    eng_load_u32(l, "wkv.head_size", true, 1, MAX_HEAD, &hp->wkv_head);
    eng_load_u32(l, "token_shift_count", false, 0, MAX_HEAD, &shifts);
    if (l->rc == ENG_OK && shifts != 2)
        eng_load_fail(l, ENG_ENOTSUP, "%s.token_shift_count is %" PRIu32 "; only 2 is known", l->arch->name, shifts);
    if (l->rc == ENG_OK && hp->d_model % hp->wkv_head != 0)
        eng_load_fail(l, ENG_EFORMAT, "%s.embedding_length %" PRIu32 " is no multiple of wkv.head_size %" PRIu32, l->arch->name, hp->d_model,
                      hp->wkv_head);
}

const float *eng_load_table(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint64_t n_rows, uint64_t n_cols)
{
    char full[96];
    snprintf(full, sizeof full, "blk.%" PRIu32 ".%s", i_layer, name);
    const struct eng_gguf_tensor *t = l->rc == ENG_OK ? eng_gguf_find_tensor(l->g, full) : NULL;
    if (t && (t->ne[0] != n_cols || t->n_elems != n_rows * n_cols)) {
        eng_load_fail(l, ENG_EFORMAT, "tensor '%s' has %" PRIu64 " columns and %" PRIu64 " elements, expected [%" PRIu64 ", %" PRIu64 "]", full,
                      t->ne[0], t->n_elems, n_cols, n_rows);
        return NULL;
    }
    return eng_load_vector(l, i_layer, name, need, n_rows * n_cols);
}

const float *eng_load_conv(struct eng_load *l, uint32_t i_layer, const char *name, uint32_t channels, uint32_t taps)
{
    const float *w = eng_load_table(l, i_layer, name, ENG_REQUIRED, channels, taps);
    float *turned = w ? eng_load_alloc(l, (size_t)channels * taps, sizeof *turned) : NULL;
    for (size_t c = 0; turned && c < channels; c++)
        for (size_t j = 0; j < taps; j++)
            turned[j * channels + c] = w[c * taps + j];
    return turned;
}

#define WKV_NORM_EPS 64e-5f /* 1e-5 x 8^2: the reference divides the heads' results by 8 before a norm with 1e-5 */

void eng_load_wkv_norm(struct eng_load *l, uint32_t i_layer, enum eng_need need, struct eng_norm *norm)
{
    const uint32_t d = l->m->hp.d_model;
    const float *w = eng_load_vector(l, i_layer, "time_mix_ln.weight", need, d);
    const float *b = eng_load_vector(l, i_layer, "time_mix_ln.bias", w ? ENG_REQUIRED : ENG_OPTIONAL, d);
    if (w && b)
        *norm = (struct eng_norm){.kind = ENG_NORM_LAYER, .eps = WKV_NORM_EPS, .n = l->m->hp.wkv_head, .n_weights = d, .w = w, .b = b};
}

void eng_load_ignore(struct eng_load *l, uint32_t i_layer, const char *const *names)
{
    char full[96];
    for (; *names && l->rc == ENG_OK; names++) {
        snprintf(full, sizeof full, "blk.%" PRIu32 ".%s", i_layer, *names);
        const struct eng_gguf_tensor *t = eng_gguf_find_tensor(l->g, full);
        if (t)
            l->used[t - l->g->tensors] = true;
    }
}
