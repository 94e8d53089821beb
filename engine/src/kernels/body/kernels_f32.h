/**
 * body/kernels_f32.h - a kernel for each row of panel_formats.def, for f32, f16 and bf16, and one for all other types, for weights by
 * activations in f32. Defines KERNEL_LIST[], the list of set KERNEL_SET (a string); the includer has the set's primitives.
 */
#include "kernels/body/matmul_f32.h"
#include "kernels/sets.h"

#define FORMAT(name, ...)                                                                                                     \
    static void expand_##name(const struct eng_matmul_job *job, const struct piece *piece, size_t p, float *tile)              \
    {                                                                                                                         \
        expand_panel_f32(&format_##name, job, piece, p, tile);                                                                \
    }                                                                                                                         \
    static void name##_f32(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile)           \
    {                                                                                                                         \
        matmul_f32(expand_##name, job, row, token, tile);                                                                     \
    }
#include "kernels/panel_formats.def"
#undef FORMAT

#define PLAIN(name, id)                                                                                                       \
    static void expand_##name(const struct eng_matmul_job *job, const struct piece *piece, size_t p, float *tile)              \
    {                                                                                                                         \
        expand_plain_f32(id, job, piece, p, tile);                                                                            \
    }                                                                                                                         \
    static void name##_f32(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile)           \
    {                                                                                                                         \
        matmul_plain_f32(id, expand_##name, job, row, token, tile);                                                           \
    }
PLAIN(f32, ENG_TYPE_F32)
PLAIN(f16, ENG_TYPE_F16)
PLAIN(bf16, ENG_TYPE_BF16)
#undef PLAIN

static void any_f32(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile)
{
    matmul_f32(expand_any_f32, job, row, token, tile);
}

#define NMSE 1e-10 /* up to thousands of products added in f32 one after the other */

const struct eng_kernel KERNEL_LIST[] = {
#define FORMAT(name, id, ...) {#name "_f32_" KERNEL_SET, id, NMSE, name##_f32},
#include "kernels/panel_formats.def"
#undef FORMAT
    {"f32_f32_" KERNEL_SET, ENG_TYPE_F32, NMSE, f32_f32},
    {"f16_f32_" KERNEL_SET, ENG_TYPE_F16, NMSE, f16_f32},
    {"bf16_f32_" KERNEL_SET, ENG_TYPE_BF16, NMSE, bf16_f32},
    {"any_f32_" KERNEL_SET, ENG_TYPE_LIMIT, NMSE, any_f32},
    {NULL, ENG_TYPE_LIMIT, 0.0, NULL},
};
