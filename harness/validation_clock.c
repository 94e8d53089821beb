/* validation_clock.c - the clock of every stamp (base/clock.h): its step, what a read costs, and a timed sleep by two clocks. */
#include <time.h>

#include "base/clock.h"
#include "harness/validation.h"

#define READS 100000u
#define SLEEP_NS 200000000u
#define SLEW_LIMIT 5e-4 /* CLOCK_MONOTONIC may be slewed by 500 ppm (adjtimex(2)); CLOCK_MONOTONIC_RAW is not */

static double monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int mb_validate_clock(struct mb_validation *v, struct mb_error *err)
{
    const double step_ns = (double)mb_clock_resolution_ns();
    const uint64_t begin_ns = mb_clock_ns();
    for (uint32_t i = 0; i < READS; i++)
        (void)mb_clock_ns();
    const double read_ns = (double)(mb_clock_ns() - begin_ns) / READS;
    int rc = mb_validation_figure(v, "clock", "ns", step_ns, NULL, err, "least step of CLOCK_MONOTONIC_RAW");
    if (!rc)
        rc = mb_validation_figure(v, "clock", "ns", read_ns, NULL, err, "cost of a read, mean of %u", READS);
    if (rc)
        return rc;
    const double other_begin_ns = monotonic_ns();
    const uint64_t own_begin_ns = mb_clock_ns();
    const struct timespec rest = {.tv_nsec = SLEEP_NS};
    nanosleep(&rest, NULL);
    const double other_ns = monotonic_ns() - other_begin_ns, own_ns = (double)(mb_clock_ns() - own_begin_ns);
    return mb_validation_check(v, "clock", "ns", other_ns, own_ns, other_ns * SLEW_LIMIT + 2000.0, "expected: by CLOCK_MONOTONIC, which NTP may slew", err,
                               "a sleep of %u ms", SLEEP_NS / 1000000u);
}
