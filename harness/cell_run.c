/* cell_run.c - see cell_run.h. */
#include "harness/cell_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/warmup.h"
#include "harness/wire.h"
#include "harness/worker_link.h"

#define MOST_SAMPLES 65536u /* per channel and repetition; a collector counts what it drops */

/* How an attempt ended. */
enum outcome {
    GOES_ON,     /* as planned */
    FAILED,      /* with err: becomes a failed row */
    UNSUPPORTED, /* with err: nothing here can run it */
    STOP         /* with err: interrupted, or the database refused */
};

struct cell_run {
    const struct mb_cell_host *host;
    const struct mb_plan_cell *cell;
    int64_t cell_id;
    struct mb_cell_done *done;
    struct mb_memory_cap cap;
    struct mb_worker worker;
    uint64_t since_ns;   /* time up to here is accounted for in the progress */
    uint64_t sent_ns;    /* last command */
    char sent_utc[32];
    bool warming;        /* the last command was an unmeasured repetition */
    struct mb_record last; /* a repetition that came back */
};

uint32_t mb_cell_target(const struct mb_plan_cell *cell)
{
    return cell->refused ? 1 : cell->repetitions;
}

void mb_result_count(struct mb_session_result *result, enum mb_trial_status status, uint32_t n)
{
    uint32_t *const by_status[] = {&result->n_ok, &result->n_failed, &result->n_skipped, &result->n_invalid};
    *by_status[status] += n;
}

/* --- storing --------------------------------------------------------------------------------------------------- */

/* One finished repetition: database, counts, callback. Unmeasured ones of a repeated warm-up are there already: not twice. */
static int store(struct cell_run *c, const struct mb_record *r, struct mb_error *err)
{
    const struct mb_session_options *o = c->host->options;
    if (mb_resume_has(c->done, r->kind, r->repetition))
        return MB_OK;
    int64_t id;
    const int rc = o->db ? mb_db_put_trial(o->db, c->cell_id, r, &id, err) : MB_OK;
    if (rc)
        return rc;
    mb_resume_note(c->done, r);
    if (r->kind == MB_TRIAL_MEASURED)
        mb_result_count(c->host->result, r->status, 1);
    if (o->on_trial)
        o->on_trial(o->user, c->cell, r);
    return MB_OK;
}

static void account(struct cell_run *c, uint32_t n_measured)
{
    const uint64_t now = mb_clock_ns();
    mb_progress_spent(c->host->progress, c->cell->cell.workload, now - c->since_ns, n_measured);
    c->since_ns = now;
}

static int store_skipped(struct cell_run *c, const char *reason, struct mb_error *err)
{
    const uint32_t target = mb_cell_target(c->cell), n = target > c->done->n_measured ? target - c->done->n_measured : 0;
    int rc = MB_OK;
    while (rc == MB_OK && c->done->n_measured < target) {
        struct mb_record r = {.kind = MB_TRIAL_MEASURED, .status = MB_TRIAL_SKIPPED, .repetition = c->done->n_measured};
        r.reason = (char *)(uintptr_t)reason; /* borrowed: not released */
        r.t_begin_ns = r.t_end_ns = mb_clock_ns();
        mb_clock_utc(r.started_utc, sizeof(r.started_utc));
        rc = store(c, &r, err);
    }
    mb_progress_drop(c->host->progress, c->cell->cell.workload, n);
    mb_progress_say(c->host->progress, "skipped %s: %s", c->cell->label, reason);
    return rc;
}

/* The measured repetition that could not be had. What came back of it, if anything, is in c->last. */
static int store_failed(struct cell_run *c, const char *reason, struct mb_error *err)
{
    struct mb_record *r = &c->last;
    char text[700], limit[60];
    const bool capped = c->cap.n_bytes > 0;
    snprintf(text, sizeof(text), "%s%s%s%s", c->warming ? "while warming up: " : "", reason, capped ? "; its memory limit: " : "",
             capped ? mb_memory_cap_name(&c->cap, limit, sizeof(limit)) : "");
    r->kind = MB_TRIAL_MEASURED;
    r->status = MB_TRIAL_FAILED;
    r->repetition = c->done->n_measured;
    free(r->reason);
    r->reason = strdup(text);
    if (!r->reason)
        return mb_fail(err, MB_ENOMEM, "no memory for the reason of a failure");
    if (!r->t_begin_ns) {
        r->t_begin_ns = c->sent_ns;
        r->t_end_ns = mb_clock_ns();
        memcpy(r->started_utc, c->sent_utc, sizeof(r->started_utc));
    }
    const int rc = store(c, r, err);
    account(c, 1);
    mb_progress_say(c->host->progress, "failed %s, repetition %u: %s", c->cell->label, r->repetition, text);
    return rc;
}

