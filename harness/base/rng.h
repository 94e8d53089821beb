/**
 * rng.h - seeded random numbers that are the same on every machine: splitmix64 (Steele, Lea, Flood 2014).
 * For order, synthetic work and bootstrap; never for secrets.
 */
#ifndef MB_BASE_RNG_H
#define MB_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct mb_rng {
    uint64_t state; /* any value is a good seed */
};

/** mb_rng_next() - uniform 64 bits. */
static inline uint64_t mb_rng_next(struct mb_rng *rng)
{
    uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/** mb_rng_below() - uniform in [0, n), n > 0. Multiply-shift; bias below 2^-32 for n < 2^32. */
static inline uint64_t mb_rng_below(struct mb_rng *rng, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)mb_rng_next(rng) * n) >> 64);
}

/** mb_rng_unit() - uniform double in [0, 1). */
static inline double mb_rng_unit(struct mb_rng *rng)
{
    return (double)(mb_rng_next(rng) >> 11) * 0x1.0p-53;
}

/** mb_rng_shuffle() - Fisher-Yates over order[n]. */
static inline void mb_rng_shuffle(struct mb_rng *rng, size_t *order, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)mb_rng_below(rng, i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
}

#endif
