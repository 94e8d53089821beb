/* resume.c - see resume.h. */
#include "harness/resume.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_named(sqlite3_stmt *row, int column, const char *name)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text && strcmp(text, name) == 0;
}

static void note_output(struct mb_cell_done *done, enum mb_trial_status status, uint64_t hash)
{
    if (status == MB_TRIAL_OK && done->output_hash == 0)
        done->output_hash = hash;
}

static int take_row(struct mb_cell_done *done, sqlite3_stmt *row, struct mb_error *err)
{
    struct mb_record r = {.reason = (char *)(uintptr_t)sqlite3_column_text(row, 2), .t_end_ns = (uint64_t)sqlite3_column_int64(row, 3)};
    for (int k = MB_TRIAL_MEASURED; k <= MB_TRIAL_COLD; k++)
        if (is_named(row, 0, mb_trial_kind_name((enum mb_trial_kind)k)))
            r.kind = (enum mb_trial_kind)k;
    for (int k = MB_TRIAL_OK; k <= MB_TRIAL_INVALID; k++)
        if (is_named(row, 1, mb_trial_status_name((enum mb_trial_status)k)))
            r.status = (enum mb_trial_status)k;
    note_output(done, r.status, (uint64_t)sqlite3_column_int64(row, 4));
    return mb_resume_note(done, &r, err);
}

int mb_resume_cell(struct mb_db *db, int64_t cell_id, struct mb_cell_done *done, struct mb_error *err)
{
    static const char sql[] = "SELECT kind, status, reason, duration_ns, (SELECT CAST(value AS INTEGER) FROM metric m "
                              "WHERE m.trial_id = trial.id AND name = 'output_hash') FROM trial WHERE cell_id = ? ORDER BY kind, repetition";
    sqlite3 *handle = mb_db_handle(db);
    sqlite3_stmt *row = NULL;
    *done = (struct mb_cell_done){0};
    int rc = sqlite3_prepare_v2(handle, sql, -1, &row, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, cell_id);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(row);
        if (rc == SQLITE_ROW && take_row(done, row, err)) {
            sqlite3_finalize(row);
            return MB_ENOMEM;
        }
    }
    sqlite3_finalize(row);
    if (rc == SQLITE_DONE)
        return MB_OK;
    return mb_fail(err, rc == SQLITE_BUSY ? MB_EBUSY : MB_EIO, "reading what is done already: %s", sqlite3_errmsg(handle));
}

bool mb_resume_has(const struct mb_cell_done *done, enum mb_trial_kind kind, uint32_t repetition)
{
    return repetition < (kind == MB_TRIAL_MEASURED ? done->n_measured : kind == MB_TRIAL_WARMUP ? done->n_warmup : done->n_cold);
}

/* Into its place among the ascending ones. */
static int keep_work(struct mb_cell_done *done, double work_ns, struct mb_error *err)
{
    const uint32_t n = done->n_by_status[MB_TRIAL_OK];
    if ((n & (n - 1)) == 0) { /* room doubles at 0, 1, 2, 4, ... */
        double *grown = realloc(done->work_ns, (n ? 2 * (size_t)n : 1) * sizeof(*grown));
        if (!grown)
            return mb_fail(err, MB_ENOMEM, "no memory for the times of %u repetitions", n);
        done->work_ns = grown;
    }
    uint32_t i = n;
    for (; i > 0 && done->work_ns[i - 1] > work_ns; i--)
        done->work_ns[i] = done->work_ns[i - 1];
    done->work_ns[i] = work_ns;
    return MB_OK;
}

static int note_measured(struct mb_cell_done *done, const struct mb_record *r, struct mb_error *err)
{
    const uint64_t work_ns = r->t_end_ns - r->t_begin_ns;
    if (r->status == MB_TRIAL_OK && keep_work(done, (double)work_ns, err))
        return MB_ENOMEM;
    done->n_measured++;
    done->n_by_status[r->status]++;
    done->spent_ns += work_ns;
    done->n_failed_in_a_row = r->status == MB_TRIAL_FAILED ? done->n_failed_in_a_row + 1 : 0;
    if (r->status == MB_TRIAL_FAILED)
        snprintf(done->last_reason, sizeof(done->last_reason), "%s", r->reason ? r->reason : "");
    return MB_OK;
}

uint64_t mb_resume_output(const struct mb_record *r)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        if (r->metrics[i].metric == MB_METRIC_OUTPUT_HASH && r->metrics[i].value > 0)
            return (uint64_t)r->metrics[i].value;
    return 0;
}

int mb_resume_note(struct mb_cell_done *done, const struct mb_record *r, struct mb_error *err)
{
    note_output(done, r->status, mb_resume_output(r));
    if (r->kind == MB_TRIAL_MEASURED)
        return note_measured(done, r, err);
    *(r->kind == MB_TRIAL_WARMUP ? &done->n_warmup : &done->n_cold) += 1;
    return MB_OK;
}

void mb_resume_release(struct mb_cell_done *done)
{
    free(done->work_ns);
    *done = (struct mb_cell_done){0};
}
