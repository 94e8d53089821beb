/* weights.c - see weights.h. One matrix at a time, so that the peak is the model plus one matrix. */
#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/mapped_file.h"
#include "quantize/recipe.h"

enum { N_SHARES = 8 };

void eng_share_add(struct eng_type_share share[N_SHARES], enum eng_type type, uint64_t n_weights, uint64_t n_bytes)
{
    int i = 0;
    while (i < N_SHARES - 1 && share[i].n_tensors && share[i].type != type)
        i++;
    if (!share[i].n_tensors)
        share[i].type = type;
    share[i].n_tensors++;
    share[i].n_weights += n_weights;
    share[i].n_bytes += n_bytes;
}

void eng_count_vector(struct eng_model *model, uint64_t n)
{
    eng_share_add(model->info.executed, ENG_TYPE_F32, n, n * sizeof(float));
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

/* The matrices of a layer, by position: the only list of them. eng_model_tensor() and prepare_all() go in the same order. */
enum { LAYER_MATRICES = 7 };

static struct eng_matrix *layer_matrix(struct eng_layer *layer, int i)
{
    struct eng_matrix *const all[LAYER_MATRICES] = {&layer->attn_q,   &layer->attn_k, &layer->attn_v,  &layer->attn_output,
                                                    &layer->ffn_gate, &layer->ffn_up, &layer->ffn_down};
    return all[i];
}

static const char *const layer_names[LAYER_MATRICES] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

bool eng_model_tensor(const struct eng_model *model, uint32_t i, struct eng_tensor_info *tensor)
{
    const uint64_t n_layered = (uint64_t)model->hp.n_layers * LAYER_MATRICES;
    const struct eng_matrix *w = &model->token_embd;
    *tensor = (struct eng_tensor_info){.name = "token_embd.weight"};
    if (i > n_layered + !model->info.tied_head)
        return false;
    if (i > n_layered) {
        w = &model->output;
        snprintf(tensor->name, sizeof tensor->name, "output.weight");
    } else if (i > 0) {
        const uint32_t i_layer = (i - 1) / LAYER_MATRICES, k = (i - 1) % LAYER_MATRICES;
        w = layer_matrix(&model->layers[i_layer], (int)k);
        snprintf(tensor->name, sizeof tensor->name, "blk.%u.%s.weight", i_layer, layer_names[k]);
    }
    tensor->type = w->traits->type;
    tensor->n_rows = w->n_rows;
    tensor->n_cols = w->n_cols;
    tensor->n_bytes = w->data_bytes;
    return true;
}

/* The type that every matrix gets, in the order of eng_model_tensor(); NULL = as stored. free() it. */
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
        const struct eng_recipe_model model = {m->info.arch, m->hp.n_layers, m->hp.n_heads, m->hp.n_heads_kv, 0};
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
    const struct eng_type_traits **to; /* of matrix i in the order of eng_model_tensor(); NULL: as stored */
    uint32_t i;                        /* the next one */
    struct eng_pool *pool;
    struct eng_error *err;
};

static bool is_mapped(const struct eng_model *m, const void *p)
{
    return m->map && (const char *)p >= (const char *)m->map && (const char *)p < (const char *)m->map + m->map_bytes;
}

/* @multiplied: used in matmul; a matrix that is only looked up stays in its plain layout. */
static int prepare(struct preparation *p, struct eng_matrix *w, bool multiplied)
{
    const void *stored = w->data;
    size_t stored_bytes = w->data_bytes;
    int rc = p->to ? eng_matrix_requantize(w, p->to[p->i++], p->pool, p->err) : ENG_OK;
    if (rc == ENG_OK) {
        eng_share_add(p->model->info.executed, w->traits->type, (uint64_t)w->n_rows * w->n_cols, w->data_bytes);
        p->model->info.weight_bytes += w->data_bytes;
    }
    if (rc == ENG_OK && multiplied)
        rc = eng_matrix_pack(w, p->pool, p->err);
    if (rc == ENG_OK && (w->packed || w->owned) && is_mapped(p->model, stored))
        eng_mapped_drop(stored, stored_bytes);
    return rc;
}

static int prepare_all(struct preparation *p)
{
    struct eng_model *m = p->model;
    int rc = prepare(p, &m->token_embd, m->info.tied_head);
    for (uint32_t i = 0; i < m->hp.n_layers; i++) {
        for (int k = 0; k < LAYER_MATRICES && rc == ENG_OK; k++)
            rc = prepare(p, layer_matrix(&m->layers[i], k), true);
    }
    if (rc != ENG_OK)
        return rc;
    if (!m->info.tied_head)
        return prepare(p, &m->output, true);
    m->output = m->token_embd; /* a view: the embedding owns the bytes, packed or not */
    return ENG_OK;
}

int eng_weights_prepare(struct eng_model *model, const char *quant, uint32_t n_threads, struct eng_error *err)
{
    struct preparation p = {.model = model, .err = err};
    int rc = choose_types(model, quant, &p.to, err);
    if (rc == ENG_OK)
        rc = eng_pool_open(&p.pool, n_threads ? n_threads : 1, err);
    if (rc == ENG_OK)
        rc = prepare_all(&p);
    eng_pool_close(p.pool);
    free(p.to);
    return rc;
}

void eng_weights_release(struct eng_model *model)
{
    if (!model->info.tied_head)
        eng_matrix_release(&model->output);
    eng_matrix_release(&model->token_embd);
    for (uint32_t i = 0; model->layers && i < model->hp.n_layers; i++) {
        for (int k = 0; k < LAYER_MATRICES; k++)
            eng_matrix_release(layer_matrix(&model->layers[i], k));
    }
}
