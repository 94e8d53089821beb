/* test_gguf_open.c - a GGUF file as a model: facts, requantized sizes, what is refused and how, and damage of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gguf_build.h"
#include "model/open.h"
#include "model/weights.h"
#include "scratch_dir.h"

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

static struct eng_model *open_tiny(const struct gguf_tiny *tiny, const char *quant)
{
    struct gguf_build *b = gguf_build_new();
    struct eng_model *m;
    struct eng_error err = {0};
    const struct eng_model_params params = {.quant = quant, .n_threads = 2};
    gguf_build_llama(b, tiny);
    gguf_build_write(b, path);
    gguf_build_free(b);
    if (eng_model_open(&m, path, &params, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return m;
}

static const struct eng_type_share *share_of(const struct eng_type_share share[8], enum eng_type type)
{
    for (int i = 0; i < 8 && share[i].n_tensors; i++)
        if (share[i].type == type)
            return &share[i];
    return NULL;
}

static void facts_of_a_model(void **state)
{
    (void)state;
    struct eng_model *m = open_tiny(&(struct gguf_tiny){.type = ENG_TYPE_Q4_0, .embd_type = ENG_TYPE_Q8_0, .f16_norms = true}, NULL);
    const struct eng_model_info *info = eng_model_info(m);
    assert_string_equal(info->arch, "llama");
    assert_string_equal(info->name, "tiny");
    assert_string_equal(info->tokenizer, "gpt2");
    assert_string_equal(info->pre, "smollm");
    assert_null(info->chat_template);
    assert_int_equal(info->n_layers, 2);
    assert_int_equal(info->d_model, 64);
    assert_int_equal(info->n_heads, 4);
    assert_int_equal(info->n_heads_kv, 2);
    assert_int_equal(info->d_head, 16);
    assert_int_equal(info->d_ff, 96);
    assert_int_equal(info->n_vocab, GGUF_TINY_VOCAB);
    assert_true(info->tied_head);
    assert_int_equal(info->bos, 1);
    assert_int_equal(info->eos, 2);
    assert_int_equal(info->pad, -1);
    assert_false(info->add_bos);

    const uint64_t n_embd = GGUF_TINY_VOCAB * 64, n_layer = 64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64, n_norms = 5 * 64;
    assert_int_equal(info->n_params, n_embd + 2 * n_layer + n_norms);
    const struct eng_type_share *q4 = share_of(info->stored, ENG_TYPE_Q4_0), *q8 = share_of(info->stored, ENG_TYPE_Q8_0);
    assert_int_equal(q4->n_tensors, 14);
    assert_int_equal(q4->n_weights, 2 * n_layer);
    assert_int_equal(q4->n_bytes, 2 * n_layer / 32 * 18);
    assert_int_equal(q8->n_bytes, n_embd / 32 * 34);
    assert_int_equal(share_of(info->stored, ENG_TYPE_F16)->n_bytes, n_norms * 2);
    assert_int_equal(share_of(info->executed, ENG_TYPE_F32)->n_bytes, n_norms * 4); /* norms are computed in f32 */
    assert_int_equal(info->weight_bytes, q4->n_bytes + q8->n_bytes + n_norms * 4);
    assert_true(info->stored[0].n_bytes >= info->stored[1].n_bytes && info->stored[1].n_bytes >= info->stored[2].n_bytes);
    eng_model_close(m);
}

static void optional_parts_are_loaded(void **state)
{
    (void)state;
    struct eng_model *m = open_tiny(
        &(struct gguf_tiny){.untied = true, .biases = true, .rope_factors = true, .rope_base = 5e5f, .rope_scale = 4.0f, .d_head = 32},
        NULL);
    assert_false(m->info.tied_head);
    assert_int_equal(m->hp.d_head, 32);
    assert_true(m->hp.rope[0].base == 5e5f);
    assert_true(m->hp.rope[0].scale == 4.0f);
    assert_non_null(m->hp.rope[0].factors);
    assert_non_null(m->layers[1].bias_q);
    assert_non_null(m->layers[1].bias_o);
    assert_int_equal(m->output.n_rows, GGUF_TINY_VOCAB);
    eng_model_close(m);
    m = open_tiny(&(struct gguf_tiny){0}, NULL);
    assert_null(m->hp.rope[0].factors);
    assert_null(m->layers[0].bias_q);
    assert_true(m->hp.rope[0].scale == 1.0f);
    eng_model_close(m);
}

