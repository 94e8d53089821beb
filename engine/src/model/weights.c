/* weights.c - see weights.h. One matrix at a time, so that the peak is the model plus one matrix. */
#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/huge_pages.h"
#include "model/mapped_file.h"
#include "quantize/recipe.h"

enum { N_SHARES = 8 };

void eng_share_add(struct eng_type_share share[N_SHARES], enum eng_type type, uint32_t n_tensors, uint64_t n_weights, uint64_t n_bytes)
{
    int i = 0;
    while (i < N_SHARES - 1 && share[i].n_tensors && share[i].type != type)
        i++;
    if (!share[i].n_tensors)
        share[i].type = type;
    share[i].n_tensors += n_tensors;
    share[i].n_weights += n_weights;
    share[i].n_bytes += n_bytes;
}

void eng_count_vector(struct eng_model *model, uint64_t n)
{
    eng_share_add(model->info.executed, ENG_TYPE_F32, 1, n, n * sizeof(float));
    model->info.weight_bytes += n * sizeof(float);
}

static int most_bytes_first(const void *a, const void *b)
{
    const struct eng_type_share *x = a, *y = b;
    return (x->n_bytes < y->n_bytes) - (x->n_bytes > y->n_bytes);
}

void eng_share_sort(struct eng_type_share share[N_SHARES])
{
    qsort(share, N_SHARES, sizeof *share, most_bytes_first);
}

bool eng_model_recurrent(const struct eng_model *model)
{
    for (uint32_t i = 0; i < model->hp.n_layers; i++) {
        const struct eng_layer *layer = &model->layers[i];
        const struct eng_block_ops *const blocks[] = {layer->mixer, layer->channel};
        for (size_t k = 0; k < 2; k++)
            if (blocks[k] && blocks[k]->state_bytes && blocks[k]->state_bytes(model, layer) > 0)
                return true;
    }
    return false;
}

int eng_model_add_matrix(struct eng_model *model, const char *name, struct eng_matrix *w, struct eng_error *err)
{
    if (model->n_matrices == model->cap_matrices) { /* the arena frees all sizes together: at most twice the last */
        const uint32_t cap = model->cap_matrices ? 2 * model->cap_matrices : 64;
        struct eng_named_matrix *all = eng_arena_alloc(model->arena, cap, sizeof *all);
        if (!all)
            return eng_fail(err, ENG_ENOMEM, "no memory for the list of matrices");
        if (model->n_matrices > 0)
            memcpy(all, model->matrices, model->n_matrices * sizeof *all);
        model->matrices = all;
        model->cap_matrices = cap;
    }
    model->matrices[model->n_matrices++] = (struct eng_named_matrix){.name = name, .w = w, .multiplied = true};
    return ENG_OK;
}

bool eng_model_tensor(const struct eng_model *model, uint32_t i, struct eng_tensor_info *tensor)
{
    uint32_t at = 0;
    *tensor = (struct eng_tensor_info){.name = ""};
    for (uint32_t n = 0; at < model->n_matrices && n < i; n++) { /* views of one tensor have the same name, one after the other */
        const char *name = model->matrices[at].name;
        while (at < model->n_matrices && model->matrices[at].name == name)
            at++;
    }
    if (at == model->n_matrices)
        return false;
    const struct eng_named_matrix *first = &model->matrices[at];
    snprintf(tensor->name, sizeof tensor->name, "%s", first->name);
    tensor->type = first->w->traits->type;
    tensor->stored_type = first->stored_type;
    tensor->n_cols = first->w->n_cols;
    for (; at < model->n_matrices && model->matrices[at].name == first->name; at++) {
        tensor->n_rows += model->matrices[at].w->n_rows;
        tensor->n_bytes += model->matrices[at].w->data_bytes;
        tensor->stored_bytes += model->matrices[at].stored_bytes;
    }
    return true;
}

