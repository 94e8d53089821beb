/*
 * test_bench_import.c - llama-bench's files of several years, whole and damaged. The fixtures are written here after what its printers write
 * (llama-bench.cpp: json_printer, csv_printer, sql_printer), with columns left out or renamed as older versions had them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/bench_import.h"

#define HEAD "\"build_commit\": \"8f2e38c\", \"cpu_info\": \"Pi 5\", \"model_type\": \"llama 1B Q4_0\", \"n_threads\": 4, "
#define TAIL "\"n_prompt\": 512, \"n_gen\": 0, \"test_time\": \"2025-02-01T10:00:00Z\", \"avg_ns\": 12147768280, \"avg_ts\": 42.152768, \"stddev_ts\": 0.52"
#define SAMPLES "\"samples_ns\": [ 12140144300, 12308847400, 12225136900, 12154929400, 11909783400 ]" /* llama.cpp #24951 */

static struct mb_bench_import in;
static struct mb_error err;

static int read_bytes(const void *bytes, size_t n)
{
    char path[] = "/tmp/mb-import-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    const int rc = mb_bench_import_read(&in, path, &err);
    unlink(path);
    return rc;
}

static int read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static json_t *record(size_t i)
{
    assert_true(i < in.n);
    json_t *r = json_loads(in.rows[i].record_json, 0, NULL);
    assert_non_null(r);
    return r;
}

static void counts(const char *format, size_t n, size_t n_faults)
{
    assert_string_equal(in.format, format);
    if (in.n_faults != n_faults)
        fail_msg("%zu faults, the first: %s", in.n_faults, in.faults[0].text);
    assert_int_equal(in.n, n);
}

static void fault_is(size_t i, int64_t line, const char *words)
{
    assert_int_equal(in.faults[i].line, line);
    if (!strstr(in.faults[i].text, words))
        fail_msg("'%s' is not in '%s'", words, in.faults[i].text);
}

static void the_wrapped_deviation_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(read_text("[\n  {" HEAD TAIL ", \"stddev_ns\": 3722529745, " SAMPLES "},\n  {" HEAD TAIL ", \"stddev_ns\": 148894758, " SAMPLES "}\n]\n"), MB_OK);
    counts("json", 2, 0);
    assert_int_equal(in.n_flawed, 1);
    assert_non_null(strstr(in.rows[0].flaw, "3722529745"));
    assert_non_null(strstr(in.rows[0].flaw, "recomputed, 148894758"));
    assert_null(in.rows[1].flaw);
    assert_string_equal(in.rows[0].identity, in.rows[1].identity); /* one result */
    mb_bench_import_release(&in);
    /* Without samples only the contradiction can be seen. 0.0123 of the rate, 0.306 and 0.0123 of the time. */
    assert_int_equal(read_text("{" HEAD TAIL ", \"stddev_ns\": 3722529745}\n{" HEAD TAIL ", \"stddev_ns\": 148894758}\n"), MB_OK);
    counts("jsonl", 2, 0);
    assert_non_null(strstr(in.rows[0].flaw, "cannot be recomputed"));
    assert_null(in.rows[1].flaw);
    mb_bench_import_release(&in);
}

/*
 * One run of the real llama-bench (llama.cpp of the llama-cpp-python 0.3.36 sdist; its build number and commit are made up) with -o json -oe sql: on a
 * file with a quote in its name, each repetition long enough for the wrap. numpy: std([5155454326, 5326039785, 3178952176, 2546304160, 2048876515],
 * ddof=1) = 1506579132.50; it printed 4013083445.
 */
