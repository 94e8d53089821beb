/* cell_run.c - see cell_run.h. */
#include "harness/cell_run.h"

#include <math.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/cooldown.h"
#include "harness/memory_forecast.h"
#include "harness/validity.h"
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

struct mb_cell_run {
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
    bool throttled;      /* heat slowed the last measured one */
    uint32_t n_expected; /* measured rows that the progress knows of */
    bool forecast;       /* memory is known, as far as it can be */
    struct mb_memory_forecast memory; /* before the first worker of the cell */
    struct mb_record last; /* a repetition that came back */
};

/* Invalid ones that further ones make up for. */
static uint32_t n_replaced(const struct mb_plan_cell *cell, const struct mb_cell_done *done)
{
    const uint32_t n = done->n_by_status[MB_TRIAL_INVALID];
    return n < cell->replace_invalid ? n : cell->replace_invalid;
}

uint32_t mb_cell_target(const struct mb_plan_cell *cell, const struct mb_cell_done *done)
{
    return cell->refused ? 1 : cell->repetitions + n_replaced(cell, done);
}

static enum mb_stop check_stopping(const struct mb_plan_cell *cell, const struct mb_cell_done *done)
{
    return mb_stopping_check(&cell->stopping, cell->repetitions, done->n_measured - n_replaced(cell, done), done->work_ns,
                             done->n_by_status[MB_TRIAL_OK], done->spent_ns);
}

bool mb_cell_complete(const struct mb_plan_cell *cell, const struct mb_cell_done *done)
{
    if (done->n_measured < mb_cell_target(cell, done))
        return false;
    const bool given_up = done->n_by_status[MB_TRIAL_SKIPPED] > 0 || done->n_failed_in_a_row >= MB_CELL_FAILURES_IN_A_ROW;
    return cell->refused || !cell->stopping.most || given_up ||
           check_stopping(cell, done) != MB_STOP_NOT_YET;
}

void mb_result_count(struct mb_session_result *result, enum mb_trial_status status, uint32_t n)
{
    uint32_t *const by_status[] = {&result->n_ok, &result->n_failed, &result->n_skipped, &result->n_invalid};
    *by_status[status] += n;
}

void mb_cell_cool_down(const struct mb_cell_host *host, bool before_first)
{
    const struct mb_cooldown *rule = &host->plan->protocol.cooldown;
    if (before_first && !rule->timeout_s)
        return;
    *host->cooled = mb_cooldown_wait(rule, host->root, host->interrupt);
    if (host->cooled->end == MB_COOLDOWN_TIMEOUT && rule->timeout_s)
        mb_progress_say(host->progress, "still too hot after %u s: going on", rule->timeout_s);
}

/* --- storing --------------------------------------------------------------------------------------------------- */

/* What the stopping rule sees now that this one is counted. */
static int add_stopping(const struct mb_cell_run *c, struct mb_record *r)
{
    static const char source[] = "protocol";
    const struct mb_cell_done *done = c->done;
    const uint32_t n_ok = done->n_by_status[MB_TRIAL_OK];
    const double reach = mb_stopping_interval(done->work_ns, n_ok);
    const enum mb_stop stop = check_stopping(c->cell, done);
    int rc = isnan(reach) ? mb_record_add_absent(r, MB_METRIC_REL_INTERVAL, "", source, "fewer ok repetitions than an interval of 95 % needs")
                          : mb_record_add_metric(r, MB_METRIC_REL_INTERVAL, "", source, MB_ORIGIN_MEASURED, reach);
    if (!rc && stop != MB_STOP_NOT_YET)
        rc = mb_record_add_metric(r, MB_METRIC_REPETITIONS_STOP, mb_stop_name(stop), source, MB_ORIGIN_MEASURED, (double)done->n_measured);
    return rc;
}

