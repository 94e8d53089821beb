/* convert.c - see convert.h. Blocks never reach over the end of a row, so a tensor is one long row here and tasks are equal pieces. */
#include "quantize/convert.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TASK_WEIGHTS ((size_t)16 << 10) /* 64 KiB of f32: stays in a core's cache between decode and encode. A multiple of every block */

struct eng_converter {
    struct eng_pool *pool;
    float *x;               /* [n_threads][TASK_WEIGHTS] */
    uint8_t *out;           /* [ENG_CONVERT_MAX] of the widest type */
    const struct eng_type_traits *from, *to; /* the call under way */
    const uint8_t *data;
    size_t n;
    _Atomic size_t first_bad; /* SIZE_MAX: none */
};

int eng_converter_open(struct eng_converter **out, struct eng_pool *pool, struct eng_error *err)
{
    struct eng_converter *c = calloc(1, sizeof *c);
    *out = NULL;
    if (c) {
        c->pool = pool;
        c->x = malloc(eng_pool_threads(pool) * TASK_WEIGHTS * sizeof(float));
        c->out = malloc(ENG_CONVERT_MAX * sizeof(float));
    }
    if (!c || !c->x || !c->out) {
        eng_converter_close(c);
        return eng_fail(err, ENG_ENOMEM, "no memory to convert weights");
    }
    *out = c;
    return ENG_OK;
}

void eng_converter_close(struct eng_converter *c)
{
    if (!c)
        return;
    free(c->x);
    free(c->out);
    free(c);
}

static size_t type_bytes(const struct eng_type_traits *traits, size_t n)
{
    return n / traits->block_elems * traits->block_bytes;
}

/* The largest magnitude as bits: magnitudes order like their bits, infinity and NaN above all numbers. */
static uint32_t largest_bits(const float *x, size_t n)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

static void note_bad(struct eng_converter *c, size_t begin, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i]))
            continue;
        size_t first = atomic_load(&c->first_bad);
        while (begin + i < first && !atomic_compare_exchange_weak(&c->first_bad, &first, begin + i))
            ;
        return;
    }
}

static void convert_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const uint32_t infinite_bits = 0x7f800000u, half_max_bits = 0x477fe000u; /* 65504 */
    struct eng_converter *c = arg;
    const size_t begin = i_task * TASK_WEIGHTS, n = c->n - begin < TASK_WEIGHTS ? c->n - begin : TASK_WEIGHTS;
    const uint8_t *in = c->data + type_bytes(c->from, begin);
    uint8_t *out = c->out + type_bytes(c->to, begin);
    float *own = c->x + i_worker * TASK_WEIGHTS;
    const float *x = own;
    if (c->from->type == ENG_TYPE_F32)
        x = (const float *)(const void *)in;
    else
        c->from->decode(in, own, n);
    const uint32_t largest = largest_bits(x, n);
    if (largest >= infinite_bits) {
        note_bad(c, begin, x, n);
        return;
    }
    c->to->encode(x, out, n);
    if (largest > half_max_bits) { /* most scales are halves: look whether it came through */
        c->to->decode(out, own, n);
        note_bad(c, begin, own, n);
    }
}

const void *eng_convert(struct eng_converter *c, const struct eng_type_traits *from, const struct eng_type_traits *to, const void *data,
                        size_t n, struct eng_convert_bad *bad)
{
    c->from = from;
    c->to = to;
    c->data = data;
    c->n = n;
    atomic_store(&c->first_bad, SIZE_MAX);
    eng_pool_run(c->pool, convert_task, c, (uint32_t)((n + TASK_WEIGHTS - 1) / TASK_WEIGHTS));
    const size_t first = atomic_load(&c->first_bad);
    if (first == SIZE_MAX)
        return c->out;
    const size_t block = first / from->block_elems * from->block_elems;
    from->decode((const uint8_t *)data + type_bytes(from, block), c->x, from->block_elems);
    *bad = (struct eng_convert_bad){first, c->x[first - block]};
    return NULL;
}
