/* test_memory_need.c - what eng_memory_need() says beforehand is what opening then takes, to the byte; and its errors are opening's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "eng/engine.h"
#include "gguf_build.h"
#include "model/model.h"
#include "scratch_dir.h"

static char dir[SCRATCH_PATH], path[SCRATCH_PATH];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir_make(dir);
    scratch_path(path, dir, "tiny.gguf");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    scratch_dir_remove(dir);
    return 0;
}

static void write_tiny(const struct gguf_tiny *tiny)
{
    struct gguf_build *b = gguf_build_new();
    gguf_build_llama(b, tiny);
    gguf_build_write(b, path);
    gguf_build_free(b);
}

/* Copies of weights that an opened model holds. */
static uint64_t copied_bytes(const struct eng_model *m)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->n_matrices; i++) {
        const struct eng_matrix *w = m->matrices[i].w;
        n += w->packed ? w->packed_bytes : w->owned ? w->data_bytes : 0;
    }
    return n;
}

/* Multiplied where the file is mapped: no copy. */
static uint64_t mapped_bytes(const struct eng_model *m)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->n_matrices; i++) {
        const struct eng_matrix *w = m->matrices[i].w;
        n += m->matrices[i].multiplied && !w->packed && !w->owned ? w->data_bytes : 0;
    }
    return n;
}

static void compare(const struct eng_model_params *mp, const struct eng_session_params *sp)
{
    struct eng_memory_need need;
    struct eng_error err = {0};
    struct eng_model *m;
    struct eng_session *s;
    struct eng_session_info info;
    if (eng_memory_need(&need, path, mp, sp, &err) != ENG_OK)
        fail_msg("%s", err.text);
    if (eng_model_open(&m, path, mp, &err) != ENG_OK || eng_session_open(&s, m, sp, &err) != ENG_OK)
        fail_msg("%s", err.text);
    eng_session_info(s, &info);
    assert_int_equal(need.weight_bytes, eng_model_info(m)->weight_bytes);
    assert_int_equal(need.held_bytes, copied_bytes(m) + mapped_bytes(m));
    assert_int_equal(need.kv_bytes, info.kv_bytes);
    assert_int_equal(need.scratch_bytes, info.scratch_bytes);
    assert_true(need.load_bytes >= need.held_bytes - mapped_bytes(m));
    assert_true(need.model_bytes > 0);
    assert_true(need.peak_bytes >= need.model_bytes + need.load_bytes);
    assert_true(need.peak_bytes >= need.model_bytes + need.held_bytes + need.kv_bytes);
    assert_true(need.peak_bytes <= need.model_bytes + need.load_bytes + need.held_bytes + need.rows_bytes + need.kv_bytes + need.scratch_bytes);
    eng_session_close(s);
    eng_model_close(m);
}

static void sizes_are_those_of_opening(void **state)
{
    (void)state;
    static const char *const quants[] = {NULL, "file", "q8_0", "f16", "q4_k_m"};
    static const char *const caches[] = {NULL, "f32", "q8_0", "q4_0"};
    static const struct gguf_tiny models[] = {
        {.type = ENG_TYPE_Q4_0, .d_model = 256, .n_ctx = 2048},
        {.type = ENG_TYPE_Q8_0, .d_model = 256, .n_ctx = 2048, .untied = true, .f16_norms = true},
        {.type = ENG_TYPE_F32, .d_model = 256, .n_ctx = 2048},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        write_tiny(&models[i]);
        for (size_t q = 0; q < sizeof quants / sizeof quants[0]; q++)
            for (size_t c = 0; c < sizeof caches / sizeof caches[0]; c++) {
                const struct eng_model_params mp = {.quant = quants[q], .n_threads = 1 + (uint32_t)(c % 2)};
                const struct eng_session_params sp = {.n_ctx = c % 2 ? 70 : 1500, .n_threads = mp.n_threads, .cache_type_k = caches[c],
                                                      .cache_type_v = caches[(c + 1) % 4], .n_seq = 1 + (uint32_t)(q % 2)};
                compare(&mp, &sp);
            }
    }
    compare(NULL, NULL);
}