/* What was predicted stands beside what was measured. A runner that has no model has no such row. */
static int add_forecast(const struct mb_cell_run *c, struct mb_record *r)
{
    const struct mb_memory_forecast *f = &c->memory;
    const struct mb_runner_ops *runner = mb_runner_find(c->cell->cell.runner);
    if (!c->forecast || !runner || !runner->memory_need)
        return MB_OK;
    return f->peak_bytes ? mb_record_add_metric(r, MB_METRIC_PEAK_PREDICTED, "", "forecast", MB_ORIGIN_ESTIMATED, (double)f->peak_bytes)
                         : mb_record_add_absent(r, MB_METRIC_PEAK_PREDICTED, "", "forecast", f->why_not);
}

/* One finished repetition: database, counts, callback. Unmeasured ones of a repeated warm-up are there already: not twice. */
static int store(struct mb_cell_run *c, struct mb_record *r, struct mb_error *err)
{
    const struct mb_session_options *o = c->host->options;
    if (mb_resume_has(c->done, r->kind, r->repetition))
        return MB_OK;
    int64_t id;
    int rc = mb_resume_note(c->done, r, err);
    if (!rc && c->cell->stopping.most && r->kind == MB_TRIAL_MEASURED && r->status != MB_TRIAL_SKIPPED && add_stopping(c, r))
        rc = mb_fail(err, MB_ENOMEM, "no memory for a repetition's own figures");
    if (!rc && r->status != MB_TRIAL_SKIPPED) {
        if (mb_cooldown_record(c->host->cooled, r))
            rc = mb_fail(err, MB_ENOMEM, "no memory for a repetition's own figures");
        c->host->cooled->end = MB_COOLDOWN_NOTHING;
    }
    if (!rc && o->db && r->status != MB_TRIAL_SKIPPED && add_forecast(c, r))
        rc = mb_fail(err, MB_ENOMEM, "no memory for a repetition's forecast");
    if (!rc && o->db)
        rc = mb_db_put_trial(o->db, c->cell_id, r, &id, err);
    if (rc)
        return rc; /* ends the session: what was noted is not looked at again */
    if (r->kind == MB_TRIAL_MEASURED)
        mb_result_count(c->host->result, r->status, 1);
    if (o->on_trial)
        o->on_trial(o->user, c->cell, r);
    return MB_OK;
}

static void account(struct mb_cell_run *c, uint32_t n_measured)
{
    const uint64_t now = mb_clock_ns();
    mb_progress_spent(c->host->progress, c->cell->cell.workload, now - c->since_ns, n_measured);
    c->since_ns = now;
}

/* The rest of the cell, at least one row: what is stored says why it ended. */
static int store_skipped(struct mb_cell_run *c, const char *reason, struct mb_error *err)
{
    const uint32_t target = mb_cell_target(c->cell, c->done), n = target > c->done->n_measured ? target - c->done->n_measured : 0;
    int rc = MB_OK;
    do {
        struct mb_record r = {.kind = MB_TRIAL_MEASURED, .status = MB_TRIAL_SKIPPED, .repetition = c->done->n_measured};
        r.reason = (char *)(uintptr_t)reason; /* borrowed: not released */
        r.t_begin_ns = r.t_end_ns = mb_clock_ns();
        mb_clock_utc(r.started_utc, sizeof(r.started_utc));
        rc = store(c, &r, err);
    } while (rc == MB_OK && c->done->n_measured < target);
    mb_progress_drop(c->host->progress, c->cell->cell.workload, n);
    mb_progress_say(c->host->progress, "skipped %s: %s", c->cell->label, reason);
    return rc;
}

/* The measured repetition that could not be had. What came back of it, if anything, is in c->last. */
static int store_failed(struct mb_cell_run *c, const char *reason, struct mb_error *err)
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

static enum outcome ask(struct mb_cell_run *c, json_t *command, json_t **answer, struct mb_error *err)
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
static int store_model(struct mb_cell_run *c, const struct mb_runner_facts *facts, struct mb_error *err)
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