/* --- asking ---------------------------------------------------------------------------------------------------- */

static enum outcome ask(struct cell_run *c, json_t *command, json_t **answer, struct mb_error *err)
{
    const uint64_t timeout_ns = (uint64_t)c->host->plan->protocol.timeout_s * 1000000000u;
    *answer = NULL;
    c->sent_ns = mb_clock_ns();
    mb_clock_utc(c->sent_utc, sizeof(c->sent_utc));
    const int rc = command ? mb_worker_ask(&c->worker, command, timeout_ns, c->host->interrupt, answer, err)
                           : mb_fail(err, MB_ENOMEM, "no memory for a command to the worker");
    json_decref(command);
    return rc == MB_OK ? GOES_ON : rc == MB_EINTR ? STOP : FAILED;
}

/* The facts of the opened model into the model table. */
static int store_model(struct cell_run *c, const struct mb_runner_facts *facts, struct mb_error *err)
{
    const struct mb_cell *cell = &c->cell->cell;
    struct mb_db *db = c->host->options->db;
    if (!db || !cell->model_path || !cell->model_path[0])
        return MB_OK; /* nothing that could be weighed */
    const char *slash = strrchr(cell->model_path, '/');
    const struct mb_db_model row = {.sha256 = c->cell->model_sha256, .quant = cell->axis[MB_AXIS_QUANT],
                                    .name = slash ? slash + 1 : cell->model_path, .arch = facts->arch, .n_params = (int64_t)facts->n_params,
                                    .file_bytes = (int64_t)c->cell->model_bytes, .weight_bytes = (int64_t)facts->weight_bytes,
                                    .tensor_types_json = facts->tensor_types, .tensors_json = facts->tensors};
    int64_t id;
    const int rc = mb_db_put_model(db, &row, &id, err);
    return rc ? rc : mb_db_set_cell_model(db, c->cell_id, id, err);
}

static enum outcome open_cell(struct cell_run *c, bool cold, struct mb_error *err)
{
    const struct mb_plan *plan = c->host->plan;
    const uint64_t n_samples = (uint64_t)plan->protocol.timeout_s * 1000000000u / (plan->period_ns ? plan->period_ns : 1) + 16;
    const struct mb_site_setup setup = {.cell = &c->cell->cell, .collect = plan->collect, .root = c->host->root,
                                        .period_ns = plan->period_ns ? plan->period_ns : 1,
                                        .max_samples = n_samples < MOST_SAMPLES ? (uint32_t)n_samples : MOST_SAMPLES, .cold = cold, .unstored = !c->host->options->db,
                                        .text = c->host->options->text};
    if (mb_worker_spawn(&c->worker, setup.text, &c->cap, err))
        return FAILED;
    json_t *answer;
    enum outcome end = ask(c, mb_wire_open_command(&setup), &answer, err);
    if (end == GOES_ON) {
        struct mb_runner_facts facts;
        const int rc = mb_wire_read_facts(answer, &facts, err);
        if (rc)
            end = rc == MB_ENOTSUP ? UNSUPPORTED : FAILED;
        else if (store_model(c, &facts, err))
            end = STOP;
    }
    json_decref(answer);
    return end;
}

/* One repetition into c->last. FAILED also when it came back but failed. */
static enum outcome ask_trial(struct cell_run *c, enum mb_trial_kind kind, uint32_t repetition, struct mb_error *err)
{
    mb_record_release(&c->last);
    c->warming = kind != MB_TRIAL_MEASURED;
    json_t *answer;
    enum outcome end = ask(c, mb_wire_trial_command(kind, repetition), &answer, err);
    if (end == GOES_ON && mb_wire_read_record(answer, &c->last, err)) {
        mb_record_release(&c->last);
        end = FAILED;
    }
    json_decref(answer);
    if (end == GOES_ON && c->last.status == MB_TRIAL_FAILED) {
        mb_fail(err, MB_EFAILED, "%s", c->last.reason ? c->last.reason : "failed");
        end = FAILED;
    }
    return end;
}

