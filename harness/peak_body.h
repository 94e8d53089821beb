/*
 * peak_body.h - the loops of peak.h on the primitives of the file that includes it, which defines before:
 *   vec_f, vec_i, LANES (floats), DOT_OPS (operations of one dot), N_ACC (independent sums: latency x ports of the units, and
 *   with two operands no more than the registers), OPAQUE(v): an empty instruction that hides v's value from the compiler,
 *   set_f(x), fma_f(a, b, c) = a b + c, set_i(byte), dot_i(sum, a, b), load_i(p), xor_i(a, b), first_f(v), first_i(v).
 * Sums stay in registers: full unrolling turns the arrays into registers. b < 1 keeps the floats finite and normal.
 */
static double peak_f32(uint64_t n_rounds)
{
    vec_f sum[N_ACC], b = set_f(0.9375f), c = set_f(0.0625f);
#pragma GCC unroll 32
    for (int i = 0; i < N_ACC; i++)
        sum[i] = set_f((float)i);
    for (uint64_t r = 0; r < n_rounds; r++) {
#pragma GCC unroll 32
        for (int i = 0; i < N_ACC; i++)
            sum[i] = fma_f(sum[i], b, c);
        OPAQUE(b);
    }
#pragma GCC unroll 32
    for (int i = 0; i < N_ACC; i++)
        OPAQUE(sum[i]);
    return (double)n_rounds * N_ACC * LANES * 2.0;
}

static double peak_int8(uint64_t n_rounds)
{
    vec_i sum[N_ACC], a = set_i(3), b = set_i(5);
#pragma GCC unroll 32
    for (int i = 0; i < N_ACC; i++)
        sum[i] = set_i(0);
    for (uint64_t r = 0; r < n_rounds; r++) {
#pragma GCC unroll 32
        for (int i = 0; i < N_ACC; i++) {
            sum[i] = dot_i(sum[i], a, b);
            OPAQUE(a); /* else a product that two sums share would be made once */
        }
    }
#pragma GCC unroll 32
    for (int i = 0; i < N_ACC; i++)
        OPAQUE(sum[i]);
    return (double)n_rounds * N_ACC * DOT_OPS;
}

static uint64_t peak_read(const void *p, size_t n_bytes)
{
    const unsigned char *at = p, *end = at + n_bytes;
    vec_i x[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        x[i] = set_i(0);
    for (; at < end; at += 4 * sizeof(vec_i)) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            x[i] = xor_i(x[i], load_i(at + (size_t)i * sizeof(vec_i)));
    }
    return first_i(xor_i(xor_i(x[0], x[1]), xor_i(x[2], x[3])));
}
