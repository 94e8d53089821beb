/* open_gguf.c - a GGUF file as a llama-family model: hyperparameters, vocabulary, tensors with checked shapes.
 * Key and tensor names: ggml's docs/gguf.md and llama.cpp's llama-arch.cpp. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "kernels/kernel.h"
#include "model/open.h"
#include "model/weights.h"

struct loader {
    const struct eng_gguf *g;
    struct eng_model *m;
    struct eng_arena *arena;
    struct eng_error *err;
    bool *used; /* [n_tensors] */
};

static int no_memory(const struct loader *l)
{
    return eng_fail(l->err, ENG_ENOMEM, "%s: no memory for the model", l->g->label);
}

/* ---- hyperparameters ---- */

static int refuse_key(const struct loader *l, const char *key, const char *why)
{
    return eng_fail(l->err, ENG_ENOTSUP, "%s: key '%s': %s", l->g->label, key, why);
}

/* What other programs of this architecture do and this engine does not: refused, because ignoring it gives wrong results. */
static int check_variants(const struct loader *l)
{
    static const char *const scales[] = {"llama.attention.scale", "llama.residual_scale", "llama.embedding_scale", "llama.logit_scale"};
    uint32_t n_experts = 0;
    int rc = eng_gguf_get_u32(l->g, "llama.expert_count", false, &n_experts, l->err);
    if (rc == ENG_OK && n_experts > 0)
        rc = refuse_key(l, "llama.expert_count", "mixtures of experts are not supported");
    for (size_t i = 0; i < sizeof scales / sizeof *scales && rc == ENG_OK; i++) {
        float scale = 0.0f;
        rc = eng_gguf_get_f32(l->g, scales[i], false, &scale, l->err);
        if (rc == ENG_OK && scale != 0.0f)
            rc = refuse_key(l, scales[i], "this scaling is not supported");
    }
    return rc;
}

static int read_rope(const struct loader *l, struct eng_hparams *hp)
{
    struct eng_gguf_str scaling = {"linear", 6}; /* what a bare factor means */
    float factor = 0.0f;
    hp->rope_base = 10000.0f;
    hp->rope_scale = 1.0f;
    hp->n_rope = hp->d_head;
    int rc = eng_gguf_get_u32(l->g, "llama.rope.dimension_count", false, &hp->n_rope, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_f32(l->g, "llama.rope.freq_base", false, &hp->rope_base, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_f32(l->g, "llama.rope.scale_linear", false, &factor, l->err); /* before 2024 */
    if (rc == ENG_OK)
        rc = eng_gguf_get_f32(l->g, "llama.rope.scaling.factor", false, &factor, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_str(l->g, "llama.rope.scaling.type", false, &scaling, l->err);
    if (rc != ENG_OK)
        return rc;
    bool is_linear = scaling.n == 6 && memcmp(scaling.data, "linear", 6) == 0;
    bool is_none = scaling.n == 4 && memcmp(scaling.data, "none", 4) == 0;
    if (!is_linear && !is_none) {
        return eng_fail(l->err, ENG_ENOTSUP, "%s: RoPE scaling '%.*s' is not supported; known are none, linear", l->g->label,
                        scaling.n < 32 ? (int)scaling.n : 32, scaling.data);
    }
    if (is_linear && factor != 0.0f)
        hp->rope_scale = factor;
    if (hp->n_rope == 0 || hp->n_rope % 2 != 0 || hp->n_rope > hp->d_head) {
        return eng_fail(l->err, ENG_EFORMAT,
                        "%s: llama.rope.dimension_count is %" PRIu32 "; it must be even and at most the head size %" PRIu32, l->g->label,
                        hp->n_rope, hp->d_head);
    }
    if (!(hp->rope_base > 0.0f) || !(hp->rope_scale > 0.0f))
        return eng_fail(l->err, ENG_EFORMAT, "%s: RoPE base and scaling factor must be positive", l->g->label);
    return ENG_OK;
}

static int read_head_size(const struct loader *l, struct eng_hparams *hp)
{
    enum { MAX_HEAD_SIZE = 4096 };
    hp->d_head = hp->d_model / hp->n_heads;
    if (hp->n_heads > hp->d_model)
        hp->d_head = 0;
    uint32_t d_value = 0;
    int rc = eng_gguf_get_u32(l->g, "llama.attention.key_length", false, &hp->d_head, l->err);
    d_value = hp->d_head;
    if (rc == ENG_OK)
        rc = eng_gguf_get_u32(l->g, "llama.attention.value_length", false, &d_value, l->err);
    if (rc != ENG_OK)
        return rc;
    if (hp->d_head < 2 || hp->d_head > MAX_HEAD_SIZE || hp->d_head % 2 != 0) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: head size %" PRIu32 " is not an even number from 2 to %d", l->g->label, hp->d_head,
                        MAX_HEAD_SIZE);
    }
    if (d_value != hp->d_head)
        return refuse_key(l, "llama.attention.value_length", "values of another size than keys are not supported");
    return ENG_OK;
}

static int check_counts(const struct loader *l, const struct eng_hparams *hp)
{
    enum { MAX_WIDTH = 1 << 24, MAX_HEADS = 1 << 16, TENSORS_PER_LAYER = 9 };
    const char *label = l->g->label;
    if (hp->n_layers == 0 || hp->n_layers > l->g->n_tensors / TENSORS_PER_LAYER) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: llama.block_count is %" PRIu32 " with %" PRIu64 " tensors in the file", label,
                        hp->n_layers, l->g->n_tensors);
    }
    if (hp->d_model == 0 || hp->d_model > MAX_WIDTH || hp->d_ff == 0 || hp->d_ff > MAX_WIDTH || hp->n_ctx_train == 0) {
        return eng_fail(l->err, ENG_EFORMAT,
                        "%s: embedding length %" PRIu32 ", feed-forward length %" PRIu32 ", context %" PRIu32 " are out of range", label,
                        hp->d_model, hp->d_ff, hp->n_ctx_train);
    }
    if (hp->n_heads == 0 || hp->n_heads > MAX_HEADS || hp->n_heads_kv == 0 || hp->n_heads % hp->n_heads_kv != 0) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: %" PRIu32 " heads cannot share %" PRIu32 " key-value heads", label, hp->n_heads,
                        hp->n_heads_kv);
    }
    return ENG_OK;
}

