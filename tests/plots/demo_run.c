/* demo_run.c - see demo_run.h. Deterministic: the same style gives the same rows. */
#include "demo_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "known_run.h"

struct demo {
    struct mb_db *db;
    int64_t run, i_cell;
    struct mb_rng rng;
};

struct shape { const char *workload, *options; uint32_t n_prompt, n_gen, n_requests; };

static void add(struct mb_record *r, enum mb_metric metric, const char *scope, const char *source, double v)
{
    assert_int_equal(mb_record_add_metric(r, metric, scope, source, MB_ORIGIN_MEASURED, v), MB_OK);
}

static void add_stream(struct demo *d, struct mb_record *r, const char *name, const char *channel, const char *source, double level, double rise,
                       double noise)
{
    enum { N = 300 };
    uint64_t t[N];
    int64_t v[N];
    const uint64_t span = r->t_end_ns - r->t_begin_ns;
    for (size_t i = 0; i < N; i++) {
        t[i] = r->t_begin_ns + span * i / N;
        v[i] = (int64_t)(level + rise * (double)i / N + noise * (mb_rng_unit(&d->rng) - 0.5));
    }
    const struct mb_record_stream s = {.name = (char *)name, .channel = (char *)channel, .source = (char *)source, .t_ns = t, .value = v,
                                       .n = N, .period_ns = 10000000};
    assert_int_equal(mb_record_add_stream(r, &s), MB_OK);
}

/* How fast and how large a setting is in this made-up world. */
struct world { double gap_ns, prefill_ns_per_token, weight_bytes, accuracy, drafted, accepted, kept, seen, hash; };

static struct world world_of(const struct known_axes *a, uint32_t n_seen)
{
    const bool q8 = strcmp(a->quant, "q8_0") == 0, q4 = strcmp(a->quant, "q4_0") == 0;
    struct world w = {.gap_ns = 24e6, .prefill_ns_per_token = 4.1e6, .weight_bytes = 92e6, .accuracy = 0.62, .seen = n_seen, .kept = n_seen, .hash = 77};
    if (q8)
        w = (struct world){.gap_ns = 31e6, .prefill_ns_per_token = 3.6e6, .weight_bytes = 143e6, .accuracy = 0.635, .seen = n_seen, .kept = n_seen, .hash = 78};
    if (q4)
        w = (struct world){.gap_ns = 19e6, .prefill_ns_per_token = 4.0e6, .weight_bytes = 77e6, .accuracy = 0.60, .seen = n_seen, .kept = n_seen, .hash = 79};
    w.gap_ns /= pow(a->threads, 0.8);
    w.prefill_ns_per_token /= pow(a->threads, 0.93);
    if (strcmp(a->early_exit, "none") != 0) {
        w.gap_ns *= 0.88;
        w.drafted = n_seen;
        w.accepted = 0.71 * n_seen;
    }
    if (strcmp(a->token_reduction, "none") != 0) {
        w.gap_ns *= 0.93;
        w.kept = n_seen < 132 ? n_seen : 132;
        w.accuracy -= 0.12;
        w.hash += 10;
    }
    return w;
}

