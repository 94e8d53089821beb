/**
 * body/kernels_q8.h - a kernel for each row of panel_formats.def and one for all other types, for weights by rounded activations.
 * Defines KERNEL_LIST[], the list of set KERNEL_SET (a string); the includer has the set's primitives.
 */
#include "kernels/body/matmul_q8.h"
#include "kernels/sets.h"

#define FORMAT(name, ...)                                                                                                     \
    static void name##_q8(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile)            \
    {                                                                                                                         \
        matmul_q8(&format_##name, job, row, token, tile);                                                                     \
    }
#include "kernels/panel_formats.def"
#undef FORMAT

#define NMSE 1e-10 /* a span's sum is exact, the sums of spans are added in f32 */

const struct eng_kernel KERNEL_LIST[] = {
#define FORMAT(name, id, ...) {#name "_q8_" KERNEL_SET, id, NMSE, name##_q8},
#include "kernels/panel_formats.def"
#undef FORMAT
    {"any_q8_" KERNEL_SET, ENG_TYPE_LIMIT, NMSE, matmul_any_q8},
    {NULL, ENG_TYPE_LIMIT, 0.0, NULL},
};
