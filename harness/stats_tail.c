/* stats_tail.c - see stats_tail.h. */
#include "harness/stats_tail.h"

#include <math.h>

double mb_stats_normal_width(double level)
{
    double low = 0, high = 40;
    for (int i = 0; i < 100; i++) {
        const double z = (low + high) / 2;
        if (erfc(z / sqrt(2)) > 1 - level)
            low = z;
        else
            high = z;
    }
    return high;
}

/* P[|T| < |t|]: with theta = atan(|t| / sqrt(df)), a sum of powers of cos(theta), odd ones for odd df. */
static double student_inside(double t, size_t df)
{
    const double theta = atan(fabs(t) / sqrt((double)df)), c = cos(theta), s = sin(theta);
    const size_t odd = df % 2;
    double term = odd ? c : 1, sum = 0;
    for (size_t power = odd; power + 2 <= df; power += 2) {
        sum += term;
        term *= c * c * ((double)power + 1) / ((double)power + 2);
    }
    return odd ? 2 / M_PI * (theta + s * sum) : s * sum;
}

double mb_stats_student_p(double t, size_t df)
{
    if (df == 0 || isnan(t))
        return (double)NAN;
    return fmax(0, 1 - student_inside(t, df));
}

double mb_stats_student_width(double level, size_t df)
{
    if (df == 0)
        return (double)NAN;
    double low = 0, high = 1;
    while (student_inside(high, df) < level && high < 1e300)
        high *= 2;
    for (int i = 0; i < 100; i++) {
        const double t = (low + high) / 2;
        if (student_inside(t, df) < level)
            low = t;
        else
            high = t;
    }
    return high;
}
