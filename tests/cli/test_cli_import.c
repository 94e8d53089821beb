/* `meltbench import` and the view llama_bench: what `bench` prints comes back in every format, a result is there once, and the query of llama.cpp's
 * compare-llama-bench.py runs. Formats and damage in detail: tests/harness/test_bench_import.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_scene.h"

#define BENCH "\"$MB\" bench -m $TINY --no-warmup -t 1 -p 12 -n 6 -pg 4,3 -d 0,8 -r 3 "

static void prints(const char *expected, const char *script)
{
    char *text = sh_text("%s", script);
    if (strcmp(text, expected) != 0)
        fail_msg("%s: '%s' instead of '%s'", script, text, expected);
    free(text);
}

/* The rows of the view over a run are those that bench printed of it. */
static void the_view_is_what_bench_prints(void **state)
{
    (void)state;
    json_t *printed = sh_json(BENCH "-o json --db view.db"), *viewed = sh_json("sqlite3 -json view.db 'SELECT * FROM llama_bench ORDER BY cell_id'"), *row;
    size_t i, n_columns = 0;
    assert_int_equal(json_array_size(printed), 6);
    assert_int_equal(json_array_size(viewed), 6);
    json_array_foreach(printed, i, row) {
        const json_t *v = json_array_get(viewed, i);
        void *at = json_object_iter((json_t *)(uintptr_t)v);
        const char *key;
        json_t *value;
        n_columns = 0;
        json_object_foreach(row, key, value) {
            const json_t *w = json_object_get(v, key);
            if (n_columns++ < 40) { /* llama-bench's own: in its order */
                assert_string_equal(json_object_iter_key(at), key);
                at = json_object_iter_next((json_t *)(uintptr_t)v, at);
            }
            if (strcmp(key, "model_filename") == 0)
                assert_string_equal(json_string_value(w), "tiny.gguf"); /* the name: equal wherever the file lies */
            else if (json_is_boolean(value))
                assert_int_equal(json_integer_value(w), json_is_true(value));
            else if (json_is_real(value))
                assert_true(fabs(json_number_value(w) / json_real_value(value) - 1) < 1e-6 || fabs(json_number_value(w) - json_real_value(value)) < 1e-6);
            else if (strcmp(key, "samples_ns") == 0) {
                json_t *list = json_loads(json_string_value(w), 0, NULL);
                assert_true(json_equal(list, value));
                json_decref(list);
            } else if (!json_is_array(value) && !json_equal(w, value))
                fail_msg("%s differs", key);
        }
    }
    assert_true(n_columns > 42);
    json_decref(printed);
    json_decref(viewed);
    prints("run\n", "sqlite3 view.db 'SELECT DISTINCT provenance FROM llama_bench'");
}

static void every_output_of_bench_comes_back(void **state)
{
    (void)state;
    static const char *const formats[] = {"json", "jsonl", "csv", "sql"};
    for (size_t i = 0; i < 4; i++) {
        char expected[120];
        free(sh_text(BENCH "-o %s >b.%s", formats[i], formats[i]));
        char *said = sh_text("\"$MB\" import b.%s --db %s.db", formats[i], formats[i]);
        snprintf(expected, sizeof(expected), "b.%s: %s, 6 of 6 results imported\n", formats[i], formats[i]);
        assert_string_equal(said, expected);
        free(said);
        char *rows = sh_text("sqlite3 %s.db \"SELECT count(*), sum(n_prompt), sum(n_gen), sum(n_depth), min(avg_ts) > 0, min(stddev_ns) > 0, min(provenance), max(source),"
                             " count(samples_ns) FROM llama_bench\"", formats[i]);
        snprintf(expected, sizeof(expected), "6|32|18|24|1|1|imported|b.%s|%d\n", formats[i], i < 2 ? 6 : 0);
        assert_string_equal(rows, expected);
        free(rows);
    }
    prints("b.sqlite: sqlite, 6 of 6 results imported\n", "sqlite3 b.sqlite <b.sql; \"$MB\" import b.sqlite --db sqlite.db");
    prints("b.sqlite: sqlite, 0 of 6 results imported, 6 were there already\n", "\"$MB\" import b.sqlite --db sql.db"); /* of b.sql */
}

