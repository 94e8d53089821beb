/* write.c - the second half of eng/quantize.h: header, then tensor by tensor in pieces, into a file that appears whole or not at all. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "quantize/atomic_file.h"
#include "quantize/convert.h"
#include "quantize/quantize.h"

struct writing {
    struct eng_quantize *q;
    const struct eng_quantize_run *run;
    struct eng_converter *converter;
    struct eng_atomic_file file;
    struct eng_quantize_progress at;
    struct eng_error *err;
};

static int report(struct writing *w, const struct eng_quantize_row *row, uint64_t done_weights)
{
    w->at.row = row;
    w->at.done_weights += done_weights;
    if (!w->run->progress || w->run->progress(w->run->user, &w->at))
        return ENG_OK;
    return eng_fail(w->err, ENG_ECANCELED, "stopped; nothing was written");
}

static int bad_weight(struct writing *w, size_t i, uint64_t i_weight, float value)
{
    const struct eng_quantize_row *row = &w->q->rows[i];
    const char *label = w->q->file.label;
    const uint64_t i_row = i_weight / row->ne[0], i_col = i_weight % row->ne[0];
    if (isfinite(value))
        return eng_fail(w->err, ENG_EFORMAT, "%s: tensor '%.100s', row %" PRIu64 ", column %" PRIu64 ": %g is beyond what %s can hold; keep "
                        "this tensor in f32 or bf16", label, row->name, i_row, i_col, (double)value, row->to);
    return eng_fail(w->err, ENG_EFORMAT, "%s: tensor '%.100s', row %" PRIu64 ", column %" PRIu64 " is %s: the file is damaged", label,
                    row->name, i_row, i_col, isnan(value) ? "not a number" : "infinite");
}

/* Pieces are given back to the system as they are done: a model larger than memory passes through. */
static int write_converted(struct writing *w, size_t i)
{
    const struct eng_gguf_tensor *t = &w->q->gguf.tensors[i];
    const struct eng_type_traits *from = eng_type_traits(t->type), *to = eng_type_traits(w->q->tensors[i].to);
    int rc = ENG_OK;
    for (uint64_t done = 0; done < t->n_elems && rc == ENG_OK;) {
        const size_t n = t->n_elems - done < ENG_CONVERT_MAX ? (size_t)(t->n_elems - done) : ENG_CONVERT_MAX;
        const uint8_t *in = t->data + done / from->block_elems * from->block_bytes;
        struct eng_convert_bad bad;
        const void *out = eng_convert(w->converter, from, to, in, n, &bad);
        if (!out)
            return bad_weight(w, i, done + bad.i, bad.value);
        rc = eng_atomic_write(&w->file, out, n / to->block_elems * to->block_bytes, w->err);
        eng_mapped_drop(in, n / from->block_elems * from->block_bytes);
        done += n;
        if (rc == ENG_OK)
            rc = report(w, &w->q->rows[i], n);
    }
    return rc;
}

static int write_copied(struct writing *w, size_t i)
{
    const struct eng_gguf_tensor *t = &w->q->gguf.tensors[i];
    const uint64_t piece = 8u << 20;
    int rc = ENG_OK;
    for (uint64_t done = 0; done < t->n_bytes && rc == ENG_OK; done += piece) {
        const size_t n = t->n_bytes - done < piece ? (size_t)(t->n_bytes - done) : (size_t)piece;
        rc = eng_atomic_write(&w->file, t->data + done, n, w->err);
        eng_mapped_drop(t->data + done, n);
        if (rc == ENG_OK)
            rc = report(w, &w->q->rows[i], 0);
    }
    w->at.done_weights += t->n_elems;
    return rc;
}

static int write_padding(struct writing *w, uint64_t n)
{
    static const uint8_t zeros[4096];
    int rc = ENG_OK;
    for (uint64_t left = eng_gguf_padding(&w->q->gguf, n); left > 0 && rc == ENG_OK;) {
        const size_t now = left < sizeof zeros ? (size_t)left : sizeof zeros;
        rc = eng_atomic_write(&w->file, zeros, now, w->err);
        left -= now;
    }
    return rc;
}

static int write_all(struct writing *w)
{
    struct eng_quantize *q = w->q;
    w->at.n_tensors = q->totals.n_tensors;
    w->at.n_weights = q->totals.n_weights;
    int rc = eng_atomic_write(&w->file, q->header.bytes, q->header.n, w->err);
    for (size_t i = 0; i < q->totals.n_tensors && rc == ENG_OK; i++) {
        w->at.i_tensor = i;
        rc = q->tensors[i].to == q->tensors[i].type ? write_copied(w, i) : write_converted(w, i);
        if (rc == ENG_OK)
            rc = write_padding(w, q->rows[i].to_bytes);
    }
    return rc;
}

static int refuse_input(const struct eng_quantize *q, const char *path, struct eng_error *err)
{
    struct stat in, out;
    if (stat(q->path, &in) == 0 && stat(path, &out) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return eng_fail(err, ENG_EINVAL, "%s is the input itself; give another name for the output", path);
    return ENG_OK;
}

int eng_quantize_write(struct eng_quantize *q, const char *path, const struct eng_quantize_run *run, struct eng_error *err)
{
    static const struct eng_quantize_run defaults;
    struct writing w = {.q = q, .run = run ? run : &defaults, .file = {.fd = -1}, .err = err};
    struct eng_pool *pool = NULL;
    int rc = refuse_input(q, path, err);
    if (rc == ENG_OK)
        rc = eng_pool_open(&pool, w.run->n_threads ? w.run->n_threads : 1, err);
    if (rc == ENG_OK)
        rc = eng_converter_open(&w.converter, pool, err);
    if (rc == ENG_OK)
        rc = eng_atomic_open(&w.file, path, q->totals.to_file_bytes, err);
    if (rc == ENG_OK)
        rc = write_all(&w);
    if (rc == ENG_OK)
        rc = eng_atomic_commit(&w.file, err);
    else
        eng_atomic_abort(&w.file);
    eng_converter_close(w.converter);
    eng_pool_close(pool);
    return rc;
}
