/* plan.c - the dry half of eng/quantize.h: map the file, choose types, lay out the new header. */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quantize/quantize.h"

bool eng_quantize_format(size_t i, struct eng_quantize_format *format)
{
    const struct eng_recipe *recipe;
    for (size_t k = 0; (recipe = eng_recipe(k)) != NULL; k++) {
        const struct eng_type_traits *base = eng_type_traits((uint32_t)recipe->base);
        if (!base || !base->encode || i-- > 0)
            continue;
        *format = (struct eng_quantize_format){recipe->name, recipe->alias, recipe->summary, base->name,
                                               8.0 * base->block_bytes / base->block_elems};
        return true;
    }
    return false;
}

/* ---- the input ---- */

static char *copy_text(struct eng_gguf_str s)
{
    char *text = malloc(s.n + 1);
    if (text) {
        memcpy(text, s.data, s.n);
        text[s.n] = 0;
    }
    return text;
}

/* "<arch>.<name>" as a number, or the first of an array (per layer) of them; 0 when absent or of another kind. */
static uint32_t model_number(const struct eng_quantize *q, const char *name)
{
    char key[256];
    uint32_t value = 0;
    snprintf(key, sizeof key, "%s.%s", q->arch, name);
    const struct eng_gguf_kv *kv = eng_gguf_find_kv(&q->gguf, key);
    if (kv && kv->type == ENG_GGUF_ARRAY && (kv->elem_type == ENG_GGUF_U32 || kv->elem_type == ENG_GGUF_I32) && kv->n > 0)
        memcpy(&value, kv->data, sizeof value);
    else if (kv && kv->type != ENG_GGUF_ARRAY)
        (void)!eng_gguf_get_u32(&q->gguf, key, false, &value, NULL);
    return value;
}

static int read_input(struct eng_quantize *q, const char *path, struct eng_error *err)
{
    struct eng_gguf_str arch = {"", 0};
    uint32_t n_parts = 1;
    int rc = eng_mapped_file_open(&q->file, path, err);
    if (rc == ENG_OK)
        rc = eng_gguf_parse(&q->gguf, q->file.label, q->file.data, q->file.n_bytes, err);
    if (rc != ENG_OK)
        return rc;
    if (q->gguf.n_tensors == 0)
        return eng_fail(err, ENG_EFORMAT, "%s: no tensor in it: nothing to quantize", q->file.label);
    rc = eng_gguf_get_u32(&q->gguf, "split.count", false, &n_parts, err);
    if (rc == ENG_OK && n_parts > 1)
        rc = eng_fail(err, ENG_ENOTSUP, "%s: one of %" PRIu32 " parts of a model: join them first (llama-gguf-split --merge)", q->file.label,
                      n_parts);
    if (rc == ENG_OK)
        rc = eng_gguf_get_str(&q->gguf, "general.architecture", false, &arch, err);
    if (rc != ENG_OK)
        return rc;
    q->path = strdup(path);
    q->arch = copy_text(arch);
    return q->path && q->arch ? ENG_OK : eng_fail(err, ENG_ENOMEM, "%s: no memory", q->file.label);
}

/* ---- what is asked ---- */

static int check_params(struct eng_quantize *q, const struct eng_quantize_params *params, struct eng_error *err)
{
    enum eng_type type;
    if (!params || !params->type)
        return eng_fail(err, ENG_EINVAL, "no format to quantize to");
    int rc = eng_recipe_find(params->type, &q->recipe, err);
    if (rc == ENG_OK && params->output_type)
        rc = eng_writable_type(params->output_type, &type, err);
    if (rc == ENG_OK && params->embedding_type)
        rc = eng_writable_type(params->embedding_type, &type, err);
    for (size_t i = 0; i < params->n_overrides && rc == ENG_OK; i++)
        rc = eng_writable_type(params->overrides[i].type, &type, err);
    return rc;
}

static int check_patterns(const struct eng_quantize *q, const struct eng_quantize_params *params, struct eng_error *err)
{
    for (size_t k = 0; k < params->n_overrides; k++) {
        const char *pattern = params->overrides[k].pattern, *example = "";
        bool used = false;
        for (uint64_t i = 0; i < q->gguf.n_tensors && !used; i++) {
            if (!eng_recipe_may_quantize(&q->tensors[i]))
                continue;
            example = q->tensors[i].name;
            used = fnmatch(pattern, example, 0) == 0;
        }
        if (!used)
            return eng_fail(err, ENG_EINVAL, "pattern '%.80s' matches no matrix of %s; a name there is '%.80s', '*' stands for any text",
                            pattern, q->file.label, example);
    }
    return ENG_OK;
}

/* ---- deciding ---- */

static int copy_tensors(struct eng_quantize *q, struct eng_error *err)
{
    const size_t n = (size_t)q->gguf.n_tensors;
    size_t n_names = 0;
    for (size_t i = 0; i < n; i++)
        n_names += q->gguf.tensors[i].name.n + 1;
    q->names = malloc(n_names);
    q->tensors = calloc(n, sizeof *q->tensors);
    q->rows = calloc(n, sizeof *q->rows);
    if (!q->names || !q->tensors || !q->rows)
        return eng_fail(err, ENG_ENOMEM, "%s: no memory", q->file.label);
    char *name = q->names;
    for (size_t i = 0; i < n; i++) {
        const struct eng_gguf_tensor *t = &q->gguf.tensors[i];
        memcpy(name, t->name.data, t->name.n);
        name[t->name.n] = 0;
        q->tensors[i] = (struct eng_recipe_tensor){.name = name, .ne = {t->ne[0], t->ne[1], t->ne[2], t->ne[3]}, .type = t->type};
        name += t->name.n + 1;
    }
    return ENG_OK;
}

