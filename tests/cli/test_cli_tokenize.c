/* `meltbench tokenize` on a small vocabulary: ids, pieces, escapes, both ways, refusals. Real vocabularies: engine/tests/test_tokenizer_golden.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli_scene.h"

#define TOKENIZE "\"$MB\" tokenize -m $TINY "

/* Of the small vocabulary: three control tokens, the bytes from 3 on, then he, ll, hell, hello, " hello". */

static void expect(const char *script, const char *want)
{
    char *got = sh_text("%s", script);
    if (strcmp(got, want) != 0)
        fail_msg("%s\n  want %s\n  got  %s", script, want, got);
    free(got);
}

static void a_line_a_token(void **state)
{
    (void)state;
    expect(TOKENIZE "-p 'hello hello'", "262\t\"hello\"\n263\t\" hello\"\n");
    expect("printf 'hello hello' | " TOKENIZE, "262\t\"hello\"\n263\t\" hello\"\n");
    expect("printf ' hello' >t.txt; " TOKENIZE "-f t.txt --ids", "263\n");
    expect("printf ' hello' | " TOKENIZE "-f - --ids", "263\n");
    expect(TOKENIZE "-p ''", "");
    expect(": | " TOKENIZE "--ids", "");
}

static void pieces_are_escaped(void **state)
{
    (void)state;
    expect("printf 'a\"\\\\\\n\\t\\r\\0\\377\\033' | " TOKENIZE,
           "100\t\"a\"\n37\t\"\\\"\"\n95\t\"\\\\\"\n13\t\"\\n\"\n12\t\"\\t\"\n16\t\"\\r\"\n3\t\"\\x00\"\n258\t\"\\xff\"\n30\t\"\\x1b\"\n");
    expect(TOKENIZE "-p '\xc3\xa9'", "198\t\"\\xc3\"\n172\t\"\\xa9\"\n"); /* half a character is no text */
}

static void special_tokens_count_on_request(void **state)
{
    (void)state;
    expect(TOKENIZE "-p 'a<|im_end|>' --special", "100\t\"a\"\n2\t\"<|im_end|>\"\n"); /* this model asks for no begin-of-text token */
    expect(TOKENIZE "-p '<|im_end|>' --ids | wc -l", "10\n");
    expect(TOKENIZE "-p 'a<|im_end|>' --special --no-bos --ids", "100\n2\n");
}

static void ids_become_the_bytes_again(void **state)
{
    (void)state;
    expect("printf '262 263\\n100,[2] ' | " TOKENIZE "--decode", "hello helloa");
    expect("printf '262 2' | " TOKENIZE "--decode --special", "hello<|im_end|>");
    expect("head -c 300000 \"$MB\" >bytes; " TOKENIZE "--ids <bytes | " TOKENIZE "--decode | cmp - bytes && echo same", "same\n");
    expect(": | " TOKENIZE "--decode", "");
}

static void what_cannot_be_done_is_said(void **state)
{
    (void)state;
    sh_fails(2, "which model", "\"$MB\" tokenize -p x");
    sh_fails(2, "-p TEXT|-f FILE", TOKENIZE "-p x -f t.txt");
    sh_fails(2, "--ids|--decode", TOKENIZE "--ids --decode -p 1");
    sh_fails(2, "--no-bos", TOKENIZE "--no-bos -p x");
    sh_fails(2, "line 2|x1", "printf '1\\n2 x1 3' | " TOKENIZE "--decode");
    sh_fails(2, "99999999999", TOKENIZE "--decode -p 99999999999");
    sh_fails(1, "token id 264|vocabulary of 264", TOKENIZE "--decode -p 264");
    sh_fails(1, "nofile.txt", TOKENIZE "-f nofile.txt");
    sh_fails(1, "directory", TOKENIZE "-f .");
    sh_fails(1, "nofile.gguf", "\"$MB\" tokenize -m nofile.gguf -p x");
    sh_fails(1, "truncated", "\"$MB\" tokenize -m $CUT -p x");
    sh_fails(2, "--spezial|--special", TOKENIZE "--spezial -p x");
    sh_fails(1, "pre-tokenizer 'smoXXX'|known are gpt-2", "sed 's/smollm/smoXXX/' $TINY >odd.gguf; \"$MB\" tokenize -m odd.gguf -p x");
}

static void any_architecture_will_do(void **state)
{
    (void)state;
    expect("sed '0,/llama/s/llama/lxxxx/' $TINY >arch.gguf; \"$MB\" tokenize -m arch.gguf -p hello --ids", "262\n");
    sh_fails(1, "lxxxx", "\"$MB\" generate -m arch.gguf -p hello -n 1");
}

static void a_closed_pipe_is_no_crash(void **state)
{
    (void)state;
    struct cli c = sh("head -c 2000000 /dev/zero | " TOKENIZE "| head -n 1");
    assert_int_equal(c.code, 0);
    assert_string_equal(c.out, "3\t\"\\x00\"\n");
    cli_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_a_token),
        cmocka_unit_test(pieces_are_escaped),
        cmocka_unit_test(special_tokens_count_on_request),
        cmocka_unit_test(ids_become_the_bytes_again),
        cmocka_unit_test(what_cannot_be_done_is_said),
        cmocka_unit_test(any_architecture_will_do),
        cmocka_unit_test(a_closed_pipe_is_no_crash),
    };
    return cmocka_run_group_tests_name("tokenize", tests, scene_begin, scene_end);
}