static void a_result_is_kept_once(void **state)
{
    (void)state;
    free(sh_text(BENCH "-o json >once.json && \"$MB\" import once.json --db once.db"));
    prints("once.json: json, 0 of 6 results imported, 6 were there already\n", "\"$MB\" import once.json --db once.db");
    prints("copy.json: json, 0 of 6 results imported, 6 were there already\n", "cp once.json copy.json; echo >>copy.json; \"$MB\" import copy.json --db once.db");
    prints("1|6\n", "sqlite3 once.db 'SELECT count(DISTINCT import_file_id), count(*) FROM import_row'");
    prints("1\n", "sqlite3 once.db \"SELECT sha256 = '$(sha256sum once.json | cut -d' ' -f1)' FROM import_file\"");
}

static void the_deviation_of_24951_is_put_right(void **state)
{
    (void)state;
    struct cli c = sh("echo '[{\"n_prompt\": 512, \"n_gen\": 0, \"avg_ns\": 12147768280, \"stddev_ns\": 3722529745, \"avg_ts\": 42.15, \"stddev_ts\": 0.52, \"use_mmap\": true,"
                      " \"samples_ns\": [12140144300, 12308847400, 12225136900, 12154929400, 11909783400]}]' >w.json; \"$MB\" import w.json --db w.db");
    assert_int_equal(c.code, 0);
    assert_non_null(strstr(c.err, "w.json:1: stddev_ns 3722529745 is not that of samples_ns: recomputed, 148894758"));
    cli_free(&c);
    prints("12147768280|148894758|mmap|3722529745\n", "sqlite3 w.db \"SELECT avg_ns, stddev_ns, load_mode, (SELECT record ->> '$.stddev_ns' FROM import_row) FROM llama_bench\"");
}

/* The query of compare-llama-bench.py (llama.cpp of 2026): its keys, its join, its averages. It wants a table, which one line makes of the view. */
static void the_query_of_the_compare_script_runs(void **state)
{
    (void)state;
    free(sh_text(BENCH "-o json --db s.db >/dev/null; sqlite3 -readonly s.db .schema >/dev/null; sqlite3 llama-bench.sqlite \"ATTACH 's.db' AS m\" \"CREATE TABLE llama_bench AS SELECT * FROM m.llama_bench\""));
    static const char *const keys[] = {
        "cpu_info", "gpu_info", "backends", "n_gpu_layers", "n_cpu_moe", "tensor_buft_overrides", "model_filename", "model_type", "n_batch", "n_ubatch",
        "embeddings", "cpu_mask", "cpu_strict", "poll", "n_threads", "type_k", "type_v", "load_mode", "no_kv_offload", "split_mode", "main_gpu",
        "tensor_split", "flash_attn", "n_prompt", "n_gen", "n_depth", "fit_target", "fit_min_ctx"};
    char query[3000] = "sqlite3 llama-bench.sqlite 'SELECT tb.n_prompt, tb.n_gen, tb.n_depth, AVG(tb.avg_ts) / AVG(tc.avg_ts) FROM llama_bench tb JOIN llama_bench tc ON tb.build_commit = tc.build_commit";
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        snprintf(query + strlen(query), sizeof(query) - strlen(query), " AND tb.%s = tc.%s", keys[i], keys[i]);
    strcat(query, " GROUP BY tb.model_type, tb.n_gen, tb.n_prompt, tb.n_depth ORDER BY tb.model_type, tb.n_gen, tb.n_prompt, tb.n_depth'");
    prints("12|0|0|1.0\n12|0|8|1.0\n4|3|0|1.0\n4|3|8|1.0\n0|6|0|1.0\n0|6|8|1.0\n", query); /* every key is known: NULL would drop the row */
}

