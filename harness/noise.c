/* noise.c - see noise.h. */
#include "harness/noise.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "collectors/throttle.h"
#include "harness/machine.h"
#include "harness/machine_cpu.h"
#include "harness/proc_load.h"
#include "harness/stats.h"

enum { MAX_THREADS = 1024, SPIN_NS = 1000000, WORK_NS = 1000000 };

const struct mb_noise_limit mb_noise_limits[4] = {
    {'A', 1.02, 0.001, 0.001}, {'B', 1.05, 0.005, 0.005}, {'C', 1.10, 0.02, 0.02}, {'D', 1.25, 0.05, 0.05},
};

struct spinner {
    pthread_t thread;
    unsigned cpu;
    uint64_t n_steps, until_ns;
    double *times_ns;        /* [cap] */
    size_t n, cap;
    uint64_t spin_ns, gap_ns, longest_gap_ns;
    double median_ns;
    uint64_t result;         /* keeps the work */
};

char mb_noise_grade(size_t n_samples, double p99_over_median, double gap_share, double steal_share)
{
    if (n_samples < MB_NOISE_MIN_SAMPLES)
        return '?';
    for (size_t i = 0; i < sizeof(mb_noise_limits) / sizeof(mb_noise_limits[0]); i++) {
        const struct mb_noise_limit *l = &mb_noise_limits[i];
        if (p99_over_median <= l->p99_over_median && gap_share <= l->gap_share && (isnan(steal_share) || steal_share <= l->steal_share))
            return l->grade;
    }
    return 'E';
}

double mb_noise_spread(double *times, size_t n)
{
    const double median = mb_stats_median(times, n); /* sorts */
    return n ? times[(99 * n + 99) / 100 - 1] / median : (double)NAN;
}

