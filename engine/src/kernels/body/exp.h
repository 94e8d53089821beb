/** body/exp.h - the exponential function of 16 lanes; written once on the primitives of simd/, which is included before. */
#ifndef ENG_KERNELS_BODY_EXP_H
#define ENG_KERNELS_BODY_EXP_H

/* exp(x), cut at 88.3; 0 below -87.3, where floats become subnormal. x = n ln 2 + r, |r| <= ln 2 / 2, ln 2 in two parts
 * (Cody and Waite); exp(r) by its Taylor polynomial of degree 7, whose rest is below 0.35^8 / 8! = 6e-9. NaN stays NaN. */
ENG_INLINE vf16 exp16(vf16 x)
{
    const vf16 given = x;
    x = vf_min(vf_set1(88.3f), vf_max(vf_set1(-87.3f), x)); /* NaN is in the second place: kept */
    const vi16 whole = vi_round(vf_mul(x, vf_set1(0x1.715476p+0f)));
    const vf16 n = vf_from_int(whole);
    vf16 r = vf_fma(n, vf_set1(-0x1.62e400p-1f), x);
    r = vf_fma(n, vf_set1(-0x1.7f7d1cp-20f), r);
    vf16 p = vf_set1(1.0f / 5040.0f);
    p = vf_fma(p, r, vf_set1(1.0f / 720.0f));
    p = vf_fma(p, r, vf_set1(1.0f / 120.0f));
    p = vf_fma(p, r, vf_set1(1.0f / 24.0f));
    p = vf_fma(p, r, vf_set1(1.0f / 6.0f));
    p = vf_fma(p, r, vf_set1(0.5f));
    p = vf_fma(p, r, vf_set1(1.0f));
    p = vf_fma(p, r, vf_set1(1.0f));
    return vf_zero_below(vf_mul(p, vf_exp2_int(whole)), given, -87.3f);
}

#endif
