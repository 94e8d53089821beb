/* test_recurrent.c - models with a running state: batches have the bits of single tokens, reset forgets, copying the state's bytes copies
 * the sequence, what cannot go back says so, and damaged files are refused by the name of what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gguf_recurrent.h"
#include "model/open.h"
#include "run/session.h"
#include "scratch_dir.h"

enum { N = 40, V = GGUF_TINY_VOCAB };

static const char *const archs[] = {"mamba", "mamba2", "lfm2", "granitehybrid", "falcon-h1", "rwkv6", "rwkv7", "jamba"};
#define N_ARCHS (sizeof archs / sizeof *archs)

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

static int open_damaged(struct eng_model **m, const char *arch, enum eng_type type, const struct damage *damage, struct eng_error *err)
{
    struct gguf_build *b = gguf_build_new();
    gguf_build_recurrent(b, arch, type, damage);
    gguf_build_write(b, path);
    gguf_build_free(b);
    return eng_model_open(m, path, NULL, err);
}

static struct eng_model *open_arch(const char *arch, enum eng_type type)
{
    struct eng_model *m;
    struct eng_error err = {0};
    if (open_damaged(&m, arch, type, NULL, &err) != ENG_OK)
        fail_msg("%s: %s", arch, err.text);
    return m;
}

static struct eng_session *open_session(struct eng_model *m, const char *act, uint32_t n_threads)
{
    struct eng_session *s;
    struct eng_error err = {0};
    if (eng_session_open(&s, m, &(struct eng_session_params){.n_ctx = 64, .act = act, .n_threads = n_threads}, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return s;
}

static int32_t id_of(size_t i)
{
    return (int32_t)((7 + 53 * i + 11 * i * i) % V);
}

/* Tokens [first, end) in batches of @step; logits[end - first][V]. */
static void eval(struct eng_session *s, size_t first, size_t end, size_t step, float *logits)
{
    int32_t ids[N];
    struct eng_error err = {0};
    for (size_t at = first; at < end; at += step) {
        const size_t n = end - at < step ? end - at : step;
        for (size_t i = 0; i < n; i++)
            ids[i] = id_of(at + i);
        if (eng_eval(s, ids, n, logits + (at - first) * V, &err) != ENG_OK)
            fail_msg("%s: %s", s->model->info.arch, err.text);
    }
}

static void test_batches_have_the_bits_of_single_tokens(void **ignored)
{
    static const size_t steps[] = {2, 7, 16};
    static float single[N * V], batch[N * V];
    (void)ignored;
    for (size_t a = 0; a < 2 * N_ARCHS; a++) {
        const char *act = a % 2 ? "q8" : "f32";
        struct eng_model *m = open_arch(archs[a / 2], a % 2 ? ENG_TYPE_Q8_0 : ENG_TYPE_F32);
        struct eng_session *one = open_session(m, act, 1), *three = open_session(m, act, 3);
        eval(one, 0, N, 1, single);
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            eng_session_reset(three);
            eval(three, 0, N, steps[k], batch);
            if (memcmp(batch, single, sizeof single) != 0)
                fail_msg("%s, %s: batches of %zu differ", archs[a / 2], act, steps[k]);
        }
        eng_session_close(one);
        eng_session_close(three);
        eng_model_close(m);
    }
}

static void test_reset_forgets(void **ignored)
{
    static float first[N * V], again[N * V];
    (void)ignored;
    for (size_t a = 0; a < N_ARCHS; a++) {
        struct eng_model *m = open_arch(archs[a], ENG_TYPE_F32);
        struct eng_session *s = open_session(m, "f32", 2);
        struct eng_error err = {0};
        eval(s, 0, N, 16, first);
        eng_session_reset(s);
        eval(s, 0, N, 16, again);
        assert_memory_equal(again, first, sizeof first);
        assert_int_equal(eng_session_rewind(s, 0, &err), ENG_OK);
        eval(s, 0, N, 16, again);
        assert_memory_equal(again, first, sizeof first);
        eng_session_close(s);
        eng_model_close(m);
    }
}

