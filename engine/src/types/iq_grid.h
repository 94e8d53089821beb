/**
 * iq_grid.h - the code books of the iq1, iq2 and iq3 types, and their points as eight bytes at once: 64-bit words whose byte k (in memory:
 * little-endian) is element k. No byte ever carries into the next one. Private to types/.
 */
#ifndef ENG_TYPES_IQ_GRID_H
#define ENG_TYPES_IQ_GRID_H

#include <stdint.h>
#include <string.h>

#include "types/expand.h"

extern const uint16_t eng_iq1_grid[2048];    /* eight levels 0 to 2, meaning -1, 0, 1 */
extern const uint16_t eng_iq2_xxs_grid[256]; /* eight levels 0 to 2, meaning 8, 25, 43 */
extern const uint16_t eng_iq2_xs_grid[512];
extern const uint16_t eng_iq2_s_grid[1024];
extern const uint16_t eng_iq3_xxs_grid[256]; /* four levels 0 to 7, meaning 4, 12, 20, 28, 36, 44, 52, 62 */
extern const uint16_t eng_iq3_s_grid[512];   /* four levels 0 to 7, meaning 1, 3, ... 15 */

#define ENG_BYTES_1 0x0101010101010101u /* 1 in every byte */

/** eng_levels44() - twice four fields of three bits to eight bytes. */
static inline uint64_t eng_levels44(uint64_t first, uint64_t second)
{
    uint64_t points = first | second << 32;
    points = (points | points << 10) & 0x003f003f003f003fu;
    return (points | points << 5) & 0x0707070707070707u;
}

/** eng_iq2_values() - 8, 25, 43. */
static inline uint64_t eng_iq2_values(uint16_t point)
{
    const uint64_t level = eng_spread_pairs(point);
    return 8 * ENG_BYTES_1 + 17 * level + (level >> 1 & ENG_BYTES_1);
}

/** eng_iq3_xxs_values() - 8 level + 4, and 62 for the last. */
static inline uint64_t eng_iq3_xxs_values(uint16_t first, uint16_t second)
{
    const uint64_t level = eng_levels44(first, second);
    return 4 * ENG_BYTES_1 + 8 * level + 2 * ((level + ENG_BYTES_1) >> 3 & ENG_BYTES_1);
}

/** eng_iq3_s_values() - 2 level + 1. */
static inline uint64_t eng_iq3_s_values(uint16_t first, uint16_t second)
{
    return ENG_BYTES_1 + 2 * eng_levels44(first, second);
}

/** eng_iq1_values() - eight times a point moved by an eighth: 8 (level - 1) + 1, or - 1 when @down. */
static inline uint64_t eng_iq1_values(uint16_t point, unsigned down)
{
    const uint64_t from_128 = 8 * eng_spread_pairs(point) + (uint64_t)(121 - 2 * down) * ENG_BYTES_1;
    return from_128 ^ 128 * ENG_BYTES_1;
}

/** eng_store_signed() - eight positive values to eight codes; bit k of @signs makes number k negative. */
static inline void eng_store_signed(int8_t code[8], uint64_t values, uint8_t signs)
{
    const uint64_t minus = eng_spread_bits(signs);
    values = (values ^ minus * 255) + minus;
    memcpy(code, &values, 8);
}

/** eng_even_signs() - seven signs and an eighth that makes the number of minuses even. */
static inline uint8_t eng_even_signs(uint32_t seven)
{
    return (uint8_t)(seven | (uint32_t)__builtin_parity(seven) << 7);
}

static inline uint32_t eng_load_u32(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

#endif
