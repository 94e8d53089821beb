/* test_tokenizer_zoo.c - the tokenizers of the golden zoo (53 models, three kinds, 17 pre-tokenizers) against llama.cpp's ids and texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden_text.h"
#include "scratch_dir.h"
#include "vocab_file.h"

static void check_model(const struct eng_model *m, const json_t *tokenizer)
{
    const json_t *c;
    size_t i, n_text;
    assert_int_equal(m->vocab->bos, json_integer_value(json_object_get(tokenizer, "bos")));
    assert_int_equal(m->vocab->eos, json_integer_value(json_object_get(tokenizer, "eos")));
    assert_int_equal(m->vocab->add_bos, json_integer_value(json_object_get(tokenizer, "add_bos")));
    json_array_foreach(json_object_get(tokenizer, "cases"), i, c)
    {
        const char *text = json_string_value(json_object_get(c, "text"));
        const json_t *special = json_object_get(c, "ids_special");
        char *shown = golden_text_from_hex(json_string_value(json_object_get(c, "detok_special_hex")), &n_text);
        golden_text_check_ids(m, text, strlen(text), 0, json_object_get(c, "ids"));
        golden_text_check_ids(m, text, strlen(text), ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, special);
        golden_text_check_bytes(m, special, ENG_DETOKENIZE_SPECIAL, shown, n_text);
        golden_text_check_bytes(m, json_object_get(c, "ids"), ENG_DETOKENIZE_START, text, strlen(text));
        free(shown);
    }
    assert_int_equal(i, 10);
}

static void every_model_equals_the_reference(void **state)
{
    (void)state;
    char packed[SCRATCH_PATH], dir[SCRATCH_PATH], path[SCRATCH_PATH], command[2 * SCRATCH_PATH + 32];
    json_t *index = golden_text_load("golden/llama_cpp/zoo/golden/index.json");
    if (!index || !test_data_path(packed, "golden/llama_cpp/zoo/models_f32.tar.xz"))
        skip();
    scratch_dir_make(dir);
    snprintf(command, sizeof(command), "tar -xJf '%s' -C '%s' 2>/dev/null", packed, dir);
    if (system(command) != 0) {
        scratch_dir_remove(dir);
        json_decref(index);
        print_message("skipped: tar or xz is not installed\n");
        skip();
    }
    const json_t *model;
    size_t i;
    json_array_foreach(index, i, model)
    {
        struct vocab_file v;
        const char *file = json_string_value(json_object_get(model, "file"));
        scratch_path(path, dir, file);
        vocab_file_open(&v, path);
        print_message("%s\n", file);
        check_model(&v.m, json_object_get(model, "tokenizer"));
        vocab_file_close(&v);
    }
    assert_int_equal(i, 53);
    scratch_dir_remove(dir);
    json_decref(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_model_equals_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
