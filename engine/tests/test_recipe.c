/* The rule book: which type a tensor gets in models that no recorded file shows. Expected types: what llama-quantize (ggml 0.25.3) chose
 * for files with these dimensions, made for the purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "quantize/recipe.h"

enum { MAX_LAYERS = 80, PER_LAYER = 7, MAX_TENSORS = 4 + MAX_LAYERS * PER_LAYER };

static const struct eng_recipe_model gqa = {"llama", 32, 32, 8, 0}, plain = {"llama", 32, 32, 32, 0}, large = {"llama", 80, 64, 8, 0},
                                     large_plain = {"llama", 80, 64, 64, 0}, mixtral = {"llama", 32, 32, 8, 8},
                                     falcon = {"falcon", 32, 71, 1, 0};

struct tensors { struct eng_recipe_tensor t[MAX_TENSORS]; char names[MAX_TENSORS][48]; size_t n; };

static void add(struct tensors *s, uint64_t n_cols, uint64_t n_stacked, const char *name, uint32_t i_layer)
{
    snprintf(s->names[s->n], sizeof s->names[0], name, i_layer);
    s->t[s->n] = (struct eng_recipe_tensor){.name = s->names[s->n], .ne = {n_cols, 64, n_stacked, 1}, .type = ENG_TYPE_F32};
    s->n++;
}

/* All tensors of a model, the layers from the last to the first: the file's order must not matter. */
static void make_model(struct tensors *s, const struct eng_recipe_model *m, uint64_t n_cols)
{
    const bool fused = strcmp(m->arch, "falcon") == 0, stacked = m->n_experts > 0;
    s->n = 0;
    add(s, n_cols, 1, "token_embd.weight", 0);
    add(s, n_cols, 1, "output.weight", 0);
    for (uint32_t i = m->n_layers; i-- > 0;) {
        if (fused) {
            add(s, n_cols, 1, "blk.%u.attn_qkv.weight", i);
        } else {
            add(s, n_cols, 1, "blk.%u.attn_q.weight", i);
            add(s, n_cols, 1, "blk.%u.attn_k.weight", i);
            add(s, n_cols, 1, "blk.%u.attn_v.weight", i);
        }
        add(s, n_cols, 1, "blk.%u.attn_output.weight", i);
        add(s, n_cols, stacked ? m->n_experts : 1, stacked ? "blk.%u.ffn_down_exps.weight" : "blk.%u.ffn_down.weight", i);
        add(s, n_cols, 1, "blk.%u.ffn_gate_inp.weight", i);
        add(s, n_cols, stacked ? m->n_experts : 1, stacked ? "blk.%u.ffn_up_exps.weight" : "blk.%u.ffn_up.weight", i);
    }
}

static const struct eng_recipe *recipe_named(const char *name)
{
    for (size_t i = 0; eng_recipe(i); i++)
        if (strcmp(eng_recipe(i)->name, name) == 0)
            return eng_recipe(i);
    fail_msg("no recipe %s", name);
    return NULL;
}