static void a_real_run_in_two_formats_is_one_result(void **state)
{
    (void)state;
    char identity[MB_DIGEST_HEX];
    assert_int_equal(mb_bench_import_read(&in, MB_SOURCE_DIR "/tests/harness/llama_bench_wrap.json", &err), MB_OK);
    counts("json", 1, 0);
    assert_non_null(strstr(in.rows[0].flaw, "stddev_ns 4013083445 is not that of samples_ns: recomputed, 1506579133"));
    memcpy(identity, in.rows[0].identity, sizeof(identity));
    mb_bench_import_release(&in);
    assert_int_equal(mb_bench_import_read(&in, MB_SOURCE_DIR "/tests/harness/llama_bench_wrap.sql", &err), MB_OK);
    counts("sql", 1, 0);
    assert_string_equal(in.rows[0].identity, identity);
    assert_null(in.rows[0].flaw); /* the rates scatter by 41 %: without samples nothing can be told */
    json_t *r = record(0);
    assert_string_equal(json_string_value(json_object_get(r, "model_filename")), "it's q4_1.gguf");
    assert_string_equal(json_string_value(json_object_get(r, "lazy_mode")), "auto");
    json_decref(r);
    mb_bench_import_release(&in);
    assert_int_equal(read_text("warning: something\nINSERT INTO llama_bench (n_prompt, n_gen, avg_ns, avg_ts) VALUES ('1', '0', '10', '1');\n"), MB_OK);
    counts("sql", 1, 0);
    mb_bench_import_release(&in);
}

static void columns_of_several_years(void **state)
{
    (void)state;
    assert_int_equal(read_text("{" HEAD TAIL ", \"flash_attn\": true, \"use_mmap\": true, \"f16_kv\": true, \"cuda\": false, \"embeddings\": false}\n"
                               "{" HEAD TAIL ", \"flash_attn\": -1, \"load_mode\": \"dio\", \"lazy_mode\": \"off\", \"repack\": true, \"n_depth\": null}\n"), MB_OK);
    counts("jsonl", 2, 0);
    json_t *old = record(0), *new = record(1);
    assert_int_equal(json_integer_value(json_object_get(old, "flash_attn")), 1);
    assert_int_equal(json_integer_value(json_object_get(old, "use_mmap")), 1);
    assert_true(json_is_integer(json_object_get(old, "embeddings")));
    assert_int_equal(json_integer_value(json_object_get(old, "f16_kv")), 1); /* not ours, kept */
    assert_null(json_object_get(old, "load_mode"));                          /* unknown, not a default */
    assert_int_equal(json_integer_value(json_object_get(new, "flash_attn")), -1);
    assert_string_equal(json_string_value(json_object_get(new, "load_mode")), "dio");
    assert_null(json_object_get(new, "n_depth"));
    json_decref(old);
    json_decref(new);
    mb_bench_import_release(&in);
}

static void csv_with_quotes_line_ends_and_a_second_header(void **state)
{
    (void)state;
    assert_int_equal(read_text("\xef\xbb\xbf" "build_commit,model_filename,n_prompt,n_gen,avg_ns,avg_ts\r\n"
                               "\"8f2e38c\",\"a \"\"b\"\", c\nd.gguf\",\"512\",\"0\",\"1000000000\",\"512.000000\"\r\n"
                               "8f2e38c,m.gguf,0,128,2000000000,64.0\n\n"
                               "build_commit,n_prompt,n_gen,avg_ns,avg_ts,model_filename\n"
                               "\"9\",\"1\",\"2\",\"3\",\"4\",\"\"\n"), MB_OK);
    counts("csv", 3, 0);
    json_t *r = record(0), *third = record(2);
    assert_string_equal(json_string_value(json_object_get(r, "model_filename")), "a \"b\", c\nd.gguf");
    assert_int_equal(json_integer_value(json_object_get(r, "n_prompt")), 512);
    assert_true(json_is_real(json_object_get(r, "avg_ts")));
    assert_int_equal(in.rows[0].line, 2);
    assert_int_equal(in.rows[1].line, 4);
    assert_int_equal(json_integer_value(json_object_get(third, "n_gen")), 2);
    json_decref(r);
    json_decref(third);
    mb_bench_import_release(&in);
}

