/**
 * bench_import.h - results that llama-bench wrote, back into rows: json, jsonl, csv, sql, and the SQLite file that the sql makes. Columns of several
 * years (use_mmap or load_mode, flash_attn as boolean or number) come out with the types of bench_column.def; a column that the file has not is left
 * out, one that we do not know is kept as it is.
 *
 * A file is data and is never executed: sql is parsed (only INSERT into llama_bench, and the column names of its CREATE TABLE); an SQLite file is read
 * from a copy in memory with its schema untrusted, one SELECT on a table of that name and a limit of work. Each record is whole and checked or it is
 * a fault with its line; what is whole comes through, also after a fault where the format lets one find the next record.
 */
#ifndef MB_HARNESS_BENCH_IMPORT_H
#define MB_HARNESS_BENCH_IMPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "db/store.h"

#define MB_BENCH_FAULTS_KEPT 8

struct mb_bench_import {
    const char *format;               /* "json", "jsonl", "csv", "sql", "sqlite" */
    char sha256[MB_DIGEST_HEX];       /* of the file */
    struct mb_db_import_row *rows;    /* [n], owned with their texts; fit for mb_db_put_import() */
    size_t n, cap;
    size_t n_flawed, n_faults;
    struct { int64_t line; char text[240]; } faults[MB_BENCH_FAULTS_KEPT]; /* the first ones */
    bool no_memory;
    const char *counted_to;           /* of the text; NULL: from its begin */
    int64_t counted;                  /* newlines before that */
};

/** mb_bench_import_read() - MB_OK also when records were damaged (n_faults). MB_EIO, MB_EFORMAT: nothing could be read, with the reason. Release
 *  in any case. */
int mb_bench_import_read(struct mb_bench_import *in, const char *path, struct mb_error *err) MB_MUST_CHECK;
void mb_bench_import_release(struct mb_bench_import *in);

/* For the readers of one format each: @text is NUL-terminated. */

/** mb_bench_import_add() - check a record (object of columns; text values are read as their column's kind) and keep it, or note a fault. Takes
 *  the reference. */
void mb_bench_import_add(struct mb_bench_import *in, json_t *record, int64_t line);
void mb_bench_import_fault(struct mb_bench_import *in, int64_t line, const char *fmt, ...) MB_PRINTF(3, 4);
/** mb_bench_import_line() - from 1; counted on from the last call, so that a large file is gone through once. */
int64_t mb_bench_import_line(struct mb_bench_import *in, const char *text, const char *at);

void mb_bench_read_json(struct mb_bench_import *in, const char *text);
void mb_bench_read_csv(struct mb_bench_import *in, const char *text);
void mb_bench_read_sql(struct mb_bench_import *in, const char *text);
/** @bytes: the file, changed in place. */
int mb_bench_read_sqlite(struct mb_bench_import *in, const char *path, unsigned char *bytes, size_t n, struct mb_error *err) MB_MUST_CHECK;

#endif
