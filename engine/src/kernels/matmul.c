/*
 * matmul.c - the driver: rounds the activations where wanted, cuts rows x tokens into tasks, lets the chosen kernels do them.
 * No arithmetic of the product is here, so nothing here can change a bit of it.
 */
#include <string.h>

#include "kernels/kernel.h"

#define TASKS_PER_THREAD 8      /* enough to balance unequal cores, few enough that taking one costs nothing */
#define TASK_TOKENS 256         /* most tokens of one task: their codes stay in L2 */
#define FEW_TOKENS 64           /* fewer than this for each thread: threads share rows, not tokens, for each would read all weights */
#define TASK_ROWS 512           /* most rows of one task in a batch, for the same reason */
#define BATCH_PANELS 2          /* kernels carry no more panels than this at once (TILE_PANELS): no task of a batch cuts through them */
#define MOST_FETCHED ((size_t)256 << 10) /* of a worker's next weights: a share of its second-level cache */
#define SERIAL_WEIGHT_BYTES 8192 /* so small a product costs less than waking workers */

struct part { /* one product of the group */
    const struct eng_kernel *kernel;
    struct eng_matmul_job job;
    uint32_t unit_rows, n_row_tasks, first_row_task;
};

struct group { /* tasks: for each of the token tasks, the row tasks of all parts */
    struct part part[ENG_MATMUL_GROUP];
    uint8_t *tiles; /* ENG_TILE_BYTES for each worker */
    uint32_t n_parts, n_token_tasks, n_row_tasks;
    size_t n_tokens;
};

static size_t rounded_bytes(size_t n_tokens, size_t n_cols)
{
    const size_t n_blocks = (n_cols + ENG_BLOCK - 1) / ENG_BLOCK;
    return (n_tokens + ENG_Q8_TOKENS - 1) / ENG_Q8_TOKENS * n_blocks * sizeof(struct eng_q8_group);
}

size_t eng_matmul_scratch_bytes(size_t n_tokens, size_t n_cols, uint32_t n_threads)
{
    return (size_t)n_threads * ENG_TILE_BYTES + rounded_bytes(n_tokens, n_cols);
}

/* Part i of n of the tokens, cut where groups of 8 end: no two tasks write the same group's lines, and tiles stay whole. */
static struct eng_span share(size_t n_tokens, uint32_t i, uint32_t n)
{
    const size_t n_groups = (n_tokens + ENG_Q8_TOKENS - 1) / ENG_Q8_TOKENS;
    struct eng_span span = {n_groups * i / n * ENG_Q8_TOKENS, n_groups * (i + 1) / n * ENG_Q8_TOKENS};
    if (span.end > n_tokens)
        span.end = n_tokens;
    return span;
}

/* ---- rounding of activations ---- */

struct round_job {
    const struct eng_kernel_set *set;
    const float *x;
    size_t ldx, n_cols, n_tokens;
    struct eng_q8_group *q8;
    uint32_t n_tasks;
};

static void round_tokens(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct round_job *job = arg;
    const struct eng_span tokens = share(job->n_tokens, i_task, job->n_tasks);
    (void)i_worker;
    for (size_t t = tokens.begin; t < tokens.end; t++)
        job->set->quantize(job->x + t * job->ldx, job->n_cols, job->q8 + t / ENG_Q8_TOKENS * (job->n_cols / ENG_BLOCK), t % ENG_Q8_TOKENS);
}

static void round_activations(struct eng_pool *pool, struct round_job *job)
{
    const size_t most = TASKS_PER_THREAD * (size_t)eng_pool_threads(pool), n_groups = (job->n_tokens + ENG_Q8_TOKENS - 1) / ENG_Q8_TOKENS;
    job->n_tasks = (uint32_t)(n_groups < most ? n_groups : most);
    eng_pool_run(pool, round_tokens, job, job->n_tasks);
}

/* ---- the product ---- */

static size_t row_units(const struct part *part)
{
    return (part->job.w->n_rows + part->unit_rows - 1) / part->unit_rows;
}

static struct eng_span row_span(const struct part *part, uint32_t i)
{
    const size_t n = row_units(part);
    struct eng_span rows = {n * i / part->n_row_tasks * part->unit_rows, n * (i + 1) / part->n_row_tasks * part->unit_rows};
    if (rows.end > part->job.w->n_rows)
        rows.end = part->job.w->n_rows;
    return rows;
}

static const struct part *part_of(const struct group *group, uint32_t i_row_task)
{
    const struct part *part = &group->part[0];
    while (part + 1 < group->part + group->n_parts && i_row_task >= part[1].first_row_task)
        part++;
    return part;
}

static void multiply(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct group *group = arg;
    const uint32_t i_row_task = i_task % group->n_row_tasks;
    const struct part *part = part_of(group, i_row_task);
    const struct eng_span tokens = share(group->n_tokens, i_task / group->n_row_tasks, group->n_token_tasks);
    part->kernel->fn(&part->job, row_span(part, i_row_task - part->first_row_task), tokens, group->tiles + (size_t)i_worker * ENG_TILE_BYTES);
}

