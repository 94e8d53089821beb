/* open_llama2c.c - llama2.c's first ("legacy", version 0) checkpoint format (Karpathy 2023, run.c): seven int32, then float32
 * weights without names, in a fixed order. stories260K.bin is of this kind. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "model/open.h"
#include "model/weights.h"

enum { HEADER_BYTES = 28, MAX_WIDTH = 1 << 20, MAX_LAYERS = 1 << 12, MAX_CONTEXT = 1 << 24 };

struct cursor {
    const struct eng_mapped_file *file;
    size_t pos;
    struct eng_model *m;
    struct eng_error *err;
};

/* The next @n floats. Counts are bounded by the header check, so n does not overflow. */
static int take(struct cursor *c, uint64_t n, const char *what, const float **out)
{
    if (n > (c->file->n_bytes - c->pos) / sizeof(float)) {
        return eng_fail(c->err, ENG_EFORMAT, "%s: truncated: %s at byte %zu needs %" PRIu64 " floats, the file ends at byte %zu",
                        c->file->label, what, c->pos, n, c->file->n_bytes);
    }
    *out = (const float *)(const void *)(c->file->data + c->pos);
    c->pos += (size_t)n * sizeof(float);
    return ENG_OK;
}

static void count(struct eng_model *m, uint64_t n)
{
    m->info.n_params += n;
    eng_share_add(m->info.stored, ENG_TYPE_F32, 1, n, n * sizeof(float));
}

/* One matrix per layer, all layers after each other; @offset of the field in struct eng_layer. */
static int take_matrices(struct cursor *c, size_t offset, uint32_t n_rows, uint32_t n_cols, const char *what)
{
    int rc = ENG_OK;
    for (uint32_t i = 0; i < c->m->hp.n_layers && rc == ENG_OK; i++) {
        const float *data = NULL;
        rc = take(c, (uint64_t)n_rows * n_cols, what, &data);
        if (rc == ENG_OK)
            rc = eng_matrix_init((void *)((char *)&c->m->layers[i] + offset), eng_type_traits(ENG_TYPE_F32), n_rows, n_cols, data, c->err);
        if (rc == ENG_OK)
            count(c->m, (uint64_t)n_rows * n_cols);
    }
    return rc;
}

static int take_norm(struct cursor *c, uint32_t n, const char *what, struct eng_norm *norm)
{
    *norm = (struct eng_norm){.kind = ENG_NORM_RMS, .eps = c->m->hp.norm_eps, .n = n, .n_weights = n};
    int rc = take(c, n, what, &norm->w);
    if (rc != ENG_OK)
        return rc;
    count(c->m, n);
    eng_count_vector(c->m, n);
    return ENG_OK;
}

static int take_layers(struct cursor *c)
{
    const struct eng_hparams *hp = &c->m->hp;
    struct eng_layer *layers = c->m->layers;
    uint32_t d_kv = hp->n_heads_kv * hp->d_head, d = hp->d_model;
    int rc = ENG_OK;
    for (uint32_t i = 0; i < hp->n_layers && rc == ENG_OK; i++)
        rc = take_norm(c, d, "attention norm", &layers[i].attn_norm);
    if (rc == ENG_OK)
        rc = take_matrices(c, offsetof(struct eng_layer, attn_q), d, d, "attention q");
    if (rc == ENG_OK)
        rc = take_matrices(c, offsetof(struct eng_layer, attn_k), d_kv, d, "attention k");
    if (rc == ENG_OK)
        rc = take_matrices(c, offsetof(struct eng_layer, attn_v), d_kv, d, "attention v");
    if (rc == ENG_OK)
        rc = take_matrices(c, offsetof(struct eng_layer, attn_output), d, d, "attention output");
    for (uint32_t i = 0; i < hp->n_layers && rc == ENG_OK; i++)
        rc = take_norm(c, d, "feed-forward norm", &layers[i].ffn_norm);
    if (rc == ENG_OK)
        rc = take_matrices(c, offsetof(struct eng_layer, ffn_gate), hp->d_ff, d, "feed-forward w1");
    if (rc == ENG_OK)
        rc = take_matrices(c, offsetof(struct eng_layer, ffn_down), d, hp->d_ff, "feed-forward w2");
    if (rc == ENG_OK)
        rc = take_matrices(c, offsetof(struct eng_layer, ffn_up), hp->d_ff, d, "feed-forward w3");
    return rc;
}

