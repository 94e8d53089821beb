/* recurrence.c - see recurrence.h: cutting a batch into tasks of (sequence, blocks of 16 channels or a head). */
#include "run/recurrence.h"

#define MIN_TASK_ROWS 16 /* (token, block) pairs of a task: below, taking a task costs more than doing it */
#define LOG2_E 1.4426950408889634

struct recur_job {
    const struct eng_recur_where *at;
    const void *op;      /* the operator's struct */
    uint32_t n_units;    /* blocks or heads */
    uint32_t per_task, tasks_per_part;
    void (*unit)(const struct recur_job *job, const struct eng_batch_part *part, float *state, uint32_t i_unit);
};

static void run_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct recur_job *job = arg;
    const struct eng_recur_where *at = job->at;
    const struct eng_batch_part *part = &at->batch->part[i_task / job->tasks_per_part];
    const uint32_t first = i_task % job->tasks_per_part * job->per_task;
    const uint32_t end = first + job->per_task < job->n_units ? first + job->per_task : job->n_units;
    (void)i_worker;
    for (uint32_t i = first; i < end; i++)
        job->unit(job, part, at->state + part->seq * at->state_stride, i);
}

/* @weight: how many blocks a unit is. */
static void for_units(struct recur_job job, uint32_t weight)
{
    const struct eng_batch *batch = job.at->batch;
    if (batch->n == 0 || batch->n_parts == 0 || job.n_units == 0)
        return;
    const uint32_t rows = batch->n / batch->n_parts * weight;
    job.per_task = rows >= MIN_TASK_ROWS ? 1 : (MIN_TASK_ROWS + rows - 1) / (rows ? rows : 1);
    if (job.per_task > job.n_units)
        job.per_task = job.n_units;
    job.tasks_per_part = (job.n_units + job.per_task - 1) / job.per_task;
    eng_pool_run(job.at->pool, run_task, &job, job.tasks_per_part * batch->n_parts);
}

static uint32_t n_blocks(uint32_t channels)
{
    return (channels + ENG_RECUR_LANES - 1) / ENG_RECUR_LANES;
}

static uint32_t block_lanes(uint32_t channels, uint32_t first)
{
    return channels - first < ENG_RECUR_LANES ? channels - first : ENG_RECUR_LANES;
}

static struct eng_rows rows_at(struct eng_rows r, size_t row, size_t column)
{
    if (r.p)
        r.p += row * r.ld + column;
    return r;
}

static struct eng_rows_out out_at(struct eng_rows_out r, size_t row, size_t column)
{
    r.p += row * r.ld + column;
    return r;
}

static uint32_t chunk_len(const struct eng_batch_part *part, uint32_t t)
{
    return part->n - t < ENG_RECUR_CHUNK ? part->n - t : ENG_RECUR_CHUNK;
}

/* ---- convolution ---- */

static void conv_unit(const struct recur_job *job, const struct eng_batch_part *part, float *state, uint32_t i)
{
    const struct eng_conv_block *all = job->op;
    const uint32_t c = i * ENG_RECUR_LANES;
    struct eng_conv_block b = *all;
    b.n = part->n;
    b.lanes = block_lanes(all->lanes, c);
    b.x = rows_at(all->x, part->first_row, c);
    b.gate_in = rows_at(all->gate_in, part->first_row, c);
    b.gate_out = rows_at(all->gate_out, part->first_row, c);
    b.w = all->w + c;
    b.bias = all->bias ? all->bias + c : NULL;
    b.y = out_at(all->y, part->first_row, c);
    b.state = state + c;
    b.state_ld = all->lanes;
    job->at->ops->conv(&b);
}

void eng_recur_conv(const struct eng_recur_where *at, const struct eng_conv_block *conv)
{
    for_units((struct recur_job){.at = at, .op = conv, .n_units = n_blocks(conv->lanes), .unit = conv_unit}, 1);
}

/* ---- Mamba ---- */

static void scan1_unit(const struct recur_job *job, const struct eng_batch_part *part, float *state, uint32_t i)
{
    const struct eng_scan1_block *all = job->op;
    const uint32_t c = i * ENG_RECUR_LANES;
    const size_t block = (size_t)i * all->n_state * ENG_RECUR_LANES;
    struct eng_scan1_block b = *all;
    b.lanes = block_lanes(all->lanes, c);
    b.dt_bias = all->dt_bias + c;
    b.d = all->d + c;
    b.a2 = all->a2 + block;
    b.state = state + block;
    for (uint32_t t = 0; t < part->n; t += b.n) {
        const size_t row = part->first_row + t;
        b.n = chunk_len(part, t);
        b.x = rows_at(all->x, row, c);
        b.dt = rows_at(all->dt, row, c);
        b.z = rows_at(all->z, row, c);
        b.b = rows_at(all->b, row, 0);
        b.c = rows_at(all->c, row, 0);
        b.y = out_at(all->y, row, c);
        job->at->ops->scan1(&b);
    }
}

void eng_recur_scan1(const struct eng_recur_where *at, const struct eng_scan1_block *scan)
{
    for_units((struct recur_job){.at = at, .op = scan, .n_units = n_blocks(scan->lanes), .unit = scan1_unit}, 1);
}

