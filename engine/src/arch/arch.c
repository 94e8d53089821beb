/* arch.c - the registry of families, and the tensors that all of them have. */
#include "arch/arch.h"

#include <inttypes.h>
#include <string.h>

#include "arch/load.h"

static const struct eng_arch *const archs[] = {
#define ARCH(id) &eng_arch_##id,
#include "arch/archs.def"
#undef ARCH
};

enum { N_ARCHS = sizeof archs / sizeof *archs };

const struct eng_arch *eng_arch_find(const char *name)
{
    for (size_t i = 0; i < N_ARCHS; i++)
        if (strcmp(archs[i]->name, name) == 0)
            return archs[i];
    return NULL;
}

char *eng_arch_names(char *buf, size_t cap)
{
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < N_ARCHS; i++) {
        const size_t n = strlen(archs[i]->name);
        if (at + n + 3 > cap)
            break;
        memcpy(buf + at, ", ", 2);
        at += at > 0 ? 2 : 0;
        memcpy(buf + at, archs[i]->name, n + 1);
        at += n;
    }
    return buf;
}

/* ---- tensors ---- */

static void plain_norm(const struct eng_load *l, struct eng_norm *norm)
{
    const struct eng_hparams *hp = &l->m->hp;
    *norm = (struct eng_norm){.kind = hp->norm, .eps = hp->norm_eps, .n = hp->d_model, .n_weights = hp->d_model};
}

static void load_layer_norm(struct eng_load *l, uint32_t i, const char *name, enum eng_need need, struct eng_norm *norm)
{
    if (l->arch->flags & ENG_NORM_PLAIN)
        plain_norm(l, norm);
    else
        eng_load_norm(l, i, name, need, l->m->hp.d_model, norm);
}

static void load_norms(struct eng_load *l, uint32_t i)
{
    const unsigned flags = l->arch->flags;
    struct eng_layer *layer = &l->m->layers[i];
    if (!(flags & ENG_NO_PRE_NORM))
        load_layer_norm(l, i, "attn_norm", ENG_REQUIRED, &layer->attn_norm);
    if (flags & ENG_ATTN_NORM_2 && eng_load_has(l, i, "attn_norm_2.weight")) {
        layer->ffn_norm = layer->attn_norm;
        load_layer_norm(l, i, "attn_norm_2", ENG_REQUIRED, &layer->attn_norm);
    }
    if (flags & ENG_FFN_NORM_MAYBE && !eng_load_has(l, i, "ffn_norm.weight"))
        layer->parallel = true;
    else if (!(flags & (ENG_NO_PRE_NORM | ENG_NO_FFN_NORM)) && layer->channel)
        load_layer_norm(l, i, "ffn_norm", ENG_REQUIRED, &layer->ffn_norm);
    if (flags & ENG_POST_NORM) {
        load_layer_norm(l, i, "post_attention_norm", ENG_REQUIRED, &layer->attn_post_norm);
        load_layer_norm(l, i, "post_ffw_norm", ENG_REQUIRED, &layer->ffn_post_norm);
    }
}

static void load_layer(struct eng_load *l, uint32_t i)
{
    struct eng_layer *layer = &l->m->layers[i];
    if (l->arch->keys & ENG_KEYS_EXPERTS && i >= l->m->hp.moe.n_dense_lead && eng_load_has(l, i, "ffn_gate_inp.weight"))
        layer->channel = &eng_chan_moe;
    if (l->arch->layer)
        l->arch->layer(l, i);
    if (l->rc == ENG_OK && !layer->mixer)
        eng_load_fail(l, ENG_EFORMAT, "layer %" PRIu32 " has no attention heads", i);
    if (l->rc != ENG_OK)
        return;
    load_norms(l, i);
    layer->mixer->load(l, i);
    if (layer->channel && l->rc == ENG_OK)
        layer->channel->load(l, i);
}

/* Divisors of frequencies: a zero, a negative number or a NaN would turn every key into noise. */
static const float *load_rope_factors(struct eng_load *l, const char *name, uint32_t n)
{
    const float *factors = eng_load_vector(l, ENG_NO_LAYER, name, ENG_OPTIONAL, n);
    for (uint32_t i = 0; i < n && factors; i++)
        if (!(factors[i] > 0.0f && factors[i] < 1e9f))
            eng_load_fail(l, ENG_EFORMAT, "tensor '%s': factor %" PRIu32 " is %g, not a positive number", name, i, (double)factors[i]);
    return factors;
}

static void load_ends(struct eng_load *l)
{
    struct eng_model *m = l->m;
    struct eng_hparams *hp = &m->hp;
    const unsigned flags = l->arch->flags;
    eng_load_matrix(l, ENG_NO_LAYER, "token_embd.weight", ENG_REQUIRED, hp->n_vocab, hp->d_model, &m->token_embd);
    if (flags & ENG_POSITIONS && eng_load_matrix(l, ENG_NO_LAYER, "position_embd.weight", ENG_REQUIRED, hp->n_ctx_train, hp->d_model,
                                                 &m->position_embd))
        hp->n_positions = hp->n_ctx_train;
    if (flags & ENG_EMBD_NORM)
        load_layer_norm(l, ENG_NO_LAYER, "token_embd_norm", ENG_REQUIRED, &m->embd_norm);
    const uint32_t n_factors = hp->rope[0].n_rot / 2;
    if (n_factors > 0) {
        hp->rope[0].factors = load_rope_factors(l, "rope_freqs.weight", n_factors);
        if (!hp->rope[0].factors) {
            hp->rope[0].factors = load_rope_factors(l, "rope_factors_short.weight", n_factors);
            hp->rope[0].factors_long = load_rope_factors(l, "rope_factors_long.weight", n_factors);
        }
        if (!(l->arch->flags & ENG_LOCAL_UNSCALED)) {
            hp->rope[1].factors = hp->rope[0].factors;
            hp->rope[1].factors_long = hp->rope[0].factors_long;
        }
    }
}

static void load_head(struct eng_load *l)
{
    struct eng_model *m = l->m;
    const unsigned flags = l->arch->flags;
    load_layer_norm(l, ENG_NO_LAYER, l->arch->head_norm ? l->arch->head_norm : "output_norm", ENG_REQUIRED, &m->output_norm);
    if (!(flags & ENG_TIED))
        eng_load_matrix(l, ENG_NO_LAYER, "output.weight", flags & ENG_UNTIED ? ENG_REQUIRED : ENG_OPTIONAL, m->hp.n_vocab, m->hp.d_model,
                        &m->output);
    m->bias_output = eng_load_vector(l, ENG_NO_LAYER, "output.bias", flags & ENG_BIAS_HEAD ? ENG_REQUIRED : ENG_OPTIONAL, m->hp.n_vocab);
    m->info.tied_head = !m->output.data;
}

/* A tensor that nobody asked for means a variant of the architecture that would be computed wrongly. */
static void check_all_used(struct eng_load *l)
{
    for (uint64_t i = 0; i < l->g->n_tensors && l->rc == ENG_OK; i++) {
        const struct eng_gguf_tensor *t = &l->g->tensors[i];
        if (!l->used[i])
            eng_load_fail(l, ENG_ENOTSUP, "tensor '%.*s' at byte %" PRIu64 " is not part of the %s architecture as supported here",
                          (int)t->name.n, t->name.data, t->info_offset, l->arch->name);
    }
}

void eng_load_tensors(struct eng_load *l)
{
    load_ends(l);
    for (uint32_t i = 0; i < l->m->hp.n_layers && l->rc == ENG_OK; i++)
        load_layer(l, i);
    load_head(l);
    check_all_used(l);
}
