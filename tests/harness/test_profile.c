/* Sums of the operator trace: what is added comes out, operations and bounds follow the formulas, the trace file is JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/profile.h"
#include "harness/trace_json.h"

static struct eng_op_trace matmul(const char *tensor, uint32_t m, uint32_t n, uint32_t k, uint64_t begin_ns, uint64_t ns)
{
    return (struct eng_op_trace){.op = "matmul", .tensor = tensor, .m = m, .n = n, .k = k, .w_type = ENG_TYPE_Q4_1, .a_type = ENG_TYPE_Q8_0,
                                 .y_type = ENG_TYPE_F32, .bytes_read = 1000, .bytes_written = 24, .t_begin_ns = begin_ns, .t_end_ns = begin_ns + ns};
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.17g is not %.17g", value, expected);
}

static void equal_calls_share_a_row(void **state)
{
    (void)state;
    struct mb_profile *p = mb_profile_new();
    for (int i = 0; i < 3; i++) {
        const struct eng_op_trace q = matmul("attn_q", 4, 64, 32, 100, 10), down = matmul("ffn_down", 4, 64, 32, 200, 50);
        mb_profile_add(p, MB_PROFILE_PREFILL, &q);
        mb_profile_add(p, MB_PROFILE_DECODE, &q);
        mb_profile_add(p, MB_PROFILE_DECODE, &down);
    }
    const struct eng_op_trace wide = matmul("attn_q", 5, 64, 32, 100, 7);
    mb_profile_add(p, MB_PROFILE_PREFILL, &wide);
    /* 2 * 4 * 64 * 32 = 16384 operations a call: 1024 ns at 16e9 a second; 1024 bytes a call: 2048 ns at 0.5e9 */
    const struct mb_profile_limits limits = {.read_bytes_per_s = 0.5e9, .f32_per_s = 1, .int8_per_s = 16e9};
    mb_profile_finish(p, &limits);
    assert_int_equal(p->n_rows, 4);
    assert_string_equal(p->rows[0].tensor, "attn_q"); /* prefill first, most time first */
    assert_int_equal(p->rows[0].m, 4);
    assert_int_equal(p->rows[1].m, 5);
    assert_string_equal(p->rows[2].tensor, "ffn_down");
    assert_int_equal(p->rows[2].calls, 3);
    assert_int_equal(p->rows[2].total_ns, 150);
    near(p->rows[2].flop, 3 * 16384.0);
    near(p->rows[2].n_bytes, 3 * 1024.0);
    near(p->rows[2].bound_ns, 3 * 2048.0);
    assert_int_equal(mb_profile_traced_ns(p, MB_PROFILE_PREFILL), 37);
    assert_int_equal(mb_profile_traced_ns(p, MB_PROFILE_DECODE), 180);
    free(p);
}

static void operations_follow_the_formulas(void **state)
{
    (void)state;
    struct eng_op_trace t = matmul("", 3, 5, 7, 0, 1);
    near(mb_profile_flop(&t), 2 * 3 * 5 * 7);
    t = (struct eng_op_trace){.op = "attention", .m = 3, .n = 10, .k = 64};
    near(mb_profile_flop(&t), 4.0 * 64 * (8 + 9 + 10)); /* each query sees itself and all before it */
    t.op = "rms_norm";
    assert_true(mb_profile_flop(&t) == 0);
}

static void attention_of_any_depth_is_one_row_and_floats_have_the_float_limit(void **state)
{
    (void)state;
    struct mb_profile *p = mb_profile_new();
    for (uint32_t n = 1; n <= 50; n++) {
        const struct eng_op_trace t = {.op = "attention", .tensor = "", .m = 1, .n = n, .k = 2, .a_type = ENG_TYPE_F32, .bytes_read = n, .t_end_ns = 1};
        mb_profile_add(p, MB_PROFILE_DECODE, &t);
    }
    const struct mb_profile_limits limits = {.read_bytes_per_s = 1e18, .f32_per_s = 1e9, .int8_per_s = 1e18};
    mb_profile_finish(p, &limits);
    assert_int_equal(p->n_rows, 1);
    assert_int_equal(p->rows[0].calls, 50);
    near(p->rows[0].bound_ns, 4.0 * 2 * 50 * 51 / 2);
    free(p);
}

static void more_shapes_than_rows_are_counted_not_lost_silently(void **state)
{
    (void)state;
    struct mb_profile *p = mb_profile_new();
    for (uint32_t n = 1; n <= MB_PROFILE_MAX_ROWS + 5; n++) {
        const struct eng_op_trace t = matmul("x", 1, n, 1, 0, 2);
        mb_profile_add(p, MB_PROFILE_DECODE, &t);
    }
    mb_profile_finish(p, NULL);
    assert_int_equal(p->n_rows, MB_PROFILE_MAX_ROWS);
    assert_int_equal(p->n_lost, 5);
    assert_int_equal(p->lost_ns, 10);
    assert_true(isnan(p->rows[0].bound_ns));
    free(p);
}

static void the_trace_is_json_with_microseconds(void **state)
{
    (void)state;
    char path[] = "/tmp/mb-trace-XXXXXX";
    close(mkstemp(path));
    struct mb_trace_json t;
    struct mb_error err = {0};
    assert_int_equal(mb_trace_json_open(&t, path, &err), MB_OK);
    const uint64_t zero = 1u << 30;
    for (int call = 0; call < 2; call++) {
        for (uint64_t i = 0; i < 3; i++) {
            const struct eng_op_trace row = matmul("attn_q", 1, 2, 3, zero + 1500 + 1000000u * (uint64_t)call + 2000 * i, 1234);
            mb_trace_json_add(&t, &row);
        }
        mb_trace_json_flush(&t, "decode", zero + 1000000u * (uint64_t)call, zero + 1000000u * (uint64_t)call + 9000);
    }
    assert_int_equal(t.n_written, 6);
    assert_int_equal(mb_trace_json_close(&t, &err), MB_OK);
    json_error_t why;
    json_t *rows = json_load_file(path, 0, &why), *row;
    unlink(path);
    if (!rows)
        fail_msg("%s", why.text);
    size_t i, n_complete = 0;
    json_array_foreach(rows, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "ph")), "X") != 0)
            continue;
        assert_true(json_number_value(json_object_get(row, "dur")) > 0);
        if (n_complete++ == 1) { /* the first operator of the first call */
            assert_string_equal(json_string_value(json_object_get(row, "name")), "matmul attn_q");
            near(json_number_value(json_object_get(row, "ts")), 1.5);
            near(json_number_value(json_object_get(row, "dur")), 1.234);
        }
    }
    assert_int_equal(n_complete, 8);
    json_decref(rows);
    assert_int_equal(mb_trace_json_open(&t, "/nowhere/trace.json", &err), MB_EIO);
    assert_non_null(strstr(err.text, "/nowhere/trace.json"));
    assert_int_equal(mb_trace_json_close(&t, &err), MB_OK);
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(mb_trace_json_open(&t, "/dev/full", &err), MB_OK);
        assert_int_equal(mb_trace_json_close(&t, &err), MB_EIO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_calls_share_a_row),
        cmocka_unit_test(operations_follow_the_formulas),
        cmocka_unit_test(attention_of_any_depth_is_one_row_and_floats_have_the_float_limit),
        cmocka_unit_test(more_shapes_than_rows_are_counted_not_lost_silently),
        cmocka_unit_test(the_trace_is_json_with_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
