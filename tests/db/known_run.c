/* known_run.c - see known_run.h. */
#include "known_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

static const uint64_t begin_ns = 5000000000000ull;

void known_folder_make(char *path, size_t cap)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, cap, "%s/mb_test_XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

void known_folder_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void ok(int rc, const struct mb_error *err)
{
    if (rc)
        print_error("%s\n", err->text);
    assert_int_equal(rc, MB_OK);
}

int64_t known_run_begin(struct mb_db *db, const char *plan_name)
{
    struct mb_error err = {0};
    int64_t device, build, plan, run;
    const struct mb_db_device d = {.name = "synthetic-board", .cpu = "Synthetic Core <v1> & \"co\"", .kernel = "Linux 6.1.0", .n_cores = 4,
                                   .memory_bytes = 4ll << 30,
                                   .facts_json = "{\"governor\":\"performance\",\"virtualization\":\"none\"}"};
    const struct mb_db_build b = {.version = "0.1.0", .commit = "0123456789ab", .compiler = "GNU 12.2.0", .flags = "-O3 -DNDEBUG",
                                  .type = "Release", .sanitizer = "", .binary_sha256 = "b1"};
    const struct mb_db_plan p = {.hash = plan_name, .name = plan_name, .text = "{}"};
    ok(mb_db_put_device(db, &d, &device, &err), &err);
    ok(mb_db_put_build(db, &b, &build, &err), &err);
    ok(mb_db_put_plan(db, &p, &plan, &err), &err);
    ok(mb_db_begin_run(db, plan, build, device, "{\"load\":0.1}", &run, &err), &err);
    return run;
}

int64_t known_cell(struct mb_db *db, int64_t run_id, int64_t i_cell, const struct known_axes *axes, const char *workload,
                   const char *options_json, int64_t repetitions, const char *refused)
{
    struct mb_error err = {0};
    json_t *options = json_loads(options_json, 0, NULL);
    char threads[16], hash[MB_DIGEST_HEX];
    snprintf(threads, sizeof(threads), "%d", axes->threads);
    json_t *config = json_pack("{s:s, s:s, s:o, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "runner", "engine", "workload", workload,
                               "options", options, "axes", "model", axes->model, "backend", "cpu", "threads", threads, "quant", axes->quant,
                               "act", "q8", "cache_type_k", "f16", "cache_type_v", "f16", "early_exit", axes->early_exit,
                               "token_reduction", axes->token_reduction);
    assert_non_null(config);
    char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
    ok(mb_digest_bytes(text, strlen(text), hash, &err), &err);
    const struct mb_db_cell cell = {.i_cell = i_cell, .hash = hash, .config_json = text, .refused = refused, .repetitions = repetitions};
    int64_t id;
    ok(mb_db_put_cells(db, run_id, &cell, 1, &id, &err), &err);
    free(text);
    json_decref(config);
    return id;
}

void known_record(struct mb_record *r, enum mb_trial_kind kind, uint32_t repetition, uint64_t duration_ns)
{
    *r = (struct mb_record){.kind = kind, .status = MB_TRIAL_OK, .repetition = repetition, .t_begin_ns = begin_ns,
                            .t_end_ns = begin_ns + duration_ns};
    snprintf(r->started_utc, sizeof(r->started_utc), "2026-01-02T03:04:05.678Z");
}

static void stamp(struct mb_record *r, enum mb_event_kind kind, uint32_t request, uint32_t index, uint64_t t_ns, int64_t value)
{
    const struct mb_event e = {.t_ns = r->t_begin_ns + t_ns, .value = value, .request = request, .index = index, .kind = kind};
    assert_int_equal(mb_record_event(r, &e), MB_OK);
}

uint64_t known_request(struct mb_record *r, uint32_t request, uint64_t t_ns, uint32_t n_prompt, uint64_t prefill_ns,
                       const uint64_t *gaps_ns, size_t n_gaps)
{
    stamp(r, MB_EVENT_REQUEST_BEGIN, request, 0, t_ns, 0);
    stamp(r, MB_EVENT_TOKENIZE_BEGIN, request, 0, t_ns, 0);
    stamp(r, MB_EVENT_TOKENIZE_END, request, 0, t_ns + 1000, n_prompt);
    stamp(r, MB_EVENT_PREFILL_BEGIN, request, 0, t_ns + 1000, n_prompt);
    uint64_t t = t_ns + 1000 + prefill_ns;
    stamp(r, MB_EVENT_PREFILL_END, request, 0, t, 0);
    stamp(r, MB_EVENT_TOKEN, request, 0, t, 7);
    for (size_t i = 0; i < n_gaps; i++) {
        t += gaps_ns[i];
        stamp(r, MB_EVENT_TOKEN, request, (uint32_t)i + 1, t, 7);
    }
    stamp(r, MB_EVENT_REQUEST_END, request, 0, t, (int64_t)n_gaps + 1);
    return t;
}

void known_put(struct mb_db *db, int64_t cell_id, struct mb_record *r)
{
    struct mb_error err = {0};
    int64_t id;
    ok(mb_db_put_trial(db, cell_id, r, &id, &err), &err);
    mb_record_release(r);
}
