/* ticker.c - see ticker.h. The condition variable is the timer: a timed wait on CLOCK_MONOTONIC keeps an absolute deadline and can be
 * ended by stop(), which a sleep could not. Deadlines live on MONOTONIC (RAW has no timed wait); samples are stamped on RAW. */
#include "collectors/ticker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"

enum ticker_state { TICKER_IDLE, TICKER_RUN, TICKER_QUIT };

struct mb_ticker {
    struct mb_ticker_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below; never held during tick() */
    pthread_cond_t wake;  /* state or run changed */
    pthread_cond_t done;  /* ticking became false */
    enum ticker_state state;
    uint64_t run;         /* number of starts: a thread that slept through stop and start sees a new one */
    bool ticking;
    uint64_t t_start_ns;
    uint64_t t_first_ns, t_last_ns; /* when ticks came */
    uint64_t cpu_begin_ns, cpu_end_ns;
    uint64_t n_ticks, n_missed;
    uint32_t *late_ns;    /* [config.max_ticks], owned */
    uint32_t n_late;
    struct mb_rng rng;
};

static uint64_t read_clock_ns(clockid_t clock)
{
    struct timespec ts = {0};
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t thread_cpu_ns(struct mb_ticker *t)
{
    clockid_t clock;
    return pthread_getcpuclockid(t->thread, &clock) == 0 ? read_clock_ns(clock) : 0;
}

static uint64_t deadline_of(struct mb_ticker *t, uint64_t i_tick)
{
    const uint64_t period = t->config.period_ns, span = period / 100 * t->config.jitter_percent;
    const uint64_t shift = span ? mb_rng_below(&t->rng, span) : 0; /* in [0, span): half of it before, half after */
    return t->t_start_ns + i_tick * period + shift - span / 2;
}

static void wait_until(struct mb_ticker *t, uint64_t deadline_ns)
{
    const struct timespec ts = {.tv_sec = (time_t)(deadline_ns / 1000000000u), .tv_nsec = (long)(deadline_ns % 1000000000u)};
    pthread_cond_timedwait(&t->wake, &t->lock, &ts);
}

static void note_tick(struct mb_ticker *t, uint64_t now_ns, uint64_t late_ns)
{
    t->t_first_ns = t->n_ticks++ ? t->t_first_ns : now_ns;
    t->t_last_ns = now_ns;
    if (t->n_late < t->config.max_ticks)
        t->late_ns[t->n_late++] = late_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)late_ns;
}

/* Called with the lock held, gives it back held. */
static void run_ticks(struct mb_ticker *t)
{
    const uint64_t run = t->run, period = t->config.period_ns;
    uint64_t i_tick = 1, deadline = deadline_of(t, i_tick);
    while (t->state == TICKER_RUN && t->run == run) {
        uint64_t now = read_clock_ns(CLOCK_MONOTONIC);
        if (now < deadline) {
            wait_until(t, deadline);
            continue;
        }
        note_tick(t, now, now - deadline);
        t->ticking = true;
        pthread_mutex_unlock(&t->lock);
        t->config.tick(t->config.user);
        pthread_mutex_lock(&t->lock);
        t->ticking = false;
        pthread_cond_signal(&t->done);
        now = read_clock_ns(CLOCK_MONOTONIC);
        const uint64_t next = now > t->t_start_ns ? (now - t->t_start_ns) / period + 1 : 1;
        if (next > i_tick + 1)
            t->n_missed += next - (i_tick + 1);
        i_tick = next > i_tick ? next : i_tick + 1;
        deadline = deadline_of(t, i_tick);
    }
}