static void a_damaged_file_gives_its_whole_rows_and_a_line(void **state)
{
    (void)state;
    free(sh_text(BENCH "-o jsonl >d.jsonl"));
    struct cli c = sh("head -c -20 d.jsonl >e.jsonl; \"$MB\" import e.jsonl --db e.db");
    assert_int_equal(c.code, 1);
    assert_string_equal(c.out, "e.jsonl: jsonl, 5 of 6 results imported, 1 damaged\n");
    assert_non_null(strstr(c.err, "meltbench: e.jsonl:6: "));
    cli_free(&c);
    c = sh("\"$MB\" import none.json d.jsonl --db e.db"); /* one bad file does not keep the others out */
    assert_int_equal(c.code, 1);
    assert_string_equal(c.out, "d.jsonl: jsonl, 1 of 6 results imported, 5 were there already\n");
    assert_non_null(strstr(c.err, "none.json"));
    cli_free(&c);
    sh_fails(1, "rounded", BENCH "-o md >t.md; \"$MB\" import t.md --db e.db");
    sh_fails(1, "not text", "\"$MB\" import $TINY --db e.db");
    sh_fails(2, "needs FILE", "\"$MB\" import --db e.db");
    sh_fails(1, "not a database", "\"$MB\" import d.jsonl --db $TINY");
    assert_int_not_equal(access("meltbench.db", F_OK), 0);
}

static void the_report_shows_them_apart(void **state)
{
    (void)state;
    free(sh_text(BENCH "-o json --db r.db >r.json; sed -i 's/\"cpu_info\": \"[^\"]*\"/\"cpu_info\": \"Other CPU\"/' r.json; \"$MB\" import r.json --db r.db; \"$MB\" report r.db -o out"));
    prints("yes\n", "grep -q 'Imported results' out/index.html && grep -q 'Other CPU' out/index.html && echo yes");
}

/* Energy of a run from a recording; files and clocks in detail: tests/harness/test_meter_file.c. */
static void a_recording_of_a_meter_is_summed_up_and_imported(void **state)
{
    (void)state;
    prints("w.csv: 3 readings from 0.000 to 2.000 s, 20 J, 10 W on average, 0 damaged lines\n",
           "printf 'Time(ms),Main(mA),Main Voltage(V)\\n0,2000,5\\n1000,2000,5\\n2000,2000,5\\n' >w.csv; \"$MB\" import-meter w.csv");
    struct cli c = sh("printf 'Time(s),Power(W)\\n0,1\\n1,one\\n2,1\\n' >d.csv; \"$MB\" import-meter d.csv");
    assert_int_equal(c.code, 1); /* the rest is taken */
    assert_non_null(strstr(c.err, "d.csv:3: not a number"));
    assert_non_null(strstr(c.out, "2 J, 1 W on average, 1 damaged lines"));
    cli_free(&c);
    sh_fails(2, "--run needs --start and --clock-error", "\"$MB\" import-meter w.csv --run 1");
    sh_fails(2, "is no UTC time like", "\"$MB\" import-meter w.csv --run 1 --start today --clock-error 1");
    sh_fails(1, "no heading with a time", "echo 1,2 >n.csv; \"$MB\" import-meter n.csv");
    free(sh_text("\"$MB\" bench -m null:token_us=2000 --no-warmup -t 1 -p 0 -n 100 -r 1 -o json --db meter.db"));
    prints("1.4|meter_file\n", "awk 'BEGIN { print \"Time(ms),Power(W)\"; for (i = -2000; i < 9000; i++) print i \",7\" }' >m.csv;"
           "\"$MB\" import-meter m.csv --db meter.db --run 1 --clock-error 0.001 --start \"$(sqlite3 meter.db 'SELECT started_utc FROM trial')\" >/dev/null;"
           "sqlite3 meter.db \"SELECT round(gross_uj / 1e6, 1), source FROM v_cell_energy WHERE scope = ''\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_view_is_what_bench_prints),
        cmocka_unit_test(every_output_of_bench_comes_back),
        cmocka_unit_test(a_result_is_kept_once),
        cmocka_unit_test(the_deviation_of_24951_is_put_right),
        cmocka_unit_test(the_query_of_the_compare_script_runs),
        cmocka_unit_test(a_damaged_file_gives_its_whole_rows_and_a_line),
        cmocka_unit_test(the_report_shows_them_apart),
        cmocka_unit_test(a_recording_of_a_meter_is_summed_up_and_imported),
    };
    return cmocka_run_group_tests_name("import", tests, scene_begin, scene_end);
}
