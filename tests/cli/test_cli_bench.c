/* `meltbench bench` on a small model: llama-bench's keys, one sample a repetition, every format readable by somebody else's parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_scene.h"

#define BENCH "\"$MB\" bench -m $TINY --no-warmup -t 1 "

/* Columns of llama-bench -o json of the llama.cpp that the goldens were made with, in its order. */
static const char *const llama_bench_keys[] = {
    "build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename", "model_type", "model_size", "model_n_params", "n_batch",
    "n_ubatch", "n_threads", "cpu_mask", "cpu_strict", "poll", "type_k", "type_v", "n_gpu_layers", "n_cpu_moe", "split_mode", "main_gpu",
    "no_kv_offload", "flash_attn", "devices", "tensor_split", "tensor_buft_overrides", "load_mode", "embeddings", "no_op_offload", "no_host",
    "fit_target", "fit_min_ctx", "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts"};

static json_int_t integer(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    if (!json_is_integer(v))
        fail_msg("%s is no integer", key);
    return json_integer_value(v);
}

static void json_has_llama_benchs_keys_and_every_sample(void **state)
{
    (void)state;
    enum { R = 4 };
    json_t *rows = sh_json(BENCH "-p 12 -n 6 -r %d -o json", R);
    assert_int_equal(json_array_size(rows), 2);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        void *at = json_object_iter(row);
        for (size_t k = 0; k < sizeof(llama_bench_keys) / sizeof(llama_bench_keys[0]); k++, at = json_object_iter_next(row, at))
            assert_string_equal(json_object_iter_key(at), llama_bench_keys[k]);
        assert_string_equal(json_object_iter_key(at), "backend"); /* ours come after */
        const json_t *ns = json_object_get(row, "samples_ns"), *ts = json_object_get(row, "samples_ts");
        const double n_tokens = (double)(integer(row, "n_prompt") + integer(row, "n_gen"));
        double sum_ns = 0, sum_ts = 0;
        assert_int_equal(json_array_size(ns), R);
        assert_int_equal(json_array_size(ts), R);
        for (size_t k = 0; k < R; k++) {
            const double t = (double)json_integer_value(json_array_get(ns, k));
            assert_true(t > 0);
            assert_true(fabs(json_real_value(json_array_get(ts, k)) / (n_tokens * 1e9 / t) - 1) < 1e-5);
            sum_ns += t;
            sum_ts += json_real_value(json_array_get(ts, k));
        }
        assert_in_range(integer(row, "avg_ns") + 1 - (json_int_t)(sum_ns / R), 0, 2);
        assert_true(fabs(json_real_value(json_object_get(row, "avg_ts")) / (sum_ts / R) - 1) < 1e-6);
        assert_int_equal(integer(row, "n_threads"), 1);
        assert_int_equal(strncmp(json_string_value(json_object_get(row, "test_time")), "20", 2), 0);
    }
    assert_int_equal(integer(json_array_get(rows, 0), "n_prompt"), 12);
    assert_int_equal(integer(json_array_get(rows, 0), "n_gen"), 0);
    assert_int_equal(integer(json_array_get(rows, 1), "n_prompt"), 0);
    assert_int_equal(integer(json_array_get(rows, 1), "n_gen"), 6);
    json_decref(rows);
}

/* "pp+tg@depth ..." of the rows, in order. */
static void check_tests(const char *flags, const char *expected)
{
    char got[1024] = "";
    json_t *rows = sh_json(BENCH "-r 1 -o json %s", flags), *row;
    size_t i, n = 0;
    json_array_foreach(rows, i, row)
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%d+%d@%d", i ? " " : "", (int)integer(row, "n_prompt"), (int)integer(row, "n_gen"),
                              (int)integer(row, "n_depth"));
    json_decref(rows);
    if (strcmp(got, expected) != 0)
        fail_msg("%s: %s instead of %s", flags, got, expected);
}

