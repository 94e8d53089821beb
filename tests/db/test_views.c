/*
 * Every derived figure against numbers computed by other means. The literals of known_cell_figures come from this (numpy 1.x):
 *   def pre(r, q): return 1_000_000 * (3 + ((7*r + 3*q) % 5))
 *   def gaps(r, q): return [100_000 + ((r*31 + q*17 + i*i*13) % 97) * 1000 for i in range(30)]
 *   for r in range(5): P = [pre(r, q) for q in (0, 1)]; G = [gaps(r, q) for q in (0, 1)]
 *     prefill: (10 + 15) * 1e9 / sum(P)          decode: 60e9 / sum(map(sum, G))     tpot: sum(map(sum, G)) / 60
 *     ttft: mean(1000 + p for p in P)            e2e: mean(1000 + p + sum(g) for p, g in zip(P, G))
 *     energy per token: 1e6 * (5 + r*r) / 62
 *   np.median(x), min(x), max(x); np.percentile(all gaps, (50, 90, 95))
 */
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

#include "known_run.h"

struct place { char folder[256], file[300]; struct mb_db *db; int64_t run; };

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    struct mb_error err = {0};
    known_folder_make(p->folder, sizeof(p->folder));
    snprintf(p->file, sizeof(p->file), "%s/t.db", p->folder);
    assert_int_equal(mb_db_open(&p->db, p->file, MB_DB_CREATE, &err), MB_OK);
    p->run = known_run_begin(p->db, "views");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    mb_db_close(p->db);
    known_folder_remove(p->folder);
    free(p);
    return 0;
}

/* First column of the first row; NaN for NULL or no row. */
static double value(struct place *p, const char *sql)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(mb_db_handle(p->db), sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(mb_db_handle(p->db)));
    const double v = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL ? sqlite3_column_double(s, 0) : (double)NAN;
    sqlite3_finalize(s);
    return v;
}