static void rows_survive_loading_and_packing(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    struct eng_gguf g;
    struct eng_error err = {0};
    size_t n;
    gguf_build_llama(b, &(struct gguf_tiny){.type = ENG_TYPE_Q4_1, .embd_type = ENG_TYPE_Q8_0});
    gguf_build_write(b, path);
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    assert_int_equal(eng_gguf_parse(&g, "tiny", bytes, n, &err), ENG_OK);
    struct eng_model *m;
    assert_int_equal(eng_model_open(&m, path, NULL, &err), ENG_OK);
    const struct {
        const char *name;
        const struct eng_matrix *w;
    } matrices[] = {
        {"token_embd.weight", &m->token_embd}, {"token_embd.weight", &m->output}, {"blk.1.ffn_down.weight", &m->layers[1].ffn_down}};
    for (size_t i = 0; i < 3; i++) {
        const struct eng_gguf_tensor *t = eng_gguf_find_tensor(&g, matrices[i].name);
        const struct eng_type_traits *traits = eng_type_traits(t->type);
        float want[96], got[96];
        const size_t row = 17, n_cols = (size_t)t->ne[0];
        traits->decode(t->data + row * eng_type_row_bytes(traits, n_cols), want, n_cols);
        eng_matrix_row(matrices[i].w, row, got);
        assert_memory_equal(got, want, n_cols * sizeof(float));
    }
    eng_model_close(m);
    eng_gguf_release(&g);
    gguf_build_free(b);
}

/* llama.cpp's rule: the output matrix, tied or not, is q8_0 in a q4_0 file as well. */
static void requantizing_follows_the_rule_for_the_head(void **state)
{
    (void)state;
    struct eng_model *m = open_tiny(&(struct gguf_tiny){.type = ENG_TYPE_F16}, "q4_0");
    assert_int_equal(m->token_embd.traits->type, ENG_TYPE_Q8_0);
    assert_int_equal(m->output.traits->type, ENG_TYPE_Q8_0);
    assert_int_equal(m->layers[0].ffn_up.traits->type, ENG_TYPE_Q4_0);
    assert_int_equal(share_of(m->info.stored, ENG_TYPE_F16)->n_tensors, 14);
    assert_null(share_of(m->info.executed, ENG_TYPE_F16));
    eng_model_close(m);

    m = open_tiny(&(struct gguf_tiny){.untied = true}, "q4_0");
    assert_int_equal(m->token_embd.traits->type, ENG_TYPE_Q4_0);
    assert_int_equal(m->output.traits->type, ENG_TYPE_Q8_0);
    eng_model_close(m);

    m = open_tiny(&(struct gguf_tiny){.type = ENG_TYPE_Q4_0}, "q8_0");
    assert_int_equal(m->layers[1].attn_v.traits->type, ENG_TYPE_Q8_0);
    const uint64_t n_matrix_weights = m->info.n_params - 5 * 64;
    assert_int_equal(m->info.weight_bytes, n_matrix_weights / 32 * 34 + 5 * 64 * 4);
    eng_model_close(m);
}

static void rows_that_no_block_divides_become_f16(void **state)
{
    (void)state;
    struct eng_model *m = open_tiny(&(struct gguf_tiny){.d_ff = 90}, "q8_0");
    assert_int_equal(m->layers[0].ffn_down.traits->type, ENG_TYPE_F16);
    assert_int_equal(m->layers[0].ffn_up.traits->type, ENG_TYPE_Q8_0);
    eng_model_close(m);
}