static void lists_ranges_pairs_and_depths(void **state)
{
    (void)state;
    check_tests("-p 4,8 -n 2", "4+0@0 8+0@0 0+2@0");
    check_tests("-p 4-12+4 -n 0", "4+0@0 8+0@0 12+0@0");
    check_tests("-p 0 -n 1-8*2", "0+1@0 0+2@0 0+4@0 0+8@0");
    check_tests("-p 0 -n 0 -pg 8,3", "8+3@0");
    check_tests("-p 4 -n 2 -pg 8,3 -d 0,16", "4+0@0 0+2@0 8+3@0 4+0@16 0+2@16 8+3@16");
    check_tests("-p 0,4 -n 0", "4+0@0");
    sh_fails(2, "nothing to test", BENCH "-p 0 -n 0");
    sh_fails(2, "-p", BENCH "-p 5-1");
    sh_fails(2, "-n|'x'", BENCH "-n x");
    sh_fails(2, "-pg|8", BENCH "-pg 8");
    sh_fails(2, "-d", BENCH "-d -3");
}

/* Command lines as llama-bench's users have them. */
static void flags_of_llama_bench_are_taken(void **state)
{
    (void)state;
    check_tests("-p 4 -p 8 -n 2,1 -n 3 -pg 8,3 -pg 4,2", "4+0@0 8+0@0 0+2@0 0+1@0 0+3@0 8+3@0 4+2@0");
    check_tests("-p 4 -n 0 -b 2048 -ub 512 -ngl 0 -fa auto -mmp 1 -lm mmap --n_gpu_layers -1 -sm layer -mg 0 -nkvo 0 -embd 0 --poll 50 --prio 0", "4+0@0");
    struct cli c = sh(BENCH "-p 4 -n 0 -r 1 -o json -ngl 99 -fa 0,1 -oe csv");
    assert_int_equal(c.code, 0);
    assert_non_null(strstr(c.err, "meltbench: --n-gpu-layers 99 has no effect here: "));
    assert_non_null(strstr(c.err, "meltbench: --flash-attn 0,1 has no effect here: "));
    assert_non_null(strstr(c.err, "\nbuild_commit,build_number,")); /* -oe */
    cli_free(&c);
    json_t *rows = sh_json("cp $TINY other.gguf; \"$MB\" bench -m $TINY -m other.gguf --no-warmup -t 1 -p 4 -n 0 -r 1 -o json");
    assert_int_equal(json_array_size(rows), 2);
    json_decref(rows);
    sh_fails(2, "embeddings", BENCH "-embd 1");
    sh_fails(2, "--hf-repo|-m FILE", BENCH "-hf user/model");
    sh_fails(2, "'xml'", BENCH "-oe xml");
    c = sh(BENCH "-p 4 -n 0 -r 1 -o none -oe jsonl");
    assert_string_equal(c.out, "");
    assert_non_null(strstr(c.err, "\"n_prompt\":4"));
    cli_free(&c);
}

static void axes_multiply(void **state)
{
    (void)state;
    json_t *rows = sh_json("\"$MB\" bench -m $TINY --no-warmup -p 4 -n 2 -r 1 -t 1,2 --quant file,q8_0 --early-exit none,verify:layer=2,draft=3 -o json"), *row;
    bool seen[2][2][2][2] = {0};
    size_t i;
    assert_int_equal(json_array_size(rows), 16);
    json_array_foreach(rows, i, row) {
        bool *cell = &seen[integer(row, "n_threads") - 1][strcmp(json_string_value(json_object_get(row, "quant")), "q8_0") == 0]
                          [strcmp(json_string_value(json_object_get(row, "early_exit")), "verify:layer=2,draft=3") == 0][integer(row, "n_gen") == 2];
        assert_false(*cell);
        *cell = true;
    }
    json_decref(rows);
}

static void every_format_can_be_read_back(void **state)
{
    (void)state;
    char *sum = sh_text(BENCH "-p 4,8 -n 2 -r 2 -o sql | sqlite3 :memory: '.read /dev/stdin' 'SELECT count(*), sum(n_prompt), sum(n_gen), min(avg_ns) > 0 FROM llama_bench'");
    assert_string_equal(sum, "3|12|2|1\n");
    free(sum);
    sum = sh_text(BENCH "-p 4,8 -n 2 -r 2 -o csv >b.csv; sqlite3 :memory: '.mode csv' '.import b.csv b' '.mode list' 'SELECT count(*), sum(n_prompt), sum(n_gen), min(avg_ns + 0) > 0 FROM b'");
    assert_string_equal(sum, "3|12|2|1\n");
    free(sum);
    char *lines = sh_text(BENCH "-p 4,8 -n 2 -r 2 -o jsonl"), *save = NULL;
    int n = 0;
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
        json_t *row = json_loads(line, 0, NULL);
        assert_int_equal(json_array_size(json_object_get(row, "samples_ns")), 2);
        json_decref(row);
    }
    assert_int_equal(n, 3);
    free(lines);
    char *md = sh_text(BENCH "-p 4 -n 2 -pg 4,2 -d 8 -r 2");
    static const char *const words[] = {"| model ", "| pp4 @ d8 |", "| tg2 @ d8 |", "| pp4+tg2 @ d8 |", " ± ", "\nbuild: "};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strstr(md, words[i]))
            fail_msg("no '%s' in:\n%s", words[i], md);
    free(md);
}

