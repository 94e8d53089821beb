/* test_trace.c - the operator trace lists every operator once, in order, with the shapes and bytes that follow from the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_model.h"

struct rows {
    struct eng_op_trace row[256];
    size_t n;
};

static void on_op(void *user, const struct eng_op_trace *t)
{
    struct rows *r = user;
    assert_true(r->n < 256);
    r->row[r->n++] = *t;
}

static void run(const struct tiny_shape *shape, struct eng_session_params p, const int32_t *ids, size_t n_first, size_t n, struct rows *rows)
{
    struct eng_model *m = tiny_model_new(shape);
    struct eng_session *s;
    struct eng_error err;
    rows->n = 0;
    p.tracer = (struct eng_tracer){on_op, rows};
    assert_int_equal(eng_session_open(&s, m, &p, &err), ENG_OK);
    if (n_first)
        assert_int_equal(eng_eval(s, ids, n_first, NULL, &err), ENG_OK);
    rows->n = 0;
    assert_int_equal(eng_eval(s, ids + n_first, n, NULL, &err), ENG_OK);
    eng_session_close(s);
    tiny_model_free(m);
}

/* d 64, 6 heads / 2 KV heads of 16 (q 96, kv 32), ff 96, vocabulary 96, 2 layers, q4_1 = 20 bytes for 32 weights. */
static const struct tiny_shape shape = {.seed = 1, .n_layers = 2, .type = ENG_TYPE_Q4_1};
static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

struct want {
    const char *op, *tensor;
    uint32_t n, k;
    uint64_t read, written; /* for 4 tokens after 3 */
};

#define F 4u /* bytes of a float */
static const struct want layer[] = {
    {"rms_norm", "attn_norm", 64, 0, 4 * 64 * F + 64 * F, 4 * 64 * F},
    {"matmul", "attn_q", 96, 64, 96 * 40 + 4 * 64 * F, 4 * 96 * F},
    {"matmul", "attn_k", 32, 64, 32 * 40 + 4 * 64 * F, 4 * 32 * F},
    {"matmul", "attn_v", 32, 64, 32 * 40 + 4 * 64 * F, 4 * 32 * F},
    {"rope", "attn_q", 96, 0, 4 * 96 * F + 4 * 16 * F, 4 * 96 * F},
    {"rope", "attn_k", 32, 0, 4 * 32 * F + 4 * 16 * F, 4 * 32 * F},
    {"store_kv", "", 64, 0, 4 * 64 * F, 4 * 64 * 2},
    {"attention", "", 7, 96, 4 * 96 * F + 7 * 64 * 2, 4 * 96 * F},
    {"matmul", "attn_output", 64, 96, 64 * 60 + 4 * 96 * F, 4 * 64 * F},
    {"add", "attn_output", 64, 0, 2 * 4 * 64 * F, 4 * 64 * F},
    {"rms_norm", "ffn_norm", 64, 0, 4 * 64 * F + 64 * F, 4 * 64 * F},
    {"matmul", "ffn_gate", 96, 64, 96 * 40 + 4 * 64 * F, 4 * 96 * F},
    {"matmul", "ffn_up", 96, 64, 96 * 40 + 4 * 64 * F, 4 * 96 * F},
    {"silu_mul", "", 96, 0, 2 * 4 * 96 * F, 4 * 96 * F},
    {"matmul", "ffn_down", 64, 96, 64 * 60 + 4 * 96 * F, 4 * 64 * F},
    {"add", "ffn_down", 64, 0, 2 * 4 * 64 * F, 4 * 64 * F},
};
#define PER_LAYER (sizeof layer / sizeof layer[0])

static void check_row(const struct eng_op_trace *t, const struct want *w, int l, uint32_t m)
{
    assert_string_equal(t->op, w->op);
    assert_string_equal(t->tensor, w->tensor);
    assert_int_equal(t->layer, l);
    assert_int_equal(t->m, m);
    assert_int_equal(t->n, w->n);
    assert_int_equal(t->k, w->k);
    assert_int_equal(t->bytes_read, w->read);
    assert_int_equal(t->bytes_written, w->written);
    assert_true(t->t_begin_ns > 0 && t->t_begin_ns <= t->t_end_ns);
    if (strcmp(t->op, "matmul") == 0)
        assert_int_equal(t->w_type, ENG_TYPE_Q4_1);
}

static void test_every_operator_with_its_shape(void **state)
{
    struct rows rows;
    (void)state;
    run(&shape, (struct eng_session_params){.n_ctx = 32}, ids, 3, 4, &rows);
    assert_int_equal(rows.n, 1 + 2 * PER_LAYER + 2);
    check_row(&rows.row[0], &(struct want){"embed", "token_embd", 64, 0, 4 * 40, 4 * 64 * F}, -1, 4);
    for (size_t i = 0; i < 2 * PER_LAYER; i++)
        check_row(&rows.row[1 + i], &layer[i % PER_LAYER], (int)(i / PER_LAYER), 4);
    /* only the last position goes through the head */
    check_row(&rows.row[rows.n - 2], &(struct want){"rms_norm", "output_norm", 64, 0, 64 * F + 64 * F, 64 * F}, -1, 1);
    check_row(&rows.row[rows.n - 1], &(struct want){"matmul", "output", 96, 64, 96 * 40 + 64 * F, 96 * F}, -1, 1);
    for (size_t i = 1; i < rows.n; i++)
        assert_true(rows.row[i - 1].t_end_ns <= rows.row[i].t_begin_ns);
    assert_int_equal(rows.row[2].a_type, ENG_TYPE_Q8_0);
}

static void test_types_follow_the_choices(void **state)
{
    struct rows rows;
    (void)state;
    run(&shape, (struct eng_session_params){.n_ctx = 32, .act = "f32", .cache_type_k = "f32"}, ids, 3, 4, &rows);
    assert_int_equal(rows.row[2].a_type, ENG_TYPE_F32);
    assert_int_equal(rows.row[7].bytes_written, 4 * 32 * (4 + 2)); /* store_kv: K f32, V f16 */
    assert_int_equal(rows.row[8].bytes_read, 4 * 96 * F + 7 * 32 * (4 + 2));
    /* biases are additions of their own */
    run(&(struct tiny_shape){.seed = 1, .n_layers = 2, .bias = true}, (struct eng_session_params){.n_ctx = 32}, ids, 3, 4, &rows);
    assert_int_equal(rows.n, 1 + 2 * (PER_LAYER + 4) + 2);
    assert_string_equal(rows.row[3].op, "add");
    assert_string_equal(rows.row[3].tensor, "attn_q");
}

/* With a window, attention reads what it sees: 2 sinks, 4 recent; 3 more queries see 3 more tokens. */
static void test_attention_under_streaming(void **state)
{
    struct rows rows;
    (void)state;
    run(&shape, (struct eng_session_params){.n_ctx = 32, .token_reduction = "streaming:sink=2,window=4"}, ids, 6, 4, &rows);
    assert_string_equal(rows.row[9].op, "attention");
    assert_int_equal(rows.row[9].n, 6);
    assert_int_equal(rows.row[9].bytes_read, 4 * 96 * F + 9 * 64 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operator_with_its_shape),
        cmocka_unit_test(test_types_follow_the_choices),
        cmocka_unit_test(test_attention_under_streaming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