static void unknown_quant_is_refused_with_the_nearest(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    struct eng_model *m;
    struct eng_error err = {0};
    gguf_build_llama(b, &(struct gguf_tiny){0});
    gguf_build_write(b, path);
    gguf_build_free(b);
    assert_int_equal(eng_model_open(&m, path, &(struct eng_model_params){.quant = "q8_1"}, &err), ENG_EINVAL);
    assert_null(m);
    assert_non_null(strstr(err.text, "q8_0"));
}

struct marks {
    int n;
    enum eng_mark what[4];
    uint64_t t_ns[4];
};

static void record(void *user, enum eng_mark what, uint32_t index, int64_t value, uint64_t t_ns)
{
    struct marks *marks = user;
    (void)index;
    (void)value;
    assert_true(marks->n < 4);
    marks->what[marks->n] = what;
    marks->t_ns[marks->n++] = t_ns;
}

static void loading_is_marked(void **state)
{
    (void)state;
    struct marks marks = {0};
    struct eng_model *m;
    struct eng_error err = {0};
    struct gguf_build *b = gguf_build_new();
    gguf_build_llama(b, &(struct gguf_tiny){0});
    gguf_build_write(b, path);
    gguf_build_free(b);
    assert_int_equal(eng_model_open(&m, path, &(struct eng_model_params){.observer = {record, &marks}}, &err), ENG_OK);
    assert_int_equal(marks.n, 2);
    assert_int_equal(marks.what[0], ENG_MARK_LOAD_BEGIN);
    assert_int_equal(marks.what[1], ENG_MARK_LOAD_END);
    assert_true(marks.t_ns[0] > 0 && marks.t_ns[0] < marks.t_ns[1]);
    eng_model_close(m);
}

/* ---- what is refused ---- */

static int open_way(const uint8_t *bytes, size_t n, bool beside, struct eng_error *err)
{
    struct eng_model m = {.arena = eng_arena_new()};
    struct eng_opening rest = {0};
    struct eng_mapped_file file = {.n_bytes = n, .label = "f.gguf"};
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    file.data = copy;
    int rc = eng_open_gguf(&m, &file, beside ? &rest : NULL, err);
    if (rc == ENG_OK)
        rc = eng_weights_prepare(&m, NULL, 1, NULL, err);
    rc = eng_open_gguf_end(&m, &rest, rc, err);
    assert_true(rc != ENG_OK || (m.info.n_vocab == m.vocab->n_tokens && m.info.bos == m.vocab->bos));
    eng_weights_release(&m);
    eng_vocab_release(m.vocab);
    eng_arena_free(m.vocab_arena);
    eng_arena_free(m.arena);
    free(copy);
    return rc;
}

/* Opens a copy of exactly n bytes without a file: the vocabulary before the weights, and beside them, which must end the same. */
static int open_copy(const uint8_t *bytes, size_t n, struct eng_error *err)
{
    struct eng_error other = {0};
    const int rc = open_way(bytes, n, false, err), rc_beside = open_way(bytes, n, true, &other);
    assert_int_equal(rc_beside, rc);
    if (rc != ENG_OK)
        assert_string_equal(other.text, err->text);
    return rc;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    size_t n;
    gguf_build_llama(
        b, &(struct gguf_tiny){
               .n_layers = 1, .d_model = 32, .n_heads = 2, .n_heads_kv = 1, .d_ff = 32, .type = ENG_TYPE_Q4_0, .embd_type = ENG_TYPE_Q4_0});
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    struct eng_error err = {0};
    assert_int_equal(open_copy(bytes, n, &err), ENG_OK);
    for (size_t cut = 0; cut < n; cut++) {
        err = (struct eng_error){0};
        if (open_copy(bytes, cut, &err) != ENG_EFORMAT || !err.text[0])
            fail_msg("%zu of %zu bytes: '%s'", cut, n, err.text);
    }
    gguf_build_free(b);
}