static void speed_record(struct demo *d, struct mb_record *r, const struct known_axes *a, const struct shape *s, uint32_t rep, bool sampled)
{
    const struct world w = world_of(a, s->n_prompt + s->n_gen);
    known_record(r, MB_TRIAL_MEASURED, rep, 1);
    uint64_t t = 4000000, *gaps = calloc(s->n_gen, sizeof(*gaps));
    for (uint32_t q = 0; q < s->n_requests; q++) {
        for (uint32_t i = 0; i + 1 < s->n_gen; i++) {
            const double u = mb_rng_unit(&d->rng);
            gaps[i] = (uint64_t)(w.gap_ns * (0.97 + 0.0005 * i + 0.05 * u) * (u > 0.985 ? 1.9 : 1));
            if (w.drafted > 0)
                gaps[i] = i % 4 ? 40000 + (uint64_t)(9000 * u) : gaps[i] * 4;
        }
        const double slow = 0.985 + 0.03 * mb_rng_unit(&d->rng);
        t = known_request(r, q, t, s->n_prompt, (uint64_t)(w.prefill_ns_per_token * s->n_prompt * slow), gaps, s->n_gen - 1) + 3000000;
    }
    free(gaps);
    r->t_end_ns = r->t_begin_ns + t;
    add(r, MB_METRIC_WEIGHT_BYTES, "", "engine", w.weight_bytes);
    add(r, MB_METRIC_KV_BYTES, "", "engine", 46080.0 * (s->n_prompt + s->n_gen));
    add(r, MB_METRIC_KEPT_TOKENS, "", "engine", w.kept);
    add(r, MB_METRIC_SEEN_TOKENS, "", "engine", w.seen);
    add(r, MB_METRIC_OUTPUT_HASH, "", "trial", w.hash);
    if (w.drafted > 0) {
        add(r, MB_METRIC_EXIT_DRAFTED, "", "engine", w.drafted);
        add(r, MB_METRIC_EXIT_ACCEPTED, "", "engine", w.accepted);
    }
    add(r, MB_METRIC_RSS_PEAK_BYTES, "load", "proc_mem", w.weight_bytes * 1.1);
    add(r, MB_METRIC_RSS_PEAK_BYTES, "decode", "proc_mem", w.weight_bytes + 58e6 + 1e6 * mb_rng_unit(&d->rng));
    if (sampled) {
        add(r, MB_METRIC_ENERGY_UJ, "", "rapl", (double)t / 1e3 * (6.5 + 3.2 * a->threads) * (0.98 + 0.04 * mb_rng_unit(&d->rng)));
        add_stream(d, r, "rss_anon_bytes", "process", "proc_mem", 40e6, 18e6, 1e5);
        add_stream(d, r, "rss_file_bytes", "process", "proc_mem", w.weight_bytes, 0, 1);
        add_stream(d, r, "power_uw", "package-0", "rapl", 12.9e6, 4e5, 1.1e6);
        add_stream(d, r, "power_uw", "package-0/dram", "rapl", 1.7e6, 0, 2e5);
        add_stream(d, r, "freq_khz", "policy0", "cpufreq", 2.9e6, -2e5, 1e5);
        add_stream(d, r, "freq_khz", "policy1", "cpufreq", 2.8e6, -2e5, 1e5);
        assert_int_equal(mb_record_add_absent(r, MB_METRIC_TEMP_MAX_MILLI_C, "", "thermal", "no /sys/class/thermal/thermal_zone*"), MB_OK);
    } else {
        assert_int_equal(mb_record_add_absent(r, MB_METRIC_ENERGY_UJ, "", "rapl", "no /sys/class/powercap (a virtual machine?)"), MB_OK);
        assert_int_equal(mb_record_add_absent(r, MB_METRIC_ENERGY_UJ, "", "hwmon", "no power or energy channel"), MB_OK);
    }
}

static void set_model(struct demo *d, int64_t cell, const struct known_axes *a)
{
    const struct world w = world_of(a, 1);
    struct mb_error err = {0};
    int64_t id;
    const struct mb_db_model m = {.sha256 = "5a1395716f7913741cc51d98581b9b1228d80987a9f7d3664106742eb06bba83", .quant = a->quant,
                                  .name = "SmolLM2-135M-Instruct.Q4_1.gguf", .arch = "llama", .n_params = 134515008, .file_bytes = 98305440,
                                  .weight_bytes = (int64_t)w.weight_bytes,
                                  .tensor_types_json = "[{\"type\":\"Q4_1\",\"tensors\":210,\"weights\":106168320,\"bytes\":66355200},"
                                                       "{\"type\":\"F32\",\"tensors\":61,\"weights\":35136,\"bytes\":140544}]"};
    assert_int_equal(mb_db_put_model(d->db, &m, &id, &err), MB_OK);
    assert_int_equal(mb_db_set_cell_model(d->db, cell, id, &err), MB_OK);
}

static int64_t speed_cell(struct demo *d, const struct known_axes *a, const struct shape *s, uint32_t n_ok, uint32_t repetitions, bool sampled)
{
    const int64_t cell = known_cell(d->db, d->run, d->i_cell++, a, s->workload, s->options, repetitions, NULL);
    for (uint32_t rep = 0; rep < n_ok; rep++) {
        struct mb_record r;
        speed_record(d, &r, a, s, rep, sampled);
        known_put(d->db, cell, &r);
    }
    set_model(d, cell, a);
    return cell;
}

static void accuracy_cell(struct demo *d, const struct known_axes *a)
{
    const int64_t cell = known_cell(d->db, d->run, d->i_cell++, a, "accuracy", "{\"tasks\":[\"mini\",\"arc_easy\"],\"limit\":100}", 1, NULL);
    const struct world w = world_of(a, 1);
    struct mb_record r;
    known_record(&r, MB_TRIAL_MEASURED, 0, 9000000000ull);
    add(&r, MB_METRIC_ACCURACY, "mini", "accuracy", w.accuracy + 0.05);
    add(&r, MB_METRIC_N_QUESTIONS, "mini", "accuracy", 100);
    add(&r, MB_METRIC_ACCURACY, "arc_easy", "accuracy", w.accuracy - 0.05);
    add(&r, MB_METRIC_N_QUESTIONS, "arc_easy", "accuracy", 100);
    add(&r, MB_METRIC_ACCURACY, "", "accuracy", w.accuracy);
    add(&r, MB_METRIC_N_QUESTIONS, "", "accuracy", 200);
    add(&r, MB_METRIC_WEIGHT_BYTES, "", "engine", w.weight_bytes);
    known_put(d->db, cell, &r);
    set_model(d, cell, a);
}

