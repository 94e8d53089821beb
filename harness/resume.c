/* resume.c - see resume.h. */
#include "harness/resume.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static bool is_named(sqlite3_stmt *row, int column, const char *name)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text && strcmp(text, name) == 0;
}

static void take_row(struct mb_cell_done *done, sqlite3_stmt *row)
{
    struct mb_record r = {.reason = (char *)(uintptr_t)sqlite3_column_text(row, 2)};
    for (int k = MB_TRIAL_MEASURED; k <= MB_TRIAL_COLD; k++)
        if (is_named(row, 0, mb_trial_kind_name((enum mb_trial_kind)k)))
            r.kind = (enum mb_trial_kind)k;
    for (int k = MB_TRIAL_OK; k <= MB_TRIAL_INVALID; k++)
        if (is_named(row, 1, mb_trial_status_name((enum mb_trial_status)k)))
            r.status = (enum mb_trial_status)k;
    mb_resume_note(done, &r);
}

int mb_resume_cell(struct mb_db *db, int64_t cell_id, struct mb_cell_done *done, struct mb_error *err)
{
    static const char sql[] = "SELECT kind, status, reason FROM trial WHERE cell_id = ? ORDER BY kind, repetition";
    sqlite3 *handle = mb_db_handle(db);
    sqlite3_stmt *row = NULL;
    *done = (struct mb_cell_done){0};
    int rc = sqlite3_prepare_v2(handle, sql, -1, &row, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, cell_id);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(row);
        if (rc == SQLITE_ROW)
            take_row(done, row);
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

void mb_resume_note(struct mb_cell_done *done, const struct mb_record *r)
{
    if (r->kind == MB_TRIAL_WARMUP)
        done->n_warmup++;
    else if (r->kind == MB_TRIAL_COLD)
        done->n_cold++;
    else {
        done->n_measured++;
        done->n_by_status[r->status]++;
        done->n_failed_in_a_row = r->status == MB_TRIAL_FAILED ? done->n_failed_in_a_row + 1 : 0;
        if (r->status == MB_TRIAL_FAILED)
            snprintf(done->last_reason, sizeof(done->last_reason), "%s", r->reason ? r->reason : "");
    }
}
