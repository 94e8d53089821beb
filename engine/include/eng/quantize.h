/**
 * eng/quantize.h - from one GGUF file to another with other weight types. It works on the container: models of architectures and
 * tokenizers that the engine cannot run can be quantized as well.
 *
 *     struct eng_quantize *q; struct eng_error e;
 *     eng_quantize_open(&q, "model-f16.gguf", &(struct eng_quantize_params){.type = "q4_k_m"}, &e);   // decides, writes nothing
 *     for (size_t i = 0; (row = eng_quantize_row(q, i)); i++) ...                                    // the dry run
 *     eng_quantize_write(q, "model-q4_k_m.gguf", &(struct eng_quantize_run){.n_threads = 4}, &e);
 *     eng_quantize_close(q);
 *
 * Memory: a few MiB besides the mapped input, whatever the size of the model. The result does not depend on the number of threads.
 * Thread: one caller at a time per handle.
 */
#ifndef ENG_QUANTIZE_H
#define ENG_QUANTIZE_H

#include "eng/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what can be written ------------------------------------------------------------------------------------------- */

struct eng_quantize_format {
    const char *name, *alias, *summary; /* "q4_k_m", "q4_k" or NULL, one line */
    const char *base;                   /* type of most matrices: "q4_k" */
    double base_bits;                   /* of a weight of that type, from its block: 4.5. A file's mean is in its totals. */
};

/** eng_quantize_format() - row @i of what this build writes, best quality first; false past the last. */
bool eng_quantize_format(size_t i, struct eng_quantize_format *format);

/* ---- deciding -------------------------------------------------------------------------------------------------------- */

struct eng_quantize_override {
    const char *pattern; /* fnmatch(3) glob over the whole tensor name: "blk.*.ffn_down.weight", "*attn_v*" */
    const char *type;    /* a single type: "q6_k" */
};

struct eng_quantize_params {
    const char *type;                               /* name of a format, in any case */
    const char *output_type, *embedding_type;       /* NULL = as the format says. The output matrix is the embedding when they are tied */
    const struct eng_quantize_override *overrides;  /* first match wins, before the two above */
    size_t n_overrides;
    bool pure;                                      /* every matrix in the base type: no mixture */
};

enum eng_quantize_why {
    ENG_QUANTIZE_KEPT,     /* no matrix of weights (norm, bias, router, ...), or integers: stays as it is */
    ENG_QUANTIZE_BASE,     /* the type of the format */
    ENG_QUANTIZE_RECIPE,   /* another type, by the format's rules for this role and layer */
    ENG_QUANTIZE_OVERRIDE, /* asked for */
    ENG_QUANTIZE_FALLBACK  /* the wanted type's block does not divide the row */
};

struct eng_quantize_row { /* one tensor, in file order; strings belong to the handle */
    const char *name, *from, *to, *wanted; /* wanted: the type before the fallback; else equal to @to */
    uint32_t n_dims;
    uint64_t ne[4];                        /* fastest first */
    uint64_t n_weights, from_bytes, to_bytes;
    enum eng_quantize_why why;
};

struct eng_quantize_totals {
    const char *format, *arch, *from_path;    /* "q4_k_m"; general.architecture or "" */
    size_t n_tensors, n_converted, n_fallback;
    size_t n_requantized;                     /* converted, and of less than 16 bits already: their error adds up */
    uint64_t n_weights, from_bytes, to_bytes; /* tensor data without padding; bits per weight = 8 bytes / n_weights */
    uint64_t from_file_bytes, to_file_bytes;  /* whole files */
};

struct eng_quantize;

/** eng_quantize_open() - map @path, check it whole, choose a type for every tensor. Nothing is written. ENG_EINVAL: an unknown type or a
 *  pattern that matches no matrix, by name; ENG_ENOTSUP: a type that cannot be read or written, a part of a split model;
 *  ENG_EFORMAT: a damaged file. On failure *out is NULL. */
int eng_quantize_open(struct eng_quantize **out, const char *path, const struct eng_quantize_params *params, struct eng_error *err) ENG_MUST_CHECK;
void eng_quantize_close(struct eng_quantize *q); /* accepts NULL */

const struct eng_quantize_row *eng_quantize_row(const struct eng_quantize *q, size_t i); /* NULL past the last */
const struct eng_quantize_totals *eng_quantize_totals(const struct eng_quantize *q);

/* ---- writing --------------------------------------------------------------------------------------------------------- */

struct eng_quantize_progress {
    const struct eng_quantize_row *row;  /* under way */
    size_t i_tensor, n_tensors;
    uint64_t done_weights, n_weights;
};

struct eng_quantize_run {                /* zeroed = defaults */
    uint32_t n_threads;                  /* 0 = 1 */
    bool (*progress)(void *user, const struct eng_quantize_progress *at); /* every few MiB, on the caller's thread; false = stop */
    void *user;
};

/** eng_quantize_write() - the new file at @path, whole or not at all: a temporary file in the same folder is written, synced, renamed,
 *  and the folder synced. On any failure it is removed and what stood at @path stays. Keys are copied byte by byte, except
 *  general.file_type and general.quantization_version; order and alignment of tensors stay.
 *  ENG_EINVAL: @path is the input itself, or no place for a file; ENG_EIO: the system's reason (disk full, ...); ENG_ECANCELED: the
 *  callback said so; ENG_EFORMAT: a weight is NaN or infinite, or too large for the type, by tensor and row. */
int eng_quantize_write(struct eng_quantize *q, const char *path, const struct eng_quantize_run *run, struct eng_error *err) ENG_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
