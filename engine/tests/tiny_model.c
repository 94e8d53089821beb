/* tiny_model.c - see tiny_model.h. */
#include "tiny_model.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static float uniform(uint64_t *state) /* in [-1, 1) */
{
    return (float)(next(state) >> 40) * 0x1p-23f - 1.0f;
}

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static float *random_vector(size_t n, float middle, float spread, uint64_t *rng)
{
    float *x = must(malloc(n * sizeof *x));
    for (size_t i = 0; i < n; i++)
        x[i] = middle + spread * uniform(rng);
    return x;
}

/* As the loader does: packed for the kernel set in use, so that these models run the kernels that real ones run. */
static void pack(struct eng_matrix *w)
{
    struct eng_pool *pool;
    if (eng_pool_open(&pool, 1, NULL) != ENG_OK || eng_matrix_pack(w, pool, NULL) != ENG_OK)
        abort();
    eng_pool_close(pool);
}

static void random_matrix(struct eng_matrix *w, enum eng_type type, size_t n_rows, size_t n_cols, float scale, uint64_t *rng)
{
    const struct eng_type_traits *traits = must((void *)(uintptr_t)eng_type_traits(type));
    const size_t row_bytes = eng_type_row_bytes(traits, n_cols);
    uint8_t *data = must(aligned_alloc(64, (n_rows * row_bytes + 127) / 64 * 64));
    struct eng_error err;
    for (size_t r = 0; r < n_rows; r++) {
        float *row = random_vector(n_cols, 0, scale * sqrtf(3.0f / (float)n_cols), rng);
        traits->encode(row, data + r * row_bytes, n_cols);
        free(row);
    }
    if (eng_matrix_init(w, traits, n_rows, n_cols, data, &err) != ENG_OK)
        abort();
    pack(w);
}

static struct tiny_shape with_defaults(struct tiny_shape s)
{
    s.n_layers = s.n_layers ? s.n_layers : 3;
    s.d_model = s.d_model ? s.d_model : 64;
    s.n_heads = s.n_heads ? s.n_heads : 6;
    s.n_heads_kv = s.n_heads_kv ? s.n_heads_kv : 2;
    s.d_head = s.d_head ? s.d_head : 16;
    s.d_ff = s.d_ff ? s.d_ff : 96;
    s.n_vocab = s.n_vocab ? s.n_vocab : 96;
    s.n_rope = s.n_rope ? s.n_rope : s.d_head;
    s.n_ctx_train = s.n_ctx_train ? s.n_ctx_train : 256;
    s.rope_scale = s.rope_scale > 0 ? s.rope_scale : 1;
    s.deep_scale = s.deep_scale > 0 ? s.deep_scale : 1;
    return s;
}

static struct eng_norm random_norm(uint32_t n, uint64_t *rng)
{
    return (struct eng_norm){.kind = ENG_NORM_RMS, .eps = 1e-5f, .n = n, .n_weights = n, .w = random_vector(n, 1, 0.3f, rng)};
}

static void list(struct eng_model *m, struct eng_matrix *w)
{
    if (eng_model_add_matrix(m, "tiny", w, NULL) != ENG_OK)
        abort();
    m->matrices[m->n_matrices - 1].multiplied = true;
}

static void list_layer(struct eng_model *m, struct eng_layer *l)
{
    struct eng_matrix *const matrices[] = {&l->attn_q, &l->attn_k, &l->attn_v, &l->attn_output, &l->ffn_gate, &l->ffn_up, &l->ffn_down};
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        list(m, matrices[i]);
}

static void fill_layer(struct eng_layer *l, const struct tiny_shape *s, float scale, uint64_t *rng)
{
    const uint32_t q_dim = s->n_heads * s->d_head, kv_dim = s->n_heads_kv * s->d_head;
    l->attn.n_heads = s->n_heads;
    l->attn.n_heads_kv = s->n_heads_kv;
    l->d_ff = s->d_ff;
    l->attn_norm = random_norm(s->d_model, rng);
    l->ffn_norm = random_norm(s->d_model, rng);
    random_matrix(&l->attn_q, s->type, q_dim, s->d_model, 2, rng); /* 2: attention that is far from uniform */
    random_matrix(&l->attn_k, s->type, kv_dim, s->d_model, 1, rng);
    random_matrix(&l->attn_v, s->type, kv_dim, s->d_model, 1, rng);
    random_matrix(&l->attn_output, s->type, s->d_model, q_dim, scale, rng);
    random_matrix(&l->ffn_gate, s->type, s->d_ff, s->d_model, 1, rng);
    random_matrix(&l->ffn_up, s->type, s->d_ff, s->d_model, 1, rng);
    random_matrix(&l->ffn_down, s->type, s->d_model, s->d_ff, scale, rng);
    if (!s->bias)
        return;
    l->bias_q = random_vector(q_dim, 0, 0.2f, rng);
    l->bias_k = random_vector(kv_dim, 0, 0.2f, rng);
    l->bias_v = random_vector(kv_dim, 0, 0.2f, rng);
    l->bias_o = random_vector(s->d_model, 0, 0.2f, rng);
}

