/**
 * search.h - the scale, or scale and minimum, under which a few values round best: the searches of the k and iq4 quantizers.
 * Private to types/.
 *
 * Each tries a handful of scales near the one that just spans the values, rounds, and solves the weighted least-squares problem that the
 * rounded codes leave; the try with the least weighted squared error wins. Tries lie side by side as lanes of vectors, so that elements are
 * summed in order whatever the machine. Errors are summed from remainders (what rounding left over), which are small, instead of as
 * differences of large sums.
 * NaN or infinity in x or w: some fit, without undefined behaviour.
 */
#ifndef ENG_TYPES_SEARCH_H
#define ENG_TYPES_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#define ENG_MAX_TRIES 24

/** eng_weigh() - the weights that all these types use: w = rms(x) + |x|, so that large elements count up to a few times as much. */
void eng_weigh(const float *x, size_t n, float *w);

/** The span of values is laid on so many codes as there are, plus first, first + step, ... more; two tries of each. */
struct eng_tries {
    float first, step;
    int n;             /* of tries: a multiple of 4, at most ENG_MAX_TRIES */
};

struct eng_fit {
    float scale, min;
};

/** eng_fit_affine() - x[i] ~ scale q + min with q = 0 ... top, min <= 0 <= scale. The span is that of x and 0; the two tries of a scale
 *  push all values a quarter of a code down and up before rounding: where they lie against the lattice matters as much as its pitch. */
struct eng_fit eng_fit_affine(const float *x, const float *w, size_t n, int top, const struct eng_tries *tries);

/** eng_fit_signed() - x[i] ~ scale q with q = low ... high, low < 0. The value of largest magnitude is laid near low, then near high;
 *  the scale may be negative. 0 for zeros. */
float eng_fit_signed(const float *x, const float *w, size_t n, int low, int high, const struct eng_tries *tries);

/** eng_fit_table() - x[i] ~ scale value[q] for 16 rising values; as eng_fit_signed() with low = value[0], high = value[15]. */
float eng_fit_table(const float *x, const float *w, size_t n, const int8_t value[16], const struct eng_tries *tries);

/** eng_whole_codes() - code = the nearest whole number to (x - min) / scale in [low, high], less low. NaN gets 0; scale 0: every code is
 *  that of a whole number 0. */
void eng_whole_codes(const float *x, size_t n, float scale, float min, int low, int high, uint8_t *code);

/** eng_least_error() - which of @n_pairs (a multiple of 4, at most ENG_MAX_TRIES) gives the least sum w (x - scale q - min)^2 when every
 *  element takes its best code in [low, high]; the first of equals. */
int eng_least_error(const float *x, const float *w, size_t n, const struct eng_fit *pairs, int n_pairs, int low, int high);

/** eng_table_code() - the index of the value nearest to v, the upper one of two equally near; 0 for NaN. */
uint8_t eng_table_code(float v, const int8_t value[16]);

#endif
