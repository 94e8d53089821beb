/*
 * test_golden_smollm.c - the default model against values recorded with llama.cpp and lm-evaluation-harness (README of golden/).
 * Bounds: 2e-3 on logits of the f32 path (two summation orders); a token may differ where the best two are closer than 0.02.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eng/engine.h"
#include "golden_data.h"
#include "golden_run.h"

#define SPECIAL (ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS)
#define GREEDY "golden/llama_cpp/greedy/smollm2-135m-instruct.f32.json"
#define LOGITS "golden/llama_cpp/logits/smollm2-135m-instruct"
#define SCORES "golden/lm_eval/arc_easy.smollm2.n100.jsonl"

static const struct eng_session_params exact = {.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32", .n_threads = 2, .n_ctx = 512};

static int open_model(void **state)
{
    char path[GOLDEN_PATH];
    *state = golden_open_model(golden_default_model(path) ? path : NULL, "default model (scripts/quickstart.sh --model-only)");
    return 0;
}

static int close_model(void **state)
{
    eng_model_close(*state);
    return 0;
}

static void test_greedy_tokens_and_logits(void **state)
{
    struct eng_model *m = golden_need(state, GREEDY);
    struct eng_session *s = golden_session(m, exact);
    json_t *file = golden_json(GREEDY);
    const json_t *runs = json_object_get(file, "runs");
    size_t n_ties = 0;
    assert_int_equal(json_array_size(runs), 12);
    for (size_t i = 0; i < 12; i++)
        n_ties += golden_check_run(s, eng_model_info(m)->n_vocab, json_array_get(runs, i), 64, 2e-3);
    assert_true(n_ties <= 1);
    json_decref(file);
    eng_session_close(s);
}

static void test_generate_gives_the_recorded_text(void **state)
{
    struct eng_model *m = golden_need(state, GREEDY);
    struct eng_session *s = golden_session(m, exact);
    json_t *file = golden_json(GREEDY);
    for (size_t i = 0; i < 12; i += 3) {
        const json_t *run = json_array_get(json_object_get(file, "runs"), i);
        const char *prompt = json_string_value(json_object_get(run, "prompt"));
        int32_t want[64], ids[64];
        char text[2048];
        struct eng_error err;
        struct eng_generate_result rs = {.ids = ids, .cap_ids = 64, .text = text, .cap_text = sizeof text};
        struct eng_generate_request rq = {.text = prompt, .n_text = strlen(prompt), .tokenize_flags = SPECIAL, .max_gen = 64, .ignore_eos = true};
        eng_session_reset(s);
        assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_OK);
        assert_int_equal(rs.n_prompt, json_array_size(json_object_get(run, "prompt_ids")));
        golden_ids(json_object_get(run, "out_ids"), want, 64);
        assert_memory_equal(ids, want, sizeof want);
        assert_string_equal(text, json_string_value(json_object_get(run, "out_text")));
    }
    json_decref(file);
    eng_session_close(s);
}

/* Largest difference over the eight recorded rows. The best token is the recorded one, or one that was at most @near_tie behind. */
static double worst_row(struct eng_model *m, struct eng_session_params p, float near_tie)
{
    struct eng_session *s = golden_session(m, p);
    struct eng_error err;
    size_t n;
    float *want = golden_npz(LOGITS ".npz", "logits", &n);
    json_t *file = golden_json(LOGITS ".json");
    const size_t v = eng_model_info(m)->n_vocab;
    double worst = 0;
    assert_int_equal(n, 8 * v);
    for (size_t i = 0; i < 8; i++) {
        const json_t *row = json_array_get(json_object_get(file, "rows"), i);
        int32_t ids[512];
        const size_t n_ids = golden_ids(json_object_get(row, "ids"), ids, 512);
        eng_session_reset(s);
        assert_int_equal(eng_eval(s, ids, n_ids, NULL, &err), ENG_OK);
        for (size_t j = 0; j < v; j++)
            worst = golden_larger(worst, fabs((double)want[i * v + j] - (double)eng_logits(s)[j]));
        const int32_t chosen = golden_best(eng_logits(s), (uint32_t)v), recorded = (int32_t)json_integer_value(json_object_get(row, "argmax"));
        assert_true(want[i * v + recorded] - want[i * v + chosen] <= near_tie);
    }
    free(want);
    json_decref(file);
    eng_session_close(s);
    return worst;
}

