/* What is never run, and the reason that is stored for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "harness/plan.h"
#include "harness/plan_refusal.h"

struct sample {
    const char *backend, *quant, *exit, *reduction, *runner, *model, *workload, *options, *cpus;
    const char *reason; /* part of it; NULL: it can run */
};

static const char *refusal(const struct sample *s, char *buf, size_t cap)
{
    json_t *options = json_loads(s->options ? s->options : "{}", 0, NULL);
    const struct mb_cell cell = {
        .axis = {[MB_AXIS_MODEL] = s->model ? s->model : "m.gguf", [MB_AXIS_BACKEND] = s->backend ? s->backend : "cpu", [MB_AXIS_THREADS] = "1",
                 [MB_AXIS_QUANT] = s->quant ? s->quant : "file", [MB_AXIS_ACT] = "q8", [MB_AXIS_CACHE_TYPE_K] = "f16",
                 [MB_AXIS_CACHE_TYPE_V] = "f16", [MB_AXIS_EARLY_EXIT] = s->exit ? s->exit : "none",
                 [MB_AXIS_TOKEN_REDUCTION] = s->reduction ? s->reduction : "none", [MB_AXIS_CPU_MASK] = s->cpus ? s->cpus : "cores"},
        .model_path = "", .runner = s->runner ? s->runner : "engine", .workload = s->workload ? s->workload : "micro", .options = options};
    const char *reason = mb_cell_refusal(&cell, buf, cap);
    if (reason && reason != buf) { /* static text: copied, so that the caller looks at one place */
        strncpy(buf, reason, cap - 1);
        reason = buf;
    }
    json_decref(options);
    return reason;
}

static void reasons_are_given(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {.reason = NULL},
        {.exit = "verify:layer=20,draft=4"},
        {.reduction = "streaming:sink=4,window=256"},
        {.workload = "accuracy", .reduction = "streaming:sink=4,window=16"}, /* scored under the policy, labelled by its column */
        {.workload = "perplexity", .reduction = "streaming:sink=4,window=16"},
        {.exit = "verify", .workload = "chat", .options = "{\"temperature\": \"0\"}"},
        {.runner = "null", .model = "null:token_us=1"},
        {.backend = "opencl", .reason = "backend opencl is not available here: "},
        {.backend = "npu-sim:hexagon-like", .reason = "backend npu-sim:hexagon-like is not available here: "},
        {.exit = "verify", .reduction = "streaming", .reason = "cache"},
        {.exit = "verify", .workload = "accuracy", .reason = "scoring generates no tokens, so early exit has no effect"},
        {.exit = "verify", .workload = "perplexity", .reason = "scoring generates no tokens"},
        {.exit = "verify", .workload = "chat", .options = "{\"temperature\": \"0.7\"}", .reason = "needs temperature 0"},
        {.exit = "verify", .workload = "prompt", .options = "{\"temperature\": 1}", .reason = "needs temperature 0"},
        {.runner = "no_such", .reason = "there is no runner 'no_such'"},
        {.runner = "null", .reason = "runner null takes a script"},
        {.model = "null:token_us=1", .reason = "a null script is no model for runner engine"},
        {.runner = "null", .model = "null", .backend = "opencl", .reason = "not available here"}, /* no borrowed feathers */
        {.exit = "no_such", .reason = "no_such"},
        {.cpus = "all"},
        {.cpus = "1000", .reason = "processor 1000 is not one that this process may use"},
    };
    char buf[512];
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const char *reason = refusal(&samples[i], buf, sizeof(buf));
        if (!samples[i].reason != !reason || (reason && !strstr(reason, samples[i].reason)))
            fail_msg("sample %zu gave: %s", i, reason ? reason : "nothing");
    }
}

static void long_names_stay_in_the_buffer(void **state)
{
    (void)state;
    char runner[2000], buf[64];
    memset(runner, 'r', sizeof(runner) - 1);
    runner[sizeof(runner) - 1] = '\0';
    const struct sample s = {.runner = runner};
    assert_non_null(refusal(&s, buf, sizeof(buf)));
    assert_int_equal(strlen(buf), sizeof(buf) - 1);
}

struct model { uint32_t n_layers; int n_asked; };

static uint32_t layers(void *user)
{
    struct model *m = user;
    m->n_asked++;
    return m->n_layers;
}

static const char *layer_refusal(const char *exit, const char *runner, struct model *m, char *buf, size_t cap)
{
    struct mb_cell cell = {.runner = runner, .workload = "micro"};
    cell.axis[MB_AXIS_EARLY_EXIT] = exit;
    return mb_cell_layer_refusal(&cell, layers, m, buf, cap);
}

static void layers_beyond_the_model_are_refused(void **state)
{
    (void)state;
    char buf[256];
    struct model m = {.n_layers = 30};
    assert_null(layer_refusal("verify:layer=29,draft=4", "engine", &m, buf, sizeof(buf)));
    assert_non_null(layer_refusal("verify:layer=30,draft=4", "engine", &m, buf, sizeof(buf)));
    assert_string_equal(buf, "verify: layer=30 is not an early one: the model has 30 layers, so at most layer=29 can exit");
    assert_int_equal(m.n_asked, 2);
    assert_null(layer_refusal("none", "engine", &m, buf, sizeof(buf))); /* the model stays closed when no rule needs it */
    assert_null(layer_refusal("verify:layer=99,draft=4", "null", &m, buf, sizeof(buf)));
    assert_int_equal(m.n_asked, 2);
    m.n_layers = 0; /* could not be opened: the run says why */
    assert_null(layer_refusal("verify:layer=99,draft=4", "engine", &m, buf, sizeof(buf)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_are_given),
        cmocka_unit_test(long_names_stay_in_the_buffer),
        cmocka_unit_test(layers_beyond_the_model_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