static void is(struct place *p, const char *sql, double expected)
{
    const double v = value(p, sql);
    if (!(fabs(v - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%s: %.17g, expected %.17g", sql, v, expected);
}

static void is_null(struct place *p, const char *sql)
{
    const double v = value(p, sql);
    if (!isnan(v))
        fail_msg("%s: %.17g, expected NULL", sql, v);
}

static void is_text(struct place *p, const char *sql, const char *expected)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(mb_db_handle(p->db), sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(mb_db_handle(p->db)));
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_non_null(sqlite3_column_text(s, 0));
    assert_string_equal((const char *)sqlite3_column_text(s, 0), expected);
    sqlite3_finalize(s);
}

static const struct known_axes plain = {"/models/a b/m.gguf", "file", "none", "none", 2};

static void add(struct mb_record *r, enum mb_metric metric, const char *scope, const char *source, double v)
{
    assert_int_equal(mb_record_add_metric(r, metric, scope, source, MB_ORIGIN_MEASURED, v), MB_OK);
}

static void two_requests(struct mb_record *r, uint32_t rep)
{
    uint64_t t = 0;
    for (uint32_t q = 0; q < 2; q++) {
        uint64_t gaps[30];
        for (uint32_t i = 0; i < 30; i++)
            gaps[i] = 100000 + ((rep * 31 + q * 17 + i * i * 13) % 97) * 1000;
        t = known_request(r, q, t, 10 + 5 * q, 1000000ull * (3 + (7 * rep + 3 * q) % 5), gaps, 30) + 12345;
    }
}

static int64_t five_repetitions(struct place *p)
{
    const int64_t cell = known_cell(p->db, p->run, 0, &plain, "micro", "{\"prompt\":10,\"gen\":31}", 5, NULL);
    for (uint32_t i = 0; i < 5; i++) {
        const uint32_t rep = (i * 2) % 5; /* stored out of order */
        struct mb_record r;
        known_record(&r, MB_TRIAL_MEASURED, rep, 50000000);
        two_requests(&r, rep);
        add(&r, MB_METRIC_ENERGY_UJ, "", "rapl", 1e6 * (5 + rep * rep));
        add(&r, MB_METRIC_ENERGY_UJ, "package-0", "rapl", 7e6);
        add(&r, MB_METRIC_ENERGY_UJ, "prefill", "hwmon", 9e6); /* of another source than the total: not to be mixed in */
        add(&r, MB_METRIC_ENERGY_UJ, "prefill", "rapl", 2.5e6);
        add(&r, MB_METRIC_RSS_PEAK_BYTES, "load", "proc_mem", 5e8);
        add(&r, MB_METRIC_RSS_PEAK_BYTES, "decode", "proc_mem", 6e8 + rep);
        known_put(p->db, cell, &r);
    }
    struct mb_record r; /* none of these may count */
    known_record(&r, MB_TRIAL_WARMUP, 0, 1);
    known_request(&r, 0, 0, 1000, 1, NULL, 0);
    known_put(p->db, cell, &r);
    known_record(&r, MB_TRIAL_MEASURED, 5, 1);
    known_request(&r, 0, 0, 1000, 1, NULL, 0);
    r.status = MB_TRIAL_FAILED;
    r.reason = strdup("NaN logit");
    known_put(p->db, cell, &r);
    return cell;
}

static void known_cell_figures(void **state)
{
    struct place *p = *state;
    five_repetitions(p);
    is(p, "SELECT n_ok FROM v_cell", 5);
    is(p, "SELECT n_failed FROM v_cell", 1);
    is(p, "SELECT prefill_tps FROM v_cell", 2500.0);
    is(p, "SELECT prefill_tps_min FROM v_cell", 2083.3333333333335);
    is(p, "SELECT prefill_tps_max FROM v_cell", 3125.0);
    is(p, "SELECT decode_tps FROM v_cell", 6768.953068592058);
    is(p, "SELECT decode_tps_lo FROM v_cell", 6730.2299495232755); /* n = 5: the interval is min..max */
    is(p, "SELECT decode_tps_hi FROM v_cell", 6857.142857142857);
    is(p, "SELECT ci_coverage FROM v_cell", 0.9375);
    is(p, "SELECT ttft_ns FROM v_cell", 5001000.0);
    is(p, "SELECT tpot_ns FROM v_cell", 147733.33333333334);
    is(p, "SELECT e2e_ns FROM v_cell", 9458500.0);
    is(p, "SELECT e2e_ns_max FROM v_cell", 10441500.0);
    is(p, "SELECT energy_per_token_uj FROM v_cell", 145161.29032258064);
    is(p, "SELECT energy_per_token_uj_max FROM v_cell", 338709.67741935485);
    is(p, "SELECT prefill_energy_per_token_uj FROM v_cell", 1e5);
    is_text(p, "SELECT energy_basis || ' ' || energy_origin FROM v_cell", "rapl measured");
    is(p, "SELECT rss_peak_bytes FROM v_cell", 600000002);
    is_text(p, "SELECT label || '|' || shape FROM v_cell", "m.gguf|micro 10+31");
    is(p, "SELECT median FROM v_cell_metric WHERE name = 'rss_peak_bytes' AND scope = 'load'", 5e8);
    is(p, "SELECT count(*) FROM v_request", 11);
    is(p, "SELECT decode_tps * tpot_ns FROM v_request WHERE kind = 'measured' LIMIT 1", 1e9);
    is(p, "SELECT prefill_tps FROM v_request WHERE repetition = 0 AND request = 0 AND kind = 'measured'", 10 / 3e-3);
    is(p, "SELECT count(*) FROM v_gap", 300);
}

static void percentiles_need_enough_gaps(void **state)
{
    struct place *p = *state;
    five_repetitions(p);
    is(p, "SELECT n FROM v_itl", 300);
    is(p, "SELECT p50_ns FROM v_itl", 148000.0);
    is(p, "SELECT p90_ns FROM v_itl", 185000.0);
    is(p, "SELECT p95_ns FROM v_itl", 190000.0);
    is_null(p, "SELECT p99_ns FROM v_itl");
    is_text(p, "SELECT reason FROM v_itl_percentile WHERE name = 'p99'", "p99 needs 662 gaps, there are 300");
    const int64_t cell = known_cell(p->db, p->run, 1, &plain, "chat", "{}", 1, NULL);
    struct mb_record r;
    const uint64_t gaps[11] = {100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 5000};
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    known_request(&r, 0, 0, 1, 10, gaps, 11);
    known_put(p->db, cell, &r);
    is(p, "SELECT p50_ns FROM v_itl WHERE cell_id = 2", 600);
    is_null(p, "SELECT p90_ns FROM v_itl WHERE cell_id = 2");
    is(p, "SELECT value FROM v_trial_itl WHERE cell_id = 2 AND name = 'itl_p50_ns'", 600);
    is(p, "SELECT count(*) FROM v_trial_itl WHERE cell_id = 1", 5); /* 60 gaps a repetition: p50 only */
    is(p, "SELECT value FROM v_trial_itl WHERE cell_id = 1 ORDER BY trial_id LIMIT 1", 144500.0);
}

/* A second run with one repetition: seen by a reader of all, not by a reader of the first run. */
static void a_reader_of_one_run_sees_only_that(void **state)
{
    struct place *p = *state;
    struct mb_error err = {0};
    struct mb_record r;
    const uint64_t gaps[3] = {100, 200, 300};
    five_repetitions(p);
    const int64_t other = known_run_begin(p->db, "other"), cell = known_cell(p->db, other, 0, &plain, "chat", "{}", 1, NULL);
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    known_request(&r, 0, 0, 1, 10, gaps, 3);
    known_put(p->db, cell, &r);
    struct place reader = {.run = p->run};
    assert_int_equal(mb_db_open(&reader.db, p->file, MB_DB_READ, &err), MB_OK);
    is(&reader, "SELECT count(DISTINCT run_id) FROM v_cell", 2);
    const double n_values = value(&reader, "SELECT count(*) FROM v_trial_value WHERE cell_id = 1"), tps = value(&reader, "SELECT decode_tps FROM v_cell");
    assert_int_equal(mb_db_only_run(reader.db, p->run, &err), MB_OK);
    is(&reader, "SELECT count(*) FROM v_cell", 1);
    is(&reader, "SELECT count(DISTINCT cell_id) FROM trial", 1);
    is(&reader, "SELECT count(DISTINCT t.cell_id) FROM event e JOIN main.trial t ON t.id = e.trial_id", 1);
    is(&reader, "SELECT decode_tps FROM v_cell", tps);
    is(&reader, "SELECT count(*) FROM v_trial_value", n_values);
    is(&reader, "SELECT count(*) FROM v_gap", 300);
    assert_int_not_equal(sqlite3_exec(mb_db_handle(reader.db), "DELETE FROM main.answer", NULL, NULL, NULL), SQLITE_OK);
    mb_db_close(reader.db);
}

/* n = 12: ranks 3 and 10 of v[i] = ((7 i^2) % 23) + i / 10; numpy: median 15.2, sorted[2] = 7.1, sorted[9] = 20.4 */
static void interval_by_order_statistics(void **state)
{
    struct place *p = *state;
    const int64_t cell = known_cell(p->db, p->run, 0, &plain, "perplexity", "{}", 12, NULL);
    for (uint32_t i = 0; i < 12; i++) {
        struct mb_record r;
        known_record(&r, MB_TRIAL_MEASURED, i, 1);
        add(&r, MB_METRIC_PERPLEXITY, "", "perplexity", (i * i * 7) % 23 + i / 10.0);
        known_put(p->db, cell, &r);
    }
    is(p, "SELECT median FROM v_cell_value WHERE name = 'perplexity'", 15.2);
    is(p, "SELECT lo FROM v_cell_value WHERE name = 'perplexity'", 7.1);
    is(p, "SELECT hi FROM v_cell_value WHERE name = 'perplexity'", 20.4);
    is(p, "SELECT round(coverage, 4) FROM v_cell_value WHERE name = 'perplexity'", 0.9614);
    /* The table of ranks: coverage by summing binomials, and k + 1 would fall below 95 %. */
    for (int n = 2; n <= 50; n++) {
        char sql[100];
        snprintf(sql, sizeof(sql), "SELECT k FROM v_median_rank WHERE n = %d", n);
        const int k = (int)value(p, sql);
        double below = 0, choose = 1;
        for (int i = 0; i < k; i++) {
            below += choose;
            choose = choose * (n - i) / (i + 1);
        }
        const double coverage = 1 - 2 * below / pow(2, n), next = 1 - 2 * (below + choose) / pow(2, n);
        snprintf(sql, sizeof(sql), "SELECT coverage FROM v_median_rank WHERE n = %d", n);
        assert_true(fabs(value(p, sql) - coverage) < 1e-6);
        assert_true((coverage >= 0.95 && next < 0.95) || (n < 6 && k == 1));
    }
}

static void one_repetition_has_no_interval(void **state)
{
    struct place *p = *state;
    const int64_t cell = known_cell(p->db, p->run, 0, &plain, "micro", "{}", 1, NULL);
    struct mb_record r;
    const uint64_t gap = 1000;
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    known_request(&r, 0, 0, 1, 10, &gap, 1);
    known_put(p->db, cell, &r);
    is(p, "SELECT decode_tps FROM v_cell", 1e6);
    is_null(p, "SELECT decode_tps_lo FROM v_cell");
    is_null(p, "SELECT ci_coverage FROM v_cell");
    /* A request with one token has a time to first token and no rate. */
    const int64_t other = known_cell(p->db, p->run, 1, &plain, "chat", "{}", 1, NULL);
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    known_request(&r, 0, 0, 1, 10, NULL, 0);
    known_put(p->db, other, &r);
    is(p, "SELECT ttft_ns FROM v_cell WHERE cell_id = 2", 1010);
    is_null(p, "SELECT decode_tps FROM v_cell WHERE cell_id = 2");
}

static void unknown_energy_has_a_reason(void **state)
{
    struct place *p = *state;
    const int64_t cell = known_cell(p->db, p->run, 0, &plain, "micro", "{}", 1, NULL);
    struct mb_record r;
    const uint64_t gap = 1000;
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    known_request(&r, 0, 0, 1, 10, &gap, 1);
    assert_int_equal(mb_record_add_absent(&r, MB_METRIC_ENERGY_UJ, "", "hwmon", "several rails: no rule which add up"), MB_OK);
    assert_int_equal(mb_record_add_absent(&r, MB_METRIC_ENERGY_UJ, "", "rapl", "no /sys/class/powercap"), MB_OK);
    assert_int_equal(mb_record_add_absent(&r, MB_METRIC_ENERGY_UJ, "", "battery", "no battery"), MB_OK);
    assert_int_equal(mb_record_add_absent(&r, MB_METRIC_ENERGY_UJ, "", "nvml", "no card"), MB_OK);
    add(&r, MB_METRIC_ENERGY_UJ, "VDD_CPU", "hwmon", 1e6);
    known_put(p->db, cell, &r);
    is_null(p, "SELECT energy_per_token_uj FROM v_cell");
    is_text(p, "SELECT energy_reason FROM v_cell", "hwmon: several rails: no rule which add up; rapl: no /sys/class/powercap; "
            "2 more sources have none");
    is_text(p, "SELECT reason FROM v_unknown WHERE source = 'rapl'", "no /sys/class/powercap");
}

static void accuracy_counts_questions_once(void **state)
{
    struct place *p = *state;
    const struct known_axes q8 = {"/models/a b/m.gguf", "q8_0", "none", "none", 2};
    const int64_t pooled = known_cell(p->db, p->run, 0, &plain, "accuracy", "{}", 2, NULL);
    const int64_t total = known_cell(p->db, p->run, 1, &q8, "accuracy", "{}", 2, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        struct mb_record r;
        known_record(&r, MB_TRIAL_MEASURED, i, 1);
        add(&r, MB_METRIC_ACCURACY, "arc_easy", "accuracy", 0.9);
        add(&r, MB_METRIC_N_QUESTIONS, "arc_easy", "accuracy", 40);
        add(&r, MB_METRIC_ACCURACY, "mini", "accuracy", 0.45);
        add(&r, MB_METRIC_N_QUESTIONS, "mini", "accuracy", 20);
        known_put(p->db, pooled, &r);
        known_record(&r, MB_TRIAL_MEASURED, i, 1);
        add(&r, MB_METRIC_ACCURACY, "arc_easy", "accuracy", 0.9);
        add(&r, MB_METRIC_N_QUESTIONS, "arc_easy", "accuracy", 40);
        add(&r, MB_METRIC_ACCURACY, "", "accuracy", 0.75);
        add(&r, MB_METRIC_N_QUESTIONS, "", "accuracy", 60);
        known_put(p->db, total, &r);
    }
    for (int cell = 1; cell <= 2; cell++) { /* Wilson, python: p, n, z = 45/60, 60, 1.96 */
        char sql[200];
        snprintf(sql, sizeof(sql), "SELECT accuracy FROM v_accuracy WHERE task = '' AND cell_id = %d", cell);
        is(p, sql, 0.75);
        snprintf(sql, sizeof(sql), "SELECT n_questions FROM v_accuracy WHERE task = '' AND cell_id = %d", cell);
        is(p, sql, 60);
        snprintf(sql, sizeof(sql), "SELECT lo FROM v_accuracy WHERE task = '' AND cell_id = %d", cell);
        is(p, sql, 0.627676890545152);
        snprintf(sql, sizeof(sql), "SELECT hi FROM v_accuracy WHERE task = '' AND cell_id = %d", cell);
        is(p, sql, 0.8422361442158816);
    }
    is(p, "SELECT accuracy FROM v_cell WHERE cell_id = 2", 0.75);
    is(p, "SELECT accuracy FROM v_accuracy WHERE task = 'mini'", 0.45);
}

static void put_speed(struct place *p, int64_t cell, uint64_t gap_ns, double hash, double kept, double drafted, double accepted)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct mb_record r;
        const uint64_t gaps[] = {gap_ns, gap_ns};
        known_record(&r, MB_TRIAL_MEASURED, i, 1);
        known_request(&r, 0, 0, 4, 1000, gaps, 2);
        add(&r, MB_METRIC_OUTPUT_HASH, "", "trial", hash);
        add(&r, MB_METRIC_KEPT_TOKENS, "", "engine", kept);
        add(&r, MB_METRIC_SEEN_TOKENS, "", "engine", 200);
        if (drafted > 0) {
            add(&r, MB_METRIC_EXIT_DRAFTED, "", "engine", drafted);
            add(&r, MB_METRIC_EXIT_ACCEPTED, "", "engine", accepted);
            add(&r, MB_METRIC_EXIT_ACCEPTED, "", "trial", accepted);
        }
        known_put(p->db, cell, &r);
    }
}

