/* test_dataset.c - question and conversation files: the three layouts, and every fault in one sentence with file and line. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/dataset.h"

#define ARC_1 "{\"id\":\"a\",\"question\":{\"stem\":\"Q?\",\"choices\":[{\"text\":\"one\",\"label\":\"1\"},{\"text\":\"two\",\"label\":\"2\"}]},\"answerKey\":\"2\"}\n"
#define NEUTRAL_1 "{\"id\":\"n1\",\"ctx\":\"C\",\"cont\":[\" \xc3\xa9t\xc3\xa9\",\"bb\"],\"gold\":1,\"kind\":\"ignored\"}\n"

static int read_text(enum mb_question_layout layout, const char *content, const char *labels, size_t limit, struct mb_questions *out,
                     struct mb_error *err)
{
    struct scratch s;
    scratch_make(&s);
    char path[600], labels_path[600];
    snprintf(path, sizeof(path), "%s", scratch_text(&s, "q.jsonl", content));
    snprintf(labels_path, sizeof(labels_path), "%s", scratch_text(&s, "q.lst", labels ? labels : "x"));
    const struct mb_question_source source = {layout, "Question: %s\nAnswer:", path, labels_path};
    const int rc = mb_questions_read(out, &source, limit, err);
    scratch_remove(&s);
    return rc;
}

static void expect_fault(enum mb_question_layout layout, const char *content, const char *labels, const char *words)
{
    struct mb_questions q;
    struct mb_error err = {0};
    assert_int_equal(read_text(layout, content, labels, 0, &q, &err), MB_EFORMAT);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_null(strchr(err.text, '\n'));
    assert_null(q.rows);
    assert_int_equal(q.n, 0);
}

static void test_arc(void **state)
{
    (void)state;
    struct mb_questions q;
    struct mb_error err = {0};
    assert_int_equal(read_text(MB_LAYOUT_ARC, ARC_1 "\n" ARC_1, NULL, 0, &q, &err), MB_OK); /* a blank line is no question */
    assert_int_equal(q.n, 2);
    assert_string_equal(q.rows[0].id, "a");
    assert_string_equal(q.rows[0].context, "Question: Q?\nAnswer:");
    assert_string_equal(q.rows[0].choices[1].continuation, " two");
    assert_string_equal(q.rows[0].choices[1].label, "2");
    assert_int_equal(q.rows[0].choices[1].n_chars, 3);
    assert_int_equal(q.rows[0].gold, 1);
    mb_questions_release(&q);
}

static void test_neutral(void **state)
{
    (void)state;
    struct mb_questions q;
    struct mb_error err = {0};
    assert_int_equal(read_text(MB_LAYOUT_NEUTRAL,
                               NEUTRAL_1 "{\"id\":\"n2\",\"ctx\":[\"x\",\"y\"],\"cont\":[\" same\",\" same\"],\"gold\":0,\"labels\":[\"L\",\"R\"]}", NULL,
                               0, &q, &err),
                     MB_OK);
    assert_int_equal(q.n, 2);
    assert_int_equal(q.rows[0].choices[0].n_chars, 3); /* code points, delimiter not counted */
    assert_string_equal(q.rows[0].choices[1].continuation, "bb");
    assert_int_equal(q.rows[0].choices[1].n_chars, 2);
    assert_string_equal(q.rows[0].choices[1].label, "B");
    assert_null(q.rows[1].context);
    assert_string_equal(q.rows[1].choices[1].context, "y");
    assert_string_equal(q.rows[1].choices[1].label, "R");
    mb_questions_release(&q);
}

