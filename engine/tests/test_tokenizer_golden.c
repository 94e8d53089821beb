/* test_tokenizer_golden.c - ids equal to llama.cpp's for every recorded string (README.md of golden/llama_cpp has the fields). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "golden_text.h"
#include "scratch_dir.h"
#include "vocab_file.h"

/* What llama_detokenize() makes of the ids, where it is not the text itself: given as it is recorded, or not compared. */
enum detok { DETOK_EQUAL, DETOK_AS_RECORDED, DETOK_CLEANED };

static void check_texts(const struct eng_model *m, const json_t *c, enum detok detok)
{
    const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, "ids"), *special = json_object_get(c, "ids_parse_special");
    const json_t *recorded = json_object_get(c, "detok");
    const json_t *shown = json_object_get(c, "detok_parse_special"), *hidden = json_object_get(c, "detok_parse_special_hidden");
    if (detok == DETOK_CLEANED)
        return;
    if (detok == DETOK_AS_RECORDED && recorded)
        text = recorded;
    golden_text_check_bytes(m, ids, ENG_DETOKENIZE_SPECIAL, json_string_value(text), json_string_length(text));
    if (shown)
        golden_text_check_bytes(m, special, ENG_DETOKENIZE_SPECIAL, json_string_value(shown), json_string_length(shown));
    if (hidden)
        golden_text_check_bytes(m, special, 0, json_string_value(hidden), json_string_length(hidden));
}

static void check_cases(const struct eng_model *m, const json_t *golden, enum detok detok)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(golden, "cases"), i, c)
    {
        const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, "ids"),
                     *special = json_object_get(c, "ids_parse_special");
        const json_t *bos = json_object_get(c, "ids_add_special_parse_special");
        const char *s = json_string_value(text);
        const size_t n = json_string_length(text);
        golden_text_check_ids(m, s, n, 0, ids);
        golden_text_check_ids(m, s, n, ENG_TOKENIZE_SPECIAL, special ? special : ids);
        golden_text_check_ids(m, s, n, ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, bos ? bos : special ? special : ids);
        check_texts(m, c, detok);
    }
    assert_int_equal(i, 342);
}

static void check_document(const struct eng_model *m, const json_t *golden)
{
    const json_t *doc = json_object_get(golden, "document");
    char path[SCRATCH_PATH];
    size_t n;
    assert_true(test_data_path(path, "wikitext2_valid_tokens.txt"));
    char *text = scratch_read(path, &n);
    assert_non_null(text);
    const size_t n_doc = (size_t)json_integer_value(json_object_get(doc, "bytes"));
    assert_true(n >= n_doc);
    golden_text_check_ids(m, text, n_doc, 0, json_object_get(doc, "ids"));
    free(text);
}

/* Informative in the reference: bytes that are no UTF-8 come back as they were here; byte-level BPE has U+FFFD there. Never a failure, at
 * most one token a byte. How many agree is printed. */
static void check_invalid(const struct eng_model *m, const json_t *golden)
{
    const json_t *c;
    size_t i, n, n_equal = 0;
    json_array_foreach(json_object_get(golden, "invalid_utf8"), i, c)
    {
        char *bytes = golden_text_from_hex(json_string_value(json_object_get(c, "hex")), &n);
        int32_t *ids = malloc((n + 2) * sizeof(*ids));
        size_t n_ids;
        assert_int_equal(eng_tokenize(m, bytes, n, 0, ids, n + 2, &n_ids, NULL), ENG_OK);
        assert_true(n_ids <= n);
        n_equal += json_object_get(c, "ids") && golden_text_same_ids(m, bytes, n, 0, json_object_get(c, "ids"));
        free(ids);
        free(bytes);
    }
    assert_int_equal(i, 35);
    print_message("invalid UTF-8: %zu of %zu inputs give llama.cpp's ids\n", n_equal, i);
}

static void gemma3_ids_equal_the_reference(void **state)
{
    (void)state;
    char path[SCRATCH_PATH];
    if (!cached_model_path(path, "gemma-3-270m-q4_k_m.gguf")) {
        print_message("skipped: no %s (scripts/get_model.sh gemma3-270m)\n", path);
        skip();
    }
    json_t *golden = golden_text_load("golden/llama_cpp/tokenizer/gemma3-270m.json");
    if (!golden)
        skip();
    struct vocab_file v;
    vocab_file_open(&v, path);
    check_cases(&v.m, golden, DETOK_AS_RECORDED);
    check_document(&v.m, golden);
    check_invalid(&v.m, golden);
    vocab_file_close(&v);
    json_decref(golden);
}

