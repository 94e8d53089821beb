/* rows.c - see rows.h. */
#include "run/rows.h"

#define ROWS_PER_TASK 8 /* fewer rows than this run on the caller: waking workers costs about a microsecond */

struct rows_job {
    void (*row)(const void *arg, uint32_t i);
    const void *arg;
    uint32_t n;
};

static void run_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct rows_job *job = arg;
    const uint32_t first = i_task * ROWS_PER_TASK, end = job->n - first < ROWS_PER_TASK ? job->n : first + ROWS_PER_TASK;
    (void)i_worker;
    for (uint32_t i = first; i < end; i++)
        job->row(job->arg, i);
}

void eng_rows_run(struct eng_pool *pool, uint32_t n, void (*row)(const void *arg, uint32_t i), const void *arg)
{
    struct rows_job job = {.row = row, .arg = arg, .n = n};
    if (n > 0 && n <= ROWS_PER_TASK)
        run_task(&job, 0, 0);
    else if (n > 0)
        eng_pool_run(pool, run_task, &job, (n + ROWS_PER_TASK - 1) / ROWS_PER_TASK);
}