static void test_logits_f32(void **state)
{
    struct eng_model *m = golden_need(state, LOGITS ".npz");
    const double worst = worst_row(m, exact, 0);
    printf("f32 activations, f32 cache: largest difference %.2g\n", worst);
    assert_true(worst < 2e-3);
}

static void test_logits_f16_cache(void **state)
{
    struct eng_model *m = golden_need(state, LOGITS ".npz");
    struct eng_session_params p = exact;
    p.cache_type_k = p.cache_type_v = "f16";
    const double worst = worst_row(m, p, 0);
    printf("f32 activations, f16 cache: largest difference %.2g\n", worst);
    assert_true(worst < 0.03); /* README of golden/llama_cpp, suggested limits */
}

/* With 8-bit activations llama.cpp itself is 0.40 .. 0.99 away from these rows (effect_of_settings in the file). The bound is its
 * worst case: same formats of weights and activations, so an engine that is further off loses precision somewhere else. */
static void test_logits_q8_activations(void **state)
{
    struct eng_model *m = golden_need(state, LOGITS ".npz");
    const double worst = worst_row(m, (struct eng_session_params){.act = "q8", .n_threads = 2, .n_ctx = 512}, 0.4f);
    printf("q8 activations, f16 cache: largest difference %.2g\n", worst);
    assert_true(worst < 1.0);
    assert_true(worst > 0.01); /* it is another path */
}

/* ---- self-speculation on a real model: the same ids as plain greedy decoding ---- */

static void check_verify(struct eng_model *m, const char *act, const char *exit, const json_t *runs, size_t n_runs)
{
    struct eng_session_params p = {.act = act, .n_threads = 2, .n_ctx = 256};
    struct eng_session *plain = golden_session(m, p);
    p.early_exit = exit;
    struct eng_session *spec = golden_session(m, p);
    uint32_t n_accepted = 0;
    for (size_t i = 0; i < 12; i += 12 / n_runs) {
        const char *prompt = json_string_value(json_object_get(json_array_get(runs, i), "prompt"));
        struct eng_generate_request rq = {.text = prompt, .n_text = strlen(prompt), .tokenize_flags = SPECIAL, .max_gen = 40, .ignore_eos = true};
        int32_t want[40], got[40];
        struct eng_error err;
        struct eng_generate_result a = {.ids = want, .cap_ids = 40}, b = {.ids = got, .cap_ids = 40};
        eng_session_reset(plain);
        eng_session_reset(spec);
        assert_int_equal(eng_generate(plain, &rq, &a, &err), ENG_OK);
        assert_int_equal(eng_generate(spec, &rq, &b, &err), ENG_OK);
        assert_memory_equal(want, got, sizeof want);
        assert_memory_equal(eng_logits(plain), eng_logits(spec), eng_model_info(m)->n_vocab * sizeof(float));
        n_accepted += b.n_accepted;
    }
    assert_true(n_accepted > 0);
    eng_session_close(plain);
    eng_session_close(spec);
}

static void test_verify_is_greedy(void **state)
{
    struct eng_model *m = golden_need(state, GREEDY);
    json_t *file = golden_json(GREEDY);
    const json_t *runs = json_object_get(file, "runs");
    check_verify(m, "q8", "verify:layer=29,draft=4", runs, 3);
    check_verify(m, "q8", "verify:layer=27,draft=15", runs, 2);
    check_verify(m, "f32", "verify:layer=28,draft=4", runs, 1);
    json_decref(file);
}

/* ---- lm-eval's log-likelihoods ---- */

