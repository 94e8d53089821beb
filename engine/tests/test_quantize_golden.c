/* Files of llama-quantize (quantize.json of the reference data): the type of every tensor, sizes, and the tensor data bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "quantize/convert.h"
#include "quantize/quantize.h"
#include "scratch_dir.h"

static const struct { const char *name, *file; } models[] = {
    {"smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"},
    {"gemma3-270m", "gemma-3-270m-q4_k_m.gguf"},
};

/* The recorded formats of a model; NULL when data or model are not there. *path is where the model is. */
static json_t *golden(size_t i_model, char path[SCRATCH_PATH])
{
    char recorded[SCRATCH_PATH], folder[SCRATCH_PATH];
    const char *home = getenv("HOME"), *cache = getenv("XDG_CACHE_HOME");
    if (!test_data_path(recorded, "golden/llama_cpp/quantize.json")) {
        print_message("skipped: no ../shared/data\n");
        return NULL;
    }
    snprintf(folder, sizeof folder, cache && *cache ? "%s/meltbench" : "%s/.cache/meltbench", cache && *cache ? cache : home ? home : "");
    scratch_path(path, folder, models[i_model].file);
    FILE *f = fopen(path, "rb");
    if (!f) {
        print_message("skipped: no %s\n", path);
        return NULL;
    }
    fclose(f);
    json_t *all = json_load_file(recorded, 0, NULL);
    assert_non_null(all);
    json_t *of_model = json_incref(json_object_get(all, models[i_model].name));
    assert_non_null(of_model);
    json_decref(all);
    return of_model;
}

static struct eng_quantize *open_as(const char *path, const char *type)
{
    struct eng_quantize *q;
    struct eng_error err;
    const int rc = eng_quantize_open(&q, path, &(struct eng_quantize_params){.type = type}, &err);
    if (rc != ENG_OK)
        fail_msg("%s as %s: %s", path, type, err.text);
    return q;
}

/* "blk.3.attn_q.weight" -> "attn_q.weight", as the recorded file groups them. */
static const char *kind_of(const char *name)
{
    if (strncmp(name, "blk.", 4) != 0)
        return name;
    return strchr(name + 4, '.') + 1;
}

static void add(json_t *counts, const char *key)
{
    json_object_set_new(counts, key, json_integer(json_integer_value(json_object_get(counts, key)) + 1));
}

/* Upper case, as recorded. */
static const char *upper(const char *type, char buf[32])
{
    size_t i = 0;
    for (; type[i] && i < 31; i++)
        buf[i] = (char)toupper((unsigned char)type[i]);
    buf[i] = 0;
    return buf;
}

static void check_types(const struct eng_quantize *q, const char *format, json_t *recorded)
{
    json_t *n_tensors = json_object(), *kinds = json_object(), *expected_kinds = json_object_get(recorded, "per_tensor_kind"), *kind;
    const char *name;
    char type[32];
    for (size_t i = 0; eng_quantize_row(q, i); i++) {
        const struct eng_quantize_row *row = eng_quantize_row(q, i);
        if (!json_object_get(kinds, kind_of(row->name)))
            json_object_set_new(kinds, kind_of(row->name), json_object());
        add(n_tensors, upper(row->to, type));
        add(json_object_get(kinds, kind_of(row->name)), type);
    }
    if (!json_equal(n_tensors, json_object_get(recorded, "n_tensors")))
        fail_msg("%s: %s instead of %s", format, json_dumps(n_tensors, 0), json_dumps(json_object_get(recorded, "n_tensors"), 0));
    json_object_foreach (expected_kinds, name, kind) {
        json_t *found = json_object_get(kinds, name);
        if (json_is_string(kind) ? !json_object_get(found, json_string_value(kind)) : !json_equal(kind, found))
            fail_msg("%s: %s is %s instead of %s", format, name, json_dumps(found, 0), json_dumps(kind, JSON_ENCODE_ANY));
    }
    json_decref(n_tensors);
    json_decref(kinds);
}

