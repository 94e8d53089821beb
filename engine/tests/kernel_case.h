/** kernel_case.h - weights, activations and reference results for the kernel tests. Seeded: every run sees the same numbers. */
#ifndef ENG_TESTS_KERNEL_CASE_H
#define ENG_TESTS_KERNEL_CASE_H

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kernel.h"

/* Every type that the engine has: n of them, fewer than CASE_TYPES_MOST. */
#define CASE_TYPES_MOST ENG_TYPE_LIMIT

static inline size_t case_types(const struct eng_type_traits *types[CASE_TYPES_MOST])
{
    size_t n = 0;
    for (uint32_t id = 0; id < ENG_TYPE_LIMIT; id++)
        if (eng_type_traits(id))
            types[n++] = eng_type_traits(id);
    assert_in_range(n, 20, CASE_TYPES_MOST - 1);
    return n;
}

enum fill { FILL_NORMAL, FILL_ZERO, FILL_MAX, FILL_ALTERNATING, FILL_HUGE, FILL_TINY, FILL_DENORMAL, FILL_SPIKES, FILL_N };

static inline uint64_t case_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Sum of 12 uniforms: near enough to a normal distribution. */
static inline float case_normal(uint64_t *state)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++)
        sum += (double)(case_random(state) >> 11) * 0x1.0p-53;
    return (float)sum;
}

static inline float case_value(enum fill fill, size_t i, uint64_t *state)
{
    const float v = case_normal(state);
    switch (fill) {
    case FILL_NORMAL: return v;
    case FILL_ZERO: return 0.0f;
    case FILL_MAX: return v > 0 ? 1.0f : -1.0f; /* every code at an end of its range */
    case FILL_ALTERNATING: return i & 1 ? 1.0f : -1.0f;
    case FILL_HUGE: return v * 1e4f;
    case FILL_TINY: return v * 1e-5f;
    case FILL_DENORMAL: return v * 1e-40f;
    default: return i % 37 == 0 ? v * 100.0f : v * 0.01f;
    }
}

static inline void *case_alloc(size_t n_bytes)
{
    void *p = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(p);
    return p;
}

struct kernel_case {
    const struct eng_type_traits *traits;
    size_t n_rows, n_cols, n_tokens, row_bytes;
    uint8_t *memory, *rows; /* rows in file layout, begin at an odd address */
    void *panels, *tile;    /* panels: NULL where the type has none */
    float *x;               /* [n_tokens][n_cols] */
    struct eng_q8_group *q8;
    struct eng_matrix w;    /* data and packed; both freed by case_close() */
};

static inline void case_pack(struct kernel_case *c)
{
    const struct eng_panel_shape shape = eng_panel_shape(c->traits, c->n_rows, c->n_cols);
    const size_t n_bytes = shape.n_panels * shape.stride_bytes;
    if (!eng_panel_possible(c->traits))
        return;
    c->panels = aligned_alloc(64, n_bytes);
    assert_non_null(c->panels);
    for (size_t p = 0; p < shape.n_panels; p++) {
        const size_t row = p * ENG_PANEL_ROWS, left = c->n_rows - row;
        eng_panel_pack(c->traits, &shape, c->rows + row * c->row_bytes, c->row_bytes, left < ENG_PANEL_ROWS ? left : ENG_PANEL_ROWS,
                       (uint8_t *)c->panels + p * shape.stride_bytes);
    }
    c->w.packed = c->panels;
    c->w.packed_bytes = n_bytes;
}

static inline void case_quantize(struct kernel_case *c,
                                 void (*quantize)(const float *x, size_t n, struct eng_q8_group *group, size_t slot))
{
    for (size_t t = 0; t < c->n_tokens && c->n_cols % ENG_BLOCK == 0; t++)
        quantize(c->x + t * c->n_cols, c->n_cols, c->q8 + t / 8 * (c->n_cols / ENG_BLOCK), t % 8);
}

/* Any codes under scales of usual size: random bytes, once more where they decode to something huge or not finite. */
static inline void case_random_block(const struct eng_type_traits *traits, uint8_t *block, uint64_t *seed)
{
    float x[256];
    double power = INFINITY;
    while (!(power > 1e-4 && power < 1e4)) {
        for (size_t i = 0; i < traits->block_bytes; i++)
            block[i] = (uint8_t)case_random(seed);
        traits->decode(block, x, traits->block_elems);
        power = 0.0;
        for (size_t i = 0; i < traits->block_elems; i++)
            power += (double)x[i] * (double)x[i] / traits->block_elems;
    }
}

static inline void case_fill_row(const struct eng_type_traits *traits, enum fill fill, float *row, uint8_t *out, size_t n_cols, uint64_t *seed)
{
    if (!traits->encode || (fill == FILL_NORMAL && traits->block_elems > 32)) { /* an encoder may leave codes and scales unused */
        for (size_t i = 0; i < n_cols / traits->block_elems; i++)
            case_random_block(traits, out + i * traits->block_bytes, seed);
        return;
    }
    for (size_t i = 0; i < n_cols; i++)
        row[i] = case_value(fill, i, seed);
    traits->encode(row, out, n_cols);
}

static inline void case_open(struct kernel_case *c, uint32_t type, size_t n_rows, size_t n_cols, size_t n_tokens, enum fill w_fill,
                             enum fill x_fill, uint64_t seed)
{
    struct eng_error err;
    *c = (struct kernel_case){.traits = eng_type_traits(type), .n_rows = n_rows, .n_cols = n_cols, .n_tokens = n_tokens};
    c->row_bytes = eng_type_row_bytes(c->traits, n_cols);
    c->memory = case_alloc(n_rows * c->row_bytes + 1);
    c->rows = c->memory + 1;
    float *row = case_alloc(n_cols * sizeof(float));
    for (size_t r = 0; r < n_rows; r++)
        case_fill_row(c->traits, w_fill, row, c->rows + r * c->row_bytes, n_cols, &seed);
    free(row);
    c->tile = aligned_alloc(64, ENG_TILE_BYTES);
    assert_non_null(c->tile);
    c->x = case_alloc(n_tokens * n_cols * sizeof(float));
    for (size_t i = 0; i < n_tokens * n_cols; i++)
        c->x[i] = case_value(x_fill, i, &seed);
    c->q8 = case_alloc((n_tokens + 7) / 8 * (n_cols / ENG_BLOCK) * sizeof(*c->q8));
    case_quantize(c, eng_quantize_q8_ref);
    assert_int_equal(eng_matrix_init(&c->w, c->traits, n_rows, n_cols, c->rows, &err), ENG_OK);
    case_pack(c);
}

static inline void case_close(struct kernel_case *c)
{
    free(c->memory);
    free(c->panels);
    free(c->tile);
    free(c->x);
    free(c->q8);
}

/* y[n_tokens][ldy] by one kernel, over any ranges. */
static inline void case_run(const struct kernel_case *c, const struct eng_kernel *kernel, struct eng_span row, struct eng_span token,
                            float *y, size_t ldy)
{
    const struct eng_matmul_job job = {.w = &c->w, .shape = eng_panel_shape(c->traits, c->n_rows, c->n_cols), .x = c->x, .ldx = c->n_cols,
                                       .q8 = c->q8, .y = y, .ldy = ldy};
    kernel->fn(&job, row, token, c->tile);
}

/* The scalar kernel that another one is held against. */
static inline const struct eng_kernel *case_reference(const struct eng_type_traits *traits, enum eng_act act)
{
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n);
    return eng_kernel_find(sets[n - 1], traits, false, act);
}

#endif
