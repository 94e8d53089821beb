/*
 * test_cli_golden.c - the default model through the binary, against what llama.cpp and lm-eval said: greedy texts, likelihoods and
 * scores, perplexity (../shared/data/golden; README.md there names versions and settings).
 */
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

#define N_TEXTS 4 /* of each kind: the engine's own tests look at all of them */

static const char turn_begin[] = "<|im_start|>user\n", turn_end[] = "<|im_end|>\n<|im_start|>assistant\n";

static json_t *golden_runs(void)
{
    const char *path = data_file("golden/llama_cpp/greedy/smollm2-135m-instruct.f32.json");
    return path ? json_load_file(path, 0, NULL) : NULL;
}

static void check_text(const json_t *run, const char *flags)
{
    char *text = sh_text("\"$MB\" generate -m \"$MODEL\" -t 2 -n 64 --temp 0 --act f32 --ignore-eos %s -p \"$PROMPT\"", flags);
    const char *golden = json_string_value(json_object_get(run, "out_text"));
    const size_t n = strlen(golden);
    if (strncmp(text, golden, n) != 0 || strcmp(text + n, "\n") != 0)
        fail_msg("%s %s\n--- is\n%s\n--- should be\n%s\n", json_string_value(json_object_get(run, "prompt")), flags, text, golden);
    free(text);
}

static bool scene_is_set(void)
{
    const char *model = default_model();
    if (model)
        setenv("MODEL", model, 1);
    return model;
}

static void greedy_texts_are_llama_cpps(void **state)
{
    (void)state;
    json_t *golden = scene_is_set() ? golden_runs() : NULL, *run;
    if (!golden)
        skip();
    size_t i, n = 0;
    json_array_foreach(json_object_get(golden, "runs"), i, run) {
        if (strcmp(json_string_value(json_object_get(run, "kind")), "plain") != 0 || n == N_TEXTS)
            continue;
        setenv("PROMPT", json_string_value(json_object_get(run, "prompt")), 1);
        check_text(run, "");
        if (n++ == 0)
            check_text(run, "--early-exit verify:layer=20,draft=4");
    }
    assert_int_equal(n, N_TEXTS);
    json_decref(golden);
}

static void a_chat_turn_is_the_templates(void **state)
{
    (void)state;
    json_t *golden = scene_is_set() ? golden_runs() : NULL, *run;
    if (!golden)
        skip();
    size_t i, n = 0;
    json_array_foreach(json_object_get(golden, "runs"), i, run) {
        const char *prompt = json_string_value(json_object_get(run, "prompt")), *user = strstr(prompt, turn_begin);
        if (strcmp(json_string_value(json_object_get(run, "kind")), "chat") != 0 || !user || n == N_TEXTS)
            continue;
        char *turn = strdup(user + strlen(turn_begin));
        assert_non_null(turn);
        const size_t n_turn = strlen(turn) - strlen(turn_end);
        assert_string_equal(turn + n_turn, turn_end);
        setenv("PROMPT", prompt, 1); /* the whole template as the user's own text: special tokens are recognised */
        if (n == 0)
            check_text(run, "");
        turn[n_turn] = '\0';
        setenv("PROMPT", turn, 1);
        check_text(run, "--chat");
        free(turn);
        n++;
    }
    assert_int_equal(n, N_TEXTS);
    json_decref(golden);
}

static void self_speculation_with_8_bit_activations_changes_nothing(void **state)
{
    (void)state;
    if (!scene_is_set())
        skip();
    setenv("PROMPT", "The three primary colors are", 1);
    char *plain = sh_text("\"$MB\" generate -m \"$MODEL\" -t 2 -n 64 --ignore-eos -p \"$PROMPT\""),
         *drafted = sh_text("\"$MB\" generate -m \"$MODEL\" -t 2 -n 64 --ignore-eos -p \"$PROMPT\" --early-exit verify:layer=20,draft=4");
    assert_string_equal(drafted, plain);
    free(plain);
    free(drafted);
}

/* The model goes on with emoji of three tokens and ends inside one: shown as stored, each byte of what was cut replaced. */
static void characters_of_several_tokens_are_shown_whole(void **state)
{
    (void)state;
    if (!scene_is_set())
        skip();
    setenv("PROMPT", "Emoji: \xf0\x9f\x98\x80 \xf0\x9f\x98\x83 \xf0\x9f\x98\x84 \xf0\x9f\x98\x81 \xf0\x9f\x98\x80 \xf0\x9f\x98\x83", 1);
    char *text = sh_text("\"$MB\" generate -m \"$MODEL\" -t 2 -n 23 --ignore-eos --db emoji.db -p \"$PROMPT\"");
    char *stored = sh_text("sqlite3 emoji.db 'SELECT given FROM answer'");
    assert_string_equal(text, stored);
    assert_non_null(strstr(text, "\xf0\x9f\x91\xa9\xf0\x9f\x91\xa8"));
    assert_non_null(strstr(text, "\xef\xbf\xbd\n"));
    free(text);
    free(stored);
}

struct golden_scores { double acc, acc_norm, ll[20]; };