/* As sql_printer writes it, with a path whose quote it does not double; and as sqlite3 .dump does, values without names, some bare. */
static void sql_is_parsed_also_with_a_quote_in_the_path(void **state)
{
    (void)state;
    static const char create[] = "CREATE TABLE IF NOT EXISTS llama_bench (\n  build_commit TEXT,\n  gpu_info TEXT,\n  model_filename TEXT,\n  n_prompt INTEGER,\n"
                                 "  n_gen INTEGER,\n  avg_ns INTEGER,\n  avg_ts REAL\n);\n\n";
    char text[2000];
    snprintf(text, sizeof(text), "%s%s%s%s%s", create,
             "INSERT INTO llama_bench (build_commit, gpu_info, model_filename, n_prompt, n_gen, avg_ns, avg_ts) VALUES ('8f2e38c', '', '/it's, a (m).gguf', '512', '0', '1000', '5.5');\n",
             "INSERT INTO \"llama_bench\" VALUES('a','it''s','m',512,0,2000,5.5),('b',NULL,'m',0,1,3000,1e-3);\n",
             "DROP TABLE llama_bench; PRAGMA writable_schema = 1;\nCOMMIT;\n", create);
    assert_int_equal(read_text(text), MB_OK);
    counts("sql", 3, 0);
    json_t *first = record(0), *second = record(1), *third = record(2);
    assert_string_equal(json_string_value(json_object_get(first, "model_filename")), "/it's, a (m).gguf");
    assert_string_equal(json_string_value(json_object_get(first, "gpu_info")), "");
    assert_string_equal(json_string_value(json_object_get(second, "gpu_info")), "it's");
    assert_null(json_object_get(third, "gpu_info"));
    assert_int_equal(json_integer_value(json_object_get(third, "avg_ns")), 3000);
    json_decref(first);
    json_decref(second);
    json_decref(third);
    mb_bench_import_release(&in);
}

static void a_cut_file_gives_its_whole_records(void **state)
{
    (void)state;
    assert_int_equal(read_text("[\n  {" HEAD TAIL "},\n  {" HEAD "\n    \"n_prompt\": 5"), MB_OK); /* killed llama-bench */
    counts("json", 1, 1);
    fault_is(0, 3, "noticed in line 4");
    mb_bench_import_release(&in);
    assert_int_equal(read_text("[\n  {" HEAD TAIL "}\n"), MB_OK);
    counts("json", 1, 1);
    fault_is(0, 3, "does not end");
    mb_bench_import_release(&in);
    assert_int_equal(read_text("{" HEAD TAIL "}\n{\"n_prompt\": \n{" HEAD TAIL "}\n"), MB_OK); /* the next line is whole */
    counts("jsonl", 2, 1);
    fault_is(0, 2, "");
    mb_bench_import_release(&in);
    assert_int_equal(read_text("n_prompt,n_gen,avg_ns,avg_ts\n1,0,1000\n\"1,0,1000,1\n1,0,1000,1\n"), MB_OK);
    counts("csv", 1, 2);
    fault_is(0, 2, "3 values for 4 columns");
    fault_is(1, 3, "a quote does not end");
    mb_bench_import_release(&in);
    assert_int_equal(read_text("INSERT INTO llama_bench (n_prompt, n_gen, avg_ns, avg_ts) VALUES ('1', '0', '10\n"
                               "INSERT INTO llama_bench (n_prompt, n_gen, avg_ns, avg_ts) VALUES ('1', '0', '10', '1');\n"
                               "INSERT INTO secrets (n_prompt) VALUES ('1');\n"
                               "INSERT INTO llama_bench (n_prompt) VALUES ('1', '2');\n"), MB_OK); /* a value too many */
    counts("sql", 1, 3);
    fault_is(0, 1, "llama_bench");
    fault_is(1, 3, "secrets");
    mb_bench_import_release(&in);
}

