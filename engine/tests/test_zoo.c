/*
 * test_zoo.c - every family against llama.cpp: the golden zoo's tiny models (../shared/data/golden/llama_cpp/README.md, "zoo").
 * Run with an argument (-v) it prints a row per model; a model that is off is printed always.
 *
 * Limits. f32: 1e-4 of logits of standard deviation 2, the README's; independent doubles agree with the arrays to 8e-6. Q8_0 files
 * computed in f32 are the same arithmetic: 1e-4 as well. With 8-bit activations llama.cpp itself is 0.08 to 0.35 away from the exact
 * weights (README, "Tolerances"); Q8_BOUND is its worst. Measured here: 0.06 to 0.24.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "eng/engine.h"
#include "golden_data.h"
#include "scratch_dir.h"

#define ZOO "golden/llama_cpp/zoo"
#define F32_BOUND 1e-4
#define Q8_BOUND 0.35
enum { N_TOKENS = 24, N_PREFILL = 16, N_DECODE = N_TOKENS - N_PREFILL, N_MODELS = 53, N_Q8_0 = 31 };

static char folder[SCRATCH_PATH];
static json_t *zoo;
static bool verbose;

/* ---- one model ---- */

struct subject {
    const char *name;
    struct eng_model *m;
    size_t n_vocab;
    int32_t ids[N_TOKENS];
    char npz[GOLDEN_PATH];
    float *got; /* [N_TOKENS][n_vocab] */
};

static bool subject_open(struct subject *z, const json_t *about, const char *path)
{
    struct eng_error err = {0};
    z->name = json_string_value(json_object_get(about, "name"));
    if (eng_model_open(&z->m, path, NULL, &err) != ENG_OK) {
        print_error("%-18s does not open: %s\n", z->name, err.text);
        return false;
    }
    z->n_vocab = eng_model_info(z->m)->n_vocab;
    z->got = malloc(N_TOKENS * z->n_vocab * sizeof *z->got);
    snprintf(z->npz, sizeof z->npz, ZOO "/golden/%s.npz", z->name);
    const json_t *tokens = json_object_get(about, "tokens");
    for (size_t i = 0; i < N_TOKENS; i++)
        z->ids[i] = (int32_t)json_integer_value(json_array_get(tokens, i));
    return true;
}

static void subject_close(struct subject *z)
{
    eng_model_close(z->m);
    free(z->got);
}

/* Logits of all tokens into z->got: the first n_first together, the others one by one. */
static bool evaluate(struct subject *z, struct eng_session_params p, size_t n_first)
{
    struct eng_session *s;
    struct eng_error err = {0};
    p.n_ctx = p.n_ctx ? p.n_ctx : 64;
    int rc = eng_session_open(&s, z->m, &p, &err);
    for (size_t at = 0; at < N_TOKENS && rc == ENG_OK;) {
        const size_t n = at == 0 && n_first > 0 ? n_first : 1;
        rc = eng_eval(s, z->ids + at, n, z->got + at * z->n_vocab, &err);
        at += n;
    }
    if (rc != ENG_OK)
        print_error("%-18s fails: %s\n", z->name, err.text);
    eng_session_close(s);
    return rc == ENG_OK;
}

/* The exact-GELU array where there is one. */
static const char *exact(const struct subject *z, const char *member, char name[64])
{
    snprintf(name, 64, "%s_exact_gelu", member);
    if (!golden_npz_has(z->npz, name))
        snprintf(name, 64, "%s", member);
    return name;
}

/* Largest difference of rows first.. of z->got from an array that begins there. NaN stays. */
static double distance(const struct subject *z, const char *member, size_t first)
{
    size_t n;
    double worst = 0;
    float *want = golden_npz(z->npz, member, &n);
    assert_int_equal(n, (N_TOKENS - first) * z->n_vocab);
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)want[i] - (double)z->got[first * z->n_vocab + i]);
        worst = d > worst || d != d ? d : worst;
    }
    free(want);
    return worst;
}

