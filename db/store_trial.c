/* store_trial.c - one repetition, whole or not at all: trial, events, streams, samples, metrics, answers. See store.h. */
#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "db/connection.h"

/* Rows of one multi-row insert of samples: measured 2.3 times as fast as single rows. */
enum { SAMPLES_AT_ONCE = 32 };
static const char *const sql_of[MB_DB_STATEMENT_N] = {
    [MB_DB_INSERT_TRIAL] = "INSERT INTO trial (cell_id, kind, repetition, status, reason, started_utc, begin_ns, duration_ns) "
                           "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [MB_DB_INSERT_EVENT] = "INSERT INTO event (trial_id, seq, kind, request, i_token, t_ns, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [MB_DB_INSERT_STREAM] = "INSERT INTO stream (trial_id, source, name, channel, origin, period_ns, n_errors) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [MB_DB_INSERT_SAMPLE] = "INSERT INTO sample (stream_id, t_us, value) VALUES (?, ?, ?)",
    [MB_DB_INSERT_SAMPLES] = "INSERT INTO sample (stream_id, t_us, value) VALUES (?1, ?2, ?3)",
    [MB_DB_INSERT_METRIC] = "INSERT INTO metric (trial_id, name, scope, source, origin, value, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [MB_DB_INSERT_ANSWER] = "INSERT INTO answer (trial_id, item, given, expected, correct, log_likelihood) VALUES (?, ?, ?, ?, ?, ?)",
};

/* Prepared at first use. MB_DB_INSERT_SAMPLES is MB_DB_INSERT_SAMPLE with more rows: ?1 is the stream, then pairs. */
static int statement(struct mb_db *db, enum mb_db_statement which, sqlite3_stmt **s, struct mb_error *err)
{
    if (!db->prepared[which]) {
        struct mb_strbuf sql = {0};
        mb_strbuf_puts(&sql, sql_of[which]);
        for (int i = 1; which == MB_DB_INSERT_SAMPLES && i < SAMPLES_AT_ONCE; i++)
            mb_strbuf_printf(&sql, ", (?1, ?%d, ?%d)", 2 * i + 2, 2 * i + 3);
        const int rc = sqlite3_prepare_v3(db->handle, mb_strbuf_text(&sql), -1, SQLITE_PREPARE_PERSISTENT, &db->prepared[which], NULL);
        mb_strbuf_release(&sql);
        if (rc != SQLITE_OK)
            return mb_db_fail(db, "repetition", err);
    }
    *s = db->prepared[which];
    return MB_OK;
}

/* One row. On failure the sentence is made before reset, which would repeat the error code. */
static int insert(struct mb_db *db, sqlite3_stmt *s, struct mb_error *err)
{
    const int rc = sqlite3_step(s) == SQLITE_DONE ? MB_OK : mb_db_fail(db, "repetition", err);
    sqlite3_reset(s);
    return rc;
}

static int put_head(struct mb_db *db, int64_t cell_id, const struct mb_record *r, int64_t *trial_id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = statement(db, MB_DB_INSERT_TRIAL, &s, err);
    if (rc)
        return rc;
    const char *reason = r->status == MB_TRIAL_OK ? NULL : r->reason && *r->reason ? r->reason : "no reason was given";
    sqlite3_bind_int64(s, 1, cell_id);
    mb_db_bind_text(s, 2, mb_trial_kind_name(r->kind));
    sqlite3_bind_int64(s, 3, r->repetition);
    mb_db_bind_text(s, 4, mb_trial_status_name(r->status));
    mb_db_bind_text(s, 5, reason);
    mb_db_bind_text(s, 6, r->started_utc);
    sqlite3_bind_int64(s, 7, (int64_t)r->t_begin_ns);
    sqlite3_bind_int64(s, 8, (int64_t)(r->t_end_ns - r->t_begin_ns));
    rc = insert(db, s, err);
    if (rc == MB_EINVAL && sqlite3_extended_errcode(db->handle) == SQLITE_CONSTRAINT_UNIQUE)
        return mb_fail(err, MB_EINVAL, "database %s: %s repetition %u of cell %lld is stored already", db->path,
                       mb_trial_kind_name(r->kind), r->repetition, (long long)cell_id);
    *trial_id = sqlite3_last_insert_rowid(db->handle);
    return rc;
}

static int put_events(struct mb_db *db, int64_t trial_id, const struct mb_record *r, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = statement(db, MB_DB_INSERT_EVENT, &s, err);
    for (size_t i = 0; !rc && i < r->n_events; i++) {
        const struct mb_event *e = &r->events[i];
        sqlite3_bind_int64(s, 1, trial_id);
        sqlite3_bind_int64(s, 2, (int64_t)i);
        mb_db_bind_text(s, 3, mb_event_names[e->kind]);
        sqlite3_bind_int64(s, 4, e->request);
        sqlite3_bind_int64(s, 5, e->index);
        sqlite3_bind_int64(s, 6, (int64_t)(e->t_ns - r->t_begin_ns)); /* two's complement: before the start is negative */
        sqlite3_bind_int64(s, 7, e->value);
        rc = insert(db, s, err);
    }
    return rc;
}

static int64_t floor_us(int64_t ns)
{
    return ns / 1000 - (ns % 1000 < 0);
}

/* Two samples within one microsecond: the later one moves up by one, none is lost. */
static int64_t next_us(const struct mb_record_stream *stream, size_t i, uint64_t t_begin_ns, int64_t last_us)
{
    const int64_t t_us = floor_us((int64_t)(stream->t_ns[i] - t_begin_ns));
    return t_us > last_us ? t_us : last_us + 1;
}

static int put_samples(struct mb_db *db, int64_t stream_id, const struct mb_record_stream *stream, uint64_t t_begin_ns,
                       struct mb_error *err)
{
    sqlite3_stmt *many = NULL, *one = NULL;
    int rc = statement(db, MB_DB_INSERT_SAMPLES, &many, err);
    if (!rc)
        rc = statement(db, MB_DB_INSERT_SAMPLE, &one, err);
    int64_t t_us = INT64_MIN;
    for (size_t i = 0; !rc && i < stream->n;) {
        const size_t n = stream->n - i >= SAMPLES_AT_ONCE ? SAMPLES_AT_ONCE : 1;
        sqlite3_stmt *s = n > 1 ? many : one;
        sqlite3_bind_int64(s, 1, stream_id);
        for (size_t k = 0; k < n; k++, i++) {
            t_us = next_us(stream, i, t_begin_ns, t_us);
            sqlite3_bind_int64(s, (int)(2 * k + 2), t_us);
            sqlite3_bind_int64(s, (int)(2 * k + 3), stream->value[i]);
        }
        rc = insert(db, s, err);
    }
    return rc;
}

static int put_streams(struct mb_db *db, int64_t trial_id, const struct mb_record *r, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = statement(db, MB_DB_INSERT_STREAM, &s, err);
    for (size_t i = 0; !rc && i < r->n_streams; i++) {
        const struct mb_record_stream *stream = &r->streams[i];
        sqlite3_bind_int64(s, 1, trial_id);
        mb_db_bind_text(s, 2, stream->source);
        mb_db_bind_text(s, 3, stream->name);
        mb_db_bind_text(s, 4, stream->channel);
        mb_db_bind_text(s, 5, mb_origin_name(stream->origin));
        sqlite3_bind_int64(s, 6, (int64_t)stream->period_ns);
        sqlite3_bind_int64(s, 7, (int64_t)stream->n_errors);
        rc = insert(db, s, err);
        if (!rc)
            rc = put_samples(db, sqlite3_last_insert_rowid(db->handle), stream, r->t_begin_ns, err);
    }
    return rc;
}

static int put_metrics(struct mb_db *db, int64_t trial_id, const struct mb_record *r, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = statement(db, MB_DB_INSERT_METRIC, &s, err);
    for (size_t i = 0; !rc && i < r->n_metrics; i++) {
        const struct mb_record_metric *m = &r->metrics[i];
        const bool known = isfinite(m->value);
        sqlite3_bind_int64(s, 1, trial_id);
        mb_db_bind_text(s, 2, mb_metric_rows[m->metric].name);
        mb_db_bind_text(s, 3, m->scope);
        mb_db_bind_text(s, 4, m->source);
        mb_db_bind_text(s, 5, mb_origin_name(m->origin));
        mb_db_bind_real(s, 6, known ? m->value : (double)NAN);
        mb_db_bind_text(s, 7, known || m->reason ? m->reason : "not a number");
        rc = insert(db, s, err);
        if (rc == MB_EINVAL)
            rc = mb_fail(err, MB_EINVAL, "metric %s (scope '%s') came twice from %s in one repetition", mb_metric_rows[m->metric].name,
                         m->scope, m->source);
    }
    return rc;
}

static int put_answers(struct mb_db *db, int64_t trial_id, const struct mb_record *r, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = statement(db, MB_DB_INSERT_ANSWER, &s, err);
    for (size_t i = 0; !rc && i < r->n_answers; i++) {
        const struct mb_record_answer *a = &r->answers[i];
        sqlite3_bind_int64(s, 1, trial_id);
        mb_db_bind_text(s, 2, a->item);
        mb_db_bind_text(s, 3, a->given);
        mb_db_bind_text(s, 4, a->expected);
        mb_db_bind_count(s, 5, a->correct);
        mb_db_bind_real(s, 6, isfinite(a->log_likelihood) ? a->log_likelihood : (double)NAN);
        rc = insert(db, s, err);
        if (rc == MB_EINVAL)
            rc = mb_fail(err, MB_EINVAL, "the answer to %s came twice in one repetition", a->item);
    }
    return rc;
}

int mb_db_put_trial(struct mb_db *db, int64_t cell_id, const struct mb_record *record, int64_t *trial_id, struct mb_error *err)
{
    int64_t id = 0;
    int rc = mb_db_begin(db, "repetition", err);
    if (rc)
        return rc;
    rc = put_head(db, cell_id, record, &id, err);
    if (!rc)
        rc = put_events(db, id, record, err);
    if (!rc)
        rc = put_streams(db, id, record, err);
    if (!rc)
        rc = put_metrics(db, id, record, err);
    if (!rc)
        rc = put_answers(db, id, record, err);
    rc = mb_db_end(db, rc, "repetition", err);
    if (!rc && trial_id)
        *trial_id = id;
    return rc;
}