/* Any result but a crash; an error always has its text. Bytes of the header only: every value of a weight is valid. */
static void random_damage_never_crashes(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    size_t n, n_failed = 0;
    gguf_build_llama(
        b, &(struct gguf_tiny){
               .n_layers = 1, .d_model = 32, .n_heads = 2, .n_heads_kv = 1, .d_ff = 32, .type = ENG_TYPE_Q4_0, .embd_type = ENG_TYPE_Q4_0});
    const uint8_t *good = gguf_build_bytes(b, &n);
    const size_t n_header = 9000 < n ? 9000 : n;
    uint8_t *bad = malloc(n);
    uint32_t random = 12345;
    for (int i = 0; i < 5000; i++) {
        memcpy(bad, good, n);
        for (int k = 0; k < 1 + i % 3; k++) {
            random = random * 1664525u + 1013904223u;
            const size_t at = (i % 2 ? random >> 8 : (random >> 8) % 1024) % n_header;
            random = random * 1664525u + 1013904223u;
            bad[at] = i % 5 == 0 ? 0xff : (uint8_t)(random >> 16);
        }
        struct eng_error err = {0};
        const int rc = open_copy(bad, n, &err);
        assert_true(rc == ENG_OK || (err.text[0] && err.code == rc && !strchr(err.text, '\n')));
        n_failed += rc != ENG_OK;
    }
    assert_true(n_failed > 500);
    free(bad);
    gguf_build_free(b);
}

static const struct gguf_tiny small = {.n_layers = 1, .d_model = 32, .n_heads = 2, .n_heads_kv = 1, .d_ff = 32};

/* Replace the first occurrence of a text of the same length. */
static void replace(uint8_t *bytes, size_t n, const char *from, const void *to)
{
    const size_t n_from = strlen(from);
    for (size_t i = 0; i + n_from <= n; i++)
        if (memcmp(bytes + i, from, n_from) == 0) {
            memcpy(bytes + i, to, n_from);
            return;
        }
    fail_msg("no '%s' in the file", from);
}

/* The u32 value of a key. */
static void set_u32(uint8_t *bytes, size_t n, const char *key, uint32_t value)
{
    const size_t n_key = strlen(key);
    for (size_t i = 0; i + n_key + 8 <= n; i++)
        if (memcmp(bytes + i, key, n_key) == 0) {
            memcpy(bytes + i + n_key + 4, &value, 4);
            return;
        }
    fail_msg("no '%s' in the file", key);
}

static void of_two_faults_the_vocabulary_is_named(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    struct eng_error err = {0};
    size_t n;
    gguf_build_llama(b, &small);
    const uint8_t *good = gguf_build_bytes(b, &n);
    uint8_t *bad = malloc(n);
    memcpy(bad, good, n);
    replace(bad, n, "blk.0.attn_v.weight", "blk.0.attn_x.weight");
    replace(bad, n, "h e", "hXe");
    assert_int_equal(open_copy(bad, n, &err), ENG_EFORMAT);
    assert_non_null(strstr(err.text, "merge 0 at byte"));
    free(bad);
    gguf_build_free(b);
}

static void variants_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        int code;
        const char *text;
    } cases[] = {
        {"blk.0.attn_v.weight", "blk.0.attn_x.weight", ENG_EFORMAT, "tensor 'blk.0.attn_v.weight' is missing"},
        {"blk.0.ffn_norm.weight", "blk.1.ffn_norm.weight", ENG_EFORMAT, "tensor 'blk.0.ffn_norm.weight' is missing"},
        {"output_norm.weight", "output_xorm.weight", ENG_EFORMAT, "tensor 'output_norm.weight' is missing"},
        {"general.architecture", "general.architecturX", ENG_EFORMAT, "'general.architecture' is missing"},
        {"tokenizer.ggml.merges", "tokenizer.ggml.mergeX", ENG_EFORMAT, "'tokenizer.ggml.merges' is missing"},
        {"h e", "hXe", ENG_EFORMAT, "merge 0 at byte"},
    };
    struct gguf_build *b = gguf_build_new();
    size_t n;
    gguf_build_llama(b, &small);
    const uint8_t *good = gguf_build_bytes(b, &n);
    uint8_t *bad = malloc(n);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eng_error err = {0};
        memcpy(bad, good, n);
        replace(bad, n, cases[i].from, cases[i].to);
        const int rc = open_copy(bad, n, &err);
        if (rc != cases[i].code || !strstr(err.text, cases[i].text))
            fail_msg("'%s': expected %d '%s', got %d '%s'", cases[i].to, cases[i].code, cases[i].text, rc, err.text);
    }
    free(bad);
    gguf_build_free(b);
}

