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

struct meeting {
    uint32_t n_tasks;
    _Atomic uint32_t n_begun, n_done;
    _Atomic bool strange_worker, waited_long;
};

static void wait_until(struct meeting *m, const _Atomic uint32_t *count, uint32_t n)
{
    const struct timespec pause = {0, 100000};
    for (int i = 0; i < 100000 && atomic_load(count) < n; i++)
        nanosleep(&pause, NULL);
    if (atomic_load(count) < n)
        atomic_store(&m->waited_long, true);
}

/* A task for each worker, and none ends before all have begun: so each is done by another worker. */
static void task_of_worker(void *arg, uint32_t i_task, uint32_t i_worker)
{
    struct meeting *m = arg;
    if (i_task != i_worker)
        atomic_store(&m->strange_worker, true);
    atomic_fetch_add(&m->n_begun, 1);
    wait_until(m, &m->n_begun, m->n_tasks);
}

/* What one operator wrote is in the cache of the core that reads it in the next. */
static void test_same_worker_same_part(void **state)
{
    (void)state;
    for (uint32_t n_threads = 2; n_threads <= 5; n_threads++) {
        struct eng_pool *pool = open_pool(n_threads);
        for (int run = 0; run < 50; run++) {
            struct meeting m = {.n_tasks = n_threads};
            eng_pool_run(pool, task_of_worker, &m, n_threads);
            assert_false(atomic_load(&m.waited_long));
            assert_false(atomic_load(&m.strange_worker));
        }
        eng_pool_close(pool);
    }
}

static void first_task_waits(void *arg, uint32_t i_task, uint32_t i_worker)
{
    struct meeting *m = arg;
    (void)i_worker;
    if (i_task == 0)
        wait_until(m, &m->n_done, m->n_tasks - 1);
    atomic_fetch_add(&m->n_done, 1);
}

/* One worker is held up by its first task: the others do the rest of its part. */
static void test_others_help(void **state)
{
    (void)state;
    for (uint32_t n_threads = 2; n_threads <= 4; n_threads++) {
        struct eng_pool *pool = open_pool(n_threads);
        struct meeting m = {.n_tasks = 40};
        eng_pool_run(pool, first_task_waits, &m, m.n_tasks);
        assert_false(atomic_load(&m.waited_long));
        assert_int_equal(atomic_load(&m.n_done), 40);
        eng_pool_close(pool);
    }
}

/* Advice about memory that is not there, or is too long to be fetched, changes nothing. */
static void test_expectations_are_advice(void **state)
{
    static uint8_t here[1 << 20];
    const struct eng_pool_span spans[] = {{here, sizeof here}, {(const void *)64, 1 << 20}, {here, SIZE_MAX / 2}, {NULL, 0}};
    const struct timespec gap = {0, 300000};
    struct eng_pool *pool = open_pool(3);
    (void)state;
    for (uint32_t run = 0; run < 200; run++) {
        struct record r = {.n_threads = 3};
        for (uint32_t w = 0; w < 3; w++)
            eng_pool_expect(pool, w, spans[run % 4]);
        eng_pool_run(pool, count_task, &r, 9);
        for (uint32_t t = 0; t < 9; t++)
            assert_int_equal(r.n_done[t], 1);
        if (run % 5 == 0)
            nanosleep(&gap, NULL); /* workers get as far as they may */
    }
    eng_pool_close(pool);
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
        cmocka_unit_test(test_idle_workers_sleep), cmocka_unit_test(test_open_close), cmocka_unit_test(test_same_worker_same_part),
        cmocka_unit_test(test_others_help),        cmocka_unit_test(test_expectations_are_advice),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
