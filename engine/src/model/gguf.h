/**
 * gguf.h - reader of GGUF v2 and v3 files (little-endian) over bytes in memory. It knows the container, not the models.
 * Format: ggml's docs/gguf.md. header | n_kv x (key, type, value) | n_tensors x (name, dims, type, offset) | padding | tensor data
 *
 * eng_gguf_parse() checks everything once: later accesses need no bounds checks. Nothing is copied; strings are not
 * NUL-terminated and live in the mapped file.
 */
#ifndef ENG_MODEL_GGUF_H
#define ENG_MODEL_GGUF_H

#include "base/error.h"

struct eng_gguf_str {
    const char *data;
    size_t n;
};

enum eng_gguf_value { /* the numbers of the format */
                      ENG_GGUF_U8,
                      ENG_GGUF_I8,
                      ENG_GGUF_U16,
                      ENG_GGUF_I16,
                      ENG_GGUF_U32,
                      ENG_GGUF_I32,
                      ENG_GGUF_F32,
                      ENG_GGUF_BOOL,
                      ENG_GGUF_STRING,
                      ENG_GGUF_ARRAY,
                      ENG_GGUF_U64,
                      ENG_GGUF_I64,
                      ENG_GGUF_F64,
                      ENG_GGUF_VALUE_N
};

struct eng_gguf_kv {
    struct eng_gguf_str key;
    enum eng_gguf_value type, elem_type; /* elem_type: of an array's elements */
    uint64_t n;                          /* elements of an array; 1 otherwise */
    const uint8_t *data;                 /* the value, or an array's first element */
};

struct eng_gguf_tensor {
    struct eng_gguf_str name;
    uint32_t type;   /* ggml type id */
    uint32_t n_dims; /* 1..4 */
    uint64_t ne[4];  /* elements per dimension, fastest first; 1 beyond n_dims; none is 0 */
    uint64_t n_elems, n_bytes;
    uint64_t info_offset; /* where the header entry begins in the file */
    const uint8_t *data;  /* aligned as the file says; wholly inside the file */
};

struct eng_gguf {
    char label[128];      /* for messages: the path */
    const uint8_t *bytes; /* borrowed */
    size_t n_bytes;
    uint32_t version;
    uint64_t alignment; /* power of two */
    uint64_t n_kv, n_tensors;
    struct eng_gguf_kv *kv;
    struct eng_gguf_tensor *tensors;
    uint32_t *kv_index, *tensor_index; /* open-addressing tables: position + 1, 0 = free */
    uint64_t kv_mask, tensor_mask;
};

/** eng_gguf_parse() - @bytes are borrowed until eng_gguf_release(). On failure *g is released.
 *  ENG_EFORMAT: what is wrong and at which byte offset. ENG_ENOTSUP: version 1, big-endian, unknown tensor type. */
int eng_gguf_parse(struct eng_gguf *g, const char *label, const void *bytes, size_t n_bytes, struct eng_error *err) ENG_MUST_CHECK;
void eng_gguf_release(struct eng_gguf *g); /* safe on zeroed */

const struct eng_gguf_kv *eng_gguf_find_kv(const struct eng_gguf *g, const char *key);          /* NULL: absent */
const struct eng_gguf_tensor *eng_gguf_find_tensor(const struct eng_gguf *g, const char *name); /* NULL: absent */

/* Typed access. An absent key leaves *value as it was and returns 0, or fails with ENG_EFORMAT when @required.
 * A value of another kind, or out of range, is ENG_EFORMAT. Integers of every width are accepted where they fit. */
int eng_gguf_get_u32(const struct eng_gguf *g, const char *key, bool required, uint32_t *value, struct eng_error *err) ENG_MUST_CHECK;
int eng_gguf_get_f32(const struct eng_gguf *g, const char *key, bool required, float *value, struct eng_error *err) ENG_MUST_CHECK;
int eng_gguf_get_bool(const struct eng_gguf *g, const char *key, bool required, bool *value, struct eng_error *err) ENG_MUST_CHECK;
int eng_gguf_get_str(const struct eng_gguf *g, const char *key, bool required, struct eng_gguf_str *value,
                     struct eng_error *err) ENG_MUST_CHECK;
/** An array of @elem_type; *value stays NULL when absent and not required. */
int eng_gguf_get_array(const struct eng_gguf *g, const char *key, bool required, enum eng_gguf_value elem_type,
                       const struct eng_gguf_kv **value, struct eng_error *err) ENG_MUST_CHECK;

/** eng_gguf_next_str() - read the string at *cursor (begin with kv->data) and advance; call at most kv->n times. */
struct eng_gguf_str eng_gguf_next_str(const uint8_t **cursor);

/** eng_gguf_offset() - of a pointer into the file. */
uint64_t eng_gguf_offset(const struct eng_gguf *g, const void *p);

/** eng_gguf_type_name() - "q6_K"; "unknown" for an id that ggml does not define. */
const char *eng_gguf_type_name(uint32_t type);
/** eng_gguf_type_block() - false for an unknown type id. */
bool eng_gguf_type_block(uint32_t type, uint32_t *block_elems, uint32_t *block_bytes);

#endif