static int take_embedding(struct cursor *c, const char *what, struct eng_matrix *w)
{
    const struct eng_hparams *hp = &c->m->hp;
    const float *data = NULL;
    int rc = take(c, (uint64_t)hp->n_vocab * hp->d_model, what, &data);
    if (rc != ENG_OK)
        return rc;
    count(c->m, (uint64_t)hp->n_vocab * hp->d_model);
    return eng_matrix_init(w, eng_type_traits(ENG_TYPE_F32), hp->n_vocab, hp->d_model, data, c->err);
}

static int take_weights(struct cursor *c)
{
    const struct eng_hparams *hp = &c->m->hp;
    const float *tables = NULL;
    int rc = take_embedding(c, "token embedding", &c->m->token_embd);
    if (rc == ENG_OK)
        rc = take_layers(c);
    if (rc == ENG_OK)
        rc = take_norm(c, hp->d_model, "final norm", &c->m->output_norm);
    /* cosines and sines of the rotation, stored but recomputed by everyone */
    if (rc == ENG_OK)
        rc = take(c, (uint64_t)hp->n_ctx_train * hp->d_head, "rotation tables", &tables);
    if (rc == ENG_OK && !c->m->info.tied_head)
        rc = take_embedding(c, "classifier", &c->m->output);
    if (rc == ENG_OK && c->pos != c->file->n_bytes) {
        rc = eng_fail(c->err, ENG_EFORMAT, "%s: %zu bytes follow the weights, which end at byte %zu", c->file->label,
                      c->file->n_bytes - c->pos, c->pos);
    }
    return rc;
}

/* dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size (negative: own classifier), seq_len */
static int read_header(struct cursor *c)
{
    int32_t h[7];
    struct eng_hparams *hp = &c->m->hp;
    const char *label = c->file->label;
    if (c->file->n_bytes < HEADER_BYTES)
        return eng_fail(c->err, ENG_EFORMAT, "%s: %zu bytes is too short for GGUF or a llama2.c checkpoint", label, c->file->n_bytes);
    memcpy(h, c->file->data, HEADER_BYTES);
    c->pos = HEADER_BYTES;
    c->m->info.tied_head = h[5] > 0;
    int64_t n_vocab = h[5] < 0 ? -(int64_t)h[5] : h[5];
    const struct {
        const char *name;
        int64_t value, max;
    } checks[] = {{"dim", h[0], MAX_WIDTH},      {"hidden_dim", h[1], MAX_WIDTH}, {"n_layers", h[2], MAX_LAYERS},
                  {"n_heads", h[3], MAX_WIDTH},  {"n_kv_heads", h[4], MAX_WIDTH}, {"vocab_size", n_vocab, MAX_CONTEXT},
                  {"seq_len", h[6], MAX_CONTEXT}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i].value < 1 || checks[i].value > checks[i].max) {
            return eng_fail(c->err, ENG_EFORMAT,
                            "%s: neither GGUF nor a llama2.c checkpoint: %s at byte %zu is %" PRId64 ", not from 1 to %" PRId64, label,
                            checks[i].name, 4 * i, checks[i].value, checks[i].max);
        }
    }
    if (h[0] % h[3] != 0 || h[0] / h[3] % 2 != 0 || h[3] % h[4] != 0) {
        return eng_fail(c->err, ENG_EFORMAT, "%s: dim %" PRId32 ", n_heads %" PRId32 ", n_kv_heads %" PRId32 " at byte 0 do not divide",
                        label, h[0], h[3], h[4]);
    }
    uint32_t d_head = (uint32_t)(h[0] / h[3]);
    *hp = (struct eng_hparams){.n_layers = (uint32_t)h[2],
                               .n_ctx_train = (uint32_t)h[6],
                               .d_model = (uint32_t)h[0],
                               .n_heads = (uint32_t)h[3],
                               .n_heads_kv = (uint32_t)h[4],
                               .d_head = d_head,
                               .d_ff = (uint32_t)h[1],
                               .n_vocab = (uint32_t)n_vocab,
                               .d_value = d_head,
                               .norm = ENG_NORM_RMS,
                               .norm_eps = 1e-5f,
                               .rope = {{.kind = ENG_ROPE_PAIRS, .n_rot = d_head, .base = 10000.0f, .scale = 1.0f, .magnitude = 1.0f}},
                               .embd_scale = 1.0f,
                               .residual_scale = 1.0f,
                               .logit_scale = 1.0f};
    return ENG_OK;
}

