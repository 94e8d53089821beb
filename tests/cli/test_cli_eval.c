/* `meltbench eval` on a small model: which questions are asked, how many, where the data comes from. Against lm-eval: test_cli_golden.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_scene.h"

#define EVAL "\"$MB\" eval -m $TINY -t 1 -q "

static const json_t *row_of(const json_t *rows, const char *task, const char *metric)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, "task")), task) == 0 && strcmp(json_string_value(json_object_get(row, "metric")), metric) == 0)
            return row;
    fail_msg("no row of %s %s", task, metric);
    return NULL;
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static void the_shipped_questions_are_all_asked(void **state)
{
    (void)state;
    json_t *rows = sh_json(EVAL "-o json");
    const json_t *row = row_of(rows, "mini", "accuracy");
    assert_true(number(row, "n") >= 120);
    const double p = number(row, "value"), n = number(row, "n");
    assert_true(p >= 0 && p <= 1);
    assert_true(fabs(number(row, "stderr") - sqrt(p * (1 - p) / (n - 1))) < 1e-12);
    assert_true(fabs(p * n - round(p * n)) < 1e-6); /* a share of n */
    assert_string_equal(json_string_value(json_object_get(row, "act")), "q8");
    json_decref(rows);
}

static void a_limit_takes_the_first_ones(void **state)
{
    (void)state;
    json_t *rows = sh_json(EVAL "--limit 7 -o json --db e.db");
    assert_int_equal((int)number(row_of(rows, "mini", "accuracy"), "n"), 7);
    json_decref(rows);
    char *kept = sh_text("sqlite3 e.db \"SELECT count(*), count(DISTINCT item), sum(item LIKE 'mini/%%') FROM answer\"");
    assert_string_equal(kept, "7|7|7\n");
    free(kept);
    char *md = sh_text(EVAL "--limit 3");
    assert_non_null(strstr(md, "| tiny.gguf | mini | accuracy |"));
    assert_int_equal(cli_count_lines(md), 2 + 4);
    free(md);
}

static void every_configuration_has_its_rows(void **state)
{
    (void)state;
    json_t *rows = sh_json(EVAL "--limit 3 --quant file,q8_0 --act q8,f32 -o json");
    assert_int_equal(json_array_size(rows), 4 * 4);
    json_decref(rows);
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    sh_fails(2, "nope|arc_easy", EVAL "--tasks nope");
    sh_fails(1, "arc_easy|--data|MELTBENCH_DATA", EVAL "--tasks arc_easy");
    sh_fails(1, "arc_easy|nofolder", EVAL "--tasks arc_easy --data nofolder");
    sh_fails(1, "arc_easy|nofolder", "MELTBENCH_DATA=nofolder " EVAL "--tasks arc_easy");
    sh_fails(2, "'xml'|md, json", EVAL "-o xml");
    sh_fails(1, "notext.txt", EVAL "--perplexity notext.txt");
    sh_fails(2, "--limit", EVAL "--limit -1");
    sh_fails(2, "tasks|empty", EVAL "--tasks ''");
}

static void perplexity_of_a_text_of_mine(void **state)
{
    (void)state;
    json_t *shipped = sh_json(EVAL "--perplexity text.txt --chunks 2 -o json");
    const double ppl = number(row_of(shipped, "all", "perplexity"), "value");
    assert_true(isfinite(ppl) && ppl > 1);
    json_t *mine = sh_json("seq 1 900 >mine.txt; " EVAL "--perplexity mine.txt --chunks 2 -o json"), /* of the working folder */
           *same = sh_json(EVAL "--perplexity $DIR/mine.txt --chunks 2 -o json");
    const double mine_ppl = number(row_of(mine, "all", "perplexity"), "value");
    assert_true(mine_ppl > 1 && mine_ppl != ppl);
    assert_true(mine_ppl == number(row_of(same, "all", "perplexity"), "value"));
    /* running values: the last one is the value; shorter chunks are another figure; chunk by chunk the same text says the same */
    const json_t *running = json_object_get(row_of(shipped, "all", "perplexity"), "by_chunk");
    assert_int_equal(json_array_size(running), 2);
    assert_true(fabs(json_real_value(json_array_get(running, 1)) / ppl - 1) < 1e-6);
    json_t *one = sh_json(EVAL "--perplexity text.txt --chunks 1 -o json"), *narrow = sh_json(EVAL "--perplexity text.txt -c 64 --chunks 2 -o json");
    assert_true(fabs(number(row_of(one, "all", "perplexity"), "value") / json_real_value(json_array_get(running, 0)) - 1) < 1e-6);
    assert_true(number(row_of(narrow, "all", "perplexity"), "value") != ppl);
    json_decref(one);
    json_decref(narrow);
    char *text = sh_text(EVAL "--perplexity text.txt --chunks 2");
    assert_int_equal(strncmp(text, "[1]", 3), 0);
    assert_non_null(strstr(text, ",[2]"));
    free(text);
    json_decref(shipped);
    json_decref(mine);
    json_decref(same);
    sh_fails(2, "text of 6 bytes|512", "echo short >short.txt; " EVAL "--perplexity short.txt"); /* less than one chunk */
    sh_fails(1, "perplexity|fewer than 512 tokens", "yes hello | tr '\\n' ' ' | head -c 900 >few.txt; " EVAL "--perplexity few.txt"); /* bytes enough */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_questions_are_all_asked),
        cmocka_unit_test(a_limit_takes_the_first_ones),
        cmocka_unit_test(every_configuration_has_its_rows),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(perplexity_of_a_text_of_mine),
    };
    return cmocka_run_group_tests_name("eval", tests, scene_begin, scene_end);
}
