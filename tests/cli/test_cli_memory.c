/* The memory that `meltbench plan` predicts, its warnings, and the row that `run` stores beside what was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli_scene.h"

#define PLAN "printf 'models: [%%s]\\nworkloads: [micro: {prompt: 64, gen: 4}]\\ncollect: [memory]\\nprotocol: {repetitions: 1, warmup: 0%s}\\n' "

/* KV cache of the tiny model: 4 layers x 2 heads x (16 + 16) f16; pages of 64 tokens; micro asks for prompt + gen. */
#define KV_BYTES (2 * 64 * 4 * 2 * 32 * 2.0)

static const json_t *first_cell(const json_t *root)
{
    return json_array_get(json_object_get(root, "cells"), 0);
}

static void plan_tells_the_memory_of_a_cell(void **state)
{
    (void)state;
    json_t *root = sh_json(PLAN "\"$PWD/tiny.gguf\" >p.yaml; \"$MB\" plan p.yaml --json", "");
    const json_t *memory = json_object_get(first_cell(root), "memory");
    const double peak = json_number_value(json_object_get(memory, "peak_bytes")), process = json_number_value(json_object_get(memory, "process_bytes")),
                 weights = json_number_value(json_object_get(memory, "weight_bytes")), kv = json_number_value(json_object_get(memory, "kv_bytes"));
    assert_true(kv == KV_BYTES);
    assert_true(weights > 0 && process > 0);
    assert_true(peak > process + weights + kv);
    assert_true(json_is_null(json_object_get(first_cell(root), "memory_warning")));
    json_decref(root);
    char *table = sh_text("\"$MB\" plan p.yaml");
    assert_non_null(strstr(table, "memory"));
    assert_non_null(strstr(table, " MiB"));
    assert_null(strstr(table, "will not fit"));
    free(table);
}

static void plan_warns_of_a_cell_that_will_not_fit(void **state)
{
    (void)state;
    json_t *root = sh_json(PLAN "\"$PWD/tiny.gguf\" >p.yaml; \"$MB\" plan p.yaml --json", ", memory_limit_mib: 1");
    const char *warning = json_string_value(json_object_get(first_cell(root), "memory_warning"));
    assert_non_null(warning);
    assert_non_null(strstr(warning, "protocol.memory_limit_mib allows 1 MiB"));
    json_decref(root);
    char *table = sh_text("\"$MB\" plan p.yaml");
    assert_non_null(strstr(table, "[warning: needs about "));
    assert_non_null(strstr(table, "1 cells will not fit into memory"));
    free(table);
}

static void what_cannot_be_told_has_a_reason(void **state)
{
    (void)state;
    json_t *root = sh_json(PLAN "'\"null:token_us=1\"' >p.yaml; \"$MB\" plan p.yaml --json", "");
    const json_t *memory = json_object_get(first_cell(root), "memory");
    assert_true(json_is_null(json_object_get(memory, "peak_bytes")));
    assert_non_null(strstr(json_string_value(json_object_get(memory, "unknown")), "runner null cannot tell"));
    json_decref(root);
    char *table = sh_text("\"$MB\" plan p.yaml");
    assert_null(strstr(table, "memory  "));
    free(table);
    root = sh_json(PLAN "\"$PWD/odd.gguf\" >p.yaml; \"$MB\" plan p.yaml --json", "");
    memory = json_object_get(first_cell(root), "memory");
    assert_true(json_is_null(json_object_get(memory, "peak_bytes")));
    assert_non_null(strstr(json_string_value(json_object_get(memory, "unknown")), "not predicted: "));
    json_decref(root);
}

static double number_in_db(const char *file, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const double value = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

static void run_stores_the_prediction_beside_the_measurement(void **state)
{
    (void)state;
    struct cli c = sh(PLAN "\"$PWD/tiny.gguf\" >p.yaml; \"$MB\" run p.yaml -q --noise 0 --db memory.db", "");
    assert_int_equal(c.code, 0);
    cli_free(&c);
    assert_true(number_in_db("memory.db", "SELECT count(*) FROM metric WHERE name = 'peak_predicted_bytes' AND origin = 'estimated'") == 1);
    assert_true(number_in_db("memory.db", "SELECT value FROM metric WHERE name = 'kv_bytes'") == KV_BYTES);
    assert_true(number_in_db("memory.db", "SELECT p.value > w.value + k.value FROM metric p, metric w, metric k WHERE p.name = 'peak_predicted_bytes' "
                                          "AND w.name = 'weight_bytes' AND k.name = 'kv_bytes'") == 1);
    c = sh(PLAN "'\"null:token_us=1\"' >p.yaml; \"$MB\" run p.yaml -q --noise 0 --db null.db", "");
    assert_int_equal(c.code, 0);
    cli_free(&c);
    assert_true(number_in_db("null.db", "SELECT count(*) FROM metric WHERE name = 'peak_predicted_bytes'") == 0); /* no model, no row */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_tells_the_memory_of_a_cell),
        cmocka_unit_test(plan_warns_of_a_cell_that_will_not_fit),
        cmocka_unit_test(what_cannot_be_told_has_a_reason),
        cmocka_unit_test(run_stores_the_prediction_beside_the_measurement),
    };
    return cmocka_run_group_tests_name("cli_memory", tests, scene_begin, scene_end);
}