/* An embedding that keeps its place in the file is resident row by row, at most as a whole; one that was made anew is counted already. */
static void rows_that_are_looked_up_are_counted(void **state)
{
    (void)state;
    struct eng_memory_need file, few, other;
    struct eng_error err = {0};
    write_tiny(&(struct gguf_tiny){.type = ENG_TYPE_Q4_0, .embd_type = ENG_TYPE_F32, .d_model = 2048, .n_ctx = 512, .untied = true});
    const uint64_t embd_bytes = (uint64_t)GGUF_TINY_VOCAB * 2048 * sizeof(float);
    assert_int_equal(eng_memory_need(&file, path, NULL, &(struct eng_session_params){.n_ctx = 512}, &err), ENG_OK);
    assert_int_equal(file.rows_bytes, embd_bytes); /* 33 windows of 64 KiB: all of them */
    assert_int_equal(eng_memory_need(&few, path, NULL, &(struct eng_session_params){.n_ctx = 4}, &err), ENG_OK);
    assert_int_equal(few.rows_bytes, 4 * 2 * 65536);
    assert_int_equal(eng_memory_need(&other, path, &(struct eng_model_params){.quant = "q8_0"}, NULL, &err), ENG_OK);
    assert_int_equal(other.rows_bytes, 0);
}

/* A context beyond the model's is the model's: what the suite's callers ask for then. */
static void a_context_beyond_the_models_is_the_models(void **state)
{
    (void)state;
    struct eng_memory_need all, beyond;
    struct eng_error err = {0};
    write_tiny(&(struct gguf_tiny){.type = ENG_TYPE_Q4_0, .n_ctx = 512});
    assert_int_equal(eng_memory_need(&all, path, NULL, &(struct eng_session_params){.n_ctx = 512}, &err), ENG_OK);
    assert_int_equal(eng_memory_need(&beyond, path, NULL, &(struct eng_session_params){.n_ctx = UINT32_MAX}, &err), ENG_OK);
    assert_memory_equal(&all, &beyond, sizeof all);
}

static void expect_error(const struct eng_model_params *mp, const struct eng_session_params *sp, const char *file, int code, const char *says)
{
    struct eng_memory_need need = {.peak_bytes = 7};
    struct eng_error err = {0};
    assert_int_equal(eng_memory_need(&need, file, mp, sp, &err), code);
    assert_int_equal(need.peak_bytes, 0);
    if (!strstr(err.text, says))
        fail_msg("'%s' is not in: %s", says, err.text);
}

static void errors_are_those_of_opening(void **state)
{
    (void)state;
    char none[SCRATCH_PATH];
    scratch_path(none, dir, "none.gguf");
    write_tiny(&(struct gguf_tiny){.type = ENG_TYPE_Q4_0});
    expect_error(NULL, NULL, none, ENG_EIO, "cannot open");
    expect_error(&(struct eng_model_params){.quant = "q9"}, NULL, path, ENG_EINVAL, "q9");
    expect_error(&(struct eng_model_params){.vocab_only = true}, NULL, path, ENG_EINVAL, "vocabulary");
    expect_error(NULL, &(struct eng_session_params){.cache_type_k = "f8"}, path, ENG_EINVAL, "f8");
    expect_error(NULL, &(struct eng_session_params){.n_batch = 1u << 30}, path, ENG_EINVAL, "batch");
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fwrite("GGUFxxxx", 1, 8, f), 8);
    fclose(f);
    expect_error(NULL, NULL, path, ENG_EFORMAT, "version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_opening),
        cmocka_unit_test(rows_that_are_looked_up_are_counted),
        cmocka_unit_test(a_context_beyond_the_models_is_the_models),
        cmocka_unit_test(errors_are_those_of_opening),
    };
    return cmocka_run_group_tests_name("memory_need", tests, make_dir, remove_dir);
}