static const char *const model = "/home/a <b> & 'c'/SmolLM2-135M-Instruct.Q4_1.gguf";

static void fail_cell(struct demo *d, const struct known_axes *a, const struct shape *s, const char *reason)
{
    const int64_t cell = known_cell(d->db, d->run, d->i_cell++, a, s->workload, s->options, 5, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        struct mb_record r;
        known_record(&r, MB_TRIAL_MEASURED, i, 1000000);
        r.status = MB_TRIAL_FAILED;
        r.reason = strdup(reason);
        known_put(d->db, cell, &r);
    }
}

static void fill_full(struct demo *d)
{
    static const char *const quants[] = {"file", "q8_0", "q4_0"}, *const exits[] = {"none", "verify:layer=20,draft=4"},
                      *const reductions[] = {"none", "streaming:sink=4,window=128"};
    const struct shape micro = {"micro", "{\"prompt\":256,\"gen\":64}", 256, 64, 1}, chat = {"chat", "{\"conversations\":3,\"max_gen\":48}", 40, 30, 6};
    for (int q = 0; q < 3; q++)
        for (int t = 1; t <= 2; t++) {
            const struct known_axes a = {model, quants[q], "none", "none", t};
            speed_cell(d, &a, &micro, 5, 5, true);
        }
    for (int e = 0; e < 2; e++)
        for (int k = 0; k < 2; k++) {
            const struct known_axes a = {model, "file", exits[e], reductions[k], 2};
            if (e + k > 0 && e + k < 2)
                speed_cell(d, &a, &micro, 5, 5, true);
            if (e == 0)
                speed_cell(d, &a, &chat, 5, 5, true);
            accuracy_cell(d, &a);
        }
    for (int q = 1; q < 3; q++) {
        const struct known_axes a = {model, quants[q], "none", "none", 2};
        accuracy_cell(d, &a);
    }
    const struct known_axes both = {model, "file", exits[1], reductions[1], 2}, big = {model, "q8_0", "none", reductions[1], 2};
    known_cell(d->db, d->run, d->i_cell++, &both, "micro", micro.options, 5, "verify needs the whole cache: streaming drops tokens that a rollback would need");
    fail_cell(d, &big, &micro, "the worker was killed by signal 9: out of memory (limit 256 MiB)");
}

static void fill_imported(struct mb_db *db)
{
    static const struct mb_db_import_row row = {.line = 1, .identity = "i", .record_json =
        "{\"cpu_info\":\"Made-up CPU\",\"model_type\":\"llama 1B Q4_0\",\"n_threads\":4,\"n_prompt\":512,\"n_gen\":0,\"avg_ns\":1000000000,\"avg_ts\":512.0}"};
    const struct mb_db_import file = {.sha256 = "s", .name = "pi5.json", .format = "json"};
    struct mb_error err = {0};
    size_t n_new;
    assert_int_equal(mb_db_put_import(db, &file, &row, 1, &n_new, &err), MB_OK);
}

int64_t demo_fill(struct mb_db *db, enum demo_style style)
{
    struct demo d = {.db = db, .rng = {42}};
    struct mb_error err = {0};
    const struct shape micro = {"micro", "{\"prompt\":256,\"gen\":64}", 256, 64, 1}, tiny = {"micro", "{\"prompt\":8,\"gen\":4}", 8, 4, 1};
    d.run = known_run_begin(db, style == DEMO_FULL ? "demo <quant> & exit, \"reduce\"" : "demo");
    if (style == DEMO_FULL) {
        fill_full(&d);
        fill_imported(db);
    } else if (style == DEMO_ONE) {
        const struct known_axes a = {model, "file", "none", "none", 2};
        speed_cell(&d, &a, &tiny, 1, 1, false);
    } else if (style == DEMO_FORTY) {
        for (int i = 0; i < 40; i++) {
            char name[200];
            snprintf(name, sizeof(name), "/models/A-Very-Long-Model-Name-That-Somebody-Chose-%02d-Instruct-v0.3-Q4_K_M-imatrix.gguf", i / 10);
            static const char *const quants[] = {"file", "q8_0", "q4_0"};
            const struct known_axes a = {name, quants[i % 3], i % 10 > 5 ? "verify:layer=20,draft=4" : "none", i % 10 > 8 ? "streaming:sink=4,window=128" : "none",
                                         1 + i % 10 / 2};
            speed_cell(&d, &a, &micro, 3, 3, false);
        }
    } else {
        const struct known_axes a = {model, "file", "none", "none", 2}, b = {model, "q8_0", "none", "none", 2};
        fail_cell(&d, &a, &micro, "NaN logit at token 3");
        known_cell(db, d.run, d.i_cell++, &b, "micro", micro.options, 5, "backend opencl is not available: no platform");
    }
    assert_int_equal(mb_db_finish_run(db, d.run, &err), MB_OK);
    return d.run;
}