static enum outcome open_cell(struct mb_cell_run *c, bool cold, struct mb_error *err)
{
    const struct mb_plan *plan = c->host->plan;
    const uint64_t n_samples = (uint64_t)plan->protocol.timeout_s * 1000000000u / (plan->period_ns ? plan->period_ns : 1) + 16;
    const struct mb_site_setup setup = {.cell = &c->cell->cell, .collect = plan->collect, .root = c->host->root,
                                        .period_ns = plan->period_ns ? plan->period_ns : 1,
                                        .max_samples = n_samples < MOST_SAMPLES ? (uint32_t)n_samples : MOST_SAMPLES, .cold = cold, .unstored = !c->host->options->db, .page_cache = plan->protocol.page_cache,
                                        .text = c->host->options->text};
    if (c->host->options->db && !c->forecast) {
        mb_memory_forecast(&c->memory, &c->cell->cell, c->host->root);
        c->forecast = true;
    }
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

/* What heat slowed is no measurement of speed; a score is the same at any speed. */
static int judge(struct mb_cell_run *c, struct mb_error *err)
{
    const struct mb_workload_ops *workload = mb_workload_find(c->cell->cell.workload);
    bool throttled = false;
    if (!c->host->plan->protocol.mark_throttled || !workload || workload->untimed)
        return MB_OK;
    const int rc = mb_validity_judge(&c->last, &throttled, err);
    if (!rc && throttled && c->last.kind == MB_TRIAL_MEASURED) {
        const uint32_t n_before = n_replaced(c->cell, c->done);
        c->throttled = true;
        mb_progress_say(c->host->progress, "invalid %s, repetition %u: %s; %s", c->cell->label, c->last.repetition, c->last.reason,
                        n_before < c->cell->replace_invalid ? "one more is measured instead" : "no more are measured instead");
    }
    return rc;
}

/* The same requests give the same tokens, greedy or from a seed: what gave others computed wrongly, now or before. */
static bool other_output(const struct mb_cell_run *c, struct mb_error *err)
{
    const uint64_t hash = mb_resume_output(&c->last);
    if (!hash || !c->done->output_hash || hash == c->done->output_hash)
        return false;
    mb_fail(err, MB_EFAILED, "wrong output: the same requests gave other tokens than before (output_hash %012" PRIx64 ", first seen %012" PRIx64 ")", hash,
            c->done->output_hash);
    return true;
}

/* One repetition into c->last. FAILED also when it came back but failed. */
static enum outcome ask_trial(struct mb_cell_run *c, enum mb_trial_kind kind, uint32_t repetition, struct mb_error *err)
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
    if (end == GOES_ON && judge(c, err))
        return STOP;
    if (end == GOES_ON && c->last.status == MB_TRIAL_FAILED) {
        mb_fail(err, MB_EFAILED, "%s", c->last.reason ? c->last.reason : "failed");
        end = FAILED;
    }
    if (end == GOES_ON && other_output(c, err))
        end = FAILED;
    return end;
}

static enum outcome interrupted(struct mb_cell_run *c, struct mb_error *err)
{
    if (mb_interrupt_count(c->host->interrupt) == 0)
        return GOES_ON;
    mb_fail(err, MB_EINTR, "interrupted");
    return STOP;
}

/* Unmeasured repetitions to do: none where only a score is wanted, which no warmth changes. */
static int32_t warmup_asked(const struct mb_cell_run *c)
{
    const struct mb_workload_ops *workload = mb_workload_find(c->cell->cell.workload);
    const bool none = c->host->options->no_warmup || (workload && workload->untimed);
    return none ? 0 : c->host->plan->protocol.warmup;
}

/* A fresh worker, opened and warm. */
static enum outcome start_worker(struct mb_cell_run *c, struct mb_error *err)
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

static void say_enough(const struct mb_cell_run *c)
{
    const struct mb_cell_done *done = c->done;
    const double reach = mb_stopping_interval(done->work_ns, done->n_by_status[MB_TRIAL_OK]);
    char within[48] = "median not known to 95 %";
    if (!isnan(reach))
        snprintf(within, sizeof(within), "median within %.2g %%", 100 * reach);
    mb_progress_say(c->host->progress, "%s: %u repetitions, %s; ended by %s", c->cell->label, done->n_measured, within,
                    mb_stop_name(check_stopping(c->cell, done)));
}