static void methods_are_compared_with_their_baseline(void **state)
{
    struct place *p = *state;
    const struct known_axes exits = {"m", "file", "verify:layer=20,draft=4", "none", 2}, keeps = {"m", "file", "none", "streaming", 2};
    const struct known_axes base = {"m", "file", "none", "none", 2}, other = {"m", "q8_0", "none", "none", 2};
    put_speed(p, known_cell(p->db, p->run, 0, &base, "micro", "{\"gen\":3}", 2, NULL), 1000000, 111, 200, 0, 0);
    put_speed(p, known_cell(p->db, p->run, 1, &exits, "micro", "{\"gen\":3}", 2, NULL), 800000, 111, 200, 40, 30);
    put_speed(p, known_cell(p->db, p->run, 2, &keeps, "micro", "{\"gen\":3}", 2, NULL), 500000, 222, 50, 0, 0);
    put_speed(p, known_cell(p->db, p->run, 3, &other, "micro", "{\"gen\":3}", 2, NULL), 2000000, 111, 200, 0, 0);
    put_speed(p, known_cell(p->db, p->run, 4, &exits, "micro", "{\"gen\":9}", 2, NULL), 800000, 111, 200, 40, 30); /* no baseline */
    is(p, "SELECT count(*) FROM v_method", 4);
    is(p, "SELECT speedup FROM v_method WHERE cell_id = 2", 1.25);
    is(p, "SELECT acceptance FROM v_method WHERE cell_id = 2", 0.75);
    is(p, "SELECT same_output FROM v_method WHERE cell_id = 2", 1);
    is(p, "SELECT speedup FROM v_method WHERE cell_id = 3", 2);
    is(p, "SELECT kept_ratio FROM v_method WHERE cell_id = 3", 0.25);
    is(p, "SELECT same_output FROM v_method WHERE cell_id = 3", 0);
    is_null(p, "SELECT acceptance FROM v_method WHERE cell_id = 3");
    is(p, "SELECT baseline_cell_id FROM v_method WHERE cell_id = 4", 4); /* another weight format is its own baseline */
    is_text(p, "SELECT group_concat(label, '|') FROM (SELECT label FROM v_name WHERE i_cell < 4 ORDER BY i_cell)",
            "file|file verify:layer=20,draft=4|file streaming|q8_0");
}

