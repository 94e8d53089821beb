/**
 * vector.h - the small float operations of a transformer, one table per instruction set, chosen with the matmul kernels.
 * All reductions run in one fixed order per set, so results do not depend on threads or batch.
 */
#ifndef ENG_KERNELS_VECTOR_H
#define ENG_KERNELS_VECTOR_H

#include <stddef.h>
#include <stdint.h>

struct eng_vector_ops {
    const char *name;
    float (*dot_f32)(const float *a, const float *b, size_t n);
    float (*dot_f16)(const uint16_t *a, const float *b, size_t n);           /* a: IEEE half */
    void (*axpy_f32)(float *y, float s, const float *x, size_t n);           /* y += s x */
    void (*axpy_f16)(float *y, float s, const uint16_t *x, size_t n);
    void (*to_f16)(uint16_t *y, const float *x, size_t n);                   /* round to nearest even */
    void (*rms_norm)(float *y, const float *x, const float *w, size_t n, float eps); /* y = w x / sqrt(mean(x^2) + eps); y may be x */
    void (*silu_mul)(float *y, const float *gate, const float *up, size_t n);/* up gate / (1 + exp(-gate)); exp within 2e-7 relative */
    void (*softmax)(float *x, size_t n);                                     /* in place, minus the maximum; all -inf gives zeros, NaN stays */
    void (*add)(float *y, const float *x, size_t n);                         /* y += x */
};

const struct eng_vector_ops *eng_vector(void);      /* the chosen set */
const struct eng_vector_ops *eng_vector_ref(void);  /* scalar reference */

#endif