/* Ids mean what they mean without a tokenizer: such a model opens, and only text is refused. */
static void unknown_tokenizers_are_said_when_text_comes(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *text;
        int detokenize;
    } cases[] = {
        {"smollm", "qwen2x", "pre-tokenizer 'qwen2x' is not known; known are gpt-2, smollm, llama-bpe", ENG_OK},
        {"gpt2", "bert", "tokenizer 'bert' is not known; known are gpt2", ENG_ENOTSUP},
    };
    struct gguf_build *b = gguf_build_new();
    size_t n;
    gguf_build_llama(b, &small);
    const uint8_t *good = gguf_build_bytes(b, &n);
    uint8_t *bad = malloc(n);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eng_error err = {0};
        struct eng_model *m = NULL;
        char text[16];
        int32_t ids[8];
        size_t n_ids, n_text;
        memcpy(bad, good, n);
        replace(bad, n, cases[i].from, cases[i].to);
        scratch_write(path, bad, n);
        if (eng_model_open(&m, path, NULL, &err) != ENG_OK)
            fail_msg("%s", err.text);
        assert_int_equal(m->info.n_vocab, GGUF_TINY_VOCAB);
        assert_int_equal(eng_tokenize(m, "hello", 5, 0, ids, 8, &n_ids, &err), ENG_ENOTSUP);
        assert_non_null(strstr(err.text, cases[i].text));
        assert_int_equal(eng_detokenize(m, (const int32_t[]){259}, 1, 0, text, sizeof(text), &n_text, &err), cases[i].detokenize);
        assert_true(eng_token_is_eog(m, 2)); /* by its key */
        eng_model_close(m);
    }
    free(bad);
    gguf_build_free(b);
}

static void impossible_hyperparameters_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint32_t value;
        const char *text;
    } cases[] = {
        {"llama.block_count", 0, "block_count' is 0"},
        {"llama.block_count", UINT32_MAX, "block_count' is 4294967295"},
        {"llama.block_count", 4096, "block_count is 4096 with"},
        {"llama.embedding_length", 0, "embedding_length' is 0"},
        {"llama.embedding_length", 64, "shape [32, 264, 1, 1], expected [64, 264]"},
        {"llama.embedding_length", UINT32_MAX, "out of range"},
        {"llama.feed_forward_length", 64, "expected [32, 64]"},
        {"llama.attention.head_count_kv", 0, "layer 0 has no attention heads"},
        {"llama.attention.head_count_kv", 3, "cannot share 3"},
        {"llama.rope.dimension_count", 3, "rope.dimension_count is 3"},
        {"llama.rope.dimension_count", 64, "to the head size 16"},
        {"llama.attention.key_length", 0, "key_length' is 0"},
        {"llama.attention.key_length", UINT32_MAX, "key_length' is 4294967295"},
        {"llama.attention.value_length", 8, "blk.0.attn_v.weight"},
        {"llama.context_length", 0, "context_length' is 0"},
        {"tokenizer.ggml.eos_token_id", 264, "beyond the 264 tokens"},
    };
    struct gguf_build *b = gguf_build_new();
    size_t n;
    gguf_build_llama(b, &small);
    const uint8_t *good = gguf_build_bytes(b, &n);
    uint8_t *bad = malloc(n);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eng_error err = {0};
        memcpy(bad, good, n);
        set_u32(bad, n, cases[i].key, cases[i].value);
        const int rc = open_copy(bad, n, &err);
        if (rc == ENG_OK || !strstr(err.text, cases[i].text))
            fail_msg("%s = %u: expected '%s', got %d '%s'", cases[i].key, cases[i].value, cases[i].text, rc, err.text);
    }
    free(bad);
    gguf_build_free(b);
}

static void refuse(struct gguf_build *b, const char *text)
{
    struct eng_error err = {0};
    size_t n;
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    const int rc = open_copy(bytes, n, &err);
    if (rc != ENG_ENOTSUP || !strstr(err.text, text))
        fail_msg("expected '%s', got %d '%s'", text, rc, err.text);
    gguf_build_free(b);
}