static int choose(struct eng_quantize *q, const struct eng_quantize_params *params, struct eng_error *err)
{
    struct eng_recipe_model model = {.arch = q->arch, .n_layers = model_number(q, "block_count"),
                                     .n_heads = model_number(q, "attention.head_count"),
                                     .n_heads_kv = model_number(q, "attention.head_count_kv"),
                                     .n_experts = model_number(q, "expert_count")};
    if (!eng_gguf_find_kv(&q->gguf, "general.architecture"))
        model = (struct eng_recipe_model){.arch = ""};
    int rc = check_patterns(q, params, err);
    return rc == ENG_OK ? eng_recipe_choose(q->recipe, params, &model, q->tensors, (size_t)q->gguf.n_tensors, err) : rc;
}

static int fill_row(struct eng_quantize *q, size_t i, struct eng_error *err)
{
    const struct eng_gguf_tensor *from = &q->gguf.tensors[i];
    const struct eng_recipe_tensor *t = &q->tensors[i];
    const struct eng_type_traits *to = eng_type_traits(t->to), *have = eng_type_traits(t->type);
    struct eng_quantize_row *row = &q->rows[i];
    *row = (struct eng_quantize_row){.name = t->name, .from = eng_gguf_type_name(t->type), .to = eng_gguf_type_name(t->to),
                                     .wanted = eng_gguf_type_name(t->wanted), .n_dims = from->n_dims, .n_weights = from->n_elems,
                                     .from_bytes = from->n_bytes, .to_bytes = from->n_bytes, .why = t->why};
    memcpy(row->ne, from->ne, sizeof row->ne);
    if (t->to == t->type)
        return ENG_OK;
    if (!have || !have->decode)
        return eng_fail(err, ENG_ENOTSUP, "%s: tensor '%.100s' is %s, which this build cannot read", q->file.label, row->name, row->from);
    if (!to || !to->encode)
        return eng_fail(err, ENG_ENOTSUP, "%s: tensor '%.100s' would be %s, which this build cannot write", q->file.label, row->name, row->to);
    const uint64_t n_blocks = from->n_elems / to->block_elems;
    if (__builtin_mul_overflow(n_blocks, (uint64_t)to->block_bytes, &row->to_bytes))
        return eng_fail(err, ENG_EFORMAT, "%s: tensor '%.100s' would be too large", q->file.label, row->name);
    q->totals.n_converted++;
    q->totals.n_requantized += have->block_elems > 1;
    return ENG_OK;
}

static int lay_out(struct eng_quantize *q, struct eng_error *err)
{
    const size_t n = (size_t)q->gguf.n_tensors;
    uint32_t *types = malloc(n * sizeof *types);
    uint64_t *n_bytes = malloc(n * sizeof *n_bytes);
    int rc = types && n_bytes ? ENG_OK : eng_fail(err, ENG_ENOMEM, "%s: no memory", q->file.label);
    q->totals.n_tensors = n;
    for (size_t i = 0; i < n && rc == ENG_OK; i++) {
        const struct eng_quantize_row *row = &q->rows[i];
        rc = fill_row(q, i, err);
        types[i] = q->tensors[i].to;
        n_bytes[i] = row->to_bytes;
        q->totals.n_fallback += row->why == ENG_QUANTIZE_FALLBACK;
        q->totals.n_weights += row->n_weights;
        q->totals.from_bytes += row->from_bytes;
        q->totals.to_bytes += row->to_bytes;
    }
    const struct eng_gguf_change change = {q->recipe->file_type, types, n_bytes};
    if (rc == ENG_OK)
        rc = eng_gguf_header_make(&q->header, &q->gguf, &change, err);
    free(types);
    free(n_bytes);
    q->totals.format = q->recipe->name;
    q->totals.arch = q->arch;
    q->totals.from_path = q->path;
    q->totals.from_file_bytes = q->file.n_bytes;
    q->totals.to_file_bytes = q->header.n + q->header.data_bytes;
    return rc;
}

int eng_quantize_open(struct eng_quantize **out, const char *path, const struct eng_quantize_params *params, struct eng_error *err)
{
    *out = NULL;
    struct eng_quantize *q = calloc(1, sizeof *q);
    if (!q)
        return eng_fail(err, ENG_ENOMEM, "%s: no memory", path);
    int rc = check_params(q, params, err);
    if (rc == ENG_OK)
        rc = read_input(q, path, err);
    if (rc == ENG_OK)
        rc = copy_tensors(q, err);
    if (rc == ENG_OK)
        rc = choose(q, params, err);
    if (rc == ENG_OK)
        rc = lay_out(q, err);
    if (rc == ENG_OK)
        *out = q;
    else
        eng_quantize_close(q);
    return rc;
}

void eng_quantize_close(struct eng_quantize *q)
{
    if (!q)
        return;
    eng_gguf_header_release(&q->header);
    eng_gguf_release(&q->gguf);
    eng_mapped_file_close(&q->file);
    free(q->path);
    free(q->arch);
    free(q->names);
    free(q->tensors);
    free(q->rows);
    free(q);
}

const struct eng_quantize_row *eng_quantize_row(const struct eng_quantize *q, size_t i)
{
    return i < q->totals.n_tensors ? &q->rows[i] : NULL;
}

const struct eng_quantize_totals *eng_quantize_totals(const struct eng_quantize *q)
{
    return &q->totals;
}