/* The format has no names; these are GGUF's, in the order of execution. */
static int list_matrices(struct eng_model *m, struct eng_error *err)
{
    static const struct {
        const char *name;
        size_t offset;
    } parts[] = {
        {"attn_q", offsetof(struct eng_layer, attn_q)},           {"attn_k", offsetof(struct eng_layer, attn_k)},
        {"attn_v", offsetof(struct eng_layer, attn_v)},           {"attn_output", offsetof(struct eng_layer, attn_output)},
        {"ffn_gate", offsetof(struct eng_layer, ffn_gate)},       {"ffn_up", offsetof(struct eng_layer, ffn_up)},
        {"ffn_down", offsetof(struct eng_layer, ffn_down)},
    };
    int rc = eng_model_add_matrix(m, "token_embd.weight", &m->token_embd, err);
    for (uint32_t i = 0; i < m->hp.n_layers; i++) {
        for (size_t k = 0; k < sizeof parts / sizeof *parts && rc == ENG_OK; k++) {
            char name[48];
            const int n = snprintf(name, sizeof name, "blk.%" PRIu32 ".%s.weight", i, parts[k].name);
            const char *kept = eng_arena_text(m->arena, name, (size_t)n);
            rc = kept ? eng_model_add_matrix(m, kept, (void *)((char *)&m->layers[i] + parts[k].offset), err)
                      : eng_fail(err, ENG_ENOMEM, "no memory for the names of matrices");
        }
    }
    return rc == ENG_OK && !m->info.tied_head ? eng_model_add_matrix(m, "output.weight", &m->output, err) : rc;
}

/* The tokenizer is a second file in the same folder. */
static int load_vocab(struct eng_model *m, const char *path, struct eng_error *err)
{
    const char *slash = strrchr(path, '/');
    int n_dir = slash ? (int)(slash - path) + 1 : 0;
    char beside[4096], name[32], first[32] = "";
    struct eng_mapped_file file;
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, i == 0 ? "tok%" PRIu32 ".bin" : "tokenizer.bin", m->hp.n_vocab);
        if (i == 0)
            memcpy(first, name, sizeof first);
        if (snprintf(beside, sizeof beside, "%.*s%s", n_dir, path, name) >= (int)sizeof beside)
            continue;
        if (eng_mapped_file_open(&file, beside, NULL) != ENG_OK)
            continue;
        int rc = eng_vocab_from_llama2c(&m->vocab, &file, m->hp.n_vocab, m->arena, err);
        eng_mapped_file_close(&file);
        return rc;
    }
    return eng_fail(err, ENG_EIO, "no tokenizer beside the model: looked for %s and tokenizer.bin in %.*s", first, n_dir ? n_dir : 1,
                    n_dir ? path : ".");
}

int eng_open_llama2c(struct eng_model *model, const struct eng_mapped_file *file, const char *path, struct eng_error *err)
{
    struct cursor c = {.file = file, .m = model, .err = err};
    int rc = read_header(&c);
    if (rc != ENG_OK)
        return rc;
    model->layers = eng_arena_alloc(model->arena, model->hp.n_layers, sizeof *model->layers);
    if (!model->layers)
        return eng_fail(err, ENG_ENOMEM, "%s: no memory for the model", file->label);
    for (uint32_t i = 0; i < model->hp.n_layers; i++) {
        struct eng_layer *layer = &model->layers[i];
        layer->attn.n_heads = model->hp.n_heads;
        layer->attn.n_heads_kv = model->hp.n_heads_kv;
        layer->d_ff = model->hp.d_ff;
        eng_layer_defaults(&model->hp, layer, false);
    }
    rc = take_weights(&c);
    if (rc == ENG_OK)
        rc = list_matrices(model, err);
    if (rc == ENG_OK)
        rc = load_vocab(model, path, err);
    if (rc != ENG_OK)
        return rc;
    model->arch = eng_arch_find("llama");
    model->info.arch = "llama";
    model->info.tokenizer = "llama2c";
    model->info.name = model->info.pre = "";
    eng_fill_info(model);
    return ENG_OK;
}
