/* matrix.c - the weight container: borrow, requantize, pack into panels, look a row up, release. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "kernels/kernel.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define REQUANTIZE_CHUNK 256 /* columns decoded at a time; a multiple of every block */

int eng_matrix_init(struct eng_matrix *w, const struct eng_type_traits *traits, size_t n_rows, size_t n_cols, const void *data,
                    struct eng_error *err)
{
    memset(w, 0, sizeof(*w));
    const size_t row_bytes = eng_type_row_bytes(traits, n_cols);
    size_t n_bytes;
    if (n_cols % traits->block_elems != 0)
        return eng_fail(err, ENG_EFORMAT, "matrix of %zu x %zu: %zu columns are no multiple of %s's block of %u", n_rows, n_cols, n_cols,
                        traits->name, traits->block_elems);
    if (row_bytes == 0 || n_rows == 0 || __builtin_mul_overflow(row_bytes, n_rows, &n_bytes))
        return eng_fail(err, ENG_EFORMAT, "matrix of %zu x %zu %s: empty or too large", n_rows, n_cols, traits->name);
    *w = (struct eng_matrix){.traits = traits, .n_rows = n_rows, .n_cols = n_cols, .data = data, .data_bytes = n_bytes};
    return ENG_OK;
}

/* From this size on, memory comes straight from the kernel and goes back to it at once: what requantizing and packing release would
 * otherwise stay in malloc's heap, between pieces in use (54 MiB of 207 for the default model as q8_0). */
#define MAPPED_BYTES ((size_t)64 << 10)

/* Large and read in long strides: huge pages spare the TLB. Advice only, failure is harmless. NULL without memory. */
static void *alloc_weights(size_t n_bytes)
{
    if (n_bytes < MAPPED_BYTES)
        return aligned_alloc(64, (n_bytes + 63) & ~(size_t)63);
    void *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (n_bytes >= HUGE_PAGE)
        (void)madvise(p, n_bytes, MADV_HUGEPAGE);
    return p;
}

/* @n_bytes as asked of alloc_weights(); accepts NULL. */
static void free_weights(void *p, size_t n_bytes)
{
    if (!p)
        return;
    if (n_bytes < MAPPED_BYTES)
        free(p);
    else
        munmap(p, n_bytes);
}

void eng_matrix_release(struct eng_matrix *w)
{
    free_weights(w->owned, w->data_bytes);
    free_weights(w->packed, w->packed_bytes);
    memset(w, 0, sizeof(*w));
}

static const void *row_of(const struct eng_matrix *w, size_t row)
{
    return (const uint8_t *)w->data + row * eng_type_row_bytes(w->traits, w->n_cols);
}

static size_t first_row(size_t n_rows, uint32_t i_task, uint32_t n_tasks)
{
    return n_rows * i_task / n_tasks;
}

struct requantize_job {
    const struct eng_matrix *from;
    const struct eng_type_traits *to;
    uint8_t *out;
    uint32_t n_tasks;
};

static void requantize_rows(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct requantize_job *job = arg;
    const struct eng_matrix *w = job->from;
    const size_t end = first_row(w->n_rows, i_task + 1, job->n_tasks), row_bytes = eng_type_row_bytes(job->to, w->n_cols);
    float x[REQUANTIZE_CHUNK];
    (void)i_worker;
    for (size_t r = first_row(w->n_rows, i_task, job->n_tasks); r < end; r++)
        for (size_t c = 0; c < w->n_cols; c += REQUANTIZE_CHUNK) {
            const size_t n = w->n_cols - c < REQUANTIZE_CHUNK ? w->n_cols - c : REQUANTIZE_CHUNK;
            w->traits->decode((const uint8_t *)row_of(w, r) + eng_type_row_bytes(w->traits, c), x, n);
            job->to->encode(x, job->out + r * row_bytes + eng_type_row_bytes(job->to, c), n);
        }
}

static uint32_t task_count(const struct eng_pool *pool, size_t n_items)
{
    const size_t wanted = eng_pool_threads(pool) == 1 ? 1 : 8 * (size_t)eng_pool_threads(pool);
    return (uint32_t)(n_items < wanted ? n_items : wanted);
}

/* 0: no such row, or too large to count. */
static size_t bytes_of(const struct eng_type_traits *traits, size_t n_rows, size_t n_cols)
{
    size_t n_bytes;
    return __builtin_mul_overflow(eng_type_row_bytes(traits, n_cols), n_rows, &n_bytes) ? 0 : n_bytes;
}

size_t eng_matrix_bytes_as(const struct eng_matrix *w, const struct eng_type_traits *to)
{
    return w->traits == to ? w->data_bytes : bytes_of(to, w->n_rows, w->n_cols);
}