/* The next measured repetition, with a fresh worker where there is none. */
static enum outcome measure_next(struct mb_cell_run *c, struct mb_error *err)
{
    if (c->done->n_measured >= c->n_expected) {
        mb_progress_expect(c->host->progress, c->cell->cell.workload, 1);
        c->n_expected++;
    }
    enum outcome end = c->worker.pid > 0 ? GOES_ON : start_worker(c, err);
    if (end == GOES_ON)
        end = ask_trial(c, MB_TRIAL_MEASURED, c->done->n_measured, err);
    if (end != GOES_ON)
        return end;
    if (store(c, &c->last, err))
        return STOP;
    account(c, 1);
    const bool complete = mb_cell_complete(c->cell, c->done);
    mb_progress_show(c->host->progress, c->cell, &c->last, mb_clock_ns(), complete);
    if (complete && c->cell->stopping.most)
        say_enough(c);
    return GOES_ON;
}

static int skip_the_rest(struct mb_cell_run *c, struct mb_error *err)
{
    char text[700];
    snprintf(text, sizeof(text), "not tried after %u failures in a row, the last: %s", c->done->n_failed_in_a_row, c->done->last_reason);
    return store_skipped(c, text, err);
}

int mb_cell_run_open(struct mb_cell_run **out, const struct mb_cell_host *host, const struct mb_plan_cell *cell, int64_t cell_id,
                     struct mb_cell_done *done, struct mb_error *err)
{
    struct mb_cell_run *c = *out = calloc(1, sizeof(*c));
    if (!c)
        return mb_fail(err, MB_ENOMEM, "no memory for a cell");
    const uint32_t target = mb_cell_target(cell, done);
    *c = (struct mb_cell_run){.host = host, .cell = cell, .cell_id = cell_id, .done = done, .worker = MB_WORKER_NONE,
                              .n_expected = target > done->n_measured ? target : done->n_measured};
    mb_memory_cap_open(&c->cap, (uint64_t)host->plan->protocol.memory_limit_mib << 20, host->root);
    return MB_OK;
}

int mb_cell_run_next(struct mb_cell_run *c, struct mb_error *err)
{
    struct mb_error why = {0};
    c->since_ns = mb_clock_ns();
    if (c->cell->refused)
        return store_skipped(c, c->cell->refused, err);
    if (c->done->n_failed_in_a_row >= MB_CELL_FAILURES_IN_A_ROW)
        return skip_the_rest(c, err);
    if (c->throttled) { /* what made one invalid would make the next one so */
        mb_cell_cool_down(c->host, false);
        c->throttled = false;
    }
    if (interrupted(c, err) == STOP)
        return MB_EINTR;
    int rc = MB_OK;
    const enum outcome end = measure_next(c, &why);
    if (end == FAILED)
        rc = store_failed(c, why.text, err);
    else if (end == UNSUPPORTED)
        rc = store_skipped(c, why.text, err);
    else if (end == STOP) {
        *err = why;
        rc = why.code;
    }
    if (end != GOES_ON)
        mb_worker_quit(&c->worker); /* the next repetition gets a fresh one */
    return rc;
}

bool mb_cell_run_is_open(const struct mb_cell_run *c)
{
    return c->worker.pid > 0;
}

void mb_cell_run_rest(struct mb_cell_run *c)
{
    mb_worker_quit(&c->worker);
}

void mb_cell_run_close(struct mb_cell_run *c, bool now)
{
    if (!c)
        return;
    if (now)
        mb_worker_kill(&c->worker);
    else
        mb_worker_quit(&c->worker);
    mb_memory_cap_close(&c->cap);
    mb_record_release(&c->last);
    free(c);
}

int mb_cell_run(const struct mb_cell_host *host, const struct mb_plan_cell *cell, int64_t cell_id, struct mb_cell_done *done,
                struct mb_error *err)
{
    struct mb_cell_run *c;
    int rc = mb_cell_run_open(&c, host, cell, cell_id, done, err);
    while (rc == MB_OK && !mb_cell_complete(cell, done))
        rc = mb_cell_run_next(c, err);
    mb_cell_run_close(c, rc != MB_OK && rc != MB_EINTR);
    return rc;
}
