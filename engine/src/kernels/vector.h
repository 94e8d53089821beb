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
    void (*layer_norm)(float *y, const float *x, const float *w, const float *b, size_t n, float eps); /* y = w (x - mean) / sqrt(variance
                                                                     + eps) + b; w, b may be NULL (1, 0), y may be x */
    /* y may be x, gate or up. All within 3e-7 of max(|y|, |x|) of their formulas in exact arithmetic */
    void (*silu)(float *y, const float *x, size_t n);                        /* x / (1 + exp(-x)) */
    void (*gelu)(float *y, const float *x, size_t n);                        /* x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), in f32 */
    void (*gelu_mul)(float *y, const float *gate, const float *up, size_t n);/* up gelu(gate) */
    void (*relu2)(float *y, const float *x, size_t n);                       /* max(x, 0)^2 */
    void (*sigmoid)(float *y, const float *x, size_t n);                     /* 1 / (1 + exp(-x)) */
    void (*softcap)(float *y, const float *x, float cap, size_t n);          /* cap tanh(x / cap), within 3e-7 cap */
    void (*scale)(float *y, float s, const float *x, size_t n);              /* y = s x */
    void (*clamp)(float *y, float limit, const float *x, size_t n);          /* cut at +-limit; NaN stays */
};

const struct eng_vector_ops *eng_vector(void);      /* the chosen set */
const struct eng_vector_ops *eng_vector_ref(void);  /* scalar reference */

#endif