int eng_matrix_requantize(struct eng_matrix *w, const struct eng_type_traits *to, struct eng_pool *pool, struct eng_error *err)
{
    if (w->traits == to)
        return ENG_OK;
    if (!w->data)
        return eng_fail(err, ENG_EINVAL, "requantize to %s: the matrix is packed already; requantize before packing", to->name);
    const size_t n_bytes = eng_matrix_bytes_as(w, to);
    if (n_bytes == 0)
        return eng_fail(err, ENG_EFORMAT, "requantize to %s: %zu columns are no multiple of its block of %u", to->name, w->n_cols,
                        to->block_elems);
    uint8_t *out = alloc_weights(n_bytes);
    if (!out)
        return eng_fail(err, ENG_ENOMEM, "requantize to %s: no memory for %zu bytes", to->name, n_bytes);
    struct requantize_job job = {w, to, out, task_count(pool, w->n_rows)};
    eng_pool_run(pool, requantize_rows, &job, job.n_tasks);
    free_weights(w->owned, w->data_bytes);
    free_weights(w->packed, w->packed_bytes);
    *w = (struct eng_matrix){.traits = to, .n_rows = w->n_rows, .n_cols = w->n_cols, .data = out, .owned = out, .data_bytes = n_bytes};
    return ENG_OK;
}

struct pack_job {
    const struct eng_matrix *w;
    struct eng_panel_shape shape;
    uint8_t *out;
    uint32_t n_tasks;
};

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* asm-generic/mman-common.h since Linux 5.14 */
#endif

static void pack_panels(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct pack_job *job = arg;
    const struct eng_matrix *w = job->w;
    const size_t first = first_row(job->shape.n_panels, i_task, job->n_tasks), end = first_row(job->shape.n_panels, i_task + 1, job->n_tasks);
    const size_t row_bytes = eng_type_row_bytes(w->traits, w->n_cols);
    (void)i_worker;
    /* all pages of what this task writes in one call: a fifth cheaper than a fault each */
    eng_pages_advise(job->out + first * job->shape.stride_bytes, (end - first) * job->shape.stride_bytes, MADV_POPULATE_WRITE);
    for (size_t p = first; p < end; p++) {
        const size_t row = p * ENG_PANEL_ROWS, left = w->n_rows - row;
        eng_panel_pack(w->traits, &job->shape, row_of(w, row), row_bytes, left < ENG_PANEL_ROWS ? left : ENG_PANEL_ROWS,
                       job->out + p * job->shape.stride_bytes);
    }
}

size_t eng_matrix_pack_bytes(const struct eng_matrix *w)
{
    size_t n_bytes;
    if (!eng_kernel_set()->packed || !eng_panel_possible(w->traits))
        return 0;
    const struct eng_panel_shape shape = eng_panel_shape(w->traits, w->n_rows, w->n_cols);
    return __builtin_mul_overflow(shape.n_panels, shape.stride_bytes, &n_bytes) ? SIZE_MAX : n_bytes;
}

int eng_matrix_pack(struct eng_matrix *w, struct eng_pool *pool, struct eng_error *err)
{
    if (w->packed || !w->data)
        return ENG_OK;
    const size_t n_bytes = eng_matrix_pack_bytes(w);
    if (n_bytes == 0)
        return ENG_OK;
    struct pack_job job = {.w = w, .shape = eng_panel_shape(w->traits, w->n_rows, w->n_cols)};
    if (n_bytes == SIZE_MAX)
        return eng_fail(err, ENG_EFORMAT, "pack a matrix of %zu x %zu: too large", w->n_rows, w->n_cols);
    job.out = alloc_weights(n_bytes);
    if (!job.out)
        return eng_fail(err, ENG_ENOMEM, "pack a matrix of %zu x %zu: no memory for %zu bytes", w->n_rows, w->n_cols, n_bytes);
    job.n_tasks = task_count(pool, job.shape.n_panels);
    eng_pool_run(pool, pack_panels, &job, job.n_tasks);
    w->packed = job.out;
    w->packed_bytes = n_bytes;
    if (w->owned) { /* nobody else reads it: the panels hold the same codes */
        free_weights(w->owned, w->data_bytes);
        w->owned = NULL;
        w->data = NULL;
    }
    return ENG_OK;
}

/* One row straight from its panel, block by block, without memory of its own. */
static void row_from_panel(const struct eng_matrix *w, size_t row, float *x)
{
    const struct eng_panel_shape shape = eng_panel_shape(w->traits, w->n_rows, w->n_cols);
    const uint8_t *panel = (const uint8_t *)w->packed + row / ENG_PANEL_ROWS * shape.stride_bytes;
    struct eng_panel_shape one = shape;
    one.n_blocks = 1;
    for (size_t b = 0; b < shape.n_blocks; b++) {
        uint8_t block[ENG_PANEL_BLOCK_BYTES];
        eng_panel_unpack_row(w->traits, &one, panel + b * shape.block_bytes, row % ENG_PANEL_ROWS, block);
        w->traits->decode(block, x + b * w->traits->block_elems, w->traits->block_elems);
    }
}

void eng_matrix_row(const struct eng_matrix *w, size_t row, float *x)
{
    if (w->data)
        w->traits->decode(row_of(w, row), x, w->n_cols);
    else
        row_from_panel(w, row, x);
}
