/* `meltbench logits`: a file that NumPy reads, the same numbers however it was evaluated, and one line for each mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_scene.h"
#include "gguf_build.h"

#define LOGITS "\"$MB\" logits -m $TINY "

enum { HEADER = 128 };

static float *read_npy(const char *name, size_t n_rows, size_t n_cols)
{
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    char header[HEADER];
    float *x = malloc(n_rows * n_cols * sizeof(*x));
    assert_non_null(x);
    assert_int_equal(fread(header, 1, HEADER, f), HEADER);
    assert_int_equal(fread(x, sizeof(*x), n_rows * n_cols, f), n_rows * n_cols);
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
    return x;
}

/* The bytes that numpy.lib.format.write_array_header_1_0() writes for such an array (numpy 2.4). */
static void the_header_is_numpys_byte_for_byte(void **state)
{
    (void)state;
    struct cli c = sh(LOGITS "--tokens 5,77,130 -o three.npy");
    assert_int_equal(c.code, 0);
    assert_string_equal(c.out, "three.npy: 3 x 264 float32\n");
    assert_string_equal(c.err, "");
    cli_free(&c);
    char expected[HEADER], found[HEADER];
    memset(expected, ' ', sizeof(expected));
    memcpy(expected, "\x93NUMPY\x01\x00\x76\x00", 10);
    static const char dict[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 264), }";
    memcpy(expected + 10, dict, sizeof(dict) - 1);
    expected[HEADER - 1] = '\n';
    FILE *f = fopen("three.npy", "rb");
    assert_non_null(f);
    assert_int_equal(fread(found, 1, HEADER, f), HEADER);
    fclose(f);
    assert_memory_equal(found, expected, HEADER);
    float *x = read_npy("three.npy", 3, 264);
    for (size_t i = 0; i < 3 * 264; i++)
        assert_true(isfinite(x[i]));
    assert_true(memcmp(x, x + 264, 264 * sizeof(*x)) != 0);
    free(x);
}

static void tokens_come_as_list_file_or_text(void **state)
{
    (void)state;
    /* one token a byte, 'h' is 3 + 104, but for the merges of the vocabulary */
    free(sh_text("\"$MB\" tokenize -m $TINY --ids -p 'xyz 123' | tee ids.txt | tr '\\n' ',' >list.txt"));
    free(sh_text(LOGITS "-p 'xyz 123' -o text.npy && " LOGITS "--tokens-file ids.txt -o file.npy && " LOGITS "--tokens \"$(cat list.txt)\" -o list.npy && "
                 LOGITS "--tokens-file - -o stdin.npy <list.txt && cmp text.npy file.npy && cmp text.npy list.npy && cmp text.npy stdin.npy"));
}

/* Up to 16 tokens in a batch have the bits of single ones, whatever the threads. */
static void splitting_and_threads_change_nothing(void **state)
{
    (void)state;
    free(sh_text(LOGITS "--tokens 5,77,130,9,200,8 -o whole.npy -t 1 && " LOGITS "--tokens 5,77,130,9,200,8 -o split.npy --split 3 -t 2 && "
                 LOGITS "--tokens 5,77,130,9,200,8 -o single.npy --split 6 && cmp whole.npy split.npy && cmp whole.npy single.npy"));
    float *exact, *rounded;
    free(sh_text(LOGITS "--tokens 5,77,130 -o f32.npy --act f32 && " LOGITS "--tokens 5,77,130 -o q8.npy --act q8 -ctk f32 -ctv f32"));
    exact = read_npy("f32.npy", 3, 264);
    rounded = read_npy("q8.npy", 3, 264);
    double largest = 0;
    for (size_t i = 0; i < 3 * 264; i++)
        largest = fmax(largest, fabs((double)exact[i] - (double)rounded[i]));
    assert_true(largest > 0 && largest < 0.5);
    free(exact);
    free(rounded);
}

static void mistakes_are_one_line_and_leave_no_file(void **state)
{
    (void)state;
    sh_fails(2, "token 1 is 264|0 to 263", LOGITS "--tokens 1,264 -o x.npy");
    sh_fails(2, "'-1' is not a token id", LOGITS "--tokens=-1 -o x.npy");
    sh_fails(2, "'2x' is not a token id", LOGITS "--tokens 1,2x,3 -o x.npy");
    sh_fails(2, "'99999999999' is not a token id", LOGITS "--tokens 99999999999 -o x.npy");
    sh_fails(2, "no tokens", LOGITS "--tokens '' -o x.npy");
    sh_fails(2, "one of --tokens LIST, --tokens-file FILE, -p TEXT", LOGITS "-o x.npy");
    sh_fails(2, "one of --tokens", LOGITS "--tokens 1 -p hello -o x.npy");
    sh_fails(2, "-o FILE.npy", LOGITS "--tokens 1");
    sh_fails(2, "-m FILE", "\"$MB\" logits --tokens 1 -o x.npy");
    sh_fails(2, "--split 4|3 tokens", LOGITS "--tokens 1,2,3 --split 4 -o x.npy");
    sh_fails(2, "--ctx-size 2|3 tokens", LOGITS "--tokens 1,2,3 -c 2 -o x.npy");
    sh_fails(2, "'f16'|q8, f32", LOGITS "--tokens 1 --act f16 -o x.npy");
    sh_fails(2, "'q8_00'|q8_0", LOGITS "--tokens 1 --quant q8_00 -o x.npy");
    sh_fails(2, "regular file", LOGITS "--tokens 1 -o .");
    sh_fails(1, "no-such.txt", LOGITS "--tokens-file no-such.txt -o x.npy");
    sh_fails(1, "missing/x.npy", LOGITS "--tokens 1 -o missing/x.npy");
    sh_fails(1, "cut.gguf|truncated", "\"$MB\" logits -m $CUT --tokens 1 -o x.npy");
    sh_fails(1, "x.npy|File too large", "trap '' XFSZ; ulimit -f 1; " LOGITS "--tokens 1,2,3 -o x.npy");
    struct cli c = sh("ls x.npy* *.tmp 2>/dev/null");
    assert_string_equal(c.out, "");
    cli_free(&c);
}

static void an_unknown_architecture_names_the_known_ones(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    gguf_build_str(b, "general.architecture", "frobnicate");
    gguf_build_random(b, "token_embd.weight", ENG_TYPE_F32, 64, 64, 0.0f, 1.0f);
    gguf_build_write(b, "strange.gguf");
    gguf_build_free(b);
    sh_fails(1, "frobnicate|llama|gpt2|mamba", "\"$MB\" logits -m strange.gguf --tokens 1 -o x.npy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_numpys_byte_for_byte),     cmocka_unit_test(tokens_come_as_list_file_or_text),
        cmocka_unit_test(splitting_and_threads_change_nothing),   cmocka_unit_test(mistakes_are_one_line_and_leave_no_file),
        cmocka_unit_test(an_unknown_architecture_names_the_known_ones),
    };
    return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