static void types_and_sizes_are_those_of_llama_quantize(void **state)
{
    size_t n_checked = 0;
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char path[SCRATCH_PATH];
        const char *format;
        json_t *formats = golden(m, path), *recorded;
        json_object_foreach (formats, format, recorded) {
            if (strcmp(format, "file") == 0)
                continue;
            struct eng_quantize *q = open_as(path, format);
            const struct eng_quantize_totals *totals = eng_quantize_totals(q);
            check_types(q, format, recorded);
            assert_int_equal(totals->to_bytes, json_integer_value(json_object_get(recorded, "tensor_bytes")));
            assert_int_equal(totals->to_file_bytes, json_integer_value(json_object_get(recorded, "file_bytes")));
            assert_int_equal(totals->n_fallback, json_integer_value(json_object_get(recorded, "fallback_tensors")));
            eng_quantize_close(q);
            n_checked++;
        }
        json_decref(formats);
    }
    if (!n_checked)
        skip();
}

/* ---- tensor data ---- */

static int by_name(const void *a, const void *b)
{
    const struct eng_quantize_row *x = *(const struct eng_quantize_row *const *)a, *y = *(const struct eng_quantize_row *const *)b;
    return strcmp(x->name, y->name);
}

static void hash_tensor(EVP_MD_CTX *hash, struct eng_quantize *q, struct eng_converter *c, size_t i)
{
    const struct eng_gguf_tensor *t = &q->gguf.tensors[i];
    const struct eng_type_traits *from = eng_type_traits(t->type), *to = eng_type_traits(q->tensors[i].to);
    char type[32];
    EVP_DigestUpdate(hash, q->rows[i].name, strlen(q->rows[i].name) + 1);
    upper(q->rows[i].to, type);
    EVP_DigestUpdate(hash, type, strlen(type) + 1);
    if (from == to)
        EVP_DigestUpdate(hash, t->data, t->n_bytes);
    for (uint64_t done = 0; from != to && done < t->n_elems; done += ENG_CONVERT_MAX) {
        const size_t n = t->n_elems - done < ENG_CONVERT_MAX ? (size_t)(t->n_elems - done) : ENG_CONVERT_MAX;
        struct eng_convert_bad bad;
        const void *out = eng_convert(c, from, to, t->data + done / from->block_elems * from->block_bytes, n, &bad);
        assert_non_null(out);
        EVP_DigestUpdate(hash, out, n / to->block_elems * to->block_bytes);
    }
}

/* sha256 over "name \0 type \0 data" of the tensors in name order (README of the reference data), without writing a file. */
static void hash_data(struct eng_quantize *q, struct eng_converter *c, char hex[65])
{
    const size_t n = eng_quantize_totals(q)->n_tensors;
    const struct eng_quantize_row **order = malloc(n * sizeof *order);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned char digest[32];
    assert_non_null(order);
    for (size_t i = 0; i < n; i++)
        order[i] = &q->rows[i];
    qsort(order, n, sizeof *order, by_name);
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    for (size_t i = 0; i < n; i++)
        hash_tensor(hash, q, c, (size_t)(order[i] - q->rows));
    EVP_DigestFinal_ex(hash, digest, NULL);
    EVP_MD_CTX_free(hash);
    free(order);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* Formats whose quantizer has no search: the same bytes whoever computes them. */
static void tensor_data_is_that_of_llama_quantize(void **state)
{
    static const char *const formats[] = {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "F16", "F32"};
    char path[SCRATCH_PATH], hex[65];
    struct eng_error err;
    struct eng_pool *pool;
    struct eng_converter *c;
    (void)state;
    json_t *recorded = golden(0, path);
    if (!recorded)
        skip();
    assert_int_equal(eng_pool_open(&pool, 2, &err), ENG_OK);
    assert_int_equal(eng_converter_open(&c, pool, &err), ENG_OK);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct eng_quantize *q = open_as(path, formats[i]);
        hash_data(q, c, hex);
        const char *expected = json_string_value(json_object_get(json_object_get(recorded, formats[i]), "tensor_data_sha256"));
        if (strcmp(hex, expected) != 0)
            fail_msg("%s: %s instead of %s", formats[i], hex, expected);
        eng_quantize_close(q);
    }
    eng_converter_close(c);
    eng_pool_close(pool);
    json_decref(recorded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_sizes_are_those_of_llama_quantize),
        cmocka_unit_test(tensor_data_is_that_of_llama_quantize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
