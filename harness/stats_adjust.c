/* stats_adjust.c - see stats_adjust.h. */
#include "harness/stats_adjust.h"

#include <math.h>
#include <stdlib.h>

struct placed {
    double p;
    size_t place;
};

static int by_p(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* The comparisons of p[n], least p first, to be freed; *m counts them. @adjusted begins as a copy. */
static int begin(const double *p, size_t n, double *adjusted, struct placed **sorted, size_t *m, struct mb_error *err)
{
    *m = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0 || p[i] > 1)
            return mb_fail(err, MB_EINVAL, "p-value %g: it must lie in [0, 1]", p[i]);
    *sorted = calloc(n ? n : 1, sizeof(**sorted));
    if (!*sorted)
        return mb_fail(err, MB_ENOMEM, "no memory to adjust %zu p-values", n);
    for (size_t i = 0; i < n; i++) {
        if (!isnan(p[i]))
            (*sorted)[(*m)++] = (struct placed){p[i], i};
        adjusted[i] = p[i];
    }
    qsort(*sorted, *m, sizeof(**sorted), by_p);
    return MB_OK;
}

int mb_stats_adjust_holm(const double *p, size_t n, double *adjusted, struct mb_error *err)
{
    struct placed *sorted;
    size_t m;
    const int rc = begin(p, n, adjusted, &sorted, &m, err);
    if (rc)
        return rc;
    double most = 0;
    for (size_t i = 0; i < m; i++) {
        most = fmax(most, fmin(1, (double)(m - i) * sorted[i].p));
        adjusted[sorted[i].place] = most;
    }
    free(sorted);
    return MB_OK;
}

int mb_stats_adjust_benjamini_hochberg(const double *p, size_t n, double *adjusted, struct mb_error *err)
{
    struct placed *sorted;
    size_t m;
    const int rc = begin(p, n, adjusted, &sorted, &m, err);
    if (rc)
        return rc;
    double least = 1;
    for (size_t i = m; i > 0; i--) {
        least = fmin(least, (double)m * sorted[i - 1].p / (double)i);
        adjusted[sorted[i - 1].place] = least;
    }
    free(sorted);
    return MB_OK;
}
