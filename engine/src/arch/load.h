/**
 * load.h - what families and blocks are read with: keys and tensors of a GGUF file, each checked before use. The first failure sticks:
 * later calls do nothing, so that a loader is a list of lines; look at l->rc where a value decides what comes next.
 */
#ifndef ENG_ARCH_LOAD_H
#define ENG_ARCH_LOAD_H

#include "arch/arch.h"
#include "model/gguf.h"

struct eng_load {
    const struct eng_gguf *g;
    struct eng_model *m;
    const struct eng_arch *arch;
    struct eng_arena *arena;
    struct eng_error *err;
    bool *used; /* [n_tensors] */
    int rc;
};

/** eng_load_fail() - note an error: "<file>: <text>". */
__attribute__((format(printf, 3, 4))) void eng_load_fail(struct eng_load *l, int code, const char *format, ...);

/** eng_load_alloc() - n zeroed elements for the model's life, or NULL and ENG_ENOMEM. */
void *eng_load_alloc(struct eng_load *l, size_t n, size_t elem_bytes);

/* ---- keys: "<arch>.<key>" ---- */

/** In [min, max], else ENG_EFORMAT by name; absent: *value stays. True when the key is there. */
bool eng_load_u32(struct eng_load *l, const char *key, bool required, uint32_t min, uint32_t max, uint32_t *value);
/** Finite and in [min, max]. */
bool eng_load_f32(struct eng_load *l, const char *key, bool required, double min, double max, float *value);
bool eng_load_bool(struct eng_load *l, const char *key, bool required, bool *value);
/** One number for all layers, or an array of one each: values[n_layers]. */
bool eng_load_u32_per_layer(struct eng_load *l, const char *key, bool required, uint32_t min, uint32_t max, uint32_t *values);

/** eng_load_hparams() - the common keys, then arch->read(); makes m->layers with sizes, windows and rope of each (keys.c). */
void eng_load_hparams(struct eng_load *l);

/* ---- tensors: "<name>" or, with a layer, "blk.<layer>.<name>" ---- */

#define ENG_NO_LAYER UINT32_MAX

enum eng_need { ENG_OPTIONAL, ENG_REQUIRED };

/** eng_load_has() - the file has such a tensor. */
bool eng_load_has(const struct eng_load *l, uint32_t i_layer, const char *name);

/** eng_load_matrix() - [n_rows][n_cols], listed in the model. False when absent or failed. */
bool eng_load_matrix(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint64_t n_rows, uint64_t n_cols,
                     struct eng_matrix *w);
/** eng_load_stack() - rows of one tensor as several matrices: out[i] gets the next n_rows[i] rows. 3-D tensors are taken as well when
 *  all n_rows are equal: [n_cols][n_rows][n]. */
bool eng_load_stack(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t n, const uint64_t *n_rows,
                    uint64_t n_cols, struct eng_matrix *const *out);
/** eng_load_experts() - a 3-D tensor as w[n]: n matrices of [n_rows][n_cols]. */
bool eng_load_experts(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t n, uint64_t n_rows,
                      uint64_t n_cols, struct eng_experts *experts);
/** eng_load_vector() - n elements of any shape whose last dimensions are 1, or [a][b] with a b = n, as f32; f32 in place, others
 *  converted. NULL when absent or failed. */
const float *eng_load_vector(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint64_t n);
/** eng_load_norm() - "<name>.weight" and "<name>.bias" (required of families with ENG_BIAS_NORM) over @n. False when absent or failed. */
bool eng_load_norm(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t n, struct eng_norm *norm);
/** eng_load_head_norm() - of q or k: per head with d_head weights for all or [d_head][n_heads] for each, or over the whole row with
 *  [n_heads d_head], as the tensor's shape says. */
bool eng_load_head_norm(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint32_t d_head, uint32_t n_heads,
                        struct eng_norm *norm);

/** eng_mla_read(), eng_mla_layer() - eng_arch.read and .layer of families with multi-head latent attention (mix_mla.c). */
void eng_mla_read(struct eng_load *l);
void eng_mla_layer(struct eng_load *l, uint32_t i_layer);

/** eng_load_tensors() - embedding, layers (norms, mixer, channel), head; refuses tensors that nobody asked for. */
void eng_load_tensors(struct eng_load *l);

#endif
