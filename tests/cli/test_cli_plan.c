/* `meltbench plan`: the table and the JSON of a plan, and what a wrong plan is answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_cli.h"

static char dir[32], path[64];

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/mb-cli-plan-XXXXXX");
    snprintf(path, sizeof(path), "%s", mkdtemp(dir) ? dir : "");
    strcat(path, "/p.yaml");
    return *path != '/';
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct cli plan(const char *text, const char *option)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return cli_run("plan", path, option, NULL);
}

static const char product[] = "name: product\nmodels: [\"null:token_us=1\"]\n"
                              "axes: {threads: [1, 2], early_exit: [none, verify], token_reduction: [none, streaming]}\n"
                              "workloads: [micro: {prompt: 8, gen: 4}]\nprotocol: {repetitions: 3}\n";

static void the_table_shows_what_varies_and_what_is_refused(void **state)
{
    (void)state;
    struct cli c = plan(product, NULL);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "");
    assert_non_null(strstr(c.out, "plan product ("));
    assert_non_null(strstr(c.out, "every cell: model null:token_us=1, backend cpu"));
    assert_non_null(strstr(c.out, "cell  threads  early exit               token reduction"));
    assert_non_null(strstr(c.out, "refused: verify takes"));
    assert_non_null(strstr(c.out, "\n8 cells, 2 refused, 6 to run"));
    assert_non_null(strstr(c.out, "micro prompt=8 gen=4"));
    cli_free(&c);
}

static void json_says_the_same(void **state)
{
    (void)state;
    struct cli c = plan(product, "--json");
    assert_int_equal(c.code, 0);
    json_t *root = json_loads(c.out, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "n_cells")), 8);
    assert_int_equal(json_integer_value(json_object_get(root, "n_refused")), 2);
    const json_t *cells = json_object_get(root, "cells");
    size_t n_refused = 0, i;
    json_t *cell;
    json_array_foreach(cells, i, cell) {
        assert_int_equal(json_string_length(json_object_get(cell, "hash")), 64);
        assert_true(json_is_object(json_object_get(json_object_get(cell, "config"), "axes")));
        assert_int_equal(json_integer_value(json_object_get(cell, "repetitions")), 3);
        n_refused += json_is_string(json_object_get(cell, "refused"));
    }
    assert_int_equal(i, 8);
    assert_int_equal(n_refused, 2);
    json_decref(root);
    cli_free(&c);
}

static void wrong_plans_exit_2_with_their_place(void **state)
{
    (void)state;
    struct cli c = plan("name: x\nmodels: [null]\naxes:\n  backend: cpu\n  thread: 2\nworkloads: [micro]\n", NULL);
    char expected[160];
    snprintf(expected, sizeof(expected), "meltbench: %s:5:3: unknown key 'thread'; did you mean 'threads'?\ntry: meltbench plan --help\n", path);
    assert_int_equal(c.code, 2);
    assert_string_equal(c.err, expected);
    assert_string_equal(c.out, "");
    cli_free(&c);
    c = plan("models: [null\n", NULL);
    assert_int_equal(c.code, 2);
    assert_true(cli_count_lines(c.err) <= 3);
    cli_free(&c);
    c = cli_run("plan", "/nowhere/p.yaml", NULL);
    assert_int_equal(c.code, 2);
    assert_string_equal(c.err, "meltbench: /nowhere/p.yaml: No such file or directory\ntry: meltbench plan --help\n");
    cli_free(&c);
}

static void a_missing_model_exits_1_and_says_how_to_get_it(void **state)
{
    (void)state;
    setenv("XDG_CACHE_HOME", dir, 1);
    struct cli c = plan("models: [smollm2-135m]\nworkloads: [micro]\n", NULL);
    unsetenv("XDG_CACHE_HOME");
    assert_int_equal(c.code, 1);
    assert_non_null(strstr(c.err, dir));
    assert_non_null(strstr(c.err, "scripts/quickstart.sh --model-only"));
    assert_true(cli_count_lines(c.err) <= 3);
    cli_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_shows_what_varies_and_what_is_refused),
        cmocka_unit_test(json_says_the_same),
        cmocka_unit_test(wrong_plans_exit_2_with_their_place),
        cmocka_unit_test(a_missing_model_exits_1_and_says_how_to_get_it),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
