/* load.c - tensors of a file into the model, each checked against the shape that the family expects; see load.h. */
#include "arch/load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/matmul.h"
#include "model/weights.h"

void eng_load_fail(struct eng_load *l, int code, const char *format, ...)
{
    char text[sizeof l->err->text];
    va_list args;
    if (l->rc != ENG_OK)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    l->rc = eng_fail(l->err, code, "%s: %s", l->g->label, text);
}

void *eng_load_alloc(struct eng_load *l, size_t n, size_t elem_bytes)
{
    void *p = l->rc == ENG_OK ? eng_arena_alloc(l->arena, n, elem_bytes) : NULL;
    if (!p)
        eng_load_fail(l, ENG_ENOMEM, "no memory for the model");
    return p;
}

/* ---- finding ---- */

#define NAME_BYTES 96

static const char *full_name(char out[NAME_BYTES], uint32_t i_layer, const char *name)
{
    if (i_layer == ENG_NO_LAYER)
        snprintf(out, NAME_BYTES, "%s", name);
    else
        snprintf(out, NAME_BYTES, "blk.%" PRIu32 ".%s", i_layer, name);
    return out;
}

bool eng_load_has(const struct eng_load *l, uint32_t i_layer, const char *name)
{
    char full[NAME_BYTES];
    return l->rc == ENG_OK && eng_gguf_find_tensor(l->g, full_name(full, i_layer, name)) != NULL;
}

static const struct eng_gguf_tensor *find(struct eng_load *l, const char *full, enum eng_need need)
{
    const struct eng_gguf_tensor *t = l->rc == ENG_OK ? eng_gguf_find_tensor(l->g, full) : NULL;
    if (t)
        l->used[t - l->g->tensors] = true;
    else if (need == ENG_REQUIRED)
        eng_load_fail(l, ENG_EFORMAT, "tensor '%s' is missing", full);
    return t;
}

static void wrong_shape(struct eng_load *l, const struct eng_gguf_tensor *t, const char *expected)
{
    eng_load_fail(l, ENG_EFORMAT,
                  "tensor '%.*s' at byte %" PRIu64 " has shape [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "], expected %s",
                  (int)t->name.n, t->name.data, t->info_offset, t->ne[0], t->ne[1], t->ne[2], t->ne[3], expected);
}

static const struct eng_type_traits *traits_of(struct eng_load *l, const struct eng_gguf_tensor *t)
{
    const struct eng_type_traits *traits = eng_type_traits(t->type);
    if (!traits)
        eng_load_fail(l, ENG_ENOTSUP, "tensor '%.*s' is of type %s, which is not supported", (int)t->name.n, t->name.data,
                      eng_gguf_type_name(t->type));
    return traits;
}

/* ---- matrices ---- */

static void add_matrix(struct eng_load *l, const char *full, const struct eng_type_traits *traits, uint64_t n_rows, uint64_t n_cols,
                       const uint8_t *data, struct eng_matrix *w)
{
    struct eng_error why = {0};
    if (l->rc == ENG_OK && eng_matrix_init(w, traits, (size_t)n_rows, (size_t)n_cols, data, &why) != ENG_OK)
        eng_load_fail(l, why.code, "tensor '%s': %s", full, why.text);
    if (l->rc == ENG_OK)
        l->rc = eng_model_add_matrix(l->m, full, w, l->err);
}

bool eng_load_matrix(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint64_t n_rows, uint64_t n_cols,
                     struct eng_matrix *w)
{
    return eng_load_stack(l, i_layer, name, need, 1, &n_rows, n_cols, &w);
}

/* The tensor's rows are cut into n matrices: [n_cols][sum of n_rows], or [n_cols][n_rows][n]. */
static bool has_shape_of_stack(const struct eng_gguf_tensor *t, uint32_t n, const uint64_t *n_rows, uint64_t n_cols)
{
    uint64_t sum = 0;
    bool equal = true;
    for (uint32_t i = 0; i < n; i++) {
        sum += n_rows[i];
        equal &= n_rows[i] == n_rows[0];
    }
    const bool flat = t->ne[1] == sum && t->ne[2] == 1, deep = equal && t->ne[1] == n_rows[0] && t->ne[2] == n;
    return t->ne[0] == n_cols && t->ne[3] == 1 && (flat || deep);
}

