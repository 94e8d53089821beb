/*
 * matmul_ref.c - the reference kernels: portable, slow, obvious. They read the file layout through the types' own decoders.
 *
 *   act = F32   y = sum_c w[r][c] x[c], every product and sum in double, rounded once
 *   act = Q8    y = sum_b d_x[b] (sum_i w[r][32 b + i] q[32 b + i]): exact inner sums, outer sum in double
 */
#include <math.h>
#include <string.h>

#include "kernels/kernel.h"
#include "kernels/sets.h"

#define CHUNK 256 /* columns decoded at a time; a multiple of every block */

static double dot_chunk(const float *w, const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)w[i] * (double)x[i];
    return sum;
}

static double dot_chunk_q8(const float *w, const struct eng_q8_group *group, size_t slot, size_t n)
{
    double sum = 0.0;
    for (size_t b = 0; b < n / ENG_BLOCK; b++, group++) {
        double inner = 0.0;
        for (size_t i = 0; i < ENG_BLOCK; i++)
            inner += (double)w[b * ENG_BLOCK + i] * group->q[slot][i];
        sum += (double)group->d[slot] * inner;
    }
    return sum;
}

static float dot_row(const struct eng_matmul_job *job, const uint8_t *row, size_t token, bool rounded)
{
    const struct eng_type_traits *traits = job->w->traits;
    const size_t n_cols = job->w->n_cols;
    const float *x = job->x + token * job->ldx;
    const struct eng_q8_group *groups = job->q8 + token / ENG_Q8_TOKENS * (n_cols / ENG_BLOCK);
    double sum = 0.0;
    for (size_t c = 0; c < n_cols; c += CHUNK) {
        const size_t n = n_cols - c < CHUNK ? n_cols - c : CHUNK;
        float w[CHUNK];
        traits->decode(row + c / traits->block_elems * traits->block_bytes, w, n);
        sum += rounded ? dot_chunk_q8(w, groups + c / ENG_BLOCK, token % ENG_Q8_TOKENS, n) : dot_chunk(w, x + c, n);
    }
    return (float)sum;
}

static void rows_ref(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, bool rounded)
{
    const size_t row_bytes = eng_type_row_bytes(job->w->traits, job->w->n_cols);
    for (size_t r = row.begin; r < row.end; r++)
        for (size_t t = token.begin; t < token.end; t++)
            job->y[t * job->ldy + r] = dot_row(job, (const uint8_t *)job->w->data + r * row_bytes, t, rounded);
}

static void rows_f32_ref(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile)
{
    (void)tile;
    rows_ref(job, row, token, false);
}

static void rows_q8_ref(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile)
{
    (void)tile;
    rows_ref(job, row, token, true);
}

/* d = max|x| / 127, q = nearest-even(x 127 / max|x|). The maximum is taken over the bit patterns, where NaN is largest: a
 * block with NaN or infinity gets such a d and codes of 0, hence NaN in every product. */
static void quantize_block(const float x[ENG_BLOCK], struct eng_q8_group *group, size_t slot)
{
    uint32_t top = 0;
    for (int i = 0; i < ENG_BLOCK; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof(bits));
        bits &= 0x7fffffffu;
        top = bits > top ? bits : top;
    }
    float amax;
    memcpy(&amax, &top, sizeof(amax));
    const bool usable = amax >= ENG_Q8_SMALLEST && amax <= ENG_Q8_LARGEST;
    const float inverse = usable ? 127.0f / amax : 0.0f;
    int32_t sum[2] = {0, 0};
    for (int i = 0; i < ENG_BLOCK; i++) {
        group->q[slot][i] = usable ? (int8_t)lrintf(x[i] * inverse) : 0;
        sum[i / 16] += group->q[slot][i];
    }
    const float d = amax >= ENG_Q8_SMALLEST || amax != amax ? amax / 127.0f : 0.0f;
    group->d[slot] = d;
    group->sum_low_q[slot] = sum[0];
    group->sum_q[slot] = sum[0] + sum[1];
    group->start128[slot] = ENG_DOT_START - 128 * (sum[0] + sum[1]);
    group->sum[slot] = d * (float)(sum[0] + sum[1]);
}

void eng_quantize_q8_ref(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    for (size_t b = 0; b < n / ENG_BLOCK; b++)
        quantize_block(x + b * ENG_BLOCK, group + b, slot);
}

static const struct eng_kernel q8[] = {{"any_q8_ref", ENG_TYPE_LIMIT, 0.0, rows_q8_ref}, {NULL, ENG_TYPE_LIMIT, 0.0, NULL}};
static const struct eng_kernel f32[] = {{"any_f32_ref", ENG_TYPE_LIMIT, 0.0, rows_f32_ref}, {NULL, ENG_TYPE_LIMIT, 0.0, NULL}};

extern const struct eng_kernel_set eng_set_ref;
const struct eng_kernel_set eng_set_ref = {
    .name = "ref",
    .q8 = q8,
    .f32 = f32,
    .quantize = eng_quantize_q8_ref,
    .vector = &eng_vector_ops_ref,
};