static void quality_meets_speed_of_the_same_setting(void **state)
{
    struct place *p = *state;
    const struct known_axes q4 = {"m", "q4_0", "none", "none", 2};
    struct mb_error err = {0};
    put_speed(p, known_cell(p->db, p->run, 0, &plain, "micro", "{\"gen\":3}", 2, NULL), 1000000, 1, 1, 0, 0);
    put_speed(p, known_cell(p->db, p->run, 1, &q4, "micro", "{\"gen\":3}", 2, NULL), 500000, 1, 1, 0, 0);
    put_speed(p, known_cell(p->db, p->run, 2, &q4, "micro", "{\"gen\":99}", 2, NULL), 9500000, 1, 1, 0, 0);
    const int64_t cell = known_cell(p->db, p->run, 3, &q4, "accuracy", "{}", 1, NULL);
    const int64_t text = known_cell(p->db, p->run, 4, &q4, "perplexity", "{}", 1, NULL);
    struct mb_record r;
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    add(&r, MB_METRIC_ACCURACY, "", "accuracy", 0.5);
    add(&r, MB_METRIC_N_QUESTIONS, "", "accuracy", 10);
    known_put(p->db, cell, &r);
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    add(&r, MB_METRIC_PERPLEXITY, "", "perplexity", 9.5);
    known_put(p->db, text, &r);
    const struct mb_db_model m = {.sha256 = "s", .quant = "q4_0", .name = "m", .n_params = 16, .file_bytes = 10, .weight_bytes = 9};
    int64_t model;
    assert_int_equal(mb_db_put_model(p->db, &m, &model, &err), MB_OK);
    assert_int_equal(mb_db_set_cell_model(p->db, cell, model, &err), MB_OK);
    is(p, "SELECT count(*) FROM v_tradeoff", 1);
    is(p, "SELECT decode_tps FROM v_tradeoff", 2000);
    is(p, "SELECT accuracy FROM v_tradeoff", 0.5);
    is(p, "SELECT perplexity FROM v_tradeoff", 9.5);
    is(p, "SELECT weight_bytes FROM v_tradeoff", 9);
    is(p, "SELECT bits_per_weight FROM v_tradeoff", 4.5);
}

