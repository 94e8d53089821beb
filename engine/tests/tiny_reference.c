/*
 * tiny_reference.c - the forward pass once more, slowly: double, no cache layout, no batches, nothing shared with src/run.
 * Keys are kept un-rotated and turned by their position among the kept tokens whenever they are used.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tiny_model.h"

struct ref {
    const struct eng_model *m;
    double *k, *v; /* [n_layers][n_tokens][kv_dim], not rotated */
    double *angle;
    uint32_t n_tokens, kv_dim, q_dim;
};

static double *zeros(size_t n)
{
    double *x = calloc(n + 1, sizeof *x);
    if (!x)
        abort();
    return x;
}

static void product(double *y, const struct eng_matrix *w, const double *x, const float *bias)
{
    float *row = malloc(w->n_cols * sizeof *row);
    for (size_t r = 0; r < w->n_rows; r++) {
        eng_matrix_row(w, r, row);
        y[r] = bias ? (double)bias[r] : 0;
        for (size_t c = 0; c < w->n_cols; c++)
            y[r] += (double)row[c] * x[c];
    }
    free(row);
}

static void norm(double *y, const double *x, const struct eng_norm *norm, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (uint32_t i = 0; i < n; i++)
        y[i] = (double)norm->w[i] * x[i] / sqrt(sum / n + (double)norm->eps);
}

/* Cosines and sines of every position: angle[position][n_rope]. */
static double *angles(const struct eng_hparams *hp, uint32_t n)
{
    double *angle = zeros((size_t)n * hp->rope[0].n_rot);
    for (uint32_t i = 0; i < hp->rope[0].n_rot / 2; i++) {
        double f = pow((double)hp->rope[0].base, -2.0 * i / hp->rope[0].n_rot) / (double)hp->rope[0].scale;
        if (hp->rope[0].factors)
            f /= (double)hp->rope[0].factors[i];
        for (uint32_t t = 0; t < n; t++) {
            angle[(size_t)t * hp->rope[0].n_rot + 2 * i] = cos(t * f);
            angle[(size_t)t * hp->rope[0].n_rot + 2 * i + 1] = sin(t * f);
        }
    }
    return angle;
}

static void turn(const struct ref *r, double *y, const double *x, uint32_t position)
{
    const struct eng_hparams *hp = &r->m->hp;
    const double *a = r->angle + (size_t)position * hp->rope[0].n_rot;
    memcpy(y, x, hp->d_head * sizeof *y);
    for (uint32_t i = 0; i < hp->rope[0].n_rot; i += 2) {
        y[i] = x[i] * a[i] - x[i + 1] * a[i + 1];
        y[i + 1] = x[i] * a[i + 1] + x[i + 1] * a[i];
    }
}

/* Attention of one head of token t over the kept tokens; out[d_head]. */
static void attend(const struct ref *r, uint32_t layer, uint32_t head, const double *q, const uint32_t *kept, uint32_t n_kept,
                   double *out)
{
    const struct eng_hparams *hp = &r->m->hp;
    const uint32_t kv_head = head / (hp->n_heads / hp->n_heads_kv);
    double *p = zeros(n_kept), *qt = zeros(hp->d_head), *kt = zeros(hp->d_head), max = -INFINITY, sum = 0;
    turn(r, qt, q, n_kept - 1);
    for (uint32_t j = 0; j < n_kept; j++) {
        turn(r, kt, r->k + ((size_t)layer * r->n_tokens + kept[j]) * r->kv_dim + kv_head * hp->d_head, j);
        for (uint32_t d = 0; d < hp->d_head; d++)
            p[j] += qt[d] * kt[d] / sqrt(hp->d_head);
        max = p[j] > max ? p[j] : max;
    }
    for (uint32_t j = 0; j < n_kept; j++)
        sum += p[j] = exp(p[j] - max);
    memset(out, 0, hp->d_head * sizeof *out);
    for (uint32_t j = 0; j < n_kept; j++)
        for (uint32_t d = 0; d < hp->d_head; d++)
            out[d] += p[j] / sum * r->v[((size_t)layer * r->n_tokens + kept[j]) * r->kv_dim + kv_head * hp->d_head + d];
    free(p);
    free(qt);
    free(kt);
}

static void layer(struct ref *r, uint32_t i, uint32_t t, double *x, const uint32_t *kept, uint32_t n_kept)
{
    const struct eng_hparams *hp = &r->m->hp;
    const struct eng_layer *w = &r->m->layers[i];
    double *h = zeros(hp->d_model), *q = zeros(r->q_dim), *mixed = zeros(r->q_dim), *gate = zeros(hp->d_ff), *up = zeros(hp->d_ff);
    const size_t at = ((size_t)i * r->n_tokens + t) * r->kv_dim;
    norm(h, x, &w->attn_norm, hp->d_model);
    product(q, &w->attn_q, h, w->bias_q);
    product(r->k + at, &w->attn_k, h, w->bias_k);
    product(r->v + at, &w->attn_v, h, w->bias_v);
    for (uint32_t head = 0; head < hp->n_heads; head++)
        attend(r, i, head, q + head * hp->d_head, kept, n_kept, mixed + head * hp->d_head);
    product(h, &w->attn_output, mixed, w->bias_o);
    for (uint32_t d = 0; d < hp->d_model; d++)
        x[d] += h[d];
    norm(h, x, &w->ffn_norm, hp->d_model);
    product(gate, &w->ffn_gate, h, NULL);
    product(up, &w->ffn_up, h, NULL);
    for (uint32_t d = 0; d < hp->d_ff; d++)
        gate[d] = gate[d] / (1 + exp(-gate[d])) * up[d];
    product(h, &w->ffn_down, gate, NULL);
    for (uint32_t d = 0; d < hp->d_model; d++)
        x[d] += h[d];
    free(h);
    free(q);
    free(mixed);
    free(gate);
    free(up);
}

void tiny_reference(const struct eng_model *m, const int32_t *ids, uint32_t n, uint32_t sink, uint32_t window, double *logits)
{
    const struct eng_hparams *hp = &m->hp;
    struct ref r = {.m = m, .n_tokens = n, .kv_dim = hp->n_heads_kv * hp->d_head, .q_dim = hp->n_heads * hp->d_head};
    r.k = zeros((size_t)hp->n_layers * n * r.kv_dim);
    r.v = zeros((size_t)hp->n_layers * n * r.kv_dim);
    r.angle = angles(hp, n);
    uint32_t *kept = calloc(n, sizeof *kept);
    float *row = calloc(hp->d_model, sizeof *row);
    double *x = zeros(hp->d_model), *h = zeros(hp->d_model);
    for (uint32_t t = 0; t < n; t++) {
        uint32_t n_kept = 0;
        for (uint32_t j = 0; j <= t; j++)
            if (window == 0 || j < sink || t - j < window)
                kept[n_kept++] = j;
        eng_matrix_row(&m->token_embd, (size_t)ids[t], row);
        for (uint32_t d = 0; d < hp->d_model; d++)
            x[d] = (double)row[d];
        for (uint32_t i = 0; i < hp->n_layers; i++)
            layer(&r, i, t, x, kept, n_kept);
        norm(h, x, &m->output_norm, hp->d_model);
        product(logits + (size_t)t * hp->n_vocab, &m->output, h, NULL);
    }
    free(r.k);
    free(r.v);
    free(r.angle);
    free(kept);
    free(row);
    free(x);
    free(h);
}
