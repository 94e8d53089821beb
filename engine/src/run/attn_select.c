/* attn_select.c - the attention table that goes with the kernel set of the matrix products: one choice for the whole engine. */
#include <string.h>

#include "kernels/matmul.h"
#include "run/attn_tables.h"

const struct eng_attn_ops *eng_attn_ops(void)
{
    const char *set = eng_kernels_name();
#if defined(__x86_64__)
    if (strncmp(set, "avx512", 6) == 0)
        return &eng_attn_avx512;
    if (strncmp(set, "avx", 3) == 0) /* avx2, avxvnni */
        return &eng_attn_avx2;
#elif defined(__aarch64__)
    if (strncmp(set, "neon", 4) == 0)
        return &eng_attn_neon;
#endif
    (void)set;
    return &eng_attn_ref;
}