void eng_scan1_pack(float *a2, const float *a, size_t channels, size_t n_state)
{
    for (size_t c = 0; c < (channels + ENG_RECUR_LANES - 1) / ENG_RECUR_LANES * ENG_RECUR_LANES; c++) {
        float *to = a2 + c / ENG_RECUR_LANES * n_state * ENG_RECUR_LANES + c % ENG_RECUR_LANES;
        for (size_t i = 0; i < n_state; i++)
            to[i * ENG_RECUR_LANES] = c < channels ? (float)((double)a[c * n_state + i] * LOG2_E) : 0.0f;
    }
}

/* ---- Mamba-2 ---- */

static void scan2_unit(const struct recur_job *job, const struct eng_batch_part *part, float *state, uint32_t head)
{
    const struct eng_scan2 *all = job->op;
    const uint32_t blocks = n_blocks(all->d_head), group = head / (all->n_heads / all->n_groups);
    float dt[ENG_RECUR_CHUNK], decay[ENG_RECUR_CHUNK];
    struct eng_scan2_block b = {.n_state = all->n_state, .dt = dt, .decay = decay, .d = all->d[head]};
    for (uint32_t t = 0; t < part->n; t += b.n) {
        const size_t row = part->first_row + t;
        b.n = chunk_len(part, t);
        const struct eng_rows steps = rows_at(all->dt, row, head);
        job->at->ops->steps2(steps.p, steps.ld, b.n, all->dt_bias[head], all->a2[head], dt, decay);
        b.b = rows_at(all->b, row, (size_t)group * all->n_state);
        b.c = rows_at(all->c, row, (size_t)group * all->n_state);
        for (uint32_t i = 0; i < blocks; i++) {
            const size_t c = (size_t)head * all->d_head + i * ENG_RECUR_LANES;
            b.lanes = block_lanes(all->d_head, i * ENG_RECUR_LANES);
            b.x = rows_at(all->x, row, c);
            b.z = rows_at(all->z, row, c);
            b.y = out_at(all->y, row, c);
            b.state = state + ((size_t)head * blocks + i) * all->n_state * ENG_RECUR_LANES;
            job->at->ops->scan2(&b);
        }
    }
}

void eng_recur_scan2(const struct eng_recur_where *at, const struct eng_scan2 *scan)
{
    for_units((struct recur_job){.at = at, .op = scan, .n_units = scan->n_heads, .unit = scan2_unit}, n_blocks(scan->d_head));
}

/* ---- RWKV ---- */

static void wkv6_unit(const struct recur_job *job, const struct eng_batch_part *part, float *state, uint32_t head)
{
    const struct eng_wkv6 *all = job->op;
    const uint32_t blocks = n_blocks(all->d_head);
    const size_t first = (size_t)head * all->d_head;
    float bonus[ENG_RECUR_CHUNK];
    struct eng_wkv6_block b = {.n_state = all->d_head, .bonus = bonus};
    for (uint32_t t = 0; t < part->n; t += b.n) {
        const size_t row = part->first_row + t;
        b.n = chunk_len(part, t);
        b.r = rows_at(all->r, row, first);
        b.w = rows_at(all->w, row, first);
        b.k = rows_at(all->k, row, first);
        for (uint32_t j = 0; j < b.n; j++)
            bonus[j] = job->at->ops->dot3(b.r.p + j * b.r.ld, all->u + first, b.k.p + j * b.k.ld, all->d_head);
        for (uint32_t i = 0; i < blocks; i++) {
            const size_t c = first + i * ENG_RECUR_LANES;
            b.first = i * ENG_RECUR_LANES;
            b.lanes = block_lanes(all->d_head, b.first);
            b.v = rows_at(all->v, row, c);
            b.y = out_at(all->y, row, c);
            b.state = state + ((size_t)head * blocks + i) * all->d_head * ENG_RECUR_LANES;
            job->at->ops->wkv6(&b);
        }
    }
}

void eng_recur_wkv6(const struct eng_recur_where *at, const struct eng_wkv6 *wkv)
{
    for_units((struct recur_job){.at = at, .op = wkv, .n_units = wkv->n_heads, .unit = wkv6_unit}, n_blocks(wkv->d_head));
}

static void wkv7_unit(const struct recur_job *job, const struct eng_batch_part *part, float *state, uint32_t head)
{
    const struct eng_wkv7 *all = job->op;
    const uint32_t blocks = n_blocks(all->d_head);
    const size_t first = (size_t)head * all->d_head;
    struct eng_wkv7_block b = {.n_state = all->d_head};
    for (uint32_t t = 0; t < part->n; t += b.n) {
        const size_t row = part->first_row + t;
        b.n = chunk_len(part, t);
        b.r = rows_at(all->r, row, first);
        b.w = rows_at(all->w, row, first);
        b.k = rows_at(all->k, row, first);
        b.a = rows_at(all->a, row, first);
        b.b = rows_at(all->b, row, first);
        for (uint32_t i = 0; i < blocks; i++) {
            const size_t c = first + i * ENG_RECUR_LANES;
            b.first = i * ENG_RECUR_LANES;
            b.lanes = block_lanes(all->d_head, b.first);
            b.v = rows_at(all->v, row, c);
            b.y = out_at(all->y, row, c);
            b.state = state + ((size_t)head * blocks + i) * all->d_head * ENG_RECUR_LANES;
            job->at->ops->wkv7(&b);
        }
    }
}

void eng_recur_wkv7(const struct eng_recur_where *at, const struct eng_wkv7 *wkv)
{
    for_units((struct recur_job){.at = at, .op = wkv, .n_units = wkv->n_heads, .unit = wkv7_unit}, n_blocks(wkv->d_head));
}
