/* `meltbench generate` on a small model: the prompt as it is, seeds, methods, figures, Ctrl-C. The golden texts: test_cli_golden.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_process.h"
#include "cli_scene.h"

#define GENERATE "\"$MB\" generate -m $TINY -t 1 "

static void text_on_stdout_figures_on_stderr(void **state)
{
    (void)state;
    struct cli plain = sh(GENERATE "-p hello -n 20 --ignore-eos"), stats = sh(GENERATE "-p hello -n 20 --ignore-eos --stats");
    assert_int_equal(plain.code, 0);
    assert_int_equal(stats.code, 0);
    assert_string_equal(plain.err, "");
    assert_string_equal(plain.out, stats.out);
    assert_true(strlen(plain.out) > 1);
    assert_int_equal(plain.out[strlen(plain.out) - 1], '\n');
    static const char *const positive[] = {"load", "TTFT", "prefill", "decode", "weights", "KV cache", "peak RSS"};
    for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++)
        assert_true(figure_of(stats.err, positive[i]) > 0);
    assert_non_null(strstr(stats.err, " 1 prompt, 20 generated\n")); /* "hello" is one token here */
    assert_non_null(strstr(stats.err, " 20 of 20 seen tokens\n"));   /* the last one is not in the cache yet */
    assert_null(strstr(stats.err, "accepted"));                     /* nothing was drafted */
    cli_free(&plain);
    cli_free(&stats);
}

static int n_prompt_tokens(const char *how)
{
    struct cli c = sh("%s %s -n 1 --stats", GENERATE, how);
    if (c.code != 0)
        fail_msg("%s: %s", how, c.err);
    const int n = (int)figure_of(c.err, "tokens");
    cli_free(&c);
    return n;
}