static void *ticker_main(void *user)
{
    struct mb_ticker *t = user;
    pthread_mutex_lock(&t->lock);
    while (t->state != TICKER_QUIT) {
        if (t->state == TICKER_IDLE)
            pthread_cond_wait(&t->wake, &t->lock);
        else
            run_ticks(t);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* Signals stay with the main thread: Ctrl-C must not interrupt a read of the sampler. */
static int spawn(struct mb_ticker *t)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const int rc = pthread_create(&t->thread, NULL, ticker_main, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        pthread_setname_np(t->thread, "mb-sampler");
    return rc;
}

int mb_ticker_open(struct mb_ticker **out, const struct mb_ticker_config *config, struct mb_error *err)
{
    *out = NULL;
    if (config->period_ns == 0 || config->max_ticks == 0 || config->jitter_percent > 100)
        return mb_fail(err, MB_EINVAL, "sampler: period and room for ticks must be positive, jitter at most 100 %%");
    struct mb_ticker *t = calloc(1, sizeof(*t));
    if (t)
        t->late_ns = malloc(config->max_ticks * sizeof(*t->late_ns));
    if (!t || !t->late_ns) {
        free(t);
        return mb_fail(err, MB_ENOMEM, "sampler: no memory for %u ticks", config->max_ticks);
    }
    memset(t->late_ns, 0xff, config->max_ticks * sizeof(*t->late_ns)); /* pages are there before the timed region */
    t->config = *config;
    t->rng.state = 1;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, &attr);
    pthread_cond_init(&t->done, NULL);
    pthread_condattr_destroy(&attr);
    const int rc = spawn(t);
    if (rc) {
        free(t->late_ns);
        free(t);
        return mb_fail(err, MB_EFAILED, "sampler: cannot start its thread: %s", strerror(rc));
    }
    *out = t;
    return MB_OK;
}

void mb_ticker_start(struct mb_ticker *t)
{
    pthread_mutex_lock(&t->lock);
    t->n_ticks = t->n_missed = 0;
    t->n_late = 0;
    t->run++;
    t->state = TICKER_RUN;
    t->cpu_begin_ns = thread_cpu_ns(t);
    t->t_start_ns = read_clock_ns(CLOCK_MONOTONIC);
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

/* A thread that was never scheduled has not noticed what it missed; the tick that is due right now is not missed yet. */
static void count_unseen(struct mb_ticker *t)
{
    const uint64_t n_due = (read_clock_ns(CLOCK_MONOTONIC) - t->t_start_ns) / t->config.period_ns, n_seen = t->n_ticks + t->n_missed;
    if (n_due > n_seen + 1)
        t->n_missed += n_due - n_seen - 1;
}

void mb_ticker_stop(struct mb_ticker *t)
{
    pthread_mutex_lock(&t->lock);
    if (t->state == TICKER_RUN && !t->ticking)
        count_unseen(t);
    t->state = TICKER_IDLE;
    while (t->ticking)
        pthread_cond_wait(&t->done, &t->lock);
    t->cpu_end_ns = thread_cpu_ns(t);
    pthread_cond_signal(&t->wake); /* now, outside the timed region, rather than at a leftover deadline */
    pthread_mutex_unlock(&t->lock);
}

static int by_u32(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void mb_ticker_stats(struct mb_ticker *t, struct mb_ticker_stats *stats)
{
    pthread_mutex_lock(&t->lock);
    *stats = (struct mb_ticker_stats){.n_ticks = t->n_ticks, .n_missed = t->n_missed, .n_late = t->n_late,
                                      .cpu_ns = t->cpu_end_ns - t->cpu_begin_ns,
                                      .period_ns = t->n_ticks > 1 ? (t->t_last_ns - t->t_first_ns) / (t->n_ticks - 1) : 0};
    if (t->n_late > 0) {
        qsort(t->late_ns, t->n_late, sizeof(*t->late_ns), by_u32);
        stats->late_p99_ns = t->late_ns[((uint64_t)t->n_late * 99 + 99) / 100 - 1];
    }
    pthread_mutex_unlock(&t->lock);
}

void mb_ticker_close(struct mb_ticker *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->state = TICKER_QUIT;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->done);
    pthread_mutex_destroy(&t->lock);
    free(t->late_ns);
    free(t);
}