static const struct eng_session_params exact_params = {.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32"};

static bool is_below(double distance, double bound) /* false for a NaN */
{
    return distance <= bound;
}

/* ---- checks, one model each; false: off ---- */

static bool check_f32(struct subject *z)
{
    char name[64];
    exact(z, "logits", name);
    bool ok = evaluate(z, exact_params, N_TOKENS);
    const double prefill = ok ? distance(z, name, 0) : (double)NAN;
    ok = ok && evaluate(z, exact_params, 0);
    const double decode = ok ? distance(z, name, 0) : (double)NAN;
    ok = ok && evaluate(z, exact_params, N_PREFILL);
    const double split = ok ? distance(z, name, 0) : (double)NAN;
    /* the stock "decode" rows of GELU models went through the reference's half-precision table */
    const double rows = ok && strcmp(name, "logits") == 0 ? distance(z, "decode", N_PREFILL) : 0;
    ok = is_below(prefill, F32_BOUND) && is_below(decode, F32_BOUND) && is_below(split, F32_BOUND) && is_below(rows, F32_BOUND);
    if (verbose || !ok)
        print_message("%-18s f32 prefill %.1e decode %.1e split %.1e %s\n", z->name, prefill, decode, split, ok ? "" : "OFF");
    return ok;
}

/* Batches of up to 16 have the bits of single tokens, and threads change none, with 8-bit activations and an f16 cache too. */
static bool check_bits(struct subject *z)
{
    static const struct eng_session_params params[] = {{.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32"}, {.act = "q8"}};
    const size_t n_bytes = N_TOKENS * z->n_vocab * sizeof *z->got;
    float *single = malloc(n_bytes);
    bool ok = true;
    for (size_t i = 0; i < 2 && ok; i++) {
        struct eng_session_params p = params[i];
        ok = evaluate(z, p, 0);
        memcpy(single, z->got, n_bytes);
        p.n_threads = 3;
        ok = ok && evaluate(z, p, N_PREFILL) && memcmp(single, z->got, n_bytes) == 0;
    }
    if (!ok)
        print_message("%-18s a batch of %d differs from single tokens\n", z->name, N_PREFILL);
    free(single);
    return ok;
}

static bool check_q8_0(struct subject *z)
{
    char name[64];
    exact(z, "q8_dequant", name);
    bool ok = evaluate(z, exact_params, N_PREFILL);
    const double f32 = ok ? distance(z, name, N_PREFILL) : (double)NAN;
    ok = ok && evaluate(z, (struct eng_session_params){.act = "q8", .cache_type_k = "f32", .cache_type_v = "f32"}, N_PREFILL);
    const double q8 = ok ? distance(z, name, N_PREFILL) : (double)NAN;
    ok = is_below(f32, F32_BOUND) && is_below(q8, Q8_BOUND);
    if (verbose || !ok)
        print_message("%-18s q8_0 act=f32 %.1e act=q8 %.2f %s\n", z->name, f32, q8, ok ? "" : "OFF");
    return ok;
}

/* ---- over the zoo ---- */

static void check_all(bool (*check)(struct subject *z), bool q8_0)
{
    size_t n_off = 0, n_checked = 0, i;
    json_t *about;
    if (!zoo)
        skip();
    json_array_foreach(zoo, i, about) {
        struct subject z = {0};
        char path[GOLDEN_PATH], below[GOLDEN_PATH];
        const json_t *file = json_object_get(json_object_get(about, "q8_0"), "file");
        if (q8_0 && !file)
            continue;
        snprintf(below, sizeof below, ZOO "/q8_0/%s", json_string_value(file));
        if (q8_0)
            assert_true(golden_path(path, below));
        else
            snprintf(path, sizeof path, "%s/%s", folder, json_string_value(json_object_get(about, "file")));
        n_off += !subject_open(&z, about, path) || !check(&z);
        n_checked++;
        subject_close(&z);
    }
    assert_int_equal(n_checked, q8_0 ? N_Q8_0 : N_MODELS);
    assert_int_equal(n_off, 0);
}

static void test_prefill_and_decode(void **state)
{
    (void)state;
    check_all(check_f32, false);
}

static void test_batches_have_the_bits_of_single_tokens(void **state)
{
    (void)state;
    check_all(check_bits, false);
}

static void test_q8_0_files(void **state)
{
    (void)state;
    check_all(check_q8_0, true);
}

/* A session longer than the trained context takes the long factors, whatever the number of tokens. */
static void test_longrope_in_a_long_session(void **state)
{
    struct subject z = {0};
    struct eng_session_params p = exact_params;
    char path[SCRATCH_PATH];
    size_t i;
    json_t *about = NULL;
    (void)state;
    if (!zoo)
        skip();
    json_array_foreach(zoo, i, about)
        if (strcmp(json_string_value(json_object_get(about, "name")), "phi3-longrope") == 0)
            break;
    scratch_path(path, folder, "phi3-longrope.gguf");
    assert_true(subject_open(&z, about, path));
    p.n_ctx = 8192;
    assert_true(evaluate(&z, p, N_TOKENS));
    assert_true(is_below(distance(&z, "logits_ctx8192_long_factors", 0), F32_BOUND));
    assert_false(is_below(distance(&z, "logits", 0), F32_BOUND)); /* the two sets of factors do differ */
    subject_close(&z);
}

/* ---- the models ---- */

static int unpack(void **state)
{
    char archive[GOLDEN_PATH];
    int status = -1;
    (void)state;
    scratch_dir_make(folder);
    if (!golden_path(archive, ZOO "/models_f32.tar.xz")) {
        print_message("skipped: no %s\n", archive);
        return 0;
    }
    const pid_t child = fork();
    if (child == 0) {
        execlp("tar", "tar", "-xJf", archive, "-C", folder, (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        print_error("cannot unpack %s: tar and xz-utils are needed\n", archive);
        return -1;
    }
    zoo = golden_json(ZOO "/golden/index.json");
    return 0;
}

static int clean(void **state)
{
    (void)state;
    scratch_dir_remove(folder);
    json_decref(zoo);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefill_and_decode),
        cmocka_unit_test(test_batches_have_the_bits_of_single_tokens),
        cmocka_unit_test(test_q8_0_files),
        cmocka_unit_test(test_longrope_in_a_long_session),
    };
    (void)argv;
    verbose = argc > 1;
    return cmocka_run_group_tests(tests, unpack, clean);
}
