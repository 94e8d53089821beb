/**
 * peak.h - loops that do nothing but compute or read, one set per instruction set: what `calibrate` times.
 * A file peak_<set>.c defines a handful of vector primitives and includes peak_body.h; peak_ref.c is plain C and always possible.
 */
#ifndef MB_HARNESS_PEAK_H
#define MB_HARNESS_PEAK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct mb_peak {
    const char *isa;   /* as the engine's kernel sets: "avx512vnni", "avxvnni", "avx2", "neon_i8mm", "neon_dotprod", "neon", "ref" */
    const char *needs; /* CPU flags of /proc/cpuinfo, separated by spaces; "" = none */
    /** @n_rounds of independent multiply-adds on registers; returns the operations done (2 per multiply-add). Reentrant. */
    double (*f32)(uint64_t n_rounds);
    double (*int8)(uint64_t n_rounds); /* 8-bit products summed in 32 bits, as the integer kernels do them */
    /** Reads every byte of @p once, in order, with the set's widest loads; p is 64-byte aligned, n_bytes a multiple of 512. */
    uint64_t (*read)(const void *p, size_t n_bytes);
};

/** mb_peaks() - all sets that were compiled in, best first; *n of them. */
const struct mb_peak *const *mb_peaks(size_t *n);

/** mb_peak_possible() - @flags: mb_machine_cpu_flags(). */
int mb_peak_possible(const struct mb_peak *peak, const json_t *flags);

#endif
