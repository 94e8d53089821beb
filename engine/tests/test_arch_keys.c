/* test_arch_keys.c - hyperparameters of every family: numbers that make no sense are refused with the key's name, before anything is
 * computed with them; keys that a family does not have are not silently ignored. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "gguf_build.h"
#include "scratch_dir.h"

static char dir[SCRATCH_PATH], path[SCRATCH_PATH];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir_make(dir);
    scratch_path(path, dir, "f.gguf");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    scratch_dir_remove(dir);
    return 0;
}

static void add_u32(struct gguf_build *b, const char *arch, const char *key, uint32_t value)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", arch, key);
    gguf_build_u32(b, full, value);
}

static void add_f32(struct gguf_build *b, const char *arch, const char *key, float value)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", arch, key);
    gguf_build_f32(b, full, value);
}

enum { OMIT_HEADS = 1 };

/* The keys of a small model of any family, and tensors enough for two layers; what it is to be refused for comes on top. */
static struct gguf_build *begin(const char *arch, unsigned omit)
{
    struct gguf_build *b = gguf_build_new();
    gguf_build_str(b, "general.architecture", arch);
    add_u32(b, arch, "block_count", 2);
    add_u32(b, arch, "context_length", 64);
    add_u32(b, arch, "embedding_length", 32);
    add_u32(b, arch, "feed_forward_length", 32);
    if (!(omit & OMIT_HEADS))
        add_u32(b, arch, "attention.head_count", 2);
    add_f32(b, arch, "attention.layer_norm_rms_epsilon", 1e-5f);
    add_f32(b, arch, "attention.layer_norm_epsilon", 1e-5f);
    gguf_build_vocab(b, "gpt-2");
    for (int i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        gguf_build_random(b, name, ENG_TYPE_F32, 0, 8, 0, 1);
    }
    return b;
}

static void refused(struct gguf_build *b, const char *text)
{
    struct eng_model *m = NULL;
    struct eng_error err = {0};
    gguf_build_write(b, path);
    const int rc = eng_model_open(&m, path, NULL, &err);
    if (rc == ENG_OK || m || !strstr(err.text, text))
        fail_msg("expected '%s', got %d '%s'", text, rc, err.text);
    gguf_build_free(b);
}

static const struct {
    const char *arch, *key;
    float bad[4]; /* 0 ends */
} floats[] = {
    {"llama", "rope.freq_base", {NAN, -1, INFINITY}},
    {"llama", "rope.scaling.factor", {NAN, -4, INFINITY}},
    {"llama", "rope.scaling.attn_factor", {NAN, -1, INFINITY}},
    {"granite", "logit_scale", {NAN, -1, INFINITY}},
    {"granite", "residual_scale", {NAN, -0.5f, -INFINITY}},
    {"granite", "embedding_scale", {NAN, -3, 1e30f}},
    {"granite", "attention.scale", {NAN, -0.1f}},
    {"command-r", "logit_scale", {NAN, -0.25f}},
    {"cohere2", "logit_scale", {NAN, -0.25f}},
    {"gemma2", "attn_logit_softcapping", {NAN, -50}},
    {"gemma2", "final_logit_softcapping", {NAN, -30}},
    {"gemma3", "rope.freq_base_swa", {NAN, -1, INFINITY}},
    {"mpt", "attention.max_alibi_bias", {NAN, -8, 1e5f}},
    {"mpt", "attention.clamp_kqv", {NAN, -1}},
    {"olmo", "attention.clamp_kqv", {NAN, -1}},
    {"deepseek2", "expert_weights_scale", {NAN, -1}},
    {"deepseek2", "rope.scaling.yarn_log_multiplier", {NAN, -1}},
};

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        for (size_t k = 0; k < 4 && floats[i].bad[k] != 0.0f; k++) {
            struct gguf_build *b = begin(floats[i].arch, 0);
            add_f32(b, floats[i].arch, floats[i].key, floats[i].bad[k]);
            refused(b, floats[i].key);
        }
    }
}

static void epsilons_are_checked_in_every_family(void **state)
{
    (void)state;
#define ARCH(id) &eng_arch_##id,
    static const struct eng_arch *const archs[] = {
#include "arch/archs.def"
    };
#undef ARCH
    static const float bad[] = {NAN, -1e-5f, INFINITY};
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        const char *key = archs[i]->norm == ENG_NORM_RMS ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon";
        for (size_t k = 0; k < 3; k++) {
            struct gguf_build *b = gguf_build_new();
            gguf_build_str(b, "general.architecture", archs[i]->name);
            add_u32(b, archs[i]->name, "block_count", 1);
            add_u32(b, archs[i]->name, "context_length", 64);
            add_u32(b, archs[i]->name, "embedding_length", 32);
            add_f32(b, archs[i]->name, key, bad[k]);
            for (int t = 0; t < 4; t++)
                gguf_build_random(b, (const char *const[]){"a", "b", "c", "d"}[t], ENG_TYPE_F32, 0, 8, 0, 1);
            refused(b, key);
        }
    }
}

