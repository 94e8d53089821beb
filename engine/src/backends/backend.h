/**
 * backend.h - where the matrix products run. One file and one row of backends.def each; methods.c lists them.
 *
 * A backend replaces the products (the bulk of the work); everything between them stays in run/forward.c. A backend that cannot
 * run in this build or on this machine has a row all the same, with info.unavailable saying why: it is listed, never guessed.
 */
#ifndef ENG_BACKENDS_BACKEND_H
#define ENG_BACKENDS_BACKEND_H

#include "eng/engine.h"
#include "kernels/matmul.h"

struct eng_backend_ops {
    struct eng_method_info info;
    /** As eng_matmul_group() of kernels/matmul.h, including its promise about n_tokens <= 16. NULL when unavailable. */
    void (*matmul)(struct eng_pool *pool, const struct eng_matmul_out *out, size_t n_out, const float *x, size_t ldx, size_t n_tokens,
                   enum eng_act act, void *scratch);
    /** As eng_matmul_expect(); NULL: of no use there. */
    void (*expect)(struct eng_pool *pool, const struct eng_matmul_out *out, size_t n_out);
};

#define BACKEND(id) extern const struct eng_backend_ops eng_backend_##id;
#include "backends/backends.def"
#undef BACKEND

/** eng_backend_find() - the ops behind a parsed choice of ENG_FAMILY_BACKEND. Never NULL for a choice made by eng_method_parse(). */
const struct eng_backend_ops *eng_backend_find(const struct eng_method *choice);

#endif