static void smollm2_ids_equal_the_reference(void **state)
{
    (void)state;
    char path[SCRATCH_PATH];
    json_t *golden = golden_text_load("golden/llama_cpp/tokenizer/smollm2-135m-instruct.json");
    if (!golden)
        skip();
    if (!default_model_path(path)) {
        json_decref(golden);
        print_message("skipped: no %s\n", path);
        skip();
    }
    struct eng_model *m;
    struct eng_error err = {0};
    if (eng_model_open(&m, path, NULL, &err) != ENG_OK)
        fail_msg("%s", err.text);
    check_cases(m, golden, DETOK_EQUAL);
    check_document(m, golden);
    check_invalid(m, golden);
    eng_model_close(m);
    json_decref(golden);
}

/* The user's text is cut out of the recorded prompt; the turn made from it must be that prompt, and its ids the recorded ones. */
static void smollm2_chat_prompts_equal_the_reference(void **state)
{
    (void)state;
    static const char user_begin[] = "<|im_start|>user\n", user_end[] = "<|im_end|>\n<|im_start|>assistant\n";
    char path[SCRATCH_PATH], user[512], turn[1024];
    json_t *golden = golden_text_load("golden/llama_cpp/greedy/smollm2-135m-instruct.f32.json");
    if (!golden)
        skip();
    if (!default_model_path(path)) {
        json_decref(golden);
        print_message("skipped: no %s\n", path);
        skip();
    }
    struct eng_model *m;
    struct eng_error err = {0};
    if (eng_model_open(&m, path, NULL, &err) != ENG_OK)
        fail_msg("%s", err.text);
    size_t i, n_turn, n_chats = 0;
    const json_t *run;
    json_array_foreach(json_object_get(golden, "runs"), i, run)
    {
        const char *prompt = json_string_value(json_object_get(run, "prompt"));
        golden_text_check_ids(m, prompt, strlen(prompt), ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, json_object_get(run, "prompt_ids"));
        if (strcmp(json_string_value(json_object_get(run, "kind")), "chat") != 0)
            continue;
        const char *begin = strstr(prompt, user_begin) + strlen(user_begin), *end = strstr(begin, user_end);
        snprintf(user, sizeof(user), "%.*s", (int)(end - begin), begin);
        if (eng_chat_turn(m, true, user, turn, sizeof(turn), &n_turn, &err) != ENG_OK)
            fail_msg("%s", err.text);
        assert_string_equal(turn, prompt);
        n_chats++;
    }
    assert_int_equal(n_chats, 5);
    eng_model_close(m);
    json_decref(golden);
}

/* llama-quantize's files of the same model (quantize.json): the weights must take the same number of bytes. */
static void requantized_sizes_equal_the_reference(void **state)
{
    (void)state;
    char path[SCRATCH_PATH];
    if (!default_model_path(path)) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    static const struct {
        const char *quant;
        uint64_t file_bytes; /* README.md of golden/llama_cpp */
    } cases[] = {{"file", 98362432}, {"q8_0", 144811072}, {"q4_0", 91726912}};
    for (size_t i = 0; i < 3; i++) {
        struct eng_model *m;
        struct eng_error err = {0};
        const struct eng_model_params params = {.quant = cases[i].quant, .n_threads = 2};
        if (eng_model_open(&m, path, &params, &err) != ENG_OK)
            fail_msg("%s", err.text);
        const uint64_t n_header = 98362432 - 96576768; /* the same keys and tensor names in all three */
        assert_int_equal(m->info.weight_bytes + n_header, cases[i].file_bytes);
        eng_model_close(m);
    }
}

/* A vocabulary without weights, as llama.cpp ships it: only the parts that a tokenizer needs are opened. */
static void gpt2_ids_equal_the_reference(void **state)
{
    (void)state;
    char packed[SCRATCH_PATH], dir[SCRATCH_PATH], path[SCRATCH_PATH], command[2 * SCRATCH_PATH + 32];
    json_t *golden = golden_text_load("golden/llama_cpp/tokenizer/vocab-gpt-2.json");
    if (!golden)
        skip();
    assert_true(test_data_path(packed, "golden/llama_cpp/tokenizer/vocab-gpt-2.gguf.xz"));
    scratch_dir_make(dir);
    scratch_path(path, dir, "vocab.gguf");
    snprintf(command, sizeof(command), "xz -dc '%s' > '%s' 2>/dev/null", packed, path);
    if (system(command) != 0) {
        scratch_dir_remove(dir);
        json_decref(golden);
        print_message("skipped: xz is not installed\n");
        skip();
    }
    struct vocab_file v;
    vocab_file_open(&v, path);
    check_cases(&v.m, golden, DETOK_CLEANED); /* spaces cleaned up: see the reference's README */
    check_document(&v.m, golden);
    check_invalid(&v.m, golden);
    vocab_file_close(&v);
    scratch_dir_remove(dir);
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm2_ids_equal_the_reference),
        cmocka_unit_test(smollm2_chat_prompts_equal_the_reference),
        cmocka_unit_test(requantized_sizes_equal_the_reference),
        cmocka_unit_test(gemma3_ids_equal_the_reference),
        cmocka_unit_test(gpt2_ids_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