static void counts_out_of_range_are_refused(void **state)
{
    static const struct {
        const char *arch, *key;
        uint32_t value;
        const char *text;
    } cases[] = {
        {"llama", "block_count", 0, "block_count"},
        {"llama", "expert_count", 1u << 20, "expert_count"},
        {"llama", "attention.value_length", 0, "value_length"},
        {"deepseek2", "expert_gating_func", 7, "expert_gating_func"},
        {"deepseek2", "attention.kv_lora_rank", 0, "kv_lora_rank"},
        {"deepseek2", "attention.q_lora_rank", UINT32_MAX, "q_lora_rank"},
        {"gemma3", "attention.sliding_window", UINT32_MAX, "sliding_window"},
        {"llama", "rope.scaling.original_context_length", 0, "original_context_length"},
        {"phi2", "rope.dimension_count", 7, "dimension_count"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gguf_build *b;
        if (strcmp(cases[i].key, "block_count") == 0) {
            b = gguf_build_new();
            gguf_build_str(b, "general.architecture", cases[i].arch);
        } else {
            b = begin(cases[i].arch, 0);
        }
        add_u32(b, cases[i].arch, cases[i].key, cases[i].value);
        refused(b, cases[i].text);
    }
}

/* One number per layer: too few, negative, or of another kind. */
static void arrays_per_layer_are_checked(void **state)
{
    static const int32_t one[] = {2}, negative[] = {2, -1};
    const char *const words[] = {"2", "2"};
    (void)state;
    struct gguf_build *b = begin("openelm", OMIT_HEADS);
    gguf_build_i32s(b, "openelm.attention.head_count", one, 1);
    refused(b, "openelm.attention.head_count");
    b = begin("openelm", OMIT_HEADS);
    gguf_build_i32s(b, "openelm.attention.head_count", negative, 2);
    refused(b, "openelm.attention.head_count");
    b = begin("openelm", OMIT_HEADS);
    gguf_build_strs(b, "openelm.attention.head_count", words, 2);
    refused(b, "openelm.attention.head_count");
    b = begin("gemma3", 0);
    add_u32(b, "gemma3", "attention.sliding_window", 8);
    gguf_build_i32s(b, "gemma3.attention.sliding_window_pattern", negative, 2);
    refused(b, "sliding_window_pattern");
}

/* What another family means by a key must not be dropped silently; the reference's own exceptions are. */
static void keys_of_other_families_are_refused(void **state)
{
    static const char *const keys[] = {"logit_scale", "residual_scale", "attention.scale", "final_logit_softcapping",
                                       "attention.clamp_kqv", "attention.max_alibi_bias"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct gguf_build *b = begin("llama", 0);
        add_f32(b, "llama", keys[i], 2.0f);
        refused(b, keys[i]);
        b = begin("llama", 0);
        add_f32(b, "llama", keys[i], 0.0f); /* said not to be used */
        refused(b, "'token_embd.weight' is missing");
    }
    struct gguf_build *b = begin("llama", 0);
    add_u32(b, "llama", "attention.sliding_window", 8); /* ignored there, as in llama.cpp */
    refused(b, "'token_embd.weight' is missing");
    b = begin("qwen3", 0);
    add_u32(b, "qwen3", "attention.sliding_window", 8);
    refused(b, "attention.sliding_window");
}

static void unknown_architecture_names_the_known(void **state)
{
    (void)state;
    struct gguf_build *b = begin("mambo", 0);
    refused(b, "architecture 'mambo' is not supported; known are llama, ");
    b = begin("mambo", 0);
    refused(b, "deepseek2"); /* the list goes on to its end */
}

static void rope_factors_must_be_positive(void **state)
{
    static const float bad[] = {0.0f, -1.0f, NAN, INFINITY};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct gguf_build *b = begin("llama", 0);
        float factors[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        factors[5] = bad[i];
        gguf_build_random(b, "token_embd.weight", ENG_TYPE_F32, GGUF_TINY_VOCAB, 32, 0, 1);
        gguf_build_tensor(b, "rope_freqs.weight", ENG_TYPE_F32, 1, (const uint64_t[]){8}, factors, sizeof factors);
        refused(b, "rope_freqs.weight': factor 5");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_are_none_are_refused),   cmocka_unit_test(epsilons_are_checked_in_every_family),
        cmocka_unit_test(counts_out_of_range_are_refused),     cmocka_unit_test(arrays_per_layer_are_checked),
        cmocka_unit_test(keys_of_other_families_are_refused),  cmocka_unit_test(unknown_architecture_names_the_known),
        cmocka_unit_test(rope_factors_must_be_positive),
    };
    return cmocka_run_group_tests_name("arch keys", tests, make_dir, remove_dir);
}
