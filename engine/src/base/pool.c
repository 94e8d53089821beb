/*
 * pool.c - fork-join on one atomic word.
 *
 * `work` holds (run number << 32 | tasks not yet taken). A worker takes a task by a compare-and-swap that lowers the count; only
 * then may it read fn, arg and n_tasks, for the caller cannot start the next run before every taken task is `pending` no more.
 * A worker that wakes late finds a count of 0, or takes part in a later run: nobody waits for it. Waiting is a bounded spin, then
 * a futex: a thread without work leaves its core to others.
 */
#include "base/pool.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 40000u         /* a matrix of the default model takes 5 to 50 us: a worker is still awake for the next one */
#define SPIN_CROWDED_NS 2000u  /* more threads than cores: the one that we wait for may need this very core */
#define PAUSES_PER_CLOCK_READ 8

struct worker {
    struct eng_pool *pool;
    pthread_t thread;
    uint32_t index;
};

struct eng_pool {
    _Alignas(64) _Atomic uint64_t work;
    _Alignas(64) _Atomic uint32_t pending;   /* tasks of this run not yet finished */
    _Atomic uint32_t caller_sleeps;
    _Alignas(64) _Atomic uint32_t run_number; /* the futex that idle workers sleep on */
    _Atomic uint32_t n_asleep;
    _Atomic bool stop;
    _Alignas(64) void (*fn)(void *arg, uint32_t i_task, uint32_t i_worker);
    void *arg;
    uint32_t n_tasks;
    uint32_t n_threads;
    uint64_t spin_ns;
    struct worker *workers;                  /* [n_threads - 1] */
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int n)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static inline void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ __volatile__("yield");
#endif
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Spins until *word differs from @seen (true) or the time is over (false). */
static bool spin_while(const _Atomic uint32_t *word, uint32_t seen, uint64_t limit_ns)
{
    uint64_t begin_ns = 0;
    for (;;) {
        for (int i = 0; i < PAUSES_PER_CLOCK_READ; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != seen)
                return true;
            cpu_pause();
        }
        const uint64_t t_ns = now_ns();
        if (begin_ns == 0)
            begin_ns = t_ns;
        else if (t_ns - begin_ns > limit_ns)
            return false;
    }
}

/* Takes and does tasks until none is left to take. */
static void work_off(struct eng_pool *pool, uint32_t i_worker)
{
    uint64_t seen = atomic_load_explicit(&pool->work, memory_order_acquire);
    while ((uint32_t)seen != 0) {
        if (!atomic_compare_exchange_weak_explicit(&pool->work, &seen, seen - 1, memory_order_acq_rel, memory_order_acquire))
            continue;
        pool->fn(pool->arg, pool->n_tasks - (uint32_t)seen, i_worker);
        if (atomic_fetch_sub(&pool->pending, 1) == 1 && atomic_load(&pool->caller_sleeps))
            futex_wake(&pool->pending, 1);
        seen = atomic_load_explicit(&pool->work, memory_order_acquire);
    }
}

static void *worker_main(void *user)
{
    const struct worker *self = user;
    struct eng_pool *pool = self->pool;
    uint32_t seen = 0;
    while (!atomic_load(&pool->stop)) {
        if (!spin_while(&pool->run_number, seen, pool->spin_ns)) {
            atomic_fetch_add(&pool->n_asleep, 1); /* first this, then the futex reads run_number; announce() the other way round */
            while (atomic_load(&pool->run_number) == seen)
                futex_wait(&pool->run_number, seen);
            atomic_fetch_sub(&pool->n_asleep, 1);
        }
        seen = atomic_load(&pool->run_number);
        work_off(pool, self->index);
    }
    return NULL;
}

static void announce(struct eng_pool *pool, int n_wanted)
{
    atomic_fetch_add(&pool->run_number, 1);
    if (atomic_load(&pool->n_asleep) != 0)
        futex_wake(&pool->run_number, n_wanted);
}

static void wait_for_pending(struct eng_pool *pool)
{
    uint32_t left;
    while ((left = atomic_load(&pool->pending)) != 0) {
        if (spin_while(&pool->pending, left, pool->spin_ns))
            continue;
        atomic_store(&pool->caller_sleeps, 1);
        while ((left = atomic_load(&pool->pending)) != 0)
            futex_wait(&pool->pending, left);
        atomic_store(&pool->caller_sleeps, 0);
    }
}

void eng_pool_run(struct eng_pool *pool, void (*fn)(void *arg, uint32_t i_task, uint32_t i_worker), void *arg, uint32_t n_tasks)
{
    if (pool->n_threads == 1 || n_tasks <= 1) {
        for (uint32_t i = 0; i < n_tasks; i++)
            fn(arg, i, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->n_tasks = n_tasks;
    atomic_store(&pool->pending, n_tasks);
    const uint64_t run = (atomic_load(&pool->work) >> 32) + 1;
    atomic_store(&pool->work, run << 32 | n_tasks);
    announce(pool, (int)(n_tasks - 1 < pool->n_threads - 1 ? n_tasks - 1 : pool->n_threads - 1));
    work_off(pool, 0);
    wait_for_pending(pool);
}

static uint32_t cores_allowed(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}

int eng_pool_open(struct eng_pool **out, uint32_t n_threads, struct eng_error *err)
{
    *out = NULL;
    if (n_threads == 0 || n_threads > 1024)
        return eng_fail(err, ENG_EINVAL, "thread pool: %u threads asked for, 1 to 1024 are possible", n_threads);
    struct eng_pool *pool = aligned_alloc(64, sizeof(*pool)); /* its size is a multiple of its alignment */
    struct worker *workers = calloc(n_threads, sizeof(*workers));
    if (!pool || !workers) {
        free(pool);
        free(workers);
        return eng_fail(err, ENG_ENOMEM, "thread pool: no memory for %u threads", n_threads);
    }
    memset(pool, 0, sizeof(*pool));
    pool->workers = workers;
    pool->spin_ns = n_threads <= cores_allowed() ? SPIN_NS : SPIN_CROWDED_NS;
    pool->n_threads = n_threads;
    for (uint32_t i = 1; i < n_threads; i++) {
        struct worker *w = &workers[i - 1];
        *w = (struct worker){.pool = pool, .index = i};
        const int rc = pthread_create(&w->thread, NULL, worker_main, w);
        if (rc != 0) {
            pool->n_threads = i; /* close joins those that run */
            eng_pool_close(pool);
            return eng_fail(err, ENG_ENOMEM, "thread pool: thread %u of %u does not start: %s", i + 1, n_threads, strerror(rc));
        }
    }
    *out = pool;
    return ENG_OK;
}

void eng_pool_close(struct eng_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    announce(pool, INT_MAX);
    for (uint32_t i = 1; i < pool->n_threads; i++)
        pthread_join(pool->workers[i - 1].thread, NULL);
    free(pool->workers);
    free(pool);
}

uint32_t eng_pool_threads(const struct eng_pool *pool)
{
    return pool->n_threads;
}
