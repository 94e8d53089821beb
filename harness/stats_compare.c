/* stats_compare.c - see stats_compare.h. */
#include "harness/stats_compare.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "harness/stats_tail.h"

#define ORDERS_MOST (MB_STATS_EXACT_MOST * MB_STATS_EXACT_MOST + 1)

static bool has_nan(const double *x, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++) /* all, not the last: with one inside, unsorted, groups of ties would have no end */
        found |= isnan(x[i]) != 0;
    return found;
}

static bool usable(const double *a, size_t n_a, const double *b, size_t n_b)
{
    return n_a > 0 && n_b > 0 && !has_nan(a, n_a) && !has_nan(b, n_b);
}

static bool small(size_t n_a, size_t n_b)
{
    return n_a <= MB_STATS_EXACT_MOST && n_b <= MB_STATS_EXACT_MOST;
}

/* pairs a < b, half of a == b */
static double count_u(const double *a, size_t n_a, const double *b, size_t n_b)
{
    size_t less = 0, not_more = 0; /* of a, against b[i] */
    double u = 0;
    for (size_t i = 0; i < n_b; i++) {
        while (less < n_a && a[less] < b[i])
            less++;
        while (not_more < n_a && a[not_more] <= b[i])
            not_more++;
        u += ((double)less + (double)not_more) / 2;
    }
    return u;
}

/* sum of t^3 - t over groups of equal values of both samples together; 0 without ties */
static double count_ties(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double sum = 0;
    size_t i = 0, j = 0;
    while (i < n_a || j < n_b) {
        const double value = j >= n_b || (i < n_a && a[i] <= b[j]) ? a[i] : b[j];
        double t = 0;
        for (; i < n_a && a[i] == value; i++)
            t++;
        for (; j < n_b && b[j] == value; j++)
            t++;
        sum += t * t * t - t;
    }
    return sum;
}

/* orders[u] of all C(n_a + n_b, n_a) orders have that U: coefficients of prod_{i=1}^{n_b} (1 - x^(n_a+i)) / (1 - x^i), whole numbers below
 * 2^53 and thus exact. Returns their sum. */
static double count_orders(size_t n_a, size_t n_b, double orders[ORDERS_MOST])
{
    const size_t most = n_a * n_b;
    memset(orders, 0, ORDERS_MOST * sizeof(*orders));
    orders[0] = 1;
    for (size_t i = 1; i <= n_b; i++) {
        for (size_t u = most; u >= n_a + i; u--)
            orders[u] -= orders[u - n_a - i];
        for (size_t u = i; u <= most; u++)
            orders[u] += orders[u - i];
    }
    double sum = 0;
    for (size_t u = 0; u <= most; u++)
        sum += orders[u];
    return sum;
}

/* 2 P[U <= u], at most 1; the distribution is symmetric */
static double exact_p(size_t n_a, size_t n_b, size_t u)
{
    double orders[ORDERS_MOST], sum = 0;
    const double all = count_orders(n_a, n_b, orders);
    for (size_t i = 0; i <= u; i++)
        sum += orders[i];
    return fmin(1, 2 * sum / all);
}

static double normal_p(double n_a, double n_b, double larger_u, double ties)
{
    const double n = n_a + n_b, pairs = n_a * n_b;
    const double variance = pairs / 12 * (n + 1 - ties / (n * (n - 1)));
    if (!(variance > 0))
        return 1; /* all values equal */
    return fmin(1, erfc((larger_u - pairs / 2 - 0.5) / sqrt(2 * variance)));
}

struct mb_stats_mann_whitney mb_stats_mann_whitney(const double *a, size_t n_a, const double *b, size_t n_b)
{
    if (!usable(a, n_a, b, n_b))
        return (struct mb_stats_mann_whitney){.u = (double)NAN, .p = (double)NAN, .rank_biserial = (double)NAN};
    const double pairs = (double)n_a * (double)n_b, u = count_u(a, n_a, b, n_b), ties = count_ties(a, n_a, b, n_b);
    const bool exact = small(n_a, n_b) && ties == 0;
    const double p = exact ? exact_p(n_a, n_b, (size_t)fmin(u, pairs - u)) : normal_p((double)n_a, (double)n_b, fmax(u, pairs - u), ties);
    return (struct mb_stats_mann_whitney){.u = u, .p = p, .rank_biserial = 2 * u / pairs - 1, .exact = exact};
}

/* Doubles as whole numbers in the same order, so that bisection ends after 64 steps at one of them. */
static uint64_t rank_of_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double double_of_rank(uint64_t rank)
{
    const uint64_t bits = rank >> 63 ? rank & ~(UINT64_C(1) << 63) : ~rank;
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* pairs with b - a <= limit */
static double count_not_above(const double *a, size_t n_a, const double *b, size_t n_b, double limit)
{
    double count = 0;
    size_t above = 0; /* of b, b - a <= limit: it grows with a */
    for (size_t i = 0; i < n_a; i++) {
        while (above < n_b && b[above] - a[i] <= limit)
            above++;
        count += (double)above;
    }
    return count;
}

/* the k-th smallest difference b - a, k from 1 */
static double difference_of_rank(const double *a, size_t n_a, const double *b, size_t n_b, double k)
{
    uint64_t low = rank_of_double(b[0] - a[n_a - 1]), high = rank_of_double(b[n_b - 1] - a[0]);
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (count_not_above(a, n_a, b, n_b, double_of_rank(middle)) >= k)
            high = middle;
        else
            low = middle + 1;
    }
    return double_of_rank(low);
}

/* The rank whose difference is the lower end, at least 1, and what the interval covers. */
static double rank_of_lower_end(size_t n_a, size_t n_b, double level, double *coverage)
{
    const double pairs = (double)n_a * (double)n_b;
    *coverage = level;
    if (!small(n_a, n_b))
        return fmax(1, floor(pairs / 2 - mb_stats_normal_width(level) * sqrt(pairs * ((double)n_a + (double)n_b + 1) / 12)));
    double orders[ORDERS_MOST];
    const double all = count_orders(n_a, n_b, orders);
    double tail = orders[0];
    size_t k = 1;
    while (2 * (k + 1) <= n_a * n_b + 1 && 1 - 2 * (tail + orders[k]) / all >= level)
        tail += orders[k++];
    *coverage = fmax(0, 1 - 2 * tail / all);
    return (double)k;
}

struct mb_stats_shift mb_stats_shift(const double *a, size_t n_a, const double *b, size_t n_b, double level)
{
    const bool finite = usable(a, n_a, b, n_b) && isfinite(b[0] - a[n_a - 1]) && isfinite(b[n_b - 1] - a[0]);
    if (!finite || !(level > 0 && level < 1))
        return (struct mb_stats_shift){(double)NAN, (double)NAN, (double)NAN, (double)NAN};
    const double pairs = (double)n_a * (double)n_b;
    const double low = difference_of_rank(a, n_a, b, n_b, floor((pairs + 1) / 2));
    const double high = difference_of_rank(a, n_a, b, n_b, floor((pairs + 2) / 2));
    struct mb_stats_shift shift = {.estimate = low + (high - low) / 2};
    const double k = rank_of_lower_end(n_a, n_b, level, &shift.coverage);
    shift.lo = difference_of_rank(a, n_a, b, n_b, k);
    shift.hi = difference_of_rank(a, n_a, b, n_b, pairs + 1 - k);
    return shift;
}
