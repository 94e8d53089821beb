/* test_sequence.c - several sequences in a session: mixed batches have the bits of each sequence alone, forks share and diverge, pages
 * come back, and what does not fit changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/session.h"
#include "tiny_model.h"

#define N_SEQ 4
#define N 200 /* most tokens of a sequence: three pages and a bit */

static const struct tiny_shape shape = {.seed = 11, .n_heads = 6, .n_heads_kv = 2, .d_head = 32, .n_layers = 2};

static struct eng_session *open_session(struct eng_model *m, struct eng_session_params p)
{
    struct eng_session *s;
    struct eng_error err;
    if (eng_session_open(&s, m, &p, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return s;
}

static uint32_t draw(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % n;
}

/* What a sequence should hold, and the session that says what it computes: every check evaluates it again, alone. */
struct model_of {
    struct eng_model *m;
    struct eng_session *s, *alone;
    int32_t ids[N_SEQ][N];
    uint32_t n[N_SEQ];
    float *want, *got;
    size_t v;
};

static void open_both(struct model_of *t, const char *cache)
{
    *t = (struct model_of){.m = tiny_model_new(&shape)};
    t->v = t->m->hp.n_vocab;
    t->s = open_session(t->m, (struct eng_session_params){.n_ctx = 4 * N, .n_seq = N_SEQ, .n_threads = 2, .cache_type_k = cache, .cache_type_v = cache});
    t->alone = open_session(t->m, (struct eng_session_params){.n_ctx = 4 * N, .cache_type_k = cache, .cache_type_v = cache});
    t->want = malloc(16 * t->v * sizeof *t->want);
    t->got = malloc(16 * t->v * sizeof *t->got);
}

static void close_both(struct model_of *t)
{
    eng_session_close(t->s);
    eng_session_close(t->alone);
    free(t->want);
    free(t->got);
    tiny_model_free(t->m);
}

/* Append n[seq] new tokens to each sequence in one batch; every token's logits are those of the sequence alone. */
static void append(struct model_of *t, const uint32_t n[N_SEQ], uint32_t *random)
{
    struct eng_batch_token batch[16];
    struct eng_error err;
    size_t n_all = 0, row = 0;
    for (uint32_t q = 0; q < N_SEQ; q++)
        for (uint32_t i = 0; i < n[q]; i++) {
            const int32_t id = (int32_t)draw(random, (uint32_t)t->v);
            t->ids[q][t->n[q] + i] = id;
            batch[n_all++] = (struct eng_batch_token){.id = id, .seq = q, .want_logits = true};
        }
    if (n_all == 0)
        return;
    assert_int_equal(eng_eval_batch(t->s, batch, n_all, t->got, &err), ENG_OK);
    for (uint32_t q = 0; q < N_SEQ; q++) {
        if (n[q] == 0)
            continue;
        eng_session_reset(t->alone);
        for (uint32_t i = 0; i < t->n[q]; i += 16) /* up to 16: any batch has the same bits */
            assert_int_equal(eng_eval(t->alone, t->ids[q] + i, t->n[q] - i < 16 ? t->n[q] - i : 16, NULL, &err), ENG_OK);
        assert_int_equal(eng_eval(t->alone, t->ids[q] + t->n[q], n[q], t->want, &err), ENG_OK);
        assert_memory_equal(t->want, t->got + row * t->v, n[q] * t->v * sizeof *t->want);
        row += n[q];
        t->n[q] += n[q];
    }
}

static void test_mixed_batches_have_the_bits_of_each_sequence_alone(void **state)
{
    static const char *const caches[] = {"f32", "f16", "q8_0", "q4_0"};
    (void)state;
    for (size_t c = 0; c < 4; c++) {
        struct model_of t;
        uint32_t random = 5;
        open_both(&t, caches[c]);
        for (int i = 0; i < 10; i++)
            append(&t, (const uint32_t[N_SEQ]){1, 5, 0, 7}, &random);
        append(&t, (const uint32_t[N_SEQ]){4, 4, 4, 4}, &random);
        close_both(&t);
    }
}

/* Random appends, forks, rewinds and resets against plain evaluation; lengths that cross and stop within pages. */
static void test_forks_and_rewinds_are_plain_sequences(void **state)
{
    struct model_of t;
    struct eng_error err;
    uint32_t random = 77;
    (void)state;
    open_both(&t, "f16");
    for (int step = 0; step < 160; step++) {
        const uint32_t what = draw(&random, 8), from = draw(&random, N_SEQ), to = draw(&random, N_SEQ);
        const uint32_t n_keep = t.n[from] > 0 ? draw(&random, t.n[from] + 1) : 0;
        if (what < 5) {
            uint32_t n[N_SEQ], left = 16;
            for (uint32_t q = 0; q < N_SEQ; q++) {
                n[q] = draw(&random, left / 2 + 1);
                n[q] = t.n[q] + n[q] > N ? 0 : n[q];
                left -= n[q];
            }
            append(&t, n, &random);
        } else if (what == 5) {
            assert_int_equal(eng_seq_rewind(t.s, from, n_keep, &err), ENG_OK);
            t.n[from] = n_keep;
        } else if (what == 6 || step % 16 != 0) {
            assert_int_equal(eng_seq_fork(t.s, from, to, n_keep, &err), ENG_OK);
            memcpy(t.ids[to], t.ids[from], n_keep * sizeof t.ids[0][0] * (from != to));
            t.n[to] = n_keep;
        } else {
            eng_seq_reset(t.s, to);
            t.n[to] = 0;
        }
        for (uint32_t q = 0; q < N_SEQ; q++)
            assert_int_equal(eng_seq_length(t.s, q), t.n[q]);
    }
    append(&t, (const uint32_t[N_SEQ]){t.n[0] < N, t.n[1] < N, t.n[2] < N, t.n[3] < N}, &random);
    eng_session_reset(t.s);
    assert_int_equal(t.s->seq.n_free, t.s->seq.n_pages); /* no page was lost */
    close_both(&t);
}

/* A shared prefix costs its pages once; the page that a fork writes into becomes its own; 0 is always possible. */
static void test_pages_are_shared_until_written(void **state)
{
    struct eng_model *m = tiny_model_new(&shape);
    struct eng_session *s = open_session(m, (struct eng_session_params){.n_ctx = 256, .n_seq = 3});
    struct eng_error err;
    int32_t ids[200];
    (void)state;
    tiny_tokens(m->hp.n_vocab, 1, ids, 200);
    assert_int_equal(s->seq.n_pages, 4 + 2);
    assert_int_equal(eng_eval(s, ids, 100, NULL, &err), ENG_OK);
    assert_int_equal(s->seq.n_free, 4);
    assert_int_equal(eng_seq_fork(s, 0, 1, 100, &err), ENG_OK);
    assert_int_equal(eng_seq_fork(s, 0, 2, 64, &err), ENG_OK);
    assert_int_equal(s->seq.n_free, 4);
    const struct eng_batch_token one = {.id = 1, .seq = 1}, two = {.id = 1, .seq = 2};
    assert_int_equal(eng_eval_batch(s, &one, 1, NULL, &err), ENG_OK);
    assert_int_equal(s->seq.n_free, 3); /* copied: token 100 goes into a page that sequence 0 holds too */
    assert_int_equal(eng_eval_batch(s, &two, 1, NULL, &err), ENG_OK);
    assert_int_equal(s->seq.n_free, 2); /* a new one: 64 tokens end with their page */
    eng_seq_reset(s, 0);
    assert_int_equal(s->seq.n_free, 3); /* the first page is still shared by two, the second was sequence 0's alone */
    assert_int_equal(eng_seq_rewind(s, 1, 0, &err), ENG_OK);
    assert_int_equal(eng_seq_rewind(s, 2, 0, &err), ENG_OK);
    assert_int_equal(s->seq.n_free, 6);
    eng_session_close(s);
    tiny_model_free(m);
}

static void test_what_does_not_fit_changes_nothing(void **state)
{
    struct eng_model *m = tiny_model_new(&shape);
    struct eng_session *s = open_session(m, (struct eng_session_params){.n_ctx = 128, .n_seq = 2});
    struct eng_batch_token batch[130];
    struct eng_error err;
    int32_t ids[130];
    (void)state;
    tiny_tokens(m->hp.n_vocab, 2, ids, 130);
    for (int i = 0; i < 130; i++)
        batch[i] = (struct eng_batch_token){.id = ids[i], .seq = 1};
    assert_int_equal(eng_eval(s, ids, 70, NULL, &err), ENG_OK);
    const uint32_t n_free = s->seq.n_free;
    assert_int_equal(eng_eval_batch(s, batch, 129, NULL, &err), ENG_ELIMIT); /* more than n_ctx */
    assert_int_equal(eng_eval_batch(s, batch, 65, NULL, &err), ENG_ELIMIT);  /* three pages, two are taken */
    assert_non_null(strstr(err.text, "pages"));
    assert_int_equal(s->seq.n_free, n_free);
    assert_int_equal(eng_seq_length(s, 1), 0);
    assert_int_equal(eng_eval_batch(s, batch, 64, NULL, &err), ENG_OK);
    batch[1].seq = 2;
    assert_int_equal(eng_eval_batch(s, batch, 2, NULL, &err), ENG_EINVAL);
    batch[1] = (struct eng_batch_token){.id = 1, .seq = 0};
    assert_int_equal(eng_eval_batch(s, batch, 3, NULL, &err), ENG_EINVAL); /* 1, 0, 1: not together */
    batch[0].id = -1;
    assert_int_equal(eng_eval_batch(s, batch, 1, NULL, &err), ENG_EINVAL);
    assert_int_equal(eng_eval_batch(s, batch, 0, NULL, &err), ENG_EINVAL);
    assert_int_equal(eng_seq_fork(s, 0, 2, 1, &err), ENG_EINVAL);
    assert_int_equal(eng_seq_fork(s, 0, 1, 71, &err), ENG_EINVAL);
    assert_int_equal(eng_seq_rewind(s, 0, 71, &err), ENG_EINVAL);
    assert_int_equal(eng_seq_length(s, 0), 70);
    assert_int_equal(eng_seq_length(s, 1), 64);
    assert_int_equal(eng_seq_length(s, 9), 0);
    eng_seq_reset(s, 9);
    eng_session_close(s);
    assert_int_equal(eng_session_open(&s, m, &(struct eng_session_params){.n_seq = 100000}, &err), ENG_EINVAL);
    tiny_model_free(m);
}

/* A ring that has dropped tokens forks as a whole, and both go on by themselves. */
static void test_streaming_forks_whole(void **state)
{
    struct eng_model *m = tiny_model_new(&shape);
    const size_t v = m->hp.n_vocab;
    const struct eng_session_params p = {.n_ctx = 400, .n_seq = 2, .token_reduction = "streaming:sink=4,window=60"};
    struct eng_session *s = open_session(m, p), *alone = open_session(m, p);
    struct eng_error err;
    int32_t ids[150];
    float *want = malloc(20 * v * sizeof *want), *got = malloc(20 * v * sizeof *got);
    struct eng_batch_token batch[20];
    (void)state;
    tiny_tokens(m->hp.n_vocab, 3, ids, 150);
    assert_int_equal(eng_eval(s, ids, 120, NULL, &err), ENG_OK);
    assert_int_equal(eng_seq_fork(s, 0, 1, 100, &err), ENG_ENOTSUP);
    assert_int_equal(eng_seq_fork(s, 0, 1, 120, &err), ENG_OK);
    assert_int_equal(eng_eval(s, ids, 30, NULL, &err), ENG_OK); /* sequence 0 goes elsewhere */
    for (int i = 0; i < 16; i++)
        batch[i] = (struct eng_batch_token){.id = ids[120 + i], .seq = 1, .want_logits = true};
    assert_int_equal(eng_eval_batch(s, batch, 16, got, &err), ENG_OK);
    assert_int_equal(eng_eval(alone, ids, 120, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(alone, ids + 120, 16, want, &err), ENG_OK);
    assert_memory_equal(want, got, 16 * v * sizeof *want);
    free(want);
    free(got);
    eng_session_close(s);
    eng_session_close(alone);
    tiny_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_batches_have_the_bits_of_each_sequence_alone),
        cmocka_unit_test(test_forks_and_rewinds_are_plain_sequences),
        cmocka_unit_test(test_pages_are_shared_until_written),
        cmocka_unit_test(test_what_does_not_fit_changes_nothing),
        cmocka_unit_test(test_streaming_forks_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