/* A multiple of the threads where there are tokens enough: then each thread finds the tokens that it made (pool.h). */
static uint32_t token_tasks(size_t n_tokens, uint32_t n_threads)
{
    const size_t unit = n_tokens >= (size_t)FEW_TOKENS * n_threads ? n_threads : 1, most = unit * TASK_TOKENS;
    return (uint32_t)((n_tokens + most - 1) / most * unit);
}

static uint32_t row_tasks(const struct group *group, uint32_t n_threads, const struct part *part, size_t weight_bytes)
{
    const size_t n_units = row_units(part);
    size_t n = 1;
    if (n_threads > 1 && weight_bytes * group->n_tokens > SERIAL_WEIGHT_BYTES)
        n = TASKS_PER_THREAD * (size_t)n_threads / group->n_parts + 1;
    if (group->n_tokens > 1 && n * TASK_ROWS < part->job.w->n_rows)
        n = part->job.w->n_rows / TASK_ROWS;
    return (uint32_t)(n < n_units ? n : n_units);
}

/* How rows and tokens are cut into tasks. */
static void cut(struct group *group, const struct eng_matmul_out *out, uint32_t n_threads)
{
    group->n_token_tasks = token_tasks(group->n_tokens, n_threads);
    for (uint32_t i = 0; i < group->n_parts; i++) {
        struct part *part = &group->part[i];
        part->job.w = out[i].w;
        part->unit_rows = (group->n_tokens > 1 ? BATCH_PANELS : 1) * ENG_PANEL_ROWS;
        part->first_row_task = group->n_row_tasks;
        part->n_row_tasks = row_tasks(group, n_threads, part, out[i].w->data_bytes);
        group->n_row_tasks += part->n_row_tasks;
    }
}

void eng_matmul_group(struct eng_pool *pool, const struct eng_matmul_out *out, size_t n_out, const float *x, size_t ldx, size_t n_tokens,
                      enum eng_act act, void *scratch)
{
    const size_t n_cols = out[0].w->n_cols;
    const struct eng_kernel_set *set = eng_kernel_set();
    struct group group = {.n_parts = (uint32_t)n_out, .n_tokens = n_tokens, .tiles = scratch};
    struct eng_q8_group *q8 = (void *)(group.tiles + (size_t)eng_pool_threads(pool) * ENG_TILE_BYTES);
    bool any_rounded = false;

    cut(&group, out, eng_pool_threads(pool));
    for (size_t i = 0; i < n_out; i++) {
        struct part *part = &group.part[i];
        const struct eng_matrix *w = out[i].w;
        any_rounded |= eng_kernel_act(w->traits, act) == ENG_ACT_Q8;
        part->kernel = eng_kernel_find(set, w->traits, w->packed != NULL, act);
        part->job = (struct eng_matmul_job){.w = w, .shape = eng_panel_shape(w->traits, w->n_rows, n_cols), .x = x, .ldx = ldx,
                                            .q8 = q8, .y = out[i].y, .ldy = out[i].ldy};
    }
    if (any_rounded)
        round_activations(pool, &(struct round_job){.set = set, .x = x, .ldx = ldx, .n_cols = n_cols, .n_tokens = n_tokens, .q8 = q8});
    eng_pool_run(pool, multiply, &group, group.n_row_tasks * group.n_token_tasks);
}

struct eng_pool_span eng_matmul_first_read(const struct eng_matmul_out *out, size_t n_out, uint32_t n_threads, uint32_t i_worker)
{
    struct group group = {.n_parts = (uint32_t)n_out, .n_tokens = 1};
    cut(&group, out, n_threads);
    const struct eng_pool_part own = eng_pool_part(group.n_row_tasks, n_threads, i_worker);
    const uint32_t first = own.begin;
    const struct part *part = part_of(&group, first);
    const struct eng_matrix *w = part->job.w;
    if (own.begin == own.end || !w->packed)
        return (struct eng_pool_span){0};
    const uint32_t end_of_part = part->first_row_task + part->n_row_tasks, last = (own.end < end_of_part ? own.end : end_of_part) - 1;
    const size_t stride = eng_panel_shape(w->traits, w->n_rows, w->n_cols).stride_bytes;
    const size_t begin = row_span(part, first - part->first_row_task).begin / ENG_PANEL_ROWS * stride;
    const size_t n_bytes = (row_span(part, last - part->first_row_task).end + ENG_PANEL_ROWS - 1) / ENG_PANEL_ROWS * stride - begin;
    return (struct eng_pool_span){(const uint8_t *)w->packed + begin, n_bytes < MOST_FETCHED ? n_bytes : MOST_FETCHED};
}

void eng_matmul_expect(struct eng_pool *pool, const struct eng_matmul_out *out, size_t n_out)
{
    const uint32_t n_threads = eng_pool_threads(pool);
    for (uint32_t i = 1; n_out > 0 && i < n_threads; i++)
        eng_pool_expect(pool, i, eng_matmul_first_read(out, n_out, n_threads, i));
}

void eng_matmul(struct eng_pool *pool, const struct eng_matrix *w, const float *x, size_t ldx, size_t n_tokens, float *y, size_t ldy,
                enum eng_act act, void *scratch)
{
    eng_matmul_group(pool, &(struct eng_matmul_out){w, y, ldy}, 1, x, ldx, n_tokens, act, scratch);
}
