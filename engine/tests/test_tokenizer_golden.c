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

#include "model/model.h"
#include "scratch_dir.h"

static json_t *load_json(const char *name)
{
    char path[SCRATCH_PATH];
    json_error_t why;
    if (!test_data_path(path, name)) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    json_t *json = json_load_file(path, JSON_ALLOW_NUL, &why);
    if (!json)
        fail_msg("%s: %s", path, why.text);
    return json;
}

struct ids {
    int32_t *id;
    size_t n;
};

static struct ids tokenize(const struct eng_model *m, const char *text, size_t n_bytes, unsigned flags)
{
    struct eng_error err = {0};
    struct ids out = {malloc((n_bytes + 2) * sizeof(int32_t)), 0};
    assert_non_null(out.id);
    if (eng_tokenize(m, text, n_bytes, flags, out.id, n_bytes + 2, &out.n, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return out;
}

static bool same(const struct ids *got, const json_t *want)
{
    if (got->n != json_array_size(want))
        return false;
    for (size_t i = 0; i < got->n; i++)
        if (got->id[i] != json_integer_value(json_array_get(want, i)))
            return false;
    return true;
}

static void check_ids(const struct eng_model *m, const char *text, size_t n, unsigned flags, const json_t *want)
{
    struct ids got = tokenize(m, text, n, flags);
    if (!same(&got, want)) {
        char *dump = json_dumps(want, JSON_COMPACT);
        print_error("'%.200s' (flags %u)\n  want %s\n  got ", text, flags, dump);
        for (size_t i = 0; i < got.n && i < 60; i++)
            print_error(" %d", got.id[i]);
        fail_msg("ids differ");
    }
    free(got.id);
}

static void check_text(const struct eng_model *m, const json_t *ids, bool special, const char *want, size_t n_want)
{
    struct eng_error err = {0};
    size_t n = json_array_size(ids), n_bytes;
    int32_t *id = malloc((n + 1) * sizeof(*id));
    char *text = malloc(n_want + 2);
    for (size_t i = 0; i < n; i++)
        id[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    if (eng_detokenize(m, id, n, special, text, n_want + 1, &n_bytes, &err) != ENG_OK)
        fail_msg("%s: %s", want, err.text);
    assert_int_equal(n_bytes, n_want);
    assert_memory_equal(text, want, n_want);
    free(text);
    free(id);
}

static void check_cases(const struct eng_model *m, const json_t *golden, bool round_trip)
{
    const json_t *cases = json_object_get(golden, "cases"), *c;
    size_t i, n_checked = 0;
    json_array_foreach(cases, i, c)
    {
        const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, "ids"),
                     *special = json_object_get(c, "ids_parse_special");
        const json_t *bos = json_object_get(c, "ids_add_special_parse_special");
        const char *s = json_string_value(text);
        const size_t n = json_string_length(text);
        check_ids(m, s, n, 0, ids);
        check_ids(m, s, n, ENG_TOKENIZE_SPECIAL, special ? special : ids);
        check_ids(m, s, n, ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, bos ? bos : special ? special : ids);
        if (round_trip) {
            const json_t *shown = json_object_get(c, "detok_parse_special"), *hidden = json_object_get(c, "detok_parse_special_hidden");
            check_text(m, ids, true, s, n);
            if (shown)
                check_text(m, special, true, json_string_value(shown), json_string_length(shown));
            if (hidden)
                check_text(m, special, false, json_string_value(hidden), json_string_length(hidden));
        }
        n_checked++;
    }
    assert_int_equal(n_checked, 342);
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
    check_ids(m, text, n_doc, 0, json_object_get(doc, "ids"));
    free(text);
}

/* Informative in the reference: bytes that are no UTF-8 come back as they were here, as U+FFFD there. Never a failure, at most one
 * token a byte. How many agree is printed. */
static void check_invalid(const struct eng_model *m, const json_t *golden)
{
    const json_t *c;
    size_t i, n_equal = 0, n_all = 0;
    json_array_foreach(json_object_get(golden, "invalid_utf8"), i, c)
    {
        const char *hex = json_string_value(json_object_get(c, "hex"));
        char bytes[512];
        const size_t n = strlen(hex) / 2;
        assert_true(n <= sizeof(bytes));
        for (size_t k = 0; k < n; k++) {
            unsigned b;
            sscanf(hex + 2 * k, "%2x", &b);
            bytes[k] = (char)b;
        }
        struct ids got = tokenize(m, bytes, n, 0);
        assert_true(got.n <= n);
        n_equal += json_object_get(c, "ids") && same(&got, json_object_get(c, "ids"));
        n_all++;
        free(got.id);
    }
    assert_true(n_all > 30);
    print_message("invalid UTF-8: %zu of %zu inputs give llama.cpp's ids\n", n_equal, n_all);
}

static void smollm2_ids_equal_the_reference(void **state)
{
    (void)state;
    char path[SCRATCH_PATH];
    json_t *golden = load_json("golden/llama_cpp/tokenizer/smollm2-135m-instruct.json");
    if (!default_model_path(path)) {
        json_decref(golden);
        print_message("skipped: no %s\n", path);
        skip();
    }
    struct eng_model *m;
    struct eng_error err = {0};
    if (eng_model_open(&m, path, NULL, &err) != ENG_OK)
        fail_msg("%s", err.text);
    check_cases(m, golden, true);
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
    json_t *golden = load_json("golden/llama_cpp/greedy/smollm2-135m-instruct.f32.json");
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
        check_ids(m, prompt, strlen(prompt), ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, json_object_get(run, "prompt_ids"));
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
    json_t *golden = load_json("golden/llama_cpp/tokenizer/vocab-gpt-2.json");
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
    struct eng_mapped_file file;
    struct eng_gguf g;
    struct eng_error err = {0};
    struct eng_model m = {0};
    struct eng_arena *arena = eng_arena_new();
    assert_int_equal(eng_mapped_file_open(&file, path, &err), ENG_OK);
    assert_int_equal(eng_gguf_parse(&g, path, file.data, file.n_bytes, &err), ENG_OK);
    if (eng_vocab_from_gguf(&m.vocab, &g, arena, &err) != ENG_OK)
        fail_msg("%s", err.text);
    check_cases(&m, golden, false); /* its detok has spaces cleaned up: see the reference's README */
    check_document(&m, golden);
    eng_vocab_release(m.vocab);
    eng_gguf_release(&g);
    eng_mapped_file_close(&file);
    eng_arena_free(arena);
    scratch_dir_remove(dir);
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm2_ids_equal_the_reference),
        cmocka_unit_test(smollm2_chat_prompts_equal_the_reference),
        cmocka_unit_test(requantized_sizes_equal_the_reference),
        cmocka_unit_test(gpt2_ids_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
