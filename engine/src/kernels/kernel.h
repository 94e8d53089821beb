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
 * carries 8 of them reads one stream at constant offsets. Kernels with unsigned weight codes start their integer sum where the
 * codes' offset is undone exactly: sum (c - o) q = sum c q - o sum q. */
struct eng_q8_group {
    int8_t q[ENG_Q8_TOKENS][ENG_BLOCK];
    float d[ENG_Q8_TOKENS];           /* max|x| / 127; NaN or infinite when x has such: it must reach the logits */
    float sum[ENG_Q8_TOKENS];         /* d sum q: what a minimum multiplies */
    int32_t sum_q[ENG_Q8_TOKENS];     /* sum q */
    int32_t sum_low_q[ENG_Q8_TOKENS]; /* of the first 16 */
    int32_t start128[ENG_Q8_TOKENS];  /* ENG_DOT_START - 128 sum q: ready for codes + 128 */
};

/* Integer sums start at the bits of the float 1.5 2^23 (body/matmul_q8.h). */
#define ENG_DOT_START 0x4b400000

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

#define ENG_TILE_BYTES 32768 /* working memory of a kernel, 64-byte aligned: expanded weights that stay in L1 or close by */

/** Computes rows (row.begin is a multiple of 16) for the tokens of @token. */
typedef void eng_kernel_fn(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile);

struct eng_kernel { /* one const row per kernel */
    const char *name;      /* "q4_1_q8_avx512vnni"; NULL ends a list */
    enum eng_type w_type;  /* ENG_TYPE_LIMIT: any type, read in the file's layout; the last row of a list */
    double nmse_max;       /* sum (y - ref)^2 / sum ref^2, against the reference kernel; tests hold it to this */
    eng_kernel_fn *fn;
};

struct eng_kernel_set {
    const char *name;
    uint32_t cpu_need;                /* enum eng_cpu_feature; 0: the reference, always possible */
    bool packed;                      /* has kernels that read panels (panel.h) */
    const struct eng_kernel *q8, *f32; /* by activations: rounded to 8 bits, or as they are */
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

/** eng_kernel_act() - how activations really go into a product: f32, f16 and bf16 weights take them as they are. */
enum eng_act eng_kernel_act(const struct eng_type_traits *traits, enum eng_act act);

/** eng_kernel_find() - the set's kernel for a weight type; @packed: for its panels, else for the file's layout. */
const struct eng_kernel *eng_kernel_find(const struct eng_kernel_set *set, const struct eng_type_traits *traits, bool packed, enum eng_act act);

void eng_quantize_q8_ref(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

#endif