static void an_unknown_format_is_refused_before_anything_is_measured(void **state)
{
    (void)state;
    sh_fails(2, "'xml'|md, csv, json, jsonl, sql", "\"$MB\" bench -m $TINY -o xml --db never.db");
    assert_int_not_equal(access("never.db", F_OK), 0);
}

static void streams_are_kept_apart(void **state)
{
    (void)state;
    struct cli quiet = sh(BENCH "-p 4 -n 0 -r 2 -o json"), loud = sh(BENCH "-p 4 -n 0 -r 2 -o json --progress");
    assert_string_equal(quiet.err, "");
    assert_true(*loud.err);
    json_t *rows = json_loads(loud.out, 0, NULL);
    assert_non_null(rows); /* progress did not get into it */
    json_decref(rows);
    cli_free(&quiet);
    cli_free(&loud);
    struct cli part = sh("\"$MB\" bench -m $TINY --no-warmup -t 1 -p 4 -n 0 -r 1 -o json --backend cpu,opencl");
    rows = json_loads(part.out, 0, NULL);
    assert_int_equal(part.code, 0);             /* skipped is not failed */
    assert_int_equal(json_array_size(rows), 1); /* what can be measured is */
    assert_non_null(strstr(part.err, "skipped"));
    assert_non_null(strstr(part.err, "opencl"));
    json_decref(rows);
    cli_free(&part);
}

static void the_database_holds_the_same_samples(void **state)
{
    (void)state;
    char *left = sh_text("mkdir bare && cd bare && \"$MB\" bench -m ../tiny.gguf --no-warmup -t 1 -p 4 -n 0 -r 1 -o json >/dev/null && ls -A");
    assert_string_equal(left, ""); /* nothing is written unless it is named */
    free(left);
    json_t *rows = sh_json(BENCH "-p 12 -n 6 -r 3 -o json --db kept.db");
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open_v2("kept.db", &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
        "SELECT c.options ->> '$.gen', max(e.t_ns) - (SELECT t_ns FROM event b WHERE b.trial_id = t.trial_id AND b.kind = 'prefill_begin'), t.repetition"
        " FROM v_trial t JOIN cell c ON c.id = t.cell_id JOIN event e ON e.trial_id = t.trial_id"
        " WHERE t.kind = 'measured' AND t.status = 'ok' AND e.kind = iif(c.options ->> '$.gen' > 0, 'token', 'prefill_end')"
        " GROUP BY t.trial_id ORDER BY 1, 3", -1, &st, NULL), SQLITE_OK);
    int n = 0;
    for (; sqlite3_step(st) == SQLITE_ROW; n++) {
        const json_t *row = json_array_get(rows, sqlite3_column_int(st, 0) > 0);
        const json_t *sample = json_array_get(json_object_get(row, "samples_ns"), (size_t)sqlite3_column_int(st, 2));
        assert_int_equal(sqlite3_column_int64(st, 1), json_integer_value(sample));
    }
    assert_int_equal(n, 6);
    sqlite3_finalize(st);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*), sum(prefill_tps > 0), sum(decode_tps > 0) FROM v_speed", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(st, 2), 1);
    sqlite3_finalize(st);
    sqlite3_close(db);
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_llama_benchs_keys_and_every_sample),
        cmocka_unit_test(lists_ranges_pairs_and_depths),
        cmocka_unit_test(flags_of_llama_bench_are_taken),
        cmocka_unit_test(axes_multiply),
        cmocka_unit_test(every_format_can_be_read_back),
        cmocka_unit_test(an_unknown_format_is_refused_before_anything_is_measured),
        cmocka_unit_test(streams_are_kept_apart),
        cmocka_unit_test(the_database_holds_the_same_samples),
    };
    return cmocka_run_group_tests_name("bench", tests, scene_begin, scene_end);
}
