/* collector_cost.c - prints what each available collector costs on this machine: docs/collectors.md has the table it makes.
 * Usage: collector_cost [ROOT]     ROOT "" or left out: the real /sys and /proc; else a tree such as the one in docs/collectors.md */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/collector.h"
#include "collectors/sampler.h"

#define N_POLLS 5000
#define N_TRIALS 500

static int by_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double median_us(uint64_t *ns, size_t n)
{
    qsort(ns, n, sizeof(*ns), by_u64);
    return (double)ns[n / 2] / 1e3;
}

/* A second of pretended time passes between polls, so that slow sources are read every time. */
static double poll_us(const struct mb_collector_ops *ops, void *state)
{
    static uint64_t ns[N_POLLS];
    if (!ops->poll)
        return 0;
    ops->start(state);
    for (uint64_t i = 0; i < N_POLLS; i++) {
        const uint64_t begin = mb_clock_ns();
        ops->poll(state, begin + i * 1000000000u);
        ns[i] = mb_clock_ns() - begin;
    }
    ops->stop(state);
    return median_us(ns, N_POLLS);
}

static double phase_us(const struct mb_collector_ops *ops, void *state)
{
    static uint64_t ns[N_POLLS];
    if (!ops->phase)
        return 0;
    ops->start(state);
    for (uint64_t i = 0; i < N_POLLS; i++) {
        const uint64_t begin = mb_clock_ns();
        const struct mb_event event = {.t_ns = begin, .kind = i % 2 ? MB_EVENT_PREFILL_END : MB_EVENT_PREFILL_BEGIN};
        ops->phase(state, &event);
        ns[i] = mb_clock_ns() - begin;
    }
    ops->stop(state);
    return median_us(ns, N_POLLS);
}

static void cost_of_one(const struct mb_collector_ops *ops, const struct mb_collect_env *env)
{
    static uint64_t start_ns[N_TRIALS], stop_ns[N_TRIALS];
    struct mb_error err = {0};
    void *state = calloc(1, ops->state_size);
    if (!state)
        return;
    if (ops->probe(env, &err) || ops->open(state, env, &err)) {
        printf("| %s | - | - | - | - | %s |\n", ops->name, err.text);
    } else {
        for (int i = 0; i < N_TRIALS; i++) {
            const uint64_t t0 = mb_clock_ns();
            ops->start(state);
            const uint64_t t1 = mb_clock_ns();
            ops->stop(state);
            start_ns[i] = t1 - t0;
            stop_ns[i] = mb_clock_ns() - t1;
        }
        const double start = median_us(start_ns, N_TRIALS), stop = median_us(stop_ns, N_TRIALS);
        printf("| %s | %.2f | %.2f | %.2f | %.2f | %s |\n", ops->name, poll_us(ops, state), phase_us(ops, state), start, stop, err.text);
    }
    ops->close(state);
    free(state);
}

/* What stands around the timed region of a trial, and what the sampler thread uses while it runs. */
static int cost_of_default_set(const struct mb_collect_env *env)
{
    static uint64_t start_ns[N_TRIALS], stop_ns[N_TRIALS];
    struct mb_collect_set *set;
    struct mb_record record = {0};
    if (mb_collect_open(&set, "default", env, NULL))
        return 1;
    for (int i = 0; i < N_TRIALS; i++) {
        const uint64_t t0 = mb_clock_ns();
        mb_collect_start(set);
        const uint64_t t1 = mb_clock_ns();
        mb_collect_stop(set);
        start_ns[i] = t1 - t0;
        stop_ns[i] = mb_clock_ns() - t1;
    }
    printf("\ndefault set: start %.1f us, stop %.1f us (median of %d)\n", median_us(start_ns, N_TRIALS),
           median_us(stop_ns, N_TRIALS), N_TRIALS);
    mb_collect_start(set);
    mb_clock_sleep_until_ns(mb_clock_ns() + 8000000000u);
    mb_collect_stop(set);
    if (mb_collect_read(set, &record, NULL) == 0)
        for (size_t i = 0; i < record.n_metrics; i++)
            if (strcmp(record.metrics[i].source, "sampler") == 0)
                printf("%s over 8 s at %" PRIu64 " ms: %.0f %s\n", mb_metric_rows[record.metrics[i].metric].name, env->period_ns / 1000000,
                       record.metrics[i].value, record.metrics[i].reason ? record.metrics[i].reason : "");
    mb_record_release(&record);
    mb_collect_close(set);
    return 0;
}

int main(int argc, char **argv)
{
    const struct mb_collect_env env = {.root = argc > 1 ? argv[1] : "", .pid = getpid(), .period_ns = 10000000,
                                       .max_samples = 8192, .options = ""};
    size_t n;
    const struct mb_collector_ops *const *all = mb_collectors(&n);
    printf("| collector | poll us | phase edge us | start us | stop us | found |\n| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++)
        cost_of_one(all[i], &env);
    return cost_of_default_set(&env);
}
