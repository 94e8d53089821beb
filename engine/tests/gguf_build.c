/* gguf_build.c - see gguf_build.h. Format: ggml's docs/gguf.md. */
#include "gguf_build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 32, TYPE_U32 = 4, TYPE_I32 = 5, TYPE_F32 = 6, TYPE_BOOL = 7, TYPE_STRING = 8, TYPE_ARRAY = 9 };

struct bytes {
    uint8_t *data;
    size_t n, cap;
};

struct gguf_build {
    uint64_t n_kv, n_tensors;
    struct bytes kv, infos, data, file;
    uint64_t random;
};

static void append(struct bytes *to, const void *data, size_t n)
{
    if (to->n + n > to->cap) {
        to->cap = 2 * (to->n + n) + 64;
        to->data = realloc(to->data, to->cap);
        if (!to->data)
            abort();
    }
    if (n)
        memcpy(to->data + to->n, data, n);
    to->n += n;
}

static void append_u32(struct bytes *to, uint32_t v)
{
    append(to, &v, sizeof(v));
}

static void append_u64(struct bytes *to, uint64_t v)
{
    append(to, &v, sizeof(v));
}

static void append_str(struct bytes *to, const char *text)
{
    append_u64(to, strlen(text));
    append(to, text, strlen(text));
}

static void pad(struct bytes *to)
{
    static const uint8_t zeros[ALIGNMENT];
    append(to, zeros, (ALIGNMENT - to->n % ALIGNMENT) % ALIGNMENT);
}

struct gguf_build *gguf_build_new(void)
{
    struct gguf_build *b = calloc(1, sizeof(*b));
    if (!b)
        abort();
    b->random = 1;
    return b;
}

void gguf_build_free(struct gguf_build *b)
{
    free(b->kv.data);
    free(b->infos.data);
    free(b->data.data);
    free(b->file.data);
    free(b);
}

void gguf_build_raw(struct gguf_build *b, const char *key, uint32_t type, const void *bytes, size_t n_bytes)
{
    append_str(&b->kv, key);
    append_u32(&b->kv, type);
    append(&b->kv, bytes, n_bytes);
    b->n_kv++;
}

void gguf_build_u32(struct gguf_build *b, const char *key, uint32_t value)
{
    gguf_build_raw(b, key, TYPE_U32, &value, sizeof(value));
}

void gguf_build_f32(struct gguf_build *b, const char *key, float value)
{
    gguf_build_raw(b, key, TYPE_F32, &value, sizeof(value));
}

void gguf_build_bool(struct gguf_build *b, const char *key, bool value)
{
    gguf_build_raw(b, key, TYPE_BOOL, &value, 1);
}

void gguf_build_str(struct gguf_build *b, const char *key, const char *value)
{
    gguf_build_raw(b, key, TYPE_STRING, NULL, 0);
    append_str(&b->kv, value);
}

static void begin_array(struct gguf_build *b, const char *key, uint32_t elem_type, size_t n)
{
    gguf_build_raw(b, key, TYPE_ARRAY, &elem_type, sizeof(elem_type));
    append_u64(&b->kv, n);
}

void gguf_build_strs(struct gguf_build *b, const char *key, const char *const *values, size_t n)
{
    begin_array(b, key, TYPE_STRING, n);
    for (size_t i = 0; i < n; i++)
        append_str(&b->kv, values[i]);
}

void gguf_build_f32s(struct gguf_build *b, const char *key, const float *values, size_t n)
{
    begin_array(b, key, TYPE_F32, n);
    append(&b->kv, values, n * sizeof(*values));
}

void gguf_build_i32s(struct gguf_build *b, const char *key, const int32_t *values, size_t n)
{
    begin_array(b, key, TYPE_I32, n);
    append(&b->kv, values, n * sizeof(*values));
}

void gguf_build_tensor(struct gguf_build *b, const char *name, uint32_t type, uint32_t n_dims, const uint64_t *ne, const void *data,
                       size_t n_bytes)
{
    append_str(&b->infos, name);
    append_u32(&b->infos, n_dims);
    append(&b->infos, ne, n_dims * sizeof(*ne));
    append_u32(&b->infos, type);
    append_u64(&b->infos, b->data.n);
    append(&b->data, data, n_bytes);
    pad(&b->data);
    b->n_tensors++;
}

/* xorshift64* (Vigna 2016), then Box-Muller. */
static double uniform(struct gguf_build *b)
{
    b->random ^= b->random >> 12;
    b->random ^= b->random << 25;
    b->random ^= b->random >> 27;
    return ((double)((b->random * 0x2545f4914f6cdd1du) >> 11) + 0.5) / 9007199254740992.0;
}

void gguf_build_seed(struct gguf_build *b, uint64_t seed)
{
    b->random = seed;
}

void gguf_build_random(struct gguf_build *b, const char *name, enum eng_type type, uint64_t n_rows, uint64_t n_cols, float mean,
                       float deviation)
{
    const struct eng_type_traits *traits = eng_type_traits(type);
    const uint64_t ne[2] = {n_cols, n_rows};
    const size_t n = (size_t)(n_cols * (n_rows ? n_rows : 1)), n_bytes = n / traits->block_elems * traits->block_bytes;
    float *x = malloc(n * sizeof(*x));
    void *encoded = malloc(n_bytes);
    if (!x || !encoded)
        abort();
    for (size_t i = 0; i < n; i++)
        x[i] = mean + deviation * (float)(sqrt(-2.0 * log(uniform(b))) * cos(6.283185307179586 * uniform(b)));
    traits->encode(x, encoded, n);
    gguf_build_tensor(b, name, type, n_rows ? 2 : 1, ne, encoded, n_bytes);
    free(encoded);
    free(x);
}

const uint8_t *gguf_build_bytes(struct gguf_build *b, size_t *n_bytes)
{
    b->file.n = 0;
    append(&b->file, "GGUF", 4);
    append_u32(&b->file, 3);
    append_u64(&b->file, b->n_tensors);
    append_u64(&b->file, b->n_kv);
    append(&b->file, b->kv.data, b->kv.n);
    append(&b->file, b->infos.data, b->infos.n);
    if (b->n_tensors)
        pad(&b->file);
    append(&b->file, b->data.data, b->data.n);
    *n_bytes = b->file.n;
    return b->file.data;
}

void gguf_build_write(struct gguf_build *b, const char *path)
{
    size_t n;
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        abort();
}
