/*
 * test_golden_tiny.c - small models that were made elsewhere: the llama variants of golden/llama_cpp/zoo (random weights, all
 * positions recorded by llama.cpp) and stories260K.bin (trained; llama2.c's format) against doubles.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "golden_data.h"
#include "tiny_model.h"

#define ZOO "golden/llama_cpp/zoo/"
#define N 24 /* recorded tokens */

/* Not fmax(), which passes over a NaN. */
static double larger(double a, double b)
{
    return b > a || b != b ? b : a;
}

static const struct eng_session_params exact = {.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32", .n_ctx = 64};

static struct eng_session *open_session(struct eng_model *m, struct eng_session_params p)
{
    struct eng_session *s;
    struct eng_error err;
    if (eng_session_open(&s, m, &p, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return s;
}

static double worst(const float *a, const float *b, size_t n)
{
    double d = 0;
    for (size_t i = 0; i < n; i++)
        d = larger(d, fabs((double)a[i] - (double)b[i]));
    return d;
}

/* Unpack the zoo once into a folder of our own. */
static int unpack(void **state)
{
    char archive[GOLDEN_PATH], command[2 * GOLDEN_PATH + 64];
    static char dir[64];
    const char *tmp = getenv("TMPDIR");
    *state = NULL;
    if (!golden_path(archive, ZOO "models_f32.tar.xz"))
        return printf("no %s\n", archive), 0;
    snprintf(dir, sizeof dir, "%.40s/eng_zoo_XXXXXX", tmp && strlen(tmp) <= 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(command, sizeof command, "tar -xJf '%s' -C '%s' 2>/dev/null", archive, dir);
    if (system(command) != 0)
        return printf("tar with xz cannot unpack %s\n", archive), 0;
    *state = dir;
    return 0;
}

static int clean(void **state)
{
    char command[256];
    if (!*state)
        return 0;
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    return system(command);
}

/* Logits need no tokenizer: rename the key of a pre-tokenizer that the engine may not have, so that the default is taken. */
static void forget_pre_tokenizer(const char *file)
{
    static const char key[] = "tokenizer.ggml.pre";
    FILE *f = fopen(file, "r+b");
    char *bytes = calloc(1, 1 << 16);
    assert_non_null(f);
    const size_t n = fread(bytes, 1, 1 << 16, f);
    char *at = memmem(bytes, n, key, sizeof key - 1);
    if (at) {
        fseek(f, at - bytes, SEEK_SET);
        fputs("meltbench.test.pre", f); /* of the same length */
    }
    fclose(f);
    free(bytes);
}

/* False when the engine refuses this variant and says so: a tokenizer or a tensor that it does not have. */
static bool check_zoo(const char *dir, const char *name)
{
    char file[256], golden[128];
    struct eng_model *m;
    struct eng_error err;
    size_t n;
    int32_t ids[N];
    snprintf(golden, sizeof golden, ZOO "golden/%s.npz", name);
    snprintf(file, sizeof file, "%s/%s.gguf", dir, name);
    if (access(file, R_OK) != 0)
        snprintf(file, sizeof file, "%s/models_f32/%s.gguf", dir, name);
    forget_pre_tokenizer(file);
    const int rc = eng_model_open(&m, file, NULL, &err);
    if (rc == ENG_ENOTSUP)
        return printf("%s: %s\n", name, err.text), false;
    if (rc != ENG_OK)
        fail_msg("%s: %s", name, err.text);
    float *tokens = golden_npz(golden, "tokens", &n), *want = golden_npz(golden, "logits", &n);
    const size_t v = eng_model_info(m)->n_vocab;
    float *got = malloc(N * v * sizeof *got);
    assert_int_equal(n, N * v);
    for (size_t i = 0; i < N; i++)
        ids[i] = (int32_t)tokens[i];

    struct eng_session *s = open_session(m, exact);
    assert_int_equal(eng_eval(s, ids, N, got, &err), ENG_OK);
    const double prefill = worst(want, got, N * v);
    eng_session_reset(s);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(eng_eval(s, ids + i, 1, got + i * v, &err), ENG_OK);
    const double decode = worst(want, got, N * v);
    printf("%s: prefill %.2g, decode %.2g\n", name, prefill, decode);
    assert_true(prefill < 1e-4 && decode < 1e-4);
    eng_session_close(s);
    eng_model_close(m);
    free(tokens);
    free(want);
    free(got);
    return true;
}

static void test_llama_variants(void **state)
{
    static const char *const names[] = {"llama", "llama-mqa", "llama-bias", "llama-rope3", "llama-rope-linear", "llama-mha-tied", "llama-swa-key"};
    if (!*state)
        skip();
    size_t n_checked = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        n_checked += check_zoo(*state, names[i]);
    assert_true(n_checked >= 4); /* llama, mqa, rope3, rope-linear; SPM vocabularies and biases in the FFN as far as the loader has them */
}

static void test_stories(void **state)
{
    char path[GOLDEN_PATH];
    struct eng_model *m;
    struct eng_error err;
    (void)state;
    if (!golden_path(path, "stories260K.bin")) {
        printf("no %s\n", path);
        skip();
    }
    if (eng_model_open(&m, path, NULL, &err) != ENG_OK)
        fail_msg("%s", err.text);
    const size_t v = eng_model_info(m)->n_vocab;
    enum { N_GEN = 60 };
    const int32_t prompt = 1; /* llama2.c starts from BOS */
    int32_t out[N_GEN], ids[N_GEN + 1] = {1};
    char text[2048];
    struct eng_generate_result rs = {.ids = out, .cap_ids = N_GEN, .text = text, .cap_text = sizeof text};
    struct eng_session *s = open_session(m, (struct eng_session_params){.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32", .n_ctx = 128});
    assert_int_equal(eng_generate(s, &(struct eng_generate_request){.ids = &prompt, .n_ids = 1, .max_gen = N_GEN, .ignore_eos = true}, &rs, &err),
                     ENG_OK);
    printf("%s\n", text);
    assert_non_null(strstr(text, "Once upon a time")); /* what every story of its training set begins with */

    memcpy(ids + 1, out, sizeof out);
    float *batch = malloc((N_GEN + 1) * v * sizeof *batch);
    double *want = malloc((N_GEN + 1) * v * sizeof *want), apart = 0;
    eng_session_reset(s);
    assert_int_equal(eng_eval(s, ids, N_GEN + 1, batch, &err), ENG_OK);
    tiny_reference(m, ids, N_GEN + 1, 0, 0, want);
    for (size_t i = 0; i < (N_GEN + 1) * v; i++)
        apart = larger(apart, fabs(want[i] - (double)batch[i]));
    assert_true(apart < 1e-4);
    for (size_t t = 0; t < N_GEN; t++) { /* decoding chose what the batch chooses */
        size_t b = 0;
        for (size_t i = 1; i < v; i++)
            b = batch[t * v + i] > batch[t * v + b] ? i : b;
        assert_int_equal(b, out[t]);
    }
    free(batch);
    free(want);
    eng_session_close(s);
    eng_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_llama_variants), cmocka_unit_test(test_stories)};
    return cmocka_run_group_tests(tests, unpack, clean);
}
