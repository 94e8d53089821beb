/*
 * test_contract.c - what every workload promises (workload.h), walked over the registry with a runner that answers anything:
 * rows that can be a plan key and a line of the manual, the same requests every time, bounds that hold, clean release.
 */
#include "scratch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "workloads/dataset.h"

static const struct mb_workload_ops *row(size_t i)
{
    size_t n;
    const struct mb_workload_ops *const *all = mb_workloads(&n);
    return i < n ? all[i] : NULL;
}

/* The default cell; options without a default get a small value. */
static void default_cell(struct mb_cell *cell, const struct mb_workload_ops *w)
{
    cell_make(cell, w->name, "");
    for (const struct mb_workload_option *o = w->options; o->key; o++)
        if (!o->def)
            json_object_set_new((json_t *)(uintptr_t)cell->options, o->key,
                                o->kind == MB_OPTION_INTEGER ? json_integer(o->min) : json_string("a text"));
}

static bool is_name(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

static void test_rows(void **state)
{
    (void)state;
    const struct mb_workload_ops *w;
    for (size_t i = 0; (w = row(i)); i++) {
        assert_int_equal(w->abi, MB_WORKLOAD_ABI);
        assert_true(is_name(w->name));
        assert_ptr_equal(mb_workload_find(w->name), w); /* unique: the first of a name is this one */
        assert_true(strlen(w->summary) > 10 && !strchr(w->summary, '\n'));
        assert_true(w->files && w->open && w->begin && w->next && w->score && w->end && w->close);
        bool repetitions = false;
        for (const struct mb_workload_option *o = w->options; o->key; o++) {
            assert_true(is_name(o->key));
            assert_non_null(o->help);
            for (const struct mb_workload_option *p = w->options; p != o; p++)
                assert_string_not_equal(p->key, o->key);
            if (o->kind == MB_OPTION_INTEGER) {
                assert_true(o->min <= o->max);
                char *end = NULL;
                const long long def = o->def ? strtoll(o->def, &end, 10) : o->min;
                assert_true(def >= o->min && def <= o->max && (!o->def || *end == '\0'));
            } else {
                assert_false(o->sweep);
            }
            repetitions |= strcmp(o->key, "repetitions") == 0;
        }
        assert_true(repetitions);
    }
    assert_true(row(3) != NULL);
    assert_null(mb_workload_find("no_such_workload"));
}

struct tally {
    uint32_t n_requests, n_ctx_seen;
    struct mb_strbuf script; /* every request as text */
    struct mb_record record;
};

static void answer(const struct mb_request *rq, const struct mb_workload_need *need, struct mb_result *rs, char *text)
{
    memset(text, 'x', need->max_text_bytes);
    text[need->max_text_bytes - 1] = '\0';
    *rs = (struct mb_result){.n_prompt = rq->n_prompt ? rq->n_prompt : 7,
                             .n_gen = rq->max_gen,
                             .text = text,
                             .cap_text = need->max_text_bytes,
                             .n_scored = rq->kind == MB_REQUEST_GENERATE ? 0 : 3,
                             .log_likelihood = -1.5 - 0.25 * (rq->index % 5)};
}

static void note_request(struct tally *t, const struct mb_request *rq, const struct mb_workload_need *need, uint32_t *in_cache)
{
    const char *text = rq->text ? rq->text : "", *context = rq->context ? rq->context : "",
               *continuation = rq->continuation ? rq->continuation : "";
    assert_int_equal(rq->index, t->n_requests++);
    assert_true(rq->item && *rq->item);
    assert_true(rq->max_gen <= need->max_gen);
    assert_true(rq->top_p >= 0.0f && rq->temperature >= 0.0f);
    if (rq->fresh)
        *in_cache = 0;
    else
        assert_true(rq->index > 0);
    if (rq->kind == MB_REQUEST_SCORE) {
        assert_true(*continuation && !isspace((unsigned char)context[*context ? strlen(context) - 1 : 0]));
        *in_cache += (uint32_t)(strlen(context) + strlen(continuation));
    } else if (rq->kind == MB_REQUEST_PERPLEXITY) {
        *in_cache += rq->n_chunk;
    } else if (rq->kind == MB_REQUEST_IDLE) {
        assert_true(rq->duration_ns > 0);
    } else {
        assert_true(*text);
        *in_cache += rq->n_depth + (rq->n_prompt ? rq->n_prompt : (uint32_t)strlen(text)) + rq->max_gen;
    }
    t->n_ctx_seen = *in_cache > t->n_ctx_seen ? *in_cache : t->n_ctx_seen;
    mb_strbuf_printf(&t->script, "%d %u %s %d %zu %s %s %u %u %d %u %d %g %g %u %llu %u %u\n", (int)rq->kind, rq->index, rq->item, rq->fresh,
                     strlen(text), context, continuation, rq->n_prompt, rq->n_depth, rq->chat, rq->max_gen, rq->ignore_eos,
                     (double)rq->temperature, (double)rq->top_p, rq->top_k, (unsigned long long)rq->seed, rq->n_skip, rq->n_chunk);
}

static void run_trial(const struct mb_workload_ops *w, void *st, const struct mb_workload_need *need, uint32_t repetition, struct tally *t)
{
    struct mb_error err = {0};
    struct mb_request rq;
    uint32_t in_cache = 0;
    char *text = malloc(need->max_text_bytes);
    assert_non_null(text);
    *t = (struct tally){0};
    w->begin(st, repetition);
    int rc;
    while ((rc = w->next(st, &rq, &err)) == 1) {
        struct mb_result rs;
        note_request(t, &rq, need, &in_cache);
        answer(&rq, need, &rs, text);
        assert_int_equal(w->score(st, &rq, &rs, &t->record, &err), MB_OK);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(w->next(st, &rq, &err), 0); /* stays at the end */
    assert_int_equal(w->end(st, &t->record, &err), MB_OK);
    free(text);
}

static void release_tally(struct tally *t)
{
    mb_strbuf_release(&t->script);
    mb_record_release(&t->record);
}

static void check_same(const struct tally *a, const struct tally *b)
{
    assert_string_equal(mb_strbuf_text(&a->script), mb_strbuf_text(&b->script));
    assert_int_equal(a->record.n_metrics, b->record.n_metrics);
    assert_int_equal(a->record.n_answers, b->record.n_answers);
}

/* Two instances, run in turn and repeatedly: nothing is shared and nothing is left over. */
static void test_same_requests_every_time(void **state)
{
    (void)state;
    const struct mb_workload_ops *w;
    for (size_t i = 0; (w = row(i)); i++) {
        struct mb_cell cell;
        struct mb_error err = {0};
        default_cell(&cell, w);
        void *st[2] = {calloc(1, w->state_size), calloc(1, w->state_size)};
        struct mb_workload_need need[2];
        struct tally t[3];
        for (int k = 0; k < 2; k++)
            if (w->open(st[k], &cell, &need[k], &err) != MB_OK)
                fail_msg("%s: %s", w->name, err.text);
        assert_memory_equal(&need[0], &need[1], sizeof(need[0]));
        assert_true(need[0].n_requests > 0 && need[0].n_ctx > 0 && need[0].max_text_bytes > 0);
        run_trial(w, st[0], &need[0], 0, &t[0]);
        run_trial(w, st[1], &need[1], 0, &t[1]);
        w->close(st[1]);
        run_trial(w, st[0], &need[0], 1, &t[2]);
        check_same(&t[0], &t[1]);
        check_same(&t[0], &t[2]);
        assert_true(t[0].n_requests <= need[0].n_requests);
        assert_true(t[0].n_requests == need[0].n_requests || strcmp(w->name, "perplexity") == 0);
        assert_true(t[0].n_ctx_seen <= need[0].n_ctx);
        w->close(st[0]);
        for (int k = 0; k < 2; k++) {
            w->close(st[k]); /* once more does no harm */
            free(st[k]);
        }
        for (int k = 0; k < 3; k++)
            release_tally(&t[k]);
        cell_release(&cell);
    }
}

static void test_files_exist(void **state)
{
    (void)state;
    const struct mb_workload_ops *w;
    for (size_t i = 0; (w = row(i)); i++) {
        struct mb_cell cell;
        struct mb_error err = {0};
        default_cell(&cell, w);
        char **paths = NULL;
        size_t n = 0;
        assert_int_equal(w->files(&cell, &paths, &n, &err), MB_OK);
        for (size_t k = 0; k < n; k++) {
            FILE *f = fopen(paths[k], "rb");
            assert_non_null(f);
            fclose(f);
            free(paths[k]);
        }
        free(paths);
        cell_release(&cell);
    }
}

static void test_close_of_nothing(void **state)
{
    (void)state;
    const struct mb_workload_ops *w;
    for (size_t i = 0; (w = row(i)); i++) {
        void *st = calloc(1, w->state_size);
        assert_non_null(st);
        w->close(st);
        free(st);
    }
}

/* An integer out of its row's range, of the wrong kind, and missing data: a sentence that names the workload's key or the file. */
static void test_bad_options_are_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *workload, *options, *words;
        int code;
    } cases[] = {
        {"micro", "{\"prompt\":-1}", "micro: prompt must be from 0 to 131072, not -1", MB_EINVAL},
        {"micro", "{\"prompt\":200000}", "micro: prompt must be from 0 to 131072", MB_EINVAL},
        {"micro", "{\"prompt\":\"many\"}", "micro: prompt must be one whole number", MB_EINVAL},
        {"micro", "{\"gen\":[1,2]}", "micro: gen must be one whole number", MB_EINVAL},
        {"micro", "{\"prompt\":0,\"gen\":0}", "nothing to do", MB_EINVAL},
        {"chat", "{\"temperature\":\"hot\"}", "chat: temperature must be a number from 0 to 100, not 'hot'", MB_EINVAL},
        {"chat", "{\"temperature\":\"nan\"}", "chat: temperature must be a number", MB_EINVAL},
        {"chat", "{\"top_p\":1.5}", "chat: top_p must be a number from 0 to 1", MB_EINVAL},
        {"chat", "{\"max_gen\":0}", "chat: max_gen", MB_EINVAL},
        {"chat", "{\"file\":\"absent.json\"}", "data file absent.json is neither among the shipped ones", MB_ENOENT},
        {"chat", "{\"file\":\"/absent/x.json\"}", "/absent/x.json", MB_ENOENT},
        {"chat", "{\"file\":7}", "chat: file must be a text", MB_EINVAL},
        {"chat", "{\"conversations\":1000}", "1000 were asked for", MB_EINVAL},
        {"accuracy", "{\"tasks\":[]}", "accuracy: tasks must be a list", MB_EINVAL},
        {"accuracy", "{\"tasks\":[\"mini\",3]}", "accuracy: tasks must be a list", MB_EINVAL},
        {"accuracy", "{\"tasks\":[\"arc_esay\"]}", "did you mean \"arc_easy\"?", MB_EINVAL},
        {"accuracy", "{\"tasks\":[\"mini\",\"mini\"]}", "task mini is listed twice", MB_EINVAL},
        {"accuracy", "{\"tasks\":[\"piqa\"]}", "--data DIR or MELTBENCH_DATA", MB_ENOENT},
        {"accuracy", "{\"tasks\":[\"mine.jsonl\"]}", "data file mine.jsonl", MB_ENOENT},
        {"perplexity", "{\"ctx\":1}", "perplexity: ctx must be from 8", MB_EINVAL},
        {"perplexity", "{\"file\":\"\"}", "perplexity: file must be a text", MB_EINVAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mb_workload_ops *w = mb_workload_find(cases[i].workload);
        struct mb_cell cell;
        struct mb_error err = {0};
        struct mb_workload_need need;
        cell_make(&cell, w->name, cases[i].options);
        void *st = calloc(1, w->state_size);
        const int rc = w->open(st, &cell, &need, &err);
        if (rc != cases[i].code || !strstr(err.text, cases[i].words))
            fail_msg("%s %s: %d \"%s\"", cases[i].workload, cases[i].options, rc, err.text);
        w->close(st);
        free(st);
        cell_release(&cell);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_same_requests_every_time),
        cmocka_unit_test(test_files_exist),
        cmocka_unit_test(test_close_of_nothing),
        cmocka_unit_test(test_bad_options_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