static const struct eng_recipe_tensor *find(const struct tensors *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->t[i].name, name) == 0)
            return &s->t[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void check_name(const struct tensors *s, const char *what, const char *name, const char *type)
{
    const struct eng_recipe_tensor *t = find(s, name);
    if (strcmp(eng_type_name((enum eng_type)t->to), type) != 0)
        fail_msg("%s: %s is %s, not %s", what, name, eng_type_name((enum eng_type)t->to), type);
}

static const struct row {
    const struct eng_recipe_model *model;
    const char *recipe, *tensor, *type; /* a tensor of layer %u: layers says which */
    const char *layers;                 /* "0-3" or "4"; NULL: the name is whole */
} rows[] = {
    /* base, output, embedding */
    {&gqa, "q4_k_m", "token_embd.weight", "q4_k", NULL}, {&gqa, "q4_k_m", "output.weight", "q6_k", NULL},
    {&gqa, "q4_0", "output.weight", "q6_k", NULL}, {&gqa, "q8_0", "output.weight", "q8_0", NULL}, {&gqa, "f16", "output.weight", "f16", NULL},
    {&falcon, "q4_0", "output.weight", "q8_0", NULL}, {&gqa, "tq2_0", "token_embd.weight", "q4_k", NULL},
    {&gqa, "q2_k", "token_embd.weight", "q2_k", NULL}, {&gqa, "mxfp4_moe", "output.weight", "q8_0", NULL},
    /* attn_v: by layer, by heads on a KV head, by size */
    {&gqa, "q4_k_m", "blk.%u.attn_v.weight", "q6_k", "0-3"}, {&gqa, "q4_k_m", "blk.%u.attn_v.weight", "q4_k", "4-5"},
    {&gqa, "q4_k_m", "blk.%u.attn_v.weight", "q6_k", "6"}, {&gqa, "q4_k_m", "blk.%u.attn_v.weight", "q4_k", "25-26"},
    {&gqa, "q4_k_m", "blk.%u.attn_v.weight", "q6_k", "27-31"}, {&gqa, "q5_k_m", "blk.%u.attn_v.weight", "q6_k", "28-31"},
    {&gqa, "q4_k_s", "blk.%u.attn_v.weight", "q5_k", "0-3"}, {&gqa, "q4_k_s", "blk.%u.attn_v.weight", "q4_k", "4-31"},
    {&gqa, "q5_k_s", "blk.%u.attn_v.weight", "q5_k", "0-31"}, {&gqa, "q3_k_m", "blk.%u.attn_v.weight", "q5_k", "0-1"},
    {&gqa, "q3_k_m", "blk.%u.attn_v.weight", "q4_k", "2-31"}, {&gqa, "q3_k_l", "blk.%u.attn_v.weight", "q5_k", "0-31"},
    {&gqa, "q3_k_s", "blk.%u.attn_v.weight", "q3_k", "0-31"}, {&gqa, "q2_k", "blk.%u.attn_v.weight", "q4_k", "0-31"},
    {&plain, "q2_k", "blk.%u.attn_v.weight", "q3_k", "0-31"}, {&gqa, "q2_k_s", "blk.%u.attn_v.weight", "q4_k", "0-31"},
    {&plain, "q2_k_s", "blk.%u.attn_v.weight", "q2_k", "0-31"}, {&gqa, "iq4_xs", "blk.%u.attn_v.weight", "q5_k", "0-31"},
    {&plain, "iq4_xs", "blk.%u.attn_v.weight", "iq4_xs", "0-31"}, {&gqa, "iq4_nl", "blk.%u.attn_v.weight", "q5_k", "0-31"},
    {&large, "q4_k_m", "blk.%u.attn_v.weight", "q6_k", "0-9"}, {&large, "q4_k_m", "blk.%u.attn_v.weight", "q5_k", "10-11"},
    {&large, "q3_k_s", "blk.%u.attn_v.weight", "q5_k", "0-79"}, {&large, "q2_k", "blk.%u.attn_v.weight", "q5_k", "0-79"},
    {&large_plain, "q4_k_m", "blk.%u.attn_v.weight", "q4_k", "10-11"}, {&large_plain, "q3_k_s", "blk.%u.attn_v.weight", "q3_k", "0-79"},
    {&falcon, "q4_k_m", "blk.%u.attn_qkv.weight", "q6_k", "0-3"}, {&falcon, "q4_k_m", "blk.%u.attn_qkv.weight", "q4_k", "4-5"},
    /* ffn_down */
    {&gqa, "q4_k_m", "blk.%u.ffn_down.weight", "q6_k", "0-3"}, {&gqa, "q4_k_m", "blk.%u.ffn_down.weight", "q4_k", "4-5"},
    {&gqa, "q4_k_s", "blk.%u.ffn_down.weight", "q5_k", "0-3"}, {&gqa, "q4_k_s", "blk.%u.ffn_down.weight", "q4_k", "4-31"},
    {&gqa, "q3_k_m", "blk.%u.ffn_down.weight", "q5_k", "0-1"}, {&gqa, "q3_k_m", "blk.%u.ffn_down.weight", "q4_k", "2-31"},
    {&gqa, "q3_k_l", "blk.%u.ffn_down.weight", "q5_k", "0-31"}, {&gqa, "q2_k", "blk.%u.ffn_down.weight", "q3_k", "0-31"},
    {&gqa, "q2_k_s", "blk.%u.ffn_down.weight", "q4_k", "0-3"}, {&gqa, "q2_k_s", "blk.%u.ffn_down.weight", "q2_k", "4-31"},
    {&gqa, "iq4_nl", "blk.%u.ffn_down.weight", "q5_k", "0-3"}, {&gqa, "iq4_nl", "blk.%u.ffn_down.weight", "iq4_nl", "4-31"},
    {&falcon, "q4_k_m", "blk.%u.ffn_down.weight", "q6_k", "0-1"}, {&falcon, "q4_k_m", "blk.%u.ffn_down.weight", "q5_k", "2-3"},
    {&falcon, "q4_k_m", "blk.%u.ffn_down.weight", "q4_k", "4-5"}, {&falcon, "q4_k_s", "blk.%u.ffn_down.weight", "q4_k", "0-31"},
    {&falcon, "q3_k_m", "blk.%u.ffn_down.weight", "q3_k", "4-5"}, {&falcon, "q3_k_m", "blk.%u.ffn_down.weight", "q4_k", "6"},
    {&falcon, "q3_k_l", "blk.%u.ffn_down.weight", "q4_k", "0-31"},
    /* attn_output */
    {&gqa, "q2_k", "blk.%u.attn_output.weight", "q3_k", "0-31"}, {&gqa, "q3_k_m", "blk.%u.attn_output.weight", "q4_k", "0-31"},
    {&gqa, "q3_k_l", "blk.%u.attn_output.weight", "q5_k", "0-31"}, {&gqa, "q4_k_m", "blk.%u.attn_output.weight", "q4_k", "0-31"},
    {&falcon, "q3_k_l", "blk.%u.attn_output.weight", "q4_k", "0-31"}, {&falcon, "q2_k", "blk.%u.attn_output.weight", "q2_k", "0-31"},
    /* eight experts */
    {&mixtral, "q4_k_m", "blk.%u.attn_v.weight", "q8_0", "0-31"}, {&mixtral, "q4_0", "blk.%u.attn_k.weight", "q8_0", "0-31"},
    {&mixtral, "q4_k_s", "blk.%u.attn_output.weight", "q5_k", "0-31"}, {&mixtral, "q3_k_l", "blk.%u.attn_output.weight", "q3_k", "0-31"},
    {&mixtral, "q4_k_m", "blk.%u.ffn_down_exps.weight", "q6_k", "0-3"}, {&mixtral, "q4_k_m", "blk.%u.ffn_down_exps.weight", "q4_k", "4-5"},
    {&mixtral, "q4_k_m", "blk.%u.ffn_gate_inp.weight", "f32", "0-31"}, {&mixtral, "mxfp4_moe", "blk.%u.ffn_up_exps.weight", "mxfp4", "0-31"},
    {&mixtral, "mxfp4_moe", "blk.%u.attn_q.weight", "q8_0", "0-31"}, {&mixtral, "f16", "blk.%u.attn_v.weight", "f16", "0-31"},
};

static void mixtures_are_those_of_llama_quantize(void **state)
{
    static struct tensors s;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        unsigned first = 0, last = 0;
        char name[64];
        make_model(&s, r->model, 256);
        assert_int_equal(eng_recipe_choose(recipe_named(r->recipe), NULL, r->model, s.t, s.n, NULL), ENG_OK);
        if (!r->layers) {
            check_name(&s, r->recipe, r->tensor, r->type);
            continue;
        }
        if (sscanf(r->layers, "%u-%u", &first, &last) == 1)
            last = first;
        for (unsigned k = first; k <= last; k++) {
            snprintf(name, sizeof name, "blk.%u.%s", k, strchr(r->tensor + 4, '.') + 1);
            check_name(&s, r->recipe, name, r->type);
        }
    }
}

