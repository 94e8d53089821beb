/**
 * energy_bench.h - one collector driven by hand on a fake tree and a clock that the test moves, so that the answers are exact. A test that
 * uses it links energy_bench.c with WRAP mb_clock_ns pread64.
 */
#ifndef MB_TESTS_ENERGY_BENCH_H
#define MB_TESTS_ENERGY_BENCH_H

#include <stdatomic.h>

#include "fake_tree.h"

#define MS 1000000u
#define HWMON "/sys/class/hwmon/"

extern _Atomic uint64_t bench_now_ns; /* set by bench_setup(); 0: the real clock */
extern atomic_int bench_pread_fails;  /* every read says ENODEV, as sysfs does once a device is gone */

struct bench {
    struct fake_tree tree;
    const struct mb_collector_ops *ops;
    void *state;
    struct mb_record record;
};

int bench_setup(void **state);
int bench_teardown(void **state);
void bench_open(struct bench *b, const char *name, uint64_t period_ns);
void bench_open_with(struct bench *b, const char *name, const char *options, uint64_t period_ns);
void bench_pass_ms(unsigned ms);
/** Poll every @ms until @total_ms have passed, both ends included. */
void bench_run(struct bench *b, unsigned ms, unsigned total_ms);
void bench_read(struct bench *b);
double bench_energy(struct bench *b, const char *scope);           /* fails when unknown */
double bench_error(struct bench *b, const char *scope);
const char *bench_no_energy(struct bench *b, const char *scope);   /* reason, "" when known */
/** The collector's reason for not being there; fails when it is. */
const char *bench_absent(struct bench *b, const char *name, struct mb_error *why);

#endif
