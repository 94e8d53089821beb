/* attn_ref.c - attention products in plain C: the reference for the other sets, and what runs where there is no vector unit. */
#include "run/attn_tables.h"
#include "types/types.h"

typedef struct {
    float lane[ENG_ATTN_LANES];
} vec;

static inline vec vec_zero(void)
{
    return (vec){{0}};
}

static inline vec vec_load(const float *p)
{
    vec v;
    for (int i = 0; i < ENG_ATTN_LANES; i++)
        v.lane[i] = p[i];
    return v;
}

static inline vec vec_load_half(const uint16_t *p)
{
    vec v;
    for (int i = 0; i < ENG_ATTN_LANES; i++)
        v.lane[i] = eng_f16_to_f32(p[i]);
    return v;
}

static inline void vec_store(float *p, vec v)
{
    for (int i = 0; i < ENG_ATTN_LANES; i++)
        p[i] = v.lane[i];
}

static inline vec vec_scale(vec v, float s)
{
    for (int i = 0; i < ENG_ATTN_LANES; i++)
        v.lane[i] *= s;
    return v;
}

static inline vec vec_fma(vec acc, float s, vec v)
{
    for (int i = 0; i < ENG_ATTN_LANES; i++)
        acc.lane[i] += s * v.lane[i];
    return acc;
}

#define SCORE_TILES_WIDE 1
#define SCORE_TILES_NARROW 1
#define MIX_CHUNKS 1
#define ATTN_NAME "ref"
#define ATTN_TABLE eng_attn_ref
#include "run/attn_body.h"
