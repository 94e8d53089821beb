/* YAML as plans use it: places of nodes, limits, and files that are no plans at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "harness/plan_yaml.h"

static int parse(const char *text, size_t n, struct mb_error *err)
{
    struct mb_yaml *root = NULL;
    *err = (struct mb_error){0};
    const int rc = mb_yaml_parse(&root, "p.yaml", text, n, err);
    assert_true((rc == MB_OK) == (root != NULL));
    mb_yaml_free(root);
    return rc;
}

static void nodes_know_their_place(void **state)
{
    (void)state;
    static const char text[] = "# comment\nname: x\naxes:\n  early-exit: [none, \"verify:layer=2\"]\n";
    struct mb_yaml *root = NULL;
    struct mb_error err = {0};
    assert_int_equal(mb_yaml_parse(&root, "p.yaml", text, strlen(text), &err), MB_OK);
    assert_int_equal(root->kind, MB_YAML_MAP);
    assert_int_equal(root->n, 2);
    assert_int_equal(root->keys[1]->line, 3);
    const struct mb_yaml *list = mb_yaml_get(mb_yaml_get(root, "axes"), "early_exit");
    assert_non_null(list);
    assert_int_equal(list->kind, MB_YAML_LIST);
    assert_int_equal(list->line, 4);
    assert_int_equal(list->column, 15);
    assert_string_equal(list->items[1]->text, "verify:layer=2");
    assert_int_equal(list->items[1]->column, 22);
    assert_true(list->items[1]->quoted && !list->items[0]->quoted);
    assert_null(mb_yaml_get(root, "axis"));
    mb_yaml_fail("p.yaml", list->items[0], &err, "no %s", "good");
    assert_string_equal(err.text, "p.yaml:4:16: no good");
    mb_yaml_free(root);
}

static void faults_have_a_place(void **state)
{
    (void)state;
    static const struct { const char *text, *message; } rows[] = {
        {"", "p.yaml:1:1: the file is empty"},
        {"# only a comment\n", "p.yaml:1:1: the file is empty"},
        {"a: 1\nb: [1, 2\n", "p.yaml:3:1: not valid YAML"},
        {"a: 1\n\tb: 2\n", "p.yaml:2:"},
        {"a: 1\nb: 2\na: 3\n", "p.yaml:3:1: key 'a' is given twice; first at line 1"},
        {"x: {early-exit: 1, early_exit: 2}\n", "p.yaml:1:20: key 'early_exit' is given twice"},
        {"a: &x 1\n", "p.yaml:1:4: anchors and aliases"},
        {"a: 1\nb: *a\n", "p.yaml:2:4: anchors and aliases"},
        {"a: 1\n---\nb: 2\n", "p.yaml:2:1: a second document"},
        {"? [a, b]\n: 1\n", "p.yaml:1:3: a key must be a single word, not a list"},
        {"a: \"x\\0y\"\n", "p.yaml:1:4: a value with a NUL"},
        {"a: %%%\n", "p.yaml:1:4: not valid YAML"},
        {"a: b: c\n", "p.yaml:1:5: not valid YAML"},
    };
    struct mb_error err;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &err), MB_EINVAL);
        if (strncmp(err.text, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("row %zu gave: %s", i, err.text);
    }
    assert_int_equal(parse("a: 1\0b", 6, &err), MB_EINVAL); /* a NUL byte of the file */
    assert_int_equal(parse("a: \xff\xfe\n", 6, &err), MB_EINVAL);
    assert_non_null(strstr(err.text, "UTF-8"));
}

static void depth_and_size_are_limited(void **state)
{
    (void)state;
    struct mb_error err;
    assert_int_equal(parse("[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]", 31, &err), MB_OK);
    assert_int_equal(parse("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", 33, &err), MB_EINVAL);
    assert_non_null(strstr(err.text, "nested too deeply"));
    const size_t n = (1 << 20) + 1;
    char *large = malloc(n);
    memset(large, '[', n);
    assert_int_equal(parse(large, n - 1, &err), MB_EINVAL); /* ends at once, not after a million levels */
    assert_non_null(strstr(err.text, "nested too deeply"));
    assert_int_equal(parse(large, n, &err), MB_EINVAL);
    assert_string_equal(err.text, "p.yaml: larger than 1 MiB; this is not a plan");
    free(large);
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct mb_yaml *root = NULL;
    struct mb_error err = {0};
    assert_int_equal(mb_yaml_read(&root, "/nowhere/p.yaml", &err), MB_EINVAL);
    assert_string_equal(err.text, "/nowhere/p.yaml: No such file or directory");
    assert_int_equal(mb_yaml_read(&root, "/tmp", &err), MB_EINVAL);
    assert_string_equal(err.text, "/tmp: Is a directory");
}

/* Any single byte of a good plan changed, and any cut: a sentence or a tree, never a crash (the sanitizers watch). */
static void spoilt_files_are_survived(void **state)
{
    (void)state;
    static const char good[] = "name: x\naxes: {threads: [1, 2], quant: \"file,q8_0\"}\nworkloads:\n  - micro: {prompt: 1-8*2}\n  - chat\n";
    char text[sizeof(good)];
    struct mb_rng rng = {.state = 7};
    struct mb_error err;
    size_t n_refused = 0;
    for (size_t i = 0; i < sizeof(good) - 1; i++)
        n_refused += parse(good, i, &err) != MB_OK;
    for (int i = 0; i < 3000; i++) {
        memcpy(text, good, sizeof(good));
        text[mb_rng_below(&rng, sizeof(good) - 1)] = (char)mb_rng_next(&rng);
        n_refused += parse(text, sizeof(good) - 1, &err) != MB_OK;
    }
    assert_true(n_refused > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(faults_have_a_place),
        cmocka_unit_test(depth_and_size_are_limited),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(spoilt_files_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
