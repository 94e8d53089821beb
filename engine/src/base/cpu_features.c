/* cpu_features.c - cpuid and xgetbv on x86 (Intel SDM vol. 2, CPUID; vol. 1, 13.3), the auxiliary vector on Arm. */
#include "base/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>

#define BIT(word, n) (((word) >> (n)) & 1u)

static uint64_t saved_state(void) /* XCR0; only where cpuid says OSXSAVE */
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

uint32_t eng_cpu_features(void)
{
    uint32_t a, b, c, d, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !BIT(c, 27))
        return 0;
    const uint32_t fma = BIT(c, 12), f16c = BIT(c, 29);
    const uint64_t state = saved_state();
    if ((state & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) /* xmm, ymm */
        return 0;
    if (BIT(b, 5) && fma && f16c) {
        features |= ENG_CPU_AVX2;
        uint32_t a1 = 0, b1, c1, d1;
        if (a >= 1 && __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1) && BIT(a1, 4))
            features |= ENG_CPU_AVX_VNNI;
    }
    if ((state & 0xe6) == 0xe6 && BIT(b, 16) && BIT(b, 17) && BIT(b, 30) && BIT(b, 31)) { /* masks, zmm; F, DQ, BW, VL */
        features |= ENG_CPU_AVX512;
        if (BIT(c, 11))
            features |= ENG_CPU_AVX512_VNNI;
    }
    return features;
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

#define HWCAP_ASIMDDP_BIT (1ul << 20) /* arch/arm64/include/uapi/asm/hwcap.h */
#define HWCAP2_I8MM_BIT (1ul << 13)

uint32_t eng_cpu_features(void)
{
    uint32_t features = ENG_CPU_NEON;
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP_BIT)
        features |= ENG_CPU_DOTPROD;
    if (getauxval(AT_HWCAP2) & HWCAP2_I8MM_BIT)
        features |= ENG_CPU_I8MM;
    return features;
}

#else
uint32_t eng_cpu_features(void)
{
    return 0;
}
#endif