static void records_that_make_no_sense(void **state)
{
    (void)state;
    static const struct { const char *text, *words; } rows[] = {
        {"[{\"a\": 1}]", "no n_prompt"},
        {"[{\"n_prompt\": 1, \"n_gen\": 0, \"avg_ns\": 1}]", "no avg_ts"},
        {"[{\"n_prompt\": 0, \"n_gen\": 0, \"avg_ns\": 1, \"avg_ts\": 1}]", "0 + 0 tokens"},
        {"[{\"n_prompt\": -1, \"n_gen\": 0, \"avg_ns\": 1, \"avg_ts\": 1}]", "-1 + 0 tokens"},
        {"[{\"n_prompt\": \"many\", \"n_gen\": 0, \"avg_ns\": 1, \"avg_ts\": 1}]", "n_prompt: \"many\""},
        {"[{\"n_prompt\": 1.5, \"n_gen\": 0, \"avg_ns\": 1, \"avg_ts\": 1}]", "n_prompt: 1.5"},
        {"[{\"n_prompt\": [1], \"n_gen\": 0, \"avg_ns\": 1, \"avg_ts\": 1}]", "n_prompt: [1]"},
        {"[{\"n_prompt\": 1, \"n_gen\": 0, \"avg_ns\": 0, \"avg_ts\": 1}]", "no time"},
        {"[{\"n_prompt\": 1, \"n_gen\": 0, \"avg_ns\": 1, \"avg_ts\": 1, \"samples_ns\": [1, -1]}]", "samples_ns"},
        {"[{\"n_prompt\": 1, \"n_gen\": 0, \"avg_ns\": 1, \"avg_ts\": 1, \"samples_ns\": []}]", "samples_ns"},
        {"[1, 2]", "a record should begin here"},
        {"[{\"n_prompt\": \xff}]", "decode byte"},
        {"n_prompt,n_gen,avg_ns,avg_ts\n1,0,1000,nan\n", "no avg_ts"},
        {"n_prompt,n_gen,avg_ns,avg_ts\n1,0,99999999999999999999999,1\n", "avg_ns"},
        {"n_prompt,n_gen,avg_ns,avg_ts,cpu_info\n1,0,1,1,\xc3\x28\n", "not an object"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_text(rows[i].text), MB_OK);
        assert_int_equal(in.n, 0);
        assert_true(in.n_faults > 0);
        if (!strstr(in.faults[0].text, rows[i].words))
            fail_msg("%s: '%s'", rows[i].text, in.faults[0].text);
        mb_bench_import_release(&in);
    }
}

static void what_is_no_file_of_results_is_said(void **state)
{
    (void)state;
    static const struct { const char *text, *words; } rows[] = {
        {"", "is empty"}, {"hello\n", "neither json"}, {"| model | size |\n", "rounded"}, {"[]", "no result"},
        {"CREATE TABLE llama_bench (a TEXT);\n", "no result"}, {"SQLite format 3", "neither json"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_text(rows[i].text), MB_EFORMAT);
        if (!strstr(err.text, rows[i].words))
            fail_msg("%s: '%s'", rows[i].text, err.text);
        mb_bench_import_release(&in);
    }
    assert_int_equal(read_bytes("{\0}", 3), MB_EFORMAT);
    assert_non_null(strstr(err.text, "not text"));
    mb_bench_import_release(&in);
    assert_int_equal(mb_bench_import_read(&in, "/nonexistent/x.json", &err), MB_ENOENT);
    mb_bench_import_release(&in);
    assert_int_equal(mb_bench_import_read(&in, "/", &err), MB_EIO);
    mb_bench_import_release(&in);
}

static int read_database(const char *sql, size_t cut)
{
    sqlite3 *db;
    sqlite3_int64 n;
    char *message = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    unsigned char *bytes = sqlite3_serialize(db, "main", &n, 0);
    assert_non_null(bytes);
    const int rc = read_bytes(bytes, cut && cut < (size_t)n ? cut : (size_t)n);
    sqlite3_free(bytes);
    sqlite3_close(db);
    return rc;
}

