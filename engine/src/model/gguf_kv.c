/* gguf_kv.c - the key-value part of a GGUF file: checked once here, typed access afterwards. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "model/gguf_reader.h"

enum { MAX_KEY_BYTES = 65535, MAX_NESTING = 4 };

static const struct value_kind {
    const char *name;
    uint32_t bytes; /* 0: no fixed size */
} value_kinds[ENG_GGUF_VALUE_N] = {
    [ENG_GGUF_U8] = {"u8", 1},         [ENG_GGUF_I8] = {"i8", 1},       [ENG_GGUF_U16] = {"u16", 2}, [ENG_GGUF_I16] = {"i16", 2},
    [ENG_GGUF_U32] = {"u32", 4},       [ENG_GGUF_I32] = {"i32", 4},     [ENG_GGUF_F32] = {"f32", 4}, [ENG_GGUF_BOOL] = {"bool", 1},
    [ENG_GGUF_STRING] = {"string", 0}, [ENG_GGUF_ARRAY] = {"array", 0}, [ENG_GGUF_U64] = {"u64", 8}, [ENG_GGUF_I64] = {"i64", 8},
    [ENG_GGUF_F64] = {"f64", 8},
};

/* ---- reading ---- */

static int read_value_type(struct eng_gguf_reader *r, enum eng_gguf_value *type)
{
    uint64_t at = r->pos;
    uint32_t t;
    int rc = eng_gguf_read(r, &t, sizeof t, "value type");
    if (rc != ENG_OK)
        return rc;
    if (t >= ENG_GGUF_VALUE_N) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: value type %" PRIu32 " at byte %" PRIu64 " is none of GGUF's 0..%d", r->g->label, t, at,
                        ENG_GGUF_VALUE_N - 1);
    }
    *type = (enum eng_gguf_value)t;
    return ENG_OK;
}

static int check_bools(struct eng_gguf_reader *r, uint64_t at, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (r->g->bytes[at + i] > 1) {
            return eng_fail(r->err, ENG_EFORMAT, "%s: bool at byte %" PRIu64 " is %u, neither 0 nor 1", r->g->label, at + i,
                            r->g->bytes[at + i]);
        }
    }
    return ENG_OK;
}

static int skip_array(struct eng_gguf_reader *r, struct eng_gguf_kv *kv, int depth);

/* A vocabulary has 100,000 of them. Each has a length of 8 bytes, so @n ends with the file. */
static int skip_strings(struct eng_gguf_reader *r, uint64_t n)
{
    struct eng_gguf_str s;
    uint64_t n_bytes, pos = r->pos;
    const uint64_t end = r->g->n_bytes;
    for (; n > 0 && end - pos >= sizeof n_bytes; n--) {
        memcpy(&n_bytes, r->g->bytes + pos, sizeof n_bytes);
        if (n_bytes > end - pos - sizeof n_bytes)
            break;
        pos += sizeof n_bytes + n_bytes;
    }
    r->pos = pos;
    return n > 0 ? eng_gguf_read_str(r, &s, "string") : ENG_OK; /* says what is wrong */
}

/* Elements of one kind, one after the other. */
static int skip_values(struct eng_gguf_reader *r, enum eng_gguf_value type, uint64_t n, int depth)
{
    uint64_t at = r->pos, bytes;
    int rc = ENG_OK;
    if (value_kinds[type].bytes) {
        if (__builtin_mul_overflow(n, (uint64_t)value_kinds[type].bytes, &bytes))
            bytes = UINT64_MAX;
        rc = eng_gguf_skip(r, bytes, "value");
        return rc == ENG_OK && type == ENG_GGUF_BOOL ? check_bools(r, at, n) : rc;
    }
    if (type == ENG_GGUF_STRING)
        return skip_strings(r, n);
    for (uint64_t i = 0; i < n && rc == ENG_OK; i++) { /* each has a length of 8 bytes */
        struct eng_gguf_kv inner;
        rc = skip_array(r, &inner, depth + 1);
    }
    return rc;
}

