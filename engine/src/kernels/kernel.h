/**
 * kernel.h - what a kernel file exports, and the sets that select.c chooses from. Internal to kernels/.
 *
 * A kernel computes y[t][r] for a range of rows and tokens of one job. Its arithmetic for one (token, row) must be the same
 * sequence of operations whatever the ranges are: then batches, threads and tiles cannot change a bit of the result.
 */
#ifndef ENG_KERNELS_KERNEL_H
#define ENG_KERNELS_KERNEL_H

#include "kernels/matmul.h"
#include "kernels/panel.h"
#include "kernels/vector.h"
#include "types/block.h"

#define ENG_Q8_TOKENS 8

/* 32 activations of each of 8 tokens, rounded to 8 bits: x[t][i] ~ d[t] q[t][i]. Tokens lie together so that a kernel which
 * carries 8 of them reads one stream at constant offsets. Kernels with unsigned weight codes start their integer sum at a bias,
 * which undoes the codes' offset exactly: sum (c - o) q = sum c q - o sum q. */
struct eng_q8_group {
    int8_t q[ENG_Q8_TOKENS][ENG_BLOCK];
    float d[ENG_Q8_TOKENS];        /* max|x| / 127; NaN or infinite when x has such: it must reach the logits */
    float sum[ENG_Q8_TOKENS];      /* d sum q: q4_1's minimum multiplies it */
    int32_t bias8[ENG_Q8_TOKENS];  /* -128 sum q */
    int32_t bias4[ENG_Q8_TOKENS];  /* -8 sum q */
};

/* Below the smallest maximum a block counts as zeros (its 127 / max would overflow); NaN and infinity are above the largest. */
#define ENG_Q8_SMALLEST 1e-35f
#define ENG_Q8_LARGEST 3.4028234e38f

struct eng_matmul_job {
    const struct eng_matrix *w;
    struct eng_panel_shape shape;     /* of w->packed */
    const float *x;                   /* [n_tokens] rows, ldx apart */
    size_t ldx;
    const struct eng_q8_group *q8;    /* act = Q8: [ceil(n_tokens / 8)][n_cols / 32]; token t is number t % 8 of group t / 8 */
    float *y;                         /* [n_tokens] rows, ldy apart */
    size_t ldy;
};

struct eng_span { size_t begin, end; };

/** Computes rows (row.begin is a multiple of 16) for the tokens of @token. */
typedef void eng_kernel_fn(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token);

struct eng_kernel { /* one const row per kernel */
    const char *name;      /* "q4_1_q8_avx512vnni" */
    enum eng_type w_type;
    enum eng_act act;
    double nmse_max;       /* sum (y - ref)^2 / sum ref^2, against the reference kernel; tests hold it to this */
    eng_kernel_fn *fn;
};

struct eng_kernel_set {
    const char *name;
    uint32_t cpu_need;                       /* enum eng_cpu_feature; 0: the reference, always possible */
    bool packed;                             /* reads panels (panel.h), else the file layout */
    const struct eng_kernel *const *kernels; /* NULL ends the list */
    /** Rounds x[n] (n multiple of 32) into place @slot of group[n / 32]; bit-identical in every set. */
    void (*quantize)(const float *x, size_t n, struct eng_q8_group *group, size_t slot);
    const struct eng_vector_ops *vector;
};

/** eng_kernel_sets() - all sets compiled in, best first, the reference last; *n of them. */
const struct eng_kernel_set *const *eng_kernel_sets(size_t *n);

/** eng_kernel_set_possible() - the set runs on this CPU. */
bool eng_kernel_set_possible(const struct eng_kernel_set *set);

/** eng_kernel_set() - the one in use: ENG_KERNELS if possible here, else the best. Decided on the first call. */
const struct eng_kernel_set *eng_kernel_set(void);

/** eng_kernel_find() - the set's kernel for a weight type; f32 and f16 weights have one for both kinds of activations. */
const struct eng_kernel *eng_kernel_find(const struct eng_kernel_set *set, enum eng_type w_type, enum eng_act act);

void eng_quantize_q8_ref(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

#endif
