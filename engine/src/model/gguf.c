/* gguf.c - header of a GGUF file, checked reads, name lookup. Keys are in gguf_kv.c, tensors in gguf_tensor.c. */
#include "model/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf_reader.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF values and weights are little-endian and are used in place"
#endif

int eng_gguf_skip(struct eng_gguf_reader *r, uint64_t n_bytes, const char *what)
{
    if (n_bytes > r->g->n_bytes - r->pos) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: truncated: %s at byte %" PRIu64 " needs %" PRIu64 " bytes, the file ends at byte %zu",
                        r->g->label, what, r->pos, n_bytes, r->g->n_bytes);
    }
    r->pos += n_bytes;
    return ENG_OK;
}

int eng_gguf_read(struct eng_gguf_reader *r, void *out, size_t n_bytes, const char *what)
{
    const uint8_t *from = r->g->bytes + r->pos;
    int rc = eng_gguf_skip(r, n_bytes, what);
    if (rc == ENG_OK)
        memcpy(out, from, n_bytes);
    return rc;
}

int eng_gguf_read_str(struct eng_gguf_reader *r, struct eng_gguf_str *out, const char *what)
{
    uint64_t n;
    int rc = eng_gguf_read(r, &n, sizeof n, what);
    if (rc != ENG_OK)
        return rc;
    const char *data = (const char *)r->g->bytes + r->pos;
    rc = eng_gguf_skip(r, n, what);
    if (rc == ENG_OK)
        *out = (struct eng_gguf_str){data, (size_t)n};
    return rc;
}

/* FNV-1a, 64 bit. */
static uint64_t hash_name(struct eng_gguf_str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.data[i]) * 0x100000001b3u;
    return h ^ (h >> 32);
}

uint32_t *eng_gguf_index_new(uint64_t n, uint64_t *mask)
{
    uint64_t cap = 16;
    while (cap < 2 * n)
        cap *= 2;
    *mask = cap - 1;
    return calloc((size_t)cap, sizeof(uint32_t));
}

uint64_t eng_gguf_index_slot(const uint32_t *index, uint64_t mask, const struct eng_gguf_str *names, size_t stride,
                             struct eng_gguf_str name)
{
    uint64_t slot = hash_name(name) & mask;
    for (; index[slot]; slot = (slot + 1) & mask) {
        const struct eng_gguf_str *s = (const void *)((const char *)names + (index[slot] - 1) * stride);
        if (s->n == name.n && memcmp(s->data, name.data, name.n) == 0)
            break;
    }
    return slot;
}

const struct eng_gguf_kv *eng_gguf_find_kv(const struct eng_gguf *g, const char *key)
{
    struct eng_gguf_str name = {key, strlen(key)};
    if (!g->kv_index)
        return NULL;
    uint32_t entry = g->kv_index[eng_gguf_index_slot(g->kv_index, g->kv_mask, &g->kv->key, sizeof *g->kv, name)];
    return entry ? &g->kv[entry - 1] : NULL;
}

const struct eng_gguf_tensor *eng_gguf_find_tensor(const struct eng_gguf *g, const char *name)
{
    struct eng_gguf_str s = {name, strlen(name)};
    if (!g->tensor_index)
        return NULL;
    uint32_t entry = g->tensor_index[eng_gguf_index_slot(g->tensor_index, g->tensor_mask, &g->tensors->name, sizeof *g->tensors, s)];
    return entry ? &g->tensors[entry - 1] : NULL;
}

uint64_t eng_gguf_offset(const struct eng_gguf *g, const void *p)
{
    return (uint64_t)((const uint8_t *)p - g->bytes);
}

static int read_version(struct eng_gguf *g, struct eng_gguf_reader *r)
{
    char magic[4];
    if (g->n_bytes < 4)
        return eng_fail(r->err, ENG_EFORMAT, "%s: %zu bytes is too short for a GGUF file", g->label, g->n_bytes);
    int rc = eng_gguf_read(r, magic, 4, "magic");
    if (rc != ENG_OK)
        return rc;
    if (memcmp(magic, "GGUF", 4) != 0)
        return eng_fail(r->err, ENG_EFORMAT, "%s: no GGUF file: wrong magic at byte 0", g->label);
    rc = eng_gguf_read(r, &g->version, 4, "version");
    if (rc != ENG_OK)
        return rc;
    uint32_t swapped = __builtin_bswap32(g->version);
    if (g->version == 2 || g->version == 3)
        return ENG_OK;
    if (swapped == 2 || swapped == 3)
        return eng_fail(r->err, ENG_ENOTSUP, "%s: big-endian GGUF; use the little-endian file", g->label);
    if (g->version == 1)
        return eng_fail(r->err, ENG_ENOTSUP, "%s: GGUF version 1 (2023); convert the model again for version 2 or 3", g->label);
    return eng_fail(r->err, ENG_EFORMAT, "%s: GGUF version %" PRIu32 " at byte 4; known are 2 and 3", g->label, g->version);
}

/* The smallest entry of each kind bounds the count: a huge count is refused before anything is allocated for it. */
static int read_count(struct eng_gguf_reader *r, uint64_t *n, uint64_t min_entry_bytes, const char *what)
{
    uint64_t at = r->pos;
    int rc = eng_gguf_read(r, n, sizeof *n, what);
    if (rc != ENG_OK)
        return rc;
    if (*n > (r->g->n_bytes - r->pos) / min_entry_bytes || *n >= UINT32_MAX / 2) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: %s of %" PRIu64 " at byte %" PRIu64 " is more than the file of %zu bytes can hold",
                        r->g->label, what, *n, at, r->g->n_bytes);
    }
    return ENG_OK;
}

static int parse(struct eng_gguf *g, struct eng_gguf_reader *r)
{
    enum { MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8, MIN_KV_BYTES = 8 + 1 + 4 + 1 };
    int rc = read_version(g, r);
    if (rc == ENG_OK)
        rc = read_count(r, &g->n_tensors, MIN_TENSOR_BYTES, "tensor count");
    if (rc == ENG_OK)
        rc = read_count(r, &g->n_kv, MIN_KV_BYTES, "key count");
    if (rc != ENG_OK)
        return rc;
    g->kv = calloc((size_t)g->n_kv + 1, sizeof *g->kv);
    g->tensors = calloc((size_t)g->n_tensors + 1, sizeof *g->tensors);
    g->kv_index = eng_gguf_index_new(g->n_kv, &g->kv_mask);
    g->tensor_index = eng_gguf_index_new(g->n_tensors, &g->tensor_mask);
    if (!g->kv || !g->tensors || !g->kv_index || !g->tensor_index)
        return eng_fail(r->err, ENG_ENOMEM, "%s: no memory for the header", g->label);
    rc = eng_gguf_read_kvs(g, r);
    return rc == ENG_OK ? eng_gguf_read_tensors(g, r) : rc;
}

int eng_gguf_parse(struct eng_gguf *g, const char *label, const void *bytes, size_t n_bytes, struct eng_error *err)
{
    *g = (struct eng_gguf){.bytes = bytes, .n_bytes = n_bytes};
    snprintf(g->label, sizeof g->label, "%s", label);
    struct eng_gguf_reader r = {.g = g, .err = err};
    int rc = parse(g, &r);
    if (rc != ENG_OK)
        eng_gguf_release(g);
    return rc;
}

void eng_gguf_release(struct eng_gguf *g)
{
    free(g->kv);
    free(g->tensors);
    free(g->kv_index);
    free(g->tensor_index);
    *g = (struct eng_gguf){0};
}