static void unsupported_models_are_named(void **state)
{
    (void)state;
    static const uint8_t block[64];
    struct gguf_build *b = gguf_build_new();
    gguf_build_str(b, "general.architecture", "mambo");
    refuse(b, "architecture 'mambo' is not supported; known are llama");

    b = gguf_build_new();
    gguf_build_llama(b, &small);
    gguf_build_u32(b, "llama.attention.kv_lora_rank", 8);
    refuse(b, "key 'llama.attention.kv_lora_rank' has no meaning here for architecture 'llama'");

    b = gguf_build_new();
    gguf_build_llama(b, &small);
    gguf_build_str(b, "llama.rope.scaling.type", "dynamic");
    refuse(b, "RoPE scaling 'dynamic'");

    b = gguf_build_new();
    gguf_build_llama(b, &small);
    gguf_build_tensor(b, "blk.0.attn_q_norm.weight", ENG_TYPE_F32, 1, (const uint64_t[]){16}, block, 64);
    refuse(b, "tensor 'blk.0.attn_q_norm.weight'");
}

static void a_type_that_is_no_weight_is_named(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    size_t n;
    uint8_t *bad;
    struct eng_error err = {0};
    gguf_build_llama(b, &small);
    const uint8_t *good = gguf_build_bytes(b, &n);
    bad = malloc(n);
    memcpy(bad, good, n);
    /* f32 (4 bytes an element) becomes i16 (2): still inside the file */
    const char name[] = "blk.0.ffn_up.weight";
    for (size_t i = 0; i + sizeof(name) < n; i++)
        if (memcmp(bad + i, name, sizeof(name) - 1) == 0)
            bad[i + sizeof(name) - 1 + 4 + 16] = 25;
    assert_int_equal(open_copy(bad, n, &err), ENG_ENOTSUP);
    assert_non_null(strstr(err.text, "tensor 'blk.0.ffn_up.weight' is of type i16, which is not supported"));
    free(bad);
    gguf_build_free(b);
}

static void files_that_are_not_there(void **state)
{
    (void)state;
    struct eng_model *m = (void *)1;
    struct eng_error err = {0};
    char other[SCRATCH_PATH];
    scratch_path(other, dir, "absent.gguf");
    assert_int_equal(eng_model_open(&m, other, NULL, &err), ENG_EIO);
    assert_null(m);
    assert_non_null(strstr(err.text, "absent.gguf: cannot open: No such file"));
    assert_int_equal(eng_model_open(&m, dir, NULL, &err), ENG_EIO);
    assert_non_null(strstr(err.text, "not a regular file"));
    scratch_path(other, dir, "empty.gguf");
    scratch_write(other, "", 0);
    assert_int_equal(eng_model_open(&m, other, NULL, &err), ENG_EFORMAT);
    assert_non_null(strstr(err.text, "0 bytes is too short"));
    assert_int_equal(eng_model_open(&m, other, NULL, NULL), ENG_EFORMAT); /* err may be NULL */
    eng_model_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_a_model),
        cmocka_unit_test(optional_parts_are_loaded),
        cmocka_unit_test(rows_survive_loading_and_packing),
        cmocka_unit_test(requantizing_follows_the_rule_for_the_head),
        cmocka_unit_test(rows_that_no_block_divides_become_f16),
        cmocka_unit_test(unknown_quant_is_refused_with_the_nearest),
        cmocka_unit_test(loading_is_marked),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(random_damage_never_crashes),
        cmocka_unit_test(of_two_faults_the_vocabulary_is_named),
        cmocka_unit_test(variants_are_refused_by_name),
        cmocka_unit_test(unknown_tokenizers_are_said_when_text_comes),
        cmocka_unit_test(impossible_hyperparameters_are_refused),
        cmocka_unit_test(unsupported_models_are_named),
        cmocka_unit_test(a_type_that_is_no_weight_is_named),
        cmocka_unit_test(files_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
