/* test_pool.c - every task once, everything visible afterwards, sleepers woken; run it under TSan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pool.h"

#define MAX_TASKS 300

struct record {
    uint32_t n_done[MAX_TASKS]; /* plain: each task writes its own, the pool orders it before the caller's read */
    uint32_t n_threads;
    _Atomic uint32_t in_use[16];
    _Atomic bool shared_worker, bad_worker;
};

static void count_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    struct record *r = arg;
    if (i_worker >= r->n_threads || i_worker >= 16) {
        atomic_store(&r->bad_worker, true);
        return;
    }
    if (atomic_fetch_add(&r->in_use[i_worker], 1) != 0)
        atomic_store(&r->shared_worker, true);
    r->n_done[i_task]++;
    atomic_fetch_sub(&r->in_use[i_worker], 1);
}

static struct eng_pool *open_pool(uint32_t n_threads)
{
    struct eng_pool *pool;
    struct eng_error err = {0};
    if (eng_pool_open(&pool, n_threads, &err) != ENG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(eng_pool_threads(pool), n_threads);
    return pool;
}

static void test_every_task_once(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 3, 7, 64, MAX_TASKS};
    (void)state;
    for (uint32_t n_threads = 1; n_threads <= 8; n_threads++) {
        struct eng_pool *pool = open_pool(n_threads);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            struct record r = {.n_threads = n_threads};
            eng_pool_run(pool, count_task, &r, counts[i]);
            for (uint32_t t = 0; t < MAX_TASKS; t++)
                assert_int_equal(r.n_done[t], t < counts[i] ? 1 : 0);
            assert_false(atomic_load(&r.bad_worker));
            assert_false(atomic_load(&r.shared_worker)); /* one worker index, one task at a time: scratch by worker is safe */
        }
        eng_pool_close(pool);
    }
}

/* Many short runs, different functions' data on a stack that is reused at once: a late worker would hit it. */
static void test_many_runs(void **state)
{
    (void)state;
    for (uint32_t n_threads = 2; n_threads <= 4; n_threads++) {
        struct eng_pool *pool = open_pool(n_threads);
        for (uint32_t run = 0; run < 3000; run++) {
            struct record r = {.n_threads = n_threads};
            const uint32_t n_tasks = 1 + run % 9;
            eng_pool_run(pool, count_task, &r, n_tasks);
            for (uint32_t t = 0; t < n_tasks; t++)
                assert_int_equal(r.n_done[t], 1);
            memset(&r, 0xee, sizeof(r));
        }
        eng_pool_close(pool);
    }
}

/* Long enough between the runs that the workers sleep; also, tasks so long that the caller sleeps. */
static void slow_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct timespec pause = {0, i_task == 1 ? 3000000 : 100000};
    nanosleep(&pause, NULL);
    count_task(arg, i_task, i_worker);
}

static void test_sleepers_are_woken(void **state)
{
    const struct timespec gap = {0, 2000000};
    struct eng_pool *pool = open_pool(3);
    (void)state;
    for (int run = 0; run < 25; run++) {
        struct record r = {.n_threads = 3};
        eng_pool_run(pool, slow_task, &r, 6);
        for (uint32_t t = 0; t < 6; t++)
            assert_int_equal(r.n_done[t], 1);
        nanosleep(&gap, NULL);
    }
    eng_pool_close(pool);
}

/* A pool without work burns no CPU, be it crowded or not: the process' own time, whatever else the machine does. */
static double idle_cpu_s(uint32_t n_threads)
{
    struct rusage before, after;
    const struct timespec pause = {0, 200000000};
    struct eng_pool *pool = open_pool(n_threads);
    struct record r = {.n_threads = n_threads};
    eng_pool_run(pool, count_task, &r, 16);
    getrusage(RUSAGE_SELF, &before);
    nanosleep(&pause, NULL);
    getrusage(RUSAGE_SELF, &after);
    eng_pool_close(pool);
    return (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) + 1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec);
}

static void test_idle_workers_sleep(void **state)
{
    (void)state;
    assert_true(idle_cpu_s(2) < 0.02); /* they stop after 0.04 ms */
    assert_true(idle_cpu_s(6) < 0.02);
}

static void test_open_close(void **state)
{
    struct eng_pool *pool;
    struct eng_error err = {0};
    (void)state;
    for (int i = 0; i < 50; i++)
        eng_pool_close(open_pool(1 + (uint32_t)i % 6));
    eng_pool_close(NULL);
    assert_int_equal(eng_pool_open(&pool, 0, &err), ENG_EINVAL);
    assert_null(pool);
    assert_non_null(strstr(err.text, "threads"));
    assert_int_equal(eng_pool_open(&pool, 1000000, &err), ENG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_once),    cmocka_unit_test(test_many_runs),  cmocka_unit_test(test_sleepers_are_woken),
        cmocka_unit_test(test_idle_workers_sleep), cmocka_unit_test(test_open_close),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
