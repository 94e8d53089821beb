/* test_bench_row.c - what users' llama-bench scripts read: keys, their order, formats that parse, quoting that survives a hostile path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "harness/bench_row.h"

static const char *const llama_bench_keys[] = { /* llama-bench's JSON order */
    "build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename", "model_type", "model_size", "model_n_params",
    "n_batch", "n_ubatch", "n_threads", "cpu_mask", "cpu_strict", "poll", "type_k", "type_v", "n_gpu_layers", "n_cpu_moe", "split_mode",
    "main_gpu", "no_kv_offload", "flash_attn", "devices", "tensor_split", "tensor_buft_overrides", "load_mode", "embeddings",
    "no_op_offload", "no_host", "fit_target", "fit_min_ctx", "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns", "stddev_ns", "avg_ts",
    "stddev_ts", "samples_ns", "samples_ts"};

static json_t *make_rows(const char *path)
{
    static const double samples[] = {12140144300.0, 12308847400.0, 12225136900.0, 12154929400.0, 11909783400.0};
    static struct mb_machine machine;
    machine.build.commit = "abc123";
    machine.build.version = "0.1.0";
    machine.device.cpu = "A \"quoted\" CPU";
    struct mb_cell cell = {.model_path = path};
    const char *axis[MB_AXIS_N] = {"m", "cpu", "2", "file", "q8", "f16", "f16", "none", "none"};
    memcpy(cell.axis, axis, sizeof(axis));
    const struct mb_bench_facts facts = {.machine = &machine, .arch = "llama", .stored_type = "Q4_1", .n_params = 134515008, .weight_bytes = 96000000};
    const struct mb_bench_test test = {.cell = &cell, .n_prompt = 512, .samples_ns = samples, .n_samples = 5, .test_time = "2026-11-22T00:00:00.000Z"};
    json_t *rows = json_array();
    json_array_append_new(rows, mb_bench_row(&facts, &test));
    return rows;
}

static char *print(const char *format, const char *path)
{
    struct mb_error err = {0};
    static struct mb_machine machine;
    machine.build.commit = "abc123";
    machine.build.version = "0.1.0";
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    json_t *rows = make_rows(path);
    assert_int_equal(mb_bench_print(out, format, rows, &machine, &err), MB_OK);
    fclose(out);
    json_decref(rows);
    return text;
}

static void keys_are_llama_bench_s_in_its_order(void **state)
{
    (void)state;
    json_t *rows = make_rows("/m.gguf");
    void *iter = json_object_iter(json_array_get(rows, 0));
    for (size_t i = 0; i < sizeof(llama_bench_keys) / sizeof(llama_bench_keys[0]); i++) {
        assert_non_null(iter);
        assert_string_equal(json_object_iter_key(iter), llama_bench_keys[i]);
        iter = json_object_iter_next(json_array_get(rows, 0), iter);
    }
    json_decref(rows);
}

static void figures_follow_from_the_samples(void **state)
{
    (void)state;
    json_t *rows = make_rows("/m.gguf"), *row = json_array_get(rows, 0);
    assert_int_equal(json_integer_value(json_object_get(row, "avg_ns")), 12147768280);
    assert_int_equal(json_integer_value(json_object_get(row, "stddev_ns")), 148894758);
    assert_int_equal(json_array_size(json_object_get(row, "samples_ns")), 5);
    /* python: sum(512e9 / x for x in samples) / 5: the mean of the rates, not the rate of the mean */
    const double mean = json_real_value(json_object_get(row, "avg_ts"));
    assert_true(mean > 42.152768074741 - 1e-9 && mean < 42.152768074741 + 1e-9);
    assert_string_equal(json_string_value(json_object_get(row, "model_type")), "llama 135M Q4_1");
    json_decref(rows);
}

static void json_and_jsonl_parse_back(void **state)
{
    (void)state;
    json_error_t e;
    char *text = print("json", "/a \"b\"/m.gguf");
    json_t *back = json_loads(text, 0, &e);
    assert_true(json_is_array(back));
    assert_string_equal(json_string_value(json_object_get(json_array_get(back, 0), "model_filename")), "/a \"b\"/m.gguf");
    json_decref(back);
    free(text);
    text = print("jsonl", "/m.gguf");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    back = json_loads(text, 0, &e);
    assert_true(json_is_object(back));
    json_decref(back);
    free(text);
}

static void csv_quotes_every_value(void **state)
{
    (void)state;
    char *text = print("csv", "/a,\"b\"/m.gguf");
    assert_non_null(strstr(text, "build_commit,build_number,cpu_info"));
    assert_non_null(strstr(text, "\"/a,\"\"b\"\"/m.gguf\""));
    assert_null(strstr(text, "samples_ns")); /* as llama-bench: arrays are JSON's */
    free(text);
}

static void sql_runs_with_a_quote_in_the_path(void **state)
{
    (void)state;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    char *text = print("sql", "/it's/m.gguf"), *message = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s\n%s", message, text);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT model_filename, n_prompt FROM llama_bench", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "/it's/m.gguf");
    assert_int_equal(sqlite3_column_int(stmt, 1), 512);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    free(text);
}

static void md_has_the_table_and_the_build(void **state)
{
    (void)state;
    char *text = print("md", "/m.gguf");
    assert_non_null(strstr(text, "| llama 135M Q4_1 | 91.55 MiB | 134.52 M | CPU | 2 | pp512 | 42."));
    assert_non_null(strstr(text, "build: abc123"));
    assert_null(strstr(text, "early_exit")); /* never off its default: not a column */
    free(text);
}

static void unknown_format_is_said(void **state)
{
    (void)state;
    struct mb_error err = {0};
    assert_int_equal(mb_bench_check_format("xml", &err), MB_EINVAL);
    assert_non_null(strstr(err.text, "jsonl"));
    assert_int_equal(mb_bench_check_format("", &err), MB_EINVAL);
    assert_int_equal(mb_bench_check_format("csv", &err), MB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_llama_bench_s_in_its_order), cmocka_unit_test(figures_follow_from_the_samples),
        cmocka_unit_test(json_and_jsonl_parse_back),           cmocka_unit_test(csv_quotes_every_value),
        cmocka_unit_test(sql_runs_with_a_quote_in_the_path),   cmocka_unit_test(md_has_the_table_and_the_build),
        cmocka_unit_test(unknown_format_is_said),
    };
    return cmocka_run_group_tests_name("bench_row", tests, NULL, NULL);
}
