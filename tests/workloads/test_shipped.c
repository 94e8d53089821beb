/* test_shipped.c - the data that everybody gets: enough of it, no twins, right answers spread evenly, hashes as listed. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "workloads/dataset.h"
#include "workloads/textfile.h"

#define DATA MB_SOURCE_DIR "/workloads/data/"

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void assert_no_twins(const char **texts, size_t n)
{
    qsort(texts, n, sizeof(*texts), by_text);
    for (size_t i = 1; i < n; i++)
        if (strcmp(texts[i - 1], texts[i]) == 0)
            fail_msg("twice: %s", texts[i]);
}

static void test_questions(void **state)
{
    (void)state;
    struct mb_questions q;
    struct mb_error err = {0};
    const struct mb_question_source source = {MB_LAYOUT_NEUTRAL, NULL, DATA "mini.jsonl", NULL};
    if (mb_questions_read(&q, &source, 0, &err) != MB_OK)
        fail_msg("%s", err.text);
    assert_true(q.n >= 140);
    const char **contexts = calloc(q.n, sizeof(*contexts)), **ids = calloc(q.n, sizeof(*ids));
    size_t gold[4] = {0};
    for (size_t i = 0; i < q.n; i++) {
        const struct mb_question *row = &q.rows[i];
        contexts[i] = row->context;
        ids[i] = row->id;
        assert_int_equal(row->n_choices, 4);
        gold[row->gold]++;
        assert_int_equal(strncmp(row->context, "Question: ", 10), 0);
        assert_string_equal(row->context + strlen(row->context) - 8, "\nAnswer:");
        for (size_t j = 0; j < 4; j++) {
            assert_int_equal(row->choices[j].continuation[0], ' ');
            assert_int_not_equal(row->choices[j].continuation[1], ' ');
            for (size_t k = 0; k < j; k++)
                assert_string_not_equal(row->choices[j].continuation, row->choices[k].continuation);
        }
    }
    for (size_t j = 0; j < 4; j++) /* within one question of a quarter */
        assert_in_range(gold[j], q.n / 4 - 1, q.n / 4 + 2);
    assert_no_twins(contexts, q.n);
    assert_no_twins(ids, q.n);
    free(contexts);
    free(ids);
    mb_questions_release(&q);
}

static void test_conversations(void **state)
{
    (void)state;
    struct mb_dialogues d;
    struct mb_error err = {0};
    if (mb_dialogues_read(&d, DATA "conversations.json", 0, &err) != MB_OK)
        fail_msg("%s", err.text);
    assert_true(d.n >= 32);
    const char **turns = calloc(d.n * 6, sizeof(*turns));
    size_t n = 0;
    for (size_t i = 0; i < d.n; i++) {
        assert_in_range(d.rows[i].n_turns, 3, 6);
        for (size_t j = 0; j < d.rows[i].n_turns; j++)
            turns[n++] = d.rows[i].turns[j];
    }
    assert_no_twins(turns, n);
    free(turns);
    mb_dialogues_release(&d);
}

static void test_text(void **state)
{
    (void)state;
    struct mb_text text;
    struct mb_error err = {0};
    if (mb_text_read(&text, DATA "text.txt", &err) != MB_OK)
        fail_msg("%s", err.text);
    assert_true(text.n_bytes >= 20480);
    /* not one passage over and over: no line of some length comes twice */
    const char *lines[2000];
    char *copies[2000];
    struct mb_line line = {0};
    size_t at = 0, n = 0;
    while (mb_text_next_line(&text, &at, &line))
        if (line.n_bytes > 20 && n < 2000)
            lines[n] = copies[n] = strndup(line.start, line.n_bytes), n++;
    assert_true(n > 50);
    assert_no_twins(lines, n);
    for (size_t i = 0; i < n; i++)
        free(copies[i]);
    mb_text_release(&text);
}

/* SOURCES.md is what users check their copy against, and the cell hash rests on the same digest. */
static void test_hashes_as_listed(void **state)
{
    (void)state;
    static const char *const names[] = {"mini.jsonl", "conversations.json", "text.txt"};
    struct mb_text sources;
    struct mb_error err = {0};
    assert_int_equal(mb_text_read(&sources, DATA "SOURCES.md", &err), MB_OK);
    for (size_t i = 0; i < 3; i++) {
        char path[600], hex[MB_DIGEST_HEX];
        snprintf(path, sizeof(path), "%s%s", DATA, names[i]);
        assert_int_equal(mb_digest_file(path, hex, NULL, &err), MB_OK);
        char row[32];
        snprintf(row, sizeof(row), "| %s |", names[i]);
        const char *listed = strstr(sources.bytes, row);
        assert_non_null(listed);
        const char *line_end = strchr(listed, '\n'), *found = strstr(listed, hex);
        if (!found || found > line_end)
            fail_msg("SOURCES.md: sha256 of %s is now %s", names[i], hex);
    }
    mb_text_release(&sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_conversations),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_hashes_as_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
