/**
 * matmul.h - Y = X W^T for quantized weights, the engine's main cost; and its weight container.
 * Kernel choice (reference, AVX2, AVX-512 VNNI, NEON dotprod or i8mm) is made once by select.c from the CPU's features;
 * ENG_KERNELS=ref|avx2|avxvnni|avx512vnni|neon|neon_dotprod|neon_i8mm in the environment forces one for tests.
 */
#ifndef ENG_KERNELS_MATMUL_H
#define ENG_KERNELS_MATMUL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/pool.h"
#include "types/types.h"

struct eng_matrix {
    const struct eng_type_traits *traits;
    size_t n_rows, n_cols;    /* [n_rows][n_cols], row-major blocks */
    const void *data;         /* GGUF layout. Borrowed (mmap) or == owned; NULL when only the packed form is kept */
    void *owned;              /* freed by eng_matrix_release(); requantized weights */
    void *packed;             /* kernel-specific layout made by eng_matrix_pack(), or NULL; freed by eng_matrix_release() */
    size_t packed_bytes;
    size_t data_bytes;
    uint32_t index;           /* place among the matrices of its model, for tables of those who use it */
};

/** eng_matrix_init() - borrow @data. ENG_EFORMAT when n_cols is no multiple of the type's block. */
int eng_matrix_init(struct eng_matrix *w, const struct eng_type_traits *traits, size_t n_rows, size_t n_cols, const void *data,
                    struct eng_error *err) ENG_MUST_CHECK;
/** eng_matrix_requantize() - decode every row and encode it as @to into owned memory, rows spread over the pool. No-op when equal. */
int eng_matrix_requantize(struct eng_matrix *w, const struct eng_type_traits *to, struct eng_pool *pool,
                          struct eng_error *err) ENG_MUST_CHECK;
/** eng_matrix_pack() - make the layout that the chosen kernels read (panel.h), where the type has one. Without it eng_matmul() expands
 *  rows of the file's layout as it goes, which is slower for one token.
 *  In parallel. Frees `owned` (data becomes NULL, rows come from the panels), so make no second view of requantized rows before;
 *  borrowed data stays for eng_matrix_row(): its pages may be dropped (MADV_DONTNEED on the mapping) once all is packed. */
int eng_matrix_pack(struct eng_matrix *w, struct eng_pool *pool, struct eng_error *err) ENG_MUST_CHECK;
/** eng_matrix_bytes_as() - what eng_matrix_requantize() would make it: data_bytes when equal, 0 when it would refuse.
 *  eng_matrix_pack_bytes() - what eng_matrix_pack() would add; 0: it packs nothing, SIZE_MAX: too large. */
size_t eng_matrix_bytes_as(const struct eng_matrix *w, const struct eng_type_traits *to);
size_t eng_matrix_pack_bytes(const struct eng_matrix *w);
void eng_matrix_release(struct eng_matrix *w); /* safe on zeroed */

/** eng_matrix_row() - decode one row to f32 (embedding lookup). x[n_cols]. */
void eng_matrix_row(const struct eng_matrix *w, size_t row, float *x);

enum eng_act { ENG_ACT_Q8, ENG_ACT_F32 };

/** eng_matmul_scratch_bytes() - working memory that eng_matmul() needs for up to n_tokens rows of up to n_cols columns, on a pool of
 *  up to n_threads. */
size_t eng_matmul_scratch_bytes(size_t n_tokens, size_t n_cols, uint32_t n_threads);

/**
 * eng_matmul() - y[t][r] = sum_c w[r][c] x[t][c].
 *
 * @x       [n_tokens] rows of n_cols f32, ldx floats apart.
 * @y       [n_tokens] rows of n_rows f32, ldy floats apart; written; must not overlap x.
 * @act     F32: exact dequantized weights times f32 activations, f32 accumulation. Q8: quantized weight types take activations
 *          rounded to 8 bits per block of 32 (as ggml's Q8_0/Q8_1); f32 and f16 weights ignore it.
 * @scratch [eng_matmul_scratch_bytes(n_tokens, n_cols, threads of the pool)], 64-byte aligned; may be larger.
 *
 * The result for one token does not depend on n_threads, and for n_tokens <= 16 is bit-identical to n_tokens = 1:
 * self-speculation is lossless only because of this.
 */
void eng_matmul(struct eng_pool *pool, const struct eng_matrix *w, const float *x, size_t ldx, size_t n_tokens, float *y, size_t ldy,
                enum eng_act act, void *scratch);

struct eng_matmul_out {
    const struct eng_matrix *w;
    float *y;                 /* [n_tokens] rows of w->n_rows, ldy apart */
    size_t ldy;
};

#define ENG_MATMUL_GROUP 4

/** eng_matmul_group() - up to ENG_MATMUL_GROUP products of the same x (q, k, v; gate, up; all of w->n_cols columns) in one pass:
 *  x is rounded once and the workers meet once. Bit-identical to single calls. */
void eng_matmul_group(struct eng_pool *pool, const struct eng_matmul_out *out, size_t n_out, const float *x, size_t ldx, size_t n_tokens,
                      enum eng_act act, void *scratch);

/** eng_matmul_expect() - the product after the next one is eng_matmul_group() of one token with these @out (y is not looked at): workers
 *  that wait in between fetch weights that they will begin with. Advice; n_out = 0: none.
 *  eng_matmul_first_read() - where worker @i_worker of @n_threads begins then, as far as it goes on from there; nothing: not packed, no part. */
void eng_matmul_expect(struct eng_pool *pool, const struct eng_matmul_out *out, size_t n_out);
struct eng_pool_span eng_matmul_first_read(const struct eng_matmul_out *out, size_t n_out, uint32_t n_threads, uint32_t i_worker);

/** eng_kernels_name() - the chosen set: "ref", "avx2", "avxvnni", "avx512vnni", "neon", "neon_dotprod", "neon_i8mm". */
const char *eng_kernels_name(void);

#endif
