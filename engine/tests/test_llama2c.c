/* test_llama2c.c - llama2.c checkpoints and their tokenizers: order of the weights, both kinds of head, damage; stories260K. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "llama2c_build.h"
#include "model/open.h"
#include "model/weights.h"
#include "scratch_dir.h"

static char dir[SCRATCH_PATH], model_path[SCRATCH_PATH], tokenizer_path[SCRATCH_PATH];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir_make(dir);
    scratch_path(model_path, dir, "tiny.bin");
    scratch_path(tokenizer_path, dir, "tokenizer.bin");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    scratch_dir_remove(dir);
    return 0;
}

static void write_both(const uint8_t *model, size_t n_model)
{
    size_t n;
    uint8_t *tokenizer = llama2c_build_tokenizer(&n);
    scratch_write(model_path, model, n_model);
    scratch_write(tokenizer_path, tokenizer, n);
    free(tokenizer);
}

static float float_at(const uint8_t *bytes, size_t i)
{
    float x;
    memcpy(&x, bytes + 28 + 4 * i, 4);
    return x;
}

/* Where each weight stands in the file, counted by hand for dim 32, hidden 48, 1 layer, key-value width 16. */
static void weights_come_from_their_places(void **state)
{
    (void)state;
    enum { EMBD = 268 * 32, NORM = 32, QO = 32 * 32, KV = 16 * 32, FF = 48 * 32, TABLES = 16 * 8 };
    for (int own = 0; own < 2; own++) {
        size_t n;
        uint8_t *bytes = llama2c_build_model(own, &n);
        struct eng_model *m;
        struct eng_error err = {0};
        float row[48];
        write_both(bytes, n);
        if (eng_model_open(&m, model_path, NULL, &err) != ENG_OK)
            fail_msg("%s", err.text);
        const struct eng_layer *l = &m->layers[0];
        const size_t at_q = EMBD + NORM, at_k = at_q + QO, at_v = at_k + KV, at_o = at_v + KV, at_ffn_norm = at_o + QO,
                     at_w1 = at_ffn_norm + NORM, at_w2 = at_w1 + FF, at_w3 = at_w2 + FF, at_final = at_w3 + FF,
                     at_classifier = at_final + NORM + TABLES;
        const struct {
            const struct eng_matrix *w;
            size_t at;
        } matrices[] = {{&m->token_embd, 0},   {&l->attn_q, at_q},      {&l->attn_k, at_k},
                        {&l->attn_v, at_v},    {&l->attn_output, at_o}, {&l->ffn_gate, at_w1},
                        {&l->ffn_down, at_w2}, {&l->ffn_up, at_w3},     {&m->output, own ? at_classifier : 0}};
        for (size_t i = 0; i < sizeof(matrices) / sizeof(matrices[0]); i++) {
            const struct eng_matrix *w = matrices[i].w;
            eng_matrix_row(w, 5, row);
            for (size_t c = 0; c < w->n_cols; c++)
                assert_true(row[c] == float_at(bytes, matrices[i].at + 5 * w->n_cols + c));
        }
        assert_true(l->attn_norm.w[3] == float_at(bytes, EMBD + 3));
        assert_true(l->ffn_norm.w[3] == float_at(bytes, at_ffn_norm + 3));
        assert_true(m->output_norm.w[3] == float_at(bytes, at_final + 3));
        assert_int_equal(m->info.tied_head, !own);
        assert_true(m->hp.rope[0].base == 10000.0f);
        assert_int_equal(m->hp.rope[0].n_rot, 8);
        assert_int_equal(m->info.bos, 1);
        assert_true(m->info.add_bos);
        assert_int_equal(m->info.weight_bytes, 4 * m->info.n_params);
        eng_model_close(m);
        free(bytes);
    }
}

static int open_copy(const uint8_t *bytes, size_t n, struct eng_error *err)
{
    struct eng_model m = {.arena = eng_arena_new()};
    struct eng_mapped_file file = {.n_bytes = n, .label = "f.bin"};
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    file.data = copy;
    const int rc = eng_open_llama2c(&m, &file, model_path, err);
    eng_weights_release(&m);
    eng_vocab_release(m.vocab);
    eng_arena_free(m.arena);
    free(copy);
    return rc;
}

static void damaged_checkpoints_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        int32_t value;
        const char *text;
    } cases[] = {
        {0, 0, "dim at byte 0 is 0"},
        {0, -32, "dim at byte 0 is -32"},
        {4, INT32_MAX, "hidden_dim at byte 4"},
        {8, 1 << 20, "n_layers at byte 8"},
        {12, 5, "do not divide"},
        {16, 3, "do not divide"},
        {20, 0, "vocab_size at byte 20 is 0"},
        {20, INT32_MIN, "vocab_size at byte 20"},
        {24, -1, "seq_len at byte 24"},
        {24, 17, "truncated: rotation tables"},
        {24, 15, "bytes follow the weights"},
        {8, 2, "truncated"},
        {20, 267, "bytes follow the weights"},
    };
    size_t n;
    uint8_t *bytes = llama2c_build_model(false, &n);
    struct eng_error err = {0};
    write_both(bytes, n);
    assert_int_equal(open_copy(bytes, n, &err), ENG_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int32_t saved;
        memcpy(&saved, bytes + cases[i].at, 4);
        memcpy(bytes + cases[i].at, &cases[i].value, 4);
        const int rc = open_copy(bytes, n, &err);
        if (rc != ENG_EFORMAT || !strstr(err.text, cases[i].text))
            fail_msg("expected '%s', got %d '%s'", cases[i].text, rc, err.text);
        memcpy(bytes + cases[i].at, &saved, 4);
    }
    for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : 61)
        assert_int_equal(open_copy(bytes, cut, &err), ENG_EFORMAT);
    free(bytes);
}

