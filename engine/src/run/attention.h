/**
 * attention.h (engine, internal) - memory that attention works in, and its slopes. The operator itself is eng_op_attention() (ops.h).
 */
#ifndef ENG_RUN_ATTENTION_H
#define ENG_RUN_ATTENTION_H

#include "run/attn_spec.h"
#include "run/cache.h"

#define ENG_ATTN_TILE 48       /* rows (queries x heads of a group) that read a page together */
#define ENG_ATTN_SPLIT 4       /* queries of full depth whose parts can be put aside */

struct eng_attn_scratch {      /* sizes by eng_attn_plan(), memory by eng_attn_attach() */
    uint32_t d_max, v_max;     /* largest max(d_k, v_pad) and v_pad of any layer */
    size_t worker_floats;      /* scores, a page as f32, a part, a sum */
    size_t part_floats;        /* for all parts that are put aside */
    float *workers;            /* [n_threads][worker_floats] */
    float *parts;              /* [part_floats] */
};

/** eng_attn_plan() - sizes for a planned cache and layers of up to @n_heads query heads; returns the bytes that
 *  eng_attn_attach() needs, 64-byte aligned; SIZE_MAX when they do not fit a size_t. */
size_t eng_attn_plan(struct eng_attn_scratch *a, const struct eng_cache *cache, uint32_t n_heads, uint32_t n_threads);
void eng_attn_attach(struct eng_attn_scratch *a, void *memory, uint32_t n_threads);

/** eng_attn_slope() - ALiBi's slope of a head (Press et al. 2022): 2^(-alibi_max (h + 1) / n) where n, the largest power of 2 up to the
 *  number of heads, is that number; the heads beyond n take every other slope of 2 n heads, from the first. 0 without ALiBi. */
float eng_attn_slope(const struct eng_attn_spec *spec, uint32_t head);

#endif