static int skip_array(struct eng_gguf_reader *r, struct eng_gguf_kv *kv, int depth)
{
    uint64_t at = r->pos;
    if (depth > MAX_NESTING)
        return eng_fail(r->err, ENG_EFORMAT, "%s: arrays nested deeper than %d at byte %" PRIu64, r->g->label, MAX_NESTING, at);
    int rc = read_value_type(r, &kv->elem_type);
    if (rc == ENG_OK)
        rc = eng_gguf_read(r, &kv->n, sizeof kv->n, "array length");
    if (rc != ENG_OK)
        return rc;
    kv->data = r->g->bytes + r->pos;
    return skip_values(r, kv->elem_type, kv->n, depth);
}

static int read_kv(struct eng_gguf_reader *r, struct eng_gguf_kv *kv)
{
    uint64_t at = r->pos;
    int rc = eng_gguf_read_str(r, &kv->key, "key");
    if (rc != ENG_OK)
        return rc;
    if (kv->key.n == 0 || kv->key.n > MAX_KEY_BYTES) {
        return eng_fail(r->err, ENG_EFORMAT, "%s: key of %zu bytes at byte %" PRIu64 "; allowed are 1 to %d", r->g->label, kv->key.n, at,
                        MAX_KEY_BYTES);
    }
    rc = read_value_type(r, &kv->type);
    if (rc != ENG_OK)
        return rc;
    if (kv->type == ENG_GGUF_ARRAY)
        return skip_array(r, kv, 1);
    kv->n = 1;
    kv->data = r->g->bytes + r->pos;
    return skip_values(r, kv->type, 1, 0);
}

int eng_gguf_read_kvs(struct eng_gguf *g, struct eng_gguf_reader *r)
{
    for (uint32_t i = 0; i < g->n_kv; i++) {
        uint64_t at = r->pos;
        int rc = read_kv(r, &g->kv[i]);
        if (rc != ENG_OK)
            return rc;
        uint64_t slot = eng_gguf_index_slot(g->kv_index, g->kv_mask, &g->kv->key, sizeof *g->kv, g->kv[i].key);
        if (g->kv_index[slot]) {
            return eng_fail(r->err, ENG_EFORMAT, "%s: key '%.*s' at byte %" PRIu64 " appears twice", g->label, (int)g->kv[i].key.n,
                            g->kv[i].key.data, at);
        }
        g->kv_index[slot] = i + 1;
    }
    return ENG_OK;
}

/* ---- typed access ---- */

static int find(const struct eng_gguf *g, const char *key, bool required, const struct eng_gguf_kv **kv, struct eng_error *err)
{
    *kv = eng_gguf_find_kv(g, key);
    if (!*kv && required)
        return eng_fail(err, ENG_EFORMAT, "%s: key '%s' is missing", g->label, key);
    return ENG_OK;
}

static int wrong_kind(const struct eng_gguf *g, const struct eng_gguf_kv *kv, const char *expected, struct eng_error *err)
{
    return eng_fail(err, ENG_EFORMAT, "%s: key '%.*s' is of type %s at byte %" PRIu64 ", expected %s", g->label, (int)kv->key.n,
                    kv->key.data, value_kinds[kv->type].name, eng_gguf_offset(g, kv->data), expected);
}