static int vocab_copy(const uint8_t *bytes, size_t n, uint32_t n_tokens, struct eng_error *err)
{
    struct eng_arena *arena = eng_arena_new();
    struct eng_vocab *v;
    struct eng_mapped_file file = {.n_bytes = n, .label = "tok.bin"};
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    file.data = copy;
    const int rc = eng_vocab_from_llama2c(&v, &file, n_tokens, arena, err);
    assert_true(rc == ENG_OK ? v != NULL : v == NULL);
    eng_arena_free(arena);
    free(copy);
    return rc;
}

static void damaged_tokenizers_are_refused(void **state)
{
    (void)state;
    size_t n;
    uint8_t *bytes = llama2c_build_tokenizer(&n);
    struct eng_error err = {0};
    const uint32_t nan = 0x7fc00000;
    const int32_t negative = -1, huge = INT32_MAX;
    assert_int_equal(vocab_copy(bytes, n, LLAMA2C_VOCAB, &err), ENG_OK);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(vocab_copy(bytes, cut, LLAMA2C_VOCAB, &err), ENG_EFORMAT);
    assert_int_equal(vocab_copy(bytes, n, LLAMA2C_VOCAB - 1, &err), ENG_EFORMAT);
    assert_non_null(strstr(err.text, "bytes follow the last of 267 tokens"));
    assert_int_equal(vocab_copy(bytes, n, 100, &err), ENG_ENOTSUP);
    assert_int_equal(vocab_copy(bytes, n, 1u << 24, &err), ENG_EFORMAT);

    memcpy(bytes + 4, &nan, 4);
    assert_int_equal(vocab_copy(bytes, n, LLAMA2C_VOCAB, &err), ENG_EFORMAT);
    assert_non_null(strstr(err.text, "score of token 0 at byte 4"));
    memset(bytes + 4, 0, 4);
    memcpy(bytes + 8, &negative, 4);
    assert_int_equal(vocab_copy(bytes, n, LLAMA2C_VOCAB, &err), ENG_EFORMAT);
    memcpy(bytes + 8, &huge, 4);
    assert_int_equal(vocab_copy(bytes, n, LLAMA2C_VOCAB, &err), ENG_EFORMAT);
    assert_non_null(strstr(err.text, "token 0 at byte 4 has 2147483647 bytes"));
    free(bytes);
}

static void a_missing_tokenizer_is_said(void **state)
{
    (void)state;
    size_t n;
    uint8_t *bytes = llama2c_build_model(false, &n);
    struct eng_model *m;
    struct eng_error err = {0};
    scratch_write(model_path, bytes, n);
    remove(tokenizer_path);
    assert_int_equal(eng_model_open(&m, model_path, NULL, &err), ENG_EIO);
    assert_non_null(strstr(err.text, "looked for tok268.bin and tokenizer.bin in"));
    free(bytes);
}

static void stories260k_opens(void **state)
{
    (void)state;
    char path[SCRATCH_PATH];
    if (!test_data_path(path, "stories260K.bin")) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    struct eng_model *m;
    struct eng_error err = {0};
    const char text[] = "Once upon a time, there was a caf\xc3\xa9 \xf0\x9f\x90\xb1.\n";
    int32_t ids[64];
    size_t n, n_bytes;
    char back[128];
    if (eng_model_open(&m, path, NULL, &err) != ENG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(m->info.n_params, 260032);
    assert_int_equal(m->info.n_layers, 5);
    assert_int_equal(m->info.n_vocab, 512);
    assert_true(m->info.tied_head);
    assert_int_equal(eng_tokenize(m, text, sizeof(text) - 1, ENG_TOKENIZE_BOS, ids, 64, &n, &err), ENG_OK);
    assert_int_equal(ids[0], 1);
    assert_int_equal(eng_detokenize(m, ids, n, false, back, sizeof(back), &n_bytes, &err), ENG_OK);
    assert_string_equal(back, text);
    assert_true(eng_token_is_eog(m, 1)); /* stories end with <s> */
    eng_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_come_from_their_places),
        cmocka_unit_test(damaged_checkpoints_are_refused),
        cmocka_unit_test(damaged_tokenizers_are_refused),
        cmocka_unit_test(a_missing_tokenizer_is_said),
        cmocka_unit_test(stories260k_opens),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