/* Each step needs the one before: no vector unit and no memory. Steps of xorshift64 (Marsaglia 2003). */
static uint64_t work(uint64_t x, uint64_t n_steps)
{
    for (uint64_t i = 0; i < n_steps; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

/* Steps that take WORK_NS: the best of some tries, behind a warm-up that lets the clock rise. */
static uint64_t steps_of_work(void)
{
    const uint64_t n_try = 100000, warm_ns = mb_clock_ns() + 20000000u;
    uint64_t best_ns = UINT64_MAX, x = 88172645463325252u;
    while (mb_clock_ns() < warm_ns) {
        const uint64_t begin_ns = mb_clock_ns();
        x = work(x, n_try);
        const uint64_t took_ns = mb_clock_ns() - begin_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    const uint64_t n = (uint64_t)((double)n_try * WORK_NS / (double)(best_ns ? best_ns : 1));
    return x && n ? n : 1;
}

static void spin(struct spinner *s)
{
    const uint64_t begin_ns = mb_clock_ns();
    uint64_t last_ns = begin_ns, now_ns;
    do {
        now_ns = mb_clock_ns();
        const uint64_t apart_ns = now_ns - last_ns;
        if (apart_ns > MB_NOISE_GAP_NS) {
            s->gap_ns += apart_ns;
            s->longest_gap_ns = apart_ns > s->longest_gap_ns ? apart_ns : s->longest_gap_ns;
        }
        last_ns = now_ns;
    } while (now_ns - begin_ns < SPIN_NS);
    s->spin_ns += now_ns - begin_ns;
}

static void *run_spinner(void *user)
{
    struct spinner *s = user;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(s->cpu, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set); /* refused: measured where the system puts it */
    s->result = work(88172645463325252u, s->n_steps);                /* warm */
    while (s->n < s->cap && mb_clock_ns() < s->until_ns) {
        const uint64_t begin_ns = mb_clock_ns();
        s->result = work(s->result, s->n_steps);
        s->times_ns[s->n++] = (double)(mb_clock_ns() - begin_ns);
        spin(s);
    }
    return NULL;
}

/* Runs all; a thread that cannot be started is an error after the others have ended. */
static int run_all(struct spinner *s, uint32_t n, double seconds, struct mb_error *err)
{
    const uint64_t n_steps = steps_of_work(), until_ns = mb_clock_ns() + (uint64_t)(seconds * 1e9);
    uint32_t n_started = 0;
    int rc = MB_OK;
    for (; !rc && n_started < n; n_started += rc ? 0 : 1) {
        s[n_started].n_steps = n_steps;
        s[n_started].until_ns = until_ns;
        if (pthread_create(&s[n_started].thread, NULL, run_spinner, &s[n_started]))
            rc = mb_fail(err, MB_EFAILED, "a thread of the noise measurement could not be started");
    }
    for (uint32_t i = 0; i < n_started; i++)
        pthread_join(s[i].thread, NULL);
    return rc;
}

/* Pools the cores: times over their own core's median. */
static int sum_up(struct mb_noise *noise, struct spinner *s, uint32_t n, struct mb_error *err)
{
    double medians[MAX_THREADS], spin_ns = 0, gap_ns = 0;
    for (uint32_t i = 0; i < n; i++)
        noise->n_samples += s[i].n;
    double *pool = calloc(noise->n_samples + 1, sizeof(*pool));
    if (!pool)
        return mb_fail(err, MB_ENOMEM, "no memory for the noise samples");
    size_t at = 0;
    uint32_t n_medians = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double median = mb_stats_median(s[i].times_ns, s[i].n);
        for (size_t k = 0; k < s[i].n; k++)
            pool[at++] = s[i].times_ns[k] / median;
        if (s[i].n)
            medians[n_medians++] = median;
        spin_ns += (double)s[i].spin_ns;
        gap_ns += (double)s[i].gap_ns;
        noise->longest_gap_ns = s[i].longest_gap_ns > noise->longest_gap_ns ? s[i].longest_gap_ns : noise->longest_gap_ns;
    }
    noise->p99_over_median = mb_noise_spread(pool, at);
    noise->gap_share = spin_ns > 0 ? gap_ns / spin_ns : 0;
    noise->median_ns = mb_stats_median(medians, n_medians); /* sorts */
    noise->slowest_over_fastest = n_medians ? medians[n_medians - 1] / medians[0] : (double)NAN;
    free(pool);
    return MB_OK;
}

static int prepare(struct spinner **all, uint32_t *n, double seconds, struct mb_error *err)
{
    unsigned cpus[MAX_THREADS];
    const uint32_t n_cores = mb_machine_core_cpus("", cpus, MAX_THREADS), n_allowed = mb_machine_physical_cores("");
    *n = n_cores < n_allowed ? n_cores : n_allowed;
    *all = calloc(*n, sizeof(**all));
    bool failed = !*all;
    for (uint32_t i = 0; !failed && i < *n; i++) {
        struct spinner *s = &(*all)[i];
        s->cpu = cpus[i];
        s->cap = (size_t)(seconds * 1000) + 16;
        s->times_ns = calloc(s->cap, sizeof(*s->times_ns));
        failed = !s->times_ns;
    }
    return failed ? mb_fail(err, MB_ENOMEM, "no memory for the noise measurement") : MB_OK;
}

int mb_noise_measure(struct mb_noise *noise, const char *root, double seconds, struct mb_error *err)
{
    struct spinner *all = NULL;
    struct mb_cpu_ticks before = {0}, after = {0};
    struct throttle throttle = {0};
    int64_t core = 0, package = 0;
    *noise = (struct mb_noise){.steal_share = (double)NAN, .steal_ticks = -1, .throttle_rise = -1, .grade = '?'};
    int rc = prepare(&all, &noise->n_threads, seconds, err);
    if (!rc)
        rc = throttle_open(&throttle, root, err);
    throttle_start(&throttle);
    const int no_before = mb_cpu_ticks_read(root, &before, NULL);
    const uint64_t begin_ns = mb_clock_ns();
    if (!rc)
        rc = run_all(all, noise->n_threads, seconds, err);
    noise->seconds = (double)(mb_clock_ns() - begin_ns) * 1e-9;
    throttle_stop(&throttle);
    if (!no_before && mb_cpu_ticks_read(root, &after, NULL) == MB_OK && after.all > before.all && after.steal >= before.steal) {
        noise->steal_ticks = (int64_t)(after.steal - before.steal);
        noise->steal_share = (double)noise->steal_ticks / (double)(after.all - before.all);
    }
    if (throttle_rise(&throttle, false, &core) | throttle_rise(&throttle, true, &package))
        noise->throttle_rise = core + package;
    if (!rc)
        rc = sum_up(noise, all, noise->n_threads, err);
    if (!rc)
        noise->grade = mb_noise_grade(noise->n_samples, noise->p99_over_median, noise->gap_share, noise->steal_share);
    throttle_close(&throttle);
    for (uint32_t i = 0; all && i < noise->n_threads; i++)
        free(all[i].times_ns);
    free(all);
    return rc;
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count_or_null(int64_t value)
{
    return value >= 0 ? json_integer(value) : json_null();
}

json_t *mb_noise_json(const struct mb_noise *noise)
{
    const char grade[2] = {noise->grade, '\0'};
    return json_pack("{s:s?, s:f, s:i, s:I, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "grade", noise->grade == '?' ? NULL : grade, "seconds",
                     noise->seconds, "threads", (int)noise->n_threads, "samples", (json_int_t)noise->n_samples, "median_ns", real_or_null(noise->median_ns),
                     "p99_over_median", real_or_null(noise->p99_over_median), "slowest_over_fastest", real_or_null(noise->slowest_over_fastest),
                     "gap_share", real_or_null(noise->gap_share), "longest_gap_ns", (json_int_t)noise->longest_gap_ns, "steal_ticks",
                     count_or_null(noise->steal_ticks), "steal_share", real_or_null(noise->steal_share), "throttle_events",
                     count_or_null(noise->throttle_rise));
}
