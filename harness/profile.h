/**
 * profile.h - sums of the engine's operator trace: one row per phase, operator, tensor, types and shape.
 *
 * Operations are counted as mathematics, not as instructions:
 *   matmul      2 m n k
 *   attention   4 k (sum over the m queries of the tokens each sees) = 4 k (m n - m (m - 1) / 2): n tokens for the last query, one
 *               less for each before it
 *   the rest    0: they are bound by memory, and bytes say all
 * Bytes are those of the trace: every operand once, read and written.
 * The least time that the machine's limits allow: max(operations / peak, bytes / read bandwidth); peak is int8 for products with
 * 8-bit activations, f32 for all others. An operator whose operands lie in a cache can be faster than the memory's limit.
 */
#ifndef MB_HARNESS_PROFILE_H
#define MB_HARNESS_PROFILE_H

#include <eng/engine.h>
#include <stdbool.h>

#include "base/error.h"

enum mb_profile_phase { MB_PROFILE_PREFILL, MB_PROFILE_DECODE, MB_PROFILE_PHASES };
extern const char *const mb_profile_phase_names[MB_PROFILE_PHASES];

struct mb_profile_row {
    enum mb_profile_phase phase;
    const char *op, *tensor;   /* static */
    enum eng_type w_type, a_type;
    uint32_t m, n, k;          /* as in struct eng_op_trace; attention: n = 0, it differs from call to call */
    uint64_t calls, total_ns;
    double flop, n_bytes;
    double bound_ns;           /* filled by mb_profile_bounds(); NaN before */
};

enum { MB_PROFILE_MAX_ROWS = 1024, MB_PROFILE_SLOTS = 2048 };

struct mb_profile {
    struct mb_profile_row rows[MB_PROFILE_MAX_ROWS];
    size_t n_rows;
    uint16_t slots[MB_PROFILE_SLOTS];   /* row + 1 by hash; 0: free */
    uint64_t n_lost, lost_ns;           /* operators beyond the last row */
    uint64_t wall_ns[MB_PROFILE_PHASES], n_tokens[MB_PROFILE_PHASES];
};

/** mb_profile_new() - empty; free() it. NULL: no memory. */
struct mb_profile *mb_profile_new(void);

/** mb_profile_add() - one operator of a phase. O(1), allocates nothing. */
void mb_profile_add(struct mb_profile *profile, enum mb_profile_phase phase, const struct eng_op_trace *trace);

/** mb_profile_flop() - operations of one call, by the formulas above. */
double mb_profile_flop(const struct eng_op_trace *trace);

struct mb_profile_limits { double read_bytes_per_s, f32_per_s, int8_per_s; };

/** mb_profile_finish() - bounds by @limits (NULL: none), rows sorted: prefill before decode, most time first. */
void mb_profile_finish(struct mb_profile *profile, const struct mb_profile_limits *limits);

/** mb_profile_traced_ns() - sum over the operators of a phase. */
uint64_t mb_profile_traced_ns(const struct mb_profile *profile, enum mb_profile_phase phase);

#endif