static void rows_that_no_superblock_divides_get_smaller_blocks(void **state)
{
    static const struct { const char *recipe, *tensor; uint64_t n_cols; const char *type; } cases[] = {
        {"q2_k_s", "blk.31.attn_q.weight", 96, "q4_0"}, {"q3_k_s", "blk.31.attn_q.weight", 96, "q4_0"},
        {"q4_k_s", "blk.31.attn_q.weight", 96, "q5_0"}, {"q5_k_s", "blk.31.attn_q.weight", 96, "q5_1"},
        {"q6_k", "blk.31.attn_q.weight", 96, "q8_0"},   {"iq4_xs", "blk.31.attn_q.weight", 96, "iq4_nl"},
        {"tq1_0", "blk.31.attn_q.weight", 96, "q4_0"},  {"tq2_0", "blk.31.attn_q.weight", 96, "q4_0"},
        {"q4_k_m", "output.weight", 96, "q8_0"},        {"q4_0", "output.weight", 96, "q8_0"},
        {"q4_0", "blk.31.attn_q.weight", 90, "f16"},    {"q4_k_m", "blk.31.attn_q.weight", 90, "f16"},
        {"q8_0", "output.weight", 90, "f16"},           {"bf16", "blk.31.attn_q.weight", 90, "bf16"},
    };
    static struct tensors s;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_model(&s, &gqa, cases[i].n_cols);
        assert_int_equal(eng_recipe_choose(recipe_named(cases[i].recipe), NULL, &gqa, s.t, s.n, NULL), ENG_OK);
        check_name(&s, cases[i].recipe, cases[i].tensor, cases[i].type);
    }
}