/* What a sequence is to these layers are bytes: for families without a cache they are all of it. */
static void test_a_state_can_be_copied(void **ignored)
{
    static float want[N * V], got[N * V];
    static const char *const pure[] = {"mamba", "mamba2", "rwkv6", "rwkv7"};
    (void)ignored;
    for (size_t a = 0; a < sizeof pure / sizeof *pure; a++) {
        struct eng_model *m = open_arch(pure[a], ENG_TYPE_F32);
        struct eng_session *s = open_session(m, "f32", 1), *t = open_session(m, "f32", 1);
        eval(s, 0, 20, 16, want);
        memcpy(t->state, s->state, s->state_bytes);
        t->seq.n_seen[0] = s->seq.n_seen[0];
        eval(s, 20, N, 16, want);
        eval(t, 20, N, 16, got);
        assert_memory_equal(got, want, 20 * V * sizeof *got);
        eng_session_close(s);
        eng_session_close(t);
        eng_model_close(m);
    }
}

static void test_what_cannot_go_back_says_so(void **ignored)
{
    (void)ignored;
    for (size_t a = 0; a < N_ARCHS; a++) {
        static float logits[N * V];
        struct eng_model *m = open_arch(archs[a], ENG_TYPE_F32);
        struct eng_session *s = open_session(m, "f32", 1), *none;
        struct eng_error err = {0};
        eval(s, 0, 20, 16, logits);
        assert_int_equal(eng_session_rewind(s, 20, &err), ENG_OK);
        assert_int_equal(eng_session_rewind(s, 10, &err), ENG_ENOTSUP);
        assert_non_null(strstr(err.text, "running state"));
        assert_int_equal(eng_session_open(&none, m, &(struct eng_session_params){.early_exit = "verify:layer=1"}, &err), ENG_ENOTSUP);
        assert_non_null(strstr(err.text, "running state"));
        assert_int_equal(eng_session_open(&none, m, &(struct eng_session_params){.token_reduction = "streaming:sink=4,window=32"}, &err),
                         ENG_ENOTSUP);
        assert_non_null(strstr(err.text, "running state"));
        eng_session_close(s);
        eng_model_close(m);
    }
}

static void test_kv_bytes_count_the_state(void **ignored)
{
    struct eng_model *m = open_arch("mamba", ENG_TYPE_F32);
    struct eng_session *s = open_session(m, "f32", 1);
    struct eng_session_info info;
    (void)ignored;
    eng_session_info(s, &info);
    const uint64_t floats = 3 * RECURRENT_INNER * (RECURRENT_TAPS - 1 + RECURRENT_STATE); /* no keys and values at all */
    assert_true(info.kv_bytes >= floats * sizeof(float) && info.kv_bytes <= floats * sizeof(float) + 4096);
    eng_session_close(s);
    eng_model_close(m);
}

/* ---- damage ---- */