bool eng_load_stack(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t n, const uint64_t *n_rows,
                    uint64_t n_cols, struct eng_matrix *const *out)
{
    char full[NAME_BYTES], expected[64];
    const struct eng_gguf_tensor *t = find(l, full_name(full, i_layer, name), need);
    const struct eng_type_traits *traits = t ? traits_of(l, t) : NULL;
    const char *kept = traits ? eng_arena_text(l->arena, full, strlen(full)) : NULL;
    if (!traits || l->rc != ENG_OK)
        return false;
    if (!has_shape_of_stack(t, n, n_rows, n_cols)) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < n; i++)
            sum += n_rows[i];
        snprintf(expected, sizeof expected, "[%" PRIu64 ", %" PRIu64 "]", n_cols, sum);
        wrong_shape(l, t, expected);
        return false;
    }
    const uint8_t *data = t->data;
    for (uint32_t i = 0; i < n && kept; i++) {
        add_matrix(l, kept, traits, n_rows[i], n_cols, data, out[i]);
        data += n_rows[i] * eng_type_row_bytes(traits, (size_t)n_cols);
    }
    if (!kept)
        eng_load_fail(l, ENG_ENOMEM, "no memory for the model");
    return l->rc == ENG_OK;
}

bool eng_load_experts(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t n, uint64_t n_rows,
                      uint64_t n_cols, struct eng_experts *experts)
{
    char full[NAME_BYTES];
    const struct eng_gguf_tensor *t = find(l, full_name(full, i_layer, name), need);
    if (t && (t->ne[1] != n_rows || t->ne[2] != n)) /* before memory is taken for as many as a key claims */
        wrong_shape(l, t, "one matrix per expert or head");
    if (!t || l->rc != ENG_OK)
        return false;
    experts->w = eng_load_alloc(l, n, sizeof *experts->w);
    struct eng_matrix **out = eng_load_alloc(l, n, sizeof *out);
    uint64_t *rows = eng_load_alloc(l, n, sizeof *rows);
    for (uint32_t i = 0; i < n && l->rc == ENG_OK; i++) {
        out[i] = &experts->w[i];
        rows[i] = n_rows;
    }
    return l->rc == ENG_OK && eng_load_stack(l, i_layer, name, need, n, rows, n_cols, out);
}

/* ---- vectors ---- */

static const float *as_floats(struct eng_load *l, const struct eng_gguf_tensor *t)
{
    const struct eng_type_traits *traits = traits_of(l, t);
    if (!traits)
        return NULL;
    if (traits->block_elems != 1) {
        eng_load_fail(l, ENG_ENOTSUP, "tensor '%.*s' is a vector of type %s; known are f32, f16, bf16", (int)t->name.n, t->name.data,
                      traits->name);
        return NULL;
    }
    eng_count_vector(l->m, t->n_elems);
    if (t->type == ENG_TYPE_F32 && (uintptr_t)t->data % _Alignof(float) == 0)
        return (const float *)(const void *)t->data;
    float *x = eng_load_alloc(l, (size_t)t->n_elems, sizeof *x);
    if (x)
        traits->decode(t->data, x, (size_t)t->n_elems);
    return x;
}

const float *eng_load_vector(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint64_t n)
{
    char full[NAME_BYTES], expected[64];
    const struct eng_gguf_tensor *t = find(l, full_name(full, i_layer, name), need);
    if (!t)
        return NULL;
    if (t->n_elems == n)
        return as_floats(l, t);
    snprintf(expected, sizeof expected, "%" PRIu64 " elements", n);
    wrong_shape(l, t, expected);
    return NULL;
}

/* A norm over groups of n; @n_heads: groups that may have weights of their own. */
static bool load_norm(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, enum eng_need need_bias, uint32_t n,
                      uint32_t n_heads, struct eng_norm *norm)
{
    const struct eng_hparams *hp = &l->m->hp;
    char weight[64], bias[64], full[NAME_BYTES];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const struct eng_gguf_tensor *t = find(l, full_name(full, i_layer, weight), need);
    if (!t)
        return false;
    *norm = (struct eng_norm){.kind = hp->norm, .eps = hp->norm_eps, .n = n, .n_weights = (uint32_t)t->n_elems};
    const bool one = t->n_elems == n, each = n_heads > 1 && t->n_elems == (uint64_t)n * n_heads;
    if (!one && !each) {
        wrong_shape(l, t, n_heads > 1 ? "one weight per dimension of a head or of all heads" : "one weight per dimension");
        return false;
    }
    if (each && t->ne[0] != n) /* [heads x size]: over the whole row; [size][heads]: each head apart */
        norm->n = n * n_heads;
    norm->w = as_floats(l, t);
    norm->b = eng_load_vector(l, i_layer, bias, need_bias, t->n_elems);
    return l->rc == ENG_OK;
}

bool eng_load_norm(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t n, struct eng_norm *norm)
{
    return load_norm(l, i_layer, name, need, l->arch->flags & ENG_BIAS_NORM ? ENG_REQUIRED : ENG_OPTIONAL, n, 1, norm);
}

bool eng_load_head_norm(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t d_head, uint32_t n_heads,
                        struct eng_norm *norm)
{
    return load_norm(l, i_layer, name, need, ENG_OPTIONAL, d_head, n_heads, norm);
}
