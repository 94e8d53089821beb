/* golden_run.c - see golden_run.h. */
#include "golden_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "golden_data.h"

struct eng_model *golden_open_model(const char *path, const char *name)
{
    struct eng_model *m = NULL;
    struct eng_error err;
    if (!path)
        printf("not in the cache: %s\n", name);
    else if (eng_model_open(&m, path, &(struct eng_model_params){.n_threads = 2}, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return m;
}

struct eng_model *golden_need(void **state, const char *below)
{
    char path[GOLDEN_PATH];
    if (!*state)
        skip();
    if (!golden_path(path, below)) {
        printf("no %s\n", path);
        skip();
    }
    return *state;
}

struct eng_session *golden_session(struct eng_model *model, struct eng_session_params params)
{
    struct eng_session *s;
    struct eng_error err;
    if (eng_session_open(&s, model, &params, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return s;
}

size_t golden_ids(const json_t *array, int32_t *ids, size_t cap)
{
    const size_t n = json_array_size(array);
    assert_true(n <= cap);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return n;
}

int32_t golden_best(const float *logits, uint32_t n)
{
    uint32_t b = 0;
    for (uint32_t i = 1; i < n; i++)
        b = logits[i] > logits[b] ? i : b;
    return (int32_t)b;
}

double golden_larger(double a, double b)
{
    return b > a || b != b ? b : a;
}

bool golden_check_run(struct eng_session *session, uint32_t n_vocab, const json_t *run, size_t n_tokens, double bound)
{
    enum { MOST = 64, TOP = 5 };
    struct eng_error err;
    int32_t ids[512], out[MOST];
    const size_t n = golden_ids(json_object_get(run, "prompt_ids"), ids, 512), n_out = golden_ids(json_object_get(run, "out_ids"), out, MOST);
    eng_session_reset(session);
    assert_int_equal(eng_eval(session, ids, n, NULL, &err), ENG_OK);
    for (size_t i = 0; i < n_out && i < n_tokens; i++) {
        const float *logits = eng_logits(session);
        const json_t *top = json_array_get(json_object_get(run, "top5"), i);
        double recorded[TOP];
        for (size_t j = 0; j < TOP; j++) {
            const json_t *pair = json_array_get(top, j);
            recorded[j] = json_number_value(json_array_get(pair, 1));
            assert_float_equal((float)recorded[j], logits[json_integer_value(json_array_get(pair, 0))], (float)bound);
        }
        if (golden_best(logits, n_vocab) != out[i]) {
            printf("near tie at token %zu of '%.40s': gap %g\n", i, json_string_value(json_object_get(run, "prompt")), recorded[0] - recorded[1]);
            assert_true(recorded[0] - recorded[1] < GOLDEN_NEAR_TIE);
            return true;
        }
        assert_int_equal(eng_eval(session, &out[i], 1, NULL, &err), ENG_OK);
    }
    return false;
}
