/* gguf_tensor.c - the tensor part of a GGUF header: shapes, types, and that all data lies inside the file without overlap. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf_reader.h"

enum { MAX_NAME_BYTES = 255, DEFAULT_ALIGNMENT = 32, MAX_ALIGNMENT = 1 << 20 };

#define NAME_OF(t) (int)(t)->name.n, (t)->name.data

static int check_sizes(struct eng_gguf_reader *r, struct eng_gguf_tensor *t)
{
    const char *label = r->g->label;
    uint32_t block_elems, block_bytes;
    if (!eng_gguf_type_block(t->type, &block_elems, &block_bytes)) {
        return eng_fail(r->err, ENG_ENOTSUP, "%s: tensor '%.*s' at byte %" PRIu64 " has type id %" PRIu32 ", which is not known", label,
                        NAME_OF(t), t->info_offset, t->type);
    }
    t->n_elems = 1;
    for (uint32_t i = 0; i < 4; i++) {
        if (t->ne[i] == 0)
            return eng_fail(r->err, ENG_EFORMAT, "%s: tensor '%.*s' at byte %" PRIu64 ": dimension %" PRIu32 " is 0", label, NAME_OF(t),
                            t->info_offset, i);
        if (__builtin_mul_overflow(t->n_elems, t->ne[i], &t->n_elems) || t->n_elems > INT64_MAX) {
            return eng_fail(r->err, ENG_EFORMAT, "%s: tensor '%.*s' at byte %" PRIu64 ": the product of its dimensions overflows", label,
                            NAME_OF(t), t->info_offset);
        }
    }
    if (t->ne[0] % block_elems != 0) {
        return eng_fail(r->err, ENG_EFORMAT,
                        "%s: tensor '%.*s' at byte %" PRIu64 ": rows of %" PRIu64 " are no multiple of the %" PRIu32
                        " elements in a block of %s",
                        label, NAME_OF(t), t->info_offset, t->ne[0], block_elems, eng_gguf_type_name(t->type));
    }
    if (__builtin_mul_overflow(t->n_elems / block_elems, (uint64_t)block_bytes, &t->n_bytes)) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: tensor '%.*s' at byte %" PRIu64 ": its size overflows", label, NAME_OF(t),
                        t->info_offset);
    }
    return ENG_OK;
}

/* One header entry; *offset counts from the data section, which is not known yet. */
static int read_tensor(struct eng_gguf_reader *r, struct eng_gguf_tensor *t, uint64_t *offset)
{
    t->info_offset = r->pos;
    int rc = eng_gguf_read_str(r, &t->name, "tensor name");
    if (rc != ENG_OK)
        return rc;
    if (t->name.n == 0 || t->name.n > MAX_NAME_BYTES) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: tensor name of %zu bytes at byte %" PRIu64 "; allowed are 1 to %d", r->g->label,
                        t->name.n, t->info_offset, MAX_NAME_BYTES);
    }
    rc = eng_gguf_read(r, &t->n_dims, sizeof t->n_dims, "number of dimensions");
    if (rc != ENG_OK)
        return rc;
    if (t->n_dims < 1 || t->n_dims > 4) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: tensor '%.*s' at byte %" PRIu64 " has %" PRIu32 " dimensions; allowed are 1 to 4",
                        r->g->label, NAME_OF(t), t->info_offset, t->n_dims);
    }
    for (uint32_t i = 0; i < 4; i++)
        t->ne[i] = 1;
    rc = eng_gguf_read(r, t->ne, t->n_dims * sizeof t->ne[0], "dimensions");
    if (rc == ENG_OK)
        rc = eng_gguf_read(r, &t->type, sizeof t->type, "tensor type");
    if (rc == ENG_OK)
        rc = eng_gguf_read(r, offset, sizeof *offset, "tensor offset");
    return rc == ENG_OK ? check_sizes(r, t) : rc;
}