/* The type that every tensor gets, in the order of eng_model_tensor(); NULL = as stored. free() it. */
static int choose_types(const struct eng_model *m, const char *quant, const struct eng_type_traits ***to, struct eng_error *err)
{
    const struct eng_recipe *recipe;
    struct eng_tensor_info info;
    struct eng_method method;
    uint32_t n = 0;
    *to = NULL;
    int rc = quant ? eng_method_parse(ENG_FAMILY_QUANT, quant, &method, err) : ENG_OK;
    if (rc != ENG_OK || !quant || strcmp(method.info->name, "file") == 0)
        return rc;
    rc = eng_recipe_find(method.info->name, &recipe, err);
    if (rc != ENG_OK)
        return rc;
    while (eng_model_tensor(m, n, &info))
        n++;
    struct eng_tensor_info *infos = calloc(n, sizeof *infos);
    struct eng_recipe_tensor *tensor = calloc(n, sizeof *tensor);
    *to = calloc(n, sizeof **to);
    if (infos && tensor && *to) {
        for (uint32_t i = 0; i < n; i++) {
            (void)eng_model_tensor(m, i, &infos[i]);
            tensor[i] = (struct eng_recipe_tensor){.name = infos[i].name, .ne = {infos[i].n_cols, infos[i].n_rows, 1, 1}, .type = infos[i].type};
        }
        const struct eng_recipe_model model = {m->info.arch, m->hp.n_layers, m->hp.n_heads, m->hp.n_heads_kv, m->hp.moe.n_experts};
        rc = eng_recipe_choose(recipe, NULL, &model, tensor, n, err);
        for (uint32_t i = 0; i < n && rc == ENG_OK; i++) {
            (*to)[i] = eng_type_traits(tensor[i].to);
            if (!(*to)[i] || !(*to)[i]->encode)
                rc = eng_fail(err, ENG_ENOTSUP, "quant %s: this build does not write the type that %s needs", recipe->name, tensor[i].name);
        }
    } else {
        rc = eng_fail(err, ENG_ENOMEM, "quant %s: no memory", recipe->name);
    }
    free(infos);
    free(tensor);
    return rc;
}

struct preparation {
    struct eng_model *model;
    const struct eng_type_traits **to; /* of tensor i in the order of eng_model_tensor(); NULL: as stored */
    uint32_t n_done;                   /* tensors begun */
    struct eng_pool *pool;
    struct eng_error *err;
};

static bool is_mapped(const struct eng_model *m, const void *p)
{
    return m->map && (const char *)p >= (const char *)m->map && (const char *)p < (const char *)m->map + m->map_bytes;
}

/* The type of the next matrix, in order; counts tensors on the way. */
static const struct eng_type_traits *next_type(struct preparation *p, const struct eng_named_matrix *named)
{
    const bool is_view = named > p->model->matrices && named[-1].name == named->name; /* a further part of one tensor */
    p->n_done += !is_view;
    return p->to ? p->to[p->n_done - 1] : named->w->traits;
}

/* As it is executed now. */
static void count_executed(struct eng_model *m, const struct eng_named_matrix *named)
{
    const struct eng_matrix *w = named->w;
    const bool is_view = named > m->matrices && named[-1].name == named->name;
    eng_share_add(m->info.executed, w->traits->type, !is_view, (uint64_t)w->n_rows * w->n_cols, w->data_bytes);
    m->info.weight_bytes += w->data_bytes;
}

static int prepare(struct preparation *p, struct eng_named_matrix *named)
{
    struct eng_matrix *w = named->w;
    const void *stored = w->data;
    size_t stored_bytes = w->data_bytes;
    int rc = eng_matrix_requantize(w, next_type(p, named), p->pool, p->err);
    if (rc == ENG_OK)
        count_executed(p->model, named);
    if (rc == ENG_OK && named->multiplied)
        rc = eng_matrix_pack(w, p->pool, p->err);
    if (rc == ENG_OK && (w->packed || w->owned) && is_mapped(p->model, stored))
        eng_mapped_drop(stored, stored_bytes);
    return rc;
}

