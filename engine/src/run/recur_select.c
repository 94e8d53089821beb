/* recur_select.c - the table of recurrent loops that goes with the kernel set of the matrix products: one choice for the whole engine. */
#include <string.h>

#include "base/cpu_features.h"
#include "kernels/matmul.h"
#include "run/recur_tables.h"

const struct eng_recur_ops *eng_recur_ops(void)
{
    const char *set = eng_kernels_name();
#if defined(__x86_64__)
    if (strncmp(set, "avx512", 6) == 0)
        return &eng_recur_avx512;
    if (strncmp(set, "avx", 3) == 0) /* avx2, avxvnni */
        return &eng_recur_avx2;
#elif defined(__aarch64__)
    if (strncmp(set, "neon", 4) == 0)
        return &eng_recur_neon;
#endif
    (void)set;
    return &eng_recur_portable;
}

const struct eng_recur_ops *const *eng_recur_ops_all(size_t *n)
{
#if defined(__x86_64__)
    static const struct eng_recur_ops *const all[] = {&eng_recur_avx512, &eng_recur_avx2, &eng_recur_portable};
    const uint32_t features = eng_cpu_features(), vnni = ENG_CPU_AVX2 | ENG_CPU_AVX512 | ENG_CPU_AVX512_VNNI;
    const size_t skip = (features & vnni) == vnni ? 0 : features & ENG_CPU_AVX2 ? 1 : 2;
#elif defined(__aarch64__)
    static const struct eng_recur_ops *const all[] = {&eng_recur_neon, &eng_recur_portable};
    const size_t skip = 0;
#else
    static const struct eng_recur_ops *const all[] = {&eng_recur_portable};
    const size_t skip = 0;
#endif
    *n = sizeof(all) / sizeof(*all) - skip;
    return all + skip;
}
