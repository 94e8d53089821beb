/**
 * near.h - a figure against its literal. After <cmocka.h>.
 */
#ifndef MB_TESTS_NEAR_H
#define MB_TESTS_NEAR_H

#include <math.h>

/** near() - fails unless got is within relative x |want| of want; 0 asks for the same number, a NaN always fails. */
static inline void near(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("got %.17g, want %.17g", got, want);
}

#endif