static void what_is_no_matrix_of_weights_stays(void **state)
{
    static const struct { const char *name; uint64_t ne[4]; uint32_t type; bool may; } cases[] = {
        {"blk.0.attn_q.weight", {64, 64, 1, 1}, ENG_TYPE_F32, true},        {"blk.0.attn_q.weight", {64, 1, 1, 1}, ENG_TYPE_F32, false},
        {"blk.0.ffn_up_exps.weight", {64, 64, 8, 1}, ENG_TYPE_F32, true},   {"blk.0.attn_q.bias", {64, 64, 1, 1}, ENG_TYPE_F32, false},
        {"blk.0.attn_q_norm.weight", {64, 4, 1, 1}, ENG_TYPE_F32, false},   {"blk.0.ffn_gate_inp.weight", {64, 8, 1, 1}, ENG_TYPE_F32, false},
        {"position_embd.weight", {64, 64, 1, 1}, ENG_TYPE_F32, false},      {"token_embd.weight", {64, 64, 1, 1}, ENG_TYPE_F32, true},
        {"blk.0.ssm_conv1d.weight", {4, 64, 1, 1}, ENG_TYPE_F32, false},    {"blk.0.shortconv.conv.weight", {3, 64, 1, 1}, ENG_TYPE_F32, false},
        {"blk.0.time_mix_w1.weight", {64, 64, 1, 1}, ENG_TYPE_F32, false},  {"blk.0.time_mix_key.weight", {64, 64, 1, 1}, ENG_TYPE_F32, true},
        {"blk.0.ssm_a", {16, 64, 1, 1}, ENG_TYPE_F32, false},               {"blk.0.ssm_in.weight", {64, 64, 1, 1}, ENG_TYPE_F32, true},
        {"blk.0.routing.weight", {64, 64, 1, 1}, 26, false},                {"blk.0.weightless", {64, 64, 1, 1}, ENG_TYPE_F32, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct eng_recipe_tensor t = {.name = cases[i].name, .ne = {cases[i].ne[0], cases[i].ne[1], cases[i].ne[2], 1}, .type = cases[i].type};
        if (eng_recipe_may_quantize(&t) != cases[i].may)
            fail_msg("%s", cases[i].name);
    }
}

static void names_are_found_in_any_case_and_mistakes_explained(void **state)
{
    const struct eng_recipe *r;
    enum eng_type type;
    struct eng_error err;
    (void)state;
    assert_int_equal(eng_recipe_find("Q8_0", &r, &err), ENG_OK);
    assert_string_equal(r->name, "q8_0");
    assert_int_equal(eng_recipe_find("q8-0", &r, &err), ENG_EINVAL);
    assert_non_null(strstr(err.text, "did you mean 'q8_0'?"));
    assert_null(r);
    assert_int_equal(eng_recipe_find("gibberish", &r, &err), ENG_EINVAL);
    assert_int_equal(eng_writable_type("F16", &type, &err), ENG_OK);
    assert_int_equal(type, ENG_TYPE_F16);
    assert_int_equal(eng_writable_type("q8_0m", &type, &err), ENG_EINVAL);
    assert_non_null(strstr(err.text, "did you mean 'q8_0'?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixtures_are_those_of_llama_quantize),
        cmocka_unit_test(rows_that_no_superblock_divides_get_smaller_blocks),
        cmocka_unit_test(what_is_no_matrix_of_weights_stays),
        cmocka_unit_test(names_are_found_in_any_case_and_mistakes_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
