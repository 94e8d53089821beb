/** cpu_features.h - what this CPU, and the kernel's saving of its registers, allows. */
#ifndef ENG_BASE_CPU_FEATURES_H
#define ENG_BASE_CPU_FEATURES_H

#include <stdint.h>

enum eng_cpu_feature {
    ENG_CPU_AVX2 = 1,        /* AVX2, FMA and F16C: always together in hardware */
    ENG_CPU_AVX512 = 2,      /* AVX-512 F, BW, VL, DQ */
    ENG_CPU_AVX512_VNNI = 4,
    ENG_CPU_NEON = 8,        /* every aarch64 */
    ENG_CPU_DOTPROD = 16,    /* sdot, udot */
    ENG_CPU_AVX_VNNI = 32,   /* vpdpbusd on ymm without AVX-512: Alder Lake and its small cores */
    ENG_CPU_I8MM = 64,       /* smmla, usmmla, usdot: Armv8.6 and some before */
};

/** eng_cpu_features() - bits of enum eng_cpu_feature; asks the CPU each time (tens of microseconds under a hypervisor). */
uint32_t eng_cpu_features(void);

#endif