static void test_piqa(void **state)
{
    (void)state;
    static const char two[] = "{\"goal\":\"G\",\"sol1\":\"s\",\"sol2\":\"t\"}\n{\"goal\":\"H\",\"sol1\":\"u\",\"sol2\":\"v\"}\n";
    struct mb_questions q;
    struct mb_error err = {0};
    assert_int_equal(read_text(MB_LAYOUT_PIQA, two, "0\n1\n", 0, &q, &err), MB_OK);
    assert_string_equal(q.rows[1].id, "piqa_valid_1");
    assert_string_equal(q.rows[1].context, "Question: H\nAnswer:");
    assert_int_equal(q.rows[0].gold, 0);
    assert_int_equal(q.rows[1].gold, 1);
    assert_string_equal(q.rows[1].choices[1].label, "sol2");
    mb_questions_release(&q);
    expect_fault(MB_LAYOUT_PIQA, two, "0\n", "q.lst:1: 1 labels for the 2 questions");
    expect_fault(MB_LAYOUT_PIQA, two, "0\n1\n1\n", "q.lst:3: 3 labels for the 2 questions");
    expect_fault(MB_LAYOUT_PIQA, two, "0\nB\n", "q.lst:2: a label must be 0 or 1");
    expect_fault(MB_LAYOUT_PIQA, "{\"goal\":\"G\",\"sol1\":\"s\"}", "0\n", "q.jsonl:1: \"sol2\"");
    expect_fault(MB_LAYOUT_PIQA, "{\"sol1\":\"G\",\"sol2\":\"s\"}", "0\n", "q.jsonl:1: \"goal\"");
}

/* A subset must not depend on what comes after it, but the count of labels is that of the whole file. */
static void test_limit_is_the_first_n(void **state)
{
    (void)state;
    struct mb_questions q;
    struct mb_error err = {0};
    assert_int_equal(read_text(MB_LAYOUT_NEUTRAL, NEUTRAL_1 "{broken", NULL, 1, &q, &err), MB_OK);
    assert_int_equal(q.n, 1);
    mb_questions_release(&q);
    assert_int_equal(read_text(MB_LAYOUT_NEUTRAL, NEUTRAL_1, NULL, 1000, &q, &err), MB_OK); /* more than there are: all */
    assert_int_equal(q.n, 1);
    mb_questions_release(&q);
    assert_int_equal(read_text(MB_LAYOUT_PIQA, "{\"goal\":\"G\",\"sol1\":\"s\",\"sol2\":\"t\"}\n{\"goal\":\"H\",\"sol1\":\"u\",\"sol2\":\"v\"}",
                               "1\n0", 1, &q, &err),
                     MB_OK);
    assert_int_equal(q.rows[0].gold, 1);
    mb_questions_release(&q);
}

static void test_faults_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        enum mb_question_layout layout;
        const char *content, *words;
    } cases[] = {
        {MB_LAYOUT_ARC, ARC_1 "{\"id\":", "q.jsonl:2: not JSON"},
        {MB_LAYOUT_ARC, ARC_1 ARC_1 "[1]", "q.jsonl:3: not a JSON object"},
        {MB_LAYOUT_ARC, "{\"id\":\"a\"}", "q.jsonl:1: \"question.stem\""},
        {MB_LAYOUT_ARC, "{\"id\":7,\"question\":{\"stem\":\"Q\"}}", "\"id\" is missing or not a text"},
        {MB_LAYOUT_ARC, "{\"id\":\"a\",\"question\":{\"stem\":\"Q\",\"choices\":{}},\"answerKey\":\"A\"}", "\"question.choices\""},
        {MB_LAYOUT_ARC, "{\"id\":\"a\",\"question\":{\"stem\":\"Q\",\"choices\":[1,2]},\"answerKey\":\"A\"}", "\"text\" and \"label\""},
        {MB_LAYOUT_ARC, "{\"id\":\"a\",\"question\":{\"stem\":\"Q\",\"choices\":[]},\"answerKey\":\"A\"}", "0 choices"},
        {MB_LAYOUT_ARC, "{\"id\":\"a\",\"question\":{\"stem\":\"Q\",\"choices\":[{\"text\":\"t\",\"label\":\"A\"},{\"text\":\"u\",\"label\":\"B\"}]}}", "\"answerKey\""},
        {MB_LAYOUT_ARC, "{\"id\":\"a\",\"question\":{\"stem\":\"Q\",\"choices\":[{\"text\":\"t\",\"label\":\"A\"},{\"text\":\"u\",\"label\":\"B\"}]},\"answerKey\":\"C\"}", "label of no choice"},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":\"c\",\"cont\":[\" x\",\" y\"],\"gold\":2}", "\"gold\" must be the index of the right choice, 0 to 1"},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":\"c\",\"cont\":[\" x\",\" y\"],\"gold\":-1}", "\"gold\""},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":\"c\",\"cont\":[\" x\",\" y\"]}", "\"gold\""},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":[\"c\"],\"cont\":[\" x\",\" y\"],\"gold\":0}", "\"ctx\""},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":[1,2],\"cont\":[\" x\",\" y\"],\"gold\":0}", "\"ctx\""},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"cont\":[\" x\",\" y\"],\"gold\":0}", "\"ctx\""},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":\"c\",\"cont\":[\" x\"],\"gold\":0}", "1 choices"},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":\"c\",\"cont\":[\" x\",\" \"],\"gold\":0}", "not blank"},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":\"c\",\"cont\":[\" x\",\" y\"],\"gold\":0,\"labels\":[\"A\"]}", "\"labels\""},
        {MB_LAYOUT_NEUTRAL, "{\"id\":\"a\",\"ctx\":\"c\\u0000d\",\"cont\":[\" x\",\" y\"],\"gold\":0}", "not JSON"},
        {MB_LAYOUT_NEUTRAL, "\n\n\xff", "q.jsonl:3: byte 1 of the line is not valid UTF-8"},
        {MB_LAYOUT_NEUTRAL, "\n", "q.jsonl:1: the file is empty"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_fault(cases[i].layout, cases[i].content, NULL, cases[i].words);
}