static int place(struct eng_gguf_reader *r, struct eng_gguf_tensor *t, uint64_t data_begin, uint64_t offset)
{
    const struct eng_gguf *g = r->g;
    if (offset % g->alignment != 0) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: tensor '%.*s': offset %" PRIu64 " is no multiple of the alignment %" PRIu64, g->label,
                        NAME_OF(t), offset, g->alignment);
    }
    uint64_t room = g->n_bytes - data_begin;
    if (offset > room || t->n_bytes > room - offset) {
        return eng_fail(r->err, ENG_EFORMAT,
                        "%s: truncated: tensor '%.*s' needs %" PRIu64 " bytes at %" PRIu64
                        " of the data section, which begins at byte %" PRIu64 " and has %" PRIu64 " bytes",
                        g->label, NAME_OF(t), t->n_bytes, offset, data_begin, room);
    }
    t->data = g->bytes + data_begin + offset;
    return ENG_OK;
}

static int by_data(const void *a, const void *b)
{
    const struct eng_gguf_tensor *x = *(const struct eng_gguf_tensor *const *)a, *y = *(const struct eng_gguf_tensor *const *)b;
    return (x->data > y->data) - (x->data < y->data);
}

static int check_overlap(const struct eng_gguf *g, struct eng_error *err)
{
    const struct eng_gguf_tensor **order = malloc(((size_t)g->n_tensors + 1) * sizeof *order);
    if (!order)
        return eng_fail(err, ENG_ENOMEM, "%s: no memory for the header", g->label);
    for (uint64_t i = 0; i < g->n_tensors; i++)
        order[i] = &g->tensors[i];
    qsort(order, (size_t)g->n_tensors, sizeof *order, by_data);
    int rc = ENG_OK;
    for (uint64_t i = 1; i < g->n_tensors && rc == ENG_OK; i++) {
        const struct eng_gguf_tensor *a = order[i - 1], *b = order[i];
        if (a->data + a->n_bytes > b->data) {
            rc = eng_fail(err, ENG_EFORMAT, "%s: tensors '%.*s' and '%.*s' overlap at byte %" PRIu64, g->label, NAME_OF(a), NAME_OF(b),
                          eng_gguf_offset(g, b->data));
        }
    }
    free(order);
    return rc;
}

static int read_alignment(struct eng_gguf *g, struct eng_error *err)
{
    uint32_t alignment = DEFAULT_ALIGNMENT;
    int rc = eng_gguf_get_u32(g, "general.alignment", false, &alignment, err);
    if (rc != ENG_OK)
        return rc;
    if (alignment < 8 || (alignment & (alignment - 1)) != 0 || alignment > MAX_ALIGNMENT) {
        return eng_fail(err, ENG_EFORMAT, "%s: general.alignment is %" PRIu32 ", not a power of two from 8 to %d", g->label, alignment,
                        MAX_ALIGNMENT);
    }
    g->alignment = alignment;
    return ENG_OK;
}

static int read_infos(struct eng_gguf *g, struct eng_gguf_reader *r, uint64_t *offsets)
{
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        struct eng_gguf_tensor *t = &g->tensors[i];
        int rc = read_tensor(r, t, &offsets[i]);
        if (rc != ENG_OK)
            return rc;
        uint64_t slot = eng_gguf_index_slot(g->tensor_index, g->tensor_mask, &g->tensors->name, sizeof *g->tensors, t->name);
        if (g->tensor_index[slot])
            return eng_fail(r->err, ENG_EFORMAT, "%s: tensor '%.*s' at byte %" PRIu64 " appears twice", g->label, NAME_OF(t),
                            t->info_offset);
        g->tensor_index[slot] = i + 1;
    }
    return ENG_OK;
}

int eng_gguf_read_tensors(struct eng_gguf *g, struct eng_gguf_reader *r)
{
    int rc = read_alignment(g, r->err);
    if (rc != ENG_OK || g->n_tensors == 0)
        return rc;
    uint64_t *offsets = malloc((size_t)g->n_tensors * sizeof *offsets);
    if (!offsets)
        return eng_fail(r->err, ENG_ENOMEM, "%s: no memory for the header", g->label);
    rc = read_infos(g, r, offsets);
    if (rc == ENG_OK)
        rc = eng_gguf_skip(r, (g->alignment - r->pos % g->alignment) % g->alignment, "padding before the tensor data");
    for (uint64_t i = 0; i < g->n_tensors && rc == ENG_OK; i++)
        rc = place(r, &g->tensors[i], r->pos, offsets[i]);
    free(offsets);
    return rc == ENG_OK ? check_overlap(g, r->err) : rc;
}