/* Any integer as unsigned; a negative one becomes a huge number, which every caller refuses. */
static bool as_u64(const struct eng_gguf_kv *kv, uint64_t *value)
{
    int64_t v = 0;
    uint32_t bytes = value_kinds[kv->type].bytes;
    switch (kv->type) {
    case ENG_GGUF_U8:
    case ENG_GGUF_U16:
    case ENG_GGUF_U32:
    case ENG_GGUF_U64: memcpy(&v, kv->data, bytes); break;
    case ENG_GGUF_I8:
    case ENG_GGUF_I16:
    case ENG_GGUF_I32:
    case ENG_GGUF_I64:
        memcpy(&v, kv->data, bytes);
        v = (int64_t)((uint64_t)v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
        break;
    default: return false;
    }
    *value = (uint64_t)v;
    return true;
}

int eng_gguf_get_u32(const struct eng_gguf *g, const char *key, bool required, uint32_t *value, struct eng_error *err)
{
    const struct eng_gguf_kv *kv;
    uint64_t v;
    int rc = find(g, key, required, &kv, err);
    if (rc != ENG_OK || !kv)
        return rc;
    if (!as_u64(kv, &v))
        return wrong_kind(g, kv, "an integer", err);
    if (v > UINT32_MAX) {
        return eng_fail(err, ENG_EFORMAT, "%s: key '%s' at byte %" PRIu64 " is out of range: %" PRId64, g->label, key,
                        eng_gguf_offset(g, kv->data), (int64_t)v);
    }
    *value = (uint32_t)v;
    return ENG_OK;
}

int eng_gguf_get_f32(const struct eng_gguf *g, const char *key, bool required, float *value, struct eng_error *err)
{
    const struct eng_gguf_kv *kv;
    int rc = find(g, key, required, &kv, err);
    if (rc != ENG_OK || !kv)
        return rc;
    float v = 0.0f;
    double wide;
    if (kv->type == ENG_GGUF_F32) {
        memcpy(&v, kv->data, sizeof v);
    } else if (kv->type == ENG_GGUF_F64) {
        memcpy(&wide, kv->data, sizeof wide);
        v = (float)wide;
    } else {
        return wrong_kind(g, kv, "f32", err);
    }
    if (!isfinite(v))
        return eng_fail(err, ENG_EFORMAT, "%s: key '%s' at byte %" PRIu64 " is not finite", g->label, key, eng_gguf_offset(g, kv->data));
    *value = v;
    return ENG_OK;
}

int eng_gguf_get_bool(const struct eng_gguf *g, const char *key, bool required, bool *value, struct eng_error *err)
{
    const struct eng_gguf_kv *kv;
    int rc = find(g, key, required, &kv, err);
    if (rc != ENG_OK || !kv)
        return rc;
    if (kv->type != ENG_GGUF_BOOL)
        return wrong_kind(g, kv, "bool", err);
    *value = *kv->data != 0;
    return ENG_OK;
}

int eng_gguf_get_str(const struct eng_gguf *g, const char *key, bool required, struct eng_gguf_str *value, struct eng_error *err)
{
    const struct eng_gguf_kv *kv;
    int rc = find(g, key, required, &kv, err);
    if (rc != ENG_OK || !kv)
        return rc;
    if (kv->type != ENG_GGUF_STRING)
        return wrong_kind(g, kv, "string", err);
    const uint8_t *cursor = kv->data;
    *value = eng_gguf_next_str(&cursor);
    return ENG_OK;
}

int eng_gguf_get_array(const struct eng_gguf *g, const char *key, bool required, enum eng_gguf_value elem_type,
                       const struct eng_gguf_kv **value, struct eng_error *err)
{
    const struct eng_gguf_kv *kv;
    *value = NULL;
    int rc = find(g, key, required, &kv, err);
    if (rc != ENG_OK || !kv)
        return rc;
    if (kv->type != ENG_GGUF_ARRAY)
        return wrong_kind(g, kv, "array", err);
    if (kv->elem_type != elem_type) {
        return eng_fail(err, ENG_EFORMAT, "%s: key '%s' at byte %" PRIu64 " is an array of %s, expected %s", g->label, key,
                        eng_gguf_offset(g, kv->data), value_kinds[kv->elem_type].name, value_kinds[elem_type].name);
    }
    *value = kv;
    return ENG_OK;
}

struct eng_gguf_str eng_gguf_next_str(const uint8_t **cursor)
{
    uint64_t n;
    memcpy(&n, *cursor, sizeof n);
    struct eng_gguf_str s = {(const char *)*cursor + sizeof n, (size_t)n};
    *cursor += sizeof n + n;
    return s;
}
