/*
 * exit_verify.c - self-speculation (Elhoushi et al. 2024, "LayerSkip: Enabling Early Exit Inference and Self-Speculative Decoding",
 * section 4.3; no training here): the first `layer` layers and the model's own head draft up to `draft` tokens; the other layers then
 * check all of them in one batch, which reads their weights once.
 *
 * The check reuses what drafting left: the hidden rows at the exit layer (they stay in s->x) and K and V of the first layers. Drafts
 * that the whole model would not have chosen are taken out of the cache by counting back.
 *
 * The text is that of plain greedy decoding, bit for bit: the first layers ran token by token anyway, and a batch of at most 16 rows
 * has the same bits as single rows (kernels/matmul.h, run/attn_kernel.h), so every logit that decides is the same number.
 * Cost of a round with d drafts, a accepted: (d + 1) layer/L of the layers one by one, d + 1 heads' worth of drafting and checking,
 * and one batch through the rest, for a + 1 tokens.
 */
#include "base/error.h"
#include "exit/exit.h"
#include "run/forward.h"

enum { LAYER, DRAFT };

static int check(const struct eng_method *method, const struct eng_model *model, struct eng_error *err)
{
    const uint32_t n_layers = model->hp.n_layers;
    if (eng_model_recurrent(model))
        return eng_fail(err, ENG_ENOTSUP, "verify takes drafts back, but %s keeps a running state that cannot go back", model->info.arch);
    if (n_layers < 2)
        return eng_fail(err, ENG_EINVAL, "verify needs a model of at least 2 layers; this one has %u", n_layers);
    if (method->value[LAYER] >= n_layers)
        return eng_fail(err, ENG_EINVAL, "verify: layer=%d is out of range for this model (1 to %u: it has %u layers)",
                        (int)method->value[LAYER], n_layers - 1, n_layers);
    return ENG_OK;
}

static int check_sampling(const struct eng_sampling *how, struct eng_error *err)
{
    if (how->temperature > 0)
        return eng_fail(err, ENG_ENOTSUP, "verify compares drafts with the greedy choice: use temperature 0, or early exit 'none'");
    return ENG_OK;
}

/* Run @last and the drafts that follow it through the first layers, one by one; rows 0..n_draft of s->x hold their hidden states. */
static int draft(struct eng_session *s, int32_t last, uint32_t n_draft, int32_t *drafted, struct eng_error *err)
{
    const uint32_t d = s->model->hp.d_model, n_vocab = s->model->hp.n_vocab, exit_layer = (uint32_t)s->exit_choice.value[LAYER];
    for (uint32_t i = 0; i <= n_draft; i++) {
        float *row = s->x + (size_t)i * d;
        const struct eng_batch_part part = {.pos = s->seq.n_seen[0] + i, .n = 1};
        const struct eng_batch batch = {.n = 1, .n_parts = 1, .part = &part};
        eng_forward_embed(s, i == 0 ? &last : &drafted[i - 1], &batch, row);
        eng_forward_layers(s, row, &batch, 0, exit_layer);
        if (i == n_draft)
            break; /* the last draft is only checked */
        eng_forward_head(s, row, 1, s->logits);
        const int rc = eng_logits_check(s, s->logits, s->seq.n_seen[0] + i, err);
        if (rc != ENG_OK)
            return rc;
        drafted[i] = eng_argmax(s->logits, n_vocab);
    }
    return ENG_OK;
}

static int step(struct eng_session *s, int32_t last, uint32_t n_max, const struct eng_sampling *how, uint64_t *rng, int32_t *out,
                uint32_t *n_out, struct eng_error *err)
{
    const uint32_t n_vocab = s->model->hp.n_vocab, room = eng_session_room(s);
    uint32_t n_draft = (uint32_t)s->exit_choice.value[DRAFT], n = 0;
    int32_t drafted[ENG_EXIT_MAX_OUT];
    (void)how;
    (void)rng;
    *n_out = 0;
    if (room == 0)
        return eng_fail(err, ENG_ELIMIT, "context full: all %u tokens used; open the session with a larger context", s->seq.n_seen[0]);
    n_draft = n_draft < n_max - 1 ? n_draft : n_max - 1; /* a round yields one token more than it drafts */
    n_draft = n_draft < room - 1 ? n_draft : room - 1;

    s->last_logits = NULL;
    const struct eng_batch_part part = {.pos = s->seq.n_seen[0], .n = n_draft + 1};
    const struct eng_batch batch = {.n = n_draft + 1, .n_parts = 1, .part = &part};
    int rc = eng_sequence_reserve(s, &batch, err);
    if (rc == ENG_OK)
        rc = draft(s, last, n_draft, drafted, err);
    if (rc != ENG_OK)
        return rc;
    eng_forward_layers(s, s->x, &batch, (uint32_t)s->exit_choice.value[LAYER], s->model->hp.n_layers);
    eng_forward_head(s, s->x, n_draft + 1, s->logits);
    do { /* row n holds the whole model's logits after token n of the batch, right as long as all drafts before it were */
        s->last_logits = s->logits + (size_t)n * n_vocab;
        rc = eng_logits_check(s, s->last_logits, s->seq.n_seen[0] + n, err);
        if (rc != ENG_OK)
            break;
        out[n] = eng_argmax(s->last_logits, n_vocab);
    } while (n++ < n_draft && out[n - 1] == drafted[n - 1]);
    s->seq.n_seen[0] += n;
    s->n_drafted += n_draft;
    s->n_accepted += n > 0 ? n - 1 : 0;
    *n_out = n;
    return rc;
}

static const struct eng_method_param params[] = {
    {.name = "layer", .def = 20, .min = 1, .max = 1023, .help = "layers that draft; less than the model has"},
    {.name = "draft", .def = 4, .min = 1, .max = ENG_EXIT_MAX_OUT - 1, .help = "tokens drafted before they are checked"},
    {.name = NULL},
};

const struct eng_exit_ops eng_exit_verify = {
    .info = {.name = "verify", .summary = "self-speculation: the first layers draft, the others check; the text is that of greedy decoding",
             .params = params},
    .check = check,
    .check_sampling = check_sampling,
    .step = step,
};