static const struct {
    const char *arch;
    struct damage damage;
    const char *says;
} damages[] = {
    {"mamba", {"ssm.conv_kernel", DAMAGE_DROP, 0, 0}, "mamba.ssm.conv_kernel' is missing"},
    {"mamba", {"ssm.conv_kernel", DAMAGE_U32, 0, 0}, "out of range (1 to 16)"},
    {"mamba", {"ssm.conv_kernel", DAMAGE_U32, 1000000, 0}, "out of range (1 to 16)"},
    {"mamba", {"ssm.conv_kernel", DAMAGE_U32, 3, 0}, "ssm_conv1d.weight"},
    {"mamba", {"ssm.inner_size", DAMAGE_U32, 0, 0}, "ssm.inner_size"},
    {"mamba", {"ssm.inner_size", DAMAGE_U32, 0xffffffffu, 0}, "ssm.inner_size"},
    {"mamba", {"ssm.inner_size", DAMAGE_U32, 96, 0}, "ssm_in.weight"},
    {"mamba", {"ssm.state_size", DAMAGE_U32, 0, 0}, "ssm.state_size"},
    {"mamba", {"ssm.state_size", DAMAGE_U32, 4000, 0}, "ssm_x.weight"},
    {"mamba", {"ssm.state_size", DAMAGE_F32, 0, 16.0f}, "ssm.state_size"},
    {"mamba", {"ssm.time_step_rank", DAMAGE_U32, 0x80000000u, 0}, "ssm.time_step_rank"},
    {"mamba", {"ssm_a", DAMAGE_WIDER, 0, 0}, "ssm_a"},
    {"mamba", {"ssm_a", DAMAGE_TURNED, 0, 0}, "ssm_a"},
    {"mamba", {"ssm_conv1d.weight", DAMAGE_TURNED, 0, 0}, "ssm_conv1d.weight"},
    {"mamba2", {"ssm_norm.weight", DAMAGE_TURNED, 0, 0}, "ssm_norm.weight"},
    {"mamba", {"ssm_a", DAMAGE_DROP, 0, 0}, "ssm_a' is missing"},
    {"mamba", {"ssm_d", DAMAGE_WIDER, 0, 0}, "ssm_d"},
    {"mamba", {"ssm_dt.bias", DAMAGE_DROP, 0, 0}, "ssm_dt.bias' is missing"},
    {"mamba", {"ssm_conv1d.weight", DAMAGE_WIDER, 0, 0}, "ssm_conv1d.weight"},
    {"mamba", {"attention.layer_norm_rms_epsilon", DAMAGE_F32, 0, -1.0f}, "layer_norm_rms_epsilon"},
    {"mamba2", {"ssm.group_count", DAMAGE_DROP, 0, 0}, "ssm.group_count' is missing"},
    {"mamba2", {"ssm.group_count", DAMAGE_U32, 0, 0}, "ssm.group_count"},
    {"mamba2", {"ssm.group_count", DAMAGE_U32, 3, 0}, "do not divide"},
    {"mamba2", {"ssm.time_step_rank", DAMAGE_U32, 5, 0}, "do not divide"},
    {"mamba2", {"ssm.time_step_rank", DAMAGE_U32, 0, 0}, "ssm.time_step_rank"},
    {"mamba2", {"ssm.state_size", DAMAGE_U32, 4096, 0}, "ssm_in.weight"},
    {"mamba2", {"ssm_norm.weight", DAMAGE_WIDER, 0, 0}, "ssm_norm.weight"},
    {"mamba2", {"ssm_dt.bias", DAMAGE_WIDER, 0, 0}, "ssm_dt.bias"},
    {"lfm2", {"shortconv.l_cache", DAMAGE_DROP, 0, 0}, "shortconv.l_cache' is missing"},
    {"lfm2", {"shortconv.l_cache", DAMAGE_U32, 1, 0}, "shortconv.l_cache"},
    {"lfm2", {"shortconv.l_cache", DAMAGE_U32, 0xffffffffu, 0}, "shortconv.l_cache"},
    {"lfm2", {"shortconv.l_cache", DAMAGE_U32, 4, 0}, "shortconv.conv.weight"},
    {"lfm2", {"shortconv.in_proj.weight", DAMAGE_DROP, 0, 0}, "shortconv.in_proj.weight' is missing"},
    {"lfm2", {"token_embd_norm.weight", DAMAGE_DROP, 0, 0}, "token_embd_norm.weight' is missing"},
    {"granitehybrid", {"ssm.group_count", DAMAGE_U32, 7, 0}, "do not divide"},
    {"granitehybrid", {"ssm_out.weight", DAMAGE_WIDER, 0, 0}, "ssm_out.weight"},
    {"granitehybrid", {"logit_scale", DAMAGE_F32, 0, -2.0f}, "logit_scale"},
    {"falcon-h1", {"attn_q.weight", DAMAGE_DROP, 0, 0}, "attn_q.weight' is missing"},
    {"falcon-h1", {"attention.head_count", DAMAGE_U32, 0, 0}, "head"},
    {"falcon-h1", {"ffn_norm", DAMAGE_DROP, 0, 0}, "ffn_norm"},
    {"falcon-h1", {"ssm_in.weight", DAMAGE_WIDER, 0, 0}, "ssm_in.weight"},
    {"rwkv6", {"wkv.head_size", DAMAGE_DROP, 0, 0}, "wkv.head_size' is missing"},
    {"rwkv6", {"wkv.head_size", DAMAGE_U32, 0, 0}, "wkv.head_size"},
    {"rwkv6", {"wkv.head_size", DAMAGE_U32, 24, 0}, "no multiple of wkv.head_size"},
    {"rwkv6", {"wkv.head_size", DAMAGE_U32, 1u << 30, 0}, "wkv.head_size"},
    {"rwkv6", {"time_mix_extra_dim", DAMAGE_U32, 0, 0}, "time_mix_extra_dim"},
    {"rwkv6", {"time_mix_extra_dim", DAMAGE_U32, 13, 0}, "time_mix_w1.weight"},
    {"rwkv6", {"time_decay_extra_dim", DAMAGE_DROP, 0, 0}, "time_decay_extra_dim' is missing"},
    {"rwkv6", {"feed_forward_length", DAMAGE_DROP, 0, 0}, "feed_forward_length"},
    {"rwkv6", {"feed_forward_length", DAMAGE_U32, 0x7fffffffu, 0}, "feed_forward_length"},
    {"rwkv6", {"time_mix_first.weight", DAMAGE_WIDER, 0, 0}, "time_mix_first.weight"},
    {"rwkv6", {"time_mix_lerp_fused.weight", DAMAGE_DROP, 0, 0}, "time_mix_lerp_w.weight' is missing"},
    {"rwkv6", {"time_mix_ln.bias", DAMAGE_DROP, 0, 0}, "time_mix_ln.bias' is missing"},
    {"rwkv6", {"rescale_every_n_layers", DAMAGE_F32, 0, 2.0f}, "rescale_every_n_layers"},
    {"rwkv7", {"attention.decay_lora_rank", DAMAGE_U32, 0, 0}, "attention.decay_lora_rank"},
    {"rwkv7", {"attention.iclr_lora_rank", DAMAGE_U32, 0x10001, 0}, "attention.iclr_lora_rank"},
    {"rwkv7", {"attention.gate_lora_rank", DAMAGE_DROP, 0, 0}, "attention.gate_lora_rank' is missing"},
    {"rwkv7", {"attention.value_residual_mix_lora_rank", DAMAGE_U32, 11, 0}, "time_mix_v1.weight"},
    {"rwkv7", {"time_mix_lerp_fused.weight", DAMAGE_WIDER, 0, 0}, "time_mix_lerp_fused.weight"},
    {"rwkv7", {"time_mix_g2.weight", DAMAGE_DROP, 0, 0}, "time_mix_g2.weight' is missing"},
    {"rwkv7", {"channel_mix_key.weight", DAMAGE_WIDER, 0, 0}, "channel_mix_key.weight"},
    {"jamba", {"ssm_b_norm.weight", DAMAGE_DROP, 0, 0}, "ssm_b_norm.weight' is missing"},
    {"jamba", {"expert_used_count", DAMAGE_U32, 5, 0}, "expert_used_count"},
    {"jamba", {"ssm_dt_norm.weight", DAMAGE_WIDER, 0, 0}, "ssm_dt_norm.weight"},
};

static void test_damaged_files_are_refused_by_name(void **ignored)
{
    (void)ignored;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct eng_model *m = NULL;
        struct eng_error err = {0};
        const int rc = open_damaged(&m, damages[i].arch, ENG_TYPE_F32, &damages[i].damage, &err);
        if ((rc == ENG_OK) != (damages[i].says == NULL))
            fail_msg("%s with a damaged %s: %s", damages[i].arch, damages[i].damage.name, rc == ENG_OK ? "opened" : err.text);
        if (damages[i].says && !strstr(err.text, damages[i].says))
            fail_msg("%s with a damaged %s: '%s' does not say '%s'", damages[i].arch, damages[i].damage.name, err.text, damages[i].says);
        eng_model_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_have_the_bits_of_single_tokens),
        cmocka_unit_test(test_reset_forgets),
        cmocka_unit_test(test_a_state_can_be_copied),
        cmocka_unit_test(test_what_cannot_go_back_says_so),
        cmocka_unit_test(test_kv_bytes_count_the_state),
        cmocka_unit_test(test_damaged_files_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("recurrent", tests, make_dir, remove_dir);
}
