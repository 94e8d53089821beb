/**
 * pool.h - a fork-join pool: spin shortly, then sleep on a futex/condvar, so that an oversubscribed machine still makes progress.
 * The caller is worker 0. No allocation per run. Thread: one caller at a time.
 */
#ifndef ENG_BASE_POOL_H
#define ENG_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct eng_pool;

struct eng_placement;

/** eng_pool_open() - n_threads >= 1, left to the system's scheduler, however few processors there are. */
int eng_pool_open(struct eng_pool **out, uint32_t n_threads, struct eng_error *err) ENG_MUST_CHECK;

/** eng_pool_open_on() - threads run where @placement (of n_threads, borrowed for the call) says, the calling thread too: its affinity
 *  changes until eng_pool_close(), which belongs into the same thread. No more threads than usable processors: a surplus would only
 *  take cores from those that work. */
int eng_pool_open_on(struct eng_pool **out, uint32_t n_threads, const struct eng_placement *placement, struct eng_error *err) ENG_MUST_CHECK;
/** eng_pool_open_masked() - the same with a placement by its name: placement.h says which there are. */
int eng_pool_open_masked(struct eng_pool **out, uint32_t n_threads, const char *cpu_mask, struct eng_error *err) ENG_MUST_CHECK;

void eng_pool_close(struct eng_pool *pool);                                                          /* accepts NULL */
uint32_t eng_pool_threads(const struct eng_pool *pool);                                              /* that work, the caller among them */

/** eng_pool_run() - call fn(arg, i_task, i_worker) once for each i_task in [0, n_tasks), spread over the workers; returns when all
 *  are done. Each worker does the tasks of its eng_pool_part() in order, so that a stream of memory goes on from one
 *  to the next, and then the last ones of what others have not come to: unequal cores balance, and operators that cut the same rows alike
 *  find them in their own core's cache. The result must not depend on who does what. */
void eng_pool_run(struct eng_pool *pool, void (*fn)(void *arg, uint32_t i_task, uint32_t i_worker), void *arg, uint32_t n_tasks);

/** eng_pool_part() - the tasks of worker @i_worker of @n_threads. */
struct eng_pool_part { uint32_t begin, end; };
static inline struct eng_pool_part eng_pool_part(uint32_t n_tasks, uint32_t n_threads, uint32_t i_worker)
{
    return (struct eng_pool_part){(uint32_t)((uint64_t)n_tasks * i_worker / n_threads), (uint32_t)((uint64_t)n_tasks * (i_worker + 1) / n_threads)};
}

/** eng_pool_expect() - once worker @i_worker has done its part of the next run it will wait, and then read @span: it fetches that into its
 *  cache meanwhile. Advice for one run. Memory at @span need not be readable, nor stay. */
struct eng_pool_span { const void *p; size_t n_bytes; };
void eng_pool_expect(struct eng_pool *pool, uint32_t i_worker, struct eng_pool_span span);

#endif
