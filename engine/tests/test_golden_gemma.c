/*
 * test_golden_gemma.c - gemma3-270m as it is distributed (q5_0, q4_k, q6_k, q8_0), computed in f32, against llama.cpp on the F32
 * conversion of the same file (README of golden/llama_cpp): 2e-3 from the exact-GELU logits, the same greedy text but for near ties.
 * The recorded top-5 logits went through the reference's half-precision GELU table, which moves them by up to 0.016.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "golden_data.h"
#include "golden_run.h"
#include "scratch_dir.h"

#define GREEDY "golden/llama_cpp/greedy/gemma3-270m.f32.json"
#define LOGITS "golden/llama_cpp/logits/gemma3-270m"
enum { N_ROWS = 8, N_RUNS = 12, N_TOP = 512 };

static const struct eng_session_params exact = {.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32", .n_threads = 2, .n_ctx = 512};

static int open_model(void **state)
{
    char path[SCRATCH_PATH];
    *state = golden_open_model(cached_model_path(path, "gemma-3-270m-q4_k_m.gguf") ? path : NULL, "gemma-3-270m-q4_k_m.gguf");
    return 0;
}

static int close_model(void **state)
{
    eng_model_close(*state);
    return 0;
}

/* What is recorded of a row: every 16th id and the 512 best. */
struct goldens {
    float *sub, *top, *sub_index, *top_index;
    size_t n_sub, n_top, n_sub_index, n_top_index;
};

static double worst_of_row(const struct goldens *g, size_t row, const float *logits)
{
    double worst = 0;
    for (size_t i = 0; i < g->n_sub_index; i++)
        worst = golden_larger(worst, fabs((double)g->sub[row * g->n_sub_index + i] - (double)logits[(size_t)g->sub_index[i]]));
    for (size_t i = row * N_TOP; i < (row + 1) * N_TOP; i++)
        worst = golden_larger(worst, fabs((double)g->top[i] - (double)logits[(size_t)g->top_index[i]]));
    return worst;
}

static void test_logits(void **state)
{
    struct eng_model *m = golden_need(state, LOGITS ".npz");
    struct eng_session *s = golden_session(m, exact);
    json_t *file = golden_json(LOGITS ".json");
    struct goldens g;
    struct eng_error err;
    double worst = 0;
    g.sub = golden_npz(LOGITS ".npz", "logits_sub_exact_gelu", &g.n_sub);
    g.top = golden_npz(LOGITS ".npz", "logits_top_exact_gelu", &g.n_top);
    g.sub_index = golden_npz(LOGITS ".npz", "sub_index", &g.n_sub_index);
    g.top_index = golden_npz(LOGITS ".npz", "top_index", &g.n_top_index);
    assert_int_equal(g.n_top, N_ROWS * N_TOP);
    assert_int_equal(g.n_sub, N_ROWS * g.n_sub_index);
    for (size_t row = 0; row < N_ROWS; row++) {
        int32_t ids[512];
        const size_t n = golden_ids(json_object_get(json_array_get(json_object_get(file, "rows"), row), "ids"), ids, 512);
        eng_session_reset(s);
        assert_int_equal(eng_eval(s, ids, n, NULL, &err), ENG_OK);
        worst = golden_larger(worst, worst_of_row(&g, row, eng_logits(s)));
    }
    printf("gemma3-270m, f32 activations and cache: largest difference %.2g\n", worst);
    assert_true(worst < 2e-3);
    float *const all[] = {g.sub, g.top, g.sub_index, g.top_index};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    json_decref(file);
    eng_session_close(s);
}

static void test_greedy_tokens(void **state)
{
    struct eng_model *m = golden_need(state, GREEDY);
    struct eng_session *s = golden_session(m, exact);
    json_t *file = golden_json(GREEDY);
    const json_t *runs = json_object_get(file, "runs");
    size_t n_ties = 0;
    assert_int_equal(json_array_size(runs), N_RUNS);
    for (size_t i = 0; i < N_RUNS; i += 2)
        n_ties += golden_check_run(s, eng_model_info(m)->n_vocab, json_array_get(runs, i), 32, 0.05);
    assert_true(n_ties <= 2);
    json_decref(file);
    eng_session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_greedy_tokens),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