/* What is looked up stays in its plain layout; a tied embedding is both. And what the file held, before any of it changes. */
static void mark_roles(struct eng_model *m)
{
    for (uint32_t i = 0; i < m->n_matrices; i++) {
        struct eng_named_matrix *named = &m->matrices[i];
        const bool tied = m->info.tied_head && named->w == &m->token_embd;
        named->w->index = i;
        named->stored_type = named->w->traits->type;
        named->stored_bytes = named->w->data_bytes;
        named->multiplied = tied || (named->w != &m->token_embd && named->w != &m->position_embd);
    }
}

static int prepare_all(struct preparation *p)
{
    struct eng_model *m = p->model;
    int rc = ENG_OK;
    mark_roles(m);
    for (uint32_t i = 0; i < m->n_matrices && rc == ENG_OK; i++)
        rc = prepare(p, &m->matrices[i]);
    if (rc == ENG_OK && m->info.tied_head)
        m->output = m->token_embd; /* a view: the embedding owns the bytes, packed or not */
    return rc;
}

int eng_weights_prepare(struct eng_model *model, const char *quant, uint32_t n_threads, const char *cpu_mask, struct eng_error *err)
{
    struct preparation p = {.model = model, .err = err};
    int rc = choose_types(model, quant, &p.to, err);
    if (rc == ENG_OK)
        rc = eng_pool_open_masked(&p.pool, n_threads ? n_threads : 1, cpu_mask, err);
    if (rc == ENG_OK)
        rc = prepare_all(&p);
    eng_pool_close(p.pool);
    free(p.to);
    return rc;
}

/* prepare() without doing it: the pages of the file are resident while they are read, and given back if there is a copy. */
static int measure(struct preparation *p, const struct eng_named_matrix *named, struct eng_weights_need *need)
{
    struct eng_matrix *w = named->w;
    const struct eng_type_traits *to = next_type(p, named);
    const uint64_t mapped = is_mapped(p->model, w->data) ? w->data_bytes : 0;
    const bool changes = to != w->traits;
    w->data_bytes = eng_matrix_bytes_as(w, to);
    w->traits = to;
    count_executed(p->model, named);
    const uint64_t owned = changes ? w->data_bytes : 0, packed = named->multiplied ? eng_matrix_pack_bytes(w) : 0;
    if (w->data_bytes == 0 || packed == SIZE_MAX)
        return eng_fail(p->err, ENG_EFORMAT, "%s as %s: too large", named->name, to->name);
    const uint64_t now = need->held_bytes + (owned || packed ? mapped : 0) + owned + packed;
    need->load_bytes = now > need->load_bytes ? now : need->load_bytes;
    if (!owned && (packed || !named->multiplied) && (w == &p->model->token_embd || w == &p->model->position_embd))
        need->rows_bytes += mapped;
    need->held_bytes += packed ? packed : owned ? owned : named->multiplied ? mapped : 0;
    return ENG_OK;
}

int eng_weights_measure(struct eng_model *model, const char *quant, struct eng_weights_need *need, struct eng_error *err)
{
    struct preparation p = {.model = model, .err = err};
    int rc = choose_types(model, quant, &p.to, err);
    *need = (struct eng_weights_need){0};
    mark_roles(model);
    for (uint32_t i = 0; i < model->n_matrices && rc == ENG_OK; i++)
        rc = measure(&p, &model->matrices[i], need);
    free(p.to);
    return rc;
}

uint64_t eng_weights_settle(struct eng_model *model)
{
    struct eng_memory_range *range = calloc(model->n_matrices ? model->n_matrices : 1, sizeof *range);
    uint64_t n_bytes = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < model->n_matrices && range; i++) { /* what the file's mapping holds stays there */
        const struct eng_matrix *w = model->matrices[i].w;
        const uintptr_t begin = (uintptr_t)(w->packed ? w->packed : w->owned);
        if (begin)
            range[n++] = (struct eng_memory_range){begin, begin + (w->packed ? w->packed_bytes : w->data_bytes)};
    }
    if (range)
        n_bytes = eng_huge_pages_gather(range, n);
    free(range);
    return n_bytes;
}

void eng_weights_release(struct eng_model *model)
{
    for (uint32_t i = 0; i < model->n_matrices; i++)
        eng_matrix_release(model->matrices[i].w);
}