/* Of the first 20 questions: shares, and the greatest log-likelihood of each. */
static bool read_scores(struct golden_scores *g)
{
    char line[16384];
    const char *path = data_file("golden/lm_eval/arc_easy.smollm2.n100.jsonl");
    FILE *f = path ? fopen(path, "r") : NULL;
    if (!f)
        return false;
    *g = (struct golden_scores){0};
    for (int n = 0; fgets(line, sizeof(line), f);) {
        json_t *j = json_loads(line, 0, NULL);
        const double ll = json_number_value(json_object_get(j, "ll"));
        const bool is_first = json_integer_value(json_object_get(j, "i")) == 0;
        if (is_first && n == 20) {
            json_decref(j);
            break;
        }
        n += is_first;
        if (is_first || ll > g->ll[n - 1])
            g->ll[n - 1] = ll;
        g->acc += json_number_value(json_object_get(j, "acc")) / 20;
        g->acc_norm += json_number_value(json_object_get(j, "acc_norm")) / 20;
        json_decref(j);
    }
    fclose(f);
    return true;
}

static void scores_are_lm_evals(void **state)
{
    (void)state;
    struct golden_scores g;
    if (!scene_is_set() || !read_scores(&g))
        skip();
    const char *data = data_file("arc_easy.jsonl");
    assert_non_null(data);
    json_t *rows = sh_json("\"$MB\" eval -m \"$MODEL\" -q -t 2 --tasks arc_easy --limit 20 --act f32 --data \"$(dirname '%s')\" -o json --db scores.db", data);
    assert_true(fabs(json_number_value(json_object_get(json_array_get(rows, 0), "value")) - g.acc) < 1e-9);
    assert_true(fabs(json_number_value(json_object_get(json_array_get(rows, 1), "value")) - g.acc_norm) < 1e-9);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "metric")), "accuracy_norm");
    json_decref(rows);
    char *answers = sh_text("sqlite3 -separator ' ' scores.db 'SELECT item, log_likelihood FROM answer'");
    int n = 0;
    for (char *line = strtok(answers, "\n"); line; line = strtok(NULL, "\n"), n++) {
        const double ll = strtod(strrchr(line, ' '), NULL);
        double nearest = INFINITY;
        for (int i = 0; i < 20; i++)
            nearest = fmin(nearest, fabs(g.ll[i] - ll));
        if (nearest > 2e-3) /* float32 sums in another order, over 10 to 40 tokens */
            fail_msg("%s: lm-eval has no such likelihood, the nearest is %g away", line, nearest);
    }
    assert_int_equal(n, 20);
    free(answers);
}

static void perplexity_is_llama_cpps(void **state)
{
    (void)state;
    const char *path = scene_is_set() ? data_file("golden/llama_cpp/perplexity.json") : NULL;
    if (!path)
        skip();
    json_t *golden = json_load_file(path, 0, NULL);
    const json_t *model = json_object_get(golden, "smollm2-135m-instruct/dev"), *f32 = json_object_get(model, "f32_ppl_by_chunk");
    const json_t *file = json_object_get(json_object_get(json_object_get(model, "formats"), "file"), "by_chunk");
    const char *text = data_file("wikitext2_valid_tokens.txt");
    assert_non_null(text);
    /* The order of configurations is the order of the list: exact activations against the exact golden, 8-bit ones against the file's. */
    json_t *rows = sh_json("head -c 102135 '%s' >wiki.txt; \"$MB\" eval -m \"$MODEL\" -q -t 2 --perplexity wiki.txt -c 512 --chunks 3 --act f32,q8 -o json",
                           text);
    for (size_t k = 0; k < 3; k++) {
        char chunk[4];
        snprintf(chunk, sizeof(chunk), "%zu", k + 1);
        const double exact = json_real_value(json_array_get(json_object_get(json_array_get(rows, 0), "by_chunk"), k));
        const double rounded = json_real_value(json_array_get(json_object_get(json_array_get(rows, 1), "by_chunk"), k));
        const double golden_exact = json_number_value(json_object_get(f32, chunk));
        const double golden_rounded = json_number_value(json_object_get(json_object_get(file, chunk), "ppl"));
        assert_true(golden_exact > 1 && golden_rounded > 1);
        if (fabs(exact / golden_exact - 1) > 1e-3)
            fail_msg("chunk %s: perplexity %.5f, llama.cpp says %.5f", chunk, exact, golden_exact);
        if (!(rounded > 1 && rounded / golden_rounded - 1 <= 5e-3))
            fail_msg("chunk %s: perplexity %.5f with 8-bit activations, llama.cpp says %.5f", chunk, rounded, golden_rounded);
        print_message("chunk %s: f32 %.4f (golden %.4f), q8 %.4f (golden %.4f)\n", chunk, exact, golden_exact, rounded, golden_rounded);
    }
    json_decref(rows);
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_texts_are_llama_cpps),
        cmocka_unit_test(a_chat_turn_is_the_templates),
        cmocka_unit_test(characters_of_several_tokens_are_shown_whole),
        cmocka_unit_test(self_speculation_with_8_bit_activations_changes_nothing),
        cmocka_unit_test(scores_are_lm_evals),
        cmocka_unit_test(perplexity_is_llama_cpps),
    };
    return cmocka_run_group_tests_name("golden", tests, scene_begin, scene_end);
}