static void problems_and_phases(void **state)
{
    struct place *p = *state;
    const int64_t refused = known_cell(p->db, p->run, 0, &plain, "micro", "{}", 5, "verify needs greedy sampling");
    const struct known_axes q4 = {"m", "q4_0", "none", "none", 2};
    const int64_t cell = known_cell(p->db, p->run, 1, &q4, "micro", "{}", 5, NULL);
    struct mb_record r;
    known_record(&r, MB_TRIAL_MEASURED, 0, 1);
    r.status = MB_TRIAL_SKIPPED; /* as the session stores it: told once, as refused */
    r.reason = strdup("verify needs greedy sampling");
    known_put(p->db, refused, &r);
    for (uint32_t i = 0; i < 2; i++) {
        known_record(&r, MB_TRIAL_MEASURED, i, 1);
        r.status = MB_TRIAL_FAILED;
        r.reason = strdup("killed by signal 9 (out of memory)");
        known_put(p->db, cell, &r);
    }
    is_text(p, "SELECT group_concat(what || ':' || n || ':' || reason, '|') FROM (SELECT * FROM v_problem ORDER BY i_cell, what)",
            "refused:1:verify needs greedy sampling|failed:2:killed by signal 9 (out of memory)|"
            "unfinished:3:the run has not finished: meltbench run PLAN continues it");
    known_record(&r, MB_TRIAL_COLD, 0, 1);
    const struct mb_event load[] = {{.t_ns = r.t_begin_ns - 5000000, .kind = MB_EVENT_LOAD_BEGIN},
                                    {.t_ns = r.t_begin_ns - 1000000, .kind = MB_EVENT_LOAD_END}};
    assert_int_equal(mb_record_event(&r, &load[0]) + mb_record_event(&r, &load[1]), 0);
    const uint64_t gaps[] = {300, 400};
    known_request(&r, 0, 0, 2, 500, gaps, 2);
    known_put(p->db, cell, &r);
    is(p, "SELECT load_ns FROM v_load", 4000000);
    is_text(p, "SELECT group_concat(phase || ':' || t0_ns || '..' || t1_ns, '|') FROM (SELECT * FROM v_phase ORDER BY t0_ns)",
            "load:-5000000..-1000000|tokenize:0..1000|prefill:1000..1500|decode:1500..2200");
    is(p, "SELECT tokenize_ns FROM v_request", 1000);
}

static void every_view_answers(void **state)
{
    struct place *p = *state;
    sqlite3_stmt *s;
    five_repetitions(p);
    assert_int_equal(sqlite3_prepare_v2(mb_db_handle(p->db), "SELECT name FROM sqlite_schema WHERE type = 'view'", -1, &s, NULL), SQLITE_OK);
    int n = 0;
    for (; sqlite3_step(s) == SQLITE_ROW; n++) {
        char sql[100];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", sqlite3_column_text(s, 0));
        value(p, sql);
    }
    sqlite3_finalize(s);
    assert_true(n > 20);
    is(p, "SELECT n_cells * 100 + n_trials * 10 + n_ok FROM v_run", 165);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(known_cell_figures), T(percentiles_need_enough_gaps), T(a_reader_of_one_run_sees_only_that), T(interval_by_order_statistics), T(one_repetition_has_no_interval),
        T(unknown_energy_has_a_reason), T(accuracy_counts_questions_once), T(methods_are_compared_with_their_baseline),
        T(quality_meets_speed_of_the_same_setting), T(problems_and_phases), T(every_view_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