static void test_huge_line(void **state)
{
    (void)state;
    const size_t n = (1u << 20) + 10;
    char *huge = malloc(n + 1);
    assert_non_null(huge);
    memset(huge, ' ', n);
    huge[n - 1] = 'x'; /* not blank */
    huge[n] = '\0';
    expect_fault(MB_LAYOUT_NEUTRAL, huge, NULL, "q.jsonl:1: the line has 1048586 bytes; at most 1 MiB");
    free(huge);
}

/* Nesting that would overflow the parser's stack has to come back as a sentence. */
static void test_deep_nesting(void **state)
{
    (void)state;
    char *deep = malloc(100001);
    assert_non_null(deep);
    memset(deep, '[', 100000);
    deep[100000] = '\0';
    expect_fault(MB_LAYOUT_NEUTRAL, deep, NULL, "q.jsonl:1: not JSON");
    free(deep);
}

static int read_dialogues(const char *content, size_t limit, struct mb_dialogues *out, struct mb_error *err)
{
    struct scratch s;
    scratch_make(&s);
    const int rc = mb_dialogues_read(out, scratch_text(&s, "c.json", content), limit, err);
    scratch_remove(&s);
    return rc;
}

static void test_dialogues(void **state)
{
    (void)state;
    struct mb_dialogues d;
    struct mb_error err = {0};
    assert_int_equal(read_dialogues("[[\"a\",\"b\"],[\"c\"]]", 0, &d, &err), MB_OK);
    assert_int_equal(d.n, 2);
    assert_int_equal(d.rows[0].n_turns, 2);
    assert_string_equal(d.rows[0].turns[1], "b");
    assert_string_equal(d.rows[1].turns[0], "c");
    mb_dialogues_release(&d);
    static const struct {
        const char *content, *words;
        size_t limit;
        int code;
    } cases[] = {
        {"[[\"a\"],\n[\"b\"", "c.json:2: not JSON", 0, MB_EFORMAT},
        {"{}", "c.json: not a list of conversations", 0, MB_EFORMAT},
        {"[]", "not a list of conversations", 0, MB_EFORMAT},
        {"[\"a\"]", "conversation 1 is not a list", 0, MB_EFORMAT},
        {"[[\"a\"],[]]", "conversation 2 is not a list", 0, MB_EFORMAT},
        {"[[\"a\"],[\"b\",3]]", "conversation 2, turn 2", 0, MB_EFORMAT},
        {"[[\"a\"],[\" \"]]", "conversation 2, turn 1", 0, MB_EFORMAT},
        {"[[\"a\"],[\"b\"]]", "has 2 conversations, 3 were asked for", 3, MB_EINVAL},
        {"[[\"a\xff\"]]", "c.json:1: byte 5 of the line is not valid UTF-8", 0, MB_EFORMAT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_dialogues(cases[i].content, cases[i].limit, &d, &err), cases[i].code);
        if (!strstr(err.text, cases[i].words))
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].words);
        assert_null(d.rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arc),
        cmocka_unit_test(test_neutral),
        cmocka_unit_test(test_piqa),
        cmocka_unit_test(test_limit_is_the_first_n),
        cmocka_unit_test(test_faults_name_file_and_line),
        cmocka_unit_test(test_huge_line),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_dialogues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
