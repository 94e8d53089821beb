/* gguf_header.c - see gguf_header.h. */
#include "quantize/gguf_header.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 3, QUANTIZATION_VERSION = 2 /* ggml's GGML_QNT_VERSION: the layouts of types/block.h */ };

static void put(struct eng_gguf_header *h, const void *bytes, size_t n)
{
    if (n > h->cap - h->n && !h->failed) {
        size_t cap = h->cap ? h->cap : 4096;
        while (cap - h->n < n)
            cap *= 2;
        uint8_t *more = realloc(h->bytes, cap);
        h->failed = !more;
        if (more) {
            h->bytes = more;
            h->cap = cap;
        }
    }
    if (h->failed)
        return;
    if (n)
        memcpy(h->bytes + h->n, bytes, n);
    h->n += n;
}

static void put_u32(struct eng_gguf_header *h, uint32_t v)
{
    put(h, &v, sizeof v);
}

static void put_u64(struct eng_gguf_header *h, uint64_t v)
{
    put(h, &v, sizeof v);
}

static void put_str(struct eng_gguf_header *h, struct eng_gguf_str s)
{
    put_u64(h, s.n);
    put(h, s.data, s.n);
}

/* The keys that say what the weights are; everything else is copied. */
static const char *const own_keys[] = {"general.file_type", "general.quantization_version"};
enum { N_OWN = 2, LENGTH_BYTES = 8 /* in front of a string */ };

static int own_key(const struct eng_gguf_kv *kv)
{
    for (int i = 0; i < N_OWN; i++)
        if (kv->key.n == strlen(own_keys[i]) && memcmp(kv->key.data, own_keys[i], kv->key.n) == 0)
            return i;
    return -1;
}

static void put_own(struct eng_gguf_header *h, int i, const struct eng_gguf_change *change)
{
    put_str(h, (struct eng_gguf_str){own_keys[i], strlen(own_keys[i])});
    put_u32(h, ENG_GGUF_U32);
    put_u32(h, i == 0 ? change->file_type : QUANTIZATION_VERSION);
}

/* A key begins with the length of its name, and ends where the next begins. */
static const uint8_t *key_begin(const struct eng_gguf *g, uint64_t i)
{
    return i < g->n_kv ? (const uint8_t *)g->kv[i].key.data - LENGTH_BYTES : g->bytes + g->tensors[0].info_offset;
}

static void put_keys(struct eng_gguf_header *h, const struct eng_gguf *from, const struct eng_gguf_change *change)
{
    bool seen[N_OWN] = {false};
    for (uint64_t i = 0; i < from->n_kv; i++) {
        const int own = own_key(&from->kv[i]);
        if (own >= 0) {
            put_own(h, own, change);
            seen[own] = true;
        } else {
            put(h, key_begin(from, i), (size_t)(key_begin(from, i + 1) - key_begin(from, i)));
        }
    }
    for (int i = 0; i < N_OWN; i++)
        if (!seen[i])
            put_own(h, i, change);
}

static uint64_t missing_keys(const struct eng_gguf *from)
{
    uint64_t n = N_OWN;
    for (uint64_t i = 0; i < from->n_kv; i++)
        n -= own_key(&from->kv[i]) >= 0;
    return n;
}

uint64_t eng_gguf_padding(const struct eng_gguf *g, uint64_t n)
{
    return (g->alignment - n % g->alignment) % g->alignment;
}

int eng_gguf_header_make(struct eng_gguf_header *h, const struct eng_gguf *from, const struct eng_gguf_change *change,
                         struct eng_error *err)
{
    static const uint8_t zeros[1];
    *h = (struct eng_gguf_header){0};
    put(h, "GGUF", 4);
    put_u32(h, VERSION);
    put_u64(h, from->n_tensors);
    put_u64(h, from->n_kv + missing_keys(from));
    put_keys(h, from, change);
    for (uint64_t i = 0; i < from->n_tensors; i++) {
        const struct eng_gguf_tensor *t = &from->tensors[i];
        put_str(h, t->name);
        put_u32(h, t->n_dims);
        put(h, t->ne, t->n_dims * sizeof t->ne[0]);
        put_u32(h, change->types[i]);
        put_u64(h, h->data_bytes);
        h->data_bytes += change->n_bytes[i] + eng_gguf_padding(from, change->n_bytes[i]);
    }
    while (!h->failed && eng_gguf_padding(from, h->n) != 0)
        put(h, zeros, 1);
    if (!h->failed)
        return ENG_OK;
    eng_gguf_header_release(h);
    return eng_fail(err, ENG_ENOMEM, "%s: no memory for the header", from->label);
}

void eng_gguf_header_release(struct eng_gguf_header *h)
{
    free(h->bytes);
    *h = (struct eng_gguf_header){0};
}