static void a_strangers_database_can_only_be_read(void **state)
{
    (void)state;
    assert_int_equal(read_database("CREATE TABLE llama_bench (n_prompt INTEGER, n_gen INTEGER, avg_ns INTEGER, avg_ts REAL, flash_attn INTEGER);"
                                   "INSERT INTO llama_bench VALUES ('512', '0', '1000', '5.5', '1'), ('0', '0', '1', '1', NULL)", 0), MB_OK);
    counts("sqlite", 1, 1);
    fault_is(0, 2, "0 + 0 tokens");
    mb_bench_import_release(&in);
    static const struct { const char *sql, *words; } rows[] = {
        {"CREATE TABLE x (a)", "without a table llama_bench"},
        {"CREATE TABLE x (a); CREATE VIEW llama_bench AS SELECT 1 AS n_prompt", "without a table llama_bench"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_database(rows[i].sql, 0), MB_EFORMAT);
        if (!strstr(err.text, rows[i].words))
            fail_msg("%s: %s", rows[i].sql, err.text);
        mb_bench_import_release(&in);
    }
    /* a column that works when it is read */
    const int rc = read_database("CREATE TABLE llama_bench (n_prompt, n_gen, avg_ns, avg_ts, z AS (hex(zeroblob(100000000))));"
                                 "INSERT INTO llama_bench VALUES (1, 1, 1, 1)", 0);
    assert_true(rc == MB_EFORMAT || in.n_faults == 1);
    assert_int_equal(in.n, 0);
    mb_bench_import_release(&in);
    /* cut anywhere: no crash, and never more than was there */
    for (size_t cut = 16; cut < 8192; cut += 331) {
        (void)read_database("CREATE TABLE llama_bench (n_prompt, n_gen, avg_ns, avg_ts); INSERT INTO llama_bench VALUES (1, 0, 10, 1)", cut);
        assert_true(in.n <= 1);
        mb_bench_import_release(&in);
    }
}

/* Every prefix of every text format: whole records or faults, no crash; a record of a prefix is one of the whole. */
static void every_cut_of_every_format(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[\n{" HEAD TAIL ", " SAMPLES "},\n{" HEAD TAIL "}\n]\n",
        "{" HEAD TAIL "}\n{" HEAD TAIL "}\n",
        "n_prompt,n_gen,avg_ns,avg_ts,\"a\"\n1,0,1000,1,\"x\"\"y\"\n\"1\",\"0\",\"1000\",\"1\",\"z\"\n",
        "CREATE TABLE IF NOT EXISTS llama_bench (\n  n_prompt INTEGER, n_gen INTEGER, avg_ns INTEGER, avg_ts REAL\n);\nINSERT INTO llama_bench VALUES ('1', '0', '10', '1');\n"
        "INSERT INTO llama_bench (n_prompt, n_gen, avg_ns, avg_ts) VALUES ('1', '0', '10', '1');\n"};
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
        for (size_t n = 1; n <= strlen(texts[t]); n++) {
            (void)read_bytes(texts[t], n);
            assert_true(in.n <= 2);
            if (n == strlen(texts[t]))
                assert_int_equal(in.n, 2);
            mb_bench_import_release(&in);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wrapped_deviation_is_noticed), cmocka_unit_test(a_real_run_in_two_formats_is_one_result), cmocka_unit_test(columns_of_several_years),
        cmocka_unit_test(csv_with_quotes_line_ends_and_a_second_header), cmocka_unit_test(sql_is_parsed_also_with_a_quote_in_the_path),
        cmocka_unit_test(a_cut_file_gives_its_whole_records), cmocka_unit_test(records_that_make_no_sense),
        cmocka_unit_test(what_is_no_file_of_results_is_said), cmocka_unit_test(a_strangers_database_can_only_be_read),
        cmocka_unit_test(every_cut_of_every_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