static enum outcome interrupted(struct cell_run *c, struct mb_error *err)
{
    if (mb_interrupt_count(c->host->interrupt) == 0)
        return GOES_ON;
    mb_fail(err, MB_EINTR, "interrupted");
    return STOP;
}

/* Unmeasured repetitions to do: none where only a score is wanted, which no warmth changes. */
static int32_t warmup_asked(const struct cell_run *c)
{
    const struct mb_workload_ops *workload = mb_workload_find(c->cell->cell.workload);
    const bool none = c->host->options->no_warmup || (workload && workload->untimed);
    return none ? 0 : c->host->plan->protocol.warmup;
}

/* A fresh worker, opened and warm. */
static enum outcome start_worker(struct cell_run *c, struct mb_error *err)
{
    struct mb_warmup warmup;
    mb_warmup_begin(&warmup, warmup_asked(c));
    mb_progress_show(c->host->progress, c->cell, NULL, mb_clock_ns(), false);
    mb_record_release(&c->last);
    c->warming = false;
    enum outcome end = open_cell(c, !mb_warmup_done(&warmup), err);
    while (end == GOES_ON && !mb_warmup_done(&warmup)) {
        const enum mb_trial_kind kind = warmup.n == 0 ? MB_TRIAL_COLD : MB_TRIAL_WARMUP;
        end = ask_trial(c, kind, warmup.n == 0 ? 0 : warmup.n - 1, err);
        if (end != GOES_ON)
            break;
        mb_warmup_note(&warmup, mb_trial_work_ns(&c->last));
        if (store(c, &c->last, err))
            return STOP;
        mb_progress_show(c->host->progress, c->cell, &c->last, mb_clock_ns(), false);
        end = interrupted(c, err);
    }
    return end;
}

/* The next measured repetition, with a fresh worker where there is none. */
static enum outcome measure_next(struct cell_run *c, struct mb_error *err)
{
    enum outcome end = c->worker.pid > 0 ? GOES_ON : start_worker(c, err);
    if (end == GOES_ON)
        end = ask_trial(c, MB_TRIAL_MEASURED, c->done->n_measured, err);
    if (end != GOES_ON)
        return end;
    if (store(c, &c->last, err))
        return STOP;
    account(c, 1);
    mb_progress_show(c->host->progress, c->cell, &c->last, mb_clock_ns(), c->done->n_measured == c->cell->repetitions);
    return GOES_ON;
}

static int skip_the_rest(struct cell_run *c, struct mb_error *err)
{
    char text[700];
    snprintf(text, sizeof(text), "not tried after %u failures in a row, the last: %s", c->done->n_failed_in_a_row, c->done->last_reason);
    return store_skipped(c, text, err);
}

int mb_cell_run(const struct mb_cell_host *host, const struct mb_plan_cell *cell, int64_t cell_id, struct mb_cell_done *done,
                struct mb_error *err)
{
    struct cell_run c = {.host = host, .cell = cell, .cell_id = cell_id, .done = done, .worker = MB_WORKER_NONE, .since_ns = mb_clock_ns()};
    int rc = MB_OK;
    mb_memory_cap_open(&c.cap, (uint64_t)host->plan->protocol.memory_limit_mib << 20, host->root);
    while (rc == MB_OK && done->n_measured < mb_cell_target(cell)) {
        struct mb_error why = {0};
        if (cell->refused) {
            rc = store_skipped(&c, cell->refused, err);
            break;
        }
        if (done->n_failed_in_a_row >= MB_CELL_FAILURES_IN_A_ROW) {
            rc = skip_the_rest(&c, err);
            break;
        }
        if (interrupted(&c, err) == STOP) {
            rc = MB_EINTR;
            break;
        }
        const enum outcome end = measure_next(&c, &why);
        if (end == FAILED)
            rc = store_failed(&c, why.text, err);
        else if (end == UNSUPPORTED)
            rc = store_skipped(&c, why.text, err);
        else if (end == STOP) {
            *err = why;
            rc = why.code;
        }
        if (end != GOES_ON)
            mb_worker_quit(&c.worker); /* the next repetition gets a fresh one */
    }
    if (rc == MB_EINTR || rc == MB_OK)
        mb_worker_quit(&c.worker);
    else
        mb_worker_kill(&c.worker);
    mb_memory_cap_close(&c.cap);
    mb_record_release(&c.last);
    return rc;
}