static int read_hparams(const struct loader *l)
{
    struct eng_hparams *hp = &l->m->hp;
    const struct eng_gguf *g = l->g;
    int rc = check_variants(l);
    if (rc == ENG_OK)
        rc = eng_gguf_get_u32(g, "llama.block_count", true, &hp->n_layers, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_u32(g, "llama.context_length", true, &hp->n_ctx_train, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_u32(g, "llama.embedding_length", true, &hp->d_model, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_u32(g, "llama.feed_forward_length", true, &hp->d_ff, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_u32(g, "llama.attention.head_count", true, &hp->n_heads, l->err);
    hp->n_heads_kv = hp->n_heads;
    if (rc == ENG_OK)
        rc = eng_gguf_get_u32(g, "llama.attention.head_count_kv", false, &hp->n_heads_kv, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_f32(g, "llama.attention.layer_norm_rms_epsilon", true, &hp->rms_eps, l->err);
    if (rc == ENG_OK)
        rc = check_counts(l, hp);
    if (rc == ENG_OK)
        rc = read_head_size(l, hp);
    if (rc == ENG_OK)
        rc = read_rope(l, hp);
    if (rc == ENG_OK && !(hp->rms_eps >= 0.0f))
        rc = eng_fail(l->err, ENG_EFORMAT, "%s: the RMS epsilon is negative", g->label);
    return rc;
}

/* ---- tensors ---- */

static int wrong_shape(const struct loader *l, const struct eng_gguf_tensor *t, uint64_t n_cols, uint64_t n_rows)
{
    return eng_fail(l->err, ENG_EFORMAT,
                    "%s: tensor '%.*s' at byte %" PRIu64 " has shape [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
                    "], expected [%" PRIu64 ", %" PRIu64 "]",
                    l->g->label, (int)t->name.n, t->name.data, t->info_offset, t->ne[0], t->ne[1], t->ne[2], t->ne[3], n_cols, n_rows);
}

/* The tensor, checked against its expected shape; *out is NULL when it is absent and not required. */
static int find_tensor(const struct loader *l, const char *name, bool required, uint64_t n_cols, uint64_t n_rows,
                       const struct eng_gguf_tensor **out)
{
    const struct eng_gguf_tensor *t = *out = eng_gguf_find_tensor(l->g, name);
    if (!t)
        return required ? eng_fail(l->err, ENG_EFORMAT, "%s: tensor '%s' is missing", l->g->label, name) : ENG_OK;
    l->used[t - l->g->tensors] = true;
    return t->ne[0] == n_cols && t->ne[1] == n_rows && t->ne[2] == 1 && t->ne[3] == 1 ? ENG_OK : wrong_shape(l, t, n_cols, n_rows);
}

static int unsupported_type(const struct loader *l, const struct eng_gguf_tensor *t, const char *known)
{
    return eng_fail(l->err, ENG_ENOTSUP, "%s: tensor '%.*s' is of type %s, which is not supported; known are %s", l->g->label,
                    (int)t->name.n, t->name.data, eng_gguf_type_name(t->type), known);
}

/* Norms, biases, frequency factors: f32 in place, f16 converted. *out stays NULL when absent and not required. */
static int load_vector(struct loader *l, const char *name, bool required, uint64_t n, const float **out)
{
    const struct eng_gguf_tensor *t;
    int rc = find_tensor(l, name, required, n, 1, &t);
    if (rc != ENG_OK || !t)
        return rc;
    if (t->type != ENG_TYPE_F32 && t->type != ENG_TYPE_F16)
        return unsupported_type(l, t, "f32, f16");
    eng_count_vector(l->m, n);
    if (t->type == ENG_TYPE_F32 && (uintptr_t)t->data % _Alignof(float) == 0) {
        *out = (const float *)(const void *)t->data;
        return ENG_OK;
    }
    float *x = eng_arena_alloc(l->arena, (size_t)n, sizeof *x);
    if (!x)
        return no_memory(l);
    eng_type_traits(t->type)->decode(t->data, x, (size_t)n);
    *out = x;
    return ENG_OK;
}

static int load_matrix(struct loader *l, const char *name, bool required, uint64_t n_rows, uint64_t n_cols, struct eng_matrix *out)
{
    const struct eng_gguf_tensor *t;
    int rc = find_tensor(l, name, required, n_cols, n_rows, &t);
    if (rc != ENG_OK || !t)
        return rc;
    const struct eng_type_traits *traits = eng_type_traits(t->type);
    if (!traits || !eng_kernel_find(eng_kernel_set(), traits->type, ENG_ACT_F32))
        return unsupported_type(l, t, "f32, f16, q8_0, q4_0, q4_1");
    struct eng_error why = {0};
    rc = eng_matrix_init(out, traits, (size_t)n_rows, (size_t)n_cols, t->data, &why);
    return rc == ENG_OK ? rc : eng_fail(l->err, rc, "%s: tensor '%s': %s", l->g->label, name, why.text);
}

enum dim { D_MODEL, D_QUERY, D_KV, D_FF };

static const struct layer_part {
    const char *name;
    size_t offset; /* in struct eng_layer */
    enum dim rows, cols;
    enum { MATRIX, VECTOR, OPTIONAL_VECTOR } kind;
} layer_parts[] = {
    {"attn_norm.weight", offsetof(struct eng_layer, attn_norm), D_MODEL, D_MODEL, VECTOR},
    {"attn_q.weight", offsetof(struct eng_layer, attn_q), D_QUERY, D_MODEL, MATRIX},
    {"attn_k.weight", offsetof(struct eng_layer, attn_k), D_KV, D_MODEL, MATRIX},
    {"attn_v.weight", offsetof(struct eng_layer, attn_v), D_KV, D_MODEL, MATRIX},
    {"attn_output.weight", offsetof(struct eng_layer, attn_output), D_MODEL, D_QUERY, MATRIX},
    {"attn_q.bias", offsetof(struct eng_layer, bias_q), D_QUERY, D_QUERY, OPTIONAL_VECTOR},
    {"attn_k.bias", offsetof(struct eng_layer, bias_k), D_KV, D_KV, OPTIONAL_VECTOR},
    {"attn_v.bias", offsetof(struct eng_layer, bias_v), D_KV, D_KV, OPTIONAL_VECTOR},
    {"attn_output.bias", offsetof(struct eng_layer, bias_o), D_MODEL, D_MODEL, OPTIONAL_VECTOR},
    {"ffn_norm.weight", offsetof(struct eng_layer, ffn_norm), D_MODEL, D_MODEL, VECTOR},
    {"ffn_gate.weight", offsetof(struct eng_layer, ffn_gate), D_FF, D_MODEL, MATRIX},
    {"ffn_up.weight", offsetof(struct eng_layer, ffn_up), D_FF, D_MODEL, MATRIX},
    {"ffn_down.weight", offsetof(struct eng_layer, ffn_down), D_MODEL, D_FF, MATRIX},
};

static uint64_t width(const struct eng_hparams *hp, enum dim d)
{
    switch (d) {
    case D_MODEL: return hp->d_model;
    case D_QUERY: return (uint64_t)hp->n_heads * hp->d_head;
    case D_KV: return (uint64_t)hp->n_heads_kv * hp->d_head;
    case D_FF: return hp->d_ff;
    }
    return 0;
}

static int load_layer(struct loader *l, uint32_t i_layer)
{
    const struct eng_hparams *hp = &l->m->hp;
    char *layer = (char *)&l->m->layers[i_layer];
    int rc = ENG_OK;
    for (size_t i = 0; i < sizeof layer_parts / sizeof *layer_parts && rc == ENG_OK; i++) {
        const struct layer_part *part = &layer_parts[i];
        char name[64];
        snprintf(name, sizeof name, "blk.%" PRIu32 ".%s", i_layer, part->name);
        void *field = layer + part->offset;
        rc = part->kind == MATRIX ? load_matrix(l, name, true, width(hp, part->rows), width(hp, part->cols), field)
                                  : load_vector(l, name, part->kind == VECTOR, width(hp, part->rows), field);
    }
    return rc;
}

/* A tensor that nobody asked for means a variant of the architecture that would be computed wrongly. */
static int check_all_used(const struct loader *l)
{
    for (uint64_t i = 0; i < l->g->n_tensors; i++) {
        const struct eng_gguf_tensor *t = &l->g->tensors[i];
        if (l->used[i])
            continue;
        return eng_fail(l->err, ENG_ENOTSUP,
                        "%s: tensor '%.*s' at byte %" PRIu64 " is not part of the llama architecture as supported here", l->g->label,
                        (int)t->name.n, t->name.data, t->info_offset);
    }
    return ENG_OK;
}

static int load_tensors(struct loader *l)
{
    struct eng_model *m = l->m;
    struct eng_hparams *hp = &m->hp;
    l->used = eng_arena_alloc(l->arena, (size_t)l->g->n_tensors, sizeof *l->used);
    m->layers = eng_arena_alloc(l->arena, hp->n_layers, sizeof *m->layers);
    if (!l->used || !m->layers)
        return no_memory(l);
    int rc = load_matrix(l, "token_embd.weight", true, hp->n_vocab, hp->d_model, &m->token_embd);
    if (rc == ENG_OK)
        rc = load_matrix(l, "output.weight", false, hp->n_vocab, hp->d_model, &m->output);
    if (rc == ENG_OK)
        rc = load_vector(l, "output_norm.weight", true, hp->d_model, &m->output_norm);
    if (rc == ENG_OK)
        rc = load_vector(l, "rope_freqs.weight", false, hp->n_rope / 2, &hp->rope_factors);
    for (uint32_t i = 0; i < hp->n_layers && rc == ENG_OK; i++)
        rc = load_layer(l, i);
    if (rc != ENG_OK)
        return rc;
    m->info.tied_head = !m->output.data;
    for (uint64_t i = 0; i < l->g->n_tensors; i++) {
        const struct eng_gguf_tensor *t = &l->g->tensors[i];
        m->info.n_params += t->n_elems;
        eng_share_add(m->info.stored, (enum eng_type)t->type, t->n_elems, t->n_bytes);
    }
    return check_all_used(l);
}

/* ---- facts ---- */

static int read_text(const struct loader *l, const char *key, const char *absent, const char **out)
{
    struct eng_gguf_str s = {0};
    *out = absent;
    int rc = eng_gguf_get_str(l->g, key, false, &s, l->err);
    if (rc != ENG_OK || !s.data)
        return rc;
    *out = eng_arena_text(l->arena, s.data, s.n);
    return *out ? ENG_OK : no_memory(l);
}

static int read_texts(const struct loader *l)
{
    struct eng_model_info *info = &l->m->info;
    int rc = read_text(l, "general.name", "", &info->name);
    if (rc == ENG_OK)
        rc = read_text(l, "tokenizer.ggml.model", "", &info->tokenizer);
    if (rc == ENG_OK)
        rc = read_text(l, "tokenizer.ggml.pre", "", &info->pre);
    return rc == ENG_OK ? read_text(l, "tokenizer.chat_template", NULL, &info->chat_template) : rc;
}

static int check_arch(const struct loader *l)
{
    int rc = read_text(l, "general.architecture", NULL, &l->m->info.arch);
    if (rc != ENG_OK)
        return rc;
    if (!l->m->info.arch)
        return eng_fail(l->err, ENG_EFORMAT, "%s: key 'general.architecture' is missing", l->g->label);
    if (strcmp(l->m->info.arch, "llama") == 0)
        return ENG_OK;
    return eng_fail(l->err, ENG_ENOTSUP, "%s: architecture '%.64s' is not supported; known is llama", l->g->label, l->m->info.arch);
}

int eng_open_gguf(struct eng_model *model, const struct eng_mapped_file *file, struct eng_error *err)
{
    struct eng_gguf g;
    int rc = eng_gguf_parse(&g, file->label, file->data, file->n_bytes, err);
    if (rc != ENG_OK)
        return rc;
    struct loader l = {.g = &g, .m = model, .arena = model->arena, .err = err};
    rc = check_arch(&l);
    if (rc == ENG_OK)
        rc = read_hparams(&l);
    if (rc == ENG_OK)
        rc = eng_vocab_from_gguf(&model->vocab, &g, model->arena, err);
    if (rc == ENG_OK)
        model->hp.n_vocab = model->vocab->n_tokens;
    if (rc == ENG_OK)
        rc = load_tensors(&l);
    if (rc == ENG_OK)
        rc = read_texts(&l);
    if (rc == ENG_OK)
        eng_fill_info(model);
    eng_gguf_release(&g);
    return rc;
}
