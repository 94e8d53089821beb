/**
 * bench_row.h - llama-bench's result rows: its columns in its order (llama-bench.cpp of llama.cpp, 2026), ours after them, and
 * its output formats. One row is a JSON object; md, csv, jsonl and sql are printed from it.
 */
#ifndef MB_HARNESS_BENCH_ROW_H
#define MB_HARNESS_BENCH_ROW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "harness/machine.h"
#include "harness/plan.h"

struct mb_bench_facts { /* what all rows of one model share */
    const struct mb_machine *machine;
    const char *arch, *stored_type; /* "llama", "Q4_1" */
    uint64_t n_params, weight_bytes;
};

struct mb_bench_test {
    const struct mb_cell *cell;
    uint32_t n_prompt, n_gen, n_depth;
    const double *samples_ns; /* [n_samples] measured repetitions */
    size_t n_samples;
    const char *test_time;    /* RFC 3339, of the first repetition */
};

/** mb_bench_row() - new reference, or NULL without memory. Rates are (n_prompt + n_gen) / seconds, as llama-bench counts. */
json_t *mb_bench_row(const struct mb_bench_facts *facts, const struct mb_bench_test *test);

/** mb_bench_check_format() - MB_EINVAL unless md, csv, json, jsonl or sql. */
int mb_bench_check_format(const char *format, struct mb_error *err) MB_MUST_CHECK;

/** mb_bench_print() - @format md, csv, json, jsonl or sql. @rows is an array. MB_EINVAL for another format. */
int mb_bench_print(FILE *out, const char *format, const json_t *rows, const struct mb_machine *machine, struct mb_error *err) MB_MUST_CHECK;

#endif