static void the_prompt_is_taken_as_it_is(void **state)
{
    (void)state;
    static const struct { const char *how; int n; } cases[] = {
        {"-p 'xyz'", 3},
        {"-p '  xyz  '", 7},                     /* no trimming */
        {"-p 'a\\n\\t'", 5},                     /* no escapes: backslashes are characters */
        {"-p '\n'", 1},
        {"-p '<|im_start|>x<|im_end|>'", 3},     /* special tokens are recognised */
        {"-p ' hello hello'", 2},
        {"--prompt=-z", 2},                      /* may begin with a dash */
        {"-p '\xc3\xa9'", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (n_prompt_tokens(cases[i].how) != cases[i].n)
            fail_msg("%s: %d tokens instead of %d", cases[i].how, n_prompt_tokens(cases[i].how), cases[i].n);
}

static void a_prompt_from_a_file_or_from_stdin_is_the_same(void **state)
{
    (void)state;
    char *given = sh_text(GENERATE "-n 12 -p ' two\nlines\n'"), *file = sh_text("printf ' two\\nlines\\n' >p.txt; " GENERATE "-n 12 -f p.txt"),
         *input = sh_text("printf ' two\\nlines\\n' | " GENERATE "-n 12 -f -");
    assert_string_equal(given, file);
    assert_string_equal(given, input);
    free(given);
    free(file);
    free(input);
    assert_int_equal(n_prompt_tokens("-f p.txt"), 11);
}

static void what_is_no_prompt_is_refused(void **state)
{
    (void)state;
    sh_fails(2, "the prompt is empty", GENERATE "-p '' -n 4");
    sh_fails(2, "UTF-8", GENERATE "-p \"$(printf 'a\\377b')\" -n 4");
    sh_fails(2, "byte 3|zero", "printf 'ab\\0cd' | " GENERATE "-f - -n 4");
    sh_fails(2, "nothing to read", ": | " GENERATE "-f - -n 4");
    sh_fails(1, "nofile.txt|No such file", GENERATE "-f nofile.txt -n 4");
    sh_fails(1, "directory", GENERATE "-f . -n 4");
    sh_fails(2, "-p TEXT|-f FILE", GENERATE "-n 4");
    sh_fails(2, "-p TEXT|-f FILE", GENERATE "-n 4 -p x -f p.txt");
    sh_fails(2, "which model", "\"$MB\" generate -p x");
}

static void seeds_decide_what_is_sampled(void **state)
{
    (void)state;
    char *a = sh_text(GENERATE "-p x -n 40 --temp 0.8 --seed 7 --ignore-eos"), *again = sh_text(GENERATE "-p x -n 40 --temp 0.8 --seed 7 --ignore-eos"),
         *b = sh_text(GENERATE "-p x -n 40 --temp 0.8 --seed 8 --ignore-eos");
    assert_string_equal(a, again);
    assert_string_not_equal(a, b);
    char *greedy = sh_text(GENERATE "-p x -n 40 --seed 7 --ignore-eos"), *greedy_b = sh_text(GENERATE "-p x -n 40 --seed 8 --ignore-eos"),
         *top_1 = sh_text(GENERATE "-p x -n 40 --temp 0.8 --top-k 1 --seed 9 --ignore-eos"),
         *top_p = sh_text(GENERATE "-p x -n 40 --temp 0.8 --top-p 0.000001 --seed 9 --ignore-eos");
    assert_string_equal(greedy, greedy_b); /* temperature 0 is the default and draws nothing */
    assert_string_equal(greedy, top_1);
    assert_string_equal(greedy, top_p);
    char *all[] = {a, again, b, greedy, greedy_b, top_1, top_p};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

static void self_speculation_says_what_greedy_says(void **state)
{
    (void)state;
    static const char *const act[] = {"q8", "f32"};
    for (size_t i = 0; i < 2; i++) {
        char *plain = sh_text(GENERATE "-p hello -n 60 --ignore-eos --act %s", act[i]);
        struct cli c = sh(GENERATE "-p hello -n 60 --ignore-eos --act %s --early-exit verify:layer=2,draft=4 --stats", act[i]);
        assert_int_equal(c.code, 0);
        assert_string_equal(c.out, plain);
        const char *line = strstr(c.err, "accepted drafts");
        int n_accepted, n_drafted;
        assert_non_null(line);
        assert_int_equal(sscanf(line, "accepted drafts %d of %d drafted tokens", &n_accepted, &n_drafted), 2);
        assert_true(n_drafted > 0 && n_accepted >= 0 && n_accepted <= n_drafted);
        cli_free(&c);
        free(plain);
    }
}

static void streaming_keeps_sink_and_window(void **state)
{
    (void)state;
    char *plain = sh_text(GENERATE "-p hello -n 100 --ignore-eos");
    struct cli wide = sh(GENERATE "-p hello -n 100 --ignore-eos --token-reduction streaming:sink=4,window=256"),
               narrow = sh(GENERATE "-p hello -n 100 --ignore-eos --token-reduction streaming:sink=4,window=16 --stats");
    assert_int_equal(wide.code, 0);
    assert_string_equal(wide.out, plain); /* nothing had to be dropped */
    assert_int_equal(narrow.code, 0);
    assert_string_not_equal(narrow.out, plain);
    assert_non_null(strstr(narrow.err, " 20 of 100 seen tokens\n"));
    cli_free(&wide);
    cli_free(&narrow);
    free(plain);
}

static void every_axis_is_a_flag(void **state)
{
    (void)state;
    struct cli c = sh(GENERATE "-p hello -n 8 --quant q8_0 --threads=2 --act f32 --early-exit verify:layer=2,draft=4 --backend cpu -ctk f16 -ctv f32 --stats");
    assert_int_equal(c.code, 2); /* -t 1 and --threads: an axis is given once */
    cli_free(&c);
    c = sh("\"$MB\" generate -m $TINY -p hello -n 8 --quant q8_0 --threads 2 --act f32 --early-exit none --token-reduction streaming:sink=4,window=256 "
           "--backend cpu -ctk f16 -ctv f32 --stats");
    assert_int_equal(c.code, 0);
    cli_free(&c);
    struct cli f16 = sh(GENERATE "-p hello -n 64 --stats -ctk f16 -ctv f16"), f32 = sh(GENERATE "-p hello -n 64 --stats --act f32");
    assert_true(figure_of(f32.err, "KV cache") > 1.9 * figure_of(f16.err, "KV cache")); /* --act f32 implies an f32 cache */
    cli_free(&f32);
    f32 = sh(GENERATE "-p hello -n 64 --stats --act f32 -ctk f16 -ctv f16");
    assert_true(figure_of(f32.err, "KV cache") == figure_of(f16.err, "KV cache"));
    cli_free(&f16);
    cli_free(&f32);
    sh_fails(2, "2", "\"$MB\" generate -m $TINY -p hello -t 1,2"); /* one configuration */
}

static void chat_needs_a_template(void **state)
{
    (void)state;
    sh_fails(1, "chat template", GENERATE "-p hello --chat -n 4");
}

static void a_database_only_when_it_is_named(void **state)
{
    (void)state;
    free(sh_text("mkdir -p empty && cd empty && TINY=../tiny.gguf && " GENERATE "-p hello -n 4 >/dev/null && ls -A"));
    char *left = sh_text("ls -A empty");
    assert_string_equal(left, "");
    free(left);
    char *said = sh_text(GENERATE "-p hello -n 4 --db g.db"), *kept = sh_text("\"$MB\" generate -m $TINY -t 1 -p hello -n 4");
    assert_string_equal(said, kept);
    assert_int_equal(access("g.db", R_OK), 0);
    free(said);
    free(kept);
}

static void one_ctrl_c_ends_it_and_its_worker(void **state)
{
    (void)state;
    struct cli_process p = process_start(GENERATE "-p hello -n 190000 --ignore-eos"); /* it takes minutes */
    char first[2];
    const pid_t worker = process_worker(&p);
    process_read(&p, first, 1);
    assert_true(process_is_running(&p));
    kill(-p.pid, SIGINT);
    char *rest = NULL; /* whatever was said until then, and a newline */
    size_t cap = 0;
    FILE *out = fdopen(p.out, "r");
    assert_non_null(out);
    const ssize_t n = getdelim(&rest, &cap, '\0', out);
    assert_true(n > 0 && rest[n - 1] == '\n');
    free(rest);
    fclose(out);
    p.out = -1;
    assert_int_equal(process_wait(&p), 130);
    assert_true(process_ends(worker));
    char *said = sh_text("cat process.err");
    assert_string_equal(said, "meltbench: interrupted\n");
    free(said);
}

/* Neither process of generate, the one that reads the flags and the one that computes, loads what it has no use for. */
static void libraries_without_a_use_are_not_loaded(void **state)
{
    (void)state;
    char *text = sh_text("LD_DEBUG=files LD_DEBUG_OUTPUT=loaded \"$MB\" generate -m \"$TINY\" -p ab -n 2 >/dev/null && cat loaded.* | grep -o "
                         "'file=lib[a-z0-9]*' | sort -u; rm -f loaded.*");
    assert_non_null(strstr(text, "libjansson")); /* the list is one */
    static const char *const unused[] = {"libcrypto", "libssl", "libyaml", "libcurl", "libopenblas", "libpapi", "libhwloc"};
    for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++)
        if (strstr(text, unused[i]))
            fail_msg("generate loads %s", unused[i]);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_on_stdout_figures_on_stderr),
        cmocka_unit_test(the_prompt_is_taken_as_it_is),
        cmocka_unit_test(a_prompt_from_a_file_or_from_stdin_is_the_same),
        cmocka_unit_test(what_is_no_prompt_is_refused),
        cmocka_unit_test(seeds_decide_what_is_sampled),
        cmocka_unit_test(self_speculation_says_what_greedy_says),
        cmocka_unit_test(streaming_keeps_sink_and_window),
        cmocka_unit_test(every_axis_is_a_flag),
        cmocka_unit_test(chat_needs_a_template),
        cmocka_unit_test(a_database_only_when_it_is_named),
        cmocka_unit_test(one_ctrl_c_ends_it_and_its_worker),
        cmocka_unit_test(libraries_without_a_use_are_not_loaded),
    };
    return cmocka_run_group_tests_name("generate", tests, scene_begin, scene_end);
}