static struct eng_vocab *number_vocab(uint32_t n, int32_t eog)
{
    struct eng_vocab *v = must(calloc(1, sizeof *v));
    v->n_tokens = v->n_symbols = n;
    v->pieces = must(calloc(n, sizeof *v->pieces));
    v->bos = v->eos = v->pad = v->replacement = -1;
    for (uint32_t i = 0; i < n; i++) {
        char *text = must(malloc(12));
        v->pieces[i] = (struct eng_piece){.data = text, .n = (uint32_t)sprintf(text, "%u ", i), .kind = ENG_TOKEN_NORMAL,
                                          .is_eog = eog > 0 && (int32_t)i == eog};
    }
    return v;
}

struct eng_model *tiny_model_new(const struct tiny_shape *shape)
{
    const struct tiny_shape s = with_defaults(*shape);
    uint64_t rng = s.seed * 7919 + 1;
    struct eng_model *m = must(calloc(1, sizeof *m));
    float *factors = NULL;
    if (s.rope_factors) {
        factors = random_vector(s.n_rope / 2, 3, 1.5f, &rng);
        factors[0] = 1;
    }
    m->arena = must(eng_arena_new());
    m->hp = (struct eng_hparams){
        .n_layers = s.n_layers, .n_ctx_train = s.n_ctx_train, .d_model = s.d_model, .n_heads = s.n_heads, .n_heads_kv = s.n_heads_kv,
        .d_head = s.d_head, .d_value = s.d_head, .d_ff = s.d_ff, .n_vocab = s.n_vocab, .norm = ENG_NORM_RMS, .norm_eps = 1e-5f,
        .rope = {{.kind = ENG_ROPE_PAIRS, .n_rot = s.n_rope, .base = 10000, .scale = s.rope_scale, .magnitude = 1, .factors = factors}},
        .embd_scale = 1, .residual_scale = 1, .logit_scale = 1};
    m->vocab = number_vocab(s.n_vocab, s.eog);
    m->info.n_vocab = s.n_vocab;
    m->info.n_layers = s.n_layers;
    m->info.tied_head = !s.untied;
    random_matrix(&m->token_embd, s.type, s.n_vocab, s.d_model, 1, &rng);
    list(m, &m->token_embd);
    m->output_norm = random_norm(s.d_model, &rng);
    m->layers = must(calloc(s.n_layers, sizeof *m->layers));
    for (uint32_t i = 0; i < s.n_layers; i++) {
        fill_layer(&m->layers[i], &s, i == 0 ? 1 : s.deep_scale, &rng);
        eng_layer_defaults(&m->hp, &m->layers[i], false);
        list_layer(m, &m->layers[i]);
    }
    if (s.untied)
        random_matrix(&m->output, s.type, s.n_vocab, s.d_model, 1, &rng);
    else
        m->output = m->token_embd;
    return m;
}

static void drop_matrix(struct eng_matrix *w)
{
    void *data = (void *)(uintptr_t)w->data;
    eng_matrix_release(w);
    free(data);
}

static void drop(const float *x)
{
    free((void *)(uintptr_t)x);
}

void tiny_model_free(struct eng_model *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->hp.n_layers; i++) {
        struct eng_layer *l = &m->layers[i];
        struct eng_matrix *const matrices[] = {&l->attn_q, &l->attn_k, &l->attn_v, &l->attn_output, &l->ffn_gate, &l->ffn_up, &l->ffn_down};
        const float *const vectors[] = {l->attn_norm.w, l->ffn_norm.w, l->bias_q, l->bias_k, l->bias_v, l->bias_o};
        for (size_t j = 0; j < 7; j++)
            drop_matrix(matrices[j]);
        for (size_t j = 0; j < 6; j++)
            drop(vectors[j]);
    }
    if (!m->info.tied_head)
        drop_matrix(&m->output);
    drop_matrix(&m->token_embd);
    drop(m->output_norm.w);
    drop(m->hp.rope[0].factors);
    eng_arena_free(m->arena);
    for (uint32_t i = 0; i < m->vocab->n_tokens; i++)
        free((void *)(uintptr_t)m->vocab->pieces[i].data);
    free(m->vocab->pieces);
    free(m->vocab);
    free(m->layers);
    free(m);
}

void tiny_tokens(uint32_t n_vocab, uint64_t seed, int32_t *ids, size_t n)
{
    uint64_t rng = seed + 12345;
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(next(&rng) % n_vocab);
}