static void test_scores_match_lm_eval(void **state)
{
    struct eng_model *m = golden_need(state, SCORES);
    struct eng_session *s = golden_session(m, exact);
    char path[GOLDEN_PATH], line[16384], last_doc[64] = "";
    golden_path(path, SCORES);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n_docs = 0, n_lines = 0;
    double worst = 0;
    while (fgets(line, sizeof line, f)) {
        json_t *j = json_loads(line, 0, NULL);
        assert_non_null(j);
        const char *doc = json_string_value(json_object_get(j, "doc"));
        if (strcmp(doc, last_doc) != 0 && ++n_docs > 20) {
            json_decref(j);
            break;
        }
        snprintf(last_doc, sizeof last_doc, "%s", doc);
        int32_t ids[512];
        struct eng_error err;
        double ll;
        bool greedy;
        const size_t n_ctx = golden_ids(json_object_get(j, "ctx_ids"), ids, 512);
        const size_t n = n_ctx + golden_ids(json_object_get(j, "cont_ids"), ids + n_ctx, 512 - n_ctx);
        assert_int_equal(eng_score(s, ids, n, n_ctx, &ll, &greedy, &err), ENG_OK);
        worst = golden_larger(worst, fabs(ll - json_number_value(json_object_get(j, "ll"))));
        assert_int_equal(greedy, json_is_true(json_object_get(j, "greedy")));
        n_lines++;
        json_decref(j);
    }
    fclose(f);
    printf("%zu continuations: largest difference of log-likelihood %.2g\n", n_lines, worst);
    assert_true(n_lines >= 60);
    assert_true(worst <= 1e-2);
    eng_session_close(s);
}

/* Logits with a rounded cache against the f32 cache, f32 activations: engine/README.md has what was measured, and llama.cpp's figures. */
static void test_cache_types_stay_near_f32(void **state)
{
    static const char text[] = "The lighthouse keeper climbed the stairs every evening to light the lamp. He had done so for forty years, in fog and in "
                               "storm, and he knew each of the two hundred and twelve steps by the sound it made. In 1923 a letter came from the city.";
    static const char *const types[] = {"f32", "f16", "q8_0", "q4_0"};
    static const double bound[4] = {0.0, 0.005, 0.12, 2.2}; /* root mean square for K or V of one type; a pair may show both */
    struct eng_model *m = golden_need(state, GREEDY);
    const size_t v = eng_model_info(m)->n_vocab;
    int32_t ids[128];
    size_t n;
    assert_int_equal(eng_tokenize(m, text, sizeof text - 1, 0, ids, 128, &n, NULL), ENG_OK);
    float *want = malloc(n * v * sizeof *want), *got = malloc(n * v * sizeof *got);
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < 4; i++) {
            struct eng_session *s = golden_session(m, (struct eng_session_params){.act = "f32", .cache_type_k = types[k], .cache_type_v = types[i],
                                                                               .n_threads = 2, .n_ctx = 128});
            double worst = 0, sum = 0;
            assert_int_equal(eng_eval(s, ids, n, k + i == 0 ? want : got, NULL), ENG_OK);
            eng_session_close(s);
            for (size_t j = 0; j < n * v && k + i > 0; j++) {
                const double d = fabs((double)want[j] - (double)got[j]);
                worst = d > worst || d != d ? d : worst;
                sum += d * d;
            }
            printf("K %s, V %s: largest deviation %.4f, rms %.5f\n", types[k], types[i], worst, sqrt(sum / (double)(n * v)));
            assert_true(sqrt(sum / (double)(n * v)) <= bound[k] + bound[i]);
            assert_true(k > 1 || i > 1 || worst <= 0.03);
            assert_true(worst > 0 || k + i == 0);
        }
    free(want);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greedy_tokens_and_logits),
        cmocka_unit_test(test_generate_gives_the_recorded_text),
        cmocka_unit_test(test_logits_f32),
        cmocka_unit_test(test_logits_f16_cache),
        cmocka_unit_test(test_logits_q8_activations),
        cmocka_unit_test(test_verify_is_greedy),
        cmocka_unit_test(test_scores_match_lm_eval),
        cmocka_unit_test(test_cache_types_stay_near_f32),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
