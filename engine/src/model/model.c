/* model.c - open, close, facts. The format is told by its first bytes. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model/open.h"
#include "model/weights.h"

static void mark(const struct eng_model_params *params, enum eng_mark what)
{
    if (params->observer.mark)
        params->observer.mark(params->observer.user, what, 0, 0, eng_clock_ns());
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), n_tail = strlen(tail);
    return n >= n_tail && strcmp(text + n - n_tail, tail) == 0;
}

void eng_fill_info(struct eng_model *model)
{
    struct eng_model_info *info = &model->info;
    const struct eng_hparams *hp = &model->hp;
    info->n_layers = hp->n_layers;
    info->n_ctx_train = hp->n_ctx_train;
    info->d_model = hp->d_model;
    info->n_heads = hp->n_heads;
    info->n_heads_kv = hp->n_heads_kv;
    info->d_head = hp->d_head;
    info->d_ff = hp->d_ff;
    info->n_vocab = hp->n_vocab;
    info->bos = model->vocab->bos;
    info->eos = model->vocab->eos;
    info->pad = model->vocab->pad;
    info->add_bos = model->vocab->add_bos;
}

/* @need: NULL, or only sizes are wanted: no weight is read. */
static int load(struct eng_model *m, const char *path, const struct eng_model_params *params, struct eng_weights_need *need, struct eng_error *err)
{
    struct eng_mapped_file file;
    int rc = eng_mapped_file_open(&file, path, err);
    if (rc != ENG_OK)
        return rc;
    m->map = (void *)(uintptr_t)file.data; /* unmapped by eng_model_close() */
    m->map_bytes = file.n_bytes;
    m->info.file_bytes = file.n_bytes;
    m->vocab_only = params->vocab_only;
    if (file.n_bytes && !m->vocab_only && !need)
        (void)madvise(m->map, m->map_bytes, MADV_WILLNEED);
    bool is_gguf = file.n_bytes >= 4 && memcmp(file.data, "GGUF", 4) == 0;
    struct eng_opening rest = {0};
    const bool beside = params->n_threads > 1 && !m->vocab_only && !need;
    rc = !is_gguf && ends_with(path, ".bin") ? eng_open_llama2c(m, &file, path, err) : eng_open_gguf(m, &file, beside ? &rest : NULL, err);
    if (rc == ENG_OK && need)
        rc = eng_weights_measure(m, params->quant, need, err);
    else if (rc == ENG_OK && !m->vocab_only)
        rc = eng_weights_prepare(m, params->quant, params->n_threads, params->cpu_mask, err);
    rc = eng_open_gguf_end(m, &rest, rc, err);
    eng_share_sort(m->info.stored);
    eng_share_sort(m->info.executed);
    return rc;
}

static int open_as(struct eng_model **out, const char *path, const struct eng_model_params *params, struct eng_weights_need *need,
                   struct eng_error *err)
{
    static const struct eng_model_params defaults;
    if (!params)
        params = &defaults;
    *out = NULL;
    struct eng_model *m = calloc(1, sizeof *m);
    if (m)
        m->arena = eng_arena_new();
    if (!m || !m->arena) {
        free(m);
        return eng_fail(err, ENG_ENOMEM, "%s: no memory", path);
    }
    mark(params, ENG_MARK_LOAD_BEGIN);
    int rc = load(m, path, params, need, err);
    mark(params, ENG_MARK_LOAD_END);
    if (rc == ENG_OK)
        *out = m;
    else
        eng_model_close(m);
    return rc;
}

int eng_model_open(struct eng_model **out, const char *path, const struct eng_model_params *params, struct eng_error *err)
{
    return open_as(out, path, params, NULL, err);
}

int eng_model_measure(struct eng_model **out, const char *path, const struct eng_model_params *params, struct eng_weights_need *need,
                      struct eng_error *err)
{
    return open_as(out, path, params, need, err);
}

uint64_t eng_model_own_bytes(const struct eng_model *model)
{
    const char *const begin = model->map;
    uint64_t header_bytes = model->map_bytes;
    for (uint32_t i = 0; i < model->n_matrices; i++) { /* what lies before the first weight has been read */
        const char *data = model->matrices[i].w->data;
        if (data >= begin && data < begin + header_bytes)
            header_bytes = (uint64_t)(data - begin);
    }
    return header_bytes + eng_arena_bytes(model->arena) + eng_arena_bytes(model->vocab_arena);
}

void eng_model_close(struct eng_model *model)
{
    if (!model)
        return;
    eng_weights_release(model);
    eng_vocab_release(model->vocab);
    eng_arena_free(model->vocab_arena);
    eng_arena_free(model->arena);
    if (model->map)
        munmap(model->map, model->map_bytes);
    free(model);
}

uint64_t eng_model_settle(struct eng_model *model)
{
    return eng_weights_settle(model);
}

const struct eng_model_info *eng_model_info(const struct eng_model *model)
{
    return &model->info;
}
