/* test_methods.c - every method of every family can be named, formatted and parsed back; mistakes are explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "eng/engine.h"

static struct eng_method parse(enum eng_family family, const char *text)
{
    struct eng_method m;
    struct eng_error err;
    if (eng_method_parse(family, text, &m, &err) != ENG_OK)
        fail_msg("%s: %s", text, err.text);
    return m;
}

static void test_every_method_round_trips(void **state)
{
    (void)state;
    for (int f = 0; f < ENG_FAMILY_N; f++) {
        size_t n;
        const struct eng_method_info *const *infos = eng_methods((enum eng_family)f, &n);
        assert_true(n >= 2);
        assert_null(infos[0]->unavailable); /* the first is the default */
        for (size_t i = 0; i < n; i++) {
            char text[200], again[200];
            assert_true(strlen(infos[i]->summary) > 10);
            struct eng_method m = parse((enum eng_family)f, infos[i]->name);
            assert_ptr_equal(m.info, infos[i]);
            size_t n_params = 0;
            for (; infos[i]->params && infos[i]->params[n_params].name; n_params++) {
                const struct eng_method_param *p = &infos[i]->params[n_params];
                assert_true(p->min <= p->def && p->def <= p->max && p->help);
                assert_int_equal(m.value[n_params], p->def);
                m.value[n_params] = p->max;
            }
            assert_true(n_params <= ENG_METHOD_PARAMS);
            eng_method_format(&m, text, sizeof text);
            m = parse((enum eng_family)f, text);
            assert_string_equal(eng_method_format(&m, again, sizeof again), text);
        }
    }
}

static void test_names_that_plans_use(void **state)
{
    char text[100];
    (void)state;
    struct eng_method m = parse(ENG_FAMILY_EXIT, "verify:draft=7");
    assert_string_equal(eng_method_format(&m, text, sizeof text), "verify:layer=20,draft=7");
    m = parse(ENG_FAMILY_REDUCE, "streaming:window=100,sink=0");
    assert_string_equal(eng_method_format(&m, text, sizeof text), "streaming:sink=0,window=100");
    assert_string_equal(eng_method_format(&m, text, 10), "streaming");
    assert_non_null(parse(ENG_FAMILY_BACKEND, "opencl").info->unavailable);
    assert_non_null(parse(ENG_FAMILY_BACKEND, "npu-sim").info->unavailable);
    assert_null(parse(ENG_FAMILY_BACKEND, "cpu").info->unavailable);
    assert_string_equal(parse(ENG_FAMILY_QUANT, "q4_0").info->name, "q4_0");
    assert_string_equal(parse(ENG_FAMILY_QUANT, "Q4_K_M").info->name, "q4_k_m");
    assert_string_equal(parse(ENG_FAMILY_ACT, "f32").info->name, "f32");
    assert_string_equal(parse(ENG_FAMILY_CACHE, "f16").info->name, "f16");
}

static void test_mistakes_are_explained(void **state)
{
    static const struct {
        enum eng_family family;
        const char *text, *says;
    } cases[] = {
        {ENG_FAMILY_EXIT, "verfy", "did you mean 'verify'"},
        {ENG_FAMILY_EXIT, "", "known: none, verify"},
        {ENG_FAMILY_EXIT, "verify:layr=3", "did you mean 'layer'"},
        {ENG_FAMILY_EXIT, "verify:draft=16", "1 to 15"},
        {ENG_FAMILY_EXIT, "verify:draft=0", "1 to 15"},
        {ENG_FAMILY_EXIT, "verify:draft=-1", "1 to 15"},
        {ENG_FAMILY_EXIT, "verify:draft=99999999999999999999", "1 to 15"},
        {ENG_FAMILY_EXIT, "verify:draft=4x", "not a whole number"},
        {ENG_FAMILY_EXIT, "verify:draft= 4", "not a whole number"},
        {ENG_FAMILY_EXIT, "verify:draft=", "not a whole number"},
        {ENG_FAMILY_EXIT, "verify:draft", "not key=value"},
        {ENG_FAMILY_EXIT, "verify:", "not key=value"},
        {ENG_FAMILY_EXIT, "verify:draft=1,", "not key=value"},
        {ENG_FAMILY_EXIT, "verify:draft=1,draft=2", "given twice"},
        {ENG_FAMILY_EXIT, "none:layer=1", "takes no parameter"},
        {ENG_FAMILY_REDUCE, "streaming:window=0", "out of range"},
        {ENG_FAMILY_QUANT, "q5_k_mm", "did you mean 'q5_k_m'"},
        {ENG_FAMILY_QUANT, "int8", "known: file, f32, f16, bf16, q8_0"},
        {ENG_FAMILY_ACT, "f16", "known: q8, f32"},
        {ENG_FAMILY_CACHE, "q5_0", "known: f16, f32, q8_0, q4_0"},
        {ENG_FAMILY_BACKEND, "cuda", "known: cpu, opencl, npu-sim"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct eng_method m;
        struct eng_error err = {0, ""};
        assert_int_equal(eng_method_parse(cases[i].family, cases[i].text, &m, &err), ENG_EINVAL);
        assert_null(m.info);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' says: %s", cases[i].text, err.text);
        assert_null(strchr(err.text, '\n'));
    }
    struct eng_method m;
    char longest[5000];
    memset(longest, 'v', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(eng_method_parse(ENG_FAMILY_EXIT, longest, &m, NULL), ENG_EINVAL);
    memcpy(longest, "verify:", 7);
    assert_int_equal(eng_method_parse(ENG_FAMILY_EXIT, longest, &m, NULL), ENG_EINVAL);
    assert_int_equal(eng_method_parse(ENG_FAMILY_N, "none", &m, NULL), ENG_EINVAL);
    size_t n = 7;
    assert_null(eng_methods(ENG_FAMILY_N, &n));
    assert_int_equal(n, 0);
}

static void test_conflicts(void **state)
{
    struct eng_method choice[ENG_FAMILY_N] = {
        [ENG_FAMILY_BACKEND] = parse(ENG_FAMILY_BACKEND, "cpu"), [ENG_FAMILY_QUANT] = parse(ENG_FAMILY_QUANT, "file"),
        [ENG_FAMILY_ACT] = parse(ENG_FAMILY_ACT, "q8"),          [ENG_FAMILY_CACHE] = parse(ENG_FAMILY_CACHE, "f16"),
        [ENG_FAMILY_EXIT] = parse(ENG_FAMILY_EXIT, "none"),      [ENG_FAMILY_REDUCE] = parse(ENG_FAMILY_REDUCE, "none"),
    };
    (void)state;
    assert_null(eng_methods_conflict(choice));
    choice[ENG_FAMILY_EXIT] = parse(ENG_FAMILY_EXIT, "verify");
    assert_null(eng_methods_conflict(choice));
    choice[ENG_FAMILY_REDUCE] = parse(ENG_FAMILY_REDUCE, "streaming");
    assert_non_null(strstr(eng_methods_conflict(choice), "verify"));
    choice[ENG_FAMILY_EXIT] = parse(ENG_FAMILY_EXIT, "none");
    assert_null(eng_methods_conflict(choice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method_round_trips),
        cmocka_unit_test(test_names_that_plans_use),
        cmocka_unit_test(test_mistakes_are_explained),
        cmocka_unit_test(test_conflicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
